"""Labels for whoever learns from points none of which shows some class: without any, its intercept has no optimum."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

__all__ = ["with_every_class"]

UNSEEN = 0.5  # points of a class that is not drawn: the pseudocount of Jeffreys' prior


def with_every_class(
    labels: Float[np.ndarray, "points classes"], weights: Float[np.ndarray, "weightings points"]
) -> Float[np.ndarray, "weightings points classes"]:
    """Return the labels for each weighting; half a point of each class that it lacks is shared by all that it has.

    Examples:
        >>> with_every_class(np.eye(2)[[0, 1]], np.array([[2.0, 0.0], [1.0, 1.0]]))
        array([[[0.75, 0.25],
                [0.  , 1.  ]],
        <BLANKLINE>
               [[1.  , 0.  ],
                [0.  , 1.  ]]])
    """
    shares = UNSEEN * (weights @ labels == 0) / weights.sum(axis=1, keepdims=True)
    return np.asarray((1.0 - shares.sum(axis=1))[:, None, None] * labels + shares[:, None])
