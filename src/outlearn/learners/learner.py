"""What a learner is in a configuration: its keys, what it needs, what it can do, and how it trains.

A new learner is a subclass of `Learner` with its keys as fields and `fit`, and one line in the table of `registry.py`.
Facts that a subclass does not state have a default that asks for nothing and promises nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal

import numpy as np
from jaxtyping import Float

from outlearn.core.feature_matrix import FeatureMatrix
from outlearn.errors import ConfigError
from outlearn.learners.fitted import Predicted
from outlearn.learners.jobs import HeadJob, HeadSettings
from outlearn.learners.settings import Settings
from outlearn.progress import Advance

__all__ = ["Learner"]


class Learner(Settings):
    """Train many models at once; its fields are its keys in a configuration, beside `kind`.

    Attributes:
        label: for people.
        line: one sentence for tables in docs.
        extra: the extra of this package that it needs; "" for none.
        reads: frozen features, which an encoder makes, or texts: it then trains the whole model and has no encoder.
        learns: whether it is trained on labels; what is not can teach, and cannot be taught.
        has_randomness: whether its seed matters. Without it one seed is all there is, and teachers need other points.
        has_epochs: whether it trains for a time, so that predictions can be made and chosen along the way.
        can_distil: whether it can train rounds of self-distillation.
        needs_every_class: whether a class that no example shows leaves it without an optimum.
        trains_together: whether many models cost little more than one.
        wants_gpu: whether a GPU makes it much faster.
        of_classes, of_numbers: whether it learns classes, and whether numbers.
    """

    kind: str

    label: ClassVar[str] = ""
    line: ClassVar[str] = ""
    extra: ClassVar[str] = ""
    reads: ClassVar[Literal["features", "texts"]] = "features"
    learns: ClassVar[bool] = True
    has_randomness: ClassVar[bool] = True
    has_epochs: ClassVar[bool] = False
    can_distil: ClassVar[bool] = False
    needs_every_class: ClassVar[bool] = False
    trains_together: ClassVar[bool] = True
    wants_gpu: ClassVar[bool] = False
    of_classes: ClassVar[bool] = True
    of_numbers: ClassVar[bool] = False

    @property
    def seed_groups(self) -> int:
        """Return the number of minibatch orders; a seed has the order of its residue, seed modulo this number."""
        return 1

    @property
    def unfit_for_numbers(self) -> str:
        """Say which of its keys are of classes alone, and what to do, if the task is of numbers; "" if none is."""
        return ""

    def on_features(self, *, common_scale: bool) -> Learner:
        """Return this learner with what its configuration leaves to the encoder: whether its features share a scale."""
        return self

    def head_settings(self, *, bias: bool) -> HeadSettings | None:
        """Return the settings of minibatch heads, for a learner that trains such; what `loss: auto` varies."""
        return None

    def fit(
        self,
        features: FeatureMatrix,
        targets: Float[np.ndarray, "labelings examples classes"],
        jobs: Sequence[HeadJob],
        points: Mapping[str, FeatureMatrix],
        *,
        bias: bool,
        weights: Float[np.ndarray, "weightings examples"] | None = None,
        checkpoints: Sequence[float] = (),
        progress: Advance | None = None,
    ) -> Predicted:
        """Train one model for each job on frozen features, and predict the points with all of them.

        Args:
            features: of the training examples.
            targets: distributions to learn from, one labeling for each teacher.
            jobs: the models; losses are settled on their labels.
            points: named sets of features to predict.
            bias: False for preferences: a head without bias on a difference of features is Bradley-Terry.
            weights: sample weights that jobs may refer to, at least 0.
            checkpoints: epochs at which to predict beside the end; a learner without epochs has the end alone.
            progress: called with (done, all).

        Raises:
            ConfigError: for a learner that reads texts.
        """
        raise ConfigError(f"the learner {self.kind} trains on {self.reads}, not on frozen features.")
