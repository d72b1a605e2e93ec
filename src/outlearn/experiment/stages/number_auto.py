"""`auto` for numbers: whose labels, by the labeler left out; the penalty, by other teachers' labels; one student.

Labelers from elsewhere differ in precision, and some are wild: the combination that labels the student is chosen,
unless `weak_labels.source` names one. Teachers that were trained here are alike by design, and label by their mean.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from outlearn.core.labelers.combinations import EACH, NUMBER_COMBINATIONS, combined
from outlearn.core.numbers import Numbers
from outlearn.core.randomness import child_seed
from outlearn.experiment.points import EVALUATED, splits_fingerprint
from outlearn.experiment.stages.features import read_features
from outlearn.experiment.stages.fitted_heads import head_arrays
from outlearn.experiment.stages.frozen import FrozenModel
from outlearn.experiment.stages.students import Labeling, Students, picked_students
from outlearn.experiment.stages.teachers import number_predictions
from outlearn.learners.fitted import Heads
from outlearn.learners.ridge_heads import fit_ridge
from outlearn.results.numbers import NumberSelection, PenaltyTried
from outlearn.selection.number_choice import NUMBER_CRITERIA, choose_penalty, reliability
from outlearn.selection.number_source import PLAIN, SourceChoice, choose_source, drawn_in
from outlearn.selection.number_tuning import TUNED_PENALTIES, held_out_predictions
from outlearn.store.stage import Entries, Stage, Work
from outlearn.store.store import Entry

__all__ = ["AUTO", "NumberAuto"]

AUTO = "auto"
VERSION = 3
CHOSEN, FACTOR, SOURCE = "chosen", "factor", "source"
DEVIATIONS = "deviations"


@dataclass(frozen=True, eq=False)
class NumberAuto:
    """Lay out the choice: students of each teacher at each penalty, and the answer of their combination.

    Attributes:
        labeling: who labels.
        model: the strong model's features and splits.
    """

    labeling: Labeling
    model: FrozenModel

    @cached_property
    def stage(self) -> Stage:
        """Choose and fit; no true label is read.

        Its arrays: those of students, of one model; `chosen`, an index into the penalties; each
        criterion; `source`, an index into the combinations, and how far each was from the labeler left out.
        """
        labeling, splits = self.labeling, self.labeling.splits
        task, config = labeling.task, labeling.config

        def compute(entries: Entries, work: Work) -> dict[str, np.ndarray]:
            features = read_features(entries["features"])
            x = features[splits.student]
            teachers = number_predictions(entries["teachers"], task, splits)
            labels = teachers["student"]
            trained = labeling.teachers.name == "teachers"
            source = self._source(labels, trained)
            answer = combined(teachers, source.chosen)["student"]
            compared = drawn_in(labels) if source.chosen == "median" else labels
            held_out = held_out_predictions(
                x,
                compared.values,
                compared.heard.astype(np.float64),
                # Splits keep strata of true numbers; what labels students has no right to them.
                np.zeros(len(splits.student), dtype=np.int64),
                groups=task.groups_of(splits.student),
                seed=child_seed(config.seed, AUTO),
            )
            choice = choose_penalty(compared, held_out, config.student.criterion)
            penalty = TUNED_PENALTIES[choice.chosen]
            anyone = None if answer.answered is None else answer.answered.astype(np.float64)
            found = fit_ridge(x, answer.values, [penalty], weights=anyone, standardise=True)
            # Labelers from elsewhere are taken at their word; teachers trained here shrink as their noise demands.
            shared = reliability(labels) if trained else None
            factor = 1.0 if shared is None else 1 / shared
            centre = float(found.predict(x)[0, 0].mean())
            bias = centre + factor * (found.bias[0] - centre)
            width = x.shape[1]
            heads = Heads(np.zeros(width), np.ones(width), factor * found.weight[0][..., None], bias[:, None])
            predicted = {name: heads.predict(features[getattr(splits, name)])[None] for name in EVALUATED}
            return {
                **predicted, **head_arrays([heads]), **choice.criteria, CHOSEN: np.array([choice.chosen]),
                "checkpoints": np.array([1.0]), FACTOR: np.array([factor]),
                SOURCE: np.array([list(NUMBER_COMBINATIONS).index(source.chosen)]),
                DEVIATIONS: np.array([source.deviations.get(name, np.nan) for name in NUMBER_COMBINATIONS]),
            }  # fmt: skip

        return Stage(
            AUTO,
            VERSION,
            {**labeling.settings, "numbers": True, "criterion": config.student.criterion},
            {
                "teachers": labeling.teachers,
                "features": self.model.features,
                "splits": splits_fingerprint(splits),
                "groups": task.fingerprint,
            },
            compute,
        )

    def _source(self, labels: Numbers, trained: bool) -> SourceChoice:
        asked = self.labeling.config.weak_labels.source
        if asked != EACH:
            return SourceChoice(asked, {})
        return SourceChoice(PLAIN, {}) if trained else choose_source(labels)

    def students(self, entry: Entry, features: Entry) -> Students:
        """Read the answer: one model, labeled by the teachers' combination."""
        config = {"kind": AUTO, "penalty": TUNED_PENALTIES[int(entry.arrays[CHOSEN][0])]}
        source = _source_of(entry)
        return picked_students(AUTO, config, (1.0,), entry, self.labeling, features, models=[(0, 0)], source=source)

    def selection(self, entry: Entry) -> NumberSelection:
        """Write what was chosen, from what."""
        chosen = int(entry.arrays[CHOSEN][0])
        return NumberSelection(
            criterion=self.labeling.config.student.criterion,
            chosen=TUNED_PENALTIES[chosen],
            spread_by=float(entry.arrays[FACTOR][0]),
            source=_source_of(entry),
            deviations={
                name: float(value)
                for name, value in zip(NUMBER_COMBINATIONS, entry.arrays[DEVIATIONS], strict=True)
                if np.isfinite(value)
            },
            at_end=chosen in (0, len(TUNED_PENALTIES) - 1),
            tried=tuple(
                PenaltyTried(penalty=penalty, **{name: float(entry.arrays[name][k]) for name in NUMBER_CRITERIA})
                for k, penalty in enumerate(TUNED_PENALTIES)
            ),
        )


def _source_of(entry: Entry) -> str:
    return list(NUMBER_COMBINATIONS)[int(entry.arrays[SOURCE][0])]
