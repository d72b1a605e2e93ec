"""What features are to whoever learns from them or predicts with them: a matrix, dense or sparse."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from jaxtyping import Float
from scipy.sparse import csr_array

__all__ = ["FeatureMatrix"]

FeatureMatrix: TypeAlias = Float[np.ndarray, "_ _"] | csr_array
"""Features `[points, features]`; sparse ones, such as counts of words, by rows (CSR)."""
