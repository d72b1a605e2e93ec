"""A run of numbers: what `ol.run` returns and `ol.load_run` reads for a task whose label is a number."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float
from safetensors import SafetensorError, safe_open

from outlearn.core.decomposition.risk_gap import RiskGap, risk_gap
from outlearn.core.intervals import Interval
from outlearn.core.labelers.combinations import EACH, label_of
from outlearn.core.numbers import Numbers
from outlearn.errors import ConfigError, DataError, OutlearnError, suggest
from outlearn.results.measurement import Withheld
from outlearn.results.numbers import SCHEMA, NumberResults, NumberStudent, NumberTask
from outlearn.results.reading import AGAIN, check_files, read_config
from outlearn.results.run import Measures
from outlearn.results.serialization import read_json, read_record, read_text
from outlearn.results.true_labels import TrueLabelModels

__all__ = ["MeasuredNumbers", "NumberPoint", "NumberRun", "load_number_run"]


@dataclass(frozen=True)
class NumberPoint:
    """One test point as a person reads it: its id, its text and group."""

    id: str
    text: str
    group: str


@dataclass(frozen=True, eq=False)
class MeasuredNumbers:
    """The test split of a run of numbers: what everyone predicted, and what is true.

    Attributes:
        teachers: the teachers.
        labelers: loss -> who labeled its students' data, which their `teacher_of` points into.
        students: loss -> its students.
        target: what divergences are measured against, `[draws, points]`.
        points: texts and ids, in the same order.
    """

    teachers: Numbers
    labelers: Mapping[str, Numbers]
    students: Mapping[str, Numbers]
    target: Float[np.ndarray, "draws points"]
    points: tuple[NumberPoint, ...]


@dataclass(frozen=True, eq=False, repr=False)
class NumberRun:
    """A finished run of numbers; print() gives everybody's mean squared error.

    Attributes:
        folder: the run folder.
        results: what was found, the content of results.json.
        config: what was run, the content of config.yaml.
    """

    folder: Path
    results: NumberResults
    config: Mapping[str, Any]

    @property
    def name(self) -> str:
        """Name of the folder."""
        return self.folder.resolve().name

    @property
    def students(self) -> Mapping[str, NumberStudent]:
        """Loss -> its students."""
        return self.results.students

    @property
    def task(self) -> NumberTask:
        """The data, and how they were split."""
        return self.results.task

    @property
    def measure(self) -> Measures:
        """The divergence, its order and the level of intervals."""
        return self.results.measure

    @property
    def all_cached(self) -> bool:
        """Say whether every stage came from the store."""
        return all(stage.cached for stage in self.results.stages.values())

    @cached_property
    def predictions(self) -> MeasuredNumbers:
        """What everybody predicted on the test points, and what is true there; read when first asked for.

        Raises:
            DataError: if the folder's predictions cannot be read, or are not those that its results were measured on.
        """
        folder = self.folder / "predictions"
        check_files(self.folder, self.results.files)
        try:
            return _read(folder)
        except DataError:
            raise
        except (OutlearnError, IndexError, KeyError, TypeError, ValueError) as error:
            raise DataError(f"the predictions in {str(folder)!r} do not fit together: {error} {AGAIN}") from error

    def gap(self, loss: str) -> RiskGap:
        """Split the gain of one loss's students over their labelers, point by point: gap = misfit + residual.

        Raises:
            ConfigError: if the run has no such loss. DataError: if the folder's predictions cannot be read.
        """
        if loss not in self.students:
            raise ConfigError(f"the run has no students of {loss!r}; {suggest(loss, self.students)}")
        found, measure = self.predictions, self.results.measure
        return risk_gap(
            found.target,
            teacher=found.labelers[loss],
            student=found.students[loss],
            generator=measure.generator,
            order=measure.order,
        )

    def __repr__(self) -> str:
        return f"NumberRun({str(self.folder)!r})"

    def __str__(self) -> str:
        rows = self._rows()
        width = max(len(who) for who, *_ in rows)
        lines = [f"{who:<{width}}  {mse}" + (f", PGR {pgr}" if pgr else "") for who, mse, pgr in rows]
        return "\n".join([self._title, *lines, f"Folder: {self.folder}"])

    def _repr_html_(self) -> str:
        rows = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in self._rows())
        return (
            f"<p>{escape(self._title)}</p><table><thead><tr><th></th><th>MSE</th><th>PGR</th></tr></thead>"
            f"<tbody>{rows}</tbody></table><p>{escape(f'Folder: {self.folder}')}</p>"
        )

    @property
    def _title(self) -> str:
        task = self.results.task
        return f"{task.name}: mean squared error on {task.n_test:,} test points"

    def _rows(self) -> list[tuple[str, str, str]]:
        results = self.results
        rows = [
            ("mean of the labels", _written(results.baseline.mse), ""),
            ("teacher", _written(results.teacher.mse), ""),
        ]
        rows += [(f"ensemble: {label_of(name)}", _written(each.mse), "") for name, each in results.ensembles.items()]
        rows += [
            (f"student: {loss}", _written(student.mse), _written(student.pgr, digits=2))
            for loss, student in results.students.items()
        ]
        controls = {"own labels": results.controls.own_labels, "all labels": results.controls.all_labels}
        rows += [
            (f"control: {name}", _written(each.mse), "")
            for name, each in controls.items()
            if isinstance(each, TrueLabelModels)
        ]
        return [*rows, ("ceiling", _written(results.ceiling.mse), "")]


def load_number_run(folder: str | Path) -> NumberRun:
    """Read the folder of a run of numbers; see `any_run.load_run`.

    Raises:
        DataError: if a file is missing, damaged, or of another schema; it names the file, the field and what to do.
    """
    path = Path(folder)
    file = path / "results.json"
    results = read_record(NumberResults, read_json(file, again=AGAIN), file, schema=SCHEMA, again=AGAIN)
    return NumberRun(path, results, read_config(path / "config.yaml"))


def _written(value: Interval | Withheld, *, digits: int = 4) -> str:
    if isinstance(value, Withheld):
        return str(value)
    ends = f"no interval: {value.reason}" if value.reason else f"{value.low:.{digits}g}, {value.high:.{digits}g}"
    return f"{value.mean:.{digits}g} [{ends}]"


def _read(folder: Path) -> MeasuredNumbers:
    records = [json.loads(line) for line in read_text(folder / "points.jsonl", again=AGAIN).split("\n") if line]
    records = [record for record in records if record["split"] == "test"]
    ids = np.array([record["id"] for record in records])
    arrays, meta = _arrays(folder / "numbers.safetensors")
    losses, sources = json.loads(meta["losses"]), json.loads(meta["sources"])

    def models(name: str, rows: np.ndarray | slice = slice(None), teacher_of: np.ndarray | None = None) -> Numbers:
        answered = arrays.get(f"{name}.answered")
        return Numbers(arrays[name][rows], ids, teacher_of, None if answered is None else answered.astype(bool))

    teachers = models("teachers")
    labelers = {EACH: teachers} | {name: models(f"labeler-{name}") for name in set(sources) - {EACH}}
    of_loss = [arrays["loss_of"] == k for k in range(len(losses))]
    return MeasuredNumbers(
        teachers=teachers,
        labelers={loss: labelers[source] for loss, source in zip(losses, sources, strict=True)},
        students={
            loss: models("students", rows, arrays["teacher_of"][rows])
            for loss, rows in zip(losses, of_loss, strict=True)
        },
        target=arrays["target"],
        points=tuple(
            NumberPoint(str(each["id"]), "" if each["text"] is None else each["text"], each["group"] or "")
            for each in records
        ),
    )


def _arrays(path: Path) -> tuple[dict[str, np.ndarray], Mapping[str, str]]:
    try:
        with safe_open(path, framework="numpy") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118
    except FileNotFoundError:
        raise DataError(f"{str(path)!r} does not exist, so there are no predictions to show. {AGAIN}") from None
    except (SafetensorError, OSError) as error:
        raise DataError(f"{str(path)!r} is damaged: {error}. {AGAIN}") from error
