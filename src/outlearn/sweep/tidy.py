"""The tables of a sweep: one row for each run and loss, and one for each student; estimates with their intervals."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from outlearn.core.labelers.combinations import COMBINATIONS
from outlearn.results.writing import write_file
from outlearn.sweep.expansion import Member

__all__ = ["member_rows", "model_rows", "write_tables"]

SCORES = ("accuracy", "log_loss", "brier", "auroc", "entropy", "ece")
STUDENT = ("pgr", "agreement", "gap", "misfit", "residual", "crossed_misfit", "overfit_covariance", "entropy_excess")
# What students are compared with, beside the other losses, point by point.
OTHERS = (
    "teacher",
    "best_teacher",
    *(f"ensemble_{name}" for name in COMBINATIONS),
    "student_of_mean",
    "ceiling",
    "majority",
)
EACH = ("accuracy", "log_loss")

Row = dict[str, Any]


def member_rows(member: Member, results: Mapping[str, Any]) -> Iterator[Row]:
    """Give one row for each loss of a run: what was varied, then each estimate as three columns, X, X_low, X_high."""
    task, config = results["task"], member.config
    for loss, record in results["students"].items():
        row: Row = {
            "run": member.label,
            **member.values,
            "task": task["name"],
            "seed": config.seed,
            "loss": loss,
            "n_teachers": results["teacher"]["models"],
            "n_students": record["models"],
            "n_train": task["n_student"],
            "n_test": task["n_test"],
            "epoch": record["epoch"],
        }
        for name in (*SCORES, *STUDENT):
            row |= _columns(name, record.get(name))
        for other in OTHERS:
            row |= _columns(f"over_{other}", record["differences"].get(other))
        for who in ("teacher", "labeller", "ceiling"):
            row |= _columns(f"{who}_accuracy", results[who].get("accuracy"))
            row |= _columns(f"{who}_log_loss", results[who].get("log_loss"))
        yield row


def model_rows(member: Member, results: Mapping[str, Any]) -> Iterator[Row]:
    """Give one row for each student of a run; students stand in the order of (labeller, seed)."""
    seeds = member.config.student.seeds
    for loss, record in results["students"].items():
        each = {name: record[name].get("each") or [] for name in EACH}
        for place in range(record["models"]):
            yield {
                "run": member.label,
                **member.values,
                "task": results["task"]["name"],
                "seed": member.config.seed,
                "loss": loss,
                "labeller": place // seeds,
                "student_seed": place % seeds,
                **{name: values[place] if place < len(values) else None for name, values in each.items()},
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


def _columns(name: str, estimate: Any) -> Row:
    """Spread an estimate over columns."""
    found = estimate if isinstance(estimate, Mapping) else {"mean": estimate}
    return {
        name: found.get("mean", found.get("value")),
        f"{name}_low": found.get("low"),
        f"{name}_high": found.get("high"),
    }
