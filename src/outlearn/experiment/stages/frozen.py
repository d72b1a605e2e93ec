"""Models on frozen features: every model is a head, and all heads are trained in one batched computation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from outlearn.data.splits import Splits
from outlearn.errors import ConfigError
from outlearn.experiment.points import splits_fingerprint
from outlearn.experiment.stages.features import read_features
from outlearn.experiment.stages.fitted_heads import head_arrays
from outlearn.experiment.stages.training_spec import TrainingSpec
from outlearn.learners.fitted import FitResult
from outlearn.learners.jobs import HeadSettings, settled
from outlearn.learners.learner import Learner
from outlearn.learners.self_distillation import fit_rounds, round_epochs
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

    def train(self, spec: TrainingSpec) -> Stage:
        """Describe the stage that trains all heads of a specification in one batched computation.

        Its arrays: for each split to predict, float32 logits `[checkpoints, models, points, classes]`, and
        `checkpoints` in epochs; with rounds of self-distillation, each round is a checkpoint. Beside them the heads of
        every checkpoint, as `fitted_heads` reads them.
        """

        def compute(entries: Entries, work: Work) -> dict[str, np.ndarray]:
            targets = spec.targets(entries)
            weights = spec.weights
            jobs = settled(spec.jobs, targets, weights)
            features = read_features(entries["features"])
            x = features[getattr(self.splits, spec.split)]
            points = {name: features[getattr(self.splits, name)] for name in spec.predict}
            with work.progress.bar(f"{spec.name}: {len(spec.jobs)}") as advance:
                if spec.rounds:
                    settings, later = self.settings, round_epochs(x.shape[0], self.settings)
                    fits = fit_rounds(
                        x,
                        targets,
                        jobs,
                        points,
                        rounds=spec.rounds,
                        settings=settings,
                        weights=weights,
                        progress=advance,
                    )
                    logits = {name: np.concatenate([fit.logits[name][-1:] for fit in fits]) for name in points}
                    path = head_arrays([fit.heads for fit in fits])
                    return {**logits, **path, "checkpoints": settings.epochs + later * np.arange(spec.rounds + 1)}
                fitted = self.learner.fit(
                    x,
                    targets,
                    jobs,
                    points,
                    bias=self.bias,
                    weights=weights,
                    checkpoints=spec.checkpoints,
                    progress=advance,
                )
            # A learner of somebody else may predict without heads to keep.
            path = head_arrays(fitted.path) if isinstance(fitted, FitResult) else {}
            return {**fitted.logits, **path, "checkpoints": np.array(fitted.checkpoints)}

        return Stage(
            spec.name,
            spec.version,
            {
                **spec.settings,
                **spec.summary,
                "learner": self.learner.model_dump(mode="json"),
                "bias": self.bias,
                "checkpoints": spec.checkpoints,
                "rounds": spec.rounds,
            },
            {**spec.inputs, "features": self.features, "splits": splits_fingerprint(self.splits)},
            compute,
        )
