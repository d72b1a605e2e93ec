"""Read a table chunk by chunk: any number of rows in the same memory, from a file or from standard input.

For new rows, of which nothing is asked but the columns that somebody needs. Tables of labels are read whole, with all
their checks, by `load_task`.
"""

from __future__ import annotations

import codecs
import csv
import io
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, cast

from outlearn.data.csv_files import SEPARATORS, separator
from outlearn.data.text_files import UTF_16, check_file
from outlearn.errors import ConfigError, DataError, MissingExtraError, suggest

__all__ = ["FORMATS", "STDIN", "Columns", "row_chunks"]

Columns = dict[str, list[Any]]

STDIN = Path("-")
FORMATS = {".csv": "csv", ".tsv": "tsv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "jsonl", ".parquet": "parquet"}
# The first chunk is small, so that an answer is there at once; the others are large enough to sort texts by length.
FIRST, ROWS = 64, 4096


def row_chunks(source: Path, form: str | None = None) -> Iterator[Columns]:
    """Read the rows of a table with named columns.

    Args:
        source: a file, or "-" for standard input.
        form: csv, tsv, jsonl or parquet; None to go by the file's name, and for standard input by its first character.

    Yields:
        name -> values, a missing one as None or an empty text; at least one row.

    Raises:
        DataError: for a file that is not there, or a row that cannot be read; it names the line.
        ConfigError: for an unknown format, or one that cannot be streamed from standard input.
    """
    known = sorted({*FORMATS.values()})
    if form is not None and form not in known:
        raise ConfigError(f"--format is {form!r}; {suggest(form, known)}")
    if source == STDIN:
        if form == "parquet":
            raise ConfigError("a Parquet file is read from its end: give the file, not standard input.")
        yield from _chunks(_rows(cast(io.BufferedReader, sys.stdin.buffer), "standard input", form))
        return
    check_file(source)
    form = form or FORMATS.get(source.suffix.lower())
    if form is None:
        raise ConfigError(
            f"{str(source)!r} ends in {source.suffix!r}; known: {', '.join(FORMATS)}. Say what it is by --format."
        )
    if form == "parquet":
        yield from _parquet(source)
        return
    with source.open("rb") as file:
        yield from _chunks(_rows(file, str(source), form))


def _chunks(rows: Iterator[dict[str, Any]]) -> Iterator[Columns]:
    """Gather rows as columns; a key that a row lacks is missing there."""
    size = FIRST
    while chunk := list(islice(rows, size)):
        names = dict.fromkeys(name for row in chunk for name in row)
        yield {name: [row.get(name) for row in chunk] for name in names}
        size = ROWS


def _rows(file: io.BufferedReader, name: str, form: str | None) -> Iterator[dict[str, Any]]:
    start = file.peek(4)[:4]
    encoding = "utf-16" if start[:2] in UTF_16 else "utf-8-sig"
    if form is None:
        form = "jsonl" if start.removeprefix(codecs.BOM_UTF8).lstrip()[:1] in (b"{", b"[") else "csv"
    text = io.TextIOWrapper(file, encoding=encoding, newline="")
    try:
        yield from _json(text, name) if form == "jsonl" else _separated(text, name, form)
    except UnicodeDecodeError as error:
        raise DataError(
            f"{name} is not UTF-8 (byte 0x{error.object[error.start]:02x}). It may be latin-1 or cp1252; convert it, "
            "for example with: iconv -f LATIN1 -t UTF-8"
        ) from error
    finally:
        text.detach()


def _separated(text: io.TextIOWrapper, name: str, form: str) -> Iterator[dict[str, Any]]:
    """Read what commas, tabs or semicolons separate."""
    line = text.readline()
    if not line.strip():
        raise DataError(f"{name} is empty; expected a header and a record a line.")
    delimiter = separator(line, tabs=form == "tsv")
    lines = (each for part in ((line,), text) for each in part)
    with _any_length():
        reader = csv.reader(lines, strict=True, delimiter=delimiter)
        start = 1
        header: list[str] = []
        try:
            for cells in reader:
                at, start = start, reader.line_num + 1
                if not header:
                    header = [cell.strip() for cell in cells]
                    if len(set(header)) < len(header):
                        twice = next(each for each in header if header.count(each) > 1)
                        raise DataError(f"{name}: the header names {twice!r} more than once. Give each its own name.")
                elif len(cells) == len(header):
                    yield dict(zip(header, cells, strict=True))
                elif cells:
                    raise DataError(
                        f"{name}, line {at}: {len(cells)} fields, expected {len(header)} ({', '.join(header)}). Quote "
                        f"fields that hold {SEPARATORS[delimiter]}, or use JSON lines."
                    )
        except csv.Error as error:
            raise DataError(
                f"{name}, line {start}: {error}. Close every quote and double the quotes inside a field, or use JSON "
                "lines."
            ) from error


@contextmanager
def _any_length() -> Iterator[None]:
    """Let a field be of any length: the module `csv` refuses texts above 128 KiB otherwise, for the whole process."""
    before = csv.field_size_limit(2**31 - 1)
    try:
        yield
    finally:
        csv.field_size_limit(before)


def _json(text: io.TextIOWrapper, name: str) -> Iterator[dict[str, Any]]:
    """Read one object a line, or one array of objects, which is read whole."""
    for number, line in enumerate(text, start=1):
        if not line.strip():
            continue
        try:
            if number == 1 and line.lstrip().startswith("["):
                records = json.loads(line + text.read())
            else:
                records = [json.loads(line)]
        except (ValueError, RecursionError) as error:
            raise DataError(f"{name}, line {number}: no JSON ({error}). Write one object a line.") from error
        for record in records:
            if not isinstance(record, dict):
                raise DataError(f"{name}, line {number}: {record!r:.40} is no object. Write one object a line.")
            yield record


def _parquet(path: Path) -> Iterator[Columns]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise MissingExtraError("pyarrow", "hf") from error
    try:
        with path.open("rb") as file:
            for batch in pyarrow.parquet.ParquetFile(file).iter_batches(ROWS):
                if batch.num_rows:
                    yield batch.to_pydict()
    except (pyarrow.ArrowException, OSError) as error:
        raise DataError(f"{path} is not a Parquet file ({error}). Write it again, or give --format.") from error
    except (ValueError, OverflowError) as error:  # bytes that are no UTF-8, a date outside of the calendar
        raise DataError(f"{path} holds a value that cannot be read ({error}). Write it again.") from error
