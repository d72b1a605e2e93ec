"""A run, in one straight line.

config -> task -> splits -> features -> teachers -> weak labels -> students, ceilings -> predictions -> results

Each arrow is one frozen value; nothing downstream calls upstream. What costs time goes through the store, so a run
that was killed goes on where it was, and a second identical run computes nothing but the results.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from outlearn.core.predictions import Predictions
from outlearn.data.load import load_task
from outlearn.data.splits import Splits, make_splits
from outlearn.data.task import Task
from outlearn.encoders.base import get_encoder
from outlearn.errors import ConfigError
from outlearn.experiment.config import Config
from outlearn.experiment.evaluation import evaluate
from outlearn.experiment.external import external_teachers
from outlearn.experiment.labelling import label_source, weak_labels
from outlearn.experiment.predictions_files import write_predictions
from outlearn.experiment.progress import Progress, Silent
from outlearn.experiment.results import measure
from outlearn.experiment.run_folder import RunWriter
from outlearn.experiment.stages import EVALUATED, fit_ceilings, fit_students, fit_teachers, make_features
from outlearn.experiment.store import Entry, Store, stage_key

__all__ = ["Run", "run"]


@dataclass(frozen=True)
class Run:
    """What a run gives.

    Attributes:
        folder: the run folder.
        results: the content of results.json.
        entries: name of each stage -> its entry in the store.
    """

    folder: Path
    results: dict[str, Any]
    entries: Mapping[str, Entry]

    @property
    def all_cached(self) -> bool:
        """Say whether every stage came from the store."""
        return all(entry.cached for entry in self.entries.values())


def run(config: Config, *, store: Store, out: Path, progress: Progress | None = None) -> Run:
    """Train teachers and students, compare them, and write the run folder.

    Args:
        config: what to do; see `load_config`.
        store: where stages are kept.
        out: the run folder: new, empty, or of this very configuration.
        progress: where to report.

    Returns:
        The results; they are also in the folder.

    Raises:
        OutlearnError: for anything that the configuration or the data make impossible.
    """
    progress = progress or Silent()
    with RunWriter(out, config.to_yaml()) as writer:
        return _run(config, store, writer, progress)


def _run(config: Config, store: Store, writer: RunWriter, progress: Progress) -> Run:
    """Go down the line; see the module's text."""
    clock = _Clock(writer)
    task = load_task(**config.data.model_dump(exclude={"fractions"}), seed=config.seed)
    splits = make_splits(task, **config.data.fractions.model_dump(), seed=config.seed)
    progress.say(f"{task.name}: {task.n_points:,} points, {task.n_classes} classes; {splits}")
    clock.lap("data")

    teachers, teacher_names, teacher_key, notes = _teachers(task, splits, config, store, progress, clock)
    source = {name: label_source(predictions, config.weak_labels.source) for name, predictions in teachers.items()}
    targets = weak_labels(source["student"], config.weak_labels, seed=config.seed)
    labels_key = stage_key(
        "weak labels", 1, {**config.weak_labels.model_dump(), "seed": config.seed}, {"teachers": teacher_key}
    )

    encoder = get_encoder(_required(config.student.encoder, "student.encoder"))
    features = make_features(task, encoder, splits.student, store=store, progress=progress)
    clock.entry("student features", features.entry)
    bias = task.kind != "preference"
    students = fit_students(targets, labels_key, features, splits, config, bias=bias, store=store, progress=progress)
    clock.entry("students", students.entry)
    ceilings = fit_ceilings(task, features, splits, config, store=store, progress=progress)
    clock.entry("ceilings", ceilings.entry)

    predictions = {
        split: evaluate(
            split,
            task=task,
            splits=splits,
            config=config,
            teachers=teachers,
            source=source,
            students=students,
            ceilings=ceilings,
        )
        for split in EVALUATED
    }
    with progress.bar("measuring"):
        results = measure(predictions["test"], predictions["validation"], task=task, splits=splits, config=config)
    clock.lap("measuring")
    results["task"]["notes"] += notes
    results["config_key"] = stage_key("run", 1, config.model_dump(mode="json"), {"task": task.fingerprint})
    results["seconds"] = clock.seconds()
    results["stages"] = {name: {"key": entry.key, "cached": entry.cached} for name, entry in clock.entries.items()}
    write_predictions(writer, predictions, task, splits, teacher_names)
    writer.json("results.json", results)
    writer.log("done")
    return Run(writer.folder, results, clock.entries)


def _teachers(
    task: Task, splits: Splits, config: Config, store: Store, progress: Progress, clock: _Clock
) -> tuple[Mapping[str, Predictions], tuple[str, ...], str, tuple[str, ...]]:
    """Train the teachers, or read what they said elsewhere."""
    if config.teacher.external:
        external = external_teachers(task, splits, config.teacher)
        return external.predictions, external.names, external.fingerprint, external.notes
    encoder = get_encoder(_required(config.teacher.encoder, "teacher.encoder"))
    features = make_features(task, encoder, splits.teacher, store=store, progress=progress)
    clock.entry("teacher features", features.entry)
    teachers, entry = fit_teachers(
        task, splits, features, config.teacher, seed=config.seed, store=store, progress=progress
    )
    clock.entry("teachers", entry)
    return teachers, tuple(f"teacher {m}" for m in range(config.teacher.models)), entry.key, ()


def _required(encoder: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    if not encoder:
        raise ConfigError(f"{key} is missing; give a mapping with its kind, such as {{kind: tfidf}}")
    return encoder


class _Clock:
    """Time stages and log them as they end."""

    def __init__(self, writer: RunWriter) -> None:
        self.entries: dict[str, Entry] = {}
        self._writer = writer
        self._laps: dict[str, float] = {}
        self._start = self._last = time.perf_counter()
        writer.log("start")

    def lap(self, name: str) -> None:
        now = time.perf_counter()
        self._laps[name] = round(now - self._last, 3)
        self._last = now
        self._writer.log("stage", stage=name, seconds=self._laps[name])

    def entry(self, name: str, entry: Entry) -> None:
        self.entries[name] = entry
        self.lap(name)
        self._writer.log("stored", stage=name, key=entry.key, cached=entry.cached)

    def seconds(self) -> dict[str, float]:
        return {**self._laps, "total": round(time.perf_counter() - self._start, 3)}
