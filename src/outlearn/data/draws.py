"""Which labeled points each teacher learns from: the randomness that the decomposition calls variance."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

import numpy as np
from jaxtyping import Float, Int

from outlearn.core.randomness import generator
from outlearn.errors import ConfigError

__all__ = ["draw_teachers", "stratified_order", "stratified_orders"]


def draw_teachers(
    labels: Int[np.ndarray, " points"],
    *,
    models: int,
    size: int,
    draw: Literal["disjoint", "bootstrap", "seeds"],
    seed: int,
) -> Float[np.ndarray, "models points"]:
    """Draw the training points of each teacher from the teacher split.

    disjoint: no point is used twice, so that teachers are independent given the split. bootstrap: `size` points with
    replacement, for each teacher anew. seeds: one subset for all. Draws keep the classes' shares (within one point).

    Returns:
        How often each teacher uses each point, `[models, points]`.

    Raises:
        ConfigError: if the split has too few points for the draw, or a draw would miss all classes but one.
    """
    n_points = len(labels)
    needed = models * size if draw == "disjoint" else size
    if draw != "bootstrap" and needed > n_points:
        raise ConfigError(
            f"teacher.draw: {draw} needs {needed:,} points, and the teacher split has {n_points:,}. "
            f"{_remedy(labels, models if draw == 'disjoint' else 1, size)}"
        )
    counts = np.zeros((models, n_points))
    if draw == "bootstrap":
        for model in range(models):
            counts[model] = _bootstrap(labels, size, generator(seed, "teacher draw", model))
    else:
        order = stratified_order(labels, generator(seed, "teacher draw"))
        for model in range(models):
            first = model * size if draw == "disjoint" else 0
            counts[model, order[first : first + size]] = 1.0
    for model in range(models):
        seen = np.unique(labels[counts[model] > 0])
        if len(seen) < 2:
            raise ConfigError(
                f"teacher {model} would see {size} points of one class only (class {seen[0]}). Raise teacher.labels, "
                "or give more points of the other classes."
            )
    return counts


def _remedy(labels: Int[np.ndarray, " points"], models: int, size: int) -> str:
    """Say what fits: two labels a class for each teacher, and one teacher at least."""
    n_points, least = len(labels), 2 * len(np.unique(labels))
    lower = [f"teacher.labels to {n_points // models}"] if n_points >= least * models else []
    if 1 <= n_points // size < models:
        lower.append(f"teacher.models to {n_points // size}")
    if not lower:
        return "Give more points, or use teacher.draw: bootstrap."
    return f"Lower {' or '.join(lower)}, or use teacher.draw: bootstrap."


def stratified_order(labels: Int[np.ndarray, " points"], rng: np.random.Generator) -> Int[np.ndarray, " points"]:
    """Shuffle points so that each stretch of the result has the classes' shares, within one point a class."""
    return stratified_orders(labels, [rng])[0]


def stratified_orders(
    labels: Int[np.ndarray, " points"], rngs: Iterable[np.random.Generator]
) -> list[Int[np.ndarray, " points"]]:
    """Shuffle points as `stratified_order` does with each generator."""
    classes = [np.flatnonzero(labels == value) for value in np.unique(labels)]
    return [_stratified(classes, len(labels), rng) for rng in rngs]


def _stratified(
    classes: Sequence[Int[np.ndarray, " members"]], n_points: int, rng: np.random.Generator
) -> Int[np.ndarray, " points"]:
    position = np.empty(n_points)
    for members in classes:
        # Member i of n stands at (i + u) / n: one u a class keeps the classes from lining up.
        position[rng.permutation(members)] = (np.arange(len(members)) + rng.random()) / len(members)
    return np.argsort(position, kind="stable")


def _bootstrap(labels: Int[np.ndarray, " points"], size: int, rng: np.random.Generator) -> Float[np.ndarray, " points"]:
    """Count draws with replacement, each class by its share; the remainder of the rounding goes by chance."""
    classes, class_of = np.unique(labels, return_inverse=True)
    shares = np.bincount(class_of) * size / len(labels)
    sizes = np.floor(shares).astype(int)
    rest = shares - sizes
    if size > sizes.sum():
        sizes[rng.choice(len(classes), size - sizes.sum(), replace=False, p=rest / rest.sum())] += 1
    counts = np.zeros(len(labels))
    for value, number in enumerate(sizes):
        members = np.flatnonzero(class_of == value)
        np.add.at(counts, rng.choice(members, number), 1.0)
    return counts
