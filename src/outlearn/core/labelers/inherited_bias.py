"""What a student inherits from its labelers: the part of their bias that it repeats, in squared loss.

At a point x labels L are independent draws with mean p(x), as one-hot rows or distributions; y is the true class as a
one-hot row, and s(x) the student's answer there, the point not being among those it learned from. Half the squared
distance of a vote to the truth is 1 where it is wrong, so that the error of a label is, under any noise,

    E |L - y|^2 / 2  =  E |L - p|^2 / 2   variance: a student of ever more labels averages it away
                      + E <p - y, s - y> / 2   bias that the student repeats
                      + E <p - y, p - s> / 2   bias that it does not.

Where all labelers are wrong together, the second counts 1 if the student gives the same wrong class, 1/2 if another
wrong one, and 0 if it is right. It can exceed the bias: a student that answers the likelier class where labelers are
split the wrong way is wrong more surely than they are. Both come from products of things that are independent given x,
so that neither needs p itself: with labels L, L' of two labelers

    E |L - p|^2 = E |L|^2 - E <L, L'>,    E <p - y, s - y> = E <L - y, s - y>.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from jaxtyping import Float, Int

from outlearn.core.gaps import mean_of_known
from outlearn.core.labelers.influence import LinearisedEstimate, mean_estimate, with_controls
from outlearn.core.labelers.strata import DrawnStrata

__all__ = ["InheritedBias", "inherited_bias", "squared_variance"]

Labels = Float[np.ndarray, "labelers points classes"]


@dataclass(frozen=True, eq=False)
class InheritedBias:
    """The parts that true labels tell, means over points, in half squared distances.

    Attributes:
        error: E |L - y|^2 / 2, of a label.
        repeated: E <L - y, s - y> / 2, the bias that the student repeats.
        student_error: E |s - y|^2 / 2.
    """

    error: LinearisedEstimate
    repeated: LinearisedEstimate
    student_error: LinearisedEstimate


def squared_variance(labels: Labels) -> LinearisedEstimate | None:
    """Estimate E |L - p|^2 / 2, the variance of labels of a point, without any true label.

    Args:
        labels: distributions or one-hot rows, nan where a labeler says nothing.

    Returns:
        The estimate over points with labels of two labelers; None if there are none. Of votes, half the disagreement.

    Examples:
        >>> votes = np.eye(2)[np.array([[0, 1, 1, 0], [0, 1, 0, 0]])]
        >>> squared_variance(votes).value
        0.125
    """
    products = [_product(labels[i], labels[j]) for i, j in combinations(range(len(labels)), 2)]
    if not products:
        return None
    pairs = mean_of_known(np.stack(products))
    both = ~np.isnan(pairs)
    if not both.any():
        return None
    own = mean_of_known(np.square(labels).sum(axis=2))
    # (E |L|^2 - E <L, L'>) / 2
    return mean_estimate((own - pairs) / 2, both)


def inherited_bias(
    labels: Labels,
    students: Float[np.ndarray, "labelers points classes"],
    true_labels: Int[np.ndarray, " points"],
    strata: DrawnStrata | None = None,
) -> InheritedBias:
    """Estimate the error of a label, the part of it that the student repeats, and the student's own error.

    Steadied by what is known at all points, as everywhere (`with_controls`): how alike labels and students are.

    Args:
        labels: distributions or one-hot rows, nan where a labeler says nothing.
        students: for each labeler a student's answers, one-hot; none has learned from the point that it answers.
        true_labels: -1 where it is not known; at least one is of a labeled point.
        strata: how the points of known truth were drawn; None: at random from all.

    Examples:
        >>> labels, truth = np.eye(2)[np.array([[0, 0, 1, 1, 0]])], np.array([0, 1, 1, 1, -1])
        >>> found = inherited_bias(labels, labels, truth)     # a student that repeats its labeler
        >>> found.error.value, found.repeated.value, found.student_error.value
        (0.25, 0.25, 0.25)
    """
    known = true_labels >= 0
    truth = np.where(known[:, None], np.eye(labels.shape[2])[np.maximum(true_labels, 0)], np.nan)
    pairs = list(zip(labels, students, strict=True))

    def measured(values: list[np.ndarray], control: list[np.ndarray]) -> LinearisedEstimate:
        value, at_all = mean_of_known(np.stack(values)) / 2, mean_of_known(np.stack(control))
        few, given = ~np.isnan(value), ~np.isnan(at_all)
        if strata is not None:
            return strata.mean(np.nan_to_num(value), few)
        estimate = mean_estimate(value, few)
        return with_controls(estimate, [mean_estimate(at_all, given) - mean_estimate(at_all, few & given)])

    alike = [_product(label, student) for label, student in pairs]
    return InheritedBias(
        error=measured([_product(label - truth, label - truth) for label, _ in pairs], alike),
        repeated=measured([_product(label - truth, student - truth) for label, student in pairs], alike),
        student_error=measured(
            [np.where(np.isnan(label[:, 0]), np.nan, _product(s - truth, s - truth)) for label, s in pairs], alike
        ),
    )


def _product(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return np.asarray((first * second).sum(axis=1))
