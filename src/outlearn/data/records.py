"""Read a table of records from a file: CSV, JSON lines, Parquet, or lines of `label sentence`.

Every reader returns `Records`: columns of raw values and the line each came from. What the columns mean is decided
elsewhere.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from outlearn.data.problems import Problems
from outlearn.errors import DataError, MissingExtraError, suggest

SURROGATE = re.compile("[\ud800-\udfff]")

__all__ = ["Records", "check_file", "read_csv", "read_jsonl", "read_label_sentence", "read_parquet"]


@dataclass(frozen=True, eq=False)
class Records:
    """Hold the columns of a table.

    Attributes:
        source: the file or dataset, as messages call it.
        columns: name to values, one a record; a missing value is None.
        positions: line (or row, counted from 1) of each record.
        unit: "line" or "row".
        class_names: names of the label's classes, where the file declares them.
        minus_1_is_missing: whether a label of -1 is a missing one: in arrays, where no cell can be empty, and in
            datasets, whose convention it is.
    """

    source: str
    columns: dict[str, list[Any]]
    positions: Sequence[int]
    unit: str = "line"
    class_names: tuple[str, ...] | None = None
    minus_1_is_missing: bool = False

    def __len__(self) -> int:
        return len(self.positions)

    def problems(self) -> Problems:
        """Start a list of problems of this table."""
        return Problems(self.source, self.unit)


def check_file(path: Path) -> None:
    """Refuse a path that is no file with something in it.

    Raises:
        DataError: if the path does not exist, is a folder, is empty or cannot be read.
    """
    if path.is_dir():
        raise DataError(
            f"{path} is a folder; expected a file, or a dataset of Hugging Face datasets that save_to_disk wrote."
        )
    if not path.exists():
        parent = path.parent
        beside = sorted(f.name for f in parent.iterdir() if f.name[0] != ".") if parent.is_dir() else []
        known = f"In that folder, {suggest(path.name, beside)}" if 0 < len(beside) <= 20 else "Check the path."
        raise DataError(f"{path} does not exist. {known}")
    try:
        with path.open("rb") as file:
            first = file.read(1)
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}). Check its permissions.") from error
    if not first:
        raise DataError(f"{path} is empty; expected at least one record.")


def read_text(path: Path) -> str:
    """Read a file of UTF-8 text, with or without a byte order mark.

    Raises:
        DataError: if it is no such file; names the line of the first byte that is not UTF-8.
    """
    check_file(path)
    content = path.read_bytes()
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        guess = "utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "latin-1 or cp1252"
        raise DataError(
            f"{path}, line {line}: byte 0x{content[error.start]:02x} is not UTF-8. The file may be {guess}; "
            "convert it, for example with: iconv -f LATIN1 -t UTF-8"
        ) from error


def read_csv(path: Path) -> Records:
    """Read comma-separated values with a header, as RFC 4180 writes them.

    Raises:
        DataError: if the header repeats a name, a row is ragged, or quotes do not close.
    """
    problems = Problems(str(path))
    reader = csv.reader(io.StringIO(read_text(path), newline=""), strict=True)
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
                _check_header(header, problems)
            elif len(row) != len(header):
                problems.add(
                    f"{len(row)} fields, expected {len(header)} ({', '.join(header)}). Quote fields that hold commas.",
                    at=line,
                )
            else:
                rows.append(row)
                positions.append(line)
    except csv.Error as error:
        advice = "Close every quote and double the quotes inside a field; for very long texts use JSON lines."
        problems.add(f"{error}. {advice}", at=start)
    if not rows and not problems:
        problems.add("has a header but no record; expected at least one.")
    problems.raise_if_any()
    columns = {name: [row[i] if row[i].strip() else None for row in rows] for i, name in enumerate(header)}
    return Records(str(path), columns, positions)


def _check_header(header: list[str], problems: Problems) -> None:
    """Refuse names that are empty or repeat, and a file that another character separates."""
    twice = sorted({name for name in header if header.count(name) > 1 or not name})
    if twice:
        problems.add(
            f"the header names {twice[0]!r} more than once, or not at all. Give each column its own name.", at=1
        )
    if len(header) == 1 and re.search("[;\t|]", header[0]):
        problems.add(f"the header {header[0]!r} has no comma. Separate the columns with commas.", at=1)


def read_jsonl(path: Path) -> Records:
    """Read JSON lines: one object a line. A key that is absent in some lines is a missing value there.

    Raises:
        DataError: if a line is not a JSON object.
    """
    problems = Problems(str(path))
    records: list[dict[str, Any]] = []
    positions: list[int] = []
    # Not splitlines(): JSON strings may hold U+2028 and other characters that it takes for ends of lines.
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        if not line.strip():
            continue
        try:
            record = json.loads(line, parse_constant=_refuse_constant)
        except (ValueError, RecursionError) as error:
            problems.add(
                f'is not JSON ({error}). Write one object a line, such as {{"text": ..., "label": ...}}.', at=number
            )
            continue
        if not isinstance(record, dict):
            problems.add(f"is a JSON {type(record).__name__}, expected an object. Write one object a line.", at=number)
            continue
        if "\\ud" in line.lower() and SURROGATE.search(json.dumps(record, ensure_ascii=False)):
            problems.add(
                "spells half of a surrogate pair (\\ud800 to \\udfff), which is no character. Remove it.", at=number
            )
            continue
        records.append(record)
        positions.append(number)
    if not records and not problems:
        problems.add("holds only blank lines; expected at least one record.")
    problems.raise_if_any()
    names = dict.fromkeys(key for record in records for key in record)
    return Records(str(path), {name: [record.get(name) for record in records] for name in names}, positions)


def _refuse_constant(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON number")


def read_parquet(path: Path) -> Records:
    """Read a Parquet file.

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
    except (pyarrow.ArrowException, OSError) as error:
        raise DataError(f"{path} is not a Parquet file ({error}). Write it again, or give data.format.") from error
    if not table.num_rows:
        raise DataError(f"{path} has columns but no row; expected at least one.")
    return Records(str(path), table.to_pydict(), range(1, table.num_rows + 1), unit="row", minus_1_is_missing=True)


def read_label_sentence(path: Path) -> Records:
    """Read lines of a label, a space, and a text; the columns are `label` and `text`.

    Raises:
        DataError: if a line has no text.
    """
    problems = Problems(str(path))
    labels: list[str] = []
    texts: list[str] = []
    positions: list[int] = []
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        if not line.strip():
            continue
        label, *rest = line.strip().split(maxsplit=1)
        if not rest:
            problems.add(
                f"is {line.strip()!r}; expected a label, a space and a text, such as: 1 a fine film", at=number
            )
            continue
        labels.append(label)
        texts.append(rest[0])
        positions.append(number)
    if not labels and not problems:
        problems.add("holds only blank lines; expected at least one record.")
    problems.raise_if_any()
    return Records(str(path), {"label": labels, "text": texts}, positions)
