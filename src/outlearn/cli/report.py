"""`outlearn report`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["report"]


def report(
    folders: Annotated[
        list[Path],
        typer.Argument(
            metavar="FOLDER", help="Of run, sweep, theory, preflight or explain; several runs are compared."
        ),
    ],
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="File to write [report.html in the (first) folder].")
    ] = None,
    format: Annotated[str, typer.Option("--format", metavar="NAME", help="html or md.")] = "html",
    figures: Annotated[
        Path | None, typer.Option("--figures", metavar="FOLDER", help="Folder for SVG and PDF figures.")
    ] = None,
) -> None:
    """Write the page of one folder, or compare several runs; reads folders and never trains.

    Examples:

    \b
        outlearn report runs/vader-lexicon
        outlearn report runs/a runs/b --out comparison.html
        outlearn report flight
    """
    from outlearn.report.html import write_report

    print(write_report(folders, out, format=format, figures=figures))
