"""Students that are projections of their teacher on a class of functions: where the misfit is the gain, or bounds it.

For a class F that holds the target f, and a student s = argmin over F of the risk against the teacher t:

- squared loss, F convex: |t - f|^2 - |s - f|^2 >= |s - t|^2, with equality where F is a subspace;
- KL, F convex, s = argmin KL(s, t) (reverse KL): KL(f, t) - KL(f, s) >= KL(s, t), equality where F is m-flat;
- KL, F log-linear, s = argmin KL(t, s) (ordinary cross-entropy): KL(t, f) - KL(s, f) = KL(t, s): a gain in the reversed
  risk, and none is promised in CE(f, s);
- F not convex: only gap = misfit + residual holds, and the residual may have either sign.

Functions are arrays `[points, classes]`, and divergences are averaged over points. Theory: docs/theory/convex.md.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from scipy.optimize import brentq
from scipy.special import log_softmax

from outlearn.errors import DomainError
from outlearn.theory.scalars import Number

__all__ = ["closest_softmax_linear", "project_on_half_space", "project_on_m_flat"]

_NEWTON_STEPS = 100
_CONVERGED = 1e-13


def project_on_m_flat(
    teacher: Float[np.ndarray, "points classes"],
    statistics: Float[np.ndarray, "statistics points classes"],
    values: Float[np.ndarray, " statistics"],
) -> Float[np.ndarray, "points classes"]:
    """Find the s closest to the teacher, in mean KL(s, t), whose statistics have the given means.

    F = {p: mean over points of <g_j, p> = c_j} is m-flat (closed under mixtures, also negative ones), and
    s = t exp(sum_j l_j g_j), normalised at each point; Newton's method on the convex dual finds l.

    Args:
        teacher: log-probabilities `[points, classes]`.
        statistics: g, `[statistics, points, classes]`.
        values: c, `[statistics]`; attainable.

    Returns:
        Log-probabilities of s.

    Raises:
        DomainError: if the values are not attained (not attainable, or the teacher too far away).

    Examples:
        >>> t = np.log([[0.5, 0.5]])
        >>> np.exp(project_on_m_flat(t, np.array([[[1.0, 0.0]]]), np.array([0.8]))).round(3)
        array([[0.8, 0.2]])
    """
    count = len(teacher)
    multipliers = np.zeros(len(values))

    def tilted(at: np.ndarray) -> np.ndarray:
        return np.asarray(log_softmax(teacher + np.tensordot(at, statistics, 1), axis=-1))

    for _ in range(_NEWTON_STEPS):
        probs = np.exp(tilted(multipliers))
        means = (statistics * probs).sum(-1)  # [statistics, points]
        gradient = means.mean(axis=1) - values
        if np.abs(gradient).max() < _CONVERGED * max(1.0, float(np.abs(statistics).max())):
            break
        centred = (statistics - means[..., None]) * np.sqrt(probs)
        hessian = np.einsum("ipk,jpk->ij", centred, centred) / count
        multipliers -= _step(hessian, gradient, longest=2.0)
    else:
        raise DomainError(
            f"no distribution near the teacher has the statistics {values}; the closest misses {gradient}"
        )
    return tilted(multipliers)


def project_on_half_space(
    teacher: Float[np.ndarray, "points classes"], statistic: Float[np.ndarray, "points classes"], at_least: Number
) -> Float[np.ndarray, "points classes"]:
    """Find the s closest to the teacher, in mean KL(s, t), with mean <g, s> >= c; the teacher itself if it has that.

    Args:
        teacher: log-probabilities `[points, classes]`.
        statistic: g, `[points, classes]`.
        at_least: c, below the largest attainable mean.

    Returns:
        Log-probabilities of s.

    Raises:
        DomainError: if no distribution has so large a mean.
    """

    def excess(multiplier: float) -> float:
        probs = np.exp(log_softmax(teacher + multiplier * statistic, axis=-1))
        return float((statistic * probs).sum(-1).mean() - at_least)

    if excess(0.0) >= 0:
        return teacher
    if statistic.max(axis=-1).mean() <= at_least:
        raise DomainError(f"no distribution has a mean statistic of {at_least}; the largest is below {statistic.max()}")
    high = 1.0
    while excess(high) < 0:
        high *= 2
    root = brentq(excess, 0.0, high, xtol=1e-15, rtol=1e-15)
    return np.asarray(log_softmax(teacher + root * statistic, axis=-1))


def closest_softmax_linear(
    teacher: Float[np.ndarray, "points classes"], features: Float[np.ndarray, "points features"]
) -> Float[np.ndarray, "points classes"]:
    """Train a softmax-linear head on soft labels to its optimum: argmin over W of mean KL(t, softmax(XW)).

    Args:
        teacher: log-probabilities `[points, classes]`, the soft labels.
        features: X, `[points, features]`.

    Returns:
        Log-probabilities of the student.

    Raises:
        DomainError: if Newton's method does not converge, as for (near) one-hot labels that a head can separate.
    """
    targets = np.exp(teacher)
    count, width, classes = len(features), features.shape[1], teacher.shape[1]
    weights = np.zeros((width, classes))
    for _ in range(_NEWTON_STEPS):
        logs = np.asarray(log_softmax(features @ weights, axis=-1))
        probs = np.exp(logs)
        gradient = features.T @ (probs - targets) / count
        if np.abs(gradient).max() < _CONVERGED:
            return logs
        # Hessian of the mean cross-entropy: E x x' (x) (diag p - pp'); singular along equal shifts of all classes
        blocks = np.einsum("pk,kl->pkl", probs, np.eye(classes)) - probs[:, :, None] * probs[:, None, :]
        hessian = np.einsum("pi,pj,pkl->ikjl", features, features, blocks).reshape(width * classes, -1) / count
        weights -= _step(hessian, gradient.ravel(), longest=5.0, rcond=1e-12).reshape(weights.shape)
    raise DomainError(
        "the head does not converge: the soft labels are (nearly) separable; soften them or use less features"
    )


def _step(hessian: np.ndarray, gradient: np.ndarray, *, longest: float, rcond: float | None = None) -> np.ndarray:
    """Solve for Newton's step, cut where its largest entry is beyond `longest`."""
    step = np.linalg.lstsq(hessian, gradient, rcond=rcond)[0]
    return np.asarray(step * min(1.0, longest / max(1e-300, float(np.abs(step).max()))))
