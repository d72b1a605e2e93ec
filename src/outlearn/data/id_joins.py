"""Join the rows of one file to the points of another: by id where both have ids, else by position, and say which."""

from __future__ import annotations

import numpy as np
from jaxtyping import Int, Shaped

from outlearn.errors import AlignmentError

__all__ = ["by_position", "places", "refuse_twice"]


def places(
    ids: Shaped[np.ndarray, " points"], wanted: Shaped[np.ndarray, " points_too"], source: str, other: str
) -> Int[np.ndarray, " points_too"]:
    """Find where each wanted id stands among `ids`; both sides must hold the same ids.

    Args:
        ids: of the file `source`.
        wanted: of the file `other`, in the order to bring the rows into.

    Raises:
        AlignmentError: names the first id that is missing, unknown or repeated.

    Example:
        >>> places(np.array(["a", "b"]), np.array(["b", "a"]), "s.csv", "t.csv")
        array([1, 0])
    """
    refuse_twice(ids, source)
    place = {name: index for index, name in enumerate(ids.tolist())}
    order = wanted.tolist()
    missing = [name for name in order if name not in place]
    extra = sorted(set(place) - set(order), key=str)
    if missing or extra:
        what = f"{len(missing)} ids of {other} are missing, first {missing[0]!r}" if missing else ""
        more = f"{len(extra)} are not in {other}, first {extra[0]!r}" if extra else ""
        raise AlignmentError(
            f"{source}: ids do not match: {'; '.join(filter(None, (what, more)))}. Save the same points."
        )
    return np.array([place[name] for name in order])


def refuse_twice(ids: Shaped[np.ndarray, " points"], source: str) -> None:
    """Raise AlignmentError if an id comes twice."""
    values, counts = np.unique(ids, return_counts=True)
    if len(values) < len(ids):
        raise AlignmentError(
            f"{source}: the id {values[counts.argmax()].item()!r} comes {counts.max()} times. Make ids unique."
        )


def by_position(role: str, source: str, has_ids: bool, other: str, other_has_ids: bool) -> tuple[str, ...]:
    """Say so where only one of two files has ids, so that rows were joined by position.

    Example:
        >>> by_position("target", "y.npy", False, "t.csv", True)
        ('y.npy has no ids, so the target was joined to the other points by position.',)
    """
    if has_ids == other_has_ids:  # neither: arrays in one order, as every array program has them
        return ()
    return (f"{other if has_ids else source} has no ids, so the {role} was joined to the other points by position.",)
