"""Which labeled points a prompt shows before it asks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Int

from outlearn.errors import ConfigError

__all__ = ["draw_examples"]


def draw_examples(
    points: Int[np.ndarray, " labeled"],
    labels: Int[np.ndarray, " labeled"],
    class_names: Sequence[str],
    shots: int,
    rng: np.random.Generator,
    *,
    key: str,
    where: str,
    remedy: str,
) -> list[tuple[int, int]]:
    """Draw points with their labels, as many of each class as of any other or one less, in mixed order.

    Args:
        points, labels: to draw from.
        class_names: of the labels.
        shots: how many; 0 draws none.
        rng: for the draw.
        key, where, remedy: for the message: what asks for so many, what holds the points, what to do.

    Returns:
        (point, label) of each example, in the order in which they are shown.

    Raises:
        ConfigError: if there are too few points of a class.
    """
    if not shots:
        return []
    pools = [rng.permutation(points[labels == k]) for k in range(len(class_names))]
    # Classes take turns, in a new order in every round.
    turns = np.concatenate([rng.permutation(len(class_names)) for _ in range(-(-shots // len(class_names)))])
    taken = [0] * len(class_names)
    chosen: list[tuple[int, int]] = []
    for k in turns[:shots].tolist():
        if taken[k] >= len(pools[k]):
            raise ConfigError(
                f"{key} is {shots}, and {where} has {len(pools[k])} points of class {class_names[k]!r}. {remedy}"
            )
        chosen.append((int(pools[k][taken[k]]), k))
        taken[k] += 1
    return [chosen[i] for i in rng.permutation(len(chosen)).tolist()]
