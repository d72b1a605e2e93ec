"""Read precomputed features and labels from an .npz archive. Pickled objects in it are never loaded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from outlearn.core.numpy_files import DAMAGE, load_numpy
from outlearn.data.input_errors import InputErrors
from outlearn.data.raw_table import RawTable
from outlearn.data.text_files import check_file
from outlearn.errors import DataError, suggest

__all__ = ["check_features", "open_npz", "read_npz", "unreadable"]

# What each array of the archive may be called, the documented name first.
ARRAY_NAMES = {
    "features": ("features", "X"),
    "label": ("labels", "label", "y"),
    "id": ("ids", "id"),
    "group": ("groups", "group"),
    "split": ("splits", "split"),
}


def read_npz(path: Path) -> RawTable:
    """Read arrays: `features` (or `X`) `[points, features]` and `labels` (or `y`).

    Labels are whole numbers or strings `[points]`, or distributions `[points, classes]`. A point without a label has -1
    (of strings also ""; of distributions a row of nan).
    Optional: `ids`, `groups`, `splits`.

    Returns:
        The table, whose columns are named as those of other formats are: label, id, group, split.

    Raises:
        DataError: names the array, its shape or its first bad value, and what to do.
    """
    check_file(path)
    with open_npz(path) as archive:
        arrays = _known_arrays(path, archive)
    errors = InputErrors(str(path), "row")
    for role in ("features", "label"):
        if role not in arrays:
            wanted = " or ".join(ARRAY_NAMES[role])
            errors.add(f"has no array {wanted}; {suggest(ARRAY_NAMES[role][0], arrays)}")
    errors.raise_if_any()
    features = arrays.pop("features")
    check_features(features, errors)
    for role, array in arrays.items():
        axes = (1, 2) if role == "label" else (1,)
        if array.ndim not in axes or len(array) != len(features):
            errors.add(
                f"{role} has shape {array.shape}, but features have {len(features)} rows. Give one {role} a row."
            )
    errors.raise_if_any()
    columns = {role: array.tolist() for role, array in arrays.items()}
    return RawTable(
        str(path),
        columns,
        range(1, len(features) + 1),
        unit="row",
        minus_1_is_missing=True,
        features=features.astype(np.float32),
    )


@contextmanager
def open_npz(path: Path) -> Iterator[Mapping[str, np.ndarray]]:
    """Open an archive; an array is read when it is asked for.

    Raises:
        DataError: if it is no archive, is damaged or holds pickled objects, then or while it is read.
    """
    try:
        with path.open("rb") as file:  # opened here: numpy leaves open what it cannot read
            archive = load_numpy(file)
            if not isinstance(archive, np.lib.npyio.NpzFile):
                raise DataError(f"{path} holds a single array. Write an archive with numpy.savez, or name it .npy.")
            with archive:
                yield archive
    except DataError:
        raise
    except (ValueError, OSError, EOFError, *DAMAGE) as error:
        raise unreadable(path, error) from error


def unreadable(path: Path, error: Exception) -> DataError:
    """Say why NumPy does not read a file."""
    if "object" in str(error).lower() or "pickle" in str(error).lower():
        return DataError(
            f"{path} cannot be read as arrays without pickle, and pickled Python objects are never loaded. Write it "
            "with numpy.save or numpy.savez, strings as an array of type str."
        )
    return DataError(f"{path} cannot be read ({error}). It may be cut off: write it again, without pickle.")


def _known_arrays(path: Path, archive: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Read the arrays that mean something, under their role's name."""
    found = {}
    for role, names in ARRAY_NAMES.items():
        present = [name for name in names if name in archive]
        if len(present) > 1:
            raise DataError(f"{path} holds both {present[0]!r} and {present[1]!r}. Keep one.")
        if present:
            found[role] = archive[present[0]]
    return found


def check_features(features: np.ndarray, errors: InputErrors) -> None:
    """Refuse features that are no finite matrix of numbers."""
    if features.ndim != 2 or not features.size:
        errors.add(f"features have shape {features.shape}; expected [points, features], none of them 0.")
    elif features.dtype.kind not in "fiub":
        errors.add(f"features have the type {features.dtype}; expected numbers.")
    else:
        # float32 is what is kept: a number beyond its range would become infinite.
        with np.errstate(over="ignore"):
            bad = np.argwhere(~np.isfinite(features.astype(np.float32)))
        if len(bad):
            row, column = bad[0].tolist()
            errors.add(
                f"{len(bad)} features are not finite in float32, the first is {features[row, column]} "
                f"in column {column}. Impute, scale or drop them.",
                at=row + 1,
            )
    errors.raise_if_any()
