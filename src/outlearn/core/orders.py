"""The two orders of a divergence between target and prediction, in one place, so that nothing can mix them.

    target_first:      risk D(target, prediction)   misfit D(student, teacher)   dual mean of predictions
    prediction_first:  risk D(prediction, target)   misfit D(teacher, student)   primal (arithmetic) mean of predictions

and the other mean for targets. The rule behind both: what stands second is averaged in dual coordinates, what stands
first arithmetically; spread about the mean is measured so that what was second stays second (Pfau 2013; the second
order by exchanging the coordinate systems). Every printed result takes its words from `directions`. Arrays here are in
dual coordinates, logits normalised: as `gradient`, predictions and the means here give them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from outlearn.core.generators import BregmanGenerator
from outlearn.errors import ConfigError, suggest

__all__ = [
    "ORDERS", "Directions", "check_order", "directions", "dual_centre", "leave_out_centres", "mean_risk",
    "model_blocks", "spread_about",
]  # fmt: skip

ORDERS: dict[str, str] = {
    "target_first": "D(target, prediction), dual mean of predictions",
    "prediction_first": "D(prediction, target), arithmetic mean of predictions",
}
# Numbers of an array of a block of models: 256 KiB, so that the few arrays of a divergence stay in a core's cache.
BLOCK = 2**15


def check_order(order: str) -> str:
    """Return `order` if it is one of `ORDERS`.

    Raises:
        ConfigError: otherwise; it says what each order means.
    """
    if order not in ORDERS:
        meaning = "; ".join(f"{name} is {text}" for name, text in ORDERS.items())
        raise ConfigError(f"order is {order!r}; {suggest(order, ORDERS)} {meaning}.")
    return order


@dataclass(frozen=True)
class Directions:
    """The words for one generator and order: `risk`, `misfit`, `residual` and `posterior_mean`."""

    generator: str
    order: str
    risk: str
    misfit: str
    residual: str
    posterior_mean: str

    def __str__(self) -> str:
        return (
            f"{self.generator}, order {self.order}\n"
            f"  risk      {self.risk}\n"
            f"  misfit    {self.misfit}\n"
            f"  residual  {self.residual}; on average 0 where the student\n"
            f"            is the {self.posterior_mean} posterior mean of its teacher"
        )


def directions(generator: BregmanGenerator, order: str) -> Directions:
    """Say in words what risk, misfit and posterior mean are under this generator and order.

    Examples:
        >>> from outlearn.core.generators import get_generator
        >>> d = directions(get_generator("negative_entropy"), "target_first")
        >>> d.risk, d.misfit, d.posterior_mean
        ('KL(target || prediction)', 'KL(student || teacher)', 'dual (geometric)')
        >>> d = directions(get_generator("negative_entropy"), "prediction_first")
        >>> d.risk, d.misfit, d.posterior_mean
        ('KL(prediction || target)', 'KL(teacher || student)', 'primal (arithmetic)')
    """
    if check_order(order) == "target_first":
        risk, misfit = ("target", "prediction"), ("student", "teacher")
        residual = "<grad(student) - grad(teacher), target - student>"
        mean = f"dual ({generator.dual_mean_name})"
    else:
        risk, misfit = ("prediction", "target"), ("teacher", "student")
        residual = "<grad(student) - grad(target), teacher - student>"
        mean = f"primal ({generator.primal_mean_name})"

    def written(pair: tuple[str, str]) -> str:
        return generator.notation.format(a=pair[0], b=pair[1])

    return Directions(generator.name, order, written(risk), written(misfit), residual, mean)


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
    if _stands_second(order, of):
        return generator.normalised(generator.dual_mean_from_dual(members, weights))
    return generator.mean_from_dual(members, weights)


def _stands_second(order: str, of: str) -> bool:
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
    for rows in model_blocks(len(models), target.size):  # memory of a block or of [draws, points, classes], if larger
        if order == "target_first":
            risk[rows] = generator.divergence_of_gradients(target[:, None], models[rows]).mean(axis=0)  # E D(Y, f)
        else:
            risk[rows] = generator.divergence_of_gradients(models[rows], target[:, None]).mean(axis=0)  # E D(f, Y)
    return risk


def model_blocks(n_models: int, numbers_of_one: int) -> Iterator[slice]:
    """Cut models into blocks that are computed together: no call for each model, and intermediate results in the cache.

    Args:
        n_models: how many there are.
        numbers_of_one: size of the largest array that one model needs.

    Examples:
        >>> list(model_blocks(5, 2**14))
        [slice(0, 2, None), slice(2, 4, None), slice(4, 5, None)]
    """
    size = max(1, BLOCK // max(1, numbers_of_one))
    for start in range(0, n_models, size):
        yield slice(start, min(start + size, n_models))


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
    for rows in model_blocks(len(members), centre.size):
        if _stands_second(order, of):
            spread[rows] = generator.divergence_of_gradients(centre, members[rows])
        else:
            spread[rows] = generator.divergence_of_gradients(members[rows], centre)
    return spread


def leave_out_centres(
    units: Float[np.ndarray, "units points classes"], generator: BregmanGenerator, order: str, *, of: str
) -> Float[np.ndarray, "units points classes"]:
    """Return the mean that belongs to the order with each unit left out in turn.

    Means of what comes before and after a unit are combined, never a unit subtracted from the whole: subtraction would
    lose the small probabilities, and is not defined at a probability of 0.

    Args:
        units: at least two, which weigh the same; the mean of each, in dual coordinates.
    """

    def joined(first: np.ndarray, n_first: int, second: np.ndarray, n_second: int) -> np.ndarray:
        weights = np.array([n_first, n_second], dtype=np.float64)
        return dual_centre(np.stack([first, second]), generator, order, of=of, weights=weights)

    before, after = list(units[:1]), list(units[-1:])
    for k in range(1, len(units) - 1):
        before.append(joined(before[-1], k, units[k], 1))
        after.append(joined(after[-1], k, units[-1 - k], 1))
    centres = np.empty_like(units)
    centres[0], centres[-1] = after[-1], before[-1]
    for k in range(1, len(units) - 1):
        centres[k] = joined(before[k - 1], k, after[len(units) - 2 - k], len(units) - 1 - k)
    return centres
