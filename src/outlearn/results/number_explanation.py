"""What an explanation of predicted numbers found: as for classes, in squared error or another Bregman divergence."""

from __future__ import annotations

from dataclasses import dataclass

from outlearn.core.intervals import Interval
from outlearn.core.text import printable
from outlearn.core.verdict import is_above_zero, is_below_zero
from outlearn.results.explained_gain import ExplainedGain
from outlearn.results.measurement import Withheld
from outlearn.results.report_folder import ReportFolder

__all__ = [
    "NUMBER_EXPLANATIONS", "NumberControl", "NumberExplanation", "NumberPointOfGain", "NumberScores",
    "load_number_explanation",
]  # fmt: skip

POINTS_SHOWN = 5
ID_WIDTH = 24


@dataclass(frozen=True)
class NumberScores:
    """How well some models predict: mean squared and absolute error, R2 and Spearman's correlation."""

    name: str
    mse: Interval
    mae: Interval
    r2: Interval
    spearman: Interval


@dataclass(frozen=True)
class NumberControl:
    """Is the gain only denoising? Risk of the teachers' mean less that of a student, and of the students' mean.

    Attributes:
        rows: scores of teachers, ensembles and students.
        student_over: risk of the mean of all teachers less that of a student; above 0 the student is better.
        mean_student_over: the same of the mean of all students, for these very models.
    """

    rows: tuple[NumberScores, ...]
    student_over: Interval
    mean_student_over: Interval

    @property
    def answer(self) -> str:
        """Say whether the mean of the teachers would do."""
        if is_above_zero(self.student_over):
            return f"Not only denoising: a student has less risk than the mean of all teachers, by {self.student_over}."
        if is_below_zero(self.student_over):
            less = -self.student_over.mean
            return (
                f"Denoising would do: the mean of all teachers has less risk than a student, by {less:.4f} "
                f"[{-self.student_over.high:.4f}, {-self.student_over.low:.4f}]."
            )
        return (
            "Denoising may be all: a student and the mean of all teachers cannot be told apart "
            f"(risk lower by {self.student_over})."
        )

    @property
    def sentence(self) -> str:
        """Repeat the answer, below its question."""
        return f"Is this only denoising? {self.answer}"

    def __str__(self) -> str:
        lines = [f"{'':<14}{'MSE':>25}{'MAE':>25}{'R2':>25}{'Spearman':>25}"]
        for row in self.rows:
            cells = "".join(f"{each!s:>25}" for each in (row.mse, row.mae, row.r2, row.spearman))
            lines.append(f"{row.name:<14}{cells}")
        lines.append(f"risk of the mean teacher less that of a student:           {self.student_over}")
        lines.append(f"risk of the mean teacher less that of the mean student:    {self.mean_student_over}")
        return "\n".join([*lines, self.answer])


@dataclass(frozen=True)
class NumberPointOfGain:
    """One row of the ledger, means over teachers and their students; see `NumberLedger`."""

    id: int | str
    target: float
    teacher: float
    student: float
    teacher_risk: float
    student_risk: float
    gap: float
    misfit: float
    residual: float


@dataclass(frozen=True)
class NumberExplanation(ExplainedGain):
    """Where the gain of students of a numeric target comes from; print() it.

    Attributes:
        control: teachers, ensembles and students in one table.
        best, worst: the points of the largest gain, largest first, and of the smallest, smallest first.
    """

    control: NumberControl | Withheld
    best: tuple[NumberPointOfGain, ...]
    worst: tuple[NumberPointOfGain, ...]

    def __str__(self) -> str:
        return self._written(self.control, self._points())

    @property
    def sentences(self) -> tuple[str, ...]:
        """Say what was found, one sentence each."""
        of_teachers = self.decompositions[0].sentence_of("numbers that are off by the same")
        of_control = self.control.sentence if isinstance(self.control, NumberControl) else None
        return tuple(self._in_short(of_teachers, of_control))

    def _points(self) -> str:
        shown = min(POINTS_SHOWN, len(self.best) // 2) or 1
        gained, lost = self.best[:shown], self.worst[:shown][::-1]
        ids = {id(point): printable(str(point.id), width=ID_WIDTH) for point in (*gained, *lost)}
        width = max(5, *map(len, ids.values()))
        names = ("target", "teacher", "student", "gap", "misfit", "residual")

        def row(point: NumberPointOfGain) -> str:
            cells = "".join(f"{getattr(point, name):>12.4g}" for name in names)
            return f"  {ids[id(point)]:<{width}}{cells}"

        head = f"  {'point':<{width}}" + "".join(f"{name:>12}" for name in names)
        return "\n".join([head, *map(row, gained), "  ...", *map(row, lost)])


NUMBER_EXPLANATIONS = ReportFolder(
    "explanation of numbers", "explain", "explanation", NumberExplanation, schema=1, table="ledger.csv"
)
"""How an explanation of numbers is kept on disk."""

load_number_explanation = NUMBER_EXPLANATIONS.read
