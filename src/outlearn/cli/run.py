"""`outlearn run`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from outlearn.cli.options import (
    ClusterOption,
    IdColumn,
    Labelers,
    OutOption,
    Overrides,
    StoreOption,
    TextColumn,
    TrueColumn,
    WorkersOption,
    label_columns,
)

__all__ = ["run"]


def run(
    config: Annotated[
        Path | None,
        typer.Argument(
            metavar="CONFIG.yaml | TABLE",
            help="Settings, or your data; without either, the offline default (vader-lexicon).",
        ),
    ] = None,
    overrides: Overrides = [],  # noqa: B006 (typer reads the default, nothing changes it)
    labelers: Labelers = None,
    true_column: TrueColumn = None,
    id_column: IdColumn = None,
    text_column: TextColumn = None,
    out: OutOption = None,
    store: StoreOption = None,
    keep: Annotated[
        str | None,
        typer.Option(
            "--keep", metavar="WHICH", help="Students to leave for use: none, best or all [best]; is student.keep."
        ),
    ] = None,
    workers: WorkersOption = None,
    cluster: ClusterOption = None,
) -> None:
    """Train weak teachers and strong students on their labels; say who wins, and why.

    Examples:

    \b
        outlearn run
        outlearn run tickets.csv --labelers llm,ann --true-column gold
        outlearn run config.yaml --set student.seeds=5 --out runs/five
    """
    from outlearn.progress_bars import Bars

    kept = [] if keep is None else [f"student.keep={keep}"]
    try:
        with Bars() as bars:
            # Shown before the package is imported: most of a second until the next line.
            with bars.bar("reading settings"):
                from outlearn.experiment.load_config import load_config
                from outlearn.experiment.pipeline import run as run_pipeline
                from outlearn.results.writing import new_run_folder
                from outlearn.store.executors import open_executor
                from outlearn.store.store import Store, default_store

                columns = label_columns(labelers, true_column, id_column, text_column)
                settings = load_config(config, [*overrides, *kept], columns=columns)
            folder = out or new_run_folder(settings.data.name or Path(settings.data.path or "run").stem)
            stages = Store(store or default_store())
            alone = workers is None and cluster is None
            with open_executor(workers, cluster, store=stages) as executor:
                finished = run_pipeline(
                    settings, store=stages, out=folder, progress=bars, executor=None if alone else executor
                )
    except KeyboardInterrupt:
        print("outlearn: stopped. Complete stages are kept; the same command goes on from there.", file=sys.stderr)
        raise typer.Exit(130) from None

    from outlearn.report.html import write_report
    from outlearn.report.number_summary import number_summary
    from outlearn.report.summary import summary_text
    from outlearn.results.numbers import NumberResults
    from outlearn.results.writing import write_file
    from outlearn.student.first_use import first_use

    results = finished.results
    text = number_summary(results) if isinstance(results, NumberResults) else summary_text(results)
    write_file(folder / "summary.txt", text.encode())
    write_report([folder])
    print(text)
    print(
        f"{'Nothing was trained: every stage came from the store. ' if finished.all_cached else ''}Results: {folder}/"
    )
    if use := first_use(folder):
        print(f"The student answers new {use.points}: {use.command}")
