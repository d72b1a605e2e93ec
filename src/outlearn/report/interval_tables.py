"""Intervals of numbers on a page: coverage at the stated level, width and score, and coverage by width."""

from __future__ import annotations

from collections.abc import Sequence

from outlearn.report.blocks import Block, Listed, TableBlock
from outlearn.report.cells import Column, Table
from outlearn.results.interval_calibration import IntervalCalibration

__all__ = ["interval_blocks", "interval_table"]


def interval_table(found: Sequence[IntervalCalibration]) -> Table:
    """Return a row for each whose intervals were measured."""
    names = ("mean width", "interval score", "with its widths mended", "one width for all", "multiply widths by")
    columns = (
        Column("intervals of"), Column("stated, %", "percent"), Column("points", "count"),
        Column("hold the truth, %", "percent"), Column("truth below, %", "percent"), Column("above, %", "percent"),
        *(Column(name, "number") for name in names),
    )  # fmt: skip
    rows = tuple(
        (
            each.of, each.stated, each.n_points, each.coverage, each.below, each.above, each.width, each.score,
            each.mended, each.constant, each.factor,
        )
        for each in found
    )  # fmt: skip
    return Table(
        "Coverage, width and score", columns, rows, ("The interval score rewards narrow intervals that hold.",)
    )


def interval_blocks(found: Sequence[IntervalCalibration]) -> tuple[Block, ...]:
    """Return the table, what it says, and coverage by width."""
    columns = (
        Column("intervals of"), Column("from width", "number"), Column("to", "number"), Column("points", "count"),
        Column("hold the truth, %", "percent"),
    )  # fmt: skip
    rows = tuple(
        (each.of, part.low, part.high, part.n_points, part.coverage) for each in found for part in each.segments
    )
    sentences = tuple(sentence for each in found for sentence in each.sentences)
    blocks: tuple[Block, ...] = (Listed(sentences), TableBlock(interval_table(found)))
    return (*blocks, TableBlock(Table("By width", columns, rows))) if rows else blocks
