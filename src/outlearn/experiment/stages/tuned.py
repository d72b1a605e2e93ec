"""Strong models tuned on true labels: the ceilings, the controls, and the curve over the number of labels.

True labels are within reach here, and only here and where teachers learn: nothing of this goes to weak-label students.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property

import numpy as np
from jaxtyping import Float, Int

from outlearn.data.task import Task
from outlearn.experiment.points import EVALUATED, splits_fingerprint
from outlearn.experiment.stages.features import read_features
from outlearn.experiment.stages.frozen import FrozenModel
from outlearn.results.true_labels import Tuning
from outlearn.selection.tuning import Grid, minibatch_candidates, tune
from outlearn.store.stage import Entries, Stage, Work
from outlearn.store.store import Entry

__all__ = ["TunedModels"]

VERSION = 7
CHOSEN, HELD_OUT = "chosen", "held-out accuracy"


@dataclass(frozen=True, eq=False)
class TunedModels:
    """Describe one strong model for each set of true labels, each chosen by cross-validation within its set.

    Attributes:
        name: of the stage.
        task: the points.
        model: the strong model: heads on frozen features.
        points: rows of the task that the labels are of.
        sets: weights of those points, one row a set; a set has the points of weight above 0.
        seeds: one for each set.
        predict: the splits to predict.
        common_scale: whether the sizes of the features can be compared, so that the ridge sees them as they are.
        convex_only: whether convex heads are all that is tried.
    """

    name: str
    task: Task
    model: FrozenModel
    points: Int[np.ndarray, " points"]
    sets: Float[np.ndarray, "sets points"]
    seeds: Sequence[int]
    common_scale: bool = False
    predict: tuple[str, ...] = EVALUATED
    convex_only: bool = True

    @property
    def n_labels(self) -> Int[np.ndarray, " sets"]:
        """Count the true labels of each set."""
        return np.count_nonzero(self.sets, axis=1)

    @cached_property
    def grid(self) -> Grid:
        """What is tried: convex heads; and minibatch heads where the student is one, else the student as configured."""
        convex = Grid.of(self.task.n_classes, standardise=not self.common_scale)
        learner = self.model.learner
        if self.convex_only:
            return convex
        base = learner.head_settings(bias=self.model.bias)
        if base is None:
            return replace(convex, configured=learner)
        return replace(convex, candidates=minibatch_candidates(int(self.n_labels.max()), base), base=base)

    @cached_property
    def stage(self) -> Stage:
        """Tune, and predict; the labels of the predicted points are not read.

        Its arrays: for each split to predict, float32 logits `[1, models, points, classes]`; `chosen`, an index into
        the grid for each model, and the accuracy of held-out labels, `[models, members of the grid]`.
        """

        def compute(entries: Entries, work: Work) -> dict[str, np.ndarray]:
            features, splits = read_features(entries["features"]), self.model.splits
            with work.progress.bar(f"{self.name}: {len(self.sets)}") as advance:
                tuned = tune(
                    features[self.points],
                    self.task.labels[self.points],
                    {name: features[getattr(splits, name)] for name in self.predict},
                    n_classes=self.task.n_classes,
                    sets=list(self.sets),
                    grid=self.grid,
                    seeds=self.seeds,
                    groups=self.task.groups_of(self.points),
                    bias=self.model.bias,
                    progress=advance,
                )
            logits = {name: array[None] for name, array in tuned.logits.items()}
            return {**logits, CHOSEN: tuned.chosen, HELD_OUT: tuned.accuracy}

        digest = hashlib.sha256(self.points.tobytes() + np.ascontiguousarray(self.sets).tobytes())
        return Stage(
            self.name,
            VERSION,
            {
                "grid": self.grid.names,
                "standardise": self.grid.standardise,
                "folds": self.grid.folds,
                "base": None if self.grid.base is None else asdict(self.grid.base),
                "learner": None if self.convex_only else self.model.learner.model_dump(mode="json"),
                "bias": self.model.bias,
                "seeds": list(self.seeds),
                "predict": self.predict,
            },
            {
                "features": self.model.features,
                "task": self.task.fingerprint,
                "sets": digest.hexdigest(),
                "splits": splits_fingerprint(self.model.splits),
            },
            compute,
        )

    def tuning(self, entry: Entry) -> Tuning:
        """Write what was chosen, for each model."""
        chosen = entry.arrays[CHOSEN].tolist()
        return Tuning(
            members=len(self.grid.names),
            chosen=tuple(self.grid.names[k] for k in chosen),
            accuracy=tuple(float(row[k]) for row, k in zip(entry.arrays[HELD_OUT], chosen, strict=True)),
        )
