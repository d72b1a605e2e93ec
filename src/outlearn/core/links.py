"""Links: how a predicted number s is made of what a model gives, its output z."""

from __future__ import annotations

from typing import Literal, TypeAlias

import numpy as np
from jaxtyping import Float

__all__ = ["Link", "through_link"]

Link: TypeAlias = Literal["identity", "log"]
"""`identity`, s = z, for any number; `log`, log s = z, for numbers above 0."""


def through_link(outputs: Float[np.ndarray, "*shape"], link: Link) -> Float[np.ndarray, "*shape"]:
    """Return the numbers s that outputs z stand for.

    Examples:
        >>> through_link(np.array([0.0, 1.0]), "identity"), through_link(np.array([0.0, 1.0]), "log").round(3)
        (array([0., 1.]), array([1.   , 2.718]))
    """
    return outputs if link == "identity" else np.asarray(np.exp(outputs))
