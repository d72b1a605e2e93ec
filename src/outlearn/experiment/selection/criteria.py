"""Label-free measures of students, each with what it assumes and where it fails; the table of them.

Teacher draws are independent given the point, so a student and a teacher that did not label it agree beyond chance only
where both hold what teachers share: the truth, and their common bias. With labels coded as +-1, sigma(x) and tau(x) the
mean student and the mean teacher at a point, kappas estimate <sigma, tau> (crossed) and <sigma, sigma> (students).
Derivation: docs/auto.md.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from outlearn.core.agreement import consensus
from outlearn.core.crossed import CrossedMisfit, crossed_misfit
from outlearn.core.generators import get_generator
from outlearn.core.pairing import labelled_by
from outlearn.core.predictions import Predictions

__all__ = ["CRITERIA", "Criterion"]


@dataclass(frozen=True)
class Criterion:
    """A measure of the students of one candidate; no true label enters.

    Attributes:
        measure: (labellers, students with `teacher_of`) -> a number, nan where it cannot be told.
        higher_is_better: the direction.
        held_out: True if it makes sense only on points whose weak labels the students did not learn from.
        assumes, fails: in words.
    """

    measure: Callable[[Predictions, Predictions], float]
    higher_is_better: bool
    held_out: bool
    assumes: str
    fails: str


def _crossed(labellers: Predictions, students: Predictions) -> CrossedMisfit:
    return crossed_misfit(
        labellers.log_probs,
        students.log_probs,
        labelled_by(labellers, students),
        get_generator("negative_entropy"),
        "target_first",
    )


def _weak_label_cross_entropy(labellers: Predictions, students: Predictions) -> float:
    own = labelled_by(labellers, students)
    labels = labellers.log_probs[own]
    speaks = labels.max(axis=-1) > labels.min(axis=-1)  # who finds all classes equally likely says nothing
    if not speaks.any():
        return math.nan
    with np.errstate(invalid="ignore"):  # 0 times -inf: a class that neither gives any probability
        cost = np.where(np.isneginf(labels), 0.0, -np.exp(labels) * students.log_probs)
    return float(cost.sum(axis=-1)[speaks].mean())


CRITERIA: dict[str, Criterion] = {
    "consensus": Criterion(
        lambda labellers, students: consensus(labellers, students).consensus,
        higher_is_better=True,
        held_out=False,
        assumes="Where a student leaves what teachers share, it is partly towards the truth: between the assumptions "
        "of crossed_kappa and of student_kappa.",
        fails="All labellers share an error that students learn with certainty; or a labeller's errors are mostly "
        "noise at so few points that students agree by chance.",
    ),
    "crossed_kappa": Criterion(
        lambda labellers, students: consensus(labellers, students).crossed_kappa,
        higher_is_better=True,
        held_out=False,
        assumes="Students err independently of the labellers' shared bias; then it is proportional to accuracy.",
        fails="Labellers share a bias: the best value belongs to the student that repeats their majority. Prefers "
        "students that are cautious about leaving the labellers.",
    ),
    "student_kappa": Criterion(
        lambda labellers, students: consensus(labellers, students).student_kappa,
        higher_is_better=True,
        held_out=False,
        assumes="Students of different labellers that agree do so on the truth; it bounds accuracy from above.",
        fails="A student's own prior makes it consistent and wrong: few classes, few steps, many rounds.",
    ),
    "crossed_misfit": Criterion(
        lambda labellers, students: _crossed(labellers, students).mean,
        higher_is_better=False,
        held_out=False,
        assumes="Log loss under the labellers' own distributions is what is wanted.",
        fails="Accuracy is wanted: it follows confidence, and punishes students that are rightly surer than teachers.",
    ),
    "overfit_covariance": Criterion(
        lambda labellers, students: _crossed(labellers, students).covariance,
        higher_is_better=False,
        held_out=False,
        assumes="Candidates differ in how much of one labeller they memorise, and in nothing else.",
        fails="Always prefers the student that has learned least: an untrained one has none. Compare lengths of one "
        "loss by it, not losses.",
    ),
    "weak_label_validation": Criterion(
        _weak_label_cross_entropy,
        higher_is_better=False,
        held_out=True,
        assumes="What predicts a labeller's held-out labels best is best.",
        fails="Labellers err systematically: their errors can be predicted too, and it asks for them.",
    ),
}
