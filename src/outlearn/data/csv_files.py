"""Read separated values: commas as RFC 4180 writes them, tabs, or semicolons."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from outlearn.data.input_errors import InputErrors
from outlearn.data.raw_table import RawTable
from outlearn.data.text_files import read_text
from outlearn.errors import DataError

__all__ = ["SEPARATORS", "read_csv", "separator"]

MOST_COLUMNS = 20_000
# What separates fields, and its name; a header with none of the first has the next.
SEPARATORS = {",": "commas", "\t": "tabs", ";": "semicolons"}
LARGEST_FIELD = 2**30  # characters: a text may be long, and what is no CSV ends at its quotes


def read_csv(path: Path) -> RawTable:
    """Read a table with a header, which says what separates it (`separator`).

    Many programs write tabs without quoting; a table of tabs that cannot be read with quotes is read as it stands. One
    first column without a name, as pandas writes its index, is left out, and so are the columns and rows at the end in
    which nothing stands, as spreadsheets write them.

    Raises:
        DataError: if the header repeats a name, a row is ragged, or quotes do not close.
    """
    text = read_text(path)
    delimiter = separator(text.lstrip().partition("\n")[0], tabs=path.suffix.lower() == ".tsv")
    try:
        return _read(path, text, delimiter=delimiter, quoting=csv.QUOTE_MINIMAL)
    except DataError as with_quotes:
        if delimiter != "\t":
            raise
        try:
            return _read(path, text, delimiter="\t", quoting=csv.QUOTE_NONE)
        except DataError:
            raise with_quotes from None


def separator(header: str, *, tabs: bool) -> str:
    """Find what separates a table by its header: tabs if the file says so and the header has them, else `SEPARATORS`.

    The header alone decides: texts hold commas and tabs of their own, on which `csv.Sniffer` stumbles. Spreadsheets
    write semicolons where the comma is the decimal point.

    Examples:
        >>> [separator(header, tabs=False) for header in ("id,text", "id;text", "id\\ttext; or none", "text")]
        [',', ';', '\\t', ',']
    """
    if tabs and "\t" in header:
        return "\t"
    return next((each for each in SEPARATORS if each in header), ",")


def _read(path: Path, text: str, *, delimiter: str, quoting: int) -> RawTable:
    errors = InputErrors(str(path))
    csv.field_size_limit(LARGEST_FIELD)
    reader = csv.reader(io.StringIO(text, newline=""), strict=True, delimiter=delimiter, quoting=quoting)  # type: ignore[arg-type]
    header: list[str] = []
    rows: list[list[str]] = []
    positions: list[int] = []
    start = 1
    try:
        for row in reader:
            line, start = start, reader.line_num + 1
            if not row:
                continue
            if not header:
                header = [name.strip() for name in row]
            elif len(row) != len(header):
                errors.add(
                    f"{len(row)} fields, expected {len(header)} ({', '.join(header)}). Quote fields that hold "
                    f"{SEPARATORS[delimiter]}.",
                    at=line,
                )
            else:
                rows.append(row)
                positions.append(line)
    except csv.Error as error:
        advice = "Close every quote and double the quotes inside a field; for very long texts use JSON lines."
        errors.add(f"{error}. {advice}", at=start)
    n_columns, n_rows = _used(header, rows)
    header = header[:n_columns]
    _check_header(header, errors)
    if not n_rows and not errors:
        errors.add("has a header but no record; expected at least one.")
    errors.raise_if_any()
    notes: tuple[str, ...] = ()
    if n_rows < len(rows):
        notes = (f"{path}: {len(rows) - n_rows:,} empty rows at the end: left out.",)
        rows, positions = rows[:n_rows], positions[:n_rows]
    columns = {name: [row[i] if row[i].strip() else None for row in rows] for i, name in enumerate(header)}
    index = columns.pop("", None)
    if index is not None:
        notes += (f"{path}: the first column has no name, as pandas writes its index: left out.",)
    return RawTable(str(path), columns, positions, notes=notes)


def _used(header: list[str], rows: list[list[str]]) -> tuple[int, int]:
    """Count the columns and rows up to the last one in which something stands; a single column may be a gap."""
    n_columns = len(header)
    while n_columns > 1 and not header[n_columns - 1] and not any(row[n_columns - 1].strip() for row in rows):
        n_columns -= 1
    n_rows = len(rows)
    while n_rows and n_columns > 1 and not any(map(str.strip, rows[n_rows - 1])):
        n_rows -= 1
    return n_columns, n_rows


def _check_header(header: list[str], errors: InputErrors) -> None:
    """Refuse names that repeat, or are empty but for the first, and a file that another character separates."""
    if len(header) > MOST_COLUMNS:
        errors.fail(f"{len(header):,} columns, expected at most {MOST_COLUMNS:,}. Give features as .npz or .npy.", at=1)
    empty = "" in header[1:] or header == [""]
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice or empty:
        errors.add(
            f"the header names {(twice or [''])[0]!r} more than once, or not at all. Give each column its own name.",
            at=1,
        )
    if len(header) == 1 and "|" in header[0]:
        known = ", ".join(SEPARATORS.values())
        errors.fail(f"the header {header[0]!r} is one column. What separates columns may be: {known}.", at=1)
