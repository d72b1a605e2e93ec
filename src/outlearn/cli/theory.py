"""`outlearn theory`."""

from __future__ import annotations

from typing import Annotated

import typer

from outlearn.cli.options import OutOption, Overrides

__all__ = ["theory"]


def theory(
    name: Annotated[str, typer.Argument(help="random-features, ridge, subspace, ensembles, convex, entropy, or all.")],
    overrides: Overrides = [],  # noqa: B006
    seed: Annotated[int, typer.Option(help="Seed of the simulation.")] = 0,
    out: OutOption = None,
) -> None:
    """Hold the closed forms against simulation; exit with 1 where they disagree."""
    from outlearn.experiment.load_config import parse_overrides
    from outlearn.report.theory_page import run_theory

    if not run_theory(name, parse_overrides(overrides), seed, out, print):
        raise typer.Exit(1)
