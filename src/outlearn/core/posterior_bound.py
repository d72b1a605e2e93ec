"""How large the residual can be when the student is not its posterior-mean teacher.

    target_first:      residual = <grad phi(s) - grad phi(c), Y - s>
    prediction_first:  residual = <grad phi(s) - grad phi(Y), c - s>

Under negative entropy |<u, p - q>| <= TV(p, q) (max u - min u), since p - q sums to 0; else Cauchy-Schwarz.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Shaped

from outlearn.core.generators import BregmanGenerator
from outlearn.core.predictions import Predictions
from outlearn.core.targets import read_target, target_duals

__all__ = ["residual_and_bound"]


def residual_and_bound(
    student: Predictions,
    s: Float[np.ndarray, "students points classes"],
    c: Float[np.ndarray, "students points classes"],
    generator: BregmanGenerator,
    order: str,
    target: Shaped[np.ndarray, "..."] | Predictions | None,
    *,
    draws: bool = False,
) -> tuple[Float[np.ndarray, "students points"] | None, Float[np.ndarray, "students points"] | None]:
    """Compute the residual with the posterior mean c for the teacher, and its bound, `[students, points]` each.

    Args:
        student: the students.
        s, c: dual coordinates of students and posterior means.
        target: as for `risk_gap`. Without one the residual is None, and the bound is the worst over all targets
            ("target_first") or None ("prediction_first").
    """
    probs = student.probs
    if target is None:
        if order == "prediction_first":
            return None, None
        return None, _worst_case(probs, s, c, generator)
    read = read_target(target, student, draws=draws)
    y = target_duals(read, student, generator, order)
    if order == "target_first":
        turn, step = _difference(s, c), read.probs.mean(axis=0) - probs
    else:
        turn, step = _difference(s, y.mean(axis=0)), generator.inverse_gradient(c) - probs
    with np.errstate(invalid="ignore"):
        residual = np.where(step == 0, 0.0, turn * step).sum(axis=-1)
    return residual, _bound(turn, step, generator)


def _bound(turn: np.ndarray, step: np.ndarray, generator: BregmanGenerator) -> np.ndarray:
    if generator.name == "negative_entropy":
        distance = np.abs(step).sum(axis=-1) / 2
        with np.errstate(invalid="ignore"):  # 0 times an infinite range: no step, no residual
            return np.where(distance == 0, 0.0, distance * (turn.max(axis=-1) - turn.min(axis=-1)))
    return np.asarray(np.linalg.norm(turn, axis=-1) * np.linalg.norm(step, axis=-1))


def _worst_case(probs: np.ndarray, s: np.ndarray, c: np.ndarray, generator: BregmanGenerator) -> np.ndarray:
    """Bound over all targets: the farthest target is the class that the student finds least probable."""
    farthest = np.zeros_like(probs)
    np.put_along_axis(farthest, probs.argmin(axis=-1)[..., None], 1.0, axis=-1)
    return _bound(_difference(s, c), farthest - probs, generator)


def _difference(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore"):  # both -inf: the class has probability 0 under both and plays no part
        return np.where(np.isneginf(first) & np.isneginf(second), 0.0, first - second)
