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
from jaxtyping import Float

from outlearn.core.decomposition.crossed_misfit import CrossedMisfit, crossed_misfit
from outlearn.core.gaps import NEEDS_EVERY_ANSWER
from outlearn.core.generators import get_generator
from outlearn.core.point_models import labeled_by
from outlearn.core.predictions import Predictions
from outlearn.core.students.agreement import Consensus, consensus
from outlearn.core.top_class import hard_votes, top_class
from outlearn.errors import ConfigError, suggest

__all__ = ["CRITERIA", "Agreement", "Criterion", "check_criterion", "measure_agreement", "weak_label_accuracy"]


@dataclass(frozen=True)
class Agreement:
    """What criteria are read from: students of one candidate against the labelers, on one set of points.

    `pool_kappa`: mean kappa of a student with the majority of all candidates' students of the other labelers; it is nan
    where there is no other candidate.
    """

    consensus: Consensus
    crossed: CrossedMisfit
    weak_label_cross_entropy: float
    weak_label_accuracy: float
    pool_kappa: float = math.nan

    @property
    def pooled_consensus(self) -> float:
        """Weigh the pool as much as both other kappas together: (kx ks pool^2)^(1/4), nan without a pool."""
        kx, ks = self.consensus.crossed_kappa, self.consensus.student_kappa
        if math.isnan(self.pool_kappa):
            return math.nan
        return float((max(kx, 0.0) * max(ks, 0.0) * max(self.pool_kappa, 0.0) ** 2) ** 0.25)


def measure_agreement(labelers: Predictions, students: Predictions) -> Agreement:
    """Measure everything that criteria need, once; no true label enters."""
    own = labeled_by(labelers, students)
    labels = labelers.log_probs
    if labelers.answered is not None:
        crossed = CrossedMisfit(math.nan, math.nan, None, None, NEEDS_EVERY_ANSWER)
    elif np.isfinite(labels).all():
        crossed = crossed_misfit(labelers, students, own, get_generator("negative_entropy"), "target_first")
    else:
        crossed = CrossedMisfit(math.nan, math.nan, None, None, "a labeler gives probability 0: it is infinite")
    votes = hard_votes(labelers)[own]
    speaks = votes.any(axis=-1)
    cost = _weak_label_cross_entropy(labels[own], speaks, students.log_probs)
    return Agreement(consensus(labelers, students), crossed, cost, weak_label_accuracy(votes, students.log_probs))


def weak_label_accuracy(
    votes: Float[np.ndarray, "models points classes"], scores: Float[np.ndarray, "models points classes"]
) -> float:
    """Return how often models say what their own labeler does, where it says something; nan where it never does.

    Args:
        votes: hard labels as `hard_votes` gives them, one row for each model.
        scores: of the models.

    Examples:
        >>> weak_label_accuracy(np.array([[[1.0, 0.0], [0.0, 0.0]]]), np.array([[[2.0, 1.0], [2.0, 1.0]]]))
        1.0
    """
    spoken = votes.sum()
    return float((votes * top_class(scores)).sum() / spoken) if spoken else math.nan


def _weak_label_cross_entropy(labels: np.ndarray, speaks: np.ndarray, students: np.ndarray) -> float:
    if not speaks.any():
        return math.nan
    with np.errstate(invalid="ignore"):  # 0 times -inf: a class that neither gives any probability
        cost = np.where(np.isneginf(labels), 0.0, -np.exp(labels) * students)
    return float(cost.sum(axis=-1)[speaks].mean())


@dataclass(frozen=True)
class Criterion:
    """A measure of the students of one candidate; no true label enters.

    Attributes:
        name: in configurations and results.
        label: for people, as in "chosen by the LABEL".
        read: what was measured -> a number, nan where it cannot be told.
        higher_is_better: the direction.
        assumes, fails: in words, for tables.
        held_out: True if it makes sense only on points whose weak labels the students did not learn from.
    """

    name: str
    label: str
    read: Callable[[Agreement], float]
    higher_is_better: bool
    assumes: str
    fails: str
    held_out: bool = False


CRITERIA: dict[str, Criterion] = {
    each.name: each
    for each in (
        Criterion(
            "pooled_consensus",
            "consensus with the pool",
            lambda found: found.pooled_consensus,
            higher_is_better=True,
            assumes="as consensus does, and the majority of all candidates' students is nearer to the truth than most "
            "of them are",
            fails="most candidates share an error, as where their labels name too few classes",
        ),
        Criterion(
            "consensus",
            "consensus of kappas",
            lambda found: found.consensus.consensus,
            higher_is_better=True,
            assumes="where a student leaves what teachers share, it is partly towards the truth: between the "
            "assumptions of the two kappas",
            fails="labelers share an error that students learn with certainty, or err mostly by noise at so few "
            "points that students agree by chance",
        ),
        Criterion(
            "crossed_kappa",
            "kappa with other teachers",
            lambda found: found.consensus.crossed_kappa,
            higher_is_better=True,
            assumes="students do not repeat the labelers' common bias; then it is proportional to accuracy beyond "
            "chance",
            fails="they do: the student that repeats the labelers' majority wins. Elsewhere it is too cautious about "
            "leaving them",
        ),
        Criterion(
            "student_kappa",
            "kappa between students",
            lambda found: found.consensus.student_kappa,
            higher_is_better=True,
            assumes="students of different labelers that agree do so on the truth; it bounds accuracy from above",
            fails="a student's own prior makes it consistent and wrong: few classes, few steps, many rounds",
        ),
        Criterion(
            "crossed_misfit",
            "crossed misfit",
            lambda found: found.crossed.mean,
            higher_is_better=False,
            assumes="log loss under the labelers' own distributions is what is wanted",
            fails="accuracy is wanted: it follows confidence, and punishes students that are rightly surer than "
            "their teachers",
        ),
        Criterion(
            "overfit_covariance",
            "overfit covariance",
            lambda found: found.crossed.covariance,
            higher_is_better=False,
            assumes="candidates differ only in how much of one labeler they memorise",
            fails="it always prefers the student that has learned least, an untrained one above all: compare lengths "
            "of one loss by it, not losses",
        ),
        Criterion(
            "weak_label_validation",
            "loss on held-out weak labels",
            lambda found: found.weak_label_cross_entropy,
            higher_is_better=False,
            held_out=True,
            assumes="what predicts a labeler's held-out labels best is best",
            fails="errors of labelers can be predicted too, and it asks for them; it measures confidence more than "
            "accuracy",
        ),
        Criterion(
            "weak_label_accuracy",
            "accuracy on held-out weak labels",
            lambda found: found.weak_label_accuracy,
            higher_is_better=True,
            held_out=True,
            assumes="who repeats a labeler's held-out labels most often is best: what a careful user tunes by",
            fails="it never leaves what single labelers say, right or wrong",
        ),
    )
}


def check_criterion(criterion: str, *, validation: bool = True) -> None:
    """Raise unless this criterion exists and can be measured, with validation points or without.

    Raises:
        ConfigError: says which do.
    """
    if criterion not in CRITERIA:
        raise ConfigError(f"criterion is {criterion!r}; {suggest(criterion, CRITERIA)}")
    if CRITERIA[criterion].held_out and not validation:
        raise ConfigError(f"the criterion {criterion} needs validation points; give some, or use consensus.")
