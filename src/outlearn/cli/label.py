"""`outlearn label`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from outlearn.cli.options import StoreOption

__all__ = ["label"]


def label(
    table: Annotated[Path, typer.Argument(metavar="TABLE", help="Table of texts (CSV, JSON lines, Parquet).")],
    out: Annotated[
        Path, typer.Option("--out", metavar="FILE", help="The same table, with a column of labels for each prompt.")
    ],
    classes: Annotated[
        str | None,
        typer.Option(
            "--classes", metavar="A,B", help="Classes, or with the words to say: {neg: ' bad', pos: ' good'}."
        ),
    ] = None,
    model: Annotated[
        list[str],
        typer.Option(
            "--model", metavar="MODEL", help="smollm2, a folder, a GGUF file, or a name on the hub; or several."
        ),
    ] = ["smollm2"],  # noqa: B006 (typer reads the default, nothing changes it)
    template: Annotated[
        list[str],
        typer.Option("--template", metavar="TEXT", help="A question with {text}, or {a} and {b}; or several [three]."),
    ] = [],  # noqa: B006
    text_column: Annotated[str, typer.Option("--text-column", metavar="NAME", help="Texts.")] = "text",
    pair: Annotated[
        str | None, typer.Option("--pair", metavar="A,B", help="Columns of two texts: which is better?")
    ] = None,
    chat: Annotated[bool, typer.Option("--chat", help="Ask in the model's own chat format.")] = False,
    calibration: Annotated[
        str | None,
        typer.Option(
            "--calibration", metavar="HOW", help="shares, content_free, labels or none [shares; none for pairs]."
        ),
    ] = None,
    shares: Annotated[
        str | None, typer.Option("--shares", metavar="X,Y", help="Of the classes, to calibrate by [equal].")
    ] = None,
    true_column: Annotated[
        str | None, typer.Option("--true-column", metavar="NAME", help="Few true labels, to calibrate by or show.")
    ] = None,
    shots: Annotated[
        int, typer.Option("--shots", metavar="N", help="Show so many rows with true labels before each text.")
    ] = 0,
    minimum_mass: Annotated[
        float,
        typer.Option(
            "--minimum-mass", metavar="SHARE", help="Leave a gap where the class words together are less probable."
        ),
    ] = 0.0,
    max_length: Annotated[
        int, typer.Option("--max-length", metavar="N", help="Tokens of a prompt; longer texts are cut.")
    ] = 512,
    store: StoreOption = None,
) -> None:
    """Label texts with a language model; a second call goes on where a first was stopped.

    Examples:

    \b
        outlearn label texts.csv --out labels.csv --classes negative,positive --model smollm2
    """
    from outlearn.labeling.label_file import label_file
    from outlearn.labeling.options import prompt_learner, read_classes, read_pair
    from outlearn.progress_bars import Bars
    from outlearn.store.store import Store, default_store

    pair_columns = read_pair(pair)
    names, words = read_classes(classes, pairs=pair_columns is not None)
    try:
        with Bars() as bars:
            done = label_file(
                table,
                class_names=names,
                learner=lambda templates: prompt_learner(
                    names,
                    model=model,
                    templates=template or templates,
                    words=words,
                    chat=chat,
                    calibration=calibration,
                    shares=shares,
                    shots=shots,
                    max_length=max_length,
                ),
                out=out,
                store=Store(store or default_store()),
                text_column=text_column,
                pair_columns=pair_columns,
                true_column=true_column,
                minimum_mass=minimum_mass,
                progress=bars,
            )
    except KeyboardInterrupt:
        print("outlearn: stopped. What was asked is kept; the same command goes on from there.", file=sys.stderr)
        raise typer.Exit(130) from None
    print(done)
    print(f"\nLabels: {out}")
