"""Figures of labels before anything is trained: what votes are worth, and how many true labels tell how much."""

from __future__ import annotations

import math

from outlearn.core.text import counted
from outlearn.report.blocks import Figure
from outlearn.report.cells import Column, Table, format_number
from outlearn.report.charts import Axis, Chart, Line, Mark, Panel, Rule
from outlearn.report.style import ROLES
from outlearn.results.measurement import Withheld
from outlearn.results.next_labels import AIMS, NextLabels
from outlearn.results.preflight import Preflight
from outlearn.results.preflight_noise import VoteCurvePoint

__all__ = ["vote_figure", "width_figure"]


def vote_figure(found: Preflight) -> Figure | None:
    """Show how often a vote gives the shared answer by its size, and the student beside it; None for one labeler."""
    curve = [at for at in found.vote_curve if at.n_labelers % 2]
    if not curve:
        return None
    sizes = [float(at.n_labelers) for at in curve]
    marks: list[Mark] = [_votes("vote of labelers", curve, [at.accuracy for at in curve], "teacher")]
    if not math.isnan(curve[0].least):
        marks.append(_votes("vote of labelers, at least", curve, [at.least for at in curve], "ensemble"))
    student = None if found.student is None else found.student.accuracy
    drawn = student is not None and not math.isnan(student.mean)
    if student is not None and drawn:
        level = 100 * min(student.mean, 1.0)
        text = f"student of these labels: {level:.1f}%"
        marks += [Line("student", ROLES["student"], [sizes[0], sizes[-1]], [level, level], [text, text], markers=False)]
    rows = tuple(
        (counted(at.n_labelers, "labeler"), at.accuracy, None if math.isnan(at.least) else at.least) for at in curve
    )
    most = curve[-1]
    finding = (
        f"One labeler gives the shared answer {format_number(curve[0].accuracy, 'percent')}% of the time, a vote of "
        f"{most.n_labelers} {format_number(most.accuracy, 'percent')}%"
    )
    if student is not None and drawn:
        finding += f", the student {format_number(min(student.mean, 1.0), 'percent')}%"
    model = found.noise.reason if isinstance(found.noise, Withheld) else found.noise.short
    return Figure(
        "votes",
        "What more labelers would bring",
        Chart(
            (Panel(Axis("labelers in the vote", ticks=tuple(sizes)), Axis("gives the shared answer, %"), tuple(marks)),)
        ),
        f"{finding}.",
        f"Under the model of noise that was used: {model}; extrapolated beyond "
        f"{counted(len(found.labelers), 'labeler')}. The shared answer may itself be wrong: true labels tell.",
        Table(
            "What votes give",
            (Column("vote of"), Column("shared answer", "percent"), Column("at least", "percent")),
            rows,
        ),
    )


def _votes(name: str, curve: list[VoteCurvePoint], shares: list[float], role: str) -> Line:
    hover = [f"{name}, {at.n_labelers}: {100 * share:.1f}%" for at, share in zip(curve, shares, strict=True)]
    return Line(name, ROLES[role], [float(at.n_labelers) for at in curve], [100 * share for share in shares], hover)


def width_figure(drawn: NextLabels) -> Figure:
    """Show how narrow the interval is expected to be by the number of true labels, drawn in both ways."""
    numbers = [float(at.n_labels) for at in drawn.widths]
    ways = {
        "drawn at random": ("teacher", [100 * at.random for at in drawn.widths]),
        "drawn by strata": ("student", [100 * at.by_strata for at in drawn.widths]),
    }
    lines = tuple(
        Line(
            name,
            ROLES[role],
            numbers,
            halves,
            [f"{name}, {n:,.0f}: ± {half:.1f} points" for n, half in zip(numbers, halves, strict=True)],
        )
        for name, (role, halves) in ways.items()
    )
    ceiling = Rule(ROLES["gap"], y=0.0)
    return Figure(
        "widths",
        "How many true labels tell how much",
        Chart(
            (Panel(Axis("true labels", log=True, ticks=tuple(numbers)), Axis("interval ±, points"), (*lines, ceiling)),)
        ),
        drawn.sentence,
        f"Expected for {AIMS[drawn.aim]}, by simulation on this table, truth drawn from what labels and students say.",
        Table(
            "Interval to expect, ± points",
            (Column("true labels", "count"), Column("by strata", "percent"), Column("at random", "percent")),
            tuple((at.n_labels, at.by_strata, at.random) for at in drawn.widths),
        ),
    )
