"""Named losses tuned without true labels: what `auto` has to beat, on each teacher's labels and on those of all.

Students that a choice has trained already are used again; what is missing is trained by a stage of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from outlearn.core.feature_matrix import FeatureMatrix
from outlearn.core.labelers.combinations import EACH, label_source
from outlearn.experiment.points import splits_fingerprint
from outlearn.experiment.stages.auto import AutoStudents
from outlearn.experiment.stages.features import read_features
from outlearn.experiment.stages.frozen import FrozenModel
from outlearn.experiment.stages.students import Labeling, fixed_losses, student_seed
from outlearn.experiment.stages.teachers import teacher_predictions
from outlearn.experiment.stages.weak_labels import weak_labels
from outlearn.losses import loss_config
from outlearn.selection.candidates import HeadCandidate, trained_candidates
from outlearn.selection.held_out import HeldOut, measure_held_out
from outlearn.selection.train import Learned
from outlearn.store.stage import Entries, Stage, Work
from outlearn.store.store import Entry

__all__ = ["TunedBaselines", "tuned_baselines"]

VERSION = 1


@dataclass(frozen=True, eq=False)
class TunedBaselines:
    """Lay out the tuning of the named losses from the labels of one source.

    Attributes:
        source: "each" teacher, or the combination of all that `auto` learns from.
        labeling: who labels.
        model: heads on frozen features.
        reused: the recipe whose choice has trained candidates on this source, if one has.
    """

    source: str
    labeling: Labeling
    model: FrozenModel
    reused: AutoStudents | None

    @cached_property
    def candidates(self) -> tuple[HeadCandidate, ...]:
        """The settings that no choice has trained."""
        known = set() if self.reused is None else set(self.reused.candidates)
        wanted = trained_candidates(fixed_losses(self.labeling), len(self.labeling.splits.student), self.model.settings)
        return tuple(each for each in wanted if each not in known)

    @cached_property
    def stage(self) -> Stage | None:
        """Train the missing settings; None where none is missing."""
        if not self.candidates:
            return None
        labeling, config = self.labeling, self.labeling.config

        def compute(entries: Entries, work: Work) -> dict[str, np.ndarray]:
            by_split = label_source(
                teacher_predictions(entries["teachers"], labeling.task, labeling.splits), self.source
            )
            who = by_split["student"]
            rows: dict[str, FeatureMatrix] = {
                name: read_features(entries["features"])[getattr(labeling.splits, name)]
                for name in ("student", "validation", "test")
            }
            learned = Learned(
                rows.pop("student"),
                weak_labels(who, config.weak_labels, seed=config.seed),
                self.model.settings,
                None if who.answered is None else who.answered.astype(np.float64),
            )
            seeds = [student_seed(config, m, 0) for m in range(who.n_models)]
            with work.progress.bar(f"tuning: {len(self.candidates)} settings × {who.n_models} labelings") as advance:
                found = measure_held_out(
                    learned, by_split["validation"], rows, self.candidates, seeds, progress=advance
                )
            return {"held_out": found.accuracy, "hard": found.hard}

        return Stage(
            f"tuned baselines, {self.source}",
            VERSION,
            {
                **labeling.settings,
                "source": self.source,
                "learner": self.model.learner.model_dump(mode="json"),
                "bias": self.model.bias,
                "candidates": [{**each.record(), "loss": loss_config(each.loss)} for each in self.candidates],
            },
            {
                "teachers": labeling.teachers,
                "features": self.model.features,
                "splits": splits_fingerprint(labeling.splits),
            },
            compute,
        )

    def read(self, by_key: Mapping[str, Entry]) -> list[HeldOut]:
        """Read what a choice has trained and what was trained beside it."""
        found = []
        if self.reused is not None:
            found.append(HeldOut.of_choice(self.reused.choice(by_key[self.reused.choice_stage.key])))
        if self.stage is not None:
            arrays = by_key[self.stage.key].arrays
            found.append(HeldOut(self.candidates, arrays["held_out"], arrays["hard"]))
        return found


def tuned_baselines(labeling: Labeling, model: FrozenModel, chosen: Mapping[str, AutoStudents]) -> list[TunedBaselines]:
    """Lay out what `auto` is compared with: each teacher's labels, and those that it learns from itself."""
    auto = next((each for each in chosen.values() if each.recipe.combines), None)
    if auto is None or not fixed_losses(labeling):
        return []
    by_source = {each.source: each for each in chosen.values()}
    return [TunedBaselines(source, labeling, model, by_source.get(source)) for source in (EACH, auto.source)]
