"""The folder that `explain` and `preflight` leave: results.json, summary.txt and one table, written and read alike.

results.json holds a frozen dataclass field by field, below `schema`, `kind`, `outlearn` and `inputs`. JSON has no nan,
so null is nan; a field that is None is left out.
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from outlearn.core.spreadsheet_cells import guarded
from outlearn.errors import DataError, StoreError
from outlearn.results.gates import GateOutcome
from outlearn.results.serialization import read_json, read_record
from outlearn.results.writing import (
    HALF,
    foreign_folder,
    missing_folders,
    remove_empty,
    remove_halves,
    write_file,
    write_json,
)
from outlearn.version import __version__

__all__ = ["ReportFolder"]

Found = TypeVar("Found")
REPORT = "report.html"  # written from the others


@dataclass(frozen=True)
class ReportFolder(Generic[Found]):
    """One kind of report folder.

    Attributes:
        kind: what results.json says under `kind`.
        command: what writes it.
        called: such a report in words.
        found: the dataclass that results.json holds.
        schema: of results.json; raise it when a field changes.
        table: name of the CSV file beside it.
    """

    kind: str
    command: str
    called: str
    found: type[Found]
    schema: int
    table: str

    @contextmanager
    def claimed(self, folder: Path) -> Iterator[None]:
        """Claim the folder for a block that writes into it; folders that stay empty are removed again."""
        made = missing_folders(folder)
        try:
            self.claim(folder)
            yield
        finally:
            remove_empty(made)

    def claim(self, folder: Path) -> None:
        """Make the folder, before anything is computed; refuse one that holds anything but an earlier report.

        Raises:
            StoreError: if it holds something else, is a file, or cannot be written to.
        """
        results = folder / "results.json"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            remove_halves(folder)
            ours = (results.name, "summary.txt", REPORT, self.table)
            others = sorted(p.name for p in folder.iterdir() if p.name not in ours and not p.name.endswith(HALF))
            if not others and results.is_file():
                content = json.loads(results.read_text(encoding="utf-8"))
                others = [] if self._is_ours(content) else [results.name]
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise StoreError(
                f"the folder {str(folder)!r} cannot be used: {reason}. Choose a new folder with --out DIR."
            ) from None
        if others:
            raise foreign_folder(folder, self.called, others[0])

    def write(
        self,
        folder: Path,
        found: Found,
        *,
        inputs: Mapping[str, Any],
        text: str,
        table: Iterable[Sequence[object]],
        thresholds: Sequence[GateOutcome] = (),
    ) -> None:
        """Write what was found, what was printed and the rows of the table, names first, into a claimed folder.

        Fields that a subclass of `self.found` adds are not written. `inputs` says where it came from, `thresholds` how
        those of --fail-below came out. Text in the table that a spreadsheet would run is guarded; see
        `spreadsheet_cells`.
        """
        sheet = io.StringIO(newline="")
        csv.writer(sheet, lineterminator="\n").writerows([guarded(cell) for cell in row] for row in table)
        content = {"schema": self.schema, "kind": self.kind, "outlearn": __version__, "inputs": dict(inputs)}
        content |= {"fail_below": _plain(tuple(thresholds))} if thresholds else {}
        content |= {field.name: _plain(getattr(found, field.name)) for field in fields(self.found)}  # type: ignore[arg-type]
        write_file(folder / self.table, sheet.getvalue().encode())
        write_file(folder / "summary.txt", (text + "\n").encode())
        write_json(folder / "results.json", content)

    def read(self, folder: str | Path) -> Found:
        """Read the report that the command left in a folder; it prints what was printed.

        Args:
            folder: what was given as --out.

        Raises:
            DataError: if results.json is missing, damaged, of another kind or schema, or a field does not fit; it
                names the file, the field, and what to do.
        """
        path = Path(folder) / "results.json"
        again = f"Write it again with outlearn {self.command} ... --out DIR."
        content = read_json(path, again=again)
        if not self._is_ours(content):
            kind = content.get("kind") if isinstance(content, dict) else None
            said = f"its kind is {kind!r}" if kind else "it names no kind"
            raise DataError(f"{str(path)!r} holds no {self.called}: {said}. {again}")
        return read_record(self.found, _with_nan(content), path, schema=self.schema, again=again)

    def holds(self, folder: Path) -> bool:
        """Say whether a folder holds such a report, whole or damaged."""
        try:
            results = folder / "results.json"
            return results.is_file() and self._is_ours(json.loads(results.read_bytes()))
        except (OSError, ValueError):
            return False

    def _is_ours(self, content: Any) -> bool:
        return isinstance(content, dict) and content.get("kind") == self.kind


def _plain(value: Any) -> Any:
    """Turn dataclasses into what JSON can hold."""
    if is_dataclass(value):
        named = ((field.name, getattr(value, field.name)) for field in fields(value))
        return {name: _plain(content) for name, content in named if content is not None}
    if isinstance(value, Mapping):
        return {key: _plain(content) for key, content in value.items()}
    if isinstance(value, tuple):
        return [_plain(content) for content in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else str(value)  # "inf" is read back as a number, and null is not infinite
    return value


def _with_nan(content: Any) -> Any:
    """Put nan where `_plain` wrote null."""
    if isinstance(content, dict):
        return {key: _with_nan(value) for key, value in content.items()}
    if isinstance(content, list):
        return [_with_nan(value) for value in content]
    return math.nan if content is None else content
