"""The figures of a sweep: who is ahead of the baseline in which setting, and mean ranks with a critical difference."""

from __future__ import annotations

from outlearn.core.across_tasks.ranking import cliques
from outlearn.core.intervals import Interval
from outlearn.report.cells import Cell, Column, Table, count_signs, format_cell, format_number, point_estimate
from outlearn.report.charts import Axis, Chart, Dots, Panel, Rule
from outlearn.report.page import Figure
from outlearn.report.style import ROLES, series_style
from outlearn.report.wording import counted, name_list
from outlearn.results.sweep_comparison import Comparison

__all__ = ["effect_chart", "effect_figure", "rank_chart", "rank_figure"]

MAX_PANELS = 6
ROW = 30  # pixels of a treatment


def effects(comparison: Comparison) -> dict[str, dict[str, Interval]]:
    """Return part -> treatment -> its accuracy minus the baseline's, with the interval for new splits of the task."""
    others = [name for name in comparison.treatments if name != comparison.baseline]
    return {part: {name: comparison.difference(name, part=part) for name in others} for part in comparison.parts}


def effect_chart(comparison: Comparison) -> Chart:
    """Draw accuracy minus the baseline's, a panel a setting or task."""
    panels = []
    for part, found in list(effects(comparison).items())[:MAX_PANELS]:
        marks = []
        for name, estimate in found.items():
            look = series_style(comparison.treatments.index(name))
            low, high = (point_estimate(100 * end) for end in (estimate.low, estimate.high))
            hover = [f"{name}, {part}: {format_cell(estimate, 'points')} points"]
            marks.append(Dots(name, look, [100 * estimate.mean], [name], [low], [high], hover=hover, horizontal=True))
        x = Axis(f"accuracy minus {comparison.baseline}, points")
        panels.append(Panel(x, Axis(categories=tuple(found)), (*marks, Rule(ROLES["gap"], x=0.0)), title=part))
    columns = 2 if len(panels) > 1 else 1
    height = max(160, ROW * (len(comparison.treatments) - 1))
    return Chart(tuple(panels), columns=columns, panel_height=height, share_y=columns > 1, legend=False)


def effect_figure(comparison: Comparison, key: str) -> Figure:
    """Draw who is ahead of the baseline on which task; the caption counts what is told apart from 0."""
    found = effects(comparison)
    every = [estimate for of_part in found.values() for estimate in of_part.values()]
    above, below = count_signs(every)
    finding = (
        f"Of {counted(len(every), 'difference')} to {comparison.baseline}, {above} above 0 and {below} below are "
        "shown; the rest cannot be told apart from 0."
    )
    others = [name for name in comparison.treatments if name != comparison.baseline]
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (name, *(of_part[name] for of_part in found.values())) for name in others
    )
    columns = (Column(comparison.what), *(Column(part, "points") for part in found))
    reasons = {each.reason for each in every if each.reason}
    how = "Intervals are for new splits of the same task. Each panel has its own scale."
    how += f" Some are missing: {'; '.join(sorted(reasons))}." if reasons else ""
    how += f" The first {MAX_PANELS} of {len(found)} are drawn." if len(found) > MAX_PANELS else ""
    title = f"Accuracy against {comparison.baseline}"
    return Figure(key, title, effect_chart(comparison), finding, how, Table(title, columns, rows))


def rank_chart(comparison: Comparison) -> Chart:
    """Draw mean ranks, the best on top, each with half a critical difference to both sides."""
    difference = comparison.critical_difference
    ranks = comparison.mean_ranks
    names = tuple(comparison.treatments[place] for place in ranks.argsort(kind="stable"))
    marks = []
    for name in names:
        place = comparison.treatments.index(name)
        rank = float(ranks[place])
        ends = [None if difference is None else rank + side * difference / 2 for side in (-1, 1)]
        hover = [f"{name}: mean rank {rank:.2f}"]
        marks.append(Dots(name, series_style(place), [rank], [name], ends[:1], ends[1:], hover=hover, horizontal=True))
    panel = Panel(Axis("mean rank by accuracy, 1 is best"), Axis(categories=names), tuple(marks))
    return Chart((panel,), legend=False, panel_height=max(160, ROW * len(names)))


def rank_figure(comparison: Comparison, key: str) -> Figure | None:
    """Draw the mean ranks; None for too few splits to test them."""
    difference, test, pairs = comparison.critical_difference, comparison.friedman, comparison.pairs
    if difference is None or test is None or pairs is None:
        return None
    ranks = comparison.mean_ranks
    order = ranks.argsort(kind="stable")
    apart = abs(ranks[:, None] - ranks[None]) >= difference
    groups = [name_list([comparison.treatments[place] for place in group]) for group in cliques(ranks, apart)]
    finding = (
        f"Over {comparison.n_units} splits, {_differ(test.f_p_value, comparison)} (Friedman's test, F = "
        f"{_finite(test.f_statistic)}, p = {format_p(test.f_p_value)}). Not told apart: {'; '.join(groups) or 'none'}."
    )
    how = (
        f"Two whose bars overlap are not told apart by Nemenyi's test: it needs mean ranks {difference:.2f} apart. "
        f"Wilcoxon's test of pairs, with Holm's correction for {len(ranks) * (len(ranks) - 1) // 2} pairs, is in the "
        f"table; {comparison.n_units} splits can give no p-value below {format_p(pairs.smallest)} before it. Both "
        "speak of new splits of these tasks, and splits share points, so they lean towards telling too much apart."
    )
    best = order[0]
    against = Column(f"p against {comparison.treatments[best]}")
    columns = (Column(comparison.what), Column("mean rank", "ratio"), against)
    p_values = [None if place == best else format_p(float(pairs.adjusted[place, best])) for place in order]
    rows = tuple(
        (comparison.treatments[place], float(ranks[place]), p) for place, p in zip(order, p_values, strict=True)
    )
    title = "Mean ranks and critical difference"
    return Figure(key, title, rank_chart(comparison), finding, how, Table(title, columns, rows))


def format_p(value: float) -> str:
    """Write a p-value.

    Example:
        >>> format_p(0.2), format_p(0.0123), format_p(3e-7)
        ('0.20', '0.012', 'below 0.0001')
    """
    if value < 1e-4:
        return "below 0.0001"
    return f"{value:.2f}" if value >= 0.1 else f"{value:.2g}"


def _differ(p_value: float, comparison: Comparison) -> str:
    rank = "the losses" if comparison.what == "loss" else f"the values of {comparison.what}"
    return f"{rank} do not all rank alike" if p_value < 1 - comparison.level else f"{rank} may all rank alike"


def _finite(value: float) -> str:
    return "infinite" if value == float("inf") else format_number(value, "ratio")
