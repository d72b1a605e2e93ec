"""The stages of plans as tasks: a worker is told a configuration and a key, rebuilds the plan, and finds the stage.

What crosses is the configuration as JSON, the key and the store's path; what comes back is the key. A worker whose data
or code differ finds no stage of that key, and says so, before it computes anything.
"""

from __future__ import annotations

import contextlib
import os
import warnings
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from outlearn.errors import WorkerError
from outlearn.experiment.config import Config
from outlearn.experiment.plans import AnyPlan, plan_of
from outlearn.learners import LEARNERS
from outlearn.progress import Progress, Silent
from outlearn.store.executors.runner import TaskRunner
from outlearn.store.executors.task import Done, Failed, Outcome, Skipped, Task
from outlearn.store.executors.worker import place
from outlearn.store.stage import Stage, StageRunner, upstream
from outlearn.store.store import Store, canonical_json

__all__ = ["compute_stage", "compute_stages", "inside", "raise_failures", "stage_tasks", "wants_gpu"]


def stage_tasks(plans: Iterable[AnyPlan], store: Store) -> list[Task]:
    """Return one task for each stage of the plans that the store has not; a stage that plans share comes once.

    A stage comes after its inputs. Plans whose stages are all there need no task.
    """
    tasks: dict[str, Task] = {}
    known: set[str] = set()
    for plan in plans:
        arguments = {
            "config": plan.config.model_dump(mode="json"),
            "store": str(store.root.resolve()),
            "folder": str(Path.cwd()),
        }
        for stage in upstream(*plan.stages.values()):
            if stage.key not in known and stage.key not in store:
                # Inputs that are there already need no waiting.
                after = tuple(tasks[parent.key].name for parent in stage.parents.values() if parent.key in tasks)
                tasks[stage.key] = Task(
                    f"{stage.name} {stage.key[:12]}",
                    f"{__name__}:{compute_stage.__name__}",
                    {**arguments, "key": stage.key},
                    after,
                    gpu=wants_gpu(stage),
                )
            known.add(stage.key)
    return list(tasks.values())


def wants_gpu(stage: Stage) -> bool:
    """Say whether a stage is much faster on a GPU: one whose learner says so."""
    learner = stage.settings.get("learner")
    return isinstance(learner, Mapping) and LEARNERS[str(learner.get("kind"))].wants_gpu


def compute_stages(
    plans: Iterable[AnyPlan], *, store: Store, executor: TaskRunner, progress: Progress | None = None
) -> dict[str, Outcome]:
    """Compute what the store has not of all the stages of the plans, of any number of runs.

    Each task's outcome is returned by its name, and the result of one that is done is its key. `raise_failures` turns
    failures into an error.

    Raises:
        WorkerError: if the workers are out of reach for good; what is finished is in the store.
    """
    progress = progress or Silent()
    tasks = stage_tasks(plans, store)
    ended = 0
    with progress.bar("stages") as advance:

        def told(name: str, outcome: Outcome) -> None:
            nonlocal ended
            ended += 1
            if advance is not None:
                advance(ended, len(tasks))
            if isinstance(outcome, Done):
                again = f", after {outcome.attempts - 1} dead workers" if outcome.attempts > 1 else ""
                progress.say(f"{name}: {outcome.seconds:.1f} s on {outcome.worker}{again}")
            else:
                progress.say(f"{name}: {outcome.cause}")
            if not isinstance(outcome, Skipped):
                for text in outcome.warnings:
                    warnings.warn(f"{name}: {text}", stacklevel=2)

        return executor.run(tasks, on_done=told)


def raise_failures(outcomes: Mapping[str, Outcome]) -> None:
    """Raise a WorkerError with one line a failed task, if there are any."""
    failed = {name: outcome for name, outcome in outcomes.items() if isinstance(outcome, Failed)}
    if failed:
        skipped = sum(isinstance(outcome, Skipped) for outcome in outcomes.values())
        lines = [f"the stage {name} failed: {outcome.cause}" for name, outcome in failed.items()]
        if skipped:
            lines[-1] += f" ({skipped} stages after it were not started)"
        raise WorkerError("\n".join(lines))


def compute_stage(config: dict[str, Any], store: str, folder: str, key: str) -> str:
    """Compute one stage of a run into the store, and return its key; called by a worker.

    Relative paths of the configuration start at `folder`.

    Raises:
        WorkerError: if this worker's plan has no such stage.
    """
    with inside(folder):
        StageRunner(Store(store), Silent()).result(_stage(canonical_json(config), folder, key))
    return key


def inside(folder: str) -> contextlib.AbstractContextManager[None]:
    """Work where relative paths start; on a machine without this folder they will be missed by name."""
    return contextlib.chdir(folder) if os.path.isdir(folder) else contextlib.nullcontext()


def _stage(config: str, folder: str, key: str) -> Stage:
    """Find a stage of a plan by its key."""
    for _ in range(2):
        for stage in upstream(*_plan(config, folder).stages.values()):
            if stage.key == key:
                return stage
        _plan.cache_clear()  # the data may have changed since
    raise WorkerError(
        f"the worker {place()} finds no stage with the key {key[:12]} in the plan of this configuration: its data, its "
        "outlearn or its packages differ from the driver's, or the data changed during the run. Install the same and "
        "mount the same files on every machine."
    )


@lru_cache(maxsize=4)
def _plan(config: str, folder: str) -> AnyPlan:
    """Make a plan once for all its stages; the folder tells plans with relative paths apart."""
    return plan_of(Config.model_validate_json(config))
