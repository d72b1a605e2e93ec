"""A run, in one straight line.

config -> plan (task, splits, stages) -> teachers, students, ceilings -> predictions -> results

Each arrow is one frozen value; nothing downstream calls upstream. What costs time goes through the store, so a run
that was killed goes on where it was, and a second identical run computes nothing but the results.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

from outlearn.core.labelers.combinations import COMBINATIONS, combined, label_source
from outlearn.core.predictions import Predictions
from outlearn.experiment.config import Config
from outlearn.experiment.evaluation import Evaluation, evaluate, notes_on_ties
from outlearn.experiment.kept_students import keep_students
from outlearn.experiment.load_config import load_config
from outlearn.experiment.number_line import finish_numbers
from outlearn.experiment.number_plan import NumberPlan
from outlearn.experiment.plan import Plan
from outlearn.experiment.plans import plan_of
from outlearn.experiment.points import EVALUATED
from outlearn.experiment.predictions_files import write_predictions
from outlearn.experiment.results import measure
from outlearn.experiment.stage_tasks import compute_stages, raise_failures
from outlearn.experiment.stages.auto import AutoStudents
from outlearn.experiment.stages.ceilings import CEILINGS, UNTUNED
from outlearn.experiment.stages.controls import ALL_LABELS, OWN_LABELS
from outlearn.experiment.stages.features import notes_on_features
from outlearn.experiment.stages.prompted import notes_on_prompts
from outlearn.experiment.stages.students import Students, read_students
from outlearn.experiment.stages.taught import gain_of_labels, taught_stage
from outlearn.experiment.stages.teachers import teacher_predictions
from outlearn.progress import Progress, Silent
from outlearn.results.label_gain import LabelGain
from outlearn.results.measurement import Withheld
from outlearn.results.number_run import NumberRun
from outlearn.results.run_folder import Run
from outlearn.results.selection import Selection
from outlearn.results.writing import RunWriter, new_run_folder
from outlearn.store.executors.runner import TaskRunner
from outlearn.store.side_by_side import compute_in_order
from outlearn.store.stage import Stage
from outlearn.store.store import Entry, Store, default_store

__all__ = ["run"]


def run(
    config: Config | str | Path | Mapping[str, Any] | None = None,
    *,
    store: Store | None = None,
    out: Path | None = None,
    progress: Progress | None = None,
    executor: TaskRunner | None = None,
) -> Run | NumberRun:
    """Train teachers and students, compare them, and write the run folder.

    Args:
        config: what to do: what `load_config` returns, or takes. None is the offline default.
        store: where stages are kept; None is the default one, as of `outlearn run`.
        out: the run folder: new, empty, or of this very configuration; None is a new one below `runs`.
        progress: where to report; None shows bars in a notebook, and nothing elsewhere.
        executor: what computes the stages that the store has not, on workers that see the store; None computes them
            here, two at once where neither needs the other.

    Returns:
        The run, as `ol.load_run` reads it from the folder; of a task whose label is a number, a `NumberRun`.

    Raises:
        OutlearnError: for anything that the configuration or the data make impossible.
        WorkerError: if a stage failed on its worker; the others are finished and kept.
    """
    if not isinstance(config, Config):
        config = load_config(config)
    folder = new_run_folder(config.data.name or Path(config.data.path or "run").stem) if out is None else Path(out)
    with _shown(progress) as shown, RunWriter(folder, config.to_yaml()) as writer:
        return _run(config, store or Store(default_store()), writer, shown, executor)


def _shown(progress: Progress | None) -> AbstractContextManager[Progress]:
    if progress is not None:
        return nullcontext(progress)
    from outlearn import progress_bars  # rich, which a command line has loaded, and a worker has no use for

    return progress_bars.Bars() if progress_bars.in_notebook() else nullcontext(Silent())


def _run(
    config: Config, store: Store, writer: RunWriter, progress: Progress, executor: TaskRunner | None
) -> Run | NumberRun:
    """Go down the line; see the module's text."""
    clock = _Clock(writer)
    plan = plan_of(config)
    what = "numbers" if isinstance(plan, NumberPlan) else f"{plan.task.n_classes} classes"
    progress.say(f"{plan.task.name}: {plan.task.n_points:,} points, {what}; {plan.splits}")
    clock.lap("data")
    there = {name for name, stage in plan.stages.items() if stage.key in store}
    if executor is not None:
        raise_failures(compute_stages([plan], store=store, executor=executor, progress=progress))
        clock.lap("stages")

    def done(name: str, entry: Entry, seconds: float) -> None:
        # What workers have computed for this run is not what the store had before it.
        clock.entry(name, replace(entry, cached=entry.cached and name in there), seconds)

    runner = compute_in_order(plan.stages, store, progress, on_done=done)
    clock.in_order_of(plan.stages)
    if isinstance(plan, NumberPlan):
        of_numbers = finish_numbers(plan, clock.entries, writer, progress, clock.lap, runner.result)
        of_numbers = of_numbers.model_copy(update={"seconds": clock.seconds(), "files": dict(writer.hashes)})
        writer.json("results.json", of_numbers)
        writer.log("done")
        return NumberRun(writer.folder, of_numbers, config.model_dump(mode="json"))
    labels = _entry(plan.labeling.teachers, clock.entries)
    teachers = teacher_predictions(labels, plan.task, plan.splits)
    students = _students(plan, clock.entries)
    predictions = _predictions(plan, clock.entries, teachers, students)
    test, validation = predictions["test"], predictions["validation"]
    selections = _selections(plan, clock.entries, test)
    with progress.bar("measuring"):
        caveats = (*plan.notes, *notes_on_prompts(labels), *notes_on_features(clock.entries), *notes_on_ties(test))
        results = measure(test, validation, plan, caveats=caveats, selections=selections, entries=clock.entries)
    clock.lap("measuring")
    results = results.model_copy(update={"seconds": clock.seconds()})
    write_predictions(writer, predictions, plan.task, plan.splits, plan.teacher_names)
    with progress.bar("keeping the student"):
        keep_students(writer, plan, runner.result, students, test, results)
    results = results.model_copy(update={"files": dict(writer.hashes)})
    writer.json("results.json", results)
    writer.log("done")
    return Run(writer.folder, results, config.model_dump(mode="json"))


def _students(plan: Plan, entries: Mapping[str, Entry]) -> list[Students]:
    """Read the students of every loss."""
    features = entries.get("student features")  # fine-tuned models have none
    students = read_students(entries["students"], plan.labeling, features) if "students" in entries else []
    for auto in plan.chosen.values():
        choice = auto.choice(_entry(auto.choice_stage, entries))
        students.append(auto.read(_entry(auto.students_stage, entries), choice))
    return students


def _entry(stage: Stage, entries: Mapping[str, Entry]) -> Entry:
    """Find what a stage of the plan has computed."""
    return next(entry for entry in entries.values() if entry.key == stage.key)


def _predictions(
    plan: Plan, entries: Mapping[str, Entry], teachers: Mapping[str, Predictions], students: Sequence[Students]
) -> dict[str, Evaluation]:
    """Gather everybody's predictions on the splits that are evaluated."""
    source = label_source(teachers, plan.config.weak_labels.source)
    ensembles = {name: combined(teachers, name) for name in COMBINATIONS}
    return {
        split: evaluate(
            split,
            labeling=plan.labeling,
            teachers=teachers,
            source=source,
            ensembles=ensembles,
            students=students,
            true_labels={
                name: entries[name].arrays[split][-1]
                for name in (CEILINGS, UNTUNED, OWN_LABELS, ALL_LABELS)
                if name in entries
            },
        )
        for split in EVALUATED
    }


def _selections(plan: Plan, entries: Mapping[str, Entry], test: Evaluation) -> dict[str, Selection]:
    """Write what was chosen without labels, by recipe."""

    def label_gain(auto: AutoStudents) -> LabelGain | Withheld | None:
        stage = taught_stage(auto)
        level = plan.config.measure.level
        return None if stage is None else gain_of_labels(_entry(stage, entries), auto, test.labels, level=level)

    return {
        name: auto.selection(
            _entry(auto.choice_stage, entries), _entry(auto.students_stage, entries), test.labels, label_gain(auto)
        )
        for name, auto in plan.chosen.items()
    }


class _Clock:
    """Time stages and log them as they end."""

    def __init__(self, writer: RunWriter) -> None:
        self.entries: dict[str, Entry] = {}
        self._writer = writer
        self._laps: dict[str, float] = {}
        self._start = self._last = time.perf_counter()
        writer.log("start")

    def lap(self, name: str) -> None:
        """End what began at the lap before."""
        now = time.perf_counter()
        self._log(name, now - self._last)
        self._last = now

    def entry(self, name: str, entry: Entry, seconds: float) -> None:
        """Note the end of a stage, which others may have run beside."""
        self.entries[name] = entry
        self._log(name, seconds)
        self._last = time.perf_counter()
        self._writer.log("stored", stage=name, key=entry.key, cached=entry.cached)
        for model, losses in enumerate(entry.arrays.get("training_loss", ())):
            self._writer.log("training loss", stage=name, model=model, epochs=[v for v in losses.tolist() if v == v])

    def in_order_of(self, stages: Iterable[str]) -> None:
        """Order stages as the plan does, whichever ended first."""
        self.entries = {name: self.entries[name] for name in stages}
        self._laps |= {name: self._laps.pop(name) for name in self.entries}

    def _log(self, name: str, seconds: float) -> None:
        self._laps[name] = round(seconds, 3)
        self._writer.log("stage", stage=name, seconds=self._laps[name])

    def seconds(self) -> dict[str, float]:
        return {**self._laps, "total": round(time.perf_counter() - self._start, 3)}
