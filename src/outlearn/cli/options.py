"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from outlearn.errors import ConfigError

if TYPE_CHECKING:
    from outlearn.data.label_columns import LabelColumns

__all__ = [
    "ClusterOption", "IdColumn", "Labelers", "OutOption", "Overrides", "StoreOption", "TextColumn", "TrueColumn",
    "WorkersOption", "label_columns", "names_in",
]  # fmt: skip

NO_LABELERS = "none"
Overrides = Annotated[
    list[str], typer.Option("--set", metavar="KEY=VALUE", help="Override a key, such as student.seeds=5.")
]
StoreOption = Annotated[
    Path | None,
    typer.Option("--store", metavar="FOLDER", help="Folder of trained stages [$OUTLEARN_STORE, else .outlearn]."),
]
WorkersOption = Annotated[
    int | None, typer.Option("--workers", metavar="N", help="Processes that share the work [this one alone].")
]
ClusterOption = Annotated[
    str | None,
    typer.Option(
        "--cluster",
        metavar="ADDRESS",
        help="A dask scheduler, tcp://host:port or tls://..., `local`, or a YAML file of Slurm jobs.",
    ),
]
OutOption = Annotated[
    Path | None, typer.Option("--out", metavar="FOLDER", help="Folder for what is written [a new one under runs/].")
]
Labelers = Annotated[
    str | None,
    typer.Option("--labelers", metavar="A,B", help="Columns of labels, one a labeler [found]; none: no one's."),
]
TrueColumn = Annotated[str | None, typer.Option("--true-column", metavar="NAME", help="True labels [found, or none].")]
IdColumn = Annotated[str | None, typer.Option("--id-column", metavar="NAME", help="Ids [id, or found by values].")]
TextColumn = Annotated[
    str | None,
    typer.Option("--text-column", metavar="NAME", help="Texts [text, or found]; '{title} {body}' joins."),
]


def label_columns(
    labelers: str | None,
    true: str | None,
    id_column: str | None,
    text: str | None,
    classes: str | None = None,
    segment: str | None = None,
) -> LabelColumns:
    """Read the options that name the columns of a table."""
    from outlearn.data.label_columns import LabelColumns

    named = () if labelers == NO_LABELERS else names_in(labelers, "--labelers")
    return LabelColumns(id_column, text, true, named, names_in(classes, "--classes") or (), segment)


def names_in(text: str | None, option: str) -> Sequence[str] | None:
    """Read names separated by commas, all different."""
    if text is None:
        return None
    names = [name.strip() for name in text.split(",")]
    if not all(names) or len(set(names)) < len(names):
        raise ConfigError(f"{option} is {text!r}; expected different names, separated by commas.")
    return names
