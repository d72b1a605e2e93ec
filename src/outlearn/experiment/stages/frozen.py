"""Models on frozen features: every model of a lesson is a head, all trained in one batched computation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32

from outlearn.data.splits import Splits
from outlearn.experiment.learner_sections import ConvexLearner, HeadLearner
from outlearn.experiment.points import splits_fingerprint
from outlearn.experiment.stages.lesson import Lesson
from outlearn.learners.base import FitResult, HeadJob, HeadSettings, settled
from outlearn.learners.convex import fit_convex
from outlearn.learners.heads import fit_predict
from outlearn.learners.self_distillation import fit_rounds, round_epochs
from outlearn.progress import Advance
from outlearn.store.stage import Entries, Stage, Work

__all__ = ["FrozenModel"]


@dataclass(frozen=True)
class FrozenModel:
    """An encoder that does not learn, and the learner of the heads on it.

    Attributes:
        features: the stage that encodes every point of the task.
        learner: how heads are trained.
        splits: the points.
        bias: False for preferences, where a head without bias on a difference of features is Bradley-Terry.
    """

    features: Stage
    learner: ConvexLearner | HeadLearner
    splits: Splits
    bias: bool

    def settings(self) -> HeadSettings:
        """Return the settings of minibatch training, for an AdamW learner."""
        return HeadSettings(bias=self.bias, **self.learner.model_dump(exclude={"kind"}))

    def train(self, lesson: Lesson) -> Stage:
        """Describe the stage that trains a lesson's models.

        Its arrays: for each split to predict, float32 logits `[checkpoints, models, points, classes]`, and
        `checkpoints` in epochs.
        """

        def compute(entries: Entries, work: Work) -> dict[str, np.ndarray]:
            with work.progress.bar(f"{lesson.name}: {len(lesson.jobs)}") as advance:
                targets = lesson.targets(entries)
                jobs = settled(lesson.jobs, targets)
                matrix = entries["features"].arrays["features"]
                x = matrix[getattr(self.splits, lesson.split)]
                points = {name: matrix[getattr(self.splits, name)] for name in lesson.predict}
                if lesson.rounds:
                    return self._distil(x, targets, jobs, points, lesson, advance)
                fitted = self._fit(x, targets, jobs, points, lesson, advance)
            return {**fitted.logits, "checkpoints": np.array(fitted.checkpoints)}

        return Stage(
            lesson.name,
            lesson.version,
            {
                **lesson.settings,
                **lesson.summary,
                "learner": self.learner.model_dump(mode="json"),
                "bias": self.bias,
                "checkpoints": lesson.checkpoints,
                "rounds": lesson.rounds,
            },
            {**lesson.inputs, "features": self.features, "splits": splits_fingerprint(self.splits)},
            compute,
        )

    def _fit(
        self,
        x: Float32[np.ndarray, "examples features"],
        targets: Float[np.ndarray, "labellings examples classes"],
        jobs: list[HeadJob],
        points: Mapping[str, Float32[np.ndarray, "_ features"]],
        lesson: Lesson,
        advance: Advance | None,
    ) -> FitResult:
        if isinstance(self.learner, ConvexLearner):
            return fit_convex(
                x, targets, jobs, points, C=self.learner.C, bias=self.bias, weights=lesson.weights, progress=advance
            )
        return fit_predict(
            x,
            targets,
            jobs,
            points,
            settings=self.settings(),
            weights=lesson.weights,
            progress=advance,
            checkpoints=tuple(epoch for epoch in lesson.checkpoints if epoch < self.learner.epochs),
        )

    def _distil(
        self,
        x: Float32[np.ndarray, "examples features"],
        targets: Float[np.ndarray, "labellings examples classes"],
        jobs: list[HeadJob],
        points: Mapping[str, Float32[np.ndarray, "_ features"]],
        lesson: Lesson,
        advance: Advance | None,
    ) -> dict[str, np.ndarray]:
        """Train with rounds of self-distillation; each round is a checkpoint."""
        settings = self.settings()
        rounds = lesson.rounds
        fits = fit_rounds(
            x, targets, jobs, points, rounds=rounds, settings=settings, weights=lesson.weights, progress=advance
        )
        later = round_epochs(len(x), settings)
        epochs = [settings.epochs + r * later for r in range(rounds + 1)]
        return {
            **{name: np.concatenate([fit.logits[name][-1:] for fit in fits]) for name in points},
            "checkpoints": np.array(epochs),
        }
