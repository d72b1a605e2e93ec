"""What a table of labelers' numbers says of their error, and of a student of them: in short, then every number."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from outlearn.core.intervals import Interval
from outlearn.core.text import bullets, preformatted, wrapped
from outlearn.core.verdict import excludes_zero, has_interval, is_above_zero, is_below_zero
from outlearn.results.interval_calibration import IntervalCalibration
from outlearn.results.measurement import Withheld
from outlearn.results.next_labels import NumberNextLabels
from outlearn.results.preflight_parts import Verdict
from outlearn.results.report_folder import ReportFolder

__all__ = [
    "NUMBER_PREFLIGHTS", "Averaged", "NumberLabeler", "NumberPreflight", "NumberStudent", "NumberTruth",
    "judged_student", "load_number_preflight",
]  # fmt: skip


@dataclass(frozen=True)
class NumberLabeler:
    """One labeler: how much it says, how it goes with the others, and what is true of it.

    Attributes:
        offset: mean of its number less the mean of the others; nan for one labeler.
        correlation: of its numbers with the mean of the others.
        mse, bias: squared error, and mean error, on points of known truth; withheld without them.
    """

    name: str
    n_points: int
    mean: float
    deviation: float
    offset: float
    correlation: float
    mse: Interval | Withheld
    bias: Interval | Withheld


@dataclass(frozen=True)
class NumberTruth:
    """What true numbers say of the labelers.

    Attributes:
        n_points: of known truth.
        error: squared error of one number.
        r2: 1 less that over the variance of the true numbers: 0 is as good as always saying their mean.
        shared_bias: squared error that labelers share, by products of two labelers' errors; withheld for one labeler.
        of_mean: squared error of the mean of all labelers.
        offset: mean error: what adding a constant would take away.
        slope: of the true number on the mean of the labelers: 1 where it is calibrated, below where it says too much.
        correlation: of the mean of the labelers with the true number.
    """

    n_points: int
    error: Interval
    r2: Interval
    shared_bias: Interval | Withheld
    of_mean: Interval
    offset: Interval
    slope: float
    correlation: float


@dataclass(frozen=True)
class Averaged:
    """What the mean of M labelers leaves: variance, squared error (withheld without truth), and reliability.

    Attributes:
        reliability: squared correlation with the shared answer, M r / (1 + (M - 1) r), r that of two labelers.
    """

    labelers: int
    variance: float
    error: float | Withheld
    reliability: float


@dataclass(frozen=True)
class NumberStudent:
    """A ridge student of these numbers, on points that it did not see.

    Attributes:
        of: whose numbers it learns.
        from_shared: squared distance from the shared answer, by labelers that it did not learn from.
        gain: variance of what it learns from, less that: above 0 it is nearer to the shared answer than its labels.
        over_labeler: variance of one labeler, less that distance.
        error: squared error, by true numbers.
        r2: 1 less that over the variance of the true numbers.
        true_gain: squared error of what it learns from, less its own.
        true_over_labeler: squared error of one labeler, less its own.
    """

    of: str
    from_shared: Interval | Withheld
    gain: Interval | Withheld
    over_labeler: Interval | Withheld
    error: Interval | Withheld
    r2: Interval | Withheld
    true_gain: Interval | Withheld
    true_over_labeler: Interval | Withheld

    @property
    def best_over_labeler(self) -> Interval | Withheld:
        """Return its gain over a labeler: by true numbers if there are any, else towards the shared answer."""
        return self.true_over_labeler if has_interval(self.true_over_labeler) else self.over_labeler


def judged_student(students: Sequence[NumberStudent]) -> NumberStudent | None:
    """Return the last student that is known to gain or lose something; None if there is none."""
    judged = [each for each in students if not isinstance(each.best_over_labeler, Withheld)]
    return judged[-1] if judged else None


@dataclass(frozen=True)
class NumberPreflight:
    """What labelers' numbers say of their error, and of a student of them; print() it.

    Attributes:
        source, n_points, level, seed: of what.
        verdict: whether a student beats a labeler, and what to do.
        labelers: one each.
        variance: of a labeler about the shared answer, mean over points; withheld for one labeler.
        agreement: correlation of two labelers (intraclass): the share of their numbers' variance that is shared.
        truth: what true numbers add; withheld without them.
        averaged: what the mean of more labelers leaves.
        encoder: what students see; withheld where there are none.
        students: of one labeler, and of their mean.
        intervals: of each labeler that gives some: whether they hold what they promise.
        notes: sentences.
        next_labels: which points to give true numbers next; withheld where none were asked for.
    """

    source: str
    n_points: int
    level: float
    seed: int
    verdict: Verdict
    labelers: tuple[NumberLabeler, ...]
    variance: Interval | Withheld
    agreement: Interval | Withheld
    truth: NumberTruth | Withheld
    averaged: tuple[Averaged, ...]
    encoder: str | Withheld
    students: tuple[NumberStudent, ...]
    intervals: tuple[IntervalCalibration, ...]
    notes: tuple[str, ...]
    next_labels: NumberNextLabels | Withheld

    @property
    def student(self) -> NumberStudent | None:
        """Return the student of the mean of all, or of one labeler where that one cannot be judged."""
        return judged_student(self.students)

    @property
    def sentences(self) -> tuple[str, ...]:
        """Say what was found, one sentence each."""
        return tuple(self._sentences())

    def _sentences(self) -> Iterator[str]:
        if isinstance(self.variance, Withheld) and isinstance(self.truth, Withheld):
            yield "One labeler and no true number: one answer a point says nothing about its error."
            return
        yield self._of_error()
        if not isinstance(self.truth, Withheld) and excludes_zero(self.truth.offset):
            yield f"Labelers are off by a constant, {self.truth.offset}: subtract it before training."
        for student in self.students:
            yield from _of_student(student)
        for each in self.intervals:
            yield each.sentences[0]

    def _of_error(self) -> str:
        if isinstance(self.variance, Withheld):
            assert isinstance(self.truth, NumberTruth)  # as above
            return (
                f"One labeler: its squared error is {self.truth.error}; how much of it is variance, a second labeler "
                "of the same points would tell."
            )
        if isinstance(self.truth, Withheld) or isinstance(self.truth.shared_bias, Withheld):
            return (
                f"Labelers vary by {self.variance} (squared) about the answer that they share: averaging takes this "
                "away. Whether that answer is true, true numbers alone would tell."
            )
        bias, variance = self.truth.shared_bias, self.variance
        parts = f"shared bias {bias} and variance {variance}"
        if has_interval(bias) and bias.low > variance.high:
            return f"Most of the labelers' squared error is bias that they share, and no average removes it: {parts}."
        if has_interval(bias) and variance.low > bias.high:
            return f"Most of the labelers' squared error is variance, which averaging takes away: {parts}."
        return f"The labelers' squared error is {parts}: of a size, or too uncertain to rank."

    def __str__(self) -> str:
        sections = [str(self.verdict), bullets("In short", self.sentences), self._labelers(), self._error()]
        sections += [self._averaged(), self._students(), *map(str, self.intervals)]
        if isinstance(self.next_labels, NumberNextLabels):
            sections.append(str(self.next_labels))
        if self.notes:
            sections.append(bullets("Notes", self.notes))
        return "\n\n".join(filter(None, sections))

    def _repr_html_(self) -> str:
        return preformatted(str(self))

    def _labelers(self) -> str:
        width = max(7, *(len(each.name) for each in self.labelers))
        heads = ("points", "mean", "deviation", "less others", "correlation")
        lines = [
            f"Labelers: {len(self.labelers)}, {self.n_points:,} points",
            f"  {'labeler':<{width}}" + "".join(f"{head:>13}" for head in heads) + f"{'squared error':>28}",
        ]
        for each in self.labelers:
            cells = "".join(
                f"{cell:>13}" if isinstance(cell, int) else f"{_number(cell):>13}"
                for cell in (each.n_points, each.mean, each.deviation, each.offset, each.correlation)
            )
            lines.append(f"  {each.name:<{width}}{cells}{_cell(each.mse):>28}")
        return "\n".join(lines)

    def _error(self) -> str:
        lines = ["Error of a number: variance (an average removes it) and shared bias (a student inherits it)"]
        lines += _row("variance about the shared answer", self.variance)
        lines += _row("correlation of two labelers", self.agreement)
        truth = self.truth
        if isinstance(truth, Withheld):
            return "\n".join([*lines, *_row("shared bias, squared", truth)])
        lines += _row("squared error of a number", truth.error, f"{truth.n_points:,} true numbers")
        lines += _row("  R2", truth.r2, "0 is as good as always saying the mean")
        lines += _row("shared bias, squared", truth.shared_bias, "products of two labelers' errors")
        lines += _row("squared error of the mean of all", truth.of_mean)
        lines += _row("mean error", truth.offset)
        lines.append(f"  {'slope of the true number on the mean':<40}{_number(truth.slope)}   1 where it is calibrated")
        lines.append(f"  {'correlation of both':<40}{_number(truth.correlation)}")
        return "\n".join(lines)

    def _averaged(self) -> str:
        if not self.averaged:
            return ""
        head = f"  {'labelers':<10}{'variance left':>14}{'squared error':>15}{'reliability':>13}"
        rows = [
            f"  {each.labelers:<10}{_number(each.variance):>14}{_plain(each.error):>15}{each.reliability:>13.3f}"
            for each in self.averaged
        ]
        return "\n".join(["What averaging leaves", head, *rows])

    def _students(self) -> str:
        title = "Students of these numbers, on points they did not see (ridge)"
        if isinstance(self.encoder, Withheld):
            return f"{title}\n  none: {self.encoder.reason}"
        lines = [title, f"  {'they see':<40}{self.encoder}"]
        for each in self.students:
            lines.append(f"  student of {each.of}")
            lines += _row("  distance from the shared answer", each.from_shared)
            lines += _row("  nearer to it than its labels by", each.gain)
            lines += _row("  nearer to it than a labeler by", each.over_labeler)
            lines += _row("  squared error", each.error)
            lines += _row("  R2", each.r2)
            lines += _row("  less than of its labels by", each.true_gain)
            lines += _row("  less than of a labeler by", each.true_over_labeler)
        return "\n".join(lines)


def _of_student(student: NumberStudent) -> Iterator[str]:
    """Say whether a student gains: by true numbers if there are any, else towards the shared answer."""
    for gain, what in ((student.true_gain, "has less squared error than"), (student.gain, "")):
        if isinstance(gain, Withheld):
            continue
        towards = what or "is nearer to the shared answer than"
        away = "has more squared error than" if what else "is further from the shared answer than"
        who = f"A student of {student.of}"
        if is_above_zero(gain):
            yield f"{who} {towards} its labels, by {gain}."
        elif is_below_zero(gain):
            yield f"{who} {away} its labels (gain {gain})."
        else:
            yield f"{who} and its labels cannot be told apart (gain {gain})."
        return


def _row(name: str, value: Interval | Withheld, note: str = "") -> list[str]:
    if isinstance(value, Withheld):
        return [wrapped(f"{name:<40}not given: {value.reason}", first="  ", rest=" " * 42)]
    return [f"  {name:<40}{value}" + (f"   {note}" if note else "")]


def _number(value: float) -> str:
    return "—" if math.isnan(value) else f"{value:.4g}"


def _plain(value: float | Withheld) -> str:
    return "—" if isinstance(value, Withheld) else _number(value)


def _cell(value: Interval | Withheld) -> str:
    return "—" if isinstance(value, Withheld) else str(value)


NUMBER_PREFLIGHTS = ReportFolder(
    "preflight of numbers", "preflight", "preflight report", NumberPreflight, schema=2, table="points.csv"
)
"""How a report on numbers is kept on disk. Schema 1 had no verdict, no intervals and no points to label next."""

load_number_preflight = NUMBER_PREFLIGHTS.read
