"""Plain tables from the results of a run: numbers in, numbers out. Formatting is in `cells`, words are in `findings`.

Rows keep one order everywhere: majority, teachers, ensembles, students by loss in the order of the run, controls of
true labels, ceiling.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from operator import attrgetter
from typing import Literal

from outlearn.core.intervals import Interval
from outlearn.core.labelers.combinations import label_of
from outlearn.core.metrics import METRICS, Metric
from outlearn.report.cells import Cell, Column, Kind, Table, point_estimate
from outlearn.results.measurement import Withheld
from outlearn.results.numbers import NumberResults
from outlearn.results.run import RunResults, Student, TrueLabelModels

__all__ = [
    "REFERENCES", "Against", "Role", "ScoreRow", "against_everyone_table", "bias_variance_table", "blind_spot_table",
    "difference_table", "gap_table", "main_table", "metrics_in_tables", "path_table", "reasons", "score_rows",
    "scores_table",
]  # fmt: skip

Against = Literal["everyone", "references", "combinations", "losses"]
Role = Literal["majority", "teacher", "best_teacher", "ensemble", "student", "control", "ceiling", "untuned"]

# Whom students are compared with, beside the combinations of the teachers and each other, and how a reader calls them.
REFERENCES = {
    "teacher": "own teacher",
    "best_teacher": "best teacher on validation",
    "own_labels": "control, own labels",
    "all_labels": "control, all labels",
    "ceiling": "ceiling",
    "majority": "majority class",
}


@dataclass(frozen=True)
class ScoreRow:
    """What was scored on the test points: its part in the run, its name, metric -> score, and the students it is."""

    role: Role
    label: str
    scores: Mapping[str, Cell]
    student: Student | None = None


def score_rows(results: RunResults) -> Iterator[ScoreRow]:
    """Yield everything that was scored on the test points."""
    teachers = results.teacher
    yield ScoreRow("majority", REFERENCES["majority"], {"accuracy": results.majority.accuracy})
    several = teachers.models > 1
    yield ScoreRow("teacher", f"teacher, mean of {teachers.models}" if several else "teacher", teachers.scores)
    if several:
        yield ScoreRow("best_teacher", REFERENCES["best_teacher"], results.controls.best_teacher.scores)
        for name, ensemble in results.ensembles.items():
            yield ScoreRow("ensemble", _ensemble(name), ensemble.scores)
    for loss, student in results.students.items():
        yield ScoreRow("student", f"student, {loss}", student.scores, student)
    controls = {"own_labels": results.controls.own_labels, "all_labels": results.controls.all_labels}
    for name, control in controls.items():
        if isinstance(control, TrueLabelModels) and (several or name == "own_labels"):
            yield ScoreRow("control", REFERENCES[name], control.scores)
    if results.ceiling_untuned is not None:
        yield ScoreRow("untuned", "ceiling, untuned", results.ceiling_untuned.scores)
    yield ScoreRow("ceiling", "ceiling, true labels", results.ceiling.scores)


def _ensemble(name: str) -> str:
    return f"ensemble, {label_of(name)}"


def metrics_in_tables(results: RunResults) -> tuple[Metric, ...]:
    """Return the metrics that tables of scores show, in the order of the run."""
    return tuple(METRICS[name] for name in results.teacher.scores if name in METRICS and METRICS[name].in_tables)


def main_table(results: RunResults) -> Table:
    """Return who scored what: the metrics, PGR, agreement, gap = misfit + residual."""
    metrics = metrics_in_tables(results)
    unit = results.measure.unit
    columns = (
        Column(""),
        *(Column(each.label, "percent" if each.unit == "percent" else "nats", each.line) for each in metrics),
        Column("PGR", "ratio", "(student - teacher) / (ceiling - teacher), on accuracy"),
        Column("agreement", "percent", "share of test points where a student repeats its own teacher's class, in %"),
        Column("gap", "signed", f"risk of the teacher minus risk of its student, in {unit}"),
        Column("misfit", "nats", f"divergence between student and teacher, in {unit}"),
        Column("residual", "signed", f"gap - misfit, in {unit}"),
    )
    rows: list[tuple[Cell, ...]] = []
    for row in score_rows(results):
        s = row.student
        of_student = (s.pgr, s.agreement, s.gap, s.misfit, s.residual) if s is not None else (None,) * 5
        cells = (row.label, *(row.scores.get(each.name) for each in metrics), *of_student)
        rows.append(cells)
    return Table("Scores on the test points", columns, tuple(rows), reasons(columns, rows))


def reasons(columns: Collection[Column], rows: Collection[tuple[Cell, ...]]) -> tuple[str, ...]:
    """Say once of each column why a cell has no value, or no interval: the footnotes of a table of scores."""
    notes = []
    for row in rows:
        for column, cell in zip(columns, row, strict=True):
            if isinstance(cell, Interval | Withheld) and cell.reason:
                missing = "withheld" if isinstance(cell, Withheld) else "without an interval"
                notes.append(f"{column.name} {missing}: {cell.reason}.")
    return tuple(dict.fromkeys(notes))


def scores_table(results: RunResults) -> Table:
    """Return the main table without the decomposition, which has a table of its own: narrow enough for a page."""
    table = main_table(results)
    return Table(table.title, table.columns[:-3], tuple(row[:-3] for row in table.rows), table.footnotes)


def gap_table(results: RunResults) -> Table:
    """Return the decomposition of each loss's gain: gap = misfit + residual, crossed misfit, overfit covariance."""
    columns: tuple[Column, ...] = (
        Column("loss"),
        Column("gap", "signed", "risk of the teacher minus risk of its student"),
        Column("misfit", "nats", "divergence between a student and its own teacher"),
        Column("residual", "signed", "gap - misfit; 0 where the student is the posterior mean of its teacher"),
        Column("crossed misfit", "nats", "divergence between a student and the teachers that did not label it"),
        Column("overfit covariance", "signed", "crossed misfit - misfit: what the student copies of its own teacher"),
        Column("entropy excess", "signed", "H(s) - CE(y, s): above 0 the student is under-confident"),
    )
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (loss, s.gap, s.misfit, s.residual, s.crossed_misfit, s.overfit_covariance, s.entropy_excess)
        for loss, s in results.students.items()
    )
    far = [student.posterior_mean.distance for student in results.students.values()]
    if any(point_estimate(distance) is not None for distance in far):
        note = "divergence between a student and its posterior-mean teacher, by regression"
        columns = (*columns, Column("distance to posterior mean", "nats", note))
        rows = tuple((*row, distance) for row, distance in zip(rows, far, strict=True))
    return Table(f"Gap = misfit + residual, in {results.measure.unit}", columns, rows)


def difference_table(
    results: RunResults, *, metric: Literal["accuracy", "log_loss"] = "accuracy", against: Against = "everyone"
) -> Table:
    """Return paired differences, student minus other: a row for each loss, a column for each other.

    The others are everyone, or only the references (teachers, ceiling), the combinations of teachers and the students
    of one, or the other losses: a page is not wide enough for all.
    """
    accuracy = metric == "accuracy"
    differences = {
        loss: student.differences if accuracy else student.log_loss_differences
        for loss, student in results.students.items()
    }
    of_ensembles = {f"ensemble_{name}": _ensemble(name) for name in results.ensembles}
    groups: dict[Against, tuple[str, Mapping[str, str]]] = {
        "references": (" to teachers and ceiling", REFERENCES),
        "combinations": (" to combinations of teachers", {**of_ensembles, "student_of_mean": "student of the mean"}),
        "losses": (" between losses", {loss: loss for loss in differences}),
    }
    every = {other: label for _, labels in groups.values() for other, label in labels.items()}
    to, labels = groups.get(against, ("", every))
    others = [other for other in labels if any(other in of_loss for of_loss in differences.values())]
    kind: Kind = "points" if accuracy else "signed"
    columns = (Column("student minus"), *(Column(labels[other], kind) for other in others))
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (loss, *(of_loss.get(other) for other in others)) for loss, of_loss in differences.items()
    )
    what, unit = ("accuracy", "percentage points") if accuracy else ("log-loss", "nats")
    return Table(f"Paired {what} differences{to}, {unit}", columns, rows)


def against_everyone_table(results: RunResults, loss: str) -> Table:
    """Return the paired differences of one loss's students to everyone, a row for each other: narrow on any screen."""
    student = results.students[loss]
    of_ensembles = {f"ensemble_{name}": _ensemble(name) for name in results.ensembles}
    labels = {**REFERENCES, **of_ensembles, "student_of_mean": "student of the mean"}
    labels |= {other: f"student, {other}" for other in results.students if other != loss}
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (label, student.differences[other], student.log_loss_differences.get(other))
        for other, label in labels.items()
        if other in student.differences
    )
    columns = (Column(f"{loss} minus"), Column("accuracy, points", "points"), Column("log loss, nats", "signed"))
    return Table(f"{loss} against everyone", columns, rows)


def bias_variance_table(results: RunResults) -> Table:
    """Return noise, bias and variance of the teachers and of each loss's students; for one ensemble only their sum."""
    metric = results.measure.risk_metric
    columns = (
        Column(""),
        Column("noise", "nats"),
        Column("bias", "nats", "what averaging over teachers cannot remove"),
        Column("variance", "nats", "what averaging over teachers removes"),
        *([Column("risk", "nats", "of one model, with its interval")] if metric else []),
    )
    of_teachers = results.teacher_bias_variance
    rows: list[tuple[Cell, ...]] = []
    notes: tuple[str, ...] = ()
    for row in score_rows(results):
        parts = of_teachers if row.role == "teacher" else row.student
        alone = row.role == "ensemble" and metric is not None
        if alone:
            notes = ("One ensemble is one model: its bias and its variance cannot be told apart.",)
        if parts is not None or alone:
            bias, variance = (parts.bias, parts.variance) if parts is not None else (None, None)
            risk = [row.scores.get(metric)] if metric else []
            rows.append((row.label, of_teachers.noise, bias, variance, *risk))
    return Table(f"Bias and variance, in {results.measure.unit}", columns, tuple(rows), notes)


def blind_spot_table(results: RunResults) -> Table:
    """Return, for each loss, where students are surely wrong and their teachers unsure, and what they repeat."""
    threshold = next((student.blind_spots.threshold for student in results.students.values()), None)
    sure = "" if threshold is None else f" (a probability of at least {threshold:.3g})"
    columns = (
        Column("loss"),
        Column("blind spot", "percent", f"student wrong and sure{sure}, its teacher unsure, in % of all points"),
        Column(
            "wrong where blind", "percent", "wrong students, in % of those that are sure where their teacher is not"
        ),
        Column(
            "blind-spot index", "ratio", "without a threshold: above 1, errors gather where only the student is sure"
        ),
        Column(
            "confident disagreement", "percent", "student sure of another class than its teacher, in % of all points"
        ),
        Column("right when disagreeing", "percent", "right students, in % of those"),
        Column(
            "repeats a wrong teacher", "percent", "share of its teacher's wrong answers that a student gives too, in %"
        ),
    )
    cells = attrgetter(
        "blind_spots.blind_spot",
        "blind_spots.error_where_blind",
        "blind_spots.index",
        "blind_spots.confident_disagreement",
        "blind_spots.right_when_disagreeing",
        "agreement_when_teacher_wrong",
    )
    rows = tuple((loss, *cells(student)) for loss, student in results.students.items())
    return Table("Blind spots", columns, rows)


def path_table(results: RunResults | NumberResults, losses: Collection[str]) -> Table:
    """Return the measures of some losses along training, one row for each recorded epoch."""
    kinds: dict[str, Kind] = {"epoch": "ratio", "accuracy": "percent", "log_loss": "nats", "misfit": "nats"}
    kinds |= {"overfit_covariance": "signed", "entropy": "nats"}
    if isinstance(results, NumberResults):
        kinds = {"epoch": "ratio", "mse": "number", "risk": "number", "gap": "signed_number", "misfit": "number"}
        kinds |= {"residual": "signed_number", "overfit_covariance": "signed_number", "concordance": "ratio"}
    columns = (Column("loss"), *(Column(name.replace("_", " "), kind) for name, kind in kinds.items()))
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (loss, *(getattr(at, name) for name in kinds)) for loss in losses for at in results.students[loss].path
    )
    return Table("Along training", columns, rows)
