"""What `loss: auto` chose, from what, and how good that was: a sentence, a figure and a table, from results.json alone.

The criterion saw no true label. That the figure shows accuracy is hindsight, and its words say so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from outlearn.report.cells import Column, Table, format_number
from outlearn.report.charts import Axis, Chart, Dots, Panel, Rule
from outlearn.report.score_figures import Drawn, drawn
from outlearn.report.style import ROLES, series_style

__all__ = ["AUTO", "chosen_name", "selection_figure", "selection_finding"]

AUTO = "auto"
CRITERIA = {
    "consensus": "consensus of kappas",
    "crossed_kappa": "kappa with other teachers",
    "student_kappa": "kappa between students",
    "crossed_misfit": "crossed misfit",
    "overfit_covariance": "overfit covariance",
    "weak_label_validation": "loss on held-out weak labels",
}
Results = Mapping[str, Any]


def chosen_name(results: Results) -> str:
    """Name the candidate that was chosen, or return an empty string where nothing was."""
    return str(((results.get("selection") or {}).get("chosen") or {}).get("name") or "")


def selection_finding(results: Results) -> str:
    """Say what was chosen and what it cost not to know the labels."""
    selection = results.get("selection") or {}
    judged = selection.get("judged") or {}
    if not chosen_name(results) or not judged:
        return ""
    words = (
        f"auto chose {chosen_name(results)} among {len(selection['candidates'])} candidates, by the "
        f"{_criterion(selection)} and without a true label"
    )
    lost = format_number(judged["regret"], "percent")
    best = (judged.get("best") or {}).get("name", "another")
    if judged["regret"] <= 0:
        return f"{words}; none of them is more accurate on the test points."
    if float(lost) == 0:
        return f"{words}; none of them is more accurate on the test points by a tenth of a point."
    return f"{words}; in hindsight {best} is {lost} points more accurate on the test points (one seed, no interval)."


def selection_figure(results: Results) -> Drawn | None:
    """Show every candidate: the criterion that chose against its accuracy on the test points."""
    selection = results.get("selection") or {}
    judged = selection.get("judged") or {}
    candidates: Sequence[Mapping[str, Any]] = selection.get("candidates") or ()
    if not candidates or not judged:
        return None
    name = str(selection["criterion"])
    by_loss: dict[str, list[int]] = {}
    for k, candidate in enumerate(candidates):
        if candidate["values"].get(name) is not None:
            by_loss.setdefault(_kind(candidate), []).append(k)

    def hover(k: int) -> str:
        value = format_number(candidates[k]["values"][name], "signed")
        return f"{candidates[k]['name']}: {_criterion(selection)} {value}, accuracy {_percent(judged, k)}%"

    def dots(title: str, place: int, which: Sequence[int], size: float) -> Dots:
        look = ROLES["ceiling"] if place < 0 else series_style(place)
        x, y = [candidates[k]["values"][name] for k in which], [100 * judged["accuracy"][k] for k in which]
        return Dots(title, look, x, y, hover=[hover(k) for k in which], size=size)

    chosen = next((k for k, each in enumerate(candidates) if each["name"] == chosen_name(results)), None)
    marks = [dots(loss, place, which, 7) for place, (loss, which) in enumerate(by_loss.items())]
    if chosen is not None:
        marks.append(dots("chosen", -1, [chosen], 16))
    teacher = results["teacher"]["accuracy"]["mean"]
    panel = Panel(
        Axis(_criterion(selection)),
        Axis("accuracy, % (hindsight)"),
        (*marks, *(() if teacher is None else (Rule(ROLES["teacher"], y=100 * teacher),))),
    )
    return drawn(
        "selection",
        "The choice without labels",
        Chart((panel,), panel_height=380),
        _figure_finding(results),
        _table(results),
        "Each mark is one candidate, the mean over its students of all teachers; the dashed line is the mean teacher.",
    )


def _figure_finding(results: Results) -> str:
    selection = results["selection"]
    by = selection["judged"].get("by_criterion") or {}
    rho = (by.get(selection["criterion"]) or {}).get("rank_correlation")
    told = "cannot be told" if rho is None else f"is {rho:.2f}"
    return (
        f"The rank correlation of the {_criterion(selection)} with accuracy over {len(selection['candidates'])} "
        f"candidates {told} here. {selection_finding(results)}"
    )


def _table(results: Results) -> Table:
    """Show what each criterion would have chosen."""
    judged = results["selection"]["judged"]
    rows = [
        (CRITERIA.get(name, name), record["chosen"]["name"], record["accuracy"], record["rank_correlation"])
        for name, record in judged["by_criterion"].items()
    ]
    rows.append(("the best in hindsight", judged["best"]["name"], judged["best"]["accuracy"], None))
    columns = (
        Column("chosen by"),
        Column("candidate"),
        Column("accuracy", "percent"),
        Column("rank correlation", "signed"),
    )
    return Table("What each criterion would have chosen", columns, tuple(rows))


def _criterion(selection: Results) -> str:
    return CRITERIA.get(str(selection["criterion"]), str(selection["criterion"]))


def _kind(candidate: Mapping[str, Any]) -> str:
    loss = candidate["loss"]
    kind = str(loss.get("kind")) if isinstance(loss, Mapping) else str(loss)
    return f"{kind}, distilled" if candidate.get("rounds") else kind


def _percent(judged: Results, k: int) -> str:
    return format_number(judged["accuracy"][k], "percent")
