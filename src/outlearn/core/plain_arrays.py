"""Take what callers hold for a NumPy array, where nothing of it is lost: no mask, no gradient, no ragged row."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Shaped

from outlearn.errors import DomainError

__all__ = ["plain_array"]

LEAVE_OUT = "Leave the masked points out."


def plain_array(
    values: Any, argument: str, *, dtype: type | None = None, instead_of_masks: str = LEAVE_OUT
) -> Shaped[np.ndarray, "..."]:
    """Return values as an array.

    Args:
        values: anything that NumPy takes.
        argument: its name, for messages.
        dtype: of the array; None leaves it.
        instead_of_masks: what to do where elements are masked: a mask is no part of an array, and what is under it
            would count as a value.

    Raises:
        DomainError: for masked elements, rows of different lengths, tensors with gradients, and what is no `dtype`.

    Examples:
        >>> plain_array([0, 1], "labels")
        array([0, 1])
    """
    if np.ma.isMaskedArray(values) and np.ma.getmaskarray(values).any():
        raise DomainError(f"{argument} is a masked array. {instead_of_masks}")
    try:
        return np.asarray(values, dtype=dtype)
    except (ValueError, RuntimeError, TypeError) as error:  # ragged lists; tensors with gradients, or of bfloat16
        raise DomainError(
            f"{argument} is no array of numbers: {error} Give equally long rows; of a tensor, "
            "values.detach().float().cpu().numpy()."
        ) from error
