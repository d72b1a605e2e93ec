"""True labels, or numbers, to draw next: the step that says so on a page, and how those were drawn that are listed."""

from __future__ import annotations

from outlearn.core.text import counted
from outlearn.report.cells import Column, Table
from outlearn.report.first_screen import NextStep
from outlearn.results.measurement import Withheld
from outlearn.results.next_labels import NextLabels

__all__ = ["label_steps", "strata_table"]

ENOUGH = 100  # true labels to draw where there are none


def label_steps(
    preflight: str, drawn: NextLabels | Withheld, *, truth_is_known: bool, kind: type[NextLabels], aim: str
) -> tuple[NextStep, ...]:
    """Say the next step, with its command.

    Args:
        preflight: the command that reads the table, to which options are added.
        drawn: the list, if one was drawn.
        truth_is_known: whether there are true labels already.
        kind: whether true labels or numbers are asked for.
        aim: what those are to measure where none was drawn.
    """
    if not isinstance(drawn, Withheld):
        return (
            NextStep(
                f"Fill in the {counted(drawn.n_labels, drawn.given.removesuffix('s'))} of the list (to_label.csv, or "
                "where --list put it), from the top on, and read it back.",
                f"{preflight} --true to_label.csv",
            ),
        )
    if truth_is_known:
        return ()
    return (
        NextStep(
            f"To draw the points whose true {kind.given} say most about {kind.aims[aim]}:",
            f"{preflight} --label-next {ENOUGH} --aim {aim}",
        ),
    )


def strata_table(drawn: NextLabels) -> Table:
    """Say how many points of each stratum were drawn, and for how many each stands."""
    columns = (
        Column("stratum"), Column("points", "count"), Column("known", "count"), Column("to label", "count"),
        Column("weight", "ratio"), Column("uncertain", "ratio"),
    )  # fmt: skip
    rows = tuple(
        (str(k), each.n_points, each.n_known, each.n_labels, each.weight, each.spread)
        for k, each in enumerate(drawn.strata, 1)
    )
    return Table(
        "How the points are drawn",
        columns,
        rows,
        ("Each point that is labeled counts for as many as its weight says, so that no number leans to those drawn.",),
    )
