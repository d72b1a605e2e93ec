"""`outlearn sweep`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from outlearn.cli.options import ClusterOption, StoreOption, WorkersOption

__all__ = ["sweep"]


def sweep(
    file: Annotated[
        Path, typer.Argument(metavar="SWEEP.yaml", help="YAML file with base, and grid, zip or list of what varies.")
    ],
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FOLDER", help="Folder of the sweep; goes on there [runs/NAME].")
    ] = None,
    store: StoreOption = None,
    workers: WorkersOption = None,
    cluster: ClusterOption = None,
    memory: Annotated[
        str | None, typer.Option("--memory", metavar="SIZE", help="For training, in each worker, as 2GB [512MiB].")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the plan and stop.")] = False,
) -> None:
    """Run a configuration in many variants, computing what they share once, and compare them.

    Exit code 1: a run failed, or with --dry-run is impossible; the others are finished.

    Examples:

    \b
        outlearn sweep sweep.yaml --dry-run
        outlearn sweep sweep.yaml --workers 4
    """
    from outlearn.errors import OutlearnError
    from outlearn.progress_bars import Bars

    try:
        with Bars() as bars:
            # Shown before the package is imported: most of a second until the next line.
            with bars.bar("reading settings"):
                from outlearn.learners.memory import parse_size
                from outlearn.store.store import Store, default_store
                from outlearn.sweep.plan_text import plan_text
                from outlearn.sweep.planning import plan_sweep
                from outlearn.sweep.run_sweep import run_sweep
                from outlearn.sweep.sweep_file import read_sweep

                asked, size = read_sweep(file), parse_size(memory) if memory else None
            folder, kept = out or asked.default_folder, Store(store or default_store())
            try:
                plan = plan_sweep(asked, store=kept, out=folder, progress=bars)
            except OutlearnError:
                kept.remove_if_empty()
                raise
            print(plan_text(plan, workers=workers or 1), flush=True)
            if dry_run:
                kept.remove_if_empty()
                if any(run.problem for run in plan.runs):
                    raise typer.Exit(1)
                return
            outcome = run_sweep(
                plan, store=kept, out=folder, workers=workers, cluster=cluster, memory=size, progress=bars
            )
    except KeyboardInterrupt:
        print("outlearn: stopped. Finished runs and stages are kept; the same command goes on.", file=sys.stderr)
        raise typer.Exit(130) from None

    from outlearn.report.html import write_report

    write_report([folder])
    print(outcome.text())
    if outcome.failed:
        raise typer.Exit(1)
