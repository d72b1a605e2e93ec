"""Named losses tuned without true labels: what `auto` has to beat, on each teacher's labels and on those of all."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from outlearn.core.feature_matrix import FeatureMatrix
from outlearn.core.labelers.combinations import EACH, label_source
from outlearn.core.predictions import Predictions
from outlearn.experiment.points import splits_fingerprint
from outlearn.experiment.stages.features import read_features
from outlearn.experiment.stages.frozen import FrozenModel
from outlearn.experiment.stages.students import Labeling, student_seed
from outlearn.experiment.stages.teachers import teacher_predictions
from outlearn.experiment.stages.weak_labels import weak_labels
from outlearn.selection.candidates import HeadCandidate, records, trained_candidates
from outlearn.selection.held_out import HeldOut, measure_held_out
from outlearn.selection.labelers import together
from outlearn.selection.train import Learned
from outlearn.store.stage import Entries, Stage, Work
from outlearn.store.store import Entry

__all__ = ["TUNED_BASELINES", "TunedBaselines"]

TUNED_BASELINES = "tuned baselines"
VERSION = 1


@dataclass(frozen=True, eq=False)
class TunedBaselines:
    """Lay out the tuning of the named losses: from each teacher's labels, and from their combination.

    Attributes:
        combination: of the teachers, which `auto` learns from.
        labeling: who labels.
        model: heads on frozen features.
    """

    combination: str
    labeling: Labeling
    model: FrozenModel

    @cached_property
    def candidates(self) -> tuple[HeadCandidate, ...]:
        """The settings of all losses."""
        losses, n_examples = self.labeling.fixed_losses, len(self.labeling.splits.student)
        return trained_candidates(losses, n_examples, self.model.settings)

    @cached_property
    def stage(self) -> Stage:
        """Train every setting for every teacher and for the combination; no true label is read.

        Its arrays: those of `HeldOut`, with the teachers' students first.
        """
        labeling, config = self.labeling, self.labeling.config

        def compute(entries: Entries, work: Work) -> dict[str, np.ndarray]:
            teachers = teacher_predictions(entries["teachers"], labeling.task, labeling.splits)
            combined = label_source(teachers, self.combination)
            who: dict[str, Predictions] = {name: together([teachers[name], combined[name]]) for name in teachers}
            features = read_features(entries["features"])
            rows: dict[str, FeatureMatrix] = {
                name: features[getattr(labeling.splits, name)] for name in ("student", "validation", "test")
            }
            targets = weak_labels(who["student"], config.weak_labels, seed=config.seed)
            learned = Learned.by(who["student"], rows.pop("student"), targets, self.model.settings)
            seeds = [student_seed(config, m, 0) for m in range(len(learned.targets))]
            words = f"{TUNED_BASELINES}: {len(self.candidates)} settings × {len(seeds)} labelings"
            with work.progress.bar(words) as advance:
                found = measure_held_out(learned, who["validation"], rows, self.candidates, seeds, progress=advance)
            return {"held_out": found.accuracy, "hard": found.hard}

        return Stage(
            TUNED_BASELINES,
            VERSION,
            {
                **labeling.settings,
                "combination": self.combination,
                "learner": self.model.learner.model_dump(mode="json"),
                "bias": self.model.bias,
                "candidates": records(self.candidates),
            },
            {
                "teachers": labeling.teachers,
                "features": self.model.features,
                "splits": splits_fingerprint(labeling.splits),
            },
            compute,
        )

    def read(self, entry: Entry) -> dict[str, HeldOut]:
        """Read the students by whose labels they learned."""
        accuracy, hard, n = entry.arrays["held_out"], entry.arrays["hard"], self.labeling.n_teachers
        return {
            EACH: HeldOut(self.candidates, accuracy[:, :n], hard[:, :n]),
            self.combination: HeldOut(self.candidates, accuracy[:, n:], hard[:, n:]),
        }
