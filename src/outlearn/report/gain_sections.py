"""What the pages of explanations, of classes and of numbers, share: the picture of the gap, its parts, and slices."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from outlearn.core.intervals import Interval
from outlearn.report.blocks import Block, Figure, TableBlock, Text
from outlearn.report.cells import Cell, Column, Kind, Table, format_cell
from outlearn.report.charts import Axis, Bars, Chart, Dots, Panel, Rule
from outlearn.report.style import ROLES
from outlearn.results.explained_gain import ExplainedGain
from outlearn.results.explanation_parts import Decomposition, GainSplit, PosteriorMeanSummary
from outlearn.results.measurement import Withheld

__all__ = ["NATS", "OWN", "Unit", "bias_variance_blocks", "gap_figure", "posterior_blocks", "slice_tables"]


@dataclass(frozen=True)
class Unit:
    """How risks are written: their unit, and the kinds of a risk and of a difference of risks."""

    name: str
    value: Kind
    signed: Kind


NATS = Unit("nats", "nats", "signed")
OWN = Unit("risk", "number", "signed_number")
"""Of numbers, whose risk is in a unit of its own, such as squared units of the target."""


def gap_figure(found: ExplainedGain, unit: Unit) -> Figure:
    """Show gap = misfit + residual for all points, and in slices by the teachers' confidence."""
    summary = found.summary
    rows: list[tuple[str, Interval, Interval, Interval]] = [
        ("all points", summary.gap, summary.misfit, summary.residual)
    ]
    for table in found.slices[:1]:
        rows += [
            (f"{table.by.replace('_', ' ')} {name}", table.gap[k], table.misfit[k], table.residual[k])
            for k, name in enumerate(table.names)
        ]
    rows = [row for row in rows if all(math.isfinite(part.mean) for part in row[1:])]
    names = tuple(row[0] for row in rows)
    terms = tuple(Column(name, unit.signed) for name in ("gap", "misfit", "residual"))
    misfits, residuals = [row[2].mean for row in rows], [row[3].mean for row in rows]
    marks = (
        Bars("misfit", ROLES["misfit"], names, misfits, hover=_hover("misfit", names, [row[2] for row in rows], unit)),
        Bars(
            "residual", ROLES["residual"], names, residuals, misfits,
            _hover("residual", names, [row[3] for row in rows], unit), lane=1,
        ),
        _gaps(names, [row[1] for row in rows], unit),
        Rule(ROLES["gap"], x=0.0),
    )  # fmt: skip
    return Figure(
        "gap",
        "Gap = misfit + residual",
        Chart((Panel(Axis(found.directions.risk), Axis(categories=names), marks),), panel_height=60 + 28 * len(rows)),
        f"Of a gap of {format_cell(summary.gap, 'signed')}, misfit is {format_cell(summary.misfit, 'nats')} and the "
        f"residual {format_cell(summary.residual, 'signed')}.",
        "The misfit bar starts at 0, the residual starts where it ends, and the diamond is their sum, the gap, with "
        "its interval.",
        Table("Gap = misfit + residual", (Column("points"), *terms), tuple(rows)),
    )


def _gaps(names: tuple[str, ...], gaps: Sequence[Interval], unit: Unit) -> Dots:
    def end(value: float) -> float | None:
        return value if math.isfinite(value) else None

    return Dots(
        "gap", ROLES["gap"], [gap.mean for gap in gaps], names, [end(gap.low) for gap in gaps],
        [end(gap.high) for gap in gaps], _hover("gap", names, gaps, unit), horizontal=True,
    )  # fmt: skip


def _hover(term: str, names: Sequence[str], values: Sequence[Interval], unit: Unit) -> list[str]:
    return [f"{name}: {term} {format_cell(value, 'signed')}" for name, value in zip(names, values, strict=True)]


def bias_variance_blocks(found: ExplainedGain, unit: Unit) -> tuple[Block, ...]:
    columns = (Column(""), *(Column(name, unit.value) for name in ("risk", "noise", "bias", "variance")))
    rows = [_parts(kind) for kind in found.decompositions]
    rows += [(f"{each.name} (this one)", each.risk, None, None, None) for each in found.ensembles]
    blocks: list[Block] = [TableBlock(Table("Corrected by the jackknife", columns, tuple(rows)))]
    if isinstance(found.gain, GainSplit):
        gain = (("bias removed", found.gain.bias_removed), ("variance removed", found.gain.variance_removed))
        table = Table("The gap = bias removed + variance removed", (Column(""), Column(unit.name, unit.signed)), gain)
        blocks.append(TableBlock(table))
    else:
        blocks.append(Text(f"What was removed is not given: {found.gain.reason}."))
    return tuple(blocks)


def _parts(kind: Decomposition) -> tuple[Cell, ...]:
    parts = kind.parts
    if isinstance(parts, Withheld):
        return (kind.name, parts, parts, parts, parts)
    return (kind.name, parts.total, parts.noise, parts.bias, parts.variance)


def posterior_blocks(part: PosteriorMeanSummary, unit: Unit) -> tuple[Block, ...]:
    if isinstance(part.terms, Withheld):
        return (Text(f"{part.method}: not given: {part.terms.reason}."),)
    rows: tuple[tuple[Cell, ...], ...] = (
        ("misfit", part.terms.misfit),
        ("distance from the student to it", part.terms.distance),
        ("conditional variance of the teacher about it", part.terms.conditional_variance),
        ("residual with it in the teacher's place", part.terms.residual),
        ("which is at most, in size", part.terms.residual_bound),
    )
    table = Table(f"By the method {part.method}", (Column(""), Column(unit.name, unit.signed)), rows)
    return (Text(f"{part.method}: assumes that {part.assumption}."), TableBlock(table))


def slice_tables(found: ExplainedGain, unit: Unit) -> Iterator[Table]:
    names = ("teacher's risk", "student's risk", "gap", "misfit", "residual")
    for table in found.slices:
        terms = (table.teacher_risk, table.student_risk, table.gap, table.misfit, table.residual)
        by = table.by.replace("_", " ")
        columns = (Column(by), Column("points", "count"), *(Column(name, unit.signed) for name in names))
        rows: tuple[tuple[Cell, ...], ...] = tuple(
            (name, table.n_points[i], *(term[i] for term in terms)) for i, name in enumerate(table.names)
        )
        yield Table(f"By {by}", columns, rows)
