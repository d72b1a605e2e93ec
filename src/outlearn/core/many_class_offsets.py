"""Offsets of many classes that give class means: Newton's steps by conjugate gradients, no classes x classes matrix.

With q_i(k) = exp(z_i(k)), w = exp(u) and n points,

    t_i = sum_k w_k q_i(k),    m_k = (w_k / n) sum_i q_i(k) / t_i                        class means
    H v = m v - (w / n) sum_i q_i (sum_k q_i(k) w_k v_k) / t_i^2                         the Hessian of the cost in u

so that costs, means and the Hessian times a vector are each one or two passes over q, which is never rescaled. Written
out, H costs n K^2 products for K classes, and solving with it K^3 more. Scaled by its diagonal, as it is here, H has
eigenvalues of at most 1, and few much smaller ones unless nearly all points are certain: a dozen passes solve it.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from scipy.sparse.linalg import LinearOperator, cg

__all__ = ["MANY_CLASSES", "MAX_HALVINGS", "MAX_STEP", "MAX_STEPS", "many_class_offsets"]

MANY_CLASSES = 64  # from here on the passes cost less than the matrix; below, it is small
# Of Newton's steps, for few classes too (`core.class_means`).
MAX_STEPS = 100
MAX_HALVINGS = 5  # of a Newton step that went up
MAX_STEP = 10.0  # of a log factor
LOG_FACTOR_FLOOR = -70.0  # relative to the largest: float32 holds sums of exp(70) over all points
SOLVED = 1e-3  # of the residual of a step: what is left is far below the tolerance of the class means
MAX_PASSES = 60  # of conjugate gradients; where they do not solve a step, what they found is tried all the same
RIDGE = 1e-9  # of the Hessian, for classes that no point is of


def many_class_offsets(
    logits: Float[np.ndarray, "points classes"],
    prior: Float[np.ndarray, " classes"],
    *,
    tolerance: float,
    start: Float[np.ndarray, " classes"] | None = None,
) -> Float[np.ndarray, " classes"]:
    """Return u with mean_i softmax(logits_i + u) = prior for one model; all as for `core.class_means.class_offsets`.

    Products are in float32. A class of prior 0, or that no point can take, is left where it is: -70 or above.

    Examples:
        >>> z = np.log([[0.9, 0.1], [0.6, 0.4]])
        >>> p = np.exp(z + many_class_offsets(z, np.array([0.5, 0.5]), tolerance=1e-6))
        >>> (p / p.sum(axis=1, keepdims=True)).mean(axis=0).round(4)
        array([0.5, 0.5])
    """
    q = np.subtract(logits, logits.max(axis=-1, keepdims=True), dtype=np.float32)
    np.exp(q, out=q)
    wanted = _reachable(q, prior)
    at = _Factors(q, np.zeros(len(prior)) if start is None else start, wanted)
    for taken in range(MAX_STEPS):
        # The error squares with each step: from a start within the tolerance one step takes it well below.
        if np.abs(at.means - wanted).max() < tolerance and (taken > 0 or start is None):
            break
        step = np.clip(at.newton_step(), -MAX_STEP, MAX_STEP)
        tried = _Factors(q, at.shift + step, wanted)
        for _ in range(MAX_HALVINGS):
            if tried.cost <= at.cost:
                break
            step /= 2
            tried = _Factors(q, at.shift + step, wanted)
        if not tried.cost <= at.cost:  # or is no number
            # iterative scaling: w_k <- w_k prior_k / mean_i q'_i(k)
            scalable = (wanted > 0) & (at.means > 0)
            ratio = np.divide(wanted, at.means, out=np.ones_like(wanted), where=scalable)
            tried = _Factors(q, at.shift + np.log(ratio), wanted)
        at = tried
    return at.shift


def _reachable(q: np.ndarray, prior: np.ndarray) -> np.ndarray:
    """Return the class means that can be reached, the prior among the classes that points can be of.

    The classes whose prior is 0 are taken from the points that can be of another class, in place.
    """
    unwanted = prior <= 0
    if unwanted.any():
        q[np.ix_(q[:, ~unwanted].any(axis=-1), unwanted)] = 0
    wanted = np.where(q.any(axis=0), prior, 0.0)
    return wanted / wanted.sum() if wanted.any() else np.asarray((q / q.sum(axis=-1, keepdims=True)).mean(axis=0))


class _Factors:
    """Factors of the classes, the class means that they give, and the cost, least where those are the wanted ones."""

    def __init__(self, q: np.ndarray, shift: np.ndarray, wanted: np.ndarray) -> None:
        self.q, self.wanted = q, wanted
        self.shift = np.maximum(shift - shift.max(), LOG_FACTOR_FLOOR)
        self.factors = np.exp(self.shift).astype(np.float32)
        self.total = q @ self.factors
        self.means = self.factors * (q.T @ (1 / self.total)).astype(np.float64) / len(q)
        self.cost = float(np.log(self.total.astype(np.float64)).mean() - wanted @ self.shift)

    def newton_step(self) -> np.ndarray:
        """Solve H x step = wanted - means."""
        n, k = self.q.shape

        def times(v: np.ndarray) -> np.ndarray:
            weighted = (self.factors * v.ravel()).astype(np.float32)
            shared = self.q.T @ (self.q @ weighted / self.total / self.total)
            spread = (self.means + RIDGE) * v.ravel() - self.factors * shared.astype(np.float64) / n
            # A constant changes nothing, and rounding would: m m^T takes that direction.
            return np.asarray(spread + self.means * (self.means @ v.ravel()))

        hessian = LinearOperator((k, k), matvec=times, dtype=np.float64)
        diagonal = LinearOperator((k, k), matvec=lambda v: v.ravel() / (self.means + RIDGE), dtype=np.float64)
        with np.errstate(over="ignore", invalid="ignore"):  # where rounding leaves H no inverse: scaling takes over
            step, _ = cg(hessian, self.wanted - self.means, rtol=SOLVED, maxiter=MAX_PASSES, M=diagonal)
        return np.asarray(step)
