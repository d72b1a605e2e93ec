"""A run: what `ol.run` returns and `ol.load_run` reads, with everything that its folder holds.

Nothing here writes, and nothing trains. Whatever is missing, damaged or of another version is a `DataError` that names
the file and the field, and says what to do.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from html import escape
from pathlib import Path
from typing import Any

from outlearn.core.decomposition.risk_gap import RiskGap, risk_gap
from outlearn.core.intervals import Interval, level_in_words
from outlearn.core.labelers.combinations import EACH, label_of
from outlearn.errors import ConfigError, DataError, MissingExtraError, suggest
from outlearn.results.measurement import Withheld
from outlearn.results.numbers import NUMBERS
from outlearn.results.reading import AGAIN, Measured, check_files, read_config, read_predictions
from outlearn.results.run import (
    SCHEMA,
    Ceiling,
    Controls,
    Equivalents,
    Labeler,
    Measures,
    NotTrained,
    RunResults,
    Student,
    TaskFacts,
    Teachers,
    TrueLabelModels,
)
from outlearn.results.scored import Scored
from outlearn.results.selection import Selection
from outlearn.results.serialization import Record, read_json, read_record

__all__ = ["Run", "load_run"]

COLUMNS = ("role", "name", "metric", "mean", "low", "high", "level", "n_models", "n_points", "over", "reason")


@dataclass(frozen=True, eq=False, repr=False)
class Run:
    """A finished run; print() gives everybody's accuracy, and a notebook shows it as a table.

    Attributes:
        folder: the run folder.
        results: what was found, the content of results.json.
        config: what was run, the content of config.yaml.
    """

    folder: Path
    results: RunResults
    config: Mapping[str, Any]

    @property
    def name(self) -> str:
        """Name of the folder, what a comparison calls the run."""
        return self.folder.resolve().name

    @property
    def task(self) -> TaskFacts:
        """The data, and how they were split."""
        return self.results.task

    @property
    def measure(self) -> Measures:
        """The divergence, its order and the level of intervals."""
        return self.results.measure

    @property
    def teacher(self) -> Teachers:
        """The weak teachers."""
        return self.results.teacher

    @property
    def labeler(self) -> Labeler:
        """Who labeled the students' points: each teacher, or a combination."""
        return self.results.labeler

    @property
    def ensembles(self) -> Mapping[str, Scored]:
        """Combination of the teachers -> its scores."""
        return self.results.ensembles

    @property
    def ceiling(self) -> Ceiling:
        """The strong model at its best on the true labels of the student split."""
        return self.results.ceiling

    @property
    def controls(self) -> Controls:
        """What a careful person would try instead: `run.controls["own_labels"]`, or by attribute."""
        return self.results.controls

    @property
    def equivalents(self) -> Equivalents | NotTrained:
        """True-label equivalents: what the weak labels are worth, `run.equivalents.worth["auto"]`."""
        return self.results.equivalents

    @property
    def students(self) -> Mapping[str, Student]:
        """Loss -> its students."""
        return self.results.students

    @property
    def selections(self) -> Mapping[str, Selection]:
        """Recipe, `auto` or `auto_single` -> what it chose without labels, from what, and how good that was."""
        return self.results.selections

    @property
    def all_cached(self) -> bool:
        """Say whether every stage came from the store."""
        return all(stage.cached for stage in self.results.stages.values())

    @cached_property
    def predictions(self) -> Measured:
        """What everybody predicted on the test points, and what is true there; read when first asked for.

        Raises:
            DataError: if the folder's predictions cannot be read, or are not those that its results were measured on.
        """
        found = read_predictions(
            self.folder / "predictions",
            losses=self.students,
            target=self.measure.target,
            smoothing=self.measure.smoothing,
        )
        check_files(self.folder, self.results.files)
        return found

    def gap(self, loss: str) -> RiskGap:
        """Split the gain of one loss's students over their labelers, point by point: gap = misfit + residual.

        Args:
            loss: a key of `students`.

        Returns:
            Every term, `[students, points]`, from `predictions`; their means are in `students[loss]`.

        Raises:
            ConfigError: if the run has no such loss.
            DataError: if the folder's predictions cannot be read.
        """
        if loss not in self.students:
            raise ConfigError(f"the run has no students of {loss!r}; {suggest(loss, self.students)}")
        found = self.predictions
        return risk_gap(
            found.target,
            teacher=found.labelers[loss],
            student=found.students[loss],
            generator=self.measure.generator,
            order=self.measure.order,
        )

    def frame(self) -> Any:
        """Return all that has an interval as a tidy pandas table: one row for each of whom and what was measured.

        Returns:
            A `pandas.DataFrame`. `role` is "teacher", "labeler", "best_teacher", "ensemble", "student_of_mean",
            "ceiling", "ceiling_untuned", "own_labels", "all_labels" or "student", `name` which of them (the combination
            or the loss); `metric` is a score, a term of the decomposition, or a paired difference such as
            `accuracy_over_ceiling`. Where there is no interval, `low` and `high` are nan and `reason` says why.

        Raises:
            MissingExtraError: if pandas is not installed.
        """
        try:
            import pandas
        except ImportError as error:
            raise MissingExtraError("pandas", "pandas") from error
        rows = [
            (role, name, metric, *_cells(value))
            for role, name, record in _everyone(self.results)
            for metric, value in _measurements(record)
        ]
        return pandas.DataFrame(rows, columns=list(COLUMNS))

    def __repr__(self) -> str:
        return f"Run({str(self.folder)!r})"

    def __str__(self) -> str:
        rows = _accuracies(self.results)
        width = max(len(who) for who, *_ in rows)
        lines = [f"{who:<{width}}  {accuracy} %" + (f", PGR {pgr}" if pgr else "") for who, accuracy, pgr in rows]
        return "\n".join([self._title, *lines, self._where])

    def _repr_html_(self) -> str:
        rows = "".join(
            "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in _accuracies(self.results)
        )
        return (
            f"<p>{escape(self._title)}</p><table><thead><tr><th></th><th>accuracy, %</th><th>PGR</th></tr></thead>"
            f"<tbody>{rows}</tbody></table><p>{escape(self._where)}</p>"
        )

    @property
    def _title(self) -> str:
        return f"{self.task.name}: {self.task.n_test:,} test points; intervals at {level_in_words(self.measure.level)}"

    @property
    def _where(self) -> str:
        report = self.folder / "report.html"
        return f"Report: {report}" if report.exists() else f"Folder: {self.folder}"


def load_run(folder: str | Path) -> Run:
    """Read a run folder.

    Args:
        folder: where `outlearn run` or `ol.run` wrote.

    Returns:
        The run; its predictions are read when they are first asked for.

    Raises:
        DataError: if the folder or a file is missing, damaged, foreign, or of another schema; it names the file, the
            field and what to do.
    """
    path = Path(folder)
    if not path.exists():
        raise DataError(f"{str(path)!r} does not exist; give the folder of a run, such as one below runs/.")
    if not path.is_dir():
        raise DataError(f"{str(path)!r} is a file; give the folder of a run, which holds results.json.")
    file = path / "results.json"
    content = read_json(file, again=AGAIN)
    if isinstance(content, dict) and "kind" in content:
        raise DataError(
            f"{str(file)!r} holds the results of outlearn {content['kind']!s:.40}, not of a run; give the folder of a "
            "run, such as one below runs/."
        )
    if isinstance(content, dict) and isinstance(content.get("task"), dict) and content["task"].get("task") == NUMBERS:
        raise DataError(
            f"{str(file)!r} holds a run whose target is a number, and this compares runs of classes. Read it by "
            f"itself: outlearn report {path}, or ol.load_run."
        )
    results = read_record(RunResults, content, file, schema=SCHEMA, again=AGAIN)
    return Run(path, results, read_config(path / "config.yaml"))


def _everyone(results: RunResults) -> Iterator[tuple[str, str, Record]]:
    """Yield role, name and record of everybody that was measured."""
    yield "teacher", "", results.teacher
    yield "teacher", "", results.teacher_bias_variance
    yield "labeler", results.labeler.source, results.labeler
    yield "best_teacher", "", results.controls.best_teacher
    yield from (("ensemble", name, record) for name, record in results.ensembles.items())
    yield from (("student_of_mean", loss, record) for loss, record in results.controls.student_of_mean.items())
    yield "ceiling", "", results.ceiling
    if results.ceiling_untuned is not None:
        yield "ceiling_untuned", "", results.ceiling_untuned
    controls = {"own_labels": results.controls.own_labels, "all_labels": results.controls.all_labels}
    yield from ((name, "", control) for name, control in controls.items() if isinstance(control, TrueLabelModels))
    for loss, student in results.students.items():
        yield from (("student", loss, record) for record in (student, student.blind_spots, student.posterior_mean))


def _measurements(record: Record) -> Iterator[tuple[str, Interval | Withheld]]:
    """Yield name and value of all that has an interval in a record."""
    if isinstance(record, Scored):
        yield from record.scores.items()
    if isinstance(record, Student):
        yield "pgr", record.pgr
        yield from ((f"accuracy_over_{name}", value) for name, value in record.differences.items())
        yield from ((f"log_loss_over_{name}", value) for name, value in record.log_loss_differences.items())
    for name in type(record).model_fields:
        value = getattr(record, name)
        if isinstance(value, Interval | Withheld):
            yield name, value


def _cells(value: Interval | Withheld) -> tuple[Any, ...]:
    """Return the columns of one measurement, from `mean` on."""
    if isinstance(value, Withheld):
        nan = float("nan")
        return nan, nan, nan, nan, None, None, None, value.reason
    return tuple(getattr(value, column) for column in COLUMNS[COLUMNS.index("mean") :])


def _accuracies(results: RunResults) -> list[tuple[str, str, str]]:
    """Return who, accuracy in % and PGR of everybody."""
    rows = [("teacher", _percent(results.teacher.accuracy), "")]
    if results.labeler.source != EACH:
        rows.append((f"labeler: {results.labeler.source}", _percent(results.labeler.accuracy), ""))
    rows += [(f"ensemble: {label_of(name)}", _percent(each.accuracy), "") for name, each in results.ensembles.items()]
    for loss, student in results.students.items():
        pgr = student.pgr
        recovered = str(pgr) if isinstance(pgr, Withheld) else f"{pgr.mean:.2f} [{pgr.low:.2f}, {pgr.high:.2f}]"
        rows.append((f"student: {loss}", _percent(student.accuracy), recovered))
    controls = {"own labels": results.controls.own_labels, "all labels": results.controls.all_labels}
    rows += [
        (f"control: {name}", _percent(control.accuracy), "")
        for name, control in controls.items()
        if isinstance(control, TrueLabelModels)
    ]
    return [*rows, ("ceiling", _percent(results.ceiling.accuracy), "")]


def _percent(value: Interval | Withheld) -> str:
    if isinstance(value, Withheld):
        return str(value)
    ends = f"no interval: {value.reason}" if value.reason else f"{100 * value.low:.1f}, {100 * value.high:.1f}"
    return f"{100 * value.mean:.1f} [{ends}]"
