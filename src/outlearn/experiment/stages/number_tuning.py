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
from outlearn.learners.learner import Learner
from outlearn.learners.ridge_learner import RidgeLearner
from outlearn.losses.numbers import NumberLoss, SquaredError
from outlearn.results.true_labels import NumberTuning
from outlearn.selection.number_tuning import (
    LINKED_PENALTIES,
    TUNED_PENALTIES,
    tune_linked,
    tune_numbers,
    with_configured,
)
from outlearn.store.stage import Entries, Stage, Work
from outlearn.store.store import Entry

__all__ = ["TunedNumberModels"]

VERSION = 1
CHOSEN, RISK = "chosen", "held-out risk"


@dataclass(frozen=True, eq=False)
class TunedNumberModels:
    """Describe one model for each set of true labels, chosen within the set: a ridge head, or what is configured.

    By the squared error groups are held out whole; by another loss labels are held out one by one, approximately, of
    ridge heads. Where the student is trained another way, its learner as it is configured competes.

    Attributes:
        name: of the stage.
        task: the points.
        model: the strong model's features and splits.
        points: rows of the task that the labels are of.
        sets: weights of those points, one row a set.
        seeds: one for each set.
        loss: that of the divergence that risks are measured in.
        predict: the splits to predict.
        ridge_only: whether ridge heads are all that is tried.
    """

    name: str
    task: Task
    model: FrozenModel
    points: Int[np.ndarray, " points"]
    sets: Float[np.ndarray, "sets points"]
    seeds: Sequence[int]
    loss: NumberLoss
    predict: tuple[str, ...] = EVALUATED
    ridge_only: bool = False

    @property
    def n_labels(self) -> Int[np.ndarray, " sets"]:
        """Count the true labels of each set."""
        return np.count_nonzero(self.sets, axis=1)

    @property
    def penalties(self) -> tuple[float, ...]:
        """What is tried."""
        return TUNED_PENALTIES if isinstance(self.loss, SquaredError) else LINKED_PENALTIES

    @property
    def configured(self) -> Learner | None:
        """The student's learner, where it competes."""
        learner = self.model.learner
        return None if self.ridge_only or isinstance(learner, RidgeLearner) else learner

    @cached_property
    def stage(self) -> Stage:
        """Tune, and predict; the labels of the predicted points are not read.

        Its arrays: for each split to predict, numbers `[1, models, points, 1]`; `chosen` and the held-out risk.
        """

        def compute(entries: Entries, work: Work) -> dict[str, np.ndarray]:
            features, splits = read_features(entries["features"]), self.model.splits
            with work.progress.bar(f"{self.name}: {len(self.sets)}") as advance:
                x, y = features[self.points], self.task.true_targets(self.points)[:, 0]
                strata, groups = self.task.labels[self.points], self.task.groups_of(self.points)
                points = {name: features[getattr(splits, name)] for name in self.predict}
                if isinstance(self.loss, SquaredError):
                    tuned = tune_numbers(
                        x,
                        y,
                        strata,
                        points,
                        sets=self.sets,
                        seeds=self.seeds,
                        groups=groups,
                        progress=advance,
                    )
                else:
                    tuned = tune_linked(x, y, points, self.loss, sets=self.sets, progress=advance)
                if self.configured is not None:
                    tuned = with_configured(
                        tuned, self.configured, self.loss, x, y, strata, points,
                        sets=self.sets, seeds=self.seeds, groups=groups,
                    )  # fmt: skip
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
                **({} if self.configured is None else {"learner": self.configured.model_dump(mode="json")}),
            },
            {"features": self.model.features, "task": self.task.fingerprint, "sets": digest.hexdigest()},
            compute,
        )

    def tuning(self, entry: Entry) -> NumberTuning:
        """Write what was chosen, for each model."""
        chosen = entry.arrays[CHOSEN].tolist()
        tried = [f"ridge, penalty {penalty:.2g}" for penalty in self.penalties]
        tried += [] if self.configured is None else ["as configured"]
        return NumberTuning(
            members=len(tried),
            chosen=tuple(tried[k] for k in chosen),
            risk=tuple(float(row[k]) for row, k in zip(entry.arrays[RISK], chosen, strict=True)),
        )
