"""Texts whose label a tiny model can find, tables of them, and the overrides that make a run of it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from outlearn.experiment.load_config import load_config
from outlearn.experiment.pipeline import Run, run
from outlearn.store.store import Store

N_POINTS = 120


def words(rng: np.random.Generator, first: int, low: int, high: int) -> str:
    """Write a text of four words, the first of which is between low and high and, with `first`, tells texts apart."""
    return " ".join(f"w{i}" for i in (rng.integers(low, high), first % 40, first // 40, rng.integers(40)))


def write_texts(path: Path, *, classes: int = 2, n_points: int = N_POINTS) -> Path:
    """Write texts whose class is the part of the vocabulary that the first word is from."""
    rng, width = np.random.default_rng(0), 40 // classes
    rows = [
        {"text": words(rng, i, width * (i % classes), width * (i % classes + 1)), "label": i % classes}
        for i in range(n_points)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def write_pairs(path: Path, *, n_points: int = N_POINTS) -> Path:
    """Write pairs of which the text that starts with a word of the first half is preferred."""
    rng = np.random.default_rng(0)
    rows = [{"chosen": words(rng, 2 * i, 0, 20), "rejected": words(rng, 2 * i + 1, 20, 40)} for i in range(n_points)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def learner(who: str, model: Path, **changes: object) -> list[str]:
    """Say how teachers or students of a tiny model are fine-tuned."""
    settings = {
        "kind": "finetune", "model": str(model), "epochs": 1, "batch_size": 16, "learning_rate": 3e-3,
        "max_length": 32, "dropout": 0.0,
    }  # fmt: skip
    return [f"{who}.learner={json.dumps({**settings, **changes})}"]


SMALL = (
    "teacher.models=2",
    "teacher.labels=16",
    "student.seeds=1",
    "student.loss=[forward_ce]",
    "student.checkpoints=[0.5]",
    "ceiling.models=1",
)


def small_run(folder: Path, data: Path, overrides: list[str], *, out: str) -> Run:
    """Run what `SMALL` and the overrides say, in the store of the folder."""
    config = load_config(overrides=[f"data.path={data}", *SMALL, *overrides])
    return run(config, store=Store(folder / "store"), out=folder / out)
