"""What `loss: auto` chose, from what, and how good that was: a sentence, a figure and a table.

The criterion saw no true label. That the figure shows accuracy is hindsight, and its words say so.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from outlearn.core.students.criteria import CRITERIA
from outlearn.report.cells import Cell, Column, Table, format_number, point_estimate
from outlearn.report.charts import Axis, Chart, Dots, Mark, Panel, Rule
from outlearn.report.page import Figure
from outlearn.report.style import ROLES, SeriesStyle, series_style
from outlearn.results.run import RunResults
from outlearn.results.selection import Candidate, Selection

__all__ = ["AUTO", "selection_figure", "selection_finding"]

AUTO = "auto"


def selection_finding(results: RunResults) -> str:
    """Say what was chosen and what it cost not to know the labels."""
    selection = results.selection
    if selection is None:
        return ""
    words = (
        f"auto chose {selection.chosen.name} among {len(selection.candidates)} candidates, by the "
        f"{_criterion(selection.criterion)} and without a true label"
    )
    regret = selection.judged.regret
    lost = format_number(regret, "percent")
    if regret <= 0:
        return f"{words}; none of them is more accurate on the test points."
    if float(lost) == 0:
        return f"{words}; none of them is more accurate on the test points by a tenth of a point."
    best = selection.judged.best.name
    return f"{words}; in hindsight {best} is {lost} points more accurate on the test points (one seed, no interval)."


def selection_figure(results: RunResults) -> Figure | None:
    """Show every candidate: the criterion that chose against its accuracy on the test points."""
    selection = results.selection
    if selection is None or not selection.candidates:
        return None
    candidates, accuracy, criterion = selection.candidates, selection.judged.accuracy, _criterion(selection.criterion)
    values = [candidate.values[selection.criterion] for candidate in candidates]
    by_loss: dict[str, list[int]] = {}
    for k, candidate in enumerate(candidates):
        if math.isfinite(values[k]):
            by_loss.setdefault(_kind(candidate), []).append(k)

    def dots(title: str, look: SeriesStyle, which: Sequence[int], size: float) -> Dots:
        hover = [
            f"{candidates[k].name}: {criterion} {format_number(values[k], 'signed')}, "
            f"accuracy {format_number(accuracy[k], 'percent')}%"
            for k in which
        ]
        return Dots(title, look, [values[k] for k in which], [100 * accuracy[k] for k in which], hover=hover, size=size)

    chosen = [k for k, each in enumerate(candidates) if each.name == selection.chosen.name][:1]
    marks: list[Mark] = [dots(loss, series_style(k), which, 7) for k, (loss, which) in enumerate(by_loss.items())]
    if chosen:
        marks.append(dots("chosen", ROLES["ceiling"], chosen, 16))
    teacher = point_estimate(results.teacher.accuracy)
    if teacher is not None:
        marks.append(Rule(ROLES["teacher"], y=100 * teacher))
    judged = selection.judged.by_criterion.get(selection.criterion)
    rho = None if judged is None else point_estimate(judged.rank_correlation)
    told = "cannot be told" if rho is None else f"is {rho:.2f}"
    return Figure(
        "selection",
        "The choice without labels",
        Chart((Panel(Axis(criterion), Axis("accuracy, % (hindsight)"), tuple(marks)),), panel_height=380),
        f"The rank correlation of the {criterion} with accuracy over {len(candidates)} candidates {told} here. "
        f"{selection_finding(results)}",
        "Each mark is one candidate, the mean over its students of all teachers; the dashed line is the mean teacher.",
        _table(selection),
    )


def _table(selection: Selection) -> Table:
    """Show what each criterion would have chosen."""
    best = selection.judged.best
    rows: list[tuple[Cell, ...]] = [
        (_criterion(name), choice.chosen.name, choice.accuracy, choice.rank_correlation)
        for name, choice in selection.judged.by_criterion.items()
    ]
    rows.append(("the best in hindsight", best.name, best.accuracy, None))
    columns = (
        Column("chosen by"),
        Column("candidate"),
        Column("accuracy", "percent"),
        Column("rank correlation", "signed"),
    )
    return Table("What each criterion would have chosen", columns, tuple(rows))


def _criterion(name: str) -> str:
    return CRITERIA[name].label if name in CRITERIA else name


def _kind(candidate: Candidate) -> str:
    kind = str(candidate.loss["kind"])
    return f"{kind}, distilled" if candidate.rounds else kind
