"""Jackknife: remove the 1/M bias of a statistic of M models, and spread it over the models for an interval.

Plug-in variances over M models are too small by their own share 1/M, and plug-in biases too large by the same amount.
Leaving out one model at a time shows how much.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from outlearn.errors import DomainError

__all__ = ["jackknife_corrected", "pseudo_values"]


def jackknife_corrected(
    full: Float[np.ndarray, "*rest"] | float, leave_one_out: Float[np.ndarray, "models *rest"]
) -> Float[np.ndarray, "*rest"]:
    """Remove the 1/M bias of a statistic: M full - (M - 1) mean(leave_one_out).

    Args:
        full: the statistic of all M models.
        leave_one_out: entry m is the statistic without model m.

    Example:
        >>> x = np.array([1.0, 2.0, 4.0])     # the plug-in variance becomes the unbiased one
        >>> out = np.array([np.var(np.delete(x, m)) for m in range(3)])
        >>> float(jackknife_corrected(np.var(x), out).round(4)), float(np.var(x, ddof=1).round(4))
        (2.3333, 2.3333)

    Source: Quenouille, Notes on bias in estimation, 1956.
    """
    return np.asarray(pseudo_values(full, leave_one_out).mean(axis=0))


def pseudo_values(
    full: Float[np.ndarray, "*rest"] | float, leave_one_out: Float[np.ndarray, "models *rest"]
) -> Float[np.ndarray, "models *rest"]:
    """Return the jackknife's pseudo-values M full - (M - 1) leave_one_out[m]: their spread is that of the statistic.

    `two_way_interval` of pseudo-values `[models, points]` is the interval of the jackknife-corrected statistic.
    """
    n_models = len(leave_one_out)
    if n_models < 2:
        raise DomainError(f"a jackknife needs at least 2 models; got {n_models}. Train more teachers.")
    return n_models * np.asarray(full) - (n_models - 1) * leave_one_out
