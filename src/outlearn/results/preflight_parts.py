"""The parts of a preflight report: labelers, students, true labels, points to check. Each writes its own lines."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from outlearn.core.intervals import Interval
from outlearn.core.text import bullets, printable, wrapped
from outlearn.results.measurement import Withheld
from outlearn.results.shares import within_ends

__all__ = [
    "CHECKS",
    "VERDICTS",
    "Bounds",
    "LabelerReport",
    "LearningCurvePoint",
    "PointToCheck",
    "StudentReport",
    "TruthReport",
    "Verdict",
    "interval_cell",
    "labelers_table",
    "points_section",
    "signed_cell",
]  # fmt: skip

POINTS_SHOWN = 5
NAME_WIDTH = 24
CHECKS = {
    "calibrate": "drawn at random, to measure shared bias",
    "mistake": "all labelers give the same wrong answer",
    "suspect": "students that did not see the point answer otherwise, or labelers are split",
}
"""Why a point is worth checking by hand, by the kind of `PointToCheck`."""
VERDICTS = {
    "gain": "the student beats a single labeler",
    "gain unless shared bias": "the student follows the labelers' shared answer better than a labeler does",
    "classes not told apart": "the labelers take some classes for one another",
    "undecided": "the student is not told apart from a labeler",
    "depends on shared bias": "the student departs from the labelers' shared answer more than a labeler does",
    "no gain": "the student does not beat a labeler",
    "not measured": "nothing is said about the student's gain",
    "no students": "nothing is said about a student",
    "unrelated labels": "the labels agree no more than chance",
}
"""What a report may answer, by the key of its verdict."""


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]


def interval_cell(interval: Interval | Withheld) -> str:
    """Write a share with its interval; an estimate beyond what a share can be is moved to the end of the interval."""
    if isinstance(interval, Withheld) or math.isnan(interval.mean):
        return "—"
    if math.isnan(interval.low):
        return f"{interval.mean:.3f} [no interval]"
    return f"{within_ends(interval).mean:.3f} [{interval.low:.3f}, {interval.high:.3f}]"


def signed_cell(interval: Interval | Withheld) -> str:
    """Write a difference with its interval."""
    if isinstance(interval, Withheld) or math.isnan(interval.low):
        return interval_cell(interval)
    return f"{interval.mean:+.3f} [{interval.low:+.3f}, {interval.high:+.3f}]"


@dataclass(frozen=True)
class Bounds:
    """The least and the most that a number can be."""

    low: float
    high: float


@dataclass(frozen=True)
class Verdict:
    """The answer: a key of `VERDICTS`, the same in words with its numbers, and what to do."""

    key: str
    answer: str
    advice: tuple[str, ...]

    @property
    def title(self) -> str:
        """Return the answer without its numbers; the key itself for one that this version does not know."""
        return _capital(VERDICTS.get(self.key, self.key))

    @property
    def because(self) -> str:
        """Return the rest of the answer: its numbers, or the reason."""
        rest = self.answer.removeprefix(self.title).strip(" .:")
        return f"{_capital(rest.removeprefix('(').removesuffix(')'))}." if rest else ""

    def __str__(self) -> str:
        answer = wrapped(self.answer, first="  ", rest="  ")
        return f"Will my student beat my labeler?\n{answer}\n\n{bullets('What to do', self.advice)}"


@dataclass(frozen=True)
class LabelerReport:
    """One labeler.

    Attributes:
        name: its column.
        n_labels: labels it gave.
        agreement: how often it agrees with another labeler, mean over the others.
        missed: how often it misses the answer that the labelers share, under the model of noise.
        error: how often it is wrong; withheld without true labels.
    """

    name: str
    n_labels: int
    agreement: Interval
    missed: Interval
    error: Interval | Withheld


def labelers_table(labelers: Sequence[LabelerReport]) -> str:
    """Write one line a labeler; how often it is wrong stands there if it is known of any."""
    names = [printable(row.name, width=NAME_WIDTH) for row in labelers]
    width = max(12, *map(len, names))
    with_error = any(isinstance(row.error, Interval) for row in labelers)
    head = f"  {'':<{width}}{'labels':>8}{'agrees with another':>28}{'misses the shared answer':>28}"
    lines = [head + (f"{'is wrong':>28}" if with_error else "")]
    for name, row in zip(names, labelers, strict=True):
        cells = [row.agreement, row.missed, *([row.error] if with_error else [])]
        line = f"  {name:<{width}}{row.n_labels:>8,}" + "".join(f"{interval_cell(cell):>28}" for cell in cells)
        lines.append(line.rstrip())
    return "\n".join(lines)


@dataclass(frozen=True)
class StudentReport:
    """Students of one kind, compared with single labelers and with a vote.

    Attributes:
        name: "of one labeler" or "of all labelers".
        accuracy: how often they give the shared answer.
        gain: how much more often than a single labeler.
        accuracy_gain: bounds of the gain in true accuracy, for a shared bias up to the largest allowed for, ends of
            intervals.
        break_even: the shared bias up to which the gain in accuracy has the sign of `gain`, the lower end of its
            interval; withheld where that sign is not told.
        over_vote: how much more often they give the shared answer than a vote of the same labelers; withheld where the
            labelers are too few to vote.
        true_accuracy: how often they are right; withheld, as all that follow, without true labels.
        true_gain: gain in true accuracy over a single labeler.
        true_over_vote: the same over the vote.
        off: true gain less the gain that was predicted without true labels, paired.
    """

    name: str
    accuracy: Interval
    gain: Interval
    accuracy_gain: Bounds
    break_even: float | Withheld
    over_vote: Interval | Withheld
    true_accuracy: Interval | Withheld
    true_gain: Interval | Withheld
    true_over_vote: Interval | Withheld
    off: Interval | Withheld

    def __str__(self) -> str:
        lines = []
        if not math.isnan(self.accuracy.mean):  # of one labeler no answer is shared
            lines = [
                f"gives the shared answer                     {interval_cell(self.accuracy)}",
                f"gain over a labeler, on the shared answer   {signed_cell(self.gain)}",
            ]
        if isinstance(self.true_gain, Withheld):
            bounds = self.accuracy_gain
            lines.append(f"gain in accuracy, without true labels       {bounds.low:+.3f} to {bounds.high:+.3f}")
            if not isinstance(self.break_even, Withheld):
                kind = "a gain" if self.gain.mean > 0 else "a loss"
                lines.append(f"is {kind} for a shared bias up to           {min(self.break_even, 1):.1%} of points")
        else:
            lines += [
                f"is right, with true labels                  {interval_cell(self.true_accuracy)}",
                f"gain in accuracy, with true labels          {signed_cell(self.true_gain)}",
            ]
            if not isinstance(self.off, Withheld):
                lines.append(f"the prediction without them was off by      {signed_cell(self.off)}")
        if not isinstance(self.over_vote, Withheld):
            lines.append(f"over a vote, on the shared answer           {signed_cell(self.over_vote)}")
        if not isinstance(self.true_over_vote, Withheld):
            lines.append(f"over a vote in accuracy, with true labels   {signed_cell(self.true_over_vote)}")
        return "\n".join([f"  student {self.name}", *(f"    {line}" for line in lines)])


@dataclass(frozen=True)
class TruthReport:
    """What a few true labels add; they must be of a random sample of the points.

    Attributes:
        n_labels: how many there are.
        error: mean error of the labelers.
        shared_bias: how often the answer that they share is wrong, under the model of noise.
        removable: the part of the error that more labelers or a student can remove: 1 - shared bias / error.
        squared_bias: error less half the disagreement: the bias of the labels in squared loss, without a model of
            noise.
    """

    n_labels: int
    error: Interval
    shared_bias: Interval
    removable: Interval
    squared_bias: Interval

    def __str__(self) -> str:
        bias = f"{interval_cell(self.shared_bias)}   {self.n_labels:,} true labels"
        squared = f"{interval_cell(self.squared_bias)}   error - disagreement / 2"
        return "\n".join(
            [
                f"  shared bias: the shared answer is wrong       {bias}",
                f"  error of a label                              {interval_cell(self.error)}",
                f"  share of the error that is variance           {interval_cell(self.removable)}",
                f"  bias in squared loss (any noise)              {squared}",
            ]
        )


@dataclass(frozen=True)
class LearningCurvePoint:
    """How often a student that sees this many points gives the shared answer."""

    n_points: int
    accuracy: Interval


@dataclass(frozen=True)
class PointToCheck:
    """A point worth checking by hand.

    Attributes:
        index, id: which point.
        kind: a key of `CHECKS`.
        reason: what is odd about it.
        vote: the class that most labelers give; "" if none gives one.
        student, student_sure: the students' class and its probability; None without students.
    """

    index: int
    id: str
    kind: str
    reason: str
    vote: str
    student: str | None = None
    student_sure: float | None = None

    def __str__(self) -> str:
        vote = printable(self.vote, width=NAME_WIDTH) or "none"
        words = f"{printable(self.id, width=NAME_WIDTH)}: labelers {vote}"
        if self.kind == "mistake":
            return f"{words}, {self.reason}"
        if self.student is not None and self.student_sure is not None:
            words += f", students {printable(self.student, width=NAME_WIDTH)} ({self.student_sure:.2f})"
        return words


def points_section(points: Sequence[PointToCheck]) -> str:
    """Show the first points of each kind."""
    lines = ["Points to check by hand"]
    for kind, why in CHECKS.items():
        found = [point for point in points if point.kind == kind]
        if found:
            lines.append(f"  {kind} ({len(found)}): {why}")
            lines += [f"    {point}" for point in found[:POINTS_SHOWN]]
            lines += ["    ..."] if len(found) > POINTS_SHOWN else []
    return "\n".join(lines)
