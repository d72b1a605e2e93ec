"""The heads that a stage fitted, beside the logits they predicted: small arrays, from which students are kept."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from outlearn.learners.fitted import Heads
from outlearn.store.store import Entry

__all__ = ["fitted_heads", "head_arrays"]

PREFIX = "heads."
SHARED = ("mean", "scale")  # the standardisation, which all heads of a stage share


def head_arrays(path: Sequence[Heads]) -> dict[str, np.ndarray]:
    """Lay out the heads of all checkpoints for the store: `heads.weight` is `[checkpoints, models, inputs, classes]`.

    Every name is that of a field of `Heads`; mean and scale stand once.
    """
    stacked = {name: np.stack([each.arrays()[name] for each in path]) for name in path[0].arrays()}
    return {PREFIX + name: array[0] if name in SHARED else array for name, array in stacked.items()}


def fitted_heads(entry: Entry, checkpoint: int = -1) -> Heads | None:
    """Read the heads of one checkpoint, in the order of the logits; None for a stage that fits none."""
    found = {name.removeprefix(PREFIX): a for name, a in entry.arrays.items() if name.startswith(PREFIX)}
    if not found:
        return None
    return Heads(**{name: array if name in SHARED else array[checkpoint] for name, array in found.items()})
