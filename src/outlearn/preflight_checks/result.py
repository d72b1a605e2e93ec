"""What preflight found, as frozen values; print() a `Preflight` to read it."""

from __future__ import annotations

from dataclasses import dataclass, field

from outlearn.core.intervals import Interval

__all__ = ["LabelerReport", "PointToCheck", "Preflight", "StudentReport", "TruthReport", "Verdict"]


@dataclass(frozen=True)
class LabelerReport:
    """One labeler.

    Attributes:
        name: its column.
        n_labels: labels it gave.
        agreement: how often it agrees with another labeler, mean over the others.
        missed: how often it misses the answer that the labelers share, under even noise.
        error: how often it is wrong; None without true labels.
    """

    name: str
    n_labels: int
    agreement: Interval
    missed: Interval
    error: Interval | None


@dataclass(frozen=True)
class StudentReport:
    """Students of one kind, compared with single labelers and with a vote.

    Attributes:
        name: "of one labeler" or "of all labelers".
        accuracy: how often they give the shared answer.
        gain: how much more often than a single labeler.
        low, high: bounds of the gain in true accuracy, for a shared bias up to the largest allowed for, ends of
            intervals.
        break_even: the shared bias up to which the gain in accuracy has the sign of `gain`, the lower end of its
            interval; nan where that sign is not told.
        over_vote: how much more often they give the shared answer than a vote of the same labelers; None where the
            labelers are too few to vote.
        true_accuracy: how often they are right; None without true labels.
        true_gain: gain in true accuracy over a single labeler; None without true labels.
        true_over_vote: the same over the vote.
        off: true gain less the gain that was predicted without true labels, paired; None without true labels.
    """

    name: str
    accuracy: Interval
    gain: Interval
    low: float
    high: float
    break_even: float
    over_vote: Interval | None = None
    true_accuracy: Interval | None = None
    true_gain: Interval | None = None
    true_over_vote: Interval | None = None
    off: Interval | None = None


@dataclass(frozen=True)
class TruthReport:
    """What a few true labels add; they must be of a random sample of the points.

    Attributes:
        n_labels: how many there are.
        error: mean error of the labelers.
        shared_bias: how often the answer that they share is wrong, under even noise.
        removable: the part of the error that more labelers or a student can remove: 1 - shared bias / error.
        squared_bias: error less half the disagreement: the bias of the labels in squared loss, without the model of
            even noise.
    """

    n_labels: int
    error: Interval
    shared_bias: Interval
    removable: Interval
    squared_bias: Interval


@dataclass(frozen=True)
class Verdict:
    """The answer: a key (see `verdict.VERDICTS`), the same in words, and what to do."""

    key: str
    answer: str
    advice: tuple[str, ...]


@dataclass(frozen=True)
class PointToCheck:
    """A point worth checking by hand: `kind` is "calibrate" (drawn at random), "mistake" or "suspect"."""

    index: int
    id: str
    kind: str
    reason: str
    vote: str
    student: str | None = None
    student_sure: float | None = None


@dataclass(frozen=True)
class Preflight:
    """What a table of weak labels says about a student trained on it.

    Attributes:
        source, n_points, class_names, level, seed: of what.
        asked_twice: the columns are one labeler, asked again.
        labelers: one each.
        disagreement: how often two labels of a point differ.
        least_error: half of it: the mean error is at least that, whatever the errors are.
        missed: how often a labeler misses the shared answer, mean, under even noise: the variance of the labels.
        missed_bounds: the least and most it can be if noise is not even.
        ceiling: the highest agreement with a labeler's labels that anything can reach.
        largest_bias: the shared bias that was allowed for where it is not known.
        students: single ones, and of all labelers.
        more_labels: (points a student sees, how often it gives the shared answer).
        last_doubling: what the last doubling of points brought.
        vote_curve: (labelers, how often their vote gives the shared answer, under even noise).
        pooling: what a student of all labelers has over a student of one.
        truth: what true labels add, or None.
        checks: points to check by hand.
        verdict: the answer.
        assumptions, notes, warnings: sentences.
        encoder: what students see, or why there are none.
    """

    source: str
    n_points: int
    class_names: tuple[str, ...]
    level: float
    seed: int
    asked_twice: bool
    labelers: tuple[LabelerReport, ...]
    disagreement: Interval
    least_error: Interval
    missed: Interval
    missed_bounds: tuple[float, float]
    ceiling: Interval
    largest_bias: float
    students: tuple[StudentReport, ...]
    more_labels: tuple[tuple[int, Interval], ...]
    last_doubling: Interval | None
    vote_curve: tuple[tuple[int, float], ...]
    pooling: Interval | None
    truth: TruthReport | None
    checks: tuple[PointToCheck, ...]
    verdict: Verdict
    encoder: str
    assumptions: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = field(default=())

    @property
    def student(self) -> StudentReport | None:
        """Return the student of all the labels, or of single labelers where that one cannot be judged."""
        return self.students[-1] if self.students else None

    def __str__(self) -> str:
        from outlearn.preflight_checks.text import preflight_text

        return preflight_text(self)
