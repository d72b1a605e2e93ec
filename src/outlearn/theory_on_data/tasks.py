"""Real tasks with numeric targets, seen twice: weak features for the teachers, strong ones for the students.

- `digits`: which digit an image shows, as a number from 0 to 9. Teachers see some of its pixels, students all of them.
- `vader-valence`: how positive a word is, the mean of ten ratings. Teachers see some dimensions of WordLlama's
  embedding, students hidden states of MiniLM; all of it comes inside installed packages.

Features are standardised by the moments of all points, and targets have mean 0 and variance 1, so that a squared error
of 1 is that of predicting the mean.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from outlearn.data.built_in import load_digits_task
from outlearn.data.built_in_numbers import load_vader_valence
from outlearn.encoders.hf import HuggingFace
from outlearn.encoders.wordllama import WordLlama
from outlearn.errors import ConfigError, MissingExtraError, suggest

__all__ = ["REAL_TASKS", "RealTask", "read_tasks"]

WEAK_DIMENSIONS = 64  # of WordLlama: the fewest that it comes with


@dataclass(frozen=True)
class RealTask:
    """Hold one task.

    Attributes:
        name: of `REAL_TASKS`.
        weak, strong: features of the teachers and of the students, standardised, `[points, features]`.
        target: `[points]`, mean 0 and variance 1.
        groups: points of one group stay in one part of a split, `[points]`.
        nested: whether the strong features hold the weak ones, so that a student can say all that a teacher says.
    """

    name: str
    weak: Float[np.ndarray, "points weak"]
    strong: Float[np.ndarray, "points strong"]
    target: Float[np.ndarray, " points"]
    groups: Int[np.ndarray, " points"]
    nested: bool


def read_tasks(names: Sequence[str]) -> tuple[tuple[RealTask, ...], tuple[str, ...]]:
    """Read and encode tasks; one whose packages are missing is left out, and a note says what would bring it back.

    Raises:
        ConfigError: for a name that is unknown or given twice, or no name.
        MissingExtraError: if every task is left out.
    """
    if not names or len(set(names)) < len(names):
        raise ConfigError(f"tasks is {','.join(names)!r}; give one or more of {', '.join(REAL_TASKS)}, each once")
    for name in names:
        if name not in REAL_TASKS:
            raise ConfigError(f"tasks has {name!r}; {suggest(name, REAL_TASKS)}")
    tasks: list[RealTask] = []
    missing: dict[str, MissingExtraError] = {}
    for name in names:
        try:
            tasks.append(REAL_TASKS[name]())
        except MissingExtraError as error:
            missing[name] = error
    if not tasks:
        raise next(iter(missing.values()))
    return tuple(tasks), tuple(f"{name} is left out: {error}." for name, error in missing.items())


def _digits() -> RealTask:
    task = load_digits_task()
    assert task.features is not None  # digits have features, not texts
    pixels = _standardised(task.features)
    return RealTask(task.name, pixels, pixels, _scaled(task.labels), np.arange(task.n_points), nested=True)


def _valence() -> RealTask:
    task = load_vader_valence()
    rows = np.arange(task.n_points)
    weak = WordLlama(dim=WEAK_DIMENSIONS).encode(task, rows, rows)
    strong = HuggingFace(model="minilm").encode(task, rows)
    assert task.groups is not None  # the families of words
    assert task.numbers is not None  # the task is one of numbers
    groups = np.unique(task.groups, return_inverse=True)[1]
    return RealTask(task.name, _standardised(weak), _standardised(strong), _scaled(task.numbers), groups, nested=False)


def _standardised(features: np.ndarray) -> np.ndarray:
    """Give every feature mean 0 and variance 1; those that are constant say nothing and are dropped."""
    x = np.asarray(features, dtype=np.float64)
    spread = x.std(axis=0)
    kept = spread > 1e-6 * np.abs(x).max()
    return (x[:, kept] - x[:, kept].mean(axis=0)) / spread[kept]


def _scaled(target: np.ndarray) -> np.ndarray:
    y = np.asarray(target, dtype=np.float64)
    return (y - y.mean()) / y.std()


REAL_TASKS: dict[str, Callable[[], RealTask]] = {"digits": _digits, "vader-valence": _valence}
