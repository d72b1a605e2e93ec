"""What the next true labels will bring to a student, foreseen from those that are there.

Students learn from each quarter of m labels and from all m. Errors that fall as a power of the number of labels,
e(n) = c n^-a, fall from n labels, those that are there, to n + N by

    gain = e (u^r - u^s),    u = e / q,  r = log_4(n / m),  s = log_4((n + N) / m),

e the error with all m labels and q the mean error with a quarter. The gain is carried at most as far as it was
measured, by a factor of four (s <= 1). By the delta method it varies as the mean over quarters and points of

    gain + dg/de (w - e) + dg/dq (w_j - q),    dg/de = (1 + r) u^r - (1 + s) u^s,    dg/dq = s u^(s + 1) - r u^(r + 1),

w and w_j 1 where the student of all labels, and that of quarter j, is wrong. To its variance comes the luck of the draw
of the labels that are there and of the next: students of quarters differ in error with variance v, and luck is
taken to shrink with the error and with 1 / n,

    v u^2 (m / 4) (1 / n + 1 / (n + N)).

Source: learning curves as powers, Cortes, Jackel, Solla, Vapnik and Denker, Learning curves: asymptotic values and rate
of convergence, 1994; Hestness et al., Deep learning scaling is predictable, empirically, 2017.
"""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float

from outlearn.core.intervals import Interval, Withheld, t_quantile
from outlearn.core.mean_intervals import two_way_variance
from outlearn.core.scales import DIFFERENCE
from outlearn.errors import ConfigError

__all__ = ["PARTS", "foreseen_gain", "most_foreseen"]

PARTS = 4  # of the labels that are there: a quarter tells a slope over two doublings, and four of them how sure it is
MINIMUM_POINTS = 4  # fewer say too little about a spread


def most_foreseen(n_labels: int, n_learned: int) -> int:
    """Return how many more labels than `n_labels` a gain can be foreseen for, from students of `n_learned` of them.

    Examples:
        >>> most_foreseen(100, 100), most_foreseen(100, 75)
        (300, 200)
    """
    return PARTS * n_learned - n_labels


def foreseen_gain(
    quarters: Float[np.ndarray, "quarters points"],
    whole: Float[np.ndarray, " points"],
    *,
    n_learned: int,
    n_labels: int,
    n_next: int,
    level: float = 0.95,
) -> Interval | Withheld:
    """Foresee the gain in accuracy from the next true labels; see the module's text.

    Args:
        quarters: 1 where the student of each quarter of m labels is right, at points that it has not learned from.
        whole: the same for the student of all m.
        n_learned: m.
        n_labels: how many there are, n; m, or somewhat more where some judge in turn.
        n_next: how many more are meant, N, at least 1.
        level: of the interval: for new points and new draws of labels.

    Returns:
        The gain, as a share of points; withheld where no error is left, or `n_next` is more than can be foreseen.

    Raises:
        ConfigError: if there are not four quarters, or no label more is meant.

    Examples:
        >>> right = lambda wrong: np.arange(1000) >= wrong
        >>> quarters = np.stack([right(n) for n in (190, 200, 200, 210)]).astype(float)
        >>> print(foreseen_gain(quarters, right(100).astype(float), n_learned=100, n_labels=100, n_next=300))
        0.0500 [0.0415, 0.0585]
    """
    if len(quarters) != PARTS or n_next < 1:
        raise ConfigError(
            f"{len(quarters)} students of parts and {n_next} next labels; expected {PARTS} and 1 or more."
        )
    if n_next > (most := most_foreseen(n_labels, n_learned)):
        return Withheld(f"{n_labels:,} true labels tell of at most {most:,} more, and {n_next:,} are meant")
    wrong, wrong_of_parts = 1.0 - whole, 1.0 - quarters
    e, q = float(wrong.mean()), float(wrong_of_parts.mean())
    if not e or not q:
        return Withheld("no point is answered wrong, and nothing can be gained on these")
    u, r, s = e / q, math.log(n_labels / n_learned, PARTS), math.log((n_labels + n_next) / n_learned, PARTS)
    of_whole, of_parts = (1 + r) * u**r - (1 + s) * u**s, s * u ** (s + 1) - r * u ** (r + 1)
    varied = e * (u**r - u**s) + of_whole * (wrong - e) + of_parts * (wrong_of_parts - q)
    gain = float(varied.mean())
    if varied.shape[1] < MINIMUM_POINTS:
        return Interval.missing(
            f"{varied.shape[1]} points judge it", mean=gain, n_models=PARTS, n_points=varied.shape[1], level=level
        )
    parts = two_way_variance(varied)
    luck = float(quarters.mean(axis=1).var(ddof=1)) * u**2 * n_learned / PARTS
    luck *= 1 / n_labels + 1 / (n_labels + n_next)
    variance = parts.total + luck
    freedom = varied.shape[1] - 1.0  # where no answer was seen to differ
    if variance > 0:  # Satterthwaite 1946: freedom = v^2 / sum_k (v_k^2 / freedom_k)
        freedom = variance**2 / (parts.total**2 / parts.degrees_of_freedom + luck**2 / (PARTS - 1))
    half = t_quantile(level, freedom) * math.sqrt(parts.cautious + luck)
    return Interval.about(
        gain, half, math.sqrt(variance), freedom=freedom, n_models=PARTS, n_points=varied.shape[1], level=level,
        scale=DIFFERENCE,
    )  # fmt: skip
