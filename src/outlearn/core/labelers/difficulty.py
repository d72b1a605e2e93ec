"""Points differ in difficulty: a distribution, over points, of the distribution of labels at a point.

At a point x, labels are independent draws from p(x); over points p has a distribution G. The **shared answer** is the
most probable class of p: what a vote of ever more such labelers would say. Which labelers a point has must not depend
on it; then no two labelers need be alike, as the order of labelers is as good as random. G is estimated in two steps:

1. How often a point's shared answer is missed is Beta distributed over points, and misses fall on the other classes in
   one of two ways (`first_difficulty`); both are fitted by maximum likelihood of the counts of labels at points.
2. Up to six classes: atoms p_a drawn from both of step 1, with their weights moved by EM to the maximum of the
   likelihood,

    w_a  <-  mean over points of w_a L_a(x) / sum_b w_b L_b(x),   L_a(x) = prod_k p_ak^(labels of class k at x),

   the nonparametric maximum likelihood estimate of a mixture, stopped early. It needs no form of G. With more classes
   the likelier of the first step is all, and takes them as equally frequent, so that only how labels split matters.

Of two labelers G is not identified, of three hardly: `even_noise` needs four to ask whether it is needed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations_with_replacement

import numpy as np
from jaxtyping import Float, Int
from scipy.special import gammaln

from outlearn.core.labelers.first_difficulty import FirstStep, first_steps
from outlearn.core.top_class import top_class

__all__ = ["BOOTSTRAPS", "Difficulty", "Patterns", "error_of_missed", "fit_difficulty", "patterns_of"]

MAX_CLASSES_TO_MIX = 6  # beyond, atoms cover the simplex too thinly
N_ATOMS = 600
MIXING_ROUNDS = 300
MAX_EXACT_VOTES = 20_000  # ways in which votes can fall, up to which they are enumerated
VOTES_PER_ATOM = 40  # drawn where there are more
BOOTSTRAPS = 40  # of the points, for a standard error: known to a ninth of itself
ROWS_AT_ONCE = 20_000


@dataclass(frozen=True, eq=False)
class Patterns:
    """Hold how many labels of each class points have, each different row once.

    Attributes:
        counts: `[patterns, classes]`.
        pattern_of: `[points]`.
    """

    counts: Int[np.ndarray, "patterns classes"]
    pattern_of: Int[np.ndarray, " points"]

    @property
    def times(self) -> Float[np.ndarray, " patterns"]:
        """Count the points of each pattern."""
        return np.bincount(self.pattern_of, minlength=len(self.counts)).astype(np.float64)


def patterns_of(counts: Int[np.ndarray, "points classes"]) -> Patterns:
    """Group points by their counts."""
    rows, pattern_of = np.unique(counts, axis=0, return_inverse=True)
    return Patterns(rows, pattern_of.ravel())


@dataclass(frozen=True, eq=False)
class Difficulty:
    """Hold the distribution of label distributions over points.

    Attributes:
        first: what the first step found, the likelier one first.
        atoms: `[atoms, classes]`, label distributions at a point.
        weights: `[atoms]`, shares of points; they sum to 1.
        mixed: whether the second step was taken.
        first_missed: how often a label misses the shared answer by the first step alone.
    """

    first: tuple[FirstStep, ...]
    atoms: Float[np.ndarray, "atoms classes"]
    weights: Float[np.ndarray, " atoms"]
    mixed: bool
    first_missed: float

    @property
    def missed(self) -> float:
        """How often a label misses the shared answer: E[1 - max_k p_k]."""
        return float(self.weights @ (1 - self.atoms.max(axis=1)))

    @property
    def disagreement(self) -> float:
        """How often two labels of a point differ: E[1 - sum_k p_k^2]."""
        return float(self.weights @ (1 - np.square(self.atoms).sum(axis=1)))

    def votes(self, size: int, rng: np.random.Generator) -> tuple[float, float]:
        """Say how often a vote of so many labelers gives the shared answer, and how often two such votes agree.

        Ties are shared evenly. Exact for the atoms where votes can fall in at most 20,000 ways, else by draws.
        """
        chances, squared = _vote_chances(self.atoms, size, rng)
        right = (chances * top_class(self.atoms)).sum(axis=1)
        return float(self.weights @ right), float(self.weights @ squared)

    def shared_answer(self, counts: Int[np.ndarray, "patterns classes"]) -> Float[np.ndarray, "patterns classes"]:
        """Give the probability of each class to be the shared answer of a point with these labels."""
        parts = [self._shared_answer(counts[k : k + ROWS_AT_ONCE]) for k in range(0, len(counts), ROWS_AT_ONCE)]
        return np.concatenate(parts)

    def _shared_answer(self, counts: np.ndarray) -> np.ndarray:
        if self.mixed:
            found = (_likelihood(counts, self.atoms) * self.weights) @ top_class(self.atoms)
        else:
            log_joint = self.first[0].log_joint(counts)
            found = np.exp(log_joint - log_joint.max(axis=1, keepdims=True))
        return np.asarray(found / found.sum(axis=1, keepdims=True))


def fit_difficulty(
    counts: Int[np.ndarray, "patterns classes"],
    times: Float[np.ndarray, " patterns"],
    *,
    seed: int,
    start: Difficulty | None = None,
) -> Difficulty:
    """Fit the distribution of label distributions over points.

    Args:
        counts: labels of each class, a row for each pattern that occurs; some with four labels or more.
        times: how many points have it.
        seed: of the atoms.
        start: a fit of about the same points, from which the first step starts.

    Examples:
        >>> rng = np.random.default_rng(0)
        >>> p = rng.beta(6.0, 2.0, 4000)             # of all labels at a point, the share of class 0
        >>> found = patterns_of(np.stack([k := rng.binomial(5, p), 5 - k], axis=1))
        >>> fit = fit_difficulty(found.counts, found.times, seed=0)
        >>> true = np.maximum(p, 1 - p).mean()
        >>> bool(abs(1 - fit.missed - true) < 0.02)
        True

    Source: Kiefer and Wolfowitz 1956 and Laird, Nonparametric maximum likelihood estimation of a mixing distribution,
    1978. We start it from the first step.
    """
    mixed = counts.shape[1] <= MAX_CLASSES_TO_MIX
    counts, times, shares = _told_apart(counts, times, mixed)
    first = first_steps(counts, times, shares, None if start is None else start.first)
    rng = np.random.default_rng(seed)
    used = first if mixed else first[:1]
    drawn = [step.drawn(N_ATOMS // len(used), rng, wide=mixed) for step in used]
    atoms = np.concatenate(drawn)
    weights = np.full(len(atoms), 1 / len(atoms))
    if mixed:
        weights = _mixed(_likelihood(counts, atoms), times, weights, MIXING_ROUNDS)
    return Difficulty(first, atoms, weights, mixed, float(np.mean(1 - drawn[0].max(axis=1))))


def error_of_missed(
    fit: Difficulty, counts: Int[np.ndarray, "patterns classes"], times: Float[np.ndarray, " patterns"], *, seed: int
) -> float:
    """Estimate the standard error of `Difficulty.missed` over points, by the bootstrap.

    What few labels a point leave open is in it too: by how much the two steps differ.
    """
    rng = np.random.default_rng(seed)
    n = int(times.sum())
    found = [
        fit_difficulty(counts, rng.multinomial(n, times / n).astype(np.float64), seed=k, start=fit).missed
        for k in range(BOOTSTRAPS)
    ]
    return math.hypot(float(np.std(found, ddof=1)), fit.missed - fit.first_missed)


def _told_apart(counts: np.ndarray, times: np.ndarray, mixed: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the patterns that the likelihood tells apart, how many points have each, and the classes' shares.

    Of many classes only how labels split is told apart, not into which classes.
    """
    given = counts.sum(axis=1)
    kept = (given > 0) & (times > 0)
    counts, times, given = counts[kept], times[kept], given[kept]
    if mixed:
        return counts, times, (times @ (counts / given[:, None])) / times.sum()
    rows, row_of = np.unique(-np.sort(-counts, axis=1), axis=0, return_inverse=True)
    n_classes = counts.shape[1]
    return rows, np.bincount(row_of.ravel(), weights=times), np.full(n_classes, 1 / n_classes)


def _likelihood(counts: np.ndarray, atoms: np.ndarray) -> np.ndarray:
    """Return the likelihood of counts at each atom, each row scaled to a maximum of 1: `[patterns, atoms]`."""
    log_likelihood = counts @ np.log(atoms).T
    return np.asarray(np.exp(log_likelihood - log_likelihood.max(axis=1, keepdims=True)))


def _mixed(likelihood: np.ndarray, times: np.ndarray, weights: np.ndarray, rounds: int) -> np.ndarray:
    """Move the weights by EM: w_a <- mean over points of w_a L_a / sum_b w_b L_b."""
    share = times / times.sum()
    for _ in range(rounds):
        weights = weights * ((share / (likelihood @ weights)) @ likelihood)
    return weights / weights.sum()


def _vote_chances(atoms: np.ndarray, size: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return how likely a vote is for each class at each atom, and how likely two votes agree."""
    n_classes = atoms.shape[1]
    if math.comb(size + n_classes - 1, size) <= MAX_EXACT_VOTES:
        drawn = np.array(list(combinations_with_replacement(range(n_classes), size)))
        ways = (drawn[:, :, None] == np.arange(n_classes)).sum(axis=1)
        log_ways = gammaln(size + 1) - gammaln(ways + 1).sum(axis=1)
        chances = np.exp(np.log(atoms) @ ways.T + log_ways) @ top_class(ways)
        return chances, np.square(chances).sum(axis=1)
    votes = np.stack([top_class(rng.multinomial(size, atoms)) for _ in range(VOTES_PER_ATOM)])
    # Of pairs of different draws, so that the mean is that of two independent votes.
    together = np.square(votes.sum(axis=0)).sum(axis=1) - np.square(votes).sum(axis=(0, 2))
    return votes.mean(axis=0), together / (VOTES_PER_ATOM * (VOTES_PER_ATOM - 1))
