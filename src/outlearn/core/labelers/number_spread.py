"""What labelers' numbers for the same points say of their error: variance, shared bias, and what averaging leaves.

A labeler drawn at random gives a point i the number l = a_i + e, a_i the answer that labelers share on average. Then

    E (l - y_i)^2 = (a_i - y_i)^2 + E e^2        shared bias, squared, and variance

the mean of M labelers has (a_i - y_i)^2 + E e^2 / M, and a student of independent errors inherits the first term. Both
are estimated without bias from k answers of a point where the answers are independent given the point: the variance by
the sample variance, which is half the mean squared difference of two answers, and the squared bias by the product of
two labelers' errors. Their sum is the mean squared error of the answers, exactly.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

__all__ = ["pair_products", "spread"]


def spread(values: Float[np.ndarray, "labelers points"]) -> Float[np.ndarray, " points"]:
    """Estimate the variance of a labeler at each point: sum_m (l_m - mean l)^2 / (k - 1), nan below two answers.

    Args:
        values: nan where a labeler says nothing.

    Examples:
        >>> spread(np.array([[1.0, 2.0], [3.0, np.nan]]))
        array([ 2., nan])
    """
    count = (~np.isnan(values)).sum(axis=0)
    known = np.nan_to_num(values)
    centred = np.where(np.isnan(values), 0.0, known - known.sum(axis=0) / np.maximum(count, 1))
    return np.where(count > 1, np.square(centred).sum(axis=0) / np.maximum(count - 1, 1), np.nan)


def pair_products(errors: Float[np.ndarray, "labelers points"]) -> Float[np.ndarray, " points"]:
    """Estimate the squared mean error at each point: the mean of e_m e_m' over pairs of labelers, nan below two.

    It is unbiased for (a - y)^2 where errors are independent given the point, and may be negative.

    Examples:
        >>> pair_products(np.array([[1.0], [-1.0], [2.0]])).round(4)
        array([-0.3333])
    """
    count = (~np.isnan(errors)).sum(axis=0)
    known = np.nan_to_num(errors)
    products = np.square(known.sum(axis=0)) - np.square(known).sum(axis=0)
    return np.where(count > 1, products / np.maximum(count * (count - 1), 1), np.nan)
