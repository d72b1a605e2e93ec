"""A sweep: its runs with what was varied, and what became of each; `sweep.json` is written and read here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from outlearn.results.any_run import load_run
from outlearn.results.number_run import NumberRun
from outlearn.results.run_folder import Run
from outlearn.results.serialization import Record, read_json, read_record
from outlearn.results.writing import write_json

__all__ = [
    "RUNS", "Sweep", "SweepRecord", "Swept", "SweptNumbers", "SweptRun", "Value", "is_sweep", "load_sweep",
    "write_sweep",
]  # fmt: skip

SCHEMA = 1
FILE = "sweep.json"
RUNS = "runs"
"""The folder of the run folders, inside that of the sweep."""
AGAIN = "Give `outlearn sweep` again with the same file and folder: finished runs and stored stages are kept."

Value = str | int | float | None
"""Of a varied key, as a column of a table holds it: all numbers, or all texts."""


class MemberRecord(Record):
    """What became of one run of a sweep.

    Attributes:
        label: the name of its folder below `runs/`.
        values: varied key -> value; the loss is not among them.
        status: "not run" where the sweep was stopped before.
        cause: why it failed.
    """

    label: str
    values: Mapping[str, Value]
    status: Literal["finished", "failed", "not run"]
    cause: str | None

    @model_validator(mode="after")
    def _check_label(self) -> Self:
        # A label is a name, never a path: nothing outside the sweep's folder is read.
        if self.status == "finished" and (Path(self.label).name != self.label or self.label == ".."):
            raise ValueError(f"the label {self.label!r} is no name of a folder")
        return self


class SweepRecord(Record):
    """The content of sweep.json.

    Attributes:
        schema_version: see `SCHEMA`.
        name: of the sweep.
        keys: what was varied, but the loss.
        ladder: which of them orders the students, from the smallest to the largest; None where none does.
        n_students: of all runs, as planned.
        seconds: how long the last call took.
        runs: in the order of the sweep file.
    """

    schema_version: Annotated[int, Field(alias="schema")] = SCHEMA
    name: str
    keys: tuple[str, ...]
    ladder: str | None = None
    n_students: int
    seconds: float
    runs: tuple[MemberRecord, ...]


@dataclass(frozen=True)
class Swept:
    """A finished run of a sweep: the name of its folder, varied key -> value, and what it found."""

    label: str
    values: Mapping[str, Value]
    run: Run | NumberRun

    @property
    def task(self) -> str:
        """Name of its task."""
        return self.run.task.name

    @property
    def seed(self) -> Any:
        """Seed of its split, teachers and students."""
        return self.run.config["seed"]

    def value_text(self, key: str) -> str:
        """Return the value of a varied key as people write it, 5 for 5.0; "None" where this run has none."""
        value = self.values.get(key)
        short = f"{value:g}" if isinstance(value, float) else str(value)
        return str(value) if isinstance(value, float) and float(short) != value else short

    def setting_text(self, key: str) -> str:
        """Return the value of a key beside others: a bare number is named, "epochs 5"."""
        text, value = self.value_text(key), self.values.get(key)
        return f"{key.rpartition('.')[2]} {text}" if isinstance(value, int | float) else text


@dataclass(frozen=True)
class SweptRun(Swept):
    """A finished run of classes."""

    run: Run


@dataclass(frozen=True)
class SweptNumbers(Swept):
    """A finished run of numbers."""

    run: NumberRun


@dataclass(frozen=True)
class Sweep:
    """A sweep on disk.

    Attributes:
        folder: where it is.
        record: the content of sweep.json.
        runs: those that are finished, in the order of the sweep file, if labels are classes.
        number_runs: those that are finished, if labels are numbers; a sweep has runs of one kind.
    """

    folder: Path
    record: SweepRecord
    runs: tuple[SweptRun, ...]
    number_runs: tuple[SweptNumbers, ...] = ()

    @property
    def every(self) -> tuple[Swept, ...]:
        """All finished runs."""
        return (*self.runs, *self.number_runs)

    @property
    def name(self) -> str:
        """Name of the sweep."""
        return self.record.name

    @property
    def keys(self) -> tuple[str, ...]:
        """What was varied, but the loss."""
        return self.record.keys

    def values_of(self, key: str) -> tuple[str, ...]:
        """Return the different values of a varied key among the finished runs, as text."""
        return tuple(dict.fromkeys(run.value_text(key) for run in self.every))

    @property
    def failed(self) -> Mapping[str, str]:
        """Label of each run that failed -> its cause."""
        return {member.label: str(member.cause) for member in self.record.runs if member.status == "failed"}

    @property
    def missing(self) -> tuple[str, ...]:
        """Labels of the runs that were neither finished nor failed: the sweep was stopped."""
        return tuple(member.label for member in self.record.runs if member.status == "not run")


def is_sweep(folder: Path) -> bool:
    """Say whether a folder is that of a sweep."""
    return (folder / FILE).is_file()


def write_sweep(folder: Path, record: SweepRecord) -> None:
    """Write sweep.json.

    Raises:
        StoreError: if it cannot be written.
    """
    write_json(folder / FILE, record.to_json())


def load_sweep(folder: str | Path) -> Sweep:
    """Read sweep.json and the finished runs that it names.

    Raises:
        DataError: if a file is missing, damaged, or of another schema; it names the file, the field and what to do.
    """
    path = Path(folder)
    file = path / FILE
    record = read_record(SweepRecord, read_json(file, again=AGAIN), file, schema=SCHEMA, again=AGAIN)
    finished = [member for member in record.runs if member.status == "finished"]
    runs: list[SweptRun] = []
    numbers: list[SweptNumbers] = []
    for member in finished:
        run = load_run(path / RUNS / member.label)
        if isinstance(run, NumberRun):
            numbers.append(SweptNumbers(member.label, member.values, run))
        else:
            runs.append(SweptRun(member.label, member.values, run))
    return Sweep(path, record, tuple(runs), tuple(numbers))
