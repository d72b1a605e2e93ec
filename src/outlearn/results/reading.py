"""Read a run folder: results, configuration, and on demand the predictions with their points.

Reading checks what the report relies on. Whatever is missing, damaged or of another version is a `DataError` that names
the file and says what to do. Nothing here writes, and nothing trains.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from jaxtyping import Float, Int
from safetensors import SafetensorError, safe_open

from outlearn.core.predictions import Predictions
from outlearn.errors import DataError, OutlearnError

__all__ = ["Measured", "Point", "RunFolder", "read_measured", "read_run"]

SCHEMA = 1
AGAIN = "Start the run again with the same configuration: what is in the store is not computed twice."


@dataclass(frozen=True)
class RunFolder:
    """A run on disk.

    Attributes:
        path: the folder.
        results: the content of results.json, schema 1.
        config: the content of config.yaml.
    """

    path: Path
    results: Mapping[str, Any]
    config: Mapping[str, Any]

    @property
    def name(self) -> str:
        """Name of the folder, what a comparison calls the run."""
        return self.path.resolve().name


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
        source: who labelled the students' data, which their `teacher_of` points into: the teachers, or a combination.
        ceilings: students of the true labels.
        students: loss -> its students.
        labels: true labels.
        target: what divergences are measured against: one-hot labels, or the soft target.
        points: texts and ids, in the same order.
        teacher_names: one a teacher.
    """

    teachers: Predictions
    source: Predictions
    ceilings: Predictions
    students: Mapping[str, Predictions]
    labels: Int[np.ndarray, " points"]
    target: Float[np.ndarray, "points classes"]
    points: tuple[Point, ...]
    teacher_names: tuple[str, ...]


def read_run(path: str | Path) -> RunFolder:
    """Read results.json and config.yaml of a run folder.

    Raises:
        DataError: if the folder or a file is missing, damaged, or of another schema; it says what to do.
    """
    folder = Path(path)
    if not folder.exists():
        raise DataError(f"{str(folder)!r} does not exist; give the folder of a run, such as one below runs/.")
    if not folder.is_dir():
        raise DataError(f"{str(folder)!r} is a file; give the folder of a run, which holds results.json.")
    results = _json(folder / "results.json")
    if not isinstance(results, dict) or "schema" not in results:
        raise DataError(f"{str(folder / 'results.json')!r} is not the result of a run: it has no key 'schema'. {AGAIN}")
    if results["schema"] != SCHEMA:
        raise DataError(
            f"{str(folder / 'results.json')!r} has schema {results['schema']!r}; this version reads schema {SCHEMA}. "
            "Install the outlearn that wrote it, or run again."
        )
    for key in ("task", "teacher", "students"):
        if not isinstance(results.get(key), dict):
            raise DataError(f"{str(folder / 'results.json')!r} lacks the part {key!r}. {AGAIN}")
    for loss, record in results["students"].items():
        if not isinstance(record, dict):
            raise DataError(f"{str(folder / 'results.json')!r}: students[{loss!r}] is no record of metrics. {AGAIN}")
    return RunFolder(folder, results, _config(folder / "config.yaml"))


def read_measured(run: RunFolder) -> Measured:
    """Read the predictions of a run on its test points.

    Raises:
        DataError: if a file is missing or damaged, or the files do not describe the same points.
    """
    folder = run.path / "predictions"
    records = [record for record in _lines(folder / "points.jsonl") if record["split"] == "test"]
    labels = np.array([record["label"] for record in records], dtype=np.int64)
    ids = np.arange(len(records))
    teachers, teacher_meta = _arrays(folder / "teachers.safetensors", ("test.log_probs",))
    ceilings, _ = _arrays(folder / "ceilings.safetensors", ("test.log_probs",))
    students, student_meta = _arrays(
        folder / "students.safetensors", ("test.log_probs", "teacher_of", "loss_of", "seed_of")
    )
    losses = _names(student_meta, "losses", folder / "students.safetensors")
    names = _names(teacher_meta, "models", folder / "teachers.safetensors")
    _check_labels(labels, teachers["test.log_probs"].shape[-1], folder / "points.jsonl")
    try:
        teacher = Predictions.from_logits(teachers["test.log_probs"], point_ids=ids)
        by_loss = {
            loss: Predictions.from_logits(
                students["test.log_probs"][students["loss_of"] == k],
                point_ids=ids,
                teacher_of=students["teacher_of"][students["loss_of"] == k],
            )
            for k, loss in enumerate(losses)
        }
        measured = Measured(
            teachers=teacher,
            source=_source(teacher, run.config, folder / "labeller.safetensors"),
            ceilings=Predictions.from_logits(ceilings["test.log_probs"], point_ids=ids),
            students=by_loss,
            labels=labels,
            target=_target(records, labels, teacher.n_classes, run.results),
            points=tuple(_point(record) for record in records),
            teacher_names=tuple(names),
        )
    except (OutlearnError, IndexError, KeyError, TypeError, ValueError) as error:
        raise DataError(f"the predictions in {str(folder)!r} do not fit together: {error} {AGAIN}") from error
    _check_complete(measured, run, folder)
    return measured


def _check_complete(measured: Measured, run: RunFolder, folder: Path) -> None:
    absent = [loss for loss in run.results["students"] if loss not in measured.students]
    if absent:
        raise DataError(f"{str(folder / 'students.safetensors')!r} lacks the students of {absent[0]!r}. {AGAIN}")
    for loss, student in measured.students.items():
        if student.teacher_of is None or student.teacher_of.max() >= measured.source.n_models:
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


def _source(teachers: Predictions, config: Mapping[str, Any], path: Path) -> Predictions:
    """Return who labelled the students' points: the teachers, or the combination of them that the run wrote down."""
    if (config.get("weak_labels") or {}).get("source", "each") == "each":
        return teachers
    arrays, _ = _arrays(path, ("test.log_probs",))
    return Predictions.from_logits(arrays["test.log_probs"], point_ids=teachers.point_ids)


def _target(
    records: Sequence[Mapping[str, Any]], labels: np.ndarray, n_classes: int, results: Mapping[str, Any]
) -> Float[np.ndarray, "points classes"]:
    """Return what the run measured against: measure.target and measure.smoothing say it."""
    measure = results.get("measure") or {}
    if measure.get("target", "labels") == "soft":
        probs = np.array([record["target"] for record in records], dtype=np.float64)
    else:
        probs = np.eye(n_classes)[labels]
    share = measure.get("smoothing") or 0.0
    return (1 - share) * probs + share / n_classes if share else probs


def _point(record: Mapping[str, Any]) -> Point:
    text, pair, group = record.get("text"), record.get("pair"), record.get("group")
    if pair:
        shown = f"a: {pair[0]}\nb: {pair[1]}"
    else:
        shown = "" if text is None else str(text)
    return Point(str(record["id"]), int(record["label"]), shown, "" if group is None else str(group))


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataError(
            f"{str(path.parent)!r} has no {path.name}: it is not a run folder, or the run did not end. {AGAIN}"
        ) from None
    except (OSError, UnicodeDecodeError, RecursionError) as error:
        raise DataError(
            f"{str(path)!r} cannot be read: {getattr(error, 'strerror', None) or error}. {AGAIN}"
        ) from error
    except json.JSONDecodeError as error:
        raise DataError(f"{str(path)!r} is damaged at line {error.lineno}: {error.msg}. {AGAIN}") from error


def _config(path: Path) -> Mapping[str, Any]:
    # The C parser is ten times faster, which a comparison of hundreds of runs feels.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=loader)
    except FileNotFoundError:
        raise DataError(f"{str(path.parent)!r} has no config.yaml: it is not a whole run folder. {AGAIN}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(
            f"{str(path)!r} cannot be read: {getattr(error, 'strerror', None) or error}. {AGAIN}"
        ) from error
    except yaml.YAMLError as error:
        raise DataError(
            f"{str(path)!r} is damaged: {getattr(error, 'problem', None) or 'not YAML'}. {AGAIN}"
        ) from error
    if not isinstance(content, dict):
        raise DataError(f"{str(path)!r} must hold keys and values, got {type(content).__name__}. {AGAIN}")
    return content


def _lines(path: Path) -> list[Mapping[str, Any]]:
    records: list[Mapping[str, Any]] = []
    try:
        # By the newline alone: str.splitlines would also cut at separators inside a text.
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise DataError(f"{str(path)!r} cannot be read: {reason}. {AGAIN}") from error
    for number, line in enumerate(lines, start=1):
        if not line:
            continue
        try:
            record = json.loads(line)
        except json.JSONDecodeError as error:
            raise DataError(f"{str(path)!r} is damaged at line {number}: {error.msg}. {AGAIN}") from error
        if not isinstance(record, dict) or not {"split", "id", "label"} <= record.keys():
            raise DataError(f"{str(path)!r}, line {number}: expected an object with split, id and label. {AGAIN}")
        records.append(record)
    return records


def _arrays(path: Path, names: Sequence[str]) -> tuple[dict[str, np.ndarray], Mapping[str, str]]:
    try:
        with safe_open(path, framework="numpy") as file:
            missing = [name for name in names if name not in file.keys()]  # noqa: SIM118 - not a mapping
            if missing:
                raise DataError(f"{str(path)!r} lacks the array {missing[0]!r}. {AGAIN}")
            return {name: file.get_tensor(name) for name in names}, file.metadata() or {}
    except FileNotFoundError:
        raise DataError(f"{str(path)!r} does not exist, so there are no predictions to show. {AGAIN}") from None
    except (SafetensorError, OSError) as error:
        raise DataError(f"{str(path)!r} is damaged: {error}. {AGAIN}") from error


def _names(metadata: Mapping[str, str], key: str, path: Path) -> list[str]:
    try:
        names = json.loads(metadata[key])
    except (KeyError, json.JSONDecodeError) as error:
        raise DataError(f"{str(path)!r} does not name its {key}. {AGAIN}") from error
    return [str(name) for name in names]
