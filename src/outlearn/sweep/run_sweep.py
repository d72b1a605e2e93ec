"""Run a sweep: shared stages first, then every run in a folder of its own, then the tables.

The folder of a sweep:

    sweep.yaml      the sweep, every part written out
    sweep.json      its runs: label, values, what became of each, and why
    results.csv     one row for each run and loss; results.parquet too where pyarrow is installed
    models.csv      one row for each student, and models.parquet
    runs/LABEL/     the run folders
    log.jsonl       what happened when

Everything that costs time is in the store or in a finished run folder, so the same command goes on after a kill. A run
that fails is recorded with its cause and the others finish.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from outlearn.core.yaml_text import parse_yaml
from outlearn.errors import StoreError, first_line
from outlearn.lazy_torch import require_torch
from outlearn.progress import Progress, Silent
from outlearn.results.sweep import RUNS, MemberRecord, SweepRecord, write_sweep
from outlearn.results.writing import HALF, log_event, missing_folders, remove_empty, remove_halves, write_file
from outlearn.store.executors import Done, Failed, Outcome, Skipped, Task, open_executor
from outlearn.store.executors.open_executor import check_workers
from outlearn.store.store import Store
from outlearn.sweep.plan_text import duration
from outlearn.sweep.planning import SweepPlan, finished_run
from outlearn.sweep.tidy import loss_rows, model_rows, write_tables

__all__ = ["SweepOutcome", "run_sweep"]

MAX_FAILURES = 10  # to print


@dataclass(frozen=True)
class SweepOutcome:
    """What became of a sweep.

    Attributes:
        folder: where its results are.
        finished: labels of the runs with results.
        failed: label -> why it has none.
        seconds: how long this call took.
    """

    folder: Path
    finished: tuple[str, ...]
    failed: Mapping[str, str]
    seconds: float

    def text(self) -> str:
        """Say it for people."""
        lines = [f"{len(self.finished):,} runs finished, {len(self.failed):,} failed, in {duration(self.seconds)}."]
        lines += [f"  {label}: {first_line(cause)}" for label, cause in list(self.failed.items())[:MAX_FAILURES]]
        more = len(self.failed) - MAX_FAILURES
        lines += [f"  and {more} more, see sweep.json"] if more > 0 else []
        return "\n".join([*lines, f"Results: {self.folder}/"])


def run_sweep(
    plan: SweepPlan,
    *,
    store: Store,
    out: Path,
    workers: int | None = None,
    cluster: str | None = None,
    memory: int | None = None,
    progress: Progress | None = None,
) -> SweepOutcome:
    """Compute what a plan lacks, run by run, and write the tables.

    Args:
        store: where stages are kept; workers on other machines must see it at the same path.
        out: the folder of the sweep: new, empty, or of a sweep of the same name, whose finished runs are kept.
        workers, cluster: where tasks run; see `open_executor`.
        memory: bytes that the training of heads may work with, in each worker; None for the default.

    Raises:
        MissingExtraError: if there is something to compute, and torch is not installed.
        StoreError: if the folder holds something else or cannot be written to.
        WorkerError: if the workers are out of reach for good. The tables hold what was finished.
    """
    progress = progress or Silent()
    check_workers(workers, cluster)
    if plan.needed():
        require_torch()
    began = time.perf_counter()
    _claim_folder(out, plan)
    log = partial(log_event, out / "log.jsonl")
    log("start", runs=len(plan.runs), to_do=len(plan.to_do), stages=len(plan.needed()))
    failed = {run.member.label: run.problem for run in plan.runs if run.problem}
    tasks = _tasks(plan, store, out, memory)
    outcomes: dict[str, Outcome] = {}
    try:
        with progress.bar(f"sweep {plan.sweep.name}") as advance:

            def note(name: str, outcome: Outcome) -> None:
                outcomes[name] = outcome
                _log_outcome(log, name, outcome)
                if isinstance(outcome, Failed):
                    progress.say(f"{name} failed: {first_line(outcome.cause)}")
                if advance is not None:
                    advance(len(outcomes), len(tasks))

            if tasks:
                with open_executor(workers, cluster, store=store) as executor:
                    executor.run(tasks, on_done=note)
    finally:
        failed |= _causes(plan, outcomes)
        seconds = round(time.perf_counter() - began, 3)
        done = {run.member.label for run in plan.runs if run.finished}
        done |= {name for name, outcome in outcomes.items() if isinstance(outcome, Done)}
        finished = _write_results(plan, out, done, failed, seconds)
    log("done", finished=len(finished), failed=len(failed), seconds=seconds)
    return SweepOutcome(out, finished, failed, seconds)


def _claim_folder(out: Path, plan: SweepPlan) -> None:
    """Make the folder and write its `sweep.yaml`; refuse a folder that holds anything but a sweep of this name."""
    made = missing_folders(out)
    try:
        out.mkdir(parents=True, exist_ok=True)
        remove_halves(out)
        present = sorted(path.name for path in out.iterdir() if not path.name.endswith(HALF))
        named = None
        if (out / "sweep.yaml").is_file():
            content = parse_yaml((out / "sweep.yaml").read_text(encoding="utf-8"))
            named = content.get("name") if isinstance(content, dict) else None
        if present and named != plan.sweep.name:
            holds = f"the sweep {named!r}" if named else f"no sweep (found {present[0]!r})"
            raise StoreError(
                f"the folder {str(out)!r} is not empty and holds {holds}. Choose another --out DIR, or another name in "
                "the sweep file."
            )
        # First: a folder that holds it is this sweep's, whatever fails afterwards.
        write_file(out / "sweep.yaml", plan.sweep.to_yaml().encode())
        (out / RUNS).mkdir(exist_ok=True)
    except StoreError:
        remove_empty(made)
        raise
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or first_line(error)
        raise StoreError(
            f"the folder {str(out)!r} cannot be used: {reason}. Choose a writable folder with --out DIR."
        ) from error


def _tasks(plan: SweepPlan, store: Store, out: Path, memory: int | None) -> list[Task]:
    """List what is to be done: stages that stand apart, then runs, each after the stages that it needs."""
    config_of = {run.member.label: run.member.config.model_dump(mode="json") for run in plan.to_do}
    # Absolute: a worker may have another working folder.
    shared = {"store": str(store.root.resolve()), "folder": str(Path.cwd()), "memory": memory}
    runs = out.resolve() / RUNS
    names = {stage.key: f"{stage.name} {stage.key[:12]}" for stage in plan.needed() if stage.apart}

    def after(keys: tuple[str, ...]) -> tuple[str, ...]:
        """Name the tasks among these stages and all above them."""
        found: dict[str, None] = {}
        for key in keys:
            found |= dict.fromkeys([names[key]] if key in names else after(plan.stages[key].parents))
        return tuple(found)

    tasks = []
    for key, name in names.items():
        stage = plan.stages[key]
        user = next(label for label in stage.users if label in config_of)
        tasks.append(
            Task(
                name,
                "outlearn.sweep.work:finish_stage",
                {"config": config_of[user], "key": key, **shared},
                after=after(stage.parents),
                gpu=stage.gpu,
            )
        )
    tasks += [
        Task(
            label,
            "outlearn.sweep.work:finish_run",
            {"config": config_of[label], "out": str(runs / label), **shared},
            after=after(run.stages),
        )
        for label, run in ((run.member.label, run) for run in plan.to_do)
    ]
    return tasks


def _causes(plan: SweepPlan, outcomes: Mapping[str, Outcome]) -> dict[str, str]:
    """Say for each run that failed why: its own error, or that of the stage that it waited for."""

    def cause(outcome: Failed | Skipped) -> str:
        if isinstance(outcome, Failed):
            return outcome.cause
        roots = [(name, outcomes[name]) for name in outcome.because]
        return "; ".join(f"{name}: {cause(each)}" for name, each in roots if isinstance(each, Failed | Skipped))

    ended = {run.member.label: outcomes.get(run.member.label) for run in plan.to_do}
    return {label: cause(outcome) for label, outcome in ended.items() if isinstance(outcome, Failed | Skipped)}


def _write_results(
    plan: SweepPlan, out: Path, done: Collection[str], failed: Mapping[str, str], seconds: float
) -> tuple[str, ...]:
    """Write the tables from the run folders, and `sweep.json` over them; return the labels of finished runs."""
    per_loss, per_model, members = [], [], []
    for planned in plan.runs:
        label = planned.member.label
        run = finished_run(out / RUNS / label) if label in done else None
        if run is not None:
            per_loss += list(loss_rows(planned.member, run))
            per_model += list(model_rows(planned.member, run))
        cause = failed.get(label)
        status = "finished" if run is not None else "failed" if cause is not None else "not run"
        members.append(MemberRecord(label=label, values=planned.member.values, status=status, cause=cause))
    write_tables(out, "results", per_loss)
    write_tables(out, "models", per_model)
    record = SweepRecord(
        name=plan.sweep.name,
        keys=tuple(plan.runs[0].member.values),
        ladder=plan.sweep.ladder,
        n_students=plan.n_students,
        seconds=seconds,
        runs=tuple(members),
    )
    write_sweep(out, record)
    return tuple(member.label for member in members if member.status == "finished")


def _log_outcome(log: Callable[..., None], name: str, outcome: Outcome) -> None:
    if isinstance(outcome, Done):
        more = {"warnings": outcome.warnings} if outcome.warnings else {}
        log("finished", task=name, seconds=outcome.seconds, worker=outcome.worker, **more)
    elif isinstance(outcome, Failed):
        log("failed", task=name, cause=outcome.cause, attempts=outcome.attempts, traceback=outcome.traceback)
    else:
        log("skipped", task=name, because=list(outcome.because))
