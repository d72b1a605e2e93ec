"""Small runs that keep their students, on texts and on pairs, without a model of torch."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from outlearn.experiment.load_config import load_config
from outlearn.experiment.pipeline import run
from outlearn.results.run_folder import Run
from outlearn.store.store import Store

GOOD, BAD = ("fine", "warm", "witty", "bright"), ("dull", "cold", "flat", "grey")
SMALL = (
    "teacher.models=3",
    "teacher.labels=20",
    "teacher.encoder={kind: tfidf, max_features: 20}",
    "student.encoder={kind: tfidf}",
    "student.seeds=2",
    "student.learner.epochs=4",
    "student.checkpoints=[1]",
    "student.loss=[forward_ce, reverse_ce]",
    "ceiling.models=2",
)


def sentence(rng: np.random.Generator, words: tuple[str, ...]) -> str:
    """Write a text of one telling word among others."""
    others = " ".join(f"w{i}" for i in rng.integers(0, 30, 5))
    return f"a {rng.choice(words)} film {others}"


def write_films(path: Path, *, n_points: int = 240) -> Path:
    """Write texts whose label, "good" or "bad", one of their words tells."""
    rng = np.random.default_rng(0)
    rows = [
        {"id": f"p{i}", "text": sentence(rng, GOOD if i % 2 else BAD), "label": "good" if i % 2 else "bad"}
        for i in range(n_points)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def write_film_pairs(path: Path, *, n_points: int = 240) -> Path:
    """Write pairs, the better of which is of a good film."""
    rng = np.random.default_rng(0)
    rows = [{"chosen": sentence(rng, GOOD), "rejected": sentence(rng, BAD)} for _ in range(n_points)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def keep(folder: Path, data: Path, *overrides: str, out: str = "run") -> Run:
    """Run on these data and keep a student; stages are kept in `folder / store`."""
    config = load_config(overrides=[f"data.path={data}", *SMALL, *overrides])
    return run(config, store=Store(folder / "store"), out=folder / out)


def texts_of_test(finished: Run) -> list[str]:
    """Return the texts of the test points, in the order of the run's predictions."""
    return [point.text for point in finished.predictions.points]
