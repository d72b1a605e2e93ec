"""Labels in arrays, lists, series and frames: what is a gap there, by the rules that files have too."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any

import numpy as np
from jaxtyping import Bool, Shaped

from outlearn.core.plain_arrays import plain_array
from outlearn.data.label_cells import NEVER_A_CLASS, is_gap
from outlearn.data.label_table import UNLABELED
from outlearn.data.wording import normalise_name
from outlearn.errors import DataError

__all__ = ["is_unlabeled", "labels_given", "refuse_what_is_no_class", "with_gaps_marked"]


def with_gaps_marked(labels: Any) -> Shaped[np.ndarray, "..."]:
    """Return labels as an array in which every gap is -1, or "-1" among text.

    A gap is None, NaN, NaT, pandas.NA, a masked element, an empty text, or -1, also as text. Whole numbers that are
    floats only because NaN is one become whole numbers. Distributions, which have a third axis, are left as they are.

    Raises:
        DomainError: for rows of different lengths, and tensors with gradients.

    Examples:
        >>> with_gaps_marked([0.0, float("nan"), 1.0]), with_gaps_marked(["no", float("nan"), "yes"])
        (array([ 0, -1,  1]), array(['no', -1, 'yes'], dtype=object))
    """
    if isinstance(labels, np.ma.MaskedArray):
        masked, labels = np.ma.getmaskarray(labels), np.ma.getdata(labels).astype(object)
        labels[masked] = None
    values = _as_they_are(labels, plain_array(labels, "labels"))
    if values.ndim > 2:
        return values
    if values.dtype.kind == "f" and (gaps := np.isnan(values)).any():
        marked = np.where(gaps, UNLABELED, values)
        return marked.astype(np.int64) if (marked == np.round(marked)).all() and np.isfinite(marked).all() else values
    if values.dtype.kind == "O":
        values = values.copy()
        values[np.array([_is_missing(cell) for cell in values.ravel()], dtype=bool).reshape(values.shape)] = UNLABELED
        whole = all(isinstance(v, Integral) and not isinstance(v, bool) for v in values.ravel().tolist())
        return values.astype(np.int64) if whole and values.size else values
    if values.dtype.kind not in "US":
        return values
    gaps = np.isin(np.char.strip(values), np.array(["", str(UNLABELED)], dtype=values.dtype.kind))
    return np.where(gaps, np.array(str(UNLABELED), dtype=values.dtype.kind), values)


def _as_they_are(labels: Any, values: Shaped[np.ndarray, "..."]) -> Shaped[np.ndarray, "..."]:
    """Take a list of names and gaps as objects: NumPy makes a text, "nan", of a NaN among texts."""
    if not isinstance(labels, list | tuple) or values.dtype.kind != "U":
        return values
    objects = np.array(labels, dtype=object)
    alike = objects.shape == values.shape and all(isinstance(value, str) for value in objects.ravel().tolist())
    return values if alike or objects.shape != values.shape else objects


def _is_missing(cell: object) -> bool:
    """Say whether a cell among objects holds nothing, or a -1 as text, as NumPy writes one among texts."""
    return is_gap(cell) or (isinstance(cell, str | bytes) and cell.strip() in (str(UNLABELED), str(UNLABELED).encode()))


def is_unlabeled(labels: Shaped[np.ndarray, "..."]) -> Bool[np.ndarray, "..."]:
    """Find the gaps of an array: -1, and in an array of text "-1", which NumPy makes of a -1 among texts.

    Examples:
        >>> is_unlabeled(np.array([0, -1, 1])), is_unlabeled(np.array(["a", -1]))
        (array([False,  True, False]), array([False,  True]))
    """
    if labels.dtype.kind in "US":
        return np.asarray(labels == np.array(str(UNLABELED), dtype=labels.dtype))
    if labels.dtype.kind == "O":
        found = [not isinstance(v, bool | str) and v == UNLABELED for v in labels.ravel().tolist()]
        return np.array(found, dtype=bool).reshape(labels.shape)
    return np.asarray(labels == UNLABELED) if labels.dtype.kind in "fiu" else np.zeros(labels.shape, dtype=bool)


def labels_given(labels: Shaped[np.ndarray, "..."]) -> Shaped[np.ndarray, " given"]:
    """Return the labels that are no gaps, of an array in which gaps are marked, in their own type.

    Beside a gap, true and false are objects: their classes are the same with and without one.

    Examples:
        >>> labels_given(with_gaps_marked([True, None, False]))
        array([ True, False])
    """
    given = labels[~is_unlabeled(labels)]
    booleans = given.dtype.kind == "O" and all(isinstance(value, bool | np.bool) for value in given.tolist())
    return given.astype(bool) if booleans and given.size else given


def refuse_what_is_no_class(labels: Shaped[np.ndarray, "..."]) -> None:
    """Refuse an array of labels, gaps marked, that holds other things than classes, or one class in two spellings.

    Raises:
        DataError: for objects that are no names or numbers, for names beside numbers, for words that mark a missing
            label, and for names that differ in case, blanks, ending marks or Unicode form alone.
    """
    if labels.dtype.kind not in "OU":
        return
    given = labels[~is_unlabeled(labels)].ravel().tolist()
    for value in given if labels.dtype.kind == "O" else ():
        if not isinstance(value, str | Real):
            raise DataError(
                f"labels hold {value!r}; expected the name or number of a class, or {UNLABELED} where there is none: "
                f"replace it with {UNLABELED}."
            )
    if len({isinstance(value, str) for value in given}) > 1:
        raise DataError(
            f"labels mix text and numbers. Write all classes as text, or all as numbers; {UNLABELED} marks a point "
            "without a label in both."
        )
    spellings: dict[str, str] = {}
    for name in dict.fromkeys(value for value in given if isinstance(value, str)):
        if name.strip().lower() in NEVER_A_CLASS:
            raise DataError(f"labels hold {name!r}, which is no class. Write {UNLABELED} if the point has no label.")
        other = spellings.setdefault(normalise_name(name), name)
        if other != name:
            raise DataError(f"labels hold {name!r}, where another label is {other}. Write all labels in one way.")
