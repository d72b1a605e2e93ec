"""`auto` for numbers: the penalty that other teachers' labels speak for, and the student of their mean at it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from outlearn.core.labelers.combinations import combined
from outlearn.core.randomness import child_seed
from outlearn.experiment.points import EVALUATED, splits_fingerprint
from outlearn.experiment.stages.features import read_features
from outlearn.experiment.stages.fitted_heads import head_arrays
from outlearn.experiment.stages.frozen import FrozenModel
from outlearn.experiment.stages.students import CONTROL, Labeling, Students, picked_students
from outlearn.experiment.stages.teachers import number_predictions
from outlearn.learners.fitted import Heads
from outlearn.learners.ridge_heads import fit_ridge
from outlearn.results.numbers import NumberSelection, PenaltyTried
from outlearn.selection.number_choice import NUMBER_CRITERIA, choose_penalty, reliability
from outlearn.selection.number_tuning import TUNED_PENALTIES, held_out_predictions
from outlearn.store.stage import Entries, Stage, Work
from outlearn.store.store import Entry

__all__ = ["AUTO", "NumberAuto"]

AUTO = "auto"
VERSION = 2
CHOSEN, FACTOR = "chosen", "factor"


@dataclass(frozen=True, eq=False)
class NumberAuto:
    """Lay out the choice: students of each teacher at each penalty, and the answer of the teachers' mean.

    Attributes:
        labeling: who labels.
        model: the strong model's features and splits.
    """

    labeling: Labeling
    model: FrozenModel

    @cached_property
    def stage(self) -> Stage:
        """Choose and fit; no true label is read.

        Its arrays: those of students, of one model; `chosen`, an index into the penalties; and each criterion.
        """
        labeling, splits = self.labeling, self.labeling.splits
        task, config = labeling.task, labeling.config

        def compute(entries: Entries, work: Work) -> dict[str, np.ndarray]:
            features = read_features(entries["features"])
            x = features[splits.student]
            teachers = number_predictions(entries["teachers"], task, splits)
            labels = teachers["student"]
            mean = combined(teachers, CONTROL)["student"]
            heard = np.ones(labels.values.shape) if labels.answered is None else labels.answered.astype(np.float64)
            held_out = held_out_predictions(
                x,
                labels.values,
                heard,
                # Splits keep strata of true numbers; what labels students has no right to them.
                np.zeros(len(splits.student), dtype=np.int64),
                groups=task.groups_of(splits.student),
                seed=child_seed(config.seed, AUTO),
            )
            choice = choose_penalty(labels, held_out, config.student.criterion)
            penalty = TUNED_PENALTIES[choice.chosen]
            anyone = None if mean.answered is None else mean.answered.astype(np.float64)
            found = fit_ridge(x, mean.values, [penalty], weights=anyone, standardise=True)
            # Labelers from elsewhere are taken at their word; teachers trained here shrink as their noise demands.
            shared = reliability(labels) if labeling.teachers.name == "teachers" else None
            factor = 1.0 if shared is None else 1 / shared
            centre = float(found.predict(x)[0, 0].mean())
            bias = centre + factor * (found.bias[0] - centre)
            width = x.shape[1]
            heads = Heads(np.zeros(width), np.ones(width), factor * found.weight[0][..., None], bias[:, None])
            predicted = {name: heads.predict(features[getattr(splits, name)])[None] for name in EVALUATED}
            return {
                **predicted, **head_arrays([heads]), **choice.criteria, CHOSEN: np.array([choice.chosen]),
                "checkpoints": np.array([1.0]), FACTOR: np.array([factor]),
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

    def students(self, entry: Entry, features: Entry) -> Students:
        """Read the answer: one model, labeled by the teachers' mean."""
        config = {"kind": AUTO, "penalty": TUNED_PENALTIES[int(entry.arrays[CHOSEN][0])]}
        return picked_students(AUTO, config, (1.0,), entry, self.labeling, features, models=[(0, 0)], source=CONTROL)

    def selection(self, entry: Entry) -> NumberSelection:
        """Write what was chosen, from what."""
        chosen = int(entry.arrays[CHOSEN][0])
        return NumberSelection(
            criterion=self.labeling.config.student.criterion,
            chosen=TUNED_PENALTIES[chosen],
            spread_by=float(entry.arrays[FACTOR][0]),
            at_end=chosen in (0, len(TUNED_PENALTIES) - 1),
            tried=tuple(
                PenaltyTried(penalty=penalty, **{name: float(entry.arrays[name][k]) for name in NUMBER_CRITERIA})
                for k, penalty in enumerate(TUNED_PENALTIES)
            ),
        )
