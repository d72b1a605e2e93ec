"""The figures of a sweep: who is ahead of the baseline in which setting, and mean ranks."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from outlearn.core.across_tasks.ranking import cliques
from outlearn.core.intervals import Interval
from outlearn.core.text import counted
from outlearn.core.verdict import count_signs, has_interval
from outlearn.report.blocks import Figure
from outlearn.report.cells import Cell, Column, Table, format_cell, point_estimate
from outlearn.report.charts import Axis, Chart, Dots, Panel, Rule
from outlearn.report.style import ROLES, series_style
from outlearn.report.wording import name_list, rest_in_words
from outlearn.results.sweep_comparison import MINIMUM_UNITS, Comparison

__all__ = ["effect_chart", "effect_figure", "overall_chart", "rank_chart", "rank_figure"]

MAX_PANELS = 6
ROW = 30  # pixels of a treatment


def effects(comparison: Comparison) -> dict[str, dict[str, Interval]]:
    """Return part -> treatment -> its accuracy minus the baseline's, with the interval for new splits of the task."""
    others = [name for name in comparison.treatments if name != comparison.baseline]
    return {part: {name: comparison.difference(name, part=part) for name in others} for part in comparison.parts}


def effect_chart(comparison: Comparison) -> Chart:
    """Draw accuracy minus the baseline's, a panel a setting or task, all on one scale."""
    shown = dict(list(effects(comparison).items())[:MAX_PANELS])
    limits = _limits([estimate for found in shown.values() for estimate in found.values()])
    panels = tuple(_effect_panel(comparison, found, limits, part) for part, found in shown.items())
    return Chart(panels, columns=min(2, len(panels)), panel_height=_height(comparison), legend=False)


def overall_chart(comparison: Comparison) -> Chart:
    """Draw accuracy minus the baseline's over all tasks."""
    found = {name: comparison.difference(name) for name in comparison.treatments if name != comparison.baseline}
    panel = _effect_panel(comparison, found, _limits(list(found.values())), "")
    return Chart((panel,), panel_height=_height(comparison), legend=False)


def _height(comparison: Comparison) -> int:
    return max(90, ROW * (len(comparison.treatments) - 1))


def _effect_panel(
    comparison: Comparison, found: Mapping[str, Interval], limits: tuple[float, float], part: str
) -> Panel:
    marks = []
    for name, estimate in found.items():
        look = series_style(comparison.treatments.index(name))
        low, high = (point_estimate(100 * end) for end in (estimate.low, estimate.high))
        hover = [f"{', '.join(filter(None, (name, part)))}: {format_cell(estimate, 'points')} points"]
        marks.append(Dots(name, look, [100 * estimate.mean], [name], [low], [high], hover=hover, horizontal=True))
    x = Axis(f"accuracy minus {comparison.named(comparison.baseline)}, points", limits=limits)
    return Panel(x, Axis(categories=tuple(found)), (*marks, Rule(ROLES["gap"], x=0.0)), title=part)


def _limits(shown: Sequence[Interval]) -> tuple[float, float]:
    """Return one scale for all panels: every mean, every end and 0, with some room."""
    ends = [100 * end for each in shown for end in (each.mean, each.low, each.high) if math.isfinite(end)]
    low, high = min([0.0, *ends]), max([0.0, *ends])
    room = 0.05 * (high - low) or 1.0
    return low - room, high + room


def effect_figure(comparison: Comparison, key: str) -> Figure:
    """Draw who is ahead of the baseline on which task; the caption counts what is told apart from 0."""
    found = effects(comparison)
    every = [estimate for of_part in found.values() for estimate in of_part.values()]
    above, below = count_signs(every)
    rest = rest_in_words(every)
    finding = (
        f"Of {counted(len(every), 'difference')} to {comparison.named(comparison.baseline)}, {above} shown to be above "
        f"0 and {below} below{f'; {rest}' if rest else ''} (each for itself)."
    )
    others = [name for name in comparison.treatments if name != comparison.baseline]
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (name, *(of_part[name] for of_part in found.values())) for name in others
    )
    columns = (Column(comparison.what), *(Column(part, "points") for part in found))
    reasons = {each.reason for each in every if each.reason}
    how = "Intervals are for new splits of the same task. All panels have one scale."
    how += f" Some are missing: {'; '.join(sorted(reasons))}." if reasons else ""
    how += f" The first {MAX_PANELS} of {len(found)} are drawn." if len(found) > MAX_PANELS else ""
    title = f"Accuracy against {comparison.named(comparison.baseline)}"
    return Figure(key, title, effect_chart(comparison), finding, how, Table(title, columns, rows))


def rank_chart(comparison: Comparison) -> Chart:
    """Draw mean ranks, the best on top."""
    ranks = comparison.mean_ranks
    names = tuple(comparison.treatments[place] for place in ranks.argsort(kind="stable"))
    marks = []
    for name in names:
        place = comparison.treatments.index(name)
        rank = float(ranks[place])
        hover = [f"{name}: mean rank {rank:.2f}"]
        marks.append(Dots(name, series_style(place), [rank], [name], hover=hover, horizontal=True))
    panel = Panel(Axis("mean rank by accuracy, 1 is best"), Axis(categories=names), tuple(marks))
    return Chart((panel,), legend=False, panel_height=max(90, ROW * len(names)))


def rank_figure(comparison: Comparison, key: str) -> Figure | None:
    """Draw the mean ranks, and say by intervals who is not told apart; None for too few splits."""
    if comparison.n_units < MINIMUM_UNITS:
        return None
    ranks = comparison.mean_ranks
    order = ranks.argsort(kind="stable").tolist()
    best = comparison.treatments[order[0]]
    first, second = comparison.treatments[:2]
    if has_interval(comparison.difference(first, against=second)):  # all pairs have one, or none
        groups = [name_list([comparison.treatments[k] for k in group]) for group in cliques(ranks, comparison.apart)]
        equal = f"Not told apart by the intervals of their differences: {'; '.join(groups)}."
        said = equal if groups else "Every two are told apart by the interval of their difference."
    else:
        said = "Who is told apart is not said: the differences have no interval."
    finding = f"Over {counted(comparison.n_units, 'split')}, {best} ranks best by accuracy. {said}"
    how = (
        "Ranks describe these splits. Who is better is decided by the interval of the paired difference alone, each "
        "for itself, here as in the figures and tables above."
    )
    against = Column(f"minus {best}", "points")
    columns = (Column(comparison.what), Column("mean rank", "ratio"), against)
    rows = tuple(
        (name, float(ranks[place]), None if name == best else comparison.difference(name, against=best))
        for place in order
        for name in (comparison.treatments[place],)
    )
    title = f"Mean ranks by {comparison.what}"
    return Figure(key, title, rank_chart(comparison), finding, how, Table(title, columns, rows))
