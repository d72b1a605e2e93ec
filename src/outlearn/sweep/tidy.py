"""The tables of a sweep: one row for each run and loss, and one for each student; measurements with their intervals."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from outlearn.core.intervals import Interval
from outlearn.results.measurement import Measurement, number
from outlearn.results.number_run import NumberRun
from outlearn.results.run import Student
from outlearn.results.run_folder import Run
from outlearn.results.writing import write_file
from outlearn.sweep.expansion import Member

__all__ = ["loss_rows", "model_rows", "write_tables"]

# Terms of a student that get columns, beside its scores.
TERMS = ("agreement", "gap", "misfit", "residual", "crossed_misfit", "overfit_covariance", "entropy_excess")
NUMBER_TERMS = ("risk", "gap", "misfit", "residual", "crossed_misfit", "overfit_covariance")
EACH = ("accuracy", "log_loss", "mse")

Row = dict[str, Any]


def loss_rows(member: Member, run: Run | NumberRun) -> Iterator[Row]:
    """Give one row for each loss of a run: what was varied, then each measurement as X, X_low and X_high.

    Of numbers `over_X` is a difference in risk, X's less the student's; of classes, in accuracy, student less X.
    """
    terms, metrics = (NUMBER_TERMS, ("mse",)) if isinstance(run, NumberRun) else (TERMS, ("accuracy", "log_loss"))
    results, task = run.results, run.task
    for loss, student in run.students.items():
        row: Row = {
            "run": member.label,
            **member.values,
            "task": task.name,
            "seed": member.config.seed,
            "loss": loss,
            "n_teachers": results.teacher.models,
            "n_students": student.models,
            "n_train": task.n_student,
            "n_test": task.n_test,
        }
        if isinstance(student, Student):
            row["epoch"] = student.epoch
        else:
            row["concordance"] = number(student.concordance)
        for name, score in student.scores.items():
            row |= _columns(name, score)
        # PGR may be known where its interval is not, so it is more than a measurement.
        recovery = student.recovery
        row |= {"pgr": recovery.value, "pgr_low": recovery.low, "pgr_high": recovery.high}
        for name in terms:
            row |= _columns(name, getattr(student, name))
        # The other losses have rows of their own.
        for other, difference in student.differences.items():
            row |= {} if other in run.students else _columns(f"over_{other}", difference)
        for who, scored in (("teacher", results.teacher), ("labeler", results.labeler), ("ceiling", results.ceiling)):
            for metric in metrics:
                row |= _columns(f"{who}_{metric}", scored.scores[metric])
        yield row


def model_rows(member: Member, run: Run | NumberRun) -> Iterator[Row]:
    """Give one row for each student of a run; students stand in the order of (labeler, seed)."""
    seeds = member.config.student.seeds
    for loss, student in run.students.items():
        for index in range(student.models):
            yield {
                "run": member.label,
                **member.values,
                "task": run.task.name,
                "seed": member.config.seed,
                "loss": loss,
                "labeler": index // seeds,
                "student_seed": index % seeds,
                **{name: number(student.each[name][index]) for name in EACH if name in student.each},
            }


def write_tables(folder: Path, name: str, rows: Sequence[Row]) -> None:
    """Write rows as `NAME.csv`, and as `NAME.parquet` where pyarrow is installed. Missing numbers are empty cells."""
    columns = list(dict.fromkeys(column for row in rows for column in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_file(folder / f"{name}.csv", text.getvalue().encode())
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        return
    table = pyarrow.table({column: [row.get(column) for row in rows] for column in columns})
    content = io.BytesIO()
    pyarrow.parquet.write_table(table, content)
    write_file(folder / f"{name}.parquet", content.getvalue())


def _columns(name: str, measured: Measurement) -> Row:
    """Spread a measurement over columns; what is withheld is empty."""
    ends = (measured.mean, measured.low, measured.high) if isinstance(measured, Interval) else (float("nan"),) * 3
    return {column: number(value) for column, value in zip((name, f"{name}_low", f"{name}_high"), ends, strict=True)}
