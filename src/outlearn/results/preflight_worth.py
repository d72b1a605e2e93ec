"""How many true labels the weak labels of a table are worth to a student of its features."""

from __future__ import annotations

from dataclasses import dataclass

from outlearn.core.students.equivalents import Equivalent

__all__ = ["LabelsWorth"]


@dataclass(frozen=True)
class LabelsWorth:
    """The number of true labels that make a student as good as all the weak labels do.

    Attributes:
        n_true: true labels that the curve was measured with.
        student: how often the student of the weak labels is right at these points, none of which it saw.
        sizes: numbers of true labels, ascending.
        accuracy: how often a head that learned so many is right, as the nearest curve that never falls.
        labels: where the curve meets `student`.
    """

    n_true: int
    student: float
    sizes: tuple[int, ...]
    accuracy: tuple[float, ...]
    labels: Equivalent

    def __str__(self) -> str:
        worth = self.labels.in_words(self.sizes[0], self.sizes[-1])
        curve = ", ".join(f"{right:.3f} from {n:,}" for n, right in zip(self.sizes, self.accuracy, strict=True))
        return (
            f"  worth of these labels to the student ({self.student:.3f}): {worth} true labels\n"
            f"    the same student of true labels alone: {curve}"
        )
