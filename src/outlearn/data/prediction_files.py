"""Predictions from files of any other program: what the numbers mean, and which points they are of.

What the numbers are (logits, log-probabilities, probabilities, or these up to a factor) is said by the caller and never
inferred; an array that contradicts what was said is refused. Rows are joined by id where both sides have ids, else by
position, and a note says which.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from jaxtyping import Int, Shaped

from outlearn.core.predictions import Predictions
from outlearn.data.array_files import ArrayFile, read_array
from outlearn.data.point_ids import by_position, join_by_id, refuse_repeats
from outlearn.errors import AlignmentError, ConfigError, DataError, DomainError, OutlearnError, ShapeError, suggest

__all__ = ["KINDS", "PredictionFiles", "columns_in_order", "read_predictions"]

KINDS = ("logits", "log_probs", "probs", "unnormalised_probs")
# Other programs save float16 or three decimals: rows this near to a sum of 1 are scaled to it, and a note says so.
ROUNDED = 5e-3
EXACT = 1e-6


@dataclass(frozen=True, eq=False)
class PredictionFiles:
    """Hold the predictions that one or several files make.

    Attributes:
        predictions: models in the order of the files.
        kind: what the numbers were.
        sources: the files.
        class_names: from CSV headers; None for arrays.
        has_ids: whether the points have ids of their own.
        notes: what a reader should know, in sentences.
    """

    predictions: Predictions
    kind: str
    sources: tuple[str, ...]
    class_names: tuple[str, ...] | None = None
    has_ids: bool = False
    notes: tuple[str, ...] = field(default=())


def read_predictions(
    paths: str | Path | Sequence[str | Path],
    *,
    kind: str = "logits",
    role: str = "teacher",
    like: PredictionFiles | None = None,
    teacher_of: Int[np.ndarray, " models"] | None = None,
) -> PredictionFiles:
    """Read the predictions of one or several models.

    Args:
        paths: files, each `[models, points, classes]` or `[points, classes]` (one model); a CSV file is one model with
            one column a class and an optional column `id`.
        kind: "logits", "log_probs", "probs", or "unnormalised_probs": numbers of at least 0, of which each row is
            divided by its sum.
        role: "teacher" or "student", how messages call them.
        like: predictions whose points and classes these must be; where both have ids, these are brought into its order.
        teacher_of: for students, see `Predictions`.

    Returns:
        The predictions.

    Raises:
        ConfigError: for an unknown kind.
        DataError: for a file that cannot be read.
        ShapeError, DomainError: for an array of another shape, a value that is no number, rows that are no
            distributions, or logits that look like probabilities.
        AlignmentError: for files of different points or classes.
    """
    if kind not in KINDS:
        raise ConfigError(f"the kind of the {role}'s numbers is {kind!r}; {suggest(kind, KINDS)}")
    files = [read_array(path) for path in ([paths] if isinstance(paths, str | Path) else paths)]
    if not files:
        raise DataError(f"no file of {role} predictions; expected at least one.")
    names = (like.class_names if like else None) or next((f.columns for f in files if f.columns), None)
    layers = [_layers(file, role, names) for file in files]
    ids = _ids(files, role)
    for file, layer in zip(files[1:], layers[1:], strict=True):
        if layer.shape[1:] != layers[0].shape[1:]:
            (points, classes), (n, k) = layers[0].shape[1:], layer.shape[1:]
            raise AlignmentError(
                f"{file.source} has {n} points of {k} classes, and {files[0].source} has {points} of {classes}. Every "
                f"{role} must predict the same points."
            )
    notes = list(
        dict.fromkeys(note for file, layer in zip(files, layers, strict=True) if (note := _check(file, layer, kind)))
    )
    sources = tuple(file.source for file in files)
    for m in range(1, len(ids)):
        layers[m] = layers[m][:, join_by_id(ids[m], ids[0], sources[m], sources[0])]
    whole = layers[0] if len(layers) == 1 else np.concatenate(layers)
    predictions = _predictions(files, whole, kind, ids[0] if ids else None, teacher_of)
    found = PredictionFiles(predictions, kind, sources, names, bool(ids), tuple(notes))
    return found if like is None else _brought_into_order(found, like, role)


def _layers(file: ArrayFile, role: str, names: tuple[str, ...] | None) -> np.ndarray:
    """Return `[models, points, classes]`."""
    values = file.values if file.columns is None else columns_in_order(file, names)
    if values.dtype.kind not in "fiu":
        raise DomainError(f"{file.source}: {role} predictions must be real numbers; their dtype is {values.dtype}.")
    if values.ndim not in (2, 3) or 0 in values.shape or values.shape[-1] < 2:
        raise ShapeError(
            f"{file.source}: {role} predictions have shape {values.shape}; expected [models, points, classes], or "
            "[points, classes] for one model, with at least two classes. A single score z a point is two logits, "
            "(0, z); a probability p is (1 - p, p). Numbers of a regression, [models, points]: pass --kind numbers."
        )
    return values[None] if values.ndim == 2 else values


def columns_in_order(file: ArrayFile, names: tuple[str, ...] | None) -> Shaped[np.ndarray, "rows columns"]:
    """Bring the class columns of a CSV file into the order of the first file's.

    Raises:
        AlignmentError: if they are other classes.
    """
    columns = file.columns or ()
    if names is None or columns == names:
        return file.values
    if set(columns) != set(names):
        raise AlignmentError(
            f"{file.source}: its classes are the columns {', '.join(columns)}; expected {', '.join(names)}, as in the "
            "first file. Give every file the same class columns."
        )
    return file.values[:, [columns.index(name) for name in names]]


def _ids(files: Sequence[ArrayFile], role: str) -> list[np.ndarray]:
    """Return the ids of each file; all files have them, or none and the list is empty."""
    given = [file.ids for file in files if file.ids is not None]
    if given and len(given) < len(files):
        without = next(file for file in files if file.ids is None)
        raise AlignmentError(
            f"{without.source} has no ids and another file of the {role} has: rows cannot be joined safely. Give "
            "ids to all of them or to none."
        )
    if given:
        points = files[0].values.shape[-2]
        if given[0].shape != (points,):
            raise AlignmentError(
                f"{files[0].source}: ids have shape {given[0].shape} for {points} points. Give one id a point."
            )
        refuse_repeats(given[0], files[0].source)
    return given


def _check(file: ArrayFile, layers: np.ndarray, kind: str) -> str | None:
    """Refuse numbers that are not of the kind; note rows that are only nearly normalised."""
    if kind == "logits":
        for total, advice in (
            (1.0, "probabilities (all in [0, 1], rows sum to 1): pass --kind probs"),
            (100.0, "percentages (rows sum to 100): divide by 100 and pass --kind probs"),
        ):
            if _sums_to(layers, total):
                raise DomainError(
                    f"{file.source}: these look like {advice} (--teacher-kind if the teachers' alone are). If they are "
                    "logits all the same, add 1000 to every one: it changes nothing and says so."
                )
        return None
    if kind == "unnormalised_probs":
        # "not >= 0" holds for nan too.
        wrong = ~(layers >= 0).all(axis=-1) | ~(layers.sum(axis=-1) > 0)
        if wrong.any():
            model, point = np.argwhere(wrong)[0].tolist()
            raise DomainError(
                f"{file.source}: model {model}, point {point} has {layers[model, point].tolist()}; expected numbers of "
                "at least 0 that do not sum to 0."
            )
        return f"{file.source}: each row was divided by its sum."
    worst = 0.0
    for model, rows in enumerate(layers):
        with np.errstate(over="ignore"):
            sums = (np.exp(rows, dtype=np.float64) if kind == "log_probs" else rows).sum(axis=-1, dtype=np.float64)
        off = np.abs(sums - 1.0)
        if np.any(off > ROUNDED):
            point = int(np.argmax(off > ROUNDED))
            # Scores that could be probabilities are not called logits: read so, they would mean something else.
            advice = (
                "unnormalised_probs, which divides each row by its sum"
                if kind == "probs" and rows.min() >= 0
                else "logits for unnormalised scores"
            )
            raise DomainError(
                f"{file.source}: model {model}, point {point} has {kind} {np.round(rows[point], 6).tolist()}, whose "
                f"probabilities sum to {sums[point]:.6g}, not 1. Pass --kind {advice}."
            )
        worst = max(worst, float(np.nanmax(off)) if not np.isnan(off).all() else 0.0)
    if worst > EXACT:
        return (
            f"{file.source}: probabilities sum to 1 within {worst:.1g} only (rounded when saved); scaled to sum to 1."
        )
    return None


def _sums_to(layers: np.ndarray, total: float) -> bool:
    return all(
        rows.min() >= 0
        and rows.max() <= total
        and np.abs(rows.sum(axis=-1, dtype=np.float64) - total).max() <= ROUNDED * total
        for rows in layers
    )


def _predictions(
    files: Sequence[ArrayFile], values: np.ndarray, kind: str, ids: np.ndarray | None, teacher_of: np.ndarray | None
) -> Predictions:
    source = files[0].source if len(files) == 1 else f"{files[0].source} and {len(files) - 1} more"
    try:
        if kind not in ("probs", "unnormalised_probs"):
            return Predictions.from_logits(values, point_ids=ids, teacher_of=teacher_of)
        sums = values.sum(axis=-1, dtype=np.float64, keepdims=True)
        return Predictions.from_probs(
            values / np.where(np.isfinite(sums), sums, 1.0), point_ids=ids, teacher_of=teacher_of
        )
    except OutlearnError as error:
        raise type(error)(f"{source}: {error}") from None


def _brought_into_order(found: PredictionFiles, like: PredictionFiles, role: str) -> PredictionFiles:
    ours, theirs = found.predictions, like.predictions
    if (ours.n_points, ours.n_classes) != (theirs.n_points, theirs.n_classes):
        raise AlignmentError(
            f"{found.sources[0]}: the {role} has {ours.n_points} points of {ours.n_classes} classes, and "
            f"{like.sources[0]} has {theirs.n_points} of {theirs.n_classes}. Predict both on the same points."
        )
    if found.has_ids and like.has_ids:
        join_by_id(ours.point_ids, theirs.point_ids, found.sources[0], like.sources[0])
        return replace(found, predictions=ours.select(theirs.point_ids))
    notes = by_position(role, found.sources[0], found.has_ids, like.sources[0], like.has_ids)
    return replace(found, predictions=replace(ours, point_ids=theirs.point_ids), notes=(*found.notes, *notes))
