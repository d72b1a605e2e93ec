"""The posterior-mean teacher where only the teacher's label noise is random: exact Gaussian conditioning.

With the designs fixed, a ridge teacher is Gaussian in its label noise, b_w ~ N(m, LL'), and a linear student sees
observed = A b_w. Then E[b_w | observed] = m + LK^+ (observed - A m) with K = AL. If A loses nothing of the noise
(rank K = rank L, as with at least rank L student examples), this is b_w itself, and the theory of the posterior mean
has nothing to say: which randomness one conditions on matters.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from outlearn.errors import ShapeError

__all__ = ["noise_posterior_mean"]


def noise_posterior_mean(
    mean: Float[np.ndarray, " dimension"],
    factor: Float[np.ndarray, "dimension_too noise"],
    operator: Float[np.ndarray, "seen dimension_again"],
    observed: Float[np.ndarray, " observations"],
) -> Float[np.ndarray, " dimension"]:
    """Compute E[b | A b = observed] for b ~ N(mean, LL'): mean + CA'(ACA')^+ (observed - A mean) with C = LL'.

    Args:
        mean: m, `[dimension]`; for a ridge teacher H X beta.
        factor: L, `[dimension, noise]`; for a ridge teacher sigma H.
        operator: A, `[seen, dimension]`; the student's labels X serve as well as the student's own A where A has rank n
            (the same sigma-field), and are better conditioned.
        observed: `[seen]`.

    Returns:
        The posterior mean, `[dimension]`.

    Raises:
        ShapeError: if the shapes do not fit together.

    Examples:
        >>> factor, operator = np.array([[1.0, 0.0], [1.0, 1.0]]), np.array([[1.0, 0.0]])
        >>> noise_posterior_mean(np.zeros(2), factor, operator, np.array([2.0]))
        array([2., 2.])
    """
    if factor.shape[0] != mean.size or operator.shape[1] != mean.size or operator.shape[0] != observed.size:
        raise ShapeError(
            f"mean {mean.shape}, factor {factor.shape}, operator {operator.shape} and observed {observed.shape} do not "
            "fit: expected [dimension], [dimension, noise], [seen, dimension] and [seen]"
        )
    # L (AL)^+ rather than CA'(ACA')^+: the same matrix with half the condition number's digits lost
    seen = operator @ factor
    return np.asarray(mean + factor @ (np.linalg.pinv(seen, rcond=1e-10) @ (observed - operator @ mean)))
