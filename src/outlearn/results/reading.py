"""Read the files of a run folder that are not results.json: the configuration, and predictions with their points.

Whatever is missing or damaged is a `DataError` that names the file and says what to do. Nothing here writes, and
nothing trains.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from jaxtyping import Float, Int
from safetensors import SafetensorError, safe_open

from outlearn.core.labelers.combinations import EACH
from outlearn.core.predictions import Predictions
from outlearn.errors import DataError, OutlearnError
from outlearn.results.serialization import check_no_pipe, read_text

__all__ = ["AGAIN", "Measured", "Point", "check_files", "read_config", "read_predictions"]

AGAIN = "Start the run again with the same configuration: what is in the store is not computed twice."


@dataclass(frozen=True)
class Point:
    """One test point as a person reads it: its id, its text (both texts of a pair), its label and group."""

    id: str
    label: int
    text: str
    group: str


@dataclass(frozen=True, eq=False)
class Measured:
    """The test split of a run: what everyone predicted, and what is true.

    Attributes:
        teachers: the teachers, `[teachers, points, classes]`.
        labelers: loss -> who labeled its students' data, which their `teacher_of` points into: the teachers, or a
            combination.
        ceilings: students of the true labels.
        students: loss -> its students.
        labels: true labels.
        target: what divergences are measured against: one-hot labels, or the soft target.
        points: texts and ids, in the same order.
        teacher_names: one a teacher.
    """

    teachers: Predictions
    labelers: Mapping[str, Predictions]
    ceilings: Predictions
    students: Mapping[str, Predictions]
    labels: Int[np.ndarray, " points"]
    target: Float[np.ndarray, "points classes"]
    points: tuple[Point, ...]
    teacher_names: tuple[str, ...]


def read_config(path: Path) -> Mapping[str, Any]:
    """Read the configuration of a run, as plain data.

    Raises:
        DataError: if it is missing or damaged.
    """
    # The C parser is ten times faster, which a comparison of hundreds of runs feels.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    text = read_text(path, again=AGAIN)
    try:
        content = yaml.load(text, Loader=loader)
    except yaml.YAMLError as error:
        raise DataError(
            f"{str(path)!r} is damaged: {getattr(error, 'problem', None) or 'not YAML'}. {AGAIN}"
        ) from error
    if not isinstance(content, dict):
        raise DataError(f"{str(path)!r} must hold keys and values, got {type(content).__name__}. {AGAIN}")
    return content


def check_files(folder: Path, hashes: Mapping[str, str]) -> None:
    """Check that files of a run folder are those that its results were measured on.

    Raises:
        DataError: for the first that is missing, cannot be read, or has another hash.
    """
    for name, expected in hashes.items():
        path = folder / name
        check_no_pipe(path, again=AGAIN)
        try:
            with path.open("rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise DataError(f"{str(path)!r} cannot be read: {error.strerror}. {AGAIN}") from error
        if found != expected:
            raise DataError(
                f"{str(path)!r} does not fit results.json beside it: sha256 {found[:12]}, expected {expected[:12]}. "
                f"One of the two was changed or comes from another run. {AGAIN}"
            )


def read_predictions(folder: Path, *, losses: Collection[str], target: str, smoothing: float) -> Measured:
    """Read `predictions/` of a run: everybody's on the test points, with students of all these losses.

    Raises:
        DataError: if a file is missing or damaged, or the files do not describe the same points.
    """
    try:
        measured = _read(folder, target, smoothing)
        _check_complete(measured, losses, folder)
    except DataError:
        raise
    except (OutlearnError, IndexError, KeyError, TypeError, ValueError) as error:
        raise DataError(f"the predictions in {str(folder)!r} do not fit together: {error} {AGAIN}") from error
    return measured


def _read(folder: Path, target: str, smoothing: float) -> Measured:
    records = [record for record in _lines(folder / "points.jsonl") if record["split"] == "test"]
    labels = np.array([record["label"] for record in records], dtype=np.int64)
    ids = np.arange(len(records))
    teachers, teacher_meta = _arrays(folder / "teachers.safetensors", ("test.log_probs",), optional=("test.answered",))
    ceilings, _ = _arrays(folder / "ceilings.safetensors", ("test.log_probs",))
    students, student_meta = _arrays(
        folder / "students.safetensors", ("test.log_probs", "teacher_of", "loss_of", "seed_of")
    )
    losses = _names(student_meta, "losses", folder / "students.safetensors")
    source_of = _names(student_meta, "sources", folder / "students.safetensors")
    names = _names(teacher_meta, "models", folder / "teachers.safetensors")
    teacher = _labelers(teachers, ids)
    _check_labels(labels, teacher.n_classes, folder / "points.jsonl")
    by_source = {EACH: teacher}
    for name in set(source_of) - {EACH}:  # as the run wrote it down
        path = folder / f"labeler-{name}.safetensors"
        combination, _ = _arrays(path, ("test.log_probs",), optional=("test.answered",))
        by_source[name] = _labelers(combination, ids)
    of_loss = [students["loss_of"] == k for k in range(len(losses))]
    return Measured(
        teachers=teacher,
        labelers={loss: by_source[source] for loss, source in zip(losses, source_of, strict=True)},
        ceilings=Predictions.from_logits(ceilings["test.log_probs"], point_ids=ids),
        students={
            loss: Predictions.from_logits(
                students["test.log_probs"][theirs], point_ids=ids, teacher_of=students["teacher_of"][theirs]
            )
            for loss, theirs in zip(losses, of_loss, strict=True)
        },
        labels=labels,
        target=_target(records, labels, teacher.n_classes, target, smoothing),
        points=tuple(_point(record) for record in records),
        teacher_names=tuple(names),
    )


def _check_complete(measured: Measured, losses: Collection[str], folder: Path) -> None:
    absent = [loss for loss in losses if loss not in measured.students]
    if absent:
        raise DataError(f"{str(folder / 'students.safetensors')!r} lacks the students of {absent[0]!r}. {AGAIN}")
    for loss, student in measured.students.items():
        if student.teacher_of is None or student.teacher_of.max() >= measured.labelers[loss].n_models:
            raise DataError(
                f"{str(folder / 'students.safetensors')!r}: {loss!r} names a teacher that is absent. {AGAIN}"
            )
        if student.n_classes != measured.teachers.n_classes:
            raise DataError(f"{str(folder)!r}: teachers and the students of {loss!r} differ in classes. {AGAIN}")


def _check_labels(labels: np.ndarray, n_classes: int, path: Path) -> None:
    wrong = (labels < 0) | (labels >= n_classes)
    if wrong.any():
        raise DataError(
            f"{str(path)!r}: test point {int(wrong.argmax())} has label {int(labels[wrong.argmax()])}, outside the "
            f"{n_classes} classes. {AGAIN}"
        )


def _labelers(arrays: Mapping[str, np.ndarray], ids: Int[np.ndarray, " points"]) -> Predictions:
    """Read who labels, with the points that each leaves out, if any does."""
    answered = arrays["test.answered"].astype(bool) if "test.answered" in arrays else None
    return replace(Predictions.from_logits(arrays["test.log_probs"], point_ids=ids), answered=answered)


def _target(
    records: Sequence[Mapping[str, Any]], labels: np.ndarray, n_classes: int, kind: str, smoothing: float
) -> Float[np.ndarray, "points classes"]:
    """Return what the run measured against."""
    if kind == "soft":
        probs = np.array([record["target"] for record in records], dtype=np.float64)
    else:
        probs = np.eye(n_classes)[labels]
    return (1 - smoothing) * probs + smoothing / n_classes if smoothing else probs


def _point(record: Mapping[str, Any]) -> Point:
    text, pair, group = record.get("text"), record.get("pair"), record.get("group")
    if pair:
        shown = f"a: {pair[0]}\nb: {pair[1]}"
    else:
        shown = "" if text is None else str(text)
    return Point(str(record["id"]), int(record["label"]), shown, "" if group is None else str(group))


def _lines(path: Path) -> list[Mapping[str, Any]]:
    records: list[Mapping[str, Any]] = []
    # By the newline alone: str.splitlines would also cut at separators inside a text.
    for number, line in enumerate(read_text(path, again=AGAIN).split("\n"), start=1):
        if not line:
            continue
        try:
            record = json.loads(line)
        except json.JSONDecodeError as error:
            raise DataError(f"{str(path)!r} is damaged at line {number}: {error.msg}. {AGAIN}") from error
        if not isinstance(record, dict) or not {"split", "id", "label"} <= record.keys():
            raise DataError(f"{str(path)!r}, line {number}: expected an object with split, id and label. {AGAIN}")
        if type(record["label"]) is not int:
            raise DataError(f"{str(path)!r}, line {number}: the label is {record['label']!r:.60}, no class. {AGAIN}")
        records.append(record)
    return records


def _arrays(
    path: Path, names: Sequence[str], *, optional: Sequence[str] = ()
) -> tuple[dict[str, np.ndarray], Mapping[str, str]]:
    try:
        with safe_open(path, framework="numpy") as file:
            missing = [name for name in names if name not in file.keys()]  # noqa: SIM118 - not a mapping
            if missing:
                raise DataError(f"{str(path)!r} lacks the array {missing[0]!r}. {AGAIN}")
            there = [*names, *(name for name in optional if name in file.keys())]  # noqa: SIM118
            return {name: file.get_tensor(name) for name in there}, file.metadata() or {}
    except FileNotFoundError:
        raise DataError(f"{str(path)!r} does not exist, so there are no predictions to show. {AGAIN}") from None
    except (SafetensorError, OSError) as error:
        raise DataError(f"{str(path)!r} is damaged: {error}. {AGAIN}") from error


def _names(metadata: Mapping[str, str], key: str, path: Path) -> list[str]:
    try:
        names = json.loads(metadata[key])
    except (KeyError, json.JSONDecodeError) as error:
        raise DataError(f"{str(path)!r} does not name its {key}. {AGAIN}") from error
    if not isinstance(names, list):
        raise DataError(f"{str(path)!r} does not list its {key}, but {names!r:.60}. {AGAIN}")
    return [str(name) for name in names]
