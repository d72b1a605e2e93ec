"""Pairs of labelers that share errors: found by what their agreement exceeds, and kept out of the labelers' skills.

Under even noise log q_ij = a_i + a_j for every pair of n labelers, a_i the logarithm of i's skill (`shared_answer`). By
least squares with every pair once

    a_i = (sum_j log q_ij - total / (n - 1)) / (n - 2),

total being the sum over pairs. A pair of one prompt, or of a labeler and its copy, agrees more than that, and makes
both of its labelers look better than they are. With S the pairs that are kept out, x_p the row that marks the two
labelers of pair p, A = (X'X)^-1 = (I - 11' / (2n - 2)) / (n - 2), and e_p = log q_p - x_p' a the excess of a pair,

    a  <-  a - A X_S' (I - X_S A X_S')^-1 e_S

is the fit without them, which exists while the pairs left tell all skills. The pair of largest excess is kept out, then
the next one by the new fit, as long as one exceeds it by more than `ALIKE` standard errors.

Of four labelers the excess of a pair is that of the other two: one equation, which of the pairs share errors is not
identified. The fit then keeps both, and what it would be without the one and without the other are its other accounts
(`accounts`). From five labelers on, the pair that comes next is such an account: it may be alike, and the data too few
to show it.

Source: Cook and Weisberg, Residuals and Influence in Regression, 1982, section 2.2, for what leaving out rows does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from outlearn.core.labelers.influence import LinearisedEstimate, summed
from outlearn.core.labelers.labeler_agreement import PairTable

__all__ = ["MOST_NOT_TOLD", "PairFit", "fit_pairs"]

ALIKE = 3.0  # standard errors of a pair's excess agreement from which it is named; pairs are many
LEAST_TOLD = 1e-6  # least eigenvalue of I - X_S A X_S' from which the pairs left tell all skills
MOST_NOT_TOLD = 4  # labelers: of four a pair shares its excess with the other two, of three there is none


@dataclass(frozen=True)
class PairFit:
    """Hold the logarithms of skills.

    Attributes:
        logs: of each labeler.
        alike: pairs that agree more than skills explain, with the excess in standard errors.
        others: the same logarithms by other accounts of who shares errors.
    """

    logs: Mapping[int, LinearisedEstimate]
    alike: Mapping[tuple[int, int], float]
    others: tuple[Mapping[int, LinearisedEstimate], ...]


def fit_pairs(logs: PairTable) -> PairFit:
    """Fit log q_ij = a_i + a_j to all pairs of three labelers or more but those that share errors.

    Examples:
        >>> from itertools import combinations
        >>> from outlearn.core.labelers.influence import mean_estimate
        >>> noise = np.random.default_rng(0).normal(scale=0.1, size=(10, 400))
        >>> q = dict(zip(combinations(range(5), 2), map(mean_estimate, noise - noise.mean(axis=1, keepdims=True))))
        >>> q[0, 1] = q[0, 1] + 0.3       # all skills are 1, and these two agree more
        >>> found = fit_pairs(q)
        >>> list(found.alike), [round(abs(a.value), 6) for a in found.logs.values()]
        ([(0, 1)], [0.0, 0.0, 0.0, 0.0, 0.0])
    """
    pairs = _Pairs(logs)
    if len(pairs.labelers) < MOST_NOT_TOLD:
        return PairFit(pairs.without(()), {}, ())
    excess = pairs.excess(pairs.without(()))
    if len(pairs.labelers) == MOST_NOT_TOLD:
        alike = {pair: z for pair, z in excess.items() if z > ALIKE}
        pair = max(excess, key=lambda each: excess[each])
        first, second = sorted(set(pairs.labelers) - set(pair))
        return PairFit(pairs.without(()), alike, (pairs.without((pair,)), pairs.without(((first, second),))))
    out: list[tuple[int, int]] = []
    alike = {}
    while True:
        told = [pair for pair in excess if pair not in out and pairs.tell((*out, pair))]
        if not told:
            return PairFit(pairs.without(out), alike, ())
        worst = max(told, key=lambda pair: excess[pair])
        if not excess[worst] > ALIKE or len(out) == len(pairs.labelers):
            return PairFit(pairs.without(out), alike, (pairs.without((*out, worst)),))
        out.append(worst)
        alike[worst] = excess[worst]
        excess = pairs.excess(pairs.without(out))


class _Pairs:
    """Fit the logarithms of skills to all pairs, and to all but some."""

    def __init__(self, logs: PairTable) -> None:
        self.logs = logs
        self.labelers = sorted({i for pair in logs for i in pair})
        n = len(self.labelers)
        total = summed(list(logs.values()))
        self.full = {
            i: (summed([log for pair, log in logs.items() if i in pair]) - total / (n - 1)) / (n - 2)
            for i in self.labelers
        }

    def _rows(self, out: Sequence[tuple[int, int]]) -> np.ndarray:
        return np.array([[float(i in pair) for i in self.labelers] for pair in out])

    def _left(self, out: Sequence[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
        """Return A X_S' and I - X_S A X_S'."""
        n = len(self.labelers)
        rows = self._rows(out)
        moved = (rows.T - 1 / (n - 1)) / (n - 2)  # A x_p = (x_p - 1 / (n - 1)) / (n - 2), as x_p sums to 2
        return moved, np.eye(len(out)) - rows @ moved

    def tell(self, out: Sequence[tuple[int, int]]) -> bool:
        """Say whether the pairs left tell all skills."""
        return bool(np.linalg.eigvalsh(self._left(out)[1])[0] > LEAST_TOLD)

    def without(self, out: Sequence[tuple[int, int]]) -> dict[int, LinearisedEstimate]:
        """Fit all pairs but these."""
        if not out:
            return self.full
        moved, left = self._left(out)
        weights = np.linalg.solve(left, moved.T)  # (I - X_S A X_S')^-1 X_S A, [pairs out, labelers]
        excess = [self.logs[i, j] - self.full[i] - self.full[j] for i, j in out]
        return {
            i: self.full[i] - summed([e * float(w) for e, w in zip(excess, weights[:, k], strict=True)])
            for k, i in enumerate(self.labelers)
        }

    def excess(self, fit: Mapping[int, LinearisedEstimate]) -> dict[tuple[int, int], float]:
        """Return by how many standard errors each pair agrees more than a fit explains; 0 where nothing varies."""
        found = {}
        for (i, j), log in self.logs.items():
            over = log - fit[i] - fit[j]
            found[i, j] = over.value / over.standard_error if over.standard_error > 0 else 0.0
        return found
