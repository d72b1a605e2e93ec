"""From files of labelers' numbers to a printed report: what `outlearn preflight --numbers` calls."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np

from outlearn.core.gaps import mean_of_known
from outlearn.core.labelers.number_spread import spread
from outlearn.data.array_files import read_array
from outlearn.data.drawn_labels import listed
from outlearn.data.input_errors import InputErrors
from outlearn.data.label_columns import LabelColumns
from outlearn.data.label_files import is_array_file
from outlearn.data.npz_files import check_features
from outlearn.data.point_ids import join_by_id
from outlearn.data.rated_table import RatedTable, read_rated_table
from outlearn.errors import AlignmentError, StoreError
from outlearn.preflight_checks.next_labels import strata_of_list
from outlearn.preflight_checks.numbers import analyse_numbers
from outlearn.progress import Progress, Silent
from outlearn.results.gates import Gate
from outlearn.results.next_labels import NumberNextLabels
from outlearn.results.number_preflight import NUMBER_PREFLIGHTS, NumberPreflight
from outlearn.results.writing import write_file

__all__ = ["preflight_number_files"]


def preflight_number_files(
    numbers: str | Path,
    texts: str | Path | None = None,
    *,
    columns: LabelColumns | None = None,
    true: str | Path | None = None,
    encoder: Mapping[str, Any] | None = None,
    interval_level: float | None = None,
    level: float = 0.95,
    seed: int = 0,
    label_next: int | None = None,
    aim: str = "error",
    to_label: Path = Path("to_label.csv"),
    gates: Sequence[Gate[NumberPreflight]] = (),
    out: Path | None = None,
    progress: Progress | None = None,
) -> NumberPreflight:
    """Report on labelers' numbers in files; see `read_rated_table` and `preflight_numbers`.

    Returns the report, and writes it below `out` if that is given, with how the thresholds `gates` came out; and the
    points to give true numbers next, if so many are asked for, to the file `to_label`, which must not be there.
    """
    if label_next is not None and to_label.exists():
        raise StoreError(f"{str(to_label)!r} is there, and may hold true numbers. Give another file with --list.")
    show = progress or Silent()
    with show.bar("reading"):
        arrays = texts is not None and is_array_file(texts)
        table = read_rated_table(
            numbers, columns=columns, texts=None if arrays else texts, true=true, interval_level=interval_level
        )
        features = _features(texts, table) if arrays and texts is not None else None
    with nullcontext() if out is None else NUMBER_PREFLIGHTS.claimed(out):
        found = analyse_numbers(
            table, features=features, encoder=encoder, level=level, seed=seed, label_next=label_next, aim=aim,
            progress=show,
        )  # fmt: skip
        if out is not None:
            inputs = {"labels": str(numbers), "texts": None if texts is None else str(texts)}
            NUMBER_PREFLIGHTS.write(
                out, found, inputs=inputs, text=str(found), table=_points(table),
                thresholds=[gate.outcome(found) for gate in gates],
            )  # fmt: skip
        if isinstance(found.next_labels, NumberNextLabels):
            write_file(to_label, _list(found.next_labels, table).encode())
    return found


def _list(drawn: NumberNextLabels, table: RatedTable) -> str:
    """Write the points of known truth first, then those to label."""
    points = (*drawn.known, *drawn.points)
    known = ["" if table.true is None or np.isnan(table.true[at.index]) else str(table.true[at.index]) for at in points]
    strata = strata_of_list(drawn, len(table.numbers.ids), table.true_strata)
    return listed(table.numbers.ids, table.texts, known, [point.index for point in points], strata)


def _features(path: str | Path, table: RatedTable) -> np.ndarray:
    """Read features, a row a point, joined by id where both have ids, else by position."""
    file = read_array(path)
    values = file.values
    check_features(values, InputErrors(file.source, "row"))
    if file.ids is not None and table.has_ids:
        values = values[join_by_id(file.ids, np.array(table.numbers.ids), file.source, table.numbers.source)]
    elif len(values) != len(table.numbers.ids):
        raise AlignmentError(
            f"{file.source}: {len(values)} rows of features for {len(table.numbers.ids)} points of "
            f"{table.numbers.source}. Give one row for each, in the same order."
        )
    return np.asarray(values, dtype=np.float64)


def _points(table: RatedTable) -> Iterator[Sequence[object]]:
    """List the points, those first whose labelers differ most: their mean is a target to train on."""
    values, ids = table.numbers.values, table.numbers.ids
    varied, mean = spread(values), mean_of_known(values)
    yield ["id", "mean", "variance", *table.numbers.names]
    for i in np.argsort(-np.nan_to_num(varied, nan=-1.0), kind="stable").tolist():
        given = ["" if np.isnan(value) else value for value in values[:, i].tolist()]
        of = ["" if np.isnan(value) else value for value in (mean[i].item(), varied[i].item())]
        yield [ids[i], *of, *given]
