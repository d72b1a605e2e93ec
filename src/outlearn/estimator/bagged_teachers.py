"""Weak teachers from any scikit-learn classifier: each learns from a bootstrap of the labeled points.

The bootstraps are drawn within classes, so that every teacher sees every class.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from jaxtyping import Float, Int, Shaped
from sklearn.base import clone
from threadpoolctl import threadpool_limits

from outlearn.blas_threads import one_blas_thread
from outlearn.data.draws import draw_teachers
from outlearn.errors import ConfigError

__all__ = ["bagged_teachers", "teacher_probs", "weak_columns"]

LARGEST_SEED = 2**31 - 1


def weak_columns(
    columns: Any, *, n_features: int, names: Sequence[str] = (), argument: str = "teacher_features"
) -> Int[np.ndarray, " columns"]:
    """Return the indices of the columns that teachers see, given as indices, names or a mask; all for None.

    Args:
        columns: what was given.
        n_features, names: of X.
        argument: what errors call it.

    Raises:
        ConfigError: if they are none of these, or no column at all.

    Examples:
        >>> weak_columns(["b"], n_features=3, names=["a", "b", "c"])
        array([1])
    """
    if columns is None:
        return np.arange(n_features)
    given = np.asarray(columns)
    if given.dtype.kind in "OUS":
        unknown = [name for name in given.ravel().tolist() if name not in names]
        if unknown:
            known = ", ".join(map(str, names)) or "not named"
            raise ConfigError(f"{argument} names {unknown[0]!r}; the columns of X are {known}.")
        given = np.array([list(names).index(name) for name in given.ravel().tolist()])
    if given.dtype.kind == "b" and given.shape == (n_features,):
        given = np.flatnonzero(given)
    inside = given.dtype.kind in "iu" and given.ndim == 1 and np.all((-n_features <= given) & (given < n_features))
    if not inside or not given.size:
        raise ConfigError(
            f"{argument} is {columns!r}; expected at least one column of X, as indices from 0 to "
            f"{n_features - 1}, names, or a mask of {n_features}."
        )
    return given % n_features


def bagged_teachers(
    prototype: Any,
    X: Shaped[np.ndarray, "points features"],
    codes: Int[np.ndarray, " points"],
    *,
    n_teachers: int,
    seed: int,
    targets: Float[np.ndarray, " points"] | None = None,
) -> tuple[list[Any], Int[np.ndarray, "teachers points"]]:
    """Train clones of a classifier or regressor, each on its own bootstrap, with every `random_state` in it set.

    Regressors learn `targets`, and `codes` are the strata that bootstraps keep in proportion. Returns the teachers, and
    how often each used each point.
    """
    learned = codes if targets is None else targets
    counts = draw_teachers(codes, models=n_teachers, size=len(codes), draw="bootstrap", seed=seed).astype(int)
    rng = np.random.default_rng(seed)
    teachers = []
    with _one_thread():  # lbfgs with several BLAS threads can be 30 times slower than with one
        for count in counts:
            teacher = clone(prototype)
            seeded = [n for n in sorted(teacher.get_params()) if n.rpartition("__")[2] == "random_state"]
            teacher.set_params(**{name: int(rng.integers(LARGEST_SEED)) for name in seeded})
            rows = np.repeat(np.arange(len(codes)), count)
            teachers.append(teacher.fit(X[rows], learned[rows]))
    return teachers, counts


def teacher_probs(
    teacher: Any, X: Shaped[np.ndarray, "points features"], n_classes: int
) -> Float[np.ndarray, "points classes"]:
    """Return a teacher's probabilities with a column for each class, whichever it has seen.

    Raises:
        ConfigError: if the teacher has no `predict_proba`.
    """
    if not callable(getattr(teacher, "predict_proba", None)):
        raise ConfigError(
            f"the teacher {type(teacher).__name__} has no predict_proba; students learn from probabilities. Wrap it in "
            "sklearn.calibration.CalibratedClassifierCV."
        )
    with _one_thread():
        found = np.asarray(teacher.predict_proba(X), dtype=np.float64)
    probs = np.zeros((len(X), n_classes))
    probs[:, teacher.classes_] = found
    return np.asarray(probs / probs.sum(axis=1, keepdims=True))


@contextmanager
def _one_thread() -> Iterator[None]:
    with one_blas_thread(), threadpool_limits(1, user_api="openmp"):  # the second is of this thread alone
        yield
