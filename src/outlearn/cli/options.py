"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["ClusterOption", "OutOption", "Overrides", "StoreOption", "WorkersOption"]

Overrides = Annotated[
    list[str], typer.Option("--set", metavar="KEY=VALUE", help="Override a key, such as student.seeds=5.")
]
StoreOption = Annotated[
    Path | None, typer.Option("--store", help="Folder of trained stages [$OUTLEARN_STORE, else .outlearn].")
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
OutOption = Annotated[Path | None, typer.Option("--out", help="Folder for what is written [a new one under runs/].")]
