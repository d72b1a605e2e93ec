"""Divergences between all pairs of two sets of models by one matrix product, for any Bregman generator.

`D(t, s) = phi(t) + phi*(u) - <t, u>`, where u are the dual coordinates of s. For any p and v, here the means of the t
and of the u at each point,

    <t, u> = <t, v> + <p, u> - <p, v> + <t - p, u - v>.

Only the last product mixes t and s. For nearly equal models it is as small as the divergence itself, so float32 loses
nothing in it; the other terms, and all sums over points, are in float64. Probabilities sum to 1, so t - p sums to 0 and
the last class needs no column: u enters by its differences to it. Chunks of points bound the memory. Pairs whose
divergence is far smaller than the product it is the difference of are computed again.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from outlearn.core.generators import BregmanGenerator, get_generator
from outlearn.core.generators.simplex import NegativeEntropy
from outlearn.core.predictions import Predictions, check_every_answer, check_same_points

__all__ = ["pairwise_divergence"]

CHUNK = 1 << 19  # numbers of both sets in a chunk: its arrays stay in the cache and the product is still wide
ACCURACY = 1e-5  # relative error aimed at, from the rounding of the product
EXACT_PAIRS_LIMIT = 2000  # pairs computed one by one before a product in float64 is faster
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
    check_every_answer(first, second)
    check_same_points(first, second, ("first", "second"))
    sums = _sums(first, second, chosen, np.float32)
    result = sums.divergence()
    unsure = sums.unsure(result, float(np.finfo(np.float32).eps))
    if np.count_nonzero(unsure) > EXACT_PAIRS_LIMIT or not sums.within(FLOAT32_RANGE):
        sums = _sums(first, second, chosen, np.float64)
        result = sums.divergence()
        unsure = sums.unsure(result, float(np.finfo(np.float64).eps))
    for i, j in np.argwhere(unsure)[:EXACT_PAIRS_LIMIT]:
        u = chosen.dual_from_log_probs(first.log_probs[i], argument="first")
        v = chosen.dual_from_log_probs(second.log_probs[j], argument="second")
        result[i, j] = chosen.divergence_from_dual(u, v).sum()
    # Rounding of equal models can end below 0 by 1e-17 of the terms; a divergence cannot.
    return np.maximum(result, 0.0, out=result) / first.n_points


@dataclass(frozen=True)
class _Sums:
    """Sums over points, added to by chunks.

    `pairs`: less the products, plus what was added directly; `first` and `second`: terms of one model; the sizes:
    squared norms of the two factors of the product.
    """

    pairs: np.ndarray
    first: np.ndarray
    second: np.ndarray
    first_size: np.ndarray
    second_size: np.ndarray

    def divergence(self) -> np.ndarray:
        """Return the sum over points of each pair's divergence."""
        return np.asarray(self.pairs + (self.first[:, None] + self.second))

    def unsure(self, divergence: np.ndarray, eps: float) -> np.ndarray:
        """Tell which divergences the rounding of the product may change by more than ACCURACY of themselves."""
        # Cauchy-Schwarz: |<t - p, u - v>| is at most the product of the norms, and its rounding eps times that
        rounding = np.sqrt(self.first_size)[:, None] * (eps / ACCURACY * np.sqrt(self.second_size))
        return np.asarray(rounding > divergence)

    def within(self, largest: float) -> bool:
        """Tell whether no coordinate that was multiplied can exceed `largest`."""
        return bool(np.all(self.second_size < largest**2))


class _Room:
    """Arrays written in place at every chunk: the first touch of new memory costs more than the arithmetic on it."""

    def __init__(self, n_first: int, n_second: int, points: int, classes: int, dtype: type[np.floating]) -> None:
        self.probs = np.empty((n_first, points, classes))
        self.differences = np.empty((n_second, points, classes - 1))
        self.left = np.empty((n_first, points, classes - 1), dtype=dtype)
        self.right = np.empty((n_second, points, classes - 1), dtype=dtype)
        self.product = np.empty((n_first, n_second), dtype=dtype)


def _sums(first: Predictions, second: Predictions, generator: BregmanGenerator, dtype: type[np.floating]) -> _Sums:
    n_first, n_second, classes = first.n_models, second.n_models, first.n_classes
    step = min(first.n_points, max(1, CHUNK // ((n_first + n_second) * (classes - 1))))
    room = _Room(n_first, n_second, step, classes, dtype)
    sums = _Sums(np.zeros((n_first, n_second)), *(np.zeros(n) for n in (n_first, n_second, n_first, n_second)))
    for start in range(0, first.n_points, step):
        a = first.log_probs[:, start : start + step]
        u = _duals(generator, second.log_probs[:, start : start + step], "second")
        v = u.mean(axis=0)
        finite = np.isfinite(v).all(axis=-1)
        if not finite.all():
            _add_directly(sums, a[:, ~finite], u[:, ~finite], generator)
            a, u, v = a[:, finite], u[:, finite], v[finite]
        if len(v):
            _add_product(sums, a, u, v, generator, room)
    return sums


def _add_product(
    sums: _Sums, a: np.ndarray, u: np.ndarray, v: np.ndarray, generator: BregmanGenerator, room: _Room
) -> None:
    """Add the divergences at some points: a log-probabilities, u dual coordinates, v their mean over models."""
    t, difference, left, right = (part[:, : len(v)] for part in (room.probs, room.differences, room.left, room.right))
    with np.errstate(under="ignore"):
        np.exp(a, out=t)
    p = t.mean(axis=0)
    # phi(t) - <t, v> + <p, v>, and phi*(u) - <p, u>: all of D(t, s) that does not mix t and s
    np.add(sums.first, _potentials(generator, a, t) - np.tensordot(t, v, 2) + np.vdot(p, v), out=sums.first)
    np.add(sums.second, _conjugates(generator, u) - np.tensordot(u, p, 2), out=sums.second)
    np.subtract(t[..., :-1], p[..., :-1], out=left, casting="same_kind")
    np.subtract(u[..., :-1], u[..., -1:], out=difference)
    with np.errstate(over="ignore", invalid="ignore"):  # beyond FLOAT32_RANGE all is done again in float64
        np.subtract(difference, v[..., :-1] - v[..., -1:], out=right, casting="same_kind")
        # - <t - p, u - v>
        rows, columns = left.reshape(len(left), -1), right.reshape(len(right), -1)
        np.matmul(rows, columns.T, out=room.product)
        np.subtract(sums.pairs, room.product, out=sums.pairs)
        np.add(sums.first_size, np.einsum("ij,ij->i", rows, rows), out=sums.first_size)
        np.add(sums.second_size, np.einsum("ij,ij->i", columns, columns), out=sums.second_size)


def _add_directly(sums: _Sums, a: np.ndarray, v: np.ndarray, generator: BregmanGenerator) -> None:
    """Add the divergences at points where some model of the second set has infinite dual coordinates."""
    u = _duals(generator, a, "first")
    step = max(1, DIRECT_BLOCK // v.size)
    for start in range(0, len(u), step):
        sums.pairs[start : start + step] += generator.divergence_from_dual(u[start : start + step, None], v).sum(-1)


def _duals(generator: BregmanGenerator, log_probs: np.ndarray, argument: str) -> np.ndarray:
    if isinstance(generator, NegativeEntropy):  # checked and normalised when the predictions were made
        return log_probs
    return generator.dual_from_log_probs(log_probs, argument=argument)


def _potentials(generator: BregmanGenerator, log_probs: np.ndarray, probs: np.ndarray) -> np.ndarray:
    """Sum phi over points, `[models]`."""
    if isinstance(generator, NegativeEntropy):  # sum p log p, without another logarithm
        with np.errstate(invalid="ignore"):
            sums = np.einsum("mpk,mpk->m", probs, log_probs)
        if np.isfinite(sums).all():  # else 0 times log 0 made it NaN
            return np.asarray(sums)
    return generator.potential(probs).sum(axis=1)


def _conjugates(generator: BregmanGenerator, duals: np.ndarray) -> np.ndarray:
    """Sum phi* over points, `[models]`."""
    if isinstance(generator, NegativeEntropy):  # logsumexp of normalised log-probabilities
        return np.zeros(len(duals))
    return generator.conjugate(duals).sum(axis=1)
