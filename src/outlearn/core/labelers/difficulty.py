"""Points differ in difficulty: a distribution, over points, of the distribution of labels at a point.

At a point x, labels are independent draws from p(x); over points p has a distribution G. The **shared answer** is the
most probable class of p: what a vote of ever more such labelers would say. Which labelers a point has must not depend
on it; then no two labelers need be alike, as the order of labelers is as good as random. G is estimated in two steps:

1. Given the class c that the shared answer is, with share pi_c, p has the Dirichlet distribution with parameters
   s (1 - rate) for c and s rate / (K - 1) for each other class: the beta-binomial model, of several classes. `rate` is
   how often c is missed, the concentration s how alike points are: even noise is s -> infinity. Both by maximum
   likelihood of the counts of labels at points.
2. Up to six classes: atoms p_a drawn from step 1, with their weights moved by EM to the maximum of the likelihood,

    w_a  <-  mean over points of w_a L_a(x) / sum_b w_b L_b(x),   L_a(x) = prod_k p_ak^(labels of class k at x),

   the nonparametric maximum likelihood estimate of a mixture, stopped early. It needs no form of G. With more classes
   the first step is all, and takes them as equally frequent, so that only how labels split matters.

Of two labelers G is not identified, of three hardly: `even_noise` needs four to ask whether it is needed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations_with_replacement

import numpy as np
from jaxtyping import Float, Int
from scipy.optimize import minimize
from scipy.special import expit, gammaln, logsumexp

from outlearn.core.top_class import top_class

__all__ = ["Difficulty", "Patterns", "error_of_missed", "fit_difficulty", "patterns_of"]

MAX_CLASSES_TO_MIX = 6  # beyond, atoms cover the simplex too thinly
N_ATOMS = 600
MIXING_ROUNDS = 300
MOST_CONCENTRATED = 50.0  # of what atoms are drawn from: they must also cover points harder than the first step thinks
CONCENTRATIONS = (math.log(0.05), math.log(5000.0))
LEAST_SHARE = 0.01  # of a class's share of labels that is its share of shared answers at least: it was seen
MAX_EXACT_VOTES = 20_000  # ways in which votes can fall, up to which they are enumerated
VOTES_PER_ATOM = 40  # drawn where there are more
BOOTSTRAPS = 20  # of the points, for a standard error: known to a sixth of itself
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
        rate, concentration: of the first step.
        atoms: `[atoms, classes]`, label distributions at a point.
        weights: `[atoms]`, shares of points; they sum to 1.
        mixed: whether the second step was taken.
        shares: pi, `[classes]`.
        first_missed: how often a label misses the shared answer by the first step alone.
    """

    rate: float
    concentration: float
    atoms: Float[np.ndarray, "atoms classes"]
    weights: Float[np.ndarray, " atoms"]
    mixed: bool
    shares: Float[np.ndarray, " classes"]
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
            log_joint = _log_joint(counts, self.rate, math.log(self.concentration), self.shares)
            found = np.exp(log_joint - log_joint.max(axis=1, keepdims=True))
        return np.asarray(found / found.sum(axis=1, keepdims=True))


def fit_difficulty(
    counts: Int[np.ndarray, "patterns classes"], times: Float[np.ndarray, " patterns"], *, seed: int
) -> Difficulty:
    """Fit the distribution of label distributions over points.

    Args:
        counts: labels of each class, a row for each pattern that occurs; some with four labels or more.
        times: how many points have it.
        seed: of the atoms.

    Examples:
        >>> rng = np.random.default_rng(0)
        >>> p = rng.beta(6.0, 2.0, 4000)             # of all labels at a point, the share of class 0
        >>> found = patterns_of(np.stack([k := rng.binomial(5, p), 5 - k], axis=1))
        >>> fit = fit_difficulty(found.counts, found.times, seed=0)
        >>> true = np.maximum(p, 1 - p).mean()
        >>> bool(abs(1 - fit.missed - true) < 0.02)
        True

    Source: Griffiths, Maximum likelihood estimation for the beta-binomial distribution, 1973; Kiefer and Wolfowitz 1956
    and Laird, Nonparametric maximum likelihood estimation of a mixing distribution, 1978. We take the first as the
    start of the second.
    """
    n_classes = counts.shape[1]
    mixed = n_classes <= MAX_CLASSES_TO_MIX
    counts, times, shares = _told_apart(counts, times, mixed)
    rate, log_concentration = _fit_dirichlet(counts, times, shares)
    shares = _shares_of_answers(shares, rate)
    concentration = math.exp(log_concentration)
    rng = np.random.default_rng(seed)
    spread = min(concentration, MOST_CONCENTRATED) if mixed else concentration
    shape = np.full((n_classes, n_classes), spread * rate / (n_classes - 1))
    np.fill_diagonal(shape, spread * (1 - rate))
    answer = rng.choice(n_classes, N_ATOMS, p=shares / shares.sum())
    # A class that is never seen at an atom would rule the atom out wherever it is seen once.
    atoms = rng.gamma(shape[answer]) + (1e-6 if mixed else 1e-300)
    atoms /= atoms.sum(axis=1, keepdims=True)
    weights = np.full(N_ATOMS, 1 / N_ATOMS)
    first_missed = float(np.mean(1 - atoms.max(axis=1)))
    if mixed:
        weights = _mixed(_likelihood(counts, atoms), times, weights, MIXING_ROUNDS)
    return Difficulty(rate, concentration, atoms, weights, mixed, shares, first_missed)


def error_of_missed(
    fit: Difficulty, counts: Int[np.ndarray, "patterns classes"], times: Float[np.ndarray, " patterns"], *, seed: int
) -> float:
    """Estimate the standard error of `Difficulty.missed` over points, by the bootstrap.

    What few labels a point leave open is in it too: by how much the two steps differ.
    """
    rng = np.random.default_rng(seed)
    n = int(times.sum())
    found = [
        fit_difficulty(counts, rng.multinomial(n, times / n).astype(np.float64), seed=k).missed
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


def _fit_dirichlet(counts: np.ndarray, times: np.ndarray, shares: np.ndarray) -> tuple[float, float]:
    """Return the rate and the logarithm of the concentration, by maximum likelihood."""
    n_classes = counts.shape[1]
    most = (n_classes - 1) / n_classes

    def loss(parameters: np.ndarray) -> float:
        rate = most * float(expit(parameters[0]))
        log_joint = _log_joint(counts, rate, float(parameters[1]), _shares_of_answers(shares, rate))
        return -float(times @ logsumexp(log_joint, axis=1)) / float(times.sum())

    bounds = [(-8.0, 8.0), CONCENTRATIONS]
    starts = (np.array([-1.0, 0.5]), np.array([-1.0, 3.0]))  # uneven and nearly even: there can be two optima
    best = min((minimize(loss, at, method="L-BFGS-B", bounds=bounds) for at in starts), key=lambda found: found.fun)
    return most * float(expit(best.x[0])), float(best.x[1])


def _shares_of_answers(shares_of_labels: np.ndarray, rate: float) -> np.ndarray:
    """Return the classes' shares among shared answers, of those among labels, which misses have evened out.

    labels_k = pi_k (1 - rate) + (1 - pi_k) rate / (K - 1), solved for pi_k.
    """
    other = rate / (len(shares_of_labels) - 1)
    if not 1 - rate - other > 0:
        return shares_of_labels
    found = np.maximum(shares_of_labels - other, LEAST_SHARE * shares_of_labels)
    return np.asarray(found / found.sum())


def _log_joint(counts: np.ndarray, rate: float, log_concentration: float, shares: np.ndarray) -> np.ndarray:
    """Return log pi_c + log of the Dirichlet-multinomial probability of counts given c, `[patterns, classes]`."""
    n_classes = counts.shape[1]
    s = math.exp(log_concentration)
    own, other = s * (1 - rate), s * rate / (n_classes - 1)
    of_own = gammaln(own + counts) - gammaln(own)
    of_other = gammaln(other + counts) - gammaln(other)
    with np.errstate(divide="ignore"):
        log_shares = np.log(shares)
    every = of_other.sum(axis=1) + gammaln(s) - gammaln(s + counts.sum(axis=1))
    return np.asarray(log_shares + every[:, None] - of_other + of_own)


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
