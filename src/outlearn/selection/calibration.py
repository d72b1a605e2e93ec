"""How sure an answer may be, and whom it calls what, by the students of other labelers in the place of the truth.

An answer cut at the class shares calls as many points a rare class as there are, also where it cannot tell which: it
then errs more often than by never calling it. What it can tell shows in how far students of other labelers agree, class
by class. With z_g the answer of group g (at one spread, cut at the shares) and H_g its classes,

    min over a, b   sum_g sum_i CE(mean_{h != g} H_h(x_i), softmax(a z_g(x_i) + b)),    0 < a <= 1,  sum_k b_k = 0,

which is Platt scaling across groups, and a z + b is the answer that is given. Students of two groups share what their
labelers share in error, so that they agree more than either does with the truth: a and b mend too little rather than
too much, and a above 1, surer than the answer itself, is not allowed. Measured: docs/auto.md.

Source: Platt, Probabilistic outputs for support vector machines, 1999, with true labels; Guo et al., On calibration of
modern neural networks, 2017, for several classes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.optimize import minimize
from scipy.special import log_softmax

from outlearn.learners.fitted import Heads

__all__ = ["Calibration", "crossed_calibration"]

LEAST_FACTOR = 1e-3  # of a: groups that agree on nothing leave the class shares alone
LARGEST_OFFSET = 6.0  # of b: a class that is e^6 times rarer than said


@dataclass(frozen=True, eq=False)
class Calibration:
    """What to do with an answer's logits: multiply by a factor, then add offsets."""

    factor: float
    offsets: Float[np.ndarray, " classes"]

    def applied(self, heads: Heads) -> Heads:
        """Return the heads that answer so."""
        return Heads.joined(
            [
                heads.select([m]).dual_mean(scale=np.array([self.factor]), offset=self.offsets[None])
                for m in range(heads.n_models)
            ]
        )


def crossed_calibration(
    logits: Float[np.ndarray, "groups points classes"], *, with_offsets: bool = True
) -> Calibration:
    """Find a and b from the answers of two groups or more on the same points.

    Args:
        logits: of each group's answer.
        with_offsets: False for pairs, whose order is arbitrary: b = 0.

    Examples:
        >>> z = np.array([[[2.0, -2.0], [-2.0, 2.0], [2.0, -2.0], [2.0, -2.0]]] * 2)
        >>> crossed_calibration(z).factor
        1.0
        >>> z[1, :2] = z[1, 1::-1].copy()  # they agree at two points of four
        >>> crossed_calibration(z).factor < 0.5
        True
    """
    n_groups, n_points, n_classes = logits.shape
    z = logits - logits.mean(axis=-1, keepdims=True).astype(np.float64)
    called = np.eye(n_classes)[logits.argmax(axis=-1)]
    others = (called.sum(axis=0) - called) / (n_groups - 1)

    def cost(parameters: np.ndarray) -> tuple[float, np.ndarray]:
        a, b = parameters[0], parameters[1:]
        log_p = log_softmax(a * z + b, axis=-1)
        excess = np.exp(log_p) - others
        scale = n_groups * n_points
        gradient = np.concatenate([[(excess * z).sum()], excess.sum(axis=(0, 1)) * with_offsets])
        return float(-(others * log_p).sum() / scale), gradient / scale

    start = np.concatenate([[1.0], np.zeros(n_classes)])
    bounds = [(LEAST_FACTOR, 1.0)] + [(-LARGEST_OFFSET, LARGEST_OFFSET)] * n_classes
    found = minimize(cost, start, jac=True, method="L-BFGS-B", bounds=bounds).x
    return Calibration(float(found[0]), found[1:] - found[1:].mean())
