"""Named losses tuned without true labels, and whether `auto` beats them: a table and a sentence."""

from __future__ import annotations

from outlearn.core.labelers.combinations import COMBINATIONS, EACH
from outlearn.core.verdict import has_interval, is_above_zero, is_below_zero
from outlearn.report.cells import Cell, Column, Table, point_estimate
from outlearn.report.selection import AUTO
from outlearn.report.wording import signed_points, size_in_points
from outlearn.results.run import RunResults
from outlearn.results.selection import TunedBaseline

__all__ = ["hardest_baseline", "tuned_bad_news", "tuned_finding", "tuned_table"]

TITLE = "Losses tuned without true labels: accuracy on the test points"


def tuned_table(results: RunResults) -> Table | None:
    """Show every named loss as configured and tuned, by whose labels it learned, and `auto` against it."""
    baselines = results.tuned_baselines
    if not baselines:
        return None
    sources = tuple(dict.fromkeys(each.source for each in baselines))
    columns = [Column("loss")]
    for source in sources:
        columns += [
            Column(f"{_of(source)}, as configured", "percent"),
            Column(f"{_of(source)}, tuned", "percent"),
            Column("auto minus it", "points"),
        ]
    rows: list[tuple[Cell, ...]] = []
    for loss in dict.fromkeys(each.loss for each in baselines):
        row: list[Cell] = [loss]
        for source in sources:
            found = next((each for each in baselines if (each.loss, each.source) == (loss, source)), None)
            row += [
                _as_configured(results, loss, source),
                None if found is None else found.accuracy,
                None if found is None else found.auto_minus,
            ]
        rows.append(tuple(row))
    note = (
        "Tuned: length and weight decay with the highest accuracy on the labelers' own labels of the validation "
        "points; one seed. Intervals of auto are given the choice."
    )
    return Table(TITLE, tuple(columns), tuple(rows), (note,))


def _as_configured(results: RunResults, loss: str, source: str) -> Cell:
    if loss in results.students and results.students[loss].source == source:
        return results.students[loss].accuracy
    control = results.controls.student_of_mean
    return control[loss].accuracy if source == "mean" and loss in control else None


def hardest_baseline(results: RunResults) -> TunedBaseline | None:
    """Return the tuned baseline that comes nearest to `auto`, or is farthest above it."""
    compared = [each for each in results.tuned_baselines if point_estimate(each.auto_minus) is not None]
    return min(compared, key=lambda each: point_estimate(each.auto_minus) or 0.0, default=None)


def tuned_finding(results: RunResults) -> str:
    """Say so where `auto` beats each of them: then it beats the best, whichever that is."""
    hardest = hardest_baseline(results)
    if hardest is None or not all(is_above_zero(each.auto_minus) for each in results.tuned_baselines):
        return ""
    return (
        f"{AUTO} beats each of {len(results.tuned_baselines)} losses tuned without true labels, {_name(hardest)} by "
        f"{size_in_points(hardest.auto_minus)}, given the choice."
    )


def tuned_bad_news(results: RunResults) -> list[str]:
    """Say which tuned baseline beats `auto`, or is not shown to be beaten."""
    hardest = hardest_baseline(results)
    if hardest is None or tuned_finding(results):
        return []
    versus, of = hardest.auto_minus, f"of {len(results.tuned_baselines)} tuned baselines the nearest to it"
    if is_below_zero(versus):
        return [f"{_name(hardest)} beats {AUTO} by {size_in_points(versus)}"]
    if has_interval(versus) and is_above_zero(versus):
        other = next(each for each in results.tuned_baselines if not is_above_zero(each.auto_minus))
        return [f"{AUTO} is not shown to beat {_name(other)}"]
    return [f"{AUTO} is not shown to beat {_name(hardest)} ({signed_points(versus)}; {of})"]


def _name(baseline: TunedBaseline) -> str:
    return f"{baseline.loss} tuned on {_of(baseline.source)}"


def _of(source: str) -> str:
    if source == EACH:
        return "each teacher"
    return f"the {COMBINATIONS[source].label}" if source in COMBINATIONS else f"the {source}"
