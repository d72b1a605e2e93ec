"""Plan a sweep: which stages its runs need, which are in the store, and what the rest will take. Nothing is trained.

Stages that several runs share, and models that are stages of their own, are tasks of a first wave; all other stages of
a run are computed where the run is finished, so that its data are read once.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from outlearn.errors import ConfigError, DataError, OutlearnError
from outlearn.experiment.kind_rules import kind_of
from outlearn.experiment.plan import points_key, read_points, read_task, task_key
from outlearn.experiment.plans import AnyPlan, plan_of
from outlearn.experiment.stage_tasks import wants_gpu
from outlearn.progress import Progress, Silent
from outlearn.results.any_run import load_run
from outlearn.results.number_run import NumberRun
from outlearn.results.run_folder import Run
from outlearn.results.sweep import RUNS
from outlearn.store.stage import Stage, upstream
from outlearn.store.store import Store
from outlearn.sweep.expansion import Member, expand
from outlearn.sweep.sweep_file import SweepConfig
from outlearn.version import __version__

__all__ = ["PlannedRun", "PlannedStage", "SweepPlan", "finished_run", "plan_sweep"]


@dataclass(frozen=True)
class PlannedStage:
    """A stage that at least one run needs; plain data, since a `Stage` would keep the points of its runs in memory.

    Attributes:
        key, name: of the stage.
        parents: keys of the stages that it reads.
        users: labels of the runs that need it.
        apart: whether it is a task of its own.
        stored: whether the store has it.
        seconds: how long it should take: the median of the stored stages that are most like it; None if unknown.
        gpu: whether a GPU helps.
    """

    key: str
    name: str
    parents: tuple[str, ...]
    users: tuple[str, ...]
    apart: bool
    stored: bool
    seconds: float | None
    gpu: bool


@dataclass(frozen=True)
class PlannedRun:
    """A member of the sweep.

    Attributes:
        member: its label, configuration and values.
        task: name of its task; empty if its data cannot be read.
        n_students: how many students it trains.
        stages: keys of all stages that it needs.
        finished: whether its folder holds the results of these very stages.
        problem: why no run can come of it, or an empty string.
    """

    member: Member
    task: str = ""
    n_students: int = 0
    stages: tuple[str, ...] = ()
    finished: bool = False
    problem: str = ""


@dataclass(frozen=True)
class SweepPlan:
    """What a sweep comes to.

    Attributes:
        sweep: the file.
        runs: in the order of the file.
        stages: key -> stage, inputs first.
        run_seconds: what it takes to read, measure and write one run, from runs that are finished; None if unknown.
    """

    sweep: SweepConfig
    runs: tuple[PlannedRun, ...]
    stages: Mapping[str, PlannedStage]
    run_seconds: float | None

    @property
    def n_students(self) -> int:
        """Return how many students all runs train."""
        return sum(run.n_students for run in self.runs)

    @property
    def to_do(self) -> tuple[PlannedRun, ...]:
        """Return the runs that are possible and not finished."""
        return tuple(run for run in self.runs if not run.finished and not run.problem)

    def needed(self) -> tuple[PlannedStage, ...]:
        """Return the stages that have to be computed: not stored, and needed by a run that is to be done."""
        wanted = {key for run in self.to_do for key in run.stages}
        return tuple(stage for key, stage in self.stages.items() if key in wanted and not stage.stored)


def plan_sweep(sweep: SweepConfig, *, store: Store, out: Path, progress: Progress | None = None) -> SweepPlan:
    """Plan a sweep: read the data of each member and look into the store and the folder `out`, which need not exist.

    Raises:
        ConfigError: if a member's configuration is wrong. A run whose data are at fault is part of the plan, with its
            problem: the others can go on.
    """
    members = expand(sweep)
    _check_kinds(members, sweep.ladder)
    runs: list[PlannedRun] = []
    stages: dict[str, Stage] = {}
    users: dict[str, list[str]] = {}
    parts: set[str] = set()  # stages that a stage of a run is put together from
    for member, plan in zip(members, _plans(members, progress or Silent()), strict=True):
        if isinstance(plan, OutlearnError):
            runs.append(PlannedRun(member, problem=str(plan)))
            continue
        needed = {stage.key: stage for stage in upstream(*plan.stages.values())}
        runs.append(
            PlannedRun(
                member,
                task=plan.task.name,
                n_students=plan.n_students,
                stages=tuple(needed),
                finished=_is_finished(plan, out / RUNS / member.label),
            )
        )
        for key, stage in needed.items():
            stages.setdefault(key, stage)
            users.setdefault(key, []).append(member.label)
        parts |= needed.keys() - {stage.key for stage in plan.stages.values()}
    known = _stored_seconds(store)
    return SweepPlan(
        sweep=sweep,
        runs=tuple(runs),
        stages={
            key: PlannedStage(
                key=key,
                name=stage.name,
                parents=tuple(parent.key for parent in stage.parents.values()),
                users=tuple(users[key]),
                apart=len(users[key]) > 1 or key in parts,
                stored=key in store,
                seconds=_guess(stage, known.get(stage.name, ())),
                gpu=wants_gpu(stage),
            )
            for key, stage in stages.items()
        },
        run_seconds=_run_seconds(runs, out),
    )


def _check_kinds(members: Sequence[Member], ladder: str | None) -> None:
    """Refuse runs of classes beside runs of numbers, and risks of different divergences: they are not compared."""
    numeric = {kind_of(member.config.data.model_dump()).numeric: member.label for member in members}
    if len(numeric) > 1:
        raise ConfigError(
            f"the sweep has runs of classes ({numeric[False]}) and of numbers ({numeric[True]}), which have no score "
            "in common. Make a sweep of each."
        )
    if True in numeric and ladder is not None:
        raise ConfigError(f"ladder: {ladder} is of classes, and this sweep is of numbers; vary the key without ladder.")
    units = {f"{member.config.measure.generator}, {member.config.measure.order}" for member in members}
    if True in numeric and len(units) > 1:
        raise ConfigError(
            f"runs of numbers are compared by risk, and this sweep measures it in {' and in '.join(sorted(units))}. "
            "Make a sweep of each measure.generator and measure.order."
        )


def _plans(members: Sequence[Member], progress: Progress) -> list[AnyPlan | OutlearnError]:
    """Plan all members, or say what is wrong; data that several share are read once, and so their stages share them."""
    alike: dict[tuple[str, str], list[int]] = {}
    for index, member in enumerate(members):
        alike.setdefault((task_key(member.config), points_key(member.config)), []).append(index)
    plans: dict[int, AnyPlan | OutlearnError] = {}
    task, of_task = None, ""
    with progress.bar(f"planning {len(members)} runs") as advance:
        for (key, _), indices in sorted(alike.items()):  # one task after another: one is in memory at a time
            config = members[indices[0]].config
            try:
                task, of_task = task if key == of_task else read_task(config), key
                points = read_points(config, task)
            except OutlearnError as error:
                plans |= dict.fromkeys(indices, error)
                continue
            for index in indices:
                try:
                    plans[index] = plan_of(members[index].config, points)
                except OutlearnError as error:
                    plans[index] = error
                if advance is not None:
                    advance(len(plans), len(members))
    return [plans[index] for index in range(len(members))]


def finished_run(folder: Path) -> Run | NumberRun | None:
    """Return the run that a folder holds; None where there is none, or one of another version."""
    try:
        return load_run(folder)
    except DataError:
        return None


def _is_finished(plan: AnyPlan, folder: Path) -> bool:
    """Say whether a run folder holds the results of this very plan: its configuration, data, stages and version."""
    run = finished_run(folder)
    return (
        run is not None
        and run.results.config_key == plan.key
        and run.results.outlearn == __version__
        and {name: stage.key for name, stage in plan.stages.items()}
        == {name: stage.key for name, stage in run.results.stages.items()}
    )


def _run_seconds(runs: Sequence[PlannedRun], out: Path) -> float | None:
    """Return the median time of finished runs outside their stages."""
    finished = [finished_run(out / RUNS / run.member.label) for run in runs if run.finished]
    seconds = [run.results.seconds for run in finished if run is not None]
    return statistics.median(took["data"] + took["measuring"] for took in seconds) if seconds else None


def _stored_seconds(store: Store) -> dict[str, list[tuple[dict[str, Any], float]]]:
    """Return name -> settings and seconds of the stages in the store."""
    known: dict[str, list[tuple[dict[str, Any], float]]] = {}
    for _, meta in store.entries():
        if meta and isinstance(meta.get("settings"), dict):
            known.setdefault(meta["stage"], []).append((meta["settings"], meta["seconds"]))
    return known


def _guess(stage: Stage, known: Sequence[tuple[dict[str, Any], float]]) -> float | None:
    """Guess how long a stage takes: the median of those that share the most settings with it."""
    if not known:
        return None
    settings = json.loads(json.dumps(dict(stage.settings)))
    alike = [sum(given.get(key) == value for key, value in settings.items()) for given, _ in known]
    best = max(alike)
    return statistics.median(took for (_, took), share in zip(known, alike, strict=True) if share == best)
