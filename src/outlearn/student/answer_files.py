"""Write answers chunk by chunk: the file is there whole or not at all, and memory does not grow with it."""

from __future__ import annotations

import csv
import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, final

from outlearn.errors import ConfigError, MissingExtraError, StoreError
from outlearn.results.writing import half_of, sync

__all__ = ["AnswerFile", "answer_file"]

Chunk = Mapping[str, Sequence[Any]]


class AnswerFile(ABC):
    """A file that answers are appended to."""

    @abstractmethod
    def write(self, chunk: Chunk) -> None:
        """Append rows: name -> values, the same names each time."""


@final
class SeparatedFile(AnswerFile):
    """Commas or tabs."""

    def __init__(self, file: IO[str], delimiter: str) -> None:
        self._file = file
        self._writer = csv.writer(file, delimiter=delimiter, lineterminator="\n")
        self._begun = False

    def write(self, chunk: Chunk) -> None:
        """Append rows, after a header."""
        if not self._begun:
            self._writer.writerow(chunk)
            self._begun = True
        self._writer.writerows(zip(*chunk.values(), strict=True))
        self._file.flush()


@final
class JsonLinesFile(AnswerFile):
    """One object a line."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file

    def write(self, chunk: Chunk) -> None:
        """Append objects."""
        for row in zip(*chunk.values(), strict=True):
            self._file.write(json.dumps(dict(zip(chunk, row, strict=True)), ensure_ascii=False) + "\n")
        self._file.flush()


@final
class ParquetFile(AnswerFile):
    """Parquet, one row group a chunk."""

    def __init__(self, path: Path) -> None:
        try:
            import pyarrow.parquet
        except ImportError as error:
            raise MissingExtraError("pyarrow", "hf") from error
        self._path, self._arrow = path, pyarrow
        self._writer: Any = None

    def write(self, chunk: Chunk) -> None:
        """Append a row group."""
        table = self._arrow.table(dict(chunk))
        if self._writer is None:
            self._writer = self._arrow.parquet.ParquetWriter(self._path, table.schema)
        self._writer.write_table(table.cast(self._writer.schema))

    def close(self) -> None:
        """Write the end."""
        if self._writer is not None:
            self._writer.close()


@contextmanager
def answer_file(path: Path) -> Iterator[AnswerFile]:
    """Open a file of answers: .csv, .tsv, .jsonl or .parquet. It takes its place when all are written.

    Raises:
        ConfigError: for another ending.
        StoreError: if it cannot be written.
    """
    kind = path.suffix.lower()
    if kind not in (".csv", ".tsv", ".jsonl", ".parquet"):
        raise ConfigError(f"--out is {str(path)!r}; expected a name that ends in .csv, .tsv, .jsonl or .parquet.")
    beside = half_of(path)
    try:
        if kind == ".parquet":
            parquet = ParquetFile(beside)
            yield parquet
            parquet.close()
        else:
            with beside.open("w", encoding="utf-8", newline="") as file:
                yield JsonLinesFile(file) if kind == ".jsonl" else SeparatedFile(file, "\t" if kind == ".tsv" else ",")
        sync(beside)
        beside.replace(path)
    except OSError as error:
        if isinstance(error, StoreError):
            raise
        raise StoreError(
            f"{str(path)!r} cannot be written: {error.strerror}. "
            f"{'Free some space' if path.parent.is_dir() else 'Make its folder'}, or choose another --out."
        ) from error
    finally:
        with suppress(OSError):
            beside.unlink(missing_ok=True)
