"""`outlearn doctor`."""

from __future__ import annotations

from typing import Annotated

import typer

from outlearn.cli.options import IdColumn, Labelers, TextColumn, TrueColumn, label_columns
from outlearn.errors import ConfigError

__all__ = ["doctor"]


def doctor(
    labels: Annotated[
        str, typer.Argument(metavar="TABLE", help="Table with a column a labeler, or a row an annotation.")
    ],
    labelers: Labelers = None,
    true_column: TrueColumn = None,
    id_column: IdColumn = None,
    text_column: TextColumn = None,
    classes: Annotated[str | None, typer.Option("--classes", metavar="A,B", help="Classes [those that occur].")] = None,
    fail_below: Annotated[
        float | None, typer.Option("--fail-below", metavar="ALPHA", help="Exit 1 if Krippendorff's alpha is below.")
    ] = None,
    level: Annotated[float, typer.Option("--level", metavar="LEVEL", help="Of the intervals.")] = 0.95,
) -> None:
    """Look at a table of labels: which column is what, gaps, spellings, agreement, and what to do next.

    Exit code 0: nothing is wrong. 1: a problem was found, or agreement is below --fail-below. 2: it cannot be read.

    Examples:

    \b
        outlearn doctor labels.csv
        outlearn doctor labels.csv --labelers ann,bob --true-column gold --fail-below 0.6
    """
    from outlearn.preflight_checks.doctor import diagnose

    if fail_below is not None and not -1 <= fail_below <= 1:
        raise ConfigError(f"--fail-below is {fail_below:g}; expected a coefficient from -1 to 1, such as 0.6.")
    found = diagnose(labels, columns=label_columns(labelers, true_column, id_column, text_column, classes), level=level)
    print(found)
    if fail_below is not None and not found.agreement:
        raise ConfigError("--fail-below needs two labelers that share a point: there is no agreement. Leave it out.")
    low = fail_below is not None and not found.agreement["krippendorff"].mean >= fail_below
    if found.problems or low:
        raise typer.Exit(1)
