"""Read one array from a file that any program may have written: .npy, .npz, .safetensors or CSV.

Nothing pickled is ever loaded. A .npy file is mapped into memory, not read, so that it costs memory once, where it is
used. An archive of several arrays is named as FILE:ARRAY.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Shaped

from outlearn.core.numpy_files import load_numpy
from outlearn.data.csv_files import read_csv
from outlearn.data.npz_files import open_npz, unreadable
from outlearn.data.text_files import check_file
from outlearn.errors import DataError, suggest

__all__ = ["ArrayFile", "read_array"]

ID_NAMES = ("id", "ids", "point_ids")
OF_CLASS = "p_"  # before the name of a class, where `outlearn predict` writes its probability, and
BESIDE = {"label", "flag"}  # what may stand beside
NPY_MAGIC = b"\x93NUMPY"
# A CSV without a header begins with numbers; class names may be whole numbers, such as 0,1,2.
NOT_A_NAME = re.compile(r"[+-]\d+|[+-]?(\d+\.\d*|\.\d+)([eE][+-]?\d+)?|[+-]?\d+[eE][+-]?\d+|[+-]?(inf|nan)", re.I)


@dataclass(frozen=True, eq=False)
class ArrayFile:
    """Hold what a file says.

    Attributes:
        source: how messages name it.
        values: of an array file the array; of a CSV file `[rows, columns]`, numbers where every cell is one, else text.
        ids: as text, `[points]`, from a CSV column `id` or an archive's array named id, ids or point_ids; None if
            absent.
        columns: names of the CSV columns beside the id; None for an array file.
    """

    source: str
    values: Shaped[np.ndarray, "..."]
    ids: Shaped[np.ndarray, "..."] | None = None
    columns: tuple[str, ...] | None = None


def read_array(spec: str | Path) -> ArrayFile:
    """Read the array that `spec` names: a file, or FILE:ARRAY for one of several in an .npz or .safetensors archive.

    Raises:
        DataError: if there is no such file or array, or it cannot be read without pickle.
    """
    path, name = _split(spec)
    reader = READERS.get(path.suffix.lower())
    if reader is None and path.is_file():
        raise DataError(
            f"{path} ends in {path.suffix!r}; expected one of {', '.join(READERS)}. Save the array as .npy, for "
            "example with numpy.save."
        )
    check_file(path)
    return (reader or _npy)(path, name)


def _split(spec: str | Path) -> tuple[Path, str | None]:
    path = Path(spec).expanduser()
    head, colon, name = str(path).rpartition(":")
    if colon and not path.exists() and Path(head).suffix.lower() in (".npz", ".safetensors"):
        return Path(head), name
    return path, None


def _npy(path: Path, name: str | None) -> ArrayFile:
    with path.open("rb") as file:
        magic = file.read(len(NPY_MAGIC))
    if magic != NPY_MAGIC:
        raise DataError(
            f"{path} is not a .npy file: it does not begin as one. A pickle is never loaded. Write it with numpy.save."
        )
    try:
        values = load_numpy(path, mmap_mode="r")
    except (ValueError, OSError, EOFError) as error:
        raise unreadable(path, error) from None
    return ArrayFile(str(path), values)


def _npz(path: Path, name: str | None) -> ArrayFile:
    with open_npz(path) as archive:
        return _from_archive(path, name, list(archive), archive.__getitem__)


def _safetensors(path: Path, name: str | None) -> ArrayFile:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="np") as archive:
            return _from_archive(path, name, list(archive.keys()), archive.get_tensor)
    except DataError:
        raise
    except (SafetensorError, OSError, ValueError, TypeError, AttributeError) as error:
        raise DataError(
            f"{path} cannot be read as safetensors ({error}). NumPy has no bfloat16: save float32 or float64."
        ) from None


def _from_archive(path: Path, name: str | None, arrays: Sequence[str], read: Callable[[str], np.ndarray]) -> ArrayFile:
    """Take the array of that name, or the only one beside the ids."""
    ids = [key for key in ID_NAMES if key in arrays]
    others = [key for key in arrays if key not in ids]
    if name is not None and name not in arrays:
        raise DataError(f"{path} has no array {name!r}; {suggest(name, arrays)}")
    if name is None and len(others) != 1:
        example = others[0] if others else "logits"
        raise DataError(
            f"{path} holds {len(others)} arrays ({', '.join(others) or 'none'}), so which is meant must be said: "
            f"{path.name}:{example}."
        )
    chosen = name if name is not None else others[0]
    # As text: the id 7 of an array is the id "7" of a CSV file.
    found = read(ids[0]).astype(str) if ids and chosen not in ids else None
    return ArrayFile(f"{path}:{chosen}" if len(others) > 1 else str(path), read(chosen), found)


def _csv(path: Path, name: str | None) -> ArrayFile:
    table = read_csv(path)
    errors = table.errors()
    numeric = [column for column in table.columns if NOT_A_NAME.fullmatch(column)]
    if numeric:
        errors.fail(
            f"the first line holds {numeric[0]!r}, a number; expected a header with one name for each column, such as "
            "id,negative,positive.",
            at=1,
        )
    ids = table.columns.get("id")
    columns = _probabilities({column: cells for column, cells in table.columns.items() if column != "id"})
    if not columns:
        errors.add("has no column beside 'id'; expected one for each class.", at=1)
    for column, cells in (("id", ids or []), *columns.items()):
        for cell, at in zip(cells, table.positions, strict=bool(cells)):
            if cell is None:
                errors.add("is empty. Fill it or drop the row everywhere.", at=at, column=column)
    errors.raise_if_any()
    return ArrayFile(
        source=str(path),
        values=_numbers(columns, list(table.positions), str(path)),
        ids=None if ids is None else np.array([cell.strip() for cell in ids]),
        columns=tuple(columns),
    )


def _probabilities(columns: dict[str, list[str]]) -> dict[str, list[str]]:
    """Take the probabilities of a table that `outlearn predict` wrote, by class; of any other, all columns."""
    classes = {name.removeprefix(OF_CLASS): cells for name, cells in columns.items() if name.startswith(OF_CLASS)}
    others = {name for name in columns if not name.startswith(OF_CLASS)}
    return classes if len(classes) > 1 and others <= BESIDE else columns


def _numbers(columns: Mapping[str, list[str]], positions: list[int], source: str) -> np.ndarray:
    """Turn cells into whole numbers if all are, into floats if all are numbers, else leave them as stripped text."""
    texts = [[cell.strip() for cell in cells] for cells in columns.values()]
    try:
        return np.array([[int(cell) for cell in cells] for cells in texts], dtype=np.int64).T
    except (ValueError, OverflowError):
        pass
    numbers = np.array([[_number(cell) for cell in cells] for cells in texts]).T
    wrong = np.argwhere(np.isnan(numbers)).tolist()
    if not wrong:
        return numbers
    if len(texts) == 1:
        return np.array(texts).T  # names of classes
    row, column = wrong[0]
    raise DataError(
        f"{source}, line {positions[row]}, column {list(columns)[column]!r}: is {texts[column][row]!r}; expected a "
        f"number ({len(wrong)} cells are none). Name the column of ids 'id'."
    )


def _number(cell: str) -> float:
    try:
        return float(cell)
    except ValueError:
        return math.nan


READERS: dict[str, Callable[[Path, str | None], ArrayFile]] = {
    ".npy": _npy,
    ".npz": _npz,
    ".safetensors": _safetensors,
    ".csv": _csv,
}
