"""Models on frozen features: every model of a lesson is a head, all trained in one batched computation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32

from outlearn.data.splits import Splits
from outlearn.errors import ConfigError
from outlearn.experiment.points import splits_fingerprint
from outlearn.experiment.stages.lesson import Lesson
from outlearn.learners.jobs import HeadJob, HeadSettings, settled
from outlearn.learners.learner import Learner
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
    learner: Learner
    splits: Splits
    bias: bool

    @property
    def settings(self) -> HeadSettings:
        """Return the settings of minibatch training.

        Raises:
            ConfigError: for a learner of another kind.
        """
        settings = self.learner.head_settings(bias=self.bias)
        if settings is None:
            raise ConfigError(f"learner.kind is {self.learner.kind}, which trains no heads by minibatches; use adamw.")
        return settings

    def train(self, lesson: Lesson) -> Stage:
        """Describe the stage that trains a lesson's models.

        Its arrays: for each split to predict, float32 logits `[checkpoints, models, points, classes]`, and
        `checkpoints` in epochs.
        """

        def compute(entries: Entries, work: Work) -> dict[str, np.ndarray]:
            with work.progress.bar(f"{lesson.name}: {len(lesson.jobs)}") as advance:
                targets = lesson.targets(entries)
                jobs = settled(lesson.jobs, targets, lesson.weights)
                matrix = entries["features"].arrays["features"]
                x = matrix[getattr(self.splits, lesson.split)]
                points = {name: matrix[getattr(self.splits, name)] for name in lesson.predict}
                if lesson.rounds:
                    return self._distil(x, targets, jobs, points, lesson, advance)
                fitted = self.learner.fit(
                    x,
                    targets,
                    jobs,
                    points,
                    bias=self.bias,
                    weights=lesson.weights,
                    checkpoints=lesson.checkpoints,
                    progress=advance,
                )
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
        settings = self.settings
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
