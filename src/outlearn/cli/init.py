"""`outlearn init`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from outlearn.cli.options import IdColumn, Labelers, TextColumn, TrueColumn, label_columns
from outlearn.errors import ConfigError

__all__ = ["init"]


def init(
    table: Annotated[
        Path | None, typer.Argument(metavar="TABLE", help="Your data; without it, the offline default (vader-lexicon).")
    ] = None,
    example: Annotated[
        str | None, typer.Option("--example", metavar="NAME", help="Instead, a configuration that comes along.")
    ] = None,
    examples: Annotated[bool, typer.Option("--list", help="List the examples.")] = False,
    labelers: Labelers = None,
    true_column: TrueColumn = None,
    id_column: IdColumn = None,
    text_column: TextColumn = None,
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="File to write; - prints it.")] = Path(
        "outlearn.yaml"
    ),
) -> None:
    """Write a configuration to start from, with a comment at each key, for the table at hand.

    Examples:

    \b
        outlearn init tickets.csv
        outlearn init tickets.csv --labelers llm,ann --true-column gold --out tickets.yaml
        outlearn init --list
        outlearn init --example sweeps/offline
    """
    from outlearn.experiment.starting_config import example_config, example_names, starting_config
    from outlearn.results.writing import write_file

    if examples:
        print("\n".join(example_names()))
        return
    if example is not None and table is not None:
        raise ConfigError("a table and --example are both given; give one.")
    columns = label_columns(labelers, true_column, id_column, text_column)
    text = (
        starting_config(table, columns=columns, name=str(out) if str(out) != "-" else "FILE.yaml")
        if example is None
        else example_config(example)
    )
    if str(out) == "-":
        print(text, end="")
        return
    if out.exists():
        raise ConfigError(f"{out} exists and is left as it is; give another --out, or --out - to print.")
    write_file(out, text.encode())
    print(
        f"Written: {out}. Read it, then: outlearn {'sweep' if (example or '').startswith('sweeps/') else 'run'} {out}"
    )
