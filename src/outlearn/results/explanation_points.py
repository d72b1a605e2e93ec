"""Where students gain most and least: rows of the ledger that an explanation shows and keeps."""

from __future__ import annotations

from dataclasses import dataclass

from outlearn.core.text import printable

__all__ = ["PointOfGain", "PointsOfGain"]

POINTS_SHOWN = 5
ID_WIDTH = 24


@dataclass(frozen=True)
class PointOfGain:
    """One row of the ledger, means over teachers and their students; see `Ledger`."""

    id: int | str
    target_class: int
    teacher_risk: float
    student_risk: float
    gap: float
    misfit: float
    residual: float
    teacher_confidence: float
    student_confidence: float
    teacher_correct: float
    student_correct: float


@dataclass(frozen=True)
class PointsOfGain:
    """The points of the largest gain, largest first, and of the smallest, smallest first."""

    best: tuple[PointOfGain, ...]
    worst: tuple[PointOfGain, ...]

    def __str__(self) -> str:
        headings = {
            "gap": f"{'gap':>10}",
            "misfit": f"{'misfit':>10}",
            "residual": f"{'residual':>10}",
            "teacher_confidence": f"{'teacher sure':>15}",
            "student_confidence": f"{'student sure':>15}",
            "teacher_correct": f"{'teacher right':>15}",
            "student_correct": f"{'student right':>15}",
        }
        shown = min(POINTS_SHOWN, len(self.best) // 2) or 1
        gained, lost = self.best[:shown], self.worst[:shown][::-1]
        width = max(5, *(len(_id(point)) for point in (*gained, *lost)))

        def row(point: PointOfGain) -> str:
            cells = (f"{getattr(point, name):>{len(heading)}.3f}" for name, heading in headings.items())
            return f"  {_id(point):<{width}}{point.target_class:>7}" + "".join(cells)

        head = f"  {'point':<{width}}{'class':>7}" + "".join(headings.values())
        return "\n".join([head, *map(row, gained), "  ...", *map(row, lost)])


def _id(point: PointOfGain) -> str:
    return printable(str(point.id), width=ID_WIDTH)
