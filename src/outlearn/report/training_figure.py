"""The path of training: accuracy, misfit, overfit covariance and entropy at every recorded epoch, of numbers the risk
in place of the accuracy; measured without intervals, so the caption says what was seen and claims no more."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, TypeAlias

from outlearn.report.blocks import Figure
from outlearn.report.cells import Kind, format_number, point_estimate
from outlearn.report.charts import Axis, Chart, Line, Panel
from outlearn.report.style import SeriesStyle, series_style
from outlearn.report.tables import path_table
from outlearn.report.wording import of_losses
from outlearn.results.numbers import NumberPathPoint, NumberResults
from outlearn.results.run import PathPoint, RunResults

__all__ = ["path_figure"]

Path: TypeAlias = Sequence[PathPoint] | Sequence[NumberPathPoint]
Measures: TypeAlias = Mapping[str, tuple[Kind, Callable[[Any], float]]]


def path_figure(results: RunResults | NumberResults, losses: Collection[str]) -> Figure | None:
    """Show four measures of some losses along training; None where only the end was recorded."""
    # A student that was recorded once has no path; the epochs of `auto` are those of many members together.
    paths: dict[str, Path] = {
        loss: each.path for loss, each in results.students.items() if loss in losses and len(each.path) > 1
    }
    if not paths:
        return None
    unit, every = results.measure.unit, tuple(results.students)
    longest = max(map(len, paths.values()))
    ticks = tuple(sorted({at.epoch for path in paths.values() if len(path) == longest for at in path}))
    epochs = Axis("epoch", log=min(at.epoch for path in paths.values() for at in path) > 0, ticks=ticks)
    panels = []
    for title, (kind, measure) in (
        _of_numbers(unit) if isinstance(results, NumberResults) else _of_classes(unit)
    ).items():
        lines = tuple(
            _line(loss, series_style(every.index(loss)), path, [measure(at) for at in path], title, kind)
            for loss, path in paths.items()
        )
        if any(value is not None for line in lines for value in line.y):
            panels.append(Panel(epochs, Axis(title), lines))
    chart = Chart(tuple(panels), columns=2, panel_height=260)
    return Figure("path", "Along training", chart, _finding(paths), table=path_table(results, paths))


def _of_classes(unit: str) -> Measures:
    return {
        "accuracy, %": ("percent", lambda at: at.accuracy),
        f"misfit, {unit}": ("nats", lambda at: at.misfit),
        f"overfit covariance, {unit}": ("signed", lambda at: at.overfit_covariance),
        "entropy, nats": ("nats", lambda at: at.entropy),
    }


def _of_numbers(unit: str) -> Measures:
    return {
        f"risk, {unit}": ("number", lambda at: at.risk),
        f"misfit, {unit}": ("number", lambda at: at.misfit),
        f"overfit covariance, {unit}": ("signed_number", lambda at: at.overfit_covariance),
        "concordance with the own teacher": ("ratio", lambda at: at.concordance),
    }


def _line(loss: str, look: SeriesStyle, path: Path, values: Sequence[float], title: str, kind: Kind) -> Line:
    scale = 100 if kind == "percent" else 1
    known = [point_estimate(value) for value in values]
    measure = title.split(",")[0]
    epochs = [at.epoch for at in path]
    hover = [
        f"{loss}, epoch {epoch:g}: {measure} {format_number(value, kind)}"
        for epoch, value in zip(epochs, known, strict=True)
    ]
    return Line(loss, look, epochs, [None if value is None else scale * value for value in known], hover)


def _finding(paths: Mapping[str, Path]) -> str:
    past = sum(map(_past_best, paths.values()))
    numbers = any(isinstance(path[0], NumberPathPoint) for path in paths.values())
    better = "has less risk" if numbers else "is more accurate"
    best = f"an earlier recorded epoch {better} than the last with {of_losses(past, len(paths))}"
    ends = [(path[0].overfit_covariance, path[-1].overfit_covariance) for path in paths.values()]
    rises = [last - first for first, last in ends if math.isfinite(last - first)]
    if not rises:
        return f"As seen, without intervals: {best}. The overfit covariance was not measured."
    rising = sum(rise > 0 for rise in rises)
    return (
        "As seen, without intervals: from the first to the last recorded epoch the overfit covariance rises with "
        f"{of_losses(rising, len(rises))}; {best}."
    )


def _past_best(path: Path) -> bool:
    scores = [-at.risk if isinstance(at, NumberPathPoint) else at.accuracy for at in path]
    values = [score for score in scores if math.isfinite(score)]
    return len(values) > 1 and values[-1] < max(values)
