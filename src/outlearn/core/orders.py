"""The two orders of a divergence between target and prediction, in one place, so that nothing can mix them.

    target_first:      risk D(target, prediction);  predictions have their dual mean, targets the arithmetic one.
    prediction_first:  risk D(prediction, target);  predictions have the arithmetic mean, targets the dual one.

The rule behind both: what stands second is averaged in dual coordinates, what stands first arithmetically; spread about
the mean is measured so that what was second stays second. Everything here is in dual coordinates.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from outlearn.core.generators import BregmanGenerator

__all__ = ["dual_centre", "leave_out_centres", "mean_risk", "spread_about"]


def dual_centre(
    members: Float[np.ndarray, "members points classes"],
    generator: BregmanGenerator,
    order: str,
    *,
    of: str,
    weights: Float[np.ndarray, " members"] | None = None,
) -> Float[np.ndarray, "points classes"]:
    """Return, in dual coordinates, the mean that belongs to the order: dual for what stands second, else arithmetic.

    Args:
        of: "predictions" or "target", which of the two the members are.
    """
    if stands_second(order, of):
        return generator.dual_mean_from_dual(members, weights)
    return generator.mean_from_dual(members, weights)


def stands_second(order: str, of: str) -> bool:
    """Tell whether "predictions" or "target" is the second argument of the divergence in this order."""
    return (order == "target_first") == (of == "predictions")


def mean_risk(
    target: Float[np.ndarray, "draws points classes"],
    models: Float[np.ndarray, "models points classes"],
    generator: BregmanGenerator,
    order: str,
) -> Float[np.ndarray, "models points"]:
    """Compute the risk of each model at each point, averaged over draws of the target."""
    risk = np.zeros(models.shape[:2])
    for model, duals in enumerate(models):  # one model at a time: memory of [draws, points, classes], not times models
        if order == "target_first":
            risk[model] = generator.divergence_from_dual(target, duals).mean(axis=0)
        else:
            risk[model] = generator.divergence_from_dual(duals, target).mean(axis=0)
    return risk


def spread_about(
    centre: Float[np.ndarray, "points classes"],
    members: Float[np.ndarray, "members points classes"],
    generator: BregmanGenerator,
    order: str,
    *,
    of: str,
) -> Float[np.ndarray, "members points"]:
    """Compute D(centre, member) where members stand second in this order, else D(member, centre)."""
    spread = np.zeros(members.shape[:2])
    for index, member in enumerate(members):
        if stands_second(order, of):
            spread[index] = generator.divergence_from_dual(centre, member)
        else:
            spread[index] = generator.divergence_from_dual(member, centre)
    return spread


def leave_out_centres(
    units: Float[np.ndarray, "units points classes"],
    sizes: Float[np.ndarray, " units"],
    generator: BregmanGenerator,
    order: str,
    *,
    of: str,
) -> Float[np.ndarray, "units points classes"]:
    """Return the mean that belongs to the order with each unit left out in turn.

    Means of what comes before and after a unit are combined, never a unit subtracted from the whole: subtraction would
    lose the small probabilities, and is not defined at a probability of 0.

    Args:
        units: at least two; the mean of each unit, in dual coordinates.
        sizes: how many models each unit holds.
    """
    before, after = list(units[:1]), list(units[-1:])
    for k in range(1, len(units) - 1):
        before.append(_joined(before[-1], sizes[:k].sum(), units[k], sizes[k], generator, order, of))
        after.append(_joined(after[-1], sizes[-k:].sum(), units[-1 - k], sizes[-1 - k], generator, order, of))
    centres = np.empty_like(units)
    centres[0], centres[-1] = after[-1], before[-1]
    for k in range(1, len(units) - 1):
        left, right = sizes[:k].sum(), sizes[k + 1 :].sum()
        centres[k] = _joined(before[k - 1], left, after[len(units) - 2 - k], right, generator, order, of)
    return centres


def _joined(
    first: np.ndarray,
    n_first: float,
    second: np.ndarray,
    n_second: float,
    generator: BregmanGenerator,
    order: str,
    of: str,
) -> np.ndarray:
    weights = np.array([n_first, n_second], dtype=np.float64)
    return dual_centre(np.stack([first, second]), generator, order, of=of, weights=weights)
