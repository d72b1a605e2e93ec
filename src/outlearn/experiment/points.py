"""Which points a run uses for what, and what they are called."""

from __future__ import annotations

import hashlib
from functools import lru_cache

import numpy as np
from jaxtyping import Int

from outlearn.data.splits import Splits
from outlearn.data.task import SPLIT_NAMES, Task
from outlearn.store.store import canonical_json

__all__ = ["EVALUATED", "point_ids", "splits_fingerprint"]

# The parts of a task that predictions are made for.
EVALUATED = ("validation", "test")


def point_ids(task: Task, points: Int[np.ndarray, " points"]) -> np.ndarray:
    """Return the ids of these points."""
    return np.array([task.ids[i] for i in points.tolist()])


@lru_cache(maxsize=2)  # every stage that trains asks, and the runs of a sweep on the same points
def splits_fingerprint(splits: Splits) -> str:
    """Name the splits by their content."""
    return hashlib.sha256(canonical_json([getattr(splits, name).tolist() for name in SPLIT_NAMES]).encode()).hexdigest()
