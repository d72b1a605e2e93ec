"""Divergences between all pairs of two sets of models by one matrix product, for any Bregman generator.

With a centre c, `D(t, s) = phi(t) + phi*(u_s) - <t, u_s>` (u_s the dual coordinates of s) splits at three points:

    D(t, s) = D(t, c) + D(c, s) - <t - c, u_s - u_c>.

Only the product mixes t and s. c is the dual mean of the second set, point by point: for nearly equal models every term
is then as small as the divergence itself, so a product in float32 loses nothing; sums run in float64. Chunks of points
bound the memory. Pairs whose divergence is far smaller than the terms it is the difference of are computed again.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from outlearn.core.generators import BregmanGenerator, get_generator
from outlearn.core.generators.simplex import NegativeEntropy
from outlearn.core.predictions import Predictions
from outlearn.errors import AlignmentError

__all__ = ["pairwise_divergence"]

CHUNK = 1 << 19  # numbers of both sets in a chunk: its arrays stay in the cache and the product is still wide
ACCURACY = 1e-5  # relative error aimed at, from the rounding of the product
MOST_EXACT = 2000  # pairs computed one by one before a product in float64 is faster
DIRECT_BLOCK = 1 << 20  # numbers at once where probabilities of 0 forbid the product
FLOAT32_RANGE = 1e15  # products of larger coordinates could overflow float32


def pairwise_divergence(
    first: Predictions, second: Predictions, *, generator: str | BregmanGenerator = "negative_entropy"
) -> Float[np.ndarray, "first second"]:
    """Compute the mean over points of D(first[i], second[j]) for every pair.

    With teachers first and students second this is KL(teacher || student), the misfit of order "prediction_first"; with
    students first, that of "target_first".

    Args:
        first: `[models, points, classes]`, e.g. 512 teachers.
        second: `[models, points, classes]` at the same points, e.g. 1024 students.
        generator: a name of `GENERATORS` or an instance.

    Returns:
        `[first models, second models]`, at least 0, in nats for the entropies; +inf where at some point second is 0 and
        first is not. Memory beside the result: some tens of MiB, and two bytes a pair.

    Raises:
        AlignmentError: if the point ids or the numbers of classes differ.
        DomainError: for predictions outside the generator's domain.

    Example:
        >>> t = Predictions.from_probs(np.array([[[0.5, 0.5]], [[0.9, 0.1]]]))
        >>> pairwise_divergence(t, t).round(4)
        array([[0.    , 0.5108],
               [0.3681, 0.    ]])

    Source: the three-point identity of Bregman divergences; Banerjee et al., Clustering with Bregman divergences, 2005.
    """
    chosen = get_generator(generator)
    _check_aligned(first, second)
    sums = _sums(first, second, chosen, np.float32)
    unsure = sums.unsure(float(np.finfo(np.float32).eps))
    if np.count_nonzero(unsure) > MOST_EXACT or sums.largest > FLOAT32_RANGE:
        sums = _sums(first, second, chosen, np.float64)
        unsure = sums.unsure(float(np.finfo(np.float64).eps))
    pairs = np.argwhere(unsure)
    for i, j in pairs[:MOST_EXACT]:
        u = chosen.dual_from_log_probs(first.log_probs[i], argument="first")
        v = chosen.dual_from_log_probs(second.log_probs[j], argument="second")
        sums.divergence[i, j] = chosen.divergence_from_dual(u, v).sum()
    # Rounding of equal models can end below 0 by 1e-17 of the terms; a divergence cannot.
    return np.maximum(sums.divergence, 0.0) / first.n_points


@dataclass
class _Sums:
    """Sums over points: of the divergence of each pair, and the squared sizes of the two factors of the product."""

    divergence: np.ndarray
    first_size: np.ndarray
    second_size: np.ndarray
    largest: float = 0.0

    def unsure(self, eps: float) -> np.ndarray:
        """Tell which divergences the rounding of the product may change by more than ACCURACY of themselves."""
        rounding = np.sqrt(self.first_size)[:, None] * (eps / ACCURACY * np.sqrt(self.second_size))
        return np.asarray(rounding > self.divergence)


def _sums(first: Predictions, second: Predictions, generator: BregmanGenerator, dtype: type[np.floating]) -> _Sums:
    n_first, n_second = first.n_models, second.n_models
    sums = _Sums(np.zeros((n_first, n_second)), np.zeros(n_first), np.zeros(n_second))
    product = np.empty((n_first, n_second), dtype=dtype)
    step = max(1, CHUNK // ((n_first + n_second) * first.n_classes))
    for start in range(0, first.n_points, step):
        a = first.log_probs[:, start : start + step]
        b = second.log_probs[:, start : start + step]
        v = _duals(generator, b, "second")
        if not np.isfinite(v).all():
            finite = np.isfinite(v).all(axis=(0, 2))
            _add_directly(sums, a[:, ~finite], v[:, ~finite], generator)
            a, v = a[:, finite], v[:, finite]
        if a.shape[1]:
            _add_product(sums, a, v, generator, product)
    return sums


def _add_product(sums: _Sums, a: np.ndarray, v: np.ndarray, generator: BregmanGenerator, product: np.ndarray) -> None:
    """Add the divergences at some points: a are log-probabilities, v dual coordinates, `[models, points, classes]`."""
    centre = v.mean(axis=0)  # the dual mean, in dual coordinates
    point = generator.inverse_gradient(centre)
    with np.errstate(under="ignore"):
        t = np.exp(a)
    # D(t, c) and D(c, s), each summed over points; float64, so that what cancels leaves 1e-16 of phi.
    to_centre = _potentials(generator, a, t) + generator.conjugate(centre).sum() - np.tensordot(t, centre, 2)
    from_centre = generator.potential(point).sum() + _conjugates(generator, v) - np.tensordot(v, point, 2)
    left = np.subtract(t, point).astype(product.dtype).reshape(len(t), -1)
    with np.errstate(over="ignore"):
        right = np.subtract(v, centre).astype(product.dtype).reshape(len(v), -1)
    sums.divergence += to_centre[:, None] + from_centre
    with np.errstate(over="ignore", invalid="ignore"):  # beyond FLOAT32_RANGE all is done again in float64
        np.matmul(left, right.T, out=product)
        sums.divergence -= product
        sums.first_size += np.einsum("ij,ij->i", left, left)
        sums.second_size += np.einsum("ij,ij->i", right, right)
    sums.largest = max(sums.largest, float(np.abs(right).max()))


def _add_directly(sums: _Sums, a: np.ndarray, v: np.ndarray, generator: BregmanGenerator) -> None:
    """Add the divergences at points where some model of the second set has infinite dual coordinates."""
    u = _duals(generator, a, "first")
    step = max(1, DIRECT_BLOCK // v.size)
    for start in range(0, len(u), step):
        sums.divergence[start : start + step] += generator.divergence_from_dual(u[start : start + step, None], v).sum(
            -1
        )


def _duals(generator: BregmanGenerator, log_probs: np.ndarray, argument: str) -> np.ndarray:
    if isinstance(generator, NegativeEntropy):  # checked and normalised when the predictions were made
        return log_probs
    return generator.dual_from_log_probs(log_probs, argument=argument)


def _potentials(generator: BregmanGenerator, log_probs: np.ndarray, probs: np.ndarray) -> np.ndarray:
    """Sum phi over points, `[models]`."""
    if isinstance(generator, NegativeEntropy) and np.isfinite(log_probs).all():  # sum p log p without another logarithm
        return np.einsum("mpk,mpk->m", probs, log_probs)
    return generator.potential(probs).sum(axis=1)


def _conjugates(generator: BregmanGenerator, duals: np.ndarray) -> np.ndarray:
    """Sum phi* over points, `[models]`."""
    if isinstance(generator, NegativeEntropy):  # logsumexp of normalised log-probabilities
        return np.zeros(len(duals))
    return generator.conjugate(duals).sum(axis=1)


def _check_aligned(first: Predictions, second: Predictions) -> None:
    if first.n_classes != second.n_classes:
        raise AlignmentError(f"first has {first.n_classes} classes and second has {second.n_classes}.")
    if not np.array_equal(first.point_ids, second.point_ids):
        raise AlignmentError(
            f"first and second have different points: {first.n_points} and {second.n_points}, first ids "
            f"{first.point_ids[0].item()!r} and {second.point_ids[0].item()!r}. Reorder with Predictions.select(ids)."
        )
