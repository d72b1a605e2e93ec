"""`outlearn preflight`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from outlearn.cli.options import IdColumn, Labelers, TextColumn, TrueColumn, label_columns

__all__ = ["preflight"]


def preflight(
    labels: Annotated[str, typer.Argument(help="Table (CSV, JSON lines, Parquet) with a column a labeler.")],
    texts: Annotated[
        str | None, typer.Argument(help="Table with a column text, or features of the points (.npy) [column text].")
    ] = None,
    labelers: Labelers = None,
    asked_twice: Annotated[
        bool, typer.Option("--asked-twice", help="The columns are one labeler, asked again independently.")
    ] = False,
    true: Annotated[
        str | None, typer.Option("--true", metavar="FILE", help="True labels (id, label) of points drawn at random.")
    ] = None,
    true_column: TrueColumn = None,
    id_column: IdColumn = None,
    text_column: TextColumn = None,
    classes: Annotated[str | None, typer.Option("--classes", metavar="A,B", help="Classes [those that occur].")] = None,
    encoder: Annotated[
        str | None, typer.Option("--encoder", help="What a student sees: wordllama, {kind: tfidf, ...} [tfidf].")
    ] = None,
    largest_bias: Annotated[
        float, typer.Option("--largest-bias", metavar="SHARE", help="Shared bias to allow for where it is not known.")
    ] = 0.25,
    level: Annotated[float, typer.Option("--level", help="Of the intervals.")] = 0.95,
    seed: Annotated[int, typer.Option("--seed", help="Of the folds and of the points to check.")] = 0,
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder for results.json, summary.txt, points_to_check.csv [none].")
    ] = None,
) -> None:
    """Say, before training, whether a student of these weak labels will beat its labeler; few true labels or none.

    Examples:

        outlearn preflight tickets.csv

        outlearn preflight votes.csv texts.csv --true checked.csv --out report

        outlearn preflight labels.csv --labelers llm --true-column gold
    """
    from outlearn.preflight_checks.preflight_files import preflight_files
    from outlearn.progress_bars import Bars

    with Bars() as bars:
        text = preflight_files(
            labels,
            texts,
            columns=label_columns(labelers, true_column, id_column, text_column, classes),
            true=true,
            asked_twice=asked_twice,
            encoder=encoder,
            largest_bias=largest_bias,
            level=level,
            seed=seed,
            out=out,
            progress=bars,
        )
    print(text)
    if out is not None:
        print(f"\nResults: {out}/")
