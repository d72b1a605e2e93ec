"""Read separated values: commas as RFC 4180 writes them, or tabs."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from outlearn.data.input_errors import InputErrors
from outlearn.data.raw_table import RawTable
from outlearn.data.text_files import read_text
from outlearn.errors import DataError

__all__ = ["read_csv"]

MOST_COLUMNS = 20_000
LARGEST_FIELD = 2**30  # characters: a text may be long, and what is no CSV ends at its quotes


def read_csv(path: Path) -> RawTable:
    """Read a table with a header. Tabs separate it if its name ends in .tsv, or its header has tabs and no comma.

    The header alone decides: texts hold commas and tabs of their own, on which `csv.Sniffer` stumbles. Many programs
    write tabs without quoting; a table of tabs that cannot be read with quotes is read as it stands. One first column
    without a name, as pandas writes its index, is left out.

    Raises:
        DataError: if the header repeats a name, a row is ragged, or quotes do not close.
    """
    text = read_text(path)
    header = text.lstrip().partition("\n")[0]
    if "\t" not in header or ("," in header and path.suffix.lower() != ".tsv"):
        return _read(path, text, delimiter=",", quoting=csv.QUOTE_MINIMAL)
    try:
        return _read(path, text, delimiter="\t", quoting=csv.QUOTE_MINIMAL)
    except DataError as with_quotes:
        try:
            return _read(path, text, delimiter="\t", quoting=csv.QUOTE_NONE)
        except DataError:
            raise with_quotes from None


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
                _check_header(header, errors)
            elif len(row) != len(header):
                hold = "commas" if delimiter == "," else "tabs"
                errors.add(
                    f"{len(row)} fields, expected {len(header)} ({', '.join(header)}). Quote fields that hold {hold}.",
                    at=line,
                )
            else:
                rows.append(row)
                positions.append(line)
    except csv.Error as error:
        advice = "Close every quote and double the quotes inside a field; for very long texts use JSON lines."
        errors.add(f"{error}. {advice}", at=start)
    if not rows and not errors:
        errors.add("has a header but no record; expected at least one.")
    errors.raise_if_any()
    columns = {name: [row[i] if row[i].strip() else None for row in rows] for i, name in enumerate(header)}
    index = columns.pop("", None)
    notes = () if index is None else (f"{path}: the first column has no name, as pandas writes its index: left out.",)
    return RawTable(str(path), columns, positions, notes=notes)


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
    if len(header) == 1 and any(character in header[0] for character in ";|"):
        errors.add(f"the header {header[0]!r} has no comma. Separate the columns with commas or tabs.", at=1)
