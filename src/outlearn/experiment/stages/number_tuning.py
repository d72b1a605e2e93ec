"""The strong model of numbers on true labels, tuned by cross-validation: ceilings, controls, the curve over them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float, Int

from outlearn.data.task import Task
from outlearn.experiment.points import EVALUATED
from outlearn.experiment.stages.features import read_features
from outlearn.experiment.stages.frozen import FrozenModel
from outlearn.losses.numbers import NumberLoss, SquaredError
from outlearn.results.true_labels import NumberTuning
from outlearn.selection.number_tuning import LINKED_PENALTIES, TUNED_PENALTIES, tune_linked, tune_numbers
from outlearn.store.stage import Entries, Stage, Work
from outlearn.store.store import Entry

__all__ = ["TunedNumberModels"]

VERSION = 1
CHOSEN, RISK = "chosen", "held-out risk"


@dataclass(frozen=True, eq=False)
class TunedNumberModels:
    """Describe one ridge head for each set of true labels, its penalty chosen within the set.

    By the squared error groups are held out whole; by another loss labels are held out one by one, approximately.

    Attributes:
        name: of the stage.
        task: the points.
        model: the strong model's features and splits.
        points: rows of the task that the labels are of.
        sets: weights of those points, one row a set.
        seeds: one for each set.
        loss: that of the divergence that risks are measured in.
        predict: the splits to predict.
    """

    name: str
    task: Task
    model: FrozenModel
    points: Int[np.ndarray, " points"]
    sets: Float[np.ndarray, "sets points"]
    seeds: Sequence[int]
    loss: NumberLoss
    predict: tuple[str, ...] = EVALUATED

    @property
    def n_labels(self) -> Int[np.ndarray, " sets"]:
        """Count the true labels of each set."""
        return np.count_nonzero(self.sets, axis=1)

    @property
    def penalties(self) -> tuple[float, ...]:
        """What is tried."""
        return TUNED_PENALTIES if isinstance(self.loss, SquaredError) else LINKED_PENALTIES

    @cached_property
    def stage(self) -> Stage:
        """Tune, and predict; the labels of the predicted points are not read.

        Its arrays: for each split to predict, numbers `[1, models, points, 1]`; `chosen` and the held-out risk.
        """

        def compute(entries: Entries, work: Work) -> dict[str, np.ndarray]:
            features, splits = read_features(entries["features"]), self.model.splits
            with work.progress.bar(f"{self.name}: {len(self.sets)}") as advance:
                x, y = features[self.points], self.task.true_targets(self.points)[:, 0]
                points = {name: features[getattr(splits, name)] for name in self.predict}
                if isinstance(self.loss, SquaredError):
                    tuned = tune_numbers(
                        x,
                        y,
                        self.task.labels[self.points],
                        points,
                        sets=self.sets,
                        seeds=self.seeds,
                        groups=self.task.groups_of(self.points),
                        progress=advance,
                    )
                else:
                    tuned = tune_linked(x, y, points, self.loss, sets=self.sets, progress=advance)
            predicted = {name: array[None] for name, array in tuned.predicted.items()}
            return {**predicted, CHOSEN: tuned.chosen, RISK: tuned.risk}

        digest = hashlib.sha256(self.points.tobytes() + np.ascontiguousarray(self.sets).tobytes())
        predicted = {name: getattr(self.model.splits, name).tolist() for name in self.predict}
        return Stage(
            self.name,
            VERSION,
            {
                "loss": self.loss.name,
                "penalties": list(self.penalties),
                "seeds": list(self.seeds),
                "predict": predicted,
            },
            {"features": self.model.features, "task": self.task.fingerprint, "sets": digest.hexdigest()},
            compute,
        )

    def tuning(self, entry: Entry) -> NumberTuning:
        """Write what was chosen, for each model."""
        chosen = entry.arrays[CHOSEN].tolist()
        return NumberTuning(
            members=len(self.penalties),
            chosen=tuple(f"ridge, penalty {self.penalties[k]:.2g}" for k in chosen),
            risk=tuple(float(row[k]) for row, k in zip(entry.arrays[RISK], chosen, strict=True)),
        )
