"""`outlearn theory`."""

from __future__ import annotations

from typing import Annotated

import typer

from outlearn.cli.options import OutOption

__all__ = ["theory"]


def theory(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME",
            help="random-features, ridge, subspace, ensembles, convex, entropy, real-capacity (on real data), or all.",
        ),
    ],
    overrides: Annotated[
        list[str],
        typer.Option("--set", metavar="KEY=VALUE", help="Change a setting of an experiment, such as splits=4."),
    ] = [],  # noqa: B006
    seed: Annotated[int, typer.Option("--seed", metavar="N", min=0, help="Seed of the simulation.")] = 0,
    out: OutOption = None,
) -> None:
    """Hold the theory against simulation and real data; exit with 1 where they disagree.

    Examples:

    \b
        outlearn theory ridge
        outlearn theory real-capacity --set splits=4
        outlearn theory all --out theory
    """
    from outlearn.experiment.load_config import parse_overrides
    from outlearn.progress_bars import Bars
    from outlearn.report.html import write_report
    from outlearn.report.theory_text import theory_text, verdict
    from outlearn.results.theory import check_theory_folder, write_theory
    from outlearn.results.writing import new_run_folder, write_file
    from outlearn.theory.experiments import EXPERIMENTS
    from outlearn.theory.run import run_theory
    from outlearn.theory_on_data import EXPERIMENTS_ON_DATA

    folder = out or new_run_folder(f"theory-{name}")
    check_theory_folder(folder)
    settings = parse_overrides(overrides)
    with Bars() as bars:
        results = run_theory(
            name,
            settings,
            seed=seed,
            experiments={**EXPERIMENTS, **EXPERIMENTS_ON_DATA},
            progress=bars,
            on_result=lambda result: print(theory_text(result), flush=True),
        )
    if len(results) > 1:
        print(verdict(results))
    write_theory(results, folder)
    write_file(folder / "summary.txt", ("\n\n".join(map(theory_text, results)) + "\n").encode())
    write_report([folder])
    print(f"Figures and numbers: {folder}/report.html, {folder}/results.json")
    if not all(result.agrees for result in results):
        raise typer.Exit(1)
