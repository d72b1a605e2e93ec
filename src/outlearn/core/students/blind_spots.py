"""Blind spots: where a student is confidently wrong and its teacher, which might have warned, is unsure.

With the class of a model its most probable one, its confidence c the probability of it, and "sure" c >= threshold:

    blind spot              student wrong and sure, its teacher unsure; a share of all points
    error where blind       share of wrong students among those that are sure where their teacher is not
    confident disagreement  student sure of another class than its teacher's; needs no label
    right when disagreeing  share of right students among those

The default threshold, (1 + 1/K) / 2, lies half-way between guessing and certainty for any number of classes K: 0.75 for
two. Thresholds on probabilities compare models of different calibration badly, so one measure has none. With u the
rank of a model's confidence among its own points, from 0 to 1,

    blind-spot index = 4 E[wrong u_student (1 - u_teacher)] / E[wrong],

which is the blind-spot rate averaged over all pairs of thresholds by rank, over what it were if errors fell anywhere
(1/4 of the error). Above 1 errors gather where the student is sure and its teacher is not: nobody sees them coming.
Below 1 the student doubts its errors, or they lie where its teacher is sure too, mostly inherited from it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
from jaxtyping import Bool, Float, Integer

from outlearn.core.intervals import Interval
from outlearn.core.log_space import log_sum, row_max
from outlearn.core.mean_intervals import mean_interval, ratio_interval
from outlearn.core.metrics import accuracy
from outlearn.core.plain_arrays import plain_array
from outlearn.core.point_models import check_every_answer, labeled_by
from outlearn.core.predictions import Predictions, check_predictions
from outlearn.core.ranks import mid_ranks
from outlearn.core.scales import POSITIVE, SHARE
from outlearn.core.students.agreement import agreement
from outlearn.errors import ConfigError

__all__ = ["MEANS", "BlindSpotSummary", "BlindSpots", "blind_spots", "halfway_to_certainty"]

MEANS = ("blind_spot", "error_where_blind", "index", "confident_disagreement", "right_when_disagreeing")


@dataclass(frozen=True)
class BlindSpotSummary:
    """Means with intervals, over teachers and points (over points for a single teacher); print() it.

    Ratios are linearised. Where nothing is counted (no student was sure where its teacher was not) they are nan, and
    `reason` says so.
    """

    threshold: float
    blind_spot: Interval
    error_where_blind: Interval
    index: Interval
    confident_disagreement: Interval
    right_when_disagreeing: Interval

    def __str__(self) -> str:
        rows = [
            (f"student wrong and sure (p at least {self.threshold:.3g}), teacher unsure", self.blind_spot),
            ("  wrong, of students sure where their teacher is not", self.error_where_blind),
            ("  without a threshold: index, 1 if errors fell anywhere", self.index),
            ("student sure of another class than its teacher", self.confident_disagreement),
            ("  right, of these", self.right_when_disagreeing),
        ]
        return "\n".join(f"{name:<60}{value}" for name, value in rows)


@dataclass(frozen=True, eq=False)
class BlindSpots:
    """What is true of each student at each point, `[students, points]`.

    `wrong` and `disagree` are 1 or 0; where classes tie for the most probable, the chance of it if ties are broken at
    random.

    Attributes:
        threshold: of being sure.
        wrong: the student's class is not the label.
        sure, teacher_sure: confidence of at least the threshold, of the student and of its own teacher.
        disagree: the student's class is not its teacher's.
        rank, teacher_rank: of confidence among a model's own points, mid-ranks between 0 and 1.
        teacher_of: for each student the row of its teacher.
    """

    threshold: float
    wrong: Float[np.ndarray, "students points"]
    sure: Bool[np.ndarray, "students points"]
    teacher_sure: Bool[np.ndarray, "students points"]
    disagree: Float[np.ndarray, "students points"]
    rank: Float[np.ndarray, "students points"]
    teacher_rank: Float[np.ndarray, "students points"]
    teacher_of: Integer[np.ndarray, "students"]

    def summary(self, level: float = 0.95) -> BlindSpotSummary:
        """Average over students and points, with two-way intervals clustered by teacher."""
        mean = partial(mean_interval, level=level, clusters=self.teacher_of, scale=SHARE)
        ratio = partial(ratio_interval, level=level, clusters=self.teacher_of)
        unseen = (self.sure & ~self.teacher_sure).astype(np.float64)
        disagreeing = self.sure * self.disagree
        # index = 4 E[wrong u_student (1 - u_teacher)] / E[wrong]: 1/4 is E[u (1 - u')] of independent uniform ranks
        area = 4 * self.wrong * self.rank * (1 - self.teacher_rank)
        return BlindSpotSummary(
            threshold=self.threshold,
            blind_spot=mean(self.wrong * unseen),
            error_where_blind=ratio(self.wrong * unseen, unseen),
            index=ratio(area, self.wrong, scale=POSITIVE),
            confident_disagreement=mean(disagreeing),
            right_when_disagreeing=ratio((1 - self.wrong) * disagreeing, disagreeing),
        )


def blind_spots(
    labels: Integer[np.ndarray, "points"], *, teacher: Predictions, student: Predictions, threshold: float | None = None
) -> BlindSpots:
    """Find where students are sure, where they are wrong, and whether their own teacher would have warned.

    A model is sure where its confidence, the probability of its most probable class, is at least the threshold; a blind
    spot is a point where the student is wrong and sure and its teacher is not sure.

    Args:
        labels: true classes, `[points]` int.
        teacher: `[teachers, points, classes]`.
        student: `[students, points, classes]`, with `teacher_of` unless there is one teacher or one student a teacher.
        threshold: the probability from which on a model is sure of its class; half-way to certainty if None.

    Returns:
        Marks `[students, points]`; `summary()` for means with intervals, as shares of points.

    Raises:
        ConfigError: for a threshold that is not above 1/K and at most 1.
        AlignmentError: if teacher and student have different points, or the pairing is not said.
        AlignmentError, DomainError: for labels that are not one class a point.

    Examples:
        >>> t = Predictions.from_probs(np.array([[0.6, 0.4], [0.9, 0.1], [0.6, 0.4], [0.2, 0.8]]))
        >>> s = Predictions.from_probs(np.array([[0.1, 0.9], [0.8, 0.2], [0.6, 0.4], [0.3, 0.7]]))
        >>> found = blind_spots(np.array([0, 0, 1, 1]), teacher=t, student=s).summary()
        >>> found.blind_spot.mean, found.error_where_blind.mean, found.confident_disagreement.mean
        (0.25, 1.0, 0.25)

    Source: the question is that of Yang et al., Super(ficial)-alignment, 2024 (arXiv 2406.11431): strong students that
    err where their weak teachers do not know; and of Osooli et al., Evaluating risks in weak-to-strong alignment, 2026
    (arXiv 2604.25077), whose blind-spot metric counts the strong model confidently wrong while the weak one is
    uncertain. The formulas, the threshold and the index are ours; no intent is implied, and none can be measured here.
    """
    check_predictions(teacher=teacher, student=student)
    labels = plain_array(labels, "labels")
    check_every_answer(teacher, student)
    own = labeled_by(teacher, student)
    least = 1 / student.n_classes
    limit = halfway_to_certainty(student.n_classes) if threshold is None else threshold
    if not least < limit <= 1:
        raise ConfigError(
            f"threshold is {threshold!r}; expected a probability above {least:.3g}, what guessing among "
            f"{student.n_classes} classes gives, and at most 1."
        )
    confidence, teacher_confidence = (np.exp(row_max(each.log_probs)) for each in (student, teacher))
    return BlindSpots(
        threshold=float(limit),
        wrong=1 - accuracy(student, labels),
        sure=confidence >= limit,
        teacher_sure=(teacher_confidence >= limit)[own],
        disagree=1 - agreement(teacher, student),
        rank=_ranks(student),
        teacher_rank=_ranks(teacher)[own],
        teacher_of=own,
    )


def halfway_to_certainty(n_classes: int) -> float:
    """Return (1 + 1/K) / 2, half-way between the probability of a guess and 1.

    Examples:
        >>> halfway_to_certainty(2), halfway_to_certainty(10)
        (0.75, 0.55)
    """
    return (1 + 1 / n_classes) / 2


def _ranks(predictions: Predictions) -> np.ndarray:
    """Rank the confidences of each model among its own points: mid-ranks (r - 1/2) / n, which average 1/2."""
    log_probs = predictions.log_probs
    top = row_max(log_probs)
    # log-odds against all other classes: they tell apart what p = 1.0 no longer does.
    others = np.where(np.arange(log_probs.shape[-1]) == log_probs.argmax(axis=-1)[..., None], -np.inf, log_probs)
    with np.errstate(invalid="ignore"):
        odds = top - log_sum(others)
    return (mid_ranks(odds) - 0.5) / log_probs.shape[1]
