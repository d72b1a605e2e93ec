"""From files to a printed report: read, analyse, write. What `outlearn preflight` calls."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import yaml

from outlearn.data.label_columns import LabelColumns
from outlearn.data.label_files import is_array_file, read_features, read_label_table
from outlearn.data.label_table import LabelTable
from outlearn.errors import ConfigError
from outlearn.preflight_checks.analyse import analyse_table
from outlearn.preflight_checks.label_table import make_table
from outlearn.preflight_checks.result import Preflight, StudentReport
from outlearn.progress import Progress, Silent
from outlearn.results.estimates import estimate, number
from outlearn.results.writing import claim_report_folder, write_file

__all__ = ["preflight_files", "preflight_record"]

SCHEMA = 1
FILES = ("results.json", "summary.txt", "points_to_check.csv")


def preflight_files(
    labels: str | Path,
    texts: str | Path | None = None,
    *,
    labelers: str | None = None,
    id_column: str | None = None,
    text_column: str | None = None,
    true: str | Path | None = None,
    true_column: str | None = None,
    classes: str | None = None,
    asked_twice: bool = False,
    encoder: str | None = None,
    largest_bias: float = 0.25,
    level: float = 0.95,
    seed: int = 0,
    out: Path | None = None,
    progress: Progress | None = None,
) -> str:
    """Report on weak labels in files; see `read_label_table` and `preflight`.

    Args:
        labels: table with a column a labeler.
        texts: table with the texts, or an array file of features (.npy, .npz, .safetensors).
        labelers, classes: names, separated by commas.
        id_column, text_column, true_column: names of columns.
        true: table with true labels of some points.
        asked_twice: the columns are one labeler, asked again.
        encoder: a kind, or a mapping in YAML.
        largest_bias, level, seed: see `preflight`.
        out: folder for results.json, summary.txt and points_to_check.csv; None writes nothing.
        progress: where to show what is done.

    Returns:
        The text of the report.

    Raises:
        OutlearnError: of a kind that says what is wrong with the input.
    """
    show = progress or Silent()
    columns = LabelColumns(
        id_column, text_column, true_column, _names(labelers, "--labelers"), _names(classes, "--classes")
    )
    settings = _encoder(encoder)
    features = None
    with show.bar("reading"):
        arrays = texts is not None and is_array_file(texts)
        table = make_table(read_label_table(labels, columns=columns, texts=None if arrays else texts, true=true))
        if arrays and texts is not None:
            features = read_features(texts, table)
            table = replace(table, notes=(*table.notes, f"{texts}: features, a row a point."))
    if out is not None:
        claim_report_folder(out, files=FILES, kind="preflight", called="preflight report")
    found = analyse_table(
        table, features=features, asked_twice=asked_twice, encoder=settings, largest_bias=largest_bias, level=level,
        seed=seed, progress=show,
    )  # fmt: skip
    text = f"labels   {table.source}\n\n{found}"
    if out is not None:
        record = {"inputs": {"labels": str(labels), "texts": None if texts is None else str(texts)}}
        write_file(out / "points_to_check.csv", _points(found, table).encode())
        write_file(out / "summary.txt", (text + "\n").encode())
        content = json.dumps({**record, **preflight_record(found)}, indent=1, allow_nan=False, ensure_ascii=False)
        write_file(out / "results.json", (content + "\n").encode())
    return text


def preflight_record(found: Preflight) -> dict[str, Any]:
    """Turn a report into plain values for JSON: intervals as in results.json of a run, null where not given."""
    truth = found.truth
    return {
        "schema": SCHEMA,
        "kind": "preflight",
        "outlearn": version("outlearn"),
        "source": found.source,
        "n_points": found.n_points,
        "class_names": list(found.class_names),
        "asked_twice": found.asked_twice,
        "level": found.level,
        "seed": found.seed,
        "verdict": {"key": found.verdict.key, "answer": found.verdict.answer, "advice": list(found.verdict.advice)},
        "disagreement": estimate(found.disagreement),
        "least_error": estimate(found.least_error),
        "missed": {
            **estimate(found.missed),
            "any_noise_low": number(found.missed_bounds[0]),
            "any_noise_high": number(found.missed_bounds[1]),
        },
        "ceiling": estimate(found.ceiling),
        "labelers": [
            {
                "name": row.name,
                "n_labels": row.n_labels,
                "agreement": estimate(row.agreement),
                "missed": estimate(row.missed),
                "error": None if row.error is None else estimate(row.error),
            }
            for row in found.labelers
        ],
        "shared_bias": {"reason": "not identifiable without true labels"}
        if truth is None
        else estimate(truth.shared_bias),
        "truth": None
        if truth is None
        else {
            "n_labels": truth.n_labels,
            **{name: estimate(getattr(truth, name)) for name in ("error", "removable", "squared_bias")},
        },
        "encoder": found.encoder,
        "students": [_student(student) for student in found.students],
        "largest_bias": found.largest_bias,
        "more_labels": [{"n_points": n, "accuracy": estimate(interval)} for n, interval in found.more_labels],
        "last_doubling": None if found.last_doubling is None else estimate(found.last_doubling),
        "vote_curve": [{"n_labelers": n, "accuracy": accuracy} for n, accuracy in found.vote_curve],
        "pooling": None if found.pooling is None else estimate(found.pooling),
        "points_to_check": {
            kind: [point.id for point in found.checks if point.kind == kind]
            for kind in ("calibrate", "mistake", "suspect")
        },
        "assumptions": list(found.assumptions),
        "warnings": list(found.warnings),
        "notes": list(found.notes),
    }


def _student(student: StudentReport) -> dict[str, Any]:
    names = ("accuracy", "gain", "over_vote", "true_accuracy", "true_gain", "true_over_vote", "off")
    intervals = {name: getattr(student, name) for name in names}
    return {
        "name": student.name,
        **{name: None if value is None else estimate(value) for name, value in intervals.items()},
        "accuracy_gain_low": number(student.low),
        "accuracy_gain_high": number(student.high),
        "break_even_bias": None if math.isnan(student.break_even) else student.break_even,
    }


def _points(found: Preflight, table: LabelTable) -> str:
    """Write the points to check, with an empty column for the true label: `--true` reads the file back."""
    sheet = io.StringIO(newline="")
    writer = csv.writer(sheet, lineterminator="\n")
    head = ["id", "label", "kind", "reason", "vote", "student", "student_sure", *table.names]
    writer.writerow([*head, "text"] if table.texts is not None else head)
    seen = set()
    for point in found.checks:
        if point.index in seen:  # ids stay unique, so that the file can be read back
            continue
        seen.add(point.index)
        given = ["" if k < 0 else table.class_names[k] for k in table.labels[:, point.index].tolist()]
        sure = "" if point.student_sure is None else f"{point.student_sure:.4f}"
        known = -1 if table.true_labels is None else int(table.true_labels[point.index])
        true = "" if known < 0 else table.class_names[known]
        row = [point.id, true, point.kind, point.reason, point.vote, point.student or "", sure, *given]
        writer.writerow([*row, table.texts[point.index]] if table.texts is not None else row)
    return sheet.getvalue()


def _names(text: str | None, option: str) -> Sequence[str]:
    if text is None:
        return ()
    names = [name.strip() for name in text.split(",")]
    if not all(names) or len(set(names)) < len(names):
        raise ConfigError(f"{option} is {text!r}; expected different names, separated by commas.")
    return names


def _encoder(text: str | None) -> Mapping[str, Any] | None:
    """Read a kind, or a mapping such as {kind: tfidf, analyzer: char_wb}."""
    if text is None:
        return None
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError:
        value = None
    if isinstance(value, str):
        return {"kind": value}
    if isinstance(value, dict):
        return {str(key): setting for key, setting in value.items()}
    raise ConfigError(
        f"--encoder is {text!r}; expected a kind such as wordllama, or {{kind: tfidf, analyzer: char_wb}}."
    )
