"""Make a task whose label is a number: which strata splits keep in proportion, and what raters said."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from jaxtyping import Float, Int64

from outlearn.data.input_errors import InputErrors
from outlearn.data.interval_columns import find_interval_columns, read_intervals
from outlearn.data.label_table import UNLABELED
from outlearn.data.number_table import NumberTable
from outlearn.data.raw_table import RawTable
from outlearn.data.read_numbers import LARGEST, read_numbers, read_ratings
from outlearn.data.task import Task, make_task
from outlearn.errors import DataError

__all__ = ["make_number_task", "number_task_from_table", "strata_of"]

# As many as keep the shape of a distribution, and few enough for splits of a hundred points.
N_STRATA = 5
LEAST_OF_STRATUM = 10  # points; with fewer labels there are fewer strata


def make_number_task(
    *,
    name: str,
    numbers: Float[np.ndarray, " points"],
    ratings: Float[np.ndarray, "points raters"] | None = None,
    strata: Int64[np.ndarray, " points"] | None = None,
    stratum_names: Sequence[str] = (),
    **parts: Any,
) -> Task:
    """Check the parts of a regression task and freeze them.

    Args:
        name: what tables call it.
        numbers: the target, nan where it is not known.
        ratings: what each rater said, nan at a gap: the target is then their mean.
        strata, stratum_names: what splits and draws keep in proportion; fifths of the numbers if None.
        parts: as for `make_task`: texts or features, ids, groups, assigned, source, licence, notes.

    Raises:
        DataError: names every problem found, one a line.

    Examples:
        >>> task = make_number_task(name="toy", numbers=np.arange(60.0), texts=[f"word {i}" for i in range(60)])
        >>> task.kind, task.class_names[0], task.labels[:3].tolist()
        ('regression', '0 to 11.8', [0, 0, 0])
    """
    values = np.asarray(numbers, dtype=np.float64)
    if strata is None:
        strata, stratum_names = strata_of(values, name)
    return make_task(
        name=name,
        kind="regression",
        class_names=stratum_names,
        labels=np.where(np.isnan(values), UNLABELED, strata),
        numbers=values,
        ratings=ratings,
        **parts,
    )


def strata_of(numbers: Float[np.ndarray, " points"], name: str) -> tuple[Int64[np.ndarray, " points"], list[str]]:
    """Cut numbers into fifths, or fewer parts where there are few; a number without a value is in none, -1.

    Raises:
        DataError: if all numbers are the same, or none is known.
    """
    known = numbers[~np.isnan(numbers)]
    if not len(known):
        raise DataError(f"task {name!r}: no point has a number, and so there is nothing to learn or to test on.")
    if known.min() == known.max():
        raise DataError(
            f"task {name!r}: every number is {known[0]:g}: a constant target leaves nothing to learn. Is the label "
            "column the right one?"
        )
    spread, size = float(known.max() - known.min()), float(np.abs(known).max())
    if not (size <= LARGEST and spread >= 1 / LARGEST):
        raise DataError(
            f"task {name!r}: numbers are up to {size:.3g} in size and {spread:.3g} apart, so that their squares are "
            f"too large or too small to compute with. Give them in another unit: at most {LARGEST:g}, and as different "
            f"as {1 / LARGEST:g} or more."
        )
    parts = int(np.clip(len(known) // LEAST_OF_STRATUM, 2, N_STRATA))
    cuts = np.unique(np.quantile(known, np.arange(1, parts) / parts))
    cuts = cuts[cuts > known.min()]
    if not len(cuts):  # most numbers are the least: what is above it is the other part
        cuts = np.array([known[known > known.min()].min()])
    strata = np.where(np.isnan(numbers), UNLABELED, np.searchsorted(cuts, numbers, side="right"))
    ends = [known.min(), *cuts, known.max()]
    names = [f"{low:.4g} to {high:.4g}" for low, high in pairwise(ends)]
    return strata.astype(np.int64), _different(names)


def _different(names: list[str]) -> list[str]:
    """Tell apart strata whose ends are written alike."""
    return names if len(set(names)) == len(names) else [f"{k + 1}: {name}" for k, name in enumerate(names)]


def number_task_from_table(
    table: RawTable,
    label: str,
    labelers: Sequence[str],
    errors: InputErrors,
    parts: dict[str, Any],
    *,
    interval_level: float | None = None,
) -> Task:
    """Build a regression task from the column of its numbers, those of weak ones, and their intervals at this level.

    Raises:
        DataError: names every problem, up to ten: file, line, column, what came, what to do.
    """
    numbers, ratings = read_ratings(table, label, errors)
    weak = None
    if labelers:
        ids = parts["ids"]
        values = np.stack([read_numbers(table, column, errors) for column in labelers])
        names = tuple(map(str, range(len(table)))) if ids is None else tuple(ids)
        intervals = None
        if interval_level is not None:
            found = find_interval_columns([name for name in table.columns if name not in labelers], labelers)
            intervals = read_intervals(table, labelers, values, found, interval_level, errors)
        weak = NumberTable(tuple(labelers), values, names, table.source, intervals=intervals)
    errors.raise_if_any()
    missing = int(np.isnan(numbers).sum())
    notes = list(parts.pop("notes"))
    if missing:
        notes.append(f"{missing:,} of {len(table):,} points have no number: students alone learn from them.")
    if ratings is not None and np.isnan(ratings[~np.isnan(numbers)]).any():
        notes.append(
            "Raters leave points out: the target is the mean of those who rated, and their noise is not told apart "
            "from bias."
        )
    return make_number_task(numbers=numbers, ratings=ratings, weak_labels=weak, notes=notes, **parts)
