"""The ladder of a sweep on its page: students from the smallest to the largest, under each kind of teachers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from outlearn.core.intervals import Interval, level_in_words
from outlearn.core.text import counted
from outlearn.core.verdict import count_signs, has_interval, is_above_zero, is_below_zero
from outlearn.report.blocks import Figure, Section, TableBlock
from outlearn.report.cells import Cell, Column, Kind, Table, format_cell, point_estimate
from outlearn.report.charts import Axis, Chart, Dots, Heat, Panel, Rule
from outlearn.report.style import ROLES, series_style
from outlearn.report.wording import name_list, rest_in_words
from outlearn.results.ladder import Ladder, Rung
from outlearn.results.measurement import Measurement

__all__ = ["ladder_charts", "ladder_findings", "ladder_section"]

ROW = 13  # pixels of a kind of teachers, in the row of a student
SPREAD = 0.7  # of a row, which its kinds of teachers share
PGR_LIMITS = (-1.0, 1.5)  # Fieller's intervals may go very far


def ladder_section(ladder: Ladder) -> Section:
    """Return the section: the picture for each loss, the matrix of weak and strong, and the tables behind them."""
    blocks: list[Figure | TableBlock] = []
    for loss in ladder.losses:
        blocks += [_ladder_figure(ladder, loss), _matrix_figure(ladder, loss)]
    lead = (
        f"Students by {ladder.key}, from the smallest to the largest as the sweep lists them. The mean of the others "
        f"is the {ladder.mean} mean of all teachers but a student's own; {ladder.misfit} is the distance to its own. "
        f"Intervals ({level_in_words(ladder.level)}, each for itself) are for new splits of the same points."
    )
    return Section("ladder", "From the smallest student to the largest", tuple(blocks), lead)


def ladder_charts(ladder: Ladder) -> dict[str, Chart]:
    """Return the charts, for a paper: a ladder and a matrix for each loss."""
    charts: dict[str, Chart] = {}
    for loss in ladder.losses:
        charts |= {f"ladder-{loss}": _ladder_chart(ladder, loss), f"matrix-{loss}": _matrix_chart(ladder, loss)}
    return charts


def ladder_findings(ladder: Ladder) -> tuple[str, ...]:
    """Say what changes from the smallest student to the largest, of the first loss; a direction only where shown."""
    loss, (first, last) = ladder.losses[0], (ladder.students[0], ladder.students[-1])
    kinds = ladder.teachers_of(loss)
    changes = {kind: ladder.difference(loss, kind, last, first) for kind in kinds}
    said = [
        _moved(
            {kind: change.distance_to_others for kind, change in changes.items()}, last, first, "the mean of the others"
        ),
        _moved({kind: change.misfit for kind, change in changes.items()}, last, first, "its own teacher"),
        _both(changes),
        _steps(ladder, loss, kinds),
        _residuals(ladder, loss, kinds),
    ]
    return tuple(f"{loss}: {sentence}" for sentence in said if sentence)


def _moved(changes: dict[str, Measurement], last: str, first: str, what: str) -> str:
    """Say under which teachers the largest students are nearer to something than the smallest."""
    nearer = [_change(kind, each) for kind, each in changes.items() if is_below_zero(each)]
    farther = [_change(kind, each) for kind, each in changes.items() if is_above_zero(each)]
    clauses = [f"nearer to {what} than {first} under {name_list(nearer)}"] if nearer else []
    clauses += [f"farther from {'it' if nearer else what} under {name_list(farther)}"] if farther else []
    if not clauses:
        return f"{last} is not shown to be nearer to {what} than {first}, nor farther, under any teachers."
    rest = rest_in_words(changes.values())
    return f"{last} is {'; '.join(clauses)}{f'; {rest}' if rest else ''}."


def _change(kind: str, change: Measurement) -> str:
    return f"{kind} ({format_cell(change, 'signed')})"


def _both(changes: dict[str, Rung]) -> str:
    """Warn where the distance to the own teacher falls as well."""
    both = [
        kind
        for kind, change in changes.items()
        if is_below_zero(change.distance_to_others) and is_below_zero(change.misfit)
    ]
    if not both:
        return ""
    return (
        f"under {name_list(both)} students come nearer to their own teachers too: a better fit may be all that it is."
    )


def _steps(ladder: Ladder, loss: str, kinds: Sequence[str]) -> str:
    """Count the steps between neighbours on the ladder."""
    pairs = list(zip(ladder.students, ladder.students[1:], strict=False))
    steps = [ladder.difference(loss, kind, up, low).distance_to_others for kind in kinds for low, up in pairs]
    above, below = count_signs(steps)
    rest = rest_in_words(steps)
    return (
        f"of {counted(len(steps), 'step')} between neighbours, {below} are shown to bring students nearer to the mean "
        f"of the others and {above} to take them away{f'; {rest}' if rest else ''}."
    )


def _residuals(ladder: Ladder, loss: str, kinds: Sequence[str]) -> str:
    residuals = [ladder.rungs[loss, kind, student].residual for kind in kinds for student in ladder.students]
    above, below = count_signs(residuals)
    if not any(map(has_interval, residuals)):
        return ""
    return (
        f"the residual is told apart from 0 in {above + below} of {len(residuals)} settings (above it in {above}, "
        f"below in {below}): there the gain is not the misfit."
    )


_MEASURES: tuple[tuple[str, str, Kind], ...] = (
    ("accuracy", "accuracy, %", "percent"),
    ("pgr", "PGR", "ratio"),
    ("misfit", "to the own teacher", "nats"),
    ("distance_to_others", "to the mean of the others", "nats"),
    ("residual", "residual", "signed"),
)
"""Attribute of a rung, title and kind of its numbers: the panels of the picture."""


def _of(rung: Rung, name: str) -> Measurement:
    found: dict[str, Measurement] = {
        "accuracy": rung.accuracy,
        "pgr": rung.pgr,
        "misfit": rung.misfit,
        "distance_to_others": rung.distance_to_others,
        "residual": rung.residual,
    }
    return found[name]


def _ladder_chart(ladder: Ladder, loss: str) -> Chart:
    """Draw every measure against the ladder, the smallest student on top, a series for each kind of teachers."""
    kinds = ladder.teachers_of(loss)
    panels = []
    for name, title, unit in _MEASURES:
        marks: list[Dots | Rule] = []
        for place, kind in enumerate(kinds):
            offset = SPREAD * ((place + 0.5) / len(kinds) - 0.5)
            cells = [_of(ladder.rungs[loss, kind, student], name) for student in ladder.students]
            scale = 100 if unit == "percent" else 1
            known = [(at + offset, cell) for at, cell in enumerate(cells) if point_estimate(cell) is not None]
            marks.append(
                Dots(
                    kind,
                    series_style(place),
                    [scale * (point_estimate(cell) or 0.0) for _, cell in known],
                    [at for at, _ in known],
                    [_end(cell, "low", scale) for _, cell in known],
                    [_end(cell, "high", scale) for _, cell in known],
                    hover=[
                        f"{kind}: {student}, {title} {format_cell(cell, unit)}"
                        for student, cell in zip(ladder.students, cells, strict=True)
                        if point_estimate(cell) is not None
                    ],
                    horizontal=True,
                    size=6,
                )
            )
        if unit in ("signed", "ratio"):
            marks.append(Rule(ROLES["gap"], x=0.0))
        axis = title if unit not in ("nats", "signed") else f"{title}, {ladder.unit}"
        limits = PGR_LIMITS if name == "pgr" else None
        panels.append(Panel(Axis(axis, limits=limits), Axis(categories=ladder.students), tuple(marks)))
    height = max(160, ROW * len(kinds) * len(ladder.students))
    return Chart(tuple(panels), columns=3, panel_height=height, share_y=True)


def _end(cell: Cell, name: str, scale: float) -> float | None:
    if not isinstance(cell, Interval) or not has_interval(cell):
        return None
    return scale * (cell.low if name == "low" else cell.high)


def _ladder_figure(ladder: Ladder, loss: str) -> Figure:
    columns = (
        Column("teachers"),
        Column("student"),
        Column("accuracy", "percent"),
        Column("their teachers", "percent"),
        Column("ceiling", "percent", "tuned"),
        Column("PGR", "ratio", "mean gain over the mean gap of teachers and ceiling"),
        Column("to own teacher", "nats", ladder.misfit),
        Column("to the others' mean", "nats"),
        Column("gain in risk", "signed"),
        Column("residual", "signed", "gain in risk less misfit"),
    )
    rows: list[tuple[Cell, ...]] = []
    for (its, kind, student), rung in ladder.rungs.items():
        if its == loss:
            risks = (rung.misfit, rung.distance_to_others, rung.risk_gap, rung.residual)
            rows.append((kind, student, rung.accuracy, rung.teacher, rung.ceiling, rung.pgr, *risks))
    kinds = ladder.teachers_of(loss)
    changes = [ladder.difference(loss, kind, ladder.students[-1], ladder.students[0]) for kind in kinds]
    above, below = count_signs(change.distance_to_others for change in changes)
    finding = (
        f"From {ladder.students[0]} to {ladder.students[-1]}, students of {loss} come nearer to the mean of the other "
        f"teachers under {below} of {counted(len(kinds), 'kind')} of teachers and move away under {above}."
    )
    how = (
        "One row a student, the smallest on top, and one mark for each kind of teachers. PGR is drawn from "
        f"{PGR_LIMITS[0]:g} to {PGR_LIMITS[1]:g}, and whole in the table. {_why_missing(ladder, loss)}"
    )
    title = f"The ladder, {loss}"
    return Figure(
        f"ladder-{loss}", title, _ladder_chart(ladder, loss), finding, how, Table(title, columns, tuple(rows))
    )


def _why_missing(ladder: Ladder, loss: str) -> str:
    reasons: Iterable[str | None] = (
        _of(rung, name).reason for (its, _, _), rung in ladder.rungs.items() if its == loss for name, _, _ in _MEASURES
    )
    return "".join(f"Some are missing: {reason}. " for reason in dict.fromkeys(reasons) if reason)


def _matrix_chart(ladder: Ladder, loss: str) -> Chart:
    """Draw the gain of every pair of teachers and student."""
    kinds = ladder.teachers_of(loss)
    cells = [[ladder.rungs[loss, kind, student].gain for student in ladder.students] for kind in kinds]
    values = [[None if (value := point_estimate(cell)) is None else 100 * value for cell in row] for row in cells]
    known = [value for row in values for value in row if value is not None] or [0.0]
    hover = [
        [
            f"{kind} → {student}: {format_cell(cell, 'points')} points"
            for student, cell in zip(ladder.students, row, strict=True)
        ]
        for kind, row in zip(kinds, cells, strict=True)
    ]
    heat = Heat("gain, points", values, ladder.students, kinds, (min(known), max(known)), hover)
    panel = Panel(Axis("student", categories=ladder.students), Axis("teachers", categories=kinds), (heat,))
    return Chart((panel,), legend=False, panel_height=max(280, 56 * len(kinds)))


def _matrix_figure(ladder: Ladder, loss: str) -> Figure:
    kinds = ladder.teachers_of(loss)
    rows: list[tuple[Cell, ...]] = [
        (
            kind,
            ladder.rungs[loss, kind, ladder.students[0]].teacher,
            *(ladder.rungs[loss, kind, student].gain for student in ladder.students),
        )
        for kind in kinds
    ]
    gains = [cell for row in rows for cell in row[2:]]
    above, below = count_signs(gains)
    rest = rest_in_words(gains)
    finding = (
        f"Students of {loss} are shown to beat their teachers in {above} of {counted(len(gains), 'pair')} and to lose "
        f"to them in {below}{f'; {rest}' if rest else ''}."
    )
    columns = (
        Column("teachers"),
        Column("their accuracy", "percent"),
        *(Column(each, "points") for each in ladder.students),
    )
    title = f"Weak teachers and strong students, {loss}"
    how = "Accuracy of the students less that of their teachers, in points; darker is more."
    return Figure(
        f"matrix-{loss}", title, _matrix_chart(ladder, loss), finding, how, Table(title, columns, tuple(rows))
    )
