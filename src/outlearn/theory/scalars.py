"""What counts as a number in a signature: whole numbers too, and NumPy's (its floats are Python's already)."""

from __future__ import annotations

import numpy as np

__all__ = ["Number", "Real", "Whole"]

Real = float | int
Whole = int | np.integer
Number = float | int | np.integer
