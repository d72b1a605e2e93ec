"""The command line: parse, call, print. Nothing here computes, and nothing heavy is imported before a command runs.

Exit codes: 0 success, 1 a task failed or a checked claim does not hold, 2 bad input (one line an error), 130
interrupted.
"""

from __future__ import annotations

import os
import sys
import warnings
from pathlib import Path
from typing import Annotated

import typer

from outlearn.errors import OutlearnError, WorkerError

app = typer.Typer(
    name="outlearn",
    help="Train students that outlearn their teachers, and say why.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
store_app = typer.Typer(help="Look after the store of trained stages.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(store_app, name="store")

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


def main() -> None:
    """Run the command line; turn every error that a user's input caused into one line and exit code 2."""
    warnings.showwarning = lambda message, *_, **__: print(f"outlearn: note: {message}", file=sys.stderr)
    try:
        app()
    except OutlearnError as error:
        for line in str(error).splitlines():
            print(f"outlearn: error: {line}", file=sys.stderr)
        # A worker that fails is no mistake in the input.
        sys.exit(1 if isinstance(error, WorkerError) else 2)
    except BrokenPipeError:
        # The reader of our output, such as `head`, has gone: not an error of ours.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)


@app.callback(invoke_without_command=True)
def version(show: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False) -> None:
    if show:
        from outlearn.version import __version__

        print(__version__)
        raise typer.Exit


@app.command()
def run(
    config: Annotated[
        Path | None, typer.Argument(help="YAML file; without it, the offline default (vader-lexicon).")
    ] = None,
    overrides: Overrides = [],  # noqa: B006 (typer reads the default, nothing changes it)
    out: OutOption = None,
    store: StoreOption = None,
    workers: WorkersOption = None,
    cluster: ClusterOption = None,
) -> None:
    """Train weak teachers and strong students on their labels; say who wins, and why."""
    from outlearn.experiment.executors import open_executor
    from outlearn.experiment.load_config import load_config
    from outlearn.experiment.pipeline import run as run_pipeline
    from outlearn.experiment.run_folder import new_run_folder, write_file
    from outlearn.experiment.store import Store, default_store
    from outlearn.progress_bars import Bars
    from outlearn.report.html import write_report
    from outlearn.report.summary import summary_text

    settings = load_config(config, overrides)
    folder = out or new_run_folder(settings.data.name or Path(settings.data.path or "run").stem)
    try:
        stages = Store(store or default_store())
        alone = workers is None and cluster is None
        with Bars() as bars, open_executor(workers, cluster, store=stages) as executor:
            finished = run_pipeline(
                settings, store=stages, out=folder, progress=bars, executor=None if alone else executor
            )
    except KeyboardInterrupt:
        print("outlearn: stopped. Complete stages are kept; the same command goes on from there.", file=sys.stderr)
        raise typer.Exit(130) from None
    text = summary_text(finished.results)
    write_file(folder / "summary.txt", text.encode())
    write_report([folder])
    print(text)
    print(
        f"{'Nothing was trained: every stage came from the store. ' if finished.all_cached else ''}Results: {folder}/"
    )


@app.command()
def sweep(
    file: Annotated[Path, typer.Argument(help="YAML file with base, and grid, zip or list of what varies.")],
    out: Annotated[Path | None, typer.Option("--out", help="Folder of the sweep; goes on there [runs/NAME].")] = None,
    store: StoreOption = None,
    workers: WorkersOption = None,
    cluster: ClusterOption = None,
    memory: Annotated[
        str | None, typer.Option("--memory", metavar="SIZE", help="For training, in each worker, as 2GB [512MiB].")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the plan and stop.")] = False,
) -> None:
    """Run a configuration in many variants, computing what they share once, and compare them."""
    from outlearn.experiment.store import Store, default_store
    from outlearn.experiment.sweep.plan_text import plan_text
    from outlearn.experiment.sweep.planning import plan_sweep
    from outlearn.experiment.sweep.run_sweep import run_sweep
    from outlearn.experiment.sweep.sweep_file import read_sweep
    from outlearn.learners.memory import parse_size
    from outlearn.progress_bars import Bars
    from outlearn.report.html import write_report

    asked, size = read_sweep(file), parse_size(memory) if memory else None
    folder, kept = out or asked.default_folder, Store(store or default_store())
    try:
        with Bars() as bars:
            plan = plan_sweep(asked, store=kept, out=folder, progress=bars)
            print(plan_text(plan, workers=workers or 1), flush=True)
            if dry_run:
                return
            outcome = run_sweep(
                plan, store=kept, out=folder, workers=workers, cluster=cluster, memory=size, progress=bars
            )
    except KeyboardInterrupt:
        print("outlearn: stopped. Finished runs and stages are kept; the same command goes on.", file=sys.stderr)
        raise typer.Exit(130) from None
    write_report([folder])
    print(outcome.text())
    if outcome.failed:
        raise typer.Exit(1)


@app.command()
def explain(
    teacher: Annotated[
        list[str],
        typer.Option(
            "--teacher", metavar="FILE", help="Predictions [models, points, classes]; repeat for more models."
        ),
    ],
    student: Annotated[list[str], typer.Option("--student", metavar="FILE", help="The same for the students.")],
    target: Annotated[
        str, typer.Option("--target", metavar="FILE", help="Labels [points], or distributions [points, classes].")
    ],
    teacher_of: Annotated[
        str | None,
        typer.Option("--teacher-of", metavar="FILE", help="Teacher index of each student [student m: teacher m]."),
    ] = None,
    kind: Annotated[str, typer.Option("--kind", help="What the numbers are: logits, log_probs or probs.")] = "logits",
    teacher_kind: Annotated[
        str | None, typer.Option("--teacher-kind", help="The same for the teacher's, if something else.")
    ] = None,
    draws: Annotated[bool, typer.Option("--draws", help="The target's first axis is draws (raters).")] = False,
    order: Annotated[
        str, typer.Option("--order", help="target_first: D(target, prediction); prediction_first: the other way.")
    ] = "target_first",
    generator: Annotated[
        str, typer.Option("--generator", help="Of the Bregman divergence D; negative_entropy makes it KL.")
    ] = "negative_entropy",
    level: Annotated[float, typer.Option("--level", help="Of the intervals.")] = 0.95,
    smooth_predictions: Annotated[
        float, typer.Option("--smooth-predictions", metavar="SHARE", help="Of the uniform distribution to mix in.")
    ] = 0.0,
    smooth_target: Annotated[float, typer.Option("--smooth-target", metavar="SHARE", help="The same, target.")] = 0.0,
    validation_teacher: Annotated[
        list[str] | None,
        typer.Option("--validation-teacher", metavar="FILE", help="Teachers on other points, to choose the best on."),
    ] = None,
    validation_target: Annotated[
        str | None, typer.Option("--validation-target", metavar="FILE", help="Labels of those points.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder for results.json, summary.txt and ledger.csv [none].")
    ] = None,
) -> None:
    """Say where students' gain over their teachers comes from, from saved predictions (.npy, .npz, .safetensors, CSV).

    Nothing is trained.
    """
    from outlearn.experiment.explain.command import explain_files
    from outlearn.progress_bars import Bars

    with Bars() as bars:
        text = explain_files(
            teacher=teacher,
            student=student,
            target=target,
            teacher_of=teacher_of,
            kind=kind,
            teacher_kind=teacher_kind,
            draws=draws,
            generator=generator,
            order=order,
            level=level,
            smooth_predictions=smooth_predictions,
            smooth_target=smooth_target,
            validation_teacher=validation_teacher or (),
            validation_target=validation_target,
            out=out,
            progress=bars,
        )
    print(text)
    if out is not None:
        print(f"\nResults: {out}/")


@app.command()
def preflight(
    labels: Annotated[str, typer.Argument(help="Table (CSV, JSON lines, Parquet) with a column a labeler.")],
    texts: Annotated[
        str | None, typer.Argument(help="Table with a column text, or features of the points (.npy) [column text].")
    ] = None,
    labelers: Annotated[str | None, typer.Option("--labelers", metavar="A,B", help="Columns [all others].")] = None,
    asked_twice: Annotated[
        bool, typer.Option("--asked-twice", help="The columns are one labeler, asked again independently.")
    ] = False,
    true: Annotated[
        str | None, typer.Option("--true", metavar="FILE", help="True labels (id, label) of points drawn at random.")
    ] = None,
    true_column: Annotated[
        str | None, typer.Option("--true-column", metavar="NAME", help="Or a column of LABELS.")
    ] = None,
    id_column: Annotated[str | None, typer.Option("--id-column", metavar="NAME", help="Ids [id].")] = None,
    text_column: Annotated[str | None, typer.Option("--text-column", metavar="NAME", help="Texts [text].")] = None,
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
    """Say, before training, whether a student of these weak labels will beat its labeler; few true labels or none."""
    from outlearn.experiment.preflight.files import preflight_files
    from outlearn.progress_bars import Bars

    with Bars() as bars:
        text = preflight_files(
            labels,
            texts,
            labelers=labelers,
            id_column=id_column,
            text_column=text_column,
            true=true,
            true_column=true_column,
            classes=classes,
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


@app.command()
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


@app.command()
def report(
    folders: Annotated[list[Path], typer.Argument(help="Run folders; several make a comparison.")],
    out: Annotated[
        Path | None, typer.Option("--out", help="File to write [report.html in the (first) folder].")
    ] = None,
    format: Annotated[str, typer.Option("--format", help="html or md.")] = "html",
    figures: Annotated[Path | None, typer.Option("--figures", help="Folder for SVG and PDF figures.")] = None,
) -> None:
    """Write the report of one run, or compare several; reads run folders and never trains."""
    from outlearn.report.html import write_report

    print(write_report(folders, out, format=format, figures=figures))


@store_app.command("ls")
def store_ls(store: StoreOption = None) -> None:
    """List the stored stages."""
    from outlearn.experiment.store import Store, default_store

    for folder, meta in Store(store or default_store()).entries():
        if meta is None:
            print(f"{folder.name[:12]}  damaged: run `outlearn store verify`")
        else:
            size = sum(path.stat().st_size for path in folder.iterdir())
            print(
                f"{folder.name[:12]}  {meta['stage']:<12} {size / 1e6:8.1f} MB  {meta['seconds']:8.1f} s  "
                f"{meta['created']}"
            )


@store_app.command("verify")
def store_verify(store: StoreOption = None) -> None:
    """Check every entry against its hash; set damaged ones aside and exit with 1 if there are any."""
    from outlearn.experiment.store import Store, default_store

    problems = 0
    checked = 0
    for folder, problem in Store(store or default_store()).verify():
        checked += 1
        if problem:
            problems += 1
            print(f"{folder.name}  {problem}; set aside, and computed again when it is needed")
    print(f"{checked} entries, {problems} damaged")
    if problems:
        raise typer.Exit(1)


@store_app.command("gc")
def store_gc(store: StoreOption = None) -> None:
    """Remove what no run can use: left-over temporary folders and damaged entries."""
    from outlearn.experiment.store import Store, default_store

    removed = Store(store or default_store()).gc()
    for folder in removed:
        print(f"removed {folder}")
    print(f"{len(removed)} folders removed")
