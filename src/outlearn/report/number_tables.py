"""Plain tables from the results of a run of numbers; what `tables` is for classes, in the same order of rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from outlearn.core.labelers.combinations import label_of
from outlearn.core.number_metrics import NUMBER_METRICS
from outlearn.report.cells import Cell, Column, Kind, Table
from outlearn.report.tables import REFERENCES, reasons
from outlearn.results.numbers import NumberResults, NumberStudent
from outlearn.results.run import TrueLabelModels

__all__ = [
    "NUMBER_REFERENCES", "NumberRow", "number_bias_variance", "number_differences", "number_gaps", "number_rows",
    "number_scores", "penalties_tried",
]  # fmt: skip

Role = Literal["majority", "teacher", "best_teacher", "ensemble", "student", "control", "ceiling"]
NUMBER_REFERENCES = {name: label for name, label in REFERENCES.items() if name != "majority"} | {
    "baseline": "mean of the labels"
}
KINDS: dict[str, Kind] = {"mse": "number", "mae": "number", "r2": "nats", "spearman": "nats"}


@dataclass(frozen=True)
class NumberRow:
    """What was scored on the test points: its part in the run, its name, metric -> score, and the students it is."""

    role: Role
    label: str
    scores: Mapping[str, Cell]
    student: NumberStudent | None = None


def number_rows(results: NumberResults) -> Iterator[NumberRow]:
    """Yield everything that was scored on the test points."""
    teachers, several = results.teacher, results.teacher.models > 1
    yield NumberRow("majority", NUMBER_REFERENCES["baseline"], results.baseline.scores)
    yield NumberRow("teacher", f"teacher, mean of {teachers.models}" if several else "teacher", teachers.scores)
    if several:
        yield NumberRow("best_teacher", REFERENCES["best_teacher"], results.controls.best_teacher.scores)
        for name, ensemble in results.ensembles.items():
            yield NumberRow("ensemble", f"ensemble, {label_of(name)}", ensemble.scores)
    for loss, student in results.students.items():
        yield NumberRow("student", f"student, {loss}", student.scores, student)
    controls = {"own_labels": results.controls.own_labels, "all_labels": results.controls.all_labels}
    for name, control in controls.items():
        if isinstance(control, TrueLabelModels) and (several or name == "own_labels"):
            yield NumberRow("control", REFERENCES[name], control.scores)
    yield NumberRow("ceiling", "ceiling, true labels", results.ceiling.scores)


def number_scores(results: NumberResults) -> Table:
    """Return who scored what: the metrics, PGR on risk, concordance, gap = misfit + residual."""
    unit = results.measure.unit
    columns = (
        Column(""),
        *(Column(each.label, KINDS[name], each.line) for name, each in NUMBER_METRICS.items()),
        Column("PGR", "ratio", "(teacher - student) / (teacher - ceiling), on risk"),
        Column("concordance", "ratio", "Lin's concordance of students with their own teachers"),
        Column("gap", "signed_number", f"risk of the teacher minus risk of its student, in {unit}"),
        Column("misfit", "number", f"divergence between student and teacher, in {unit}"),
        Column("residual", "signed_number", f"gap - misfit, in {unit}"),
    )
    rows: list[tuple[Cell, ...]] = []
    for row in number_rows(results):
        s = row.student
        of_student: tuple[Cell, ...] = (None,) * 5
        if s is not None:
            of_student = (s.pgr, s.concordance, s.gap, s.misfit, s.residual)
        cells = (row.label, *(row.scores.get(name) for name in NUMBER_METRICS), *of_student)
        rows.append(cells)
    return Table("Scores on the test points", columns, tuple(rows), reasons(columns, rows))


def number_gaps(results: NumberResults) -> Table:
    """Return the decomposition of each loss's gain."""
    columns = (
        Column("loss"),
        Column("gap", "signed_number", "risk of the teacher minus risk of its student"),
        Column("misfit", "number", "divergence between a student and its own teacher"),
        Column("residual", "signed_number", "gap - misfit; 0 where the student is the posterior mean of its teacher"),
        Column("crossed misfit", "number", "divergence between a student and the teachers that did not label it"),
        Column(
            "overfit covariance", "signed_number", "crossed misfit - misfit: what the student copies of its teacher"
        ),
        Column("distance to posterior mean", "number", "divergence between a student and its posterior-mean teacher"),
    )
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (loss, s.gap, s.misfit, s.residual, s.crossed_misfit, s.overfit_covariance, s.posterior_mean.distance)
        for loss, s in results.students.items()
    )
    return Table(f"Gap = misfit + residual, in {results.measure.unit}", columns, rows)


def number_bias_variance(results: NumberResults) -> Table:
    """Return noise, bias and variance of the teachers and of each loss's students."""
    of_teachers = results.teacher_bias_variance
    columns = (
        Column(""),
        Column("noise", "number", "spread of the raters about their mean: nobody can predict it"),
        Column("bias", "number", "what averaging over teachers cannot remove"),
        Column("variance", "number", "what averaging over teachers removes"),
    )
    rows: list[tuple[Cell, ...]] = [("teacher", of_teachers.noise, of_teachers.bias, of_teachers.variance)]
    rows += [(f"student, {loss}", of_teachers.noise, s.bias, s.variance) for loss, s in results.students.items()]
    return Table(f"Bias and variance, in {results.measure.unit}", columns, tuple(rows))


def number_differences(results: NumberResults) -> Table:
    """Return paired differences of risk, other minus student: a row for each loss, a column for each other."""
    ensembles = {f"ensemble_{name}": f"ensemble, {label_of(name)}" for name in results.ensembles}
    losses = {loss: loss for loss in results.students}
    labels = {**NUMBER_REFERENCES, **ensembles, "student_of_mean": "student of the mean", **losses}
    others = [other for other in labels if any(other in s.differences for s in results.students.values())]
    columns = (Column("less risk than"), *(Column(labels[other], "signed_number") for other in others))
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (loss, *(s.differences.get(other) for other in others)) for loss, s in results.students.items()
    )
    return Table(f"Paired differences of risk, in {results.measure.unit}", columns, rows)


def penalties_tried(results: NumberResults) -> Table | None:
    """Return what `auto` chose among: a row for each penalty; None where it was not asked for."""
    found = results.selection
    if found is None:
        return None
    columns = (
        Column("penalty"),
        Column("crossed misfit", "number", "students against the teachers that did not label them, on held-out points"),
        Column("concordance", "nats", "of students with the teachers that did not label them, on held-out points"),
        Column("chosen"),
    )
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (f"{each.penalty:.3g}", each.crossed_misfit, each.concordance, "chosen" if each.penalty == found.chosen else "")
        for each in found.tried
    )
    return Table(f"What auto chose from, by {found.criterion.replace('_', ' ')}", columns, rows)
