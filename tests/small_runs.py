"""A small task that a run finishes in a second, without extras: its functions, and fixtures for every test."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from outlearn.experiment.load_config import load_config
from outlearn.experiment.pipeline import run
from outlearn.results.run_folder import Run
from outlearn.store.store import Store

SMALL = (
    "teacher.models=3",
    "teacher.labels=20",
    "student.seeds=2",
    "student.learner.epochs=4",
    "student.checkpoints=[1]",
    "student.loss=[forward_ce, reverse_ce]",
    "ceiling.models=2",
)

Runner = Callable[..., Run]


def make_task_file(path: Path, *, seed: int = 0, n_points: int = 400, **replaced: np.ndarray) -> Path:
    """Write a two-class task of Gaussian features with ids; `replaced` replaces arrays of the file."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, n_points)
    features = rng.normal(size=(n_points, 6)) + 0.8 * (2 * labels[:, None] - 1)
    ids = np.array([f"p{i}" for i in range(n_points)])
    arrays = {"features": features.astype(np.float32), "labels": labels, "ids": ids, **replaced}
    np.savez(path, **arrays)
    return path


@pytest.fixture
def task_file(tmp_path: Path) -> Path:
    return make_task_file(tmp_path / "task.npz")


@pytest.fixture
def write_task() -> Callable[..., Path]:
    return make_task_file


@pytest.fixture
def small_run(tmp_path: Path, task_file: Path) -> Runner:
    """Return a function that runs the small task with overrides, in one store."""
    count = iter(range(1000))

    def go(*overrides: str, path: Path = task_file) -> Run:
        config = load_config(overrides=[f"data.path={path}", *SMALL, *overrides])
        return run(config, store=Store(tmp_path / "store"), out=tmp_path / f"run{next(count)}")

    return go
