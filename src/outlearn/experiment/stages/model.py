"""What can be taught a lesson: heads on frozen features, or a model that is fine-tuned as a whole."""

from __future__ import annotations

from typing import Any, ClassVar, Protocol

from outlearn.data.splits import Splits
from outlearn.experiment.stages.lesson import Lesson
from outlearn.store.stage import Stage

__all__ = ["Model"]


class Model(Protocol):
    """Train the models of a lesson; nobody else knows how.

    It is a dataclass, so that `dataclasses.replace` gives the same model on other `splits`.
    """

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def splits(self) -> Splits:
        """The points that lessons name."""

    def train(self, lesson: Lesson) -> Stage:
        """Describe the stage that trains a lesson's models.

        Its arrays: for each split to predict, float32 logits `[checkpoints, models, points, classes]`, and
        `checkpoints` in epochs.
        """
