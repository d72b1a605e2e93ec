"""Two families of how points differ in difficulty, of two parameters each, by maximum likelihood of counts of labels.

Given the class c that the shared answer of a point is, with share pi_c, a label misses it with a chance of its own at
each point, Beta distributed with mean `rate` and concentration s: even noise is s -> infinity. Two ways in which misses
fall on the other K - 1 classes are fitted, as data with more than two classes are of either kind:

- uneven: label distributions p are Dirichlet, with parameters s (1 - rate) for c and s rate / (K - 1) for each other
  class: at a hard point one wrong class draws most misses;
- even: misses fall on all other classes alike, at every point, as they do under even noise.

Of two classes they are the same. Source: Griffiths, Maximum likelihood estimation for the beta-binomial distribution,
1973, of two classes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from scipy.optimize import minimize
from scipy.special import expit, gammaln, logsumexp

__all__ = ["FirstStep", "first_steps"]

LOGITS = (-8.0, 8.0)  # of the rate over the most that it can be
LOG_CONCENTRATIONS = (math.log(0.05), math.log(5000.0))
STARTS = ((-1.0, 0.5), (-1.0, 3.0))  # uneven and nearly even: there can be two optima
LEAST_SHARE = 0.01  # of a class's share of labels that is its share of shared answers at least: it was seen
MOST_CONCENTRATED = 50.0  # of what is drawn wide: it must also cover points harder than the fit thinks


@dataclass(frozen=True, eq=False)
class FirstStep:
    """Hold a family that was fitted.

    Attributes:
        rate, concentration: how often the shared answer is missed, and how alike points are.
        even: whether misses fall on the other classes alike.
        shares: pi, `[classes]`.
        found_at: the parameters of the search, from which another one can start.
    """

    rate: float
    concentration: float
    even: bool
    shares: Float[np.ndarray, " classes"]
    found_at: tuple[float, float] = STARTS[0]

    def log_joint(self, counts: Int[np.ndarray, "patterns classes"]) -> Float[np.ndarray, "patterns classes"]:
        """Return log pi_c + log of the probability of counts given c, without what is the same for every c."""
        s, n_classes, total = self.concentration, counts.shape[1], counts.sum(axis=1, keepdims=True)
        own, missed = s * (1 - self.rate), s * self.rate
        of_own = gammaln(own + counts) - gammaln(own)
        if self.even:
            misses = total - counts
            of_missed = gammaln(missed + misses) - gammaln(missed) - misses * math.log(n_classes - 1)
        else:
            each = gammaln(missed / (n_classes - 1) + counts) - gammaln(missed / (n_classes - 1))
            of_missed = each.sum(axis=1, keepdims=True) - each
        with np.errstate(divide="ignore"):
            log_shares = np.log(self.shares)
        return np.asarray(log_shares + of_own + of_missed + gammaln(s) - gammaln(s + total))

    def drawn(self, n: int, rng: np.random.Generator, *, wide: bool) -> Float[np.ndarray, "atoms classes"]:
        """Draw label distributions; `wide` ones are of points that differ more than was found, where it was little."""
        n_classes = len(self.shares)
        s = min(self.concentration, MOST_CONCENTRATED) if wide else self.concentration
        answer = rng.choice(n_classes, n, p=self.shares / self.shares.sum())
        shape = np.full((n_classes, n_classes), s * self.rate / (n_classes - 1))
        np.fill_diagonal(shape, s * (1 - self.rate))
        # A class that is never seen at an atom would rule the atom out wherever it is seen once.
        atoms = rng.gamma(shape[answer]) + (1e-6 if wide else 1e-300)
        atoms /= atoms.sum(axis=1, keepdims=True)
        if self.even:  # the answer's own share is Beta distributed all the same
            own = atoms[np.arange(n), answer]
            atoms = np.repeat((1 - own)[:, None] / (n_classes - 1), n_classes, axis=1)
            atoms[np.arange(n), answer] = own
        return np.asarray(atoms)


def first_steps(
    counts: Int[np.ndarray, "patterns classes"],
    times: Float[np.ndarray, " patterns"],
    shares: Float[np.ndarray, " classes"],
    start: tuple[FirstStep, ...] | None = None,
) -> tuple[FirstStep, ...]:
    """Fit both families, the likelier one first; of two classes the one that they are.

    Args:
        counts: labels of each class, a row for each pattern that occurs.
        times: how many points have it.
        shares: of the classes among labels.
        start: fits of about the same points.

    Examples:
        >>> counts = np.array([[4, 0, 0], [2, 1, 1], [2, 2, 0], [0, 4, 0], [0, 0, 4], [1, 2, 1], [1, 1, 2]])
        >>> found = first_steps(counts, np.array([30.0, 9, 2, 30, 30, 9, 9]), np.full(3, 1 / 3))
        >>> [step.even for step in found]      # where one labeler misses, another one that does says a third thing
        [True, False]
    """
    even_ones = (False,) if counts.shape[1] == 2 else (False, True)
    fitted = []
    for even in even_ones:
        known = [step.found_at for step in start or () if step.even == even]
        fitted.append(_fitted(counts, times, shares, even, tuple(known) or STARTS))
    return tuple(step for _, step in sorted(fitted, key=lambda each: each[0]))


def _fitted(
    counts: np.ndarray, times: np.ndarray, shares: np.ndarray, even: bool, starts: tuple[tuple[float, float], ...]
) -> tuple[float, FirstStep]:
    """Return the loss at the maximum of the likelihood, and what is there."""
    most = (counts.shape[1] - 1) / counts.shape[1]

    def at(parameters: np.ndarray) -> FirstStep:
        rate = most * float(expit(parameters[0]))
        place = (float(parameters[0]), float(parameters[1]))
        return FirstStep(rate, math.exp(place[1]), even, _shares_of_answers(shares, rate), place)

    def loss(parameters: np.ndarray) -> float:
        return -float(times @ logsumexp(at(parameters).log_joint(counts), axis=1)) / float(times.sum())

    bounds = [LOGITS, LOG_CONCENTRATIONS]
    found = [minimize(loss, np.array(start), method="L-BFGS-B", bounds=bounds) for start in starts]
    best = min(found, key=lambda each: each.fun)
    return float(best.fun), at(best.x)


def _shares_of_answers(shares_of_labels: np.ndarray, rate: float) -> np.ndarray:
    """Return the classes' shares among shared answers, of those among labels, which misses have evened out.

    labels_k = pi_k (1 - rate) + (1 - pi_k) rate / (K - 1), solved for pi_k.
    """
    other = rate / (len(shares_of_labels) - 1)
    if not 1 - rate - other > 0:
        return shares_of_labels
    found = np.maximum(shares_of_labels - other, LEAST_SHARE * shares_of_labels)
    return np.asarray(found / found.sum())
