"""From files to a printed report: read, analyse, write. What `outlearn preflight` calls."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

from outlearn.core.yaml_text import parse_yaml
from outlearn.data.drawn_labels import drawn_list
from outlearn.data.label_columns import LabelColumns
from outlearn.data.label_files import is_array_file, read_features, read_label_table
from outlearn.data.label_table import LabelTable
from outlearn.errors import ConfigError, StoreError
from outlearn.preflight_checks.analyse import analyse_table
from outlearn.preflight_checks.check_labels import check_labels
from outlearn.preflight_checks.next_labels import strata_of_list
from outlearn.progress import Progress, Silent
from outlearn.results.gates import Gate
from outlearn.results.next_labels import NextLabels
from outlearn.results.preflight import PREFLIGHTS, Preflight
from outlearn.results.writing import write_file

__all__ = ["encoder_settings", "preflight_files", "printed"]

MANY = 20  # whole numbers as names of classes, from which they may be numbers to predict


def preflight_files(
    labels: str | Path,
    texts: str | Path | None = None,
    *,
    columns: LabelColumns | None = None,
    true: str | Path | None = None,
    rate: Sequence[str] = (),
    asked_twice: bool = False,
    encoder: str | None = None,
    largest_bias: float = 0.25,
    level: float = 0.95,
    seed: int = 0,
    label_next: int | None = None,
    aim: str = "accuracy",
    to_label: Path = Path("to_label.csv"),
    gates: Sequence[Gate[Preflight]] = (),
    out: Path | None = None,
    progress: Progress | None = None,
) -> Preflight:
    """Report on weak labels in files; see `read_label_table` and `preflight`, and the help of `outlearn preflight`.

    Returns the report, and writes it, with how the thresholds `gates` came out, below `out` if that is given; and the
    points to label next, if so many are asked for, to the file `to_label`, which must not be there: hours of work may
    be in it.
    """
    if label_next is not None and to_label.exists():
        raise StoreError(f"{str(to_label)!r} is there, and may hold true labels. Give another file with --list.")
    show = progress or Silent()
    settings = encoder_settings(encoder)
    features = None
    with show.bar("reading"):
        arrays = texts is not None and is_array_file(texts)
        read = read_label_table(labels, columns=columns, texts=None if arrays else texts, true=true)
        table = check_labels(read.with_ties_as_gaps(), to_label_next=label_next is not None)
        if table.n_classes > MANY and all(name.lstrip("+-").isdigit() for name in table.class_names):
            note = f"The {table.n_classes} classes are whole numbers: if they are amounts, not names, pass --numbers."
            table = replace(table, notes=(*table.notes, note))
        if arrays and texts is not None:
            features = read_features(texts, table)
            table = replace(table, notes=(*table.notes, f"{texts}: features, a row a point."))
    with nullcontext() if out is None else PREFLIGHTS.claimed(out):
        found = analyse_table(
            table, features=features, rate=rate, asked_twice=asked_twice, encoder=settings, largest_bias=largest_bias,
            level=level, seed=seed, label_next=label_next, aim=aim, progress=show,
        )  # fmt: skip
        if out is not None:
            inputs = {"labels": str(labels), "texts": None if texts is None else str(texts)}
            PREFLIGHTS.write(
                out, found, inputs=inputs, text=printed(found), table=_points(found, table),
                thresholds=[gate.outcome(found) for gate in gates],
            )  # fmt: skip
        if isinstance(found.next_labels, NextLabels):
            write_file(to_label, _list(found.next_labels, table).encode())
    return found


def _list(drawn: NextLabels, table: LabelTable) -> str:
    """Write the points of known truth first, then those to label."""
    strata = strata_of_list(drawn, table.n_points, table.true_strata)
    return drawn_list(table, [point.index for point in (*drawn.known, *drawn.points)], strata)


def printed(found: Preflight) -> str:
    """Write the report as the command prints it."""
    return f"labels   {found.source}\n\n{found}"


def _points(found: Preflight, table: LabelTable) -> Iterator[Sequence[object]]:
    """List the points to check, with an empty column for the true label: `--true` reads the file back."""
    head = ["id", "label", "kind", "reason", "vote", "student", "student_sure", *table.names]
    yield head if table.texts is None else [*head, "text"]
    seen = set()
    for point in found.points_to_check:
        index = point.index
        if index in seen:  # ids stay unique, so that the file can be read back
            continue
        seen.add(index)
        given = ["" if k < 0 else table.class_names[k] for k in table.labels[:, index].tolist()]
        sure = "" if point.student_sure is None else f"{point.student_sure:.4f}"
        known = -1 if table.true_labels is None else int(table.true_labels[index])
        true = "" if known < 0 else table.class_names[known]
        row = [point.id, true, point.kind, point.reason, point.vote, point.student or "", sure, *given]
        yield row if table.texts is None else [*row, table.texts[index]]


def encoder_settings(text: str | None) -> Mapping[str, Any] | None:
    """Read a kind, or a mapping such as {kind: tfidf, analyzer: char_wb}."""
    if text is None:
        return None
    try:
        value = parse_yaml(text)
    except ValueError:
        value = None
    if isinstance(value, str):
        return {"kind": value}
    if isinstance(value, dict):
        return {str(key): setting for key, setting in value.items()}
    raise ConfigError(
        f"--encoder is {text!r}; expected a kind such as wordllama, or {{kind: tfidf, analyzer: char_wb}}."
    )
