"""Agreement between models without any label: raw, beyond chance, and crossed over teachers.

Crossed kappa compares a student with the teachers that did not label it: what they share is not memorised from one
teacher. Consensus is the geometric mean of that and of the students' agreement with each other; over losses and lengths
of training it ranks students much as their accuracy does. Raw agreement fails there when a student drops a class, which
is what the correction for chance is for.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from outlearn.core.log_space import row_sum
from outlearn.core.point_models import check_same_points, labeled_by
from outlearn.core.predictions import Predictions
from outlearn.core.top_class import hard_votes, top_class

__all__ = ["Consensus", "agreement", "consensus", "consensus_without", "kappa_matrix"]


@dataclass(frozen=True)
class Consensus:
    """Agreement beyond chance across teachers, no label used; nan where there are not two teachers to cross.

    `crossed_kappa`: students against the hard labels of teachers that did not label them. `student_kappa`: students of
    different teachers against each other. `consensus`: sqrt(max(crossed, 0) max(student, 0)). `reason` explains a nan.
    """

    crossed_kappa: float
    student_kappa: float
    consensus: float
    reason: str | None = None


def agreement(teacher: Predictions, student: Predictions) -> Float[np.ndarray, "students points"]:
    """Mark 1 where a student's most probable class is that of the teacher that labeled it, else 0.

    Equally probable classes share: the chance to agree when both break their ties at random. Where the teacher leaves
    the point out it is nan.

    Examples:
        >>> t = Predictions.from_probs(np.array([[0.9, 0.1], [0.4, 0.6]]))
        >>> s = Predictions.from_probs(np.array([[0.7, 0.3], [0.8, 0.2]]))
        >>> agreement(t, s)
        array([[1., 0.]])
    """
    own = labeled_by(teacher, student)
    agree = row_sum(top_class(student.log_probs) * top_class(teacher.log_probs)[own])
    return np.asarray(agree if teacher.answered is None else np.where(teacher.answered[own], agree, np.nan))


def kappa_matrix(first: Predictions, second: Predictions) -> Float[np.ndarray, "first second"]:
    """Measure Cohen's kappa between the hard labels of every model of `first` and every model of `second`.

    kappa = (p_o - p_e) / (1 - p_e), p_o the share of equal labels and p_e that of independent labels with the same
    class shares. Where both always answer the same one class, p_o = p_e = 1 and kappa is taken as 0: nothing beyond
    chance. A model that finds all classes equally likely abstains: a pair is compared where neither does, and a pair
    that never answers both has kappa 0.

    Examples:
        >>> a = Predictions.from_probs(np.array([[0.9, 0.1], [0.9, 0.1], [0.1, 0.9], [0.1, 0.9]]))
        >>> b = Predictions.from_probs(np.array([[0.9, 0.1], [0.1, 0.9], [0.1, 0.9], [0.1, 0.9]]))
        >>> kappa_matrix(a, b)
        array([[0.5]])

    Source: Cohen, A coefficient of agreement for nominal scales, 1960.
    """
    check_same_points(first, second, ("first", "second"))
    return _PairCounts.of(_votes(first), _votes(second)).kappas()


def _votes(predictions: Predictions) -> Float[np.ndarray, "classes models points"]:
    """Return hard labels as 0 and 1: counts of them are exact below 2^24 in float32, shares of ties nearly."""
    return np.moveaxis(hard_votes(predictions), -1, 0).astype(np.float32, order="C")


@dataclass(frozen=True, eq=False)
class _PairCounts:
    """Points counted for pairs of models, what kappa is made of: sums over points, so that blocks of them add up.

    Attributes:
        both: points where both answer, `[first, second]`.
        equal: of these, where both answer the same.
        first, second: of these, where the one answers each class, `[classes, first, second]`.
    """

    both: Float[np.ndarray, "first second"]
    equal: Float[np.ndarray, "first second"]
    first: Float[np.ndarray, "classes first second"]
    second: Float[np.ndarray, "classes first second"]

    @classmethod
    def of(
        cls, ours: Float[np.ndarray, "classes first points"], theirs: Float[np.ndarray, "classes second points"]
    ) -> _PairCounts:
        """Count all points; one product a class counts all pairs."""
        first_speaks, second_speaks = ours.sum(axis=0), theirs.sum(axis=0)
        both = (first_speaks @ second_speaks.T).astype(np.float64)
        equal, shape = np.zeros(both.shape), (len(ours), *both.shape)
        first, second = np.empty(shape), np.empty(shape)
        for k, (a, b) in enumerate(zip(ours, theirs, strict=True)):
            equal += a @ b.T
            first[k], second[k] = a @ second_speaks.T, first_speaks @ b.T
        return cls(both, equal, first, second)

    def without(self, part: _PairCounts) -> _PairCounts:
        """Leave out points that were counted too."""
        return _PairCounts(
            self.both - part.both, self.equal - part.equal, self.first - part.first, self.second - part.second
        )

    def kappas(self) -> Float[np.ndarray, "first second"]:
        """Return kappa of each pair."""
        both = np.maximum(self.both, 1.0)
        chance = np.zeros(both.shape)
        for a, b in zip(self.first, self.second, strict=True):
            chance += (a / both) * (b / both)
        beyond = 1 - chance
        certain = beyond <= 1e-12  # both constant and equal: 0 / 0
        return np.where(certain, 0.0, (self.equal / both - chance) / np.where(certain, 1.0, beyond))


def consensus(teacher: Predictions, student: Predictions) -> Consensus:
    """Measure crossed kappa, kappa among students of different teachers, and their geometric mean.

    Args:
        teacher: `[teachers, points, classes]`, on points whose labels need not be known.
        student: `[students, points, classes]`, with `teacher_of`.

    Returns:
        The three numbers; nan with a reason if all students are of one teacher and no other teacher is given.

    Examples:
        >>> t = Predictions.from_probs(np.array([[[0.9, 0.1], [0.2, 0.8]], [[0.8, 0.2], [0.3, 0.7]]]))
        >>> consensus(t, t).consensus
        1.0
    """
    own = labeled_by(teacher, student)
    crossed = own[:, None] != np.arange(len(teacher.log_probs))[None, :]
    other = own[:, None] != own[None, :]
    if not crossed.any():
        return Consensus(math.nan, math.nan, math.nan, "one teacher only: there is no other teacher to compare with")
    check_same_points(student, teacher, ("student", "teacher"))
    ours = _votes(student)
    kx = float(_PairCounts.of(ours, _votes(teacher)).kappas()[crossed].mean())
    if not other.any():
        return Consensus(kx, math.nan, math.nan, "all students are of one teacher: no students of different teachers")
    ks = float(_PairCounts.of(ours, ours).kappas()[other].mean())
    return Consensus(kx, ks, _together(kx, ks))


def consensus_without(
    teacher: Predictions, student: Predictions, blocks: Int[np.ndarray, " points"]
) -> Float[np.ndarray, " blocks"]:
    """Measure the consensus without each block of points in turn, for a jackknife, at the cost of one.

    Args:
        teacher, student: as for `consensus`, students of two teachers at least.
        blocks: 0, 1, ..., the block of each point.
    """
    own = labeled_by(teacher, student)
    check_same_points(student, teacher, ("student", "teacher"))
    crossed, other = own[:, None] != np.arange(len(teacher.log_probs)), own[:, None] != own
    ours, theirs = _votes(student), _votes(teacher)
    parts = [blocks == block for block in range(int(blocks.max()) + 1)]

    def kappas(first: np.ndarray, second: np.ndarray, among: np.ndarray) -> list[float]:
        whole = _PairCounts.of(first, second)
        left = (whole.without(_PairCounts.of(first[..., part], second[..., part])) for part in parts)
        return [float(each.kappas()[among].mean()) for each in left]

    return np.array(list(map(_together, kappas(ours, theirs, crossed), kappas(ours, ours, other))))


def _together(crossed: float, students: float) -> float:
    """Take the geometric mean of both kappas; none where one is below chance."""
    return math.sqrt(max(students, 0.0) * max(crossed, 0.0))
