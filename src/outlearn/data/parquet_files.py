"""Read a Parquet file."""

from __future__ import annotations

from pathlib import Path

from outlearn.data.raw_table import RawTable
from outlearn.data.text_files import check_file
from outlearn.errors import DataError, MissingExtraError

__all__ = ["read_parquet"]


def read_parquet(path: Path) -> RawTable:
    """Read the rows of a Parquet file; a label of -1 is a missing one, as in datasets.

    Raises:
        DataError: if it is no Parquet file or has no row.
        MissingExtraError: if pyarrow is not installed.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise MissingExtraError("pyarrow", "hf") from error
    check_file(path)
    try:
        # An open file: given a path, pyarrow would take a folder's name such as split=test for a column.
        with path.open("rb") as file:
            table = pyarrow.parquet.read_table(file)
        columns = table.to_pydict()
    except (pyarrow.ArrowException, OSError) as error:
        raise DataError(f"{path} is not a Parquet file ({error}). Write it again, or give data.format.") from error
    except (ValueError, OverflowError) as error:  # bytes that are no UTF-8, a date outside of the calendar
        raise DataError(f"{path} holds a value that cannot be read ({error}). Write it again.") from error
    if not table.num_rows:
        raise DataError(f"{path} has columns but no row; expected at least one.")
    return RawTable(str(path), columns, range(1, table.num_rows + 1), unit="row", minus_1_is_missing=True)
