"""The path of training: accuracy, misfit, overfit covariance and entropy at every recorded epoch, as results.json has
them, without intervals; so the caption says what was seen and claims no more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from outlearn.report.cells import Kind, estimate_of, format_number
from outlearn.report.charts import Axis, Chart, Line, Panel
from outlearn.report.score_figures import Drawn, drawn
from outlearn.report.style import series_style
from outlearn.report.tables import loss_names, path_table, risk_unit
from outlearn.report.wording import of_losses

__all__ = ["path_figure"]

Path = Sequence[Mapping[str, Any]]


def path_figure(results: Mapping[str, Any]) -> Drawn | None:
    """Show four measures of each loss along training; None where only the end was recorded."""
    losses = loss_names(results)
    paths: dict[str, Path] = {loss: results["students"][loss].get("path") or [] for loss in losses}
    if max((len(path) for path in paths.values()), default=0) < 2:
        return None
    unit = risk_unit(results)
    shown: tuple[tuple[str, str, Kind], ...] = (
        ("accuracy", "accuracy, %", "percent"),
        ("misfit", f"misfit, {unit}", "nats"),
        ("overfit_covariance", f"overfit covariance, {unit}", "signed"),
        ("entropy", "entropy, nats", "nats"),
    )
    # Ticks are the epochs of the losses that were recorded most often; the length that `auto` chose lies between them.
    most = max(len(path) for path in paths.values())
    epochs = tuple(sorted({_epoch(entry) for path in paths.values() if len(path) == most for entry in path}))
    logarithmic = min(_epoch(entry) for path in paths.values() for entry in path) > 0
    panels = []
    for key, title, kind in shown:
        lines = tuple(_line(loss, k, paths[loss], key, title, kind) for k, loss in enumerate(losses))
        if any(value is not None for line in lines for value in line.y):
            panels.append(Panel(Axis("epoch", log=logarithmic, ticks=epochs), Axis(title), lines))
    chart = Chart(tuple(panels), columns=2, panel_height=260)
    return drawn("path", "Along training", chart, _finding(paths), path_table(results))


def _line(loss: str, place: int, path: Path, key: str, title: str, kind: Kind) -> Line:
    scale = 100 if kind == "percent" else 1
    values = [estimate_of(entry.get(key)).mean for entry in path]
    measure = title.split(",")[0]
    return Line(
        loss,
        series_style(place),
        [_epoch(entry) for entry in path],
        [None if value is None else scale * value for value in values],
        [
            f"{loss}, epoch {_epoch(entry):g}: {measure} {format_number(value, kind)}"
            for entry, value in zip(path, values, strict=True)
        ],
    )


def _epoch(entry: Mapping[str, Any]) -> float:
    return estimate_of(entry.get("epoch")).mean or 0.0


def _finding(paths: Mapping[str, Path]) -> str:
    long = {loss: path for loss, path in paths.items() if len(path) > 1}
    past = sum(map(_past_best, long.values()))
    best = f"an earlier recorded epoch is more accurate than the last with {of_losses(past, len(long))}"
    rises = [rise for path in long.values() if (rise := _rise(path)) is not None]
    if not rises:
        return f"As seen, without intervals: {best}. The overfit covariance was not measured."
    rising = sum(rise > 0 for rise in rises)
    return (
        "As seen, without intervals: from the first to the last recorded epoch the overfit covariance rises with "
        f"{of_losses(rising, len(rises))}; {best}."
    )


def _rise(path: Path) -> float | None:
    first, last = (estimate_of(entry.get("overfit_covariance")).mean for entry in (path[0], path[-1]))
    return None if first is None or last is None else last - first


def _past_best(path: Path) -> bool:
    values = [value for entry in path if (value := estimate_of(entry.get("accuracy")).mean) is not None]
    return len(values) > 1 and values[-1] < max(values)
