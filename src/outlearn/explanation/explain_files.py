"""From files to a printed explanation: read, smooth where asked, explain, write. What `outlearn explain` calls."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from outlearn.core.intervals import Withheld
from outlearn.core.labelers.label_variance import label_variance
from outlearn.core.predictions import Predictions
from outlearn.core.targets import read_target
from outlearn.core.text import counted
from outlearn.data.prediction_files import PredictionFiles, read_predictions
from outlearn.data.target_files import TargetFile, read_target_file, read_teacher_of
from outlearn.errors import AlignmentError, ConfigError, DomainError
from outlearn.explanation.explain_number_files import ExplainedFiles, explain_number_files
from outlearn.explanation.measure import explain, smoothed
from outlearn.explanation.pairing import check_pairing, pairing_words
from outlearn.progress import Progress, Silent
from outlearn.results.explanation import EXPLANATIONS
from outlearn.results.gates import Gate

__all__ = ["explain_files"]

Files = Sequence[str | Path]
NO_STUDENT = "--fail-below is of what students gain, and there is no --student. Leave it out, or add students."


def explain_files(
    *,
    teacher: Files,
    student: Files,
    target: str | Path | None,
    teacher_of: str | Path | None = None,
    kind: str = "logits",
    teacher_kind: str | None = None,
    draws: bool = False,
    generator: str | None = None,
    order: str = "target_first",
    level: float = 0.95,
    smooth_predictions: float = 0.0,
    smooth_target: float = 0.0,
    validation_teacher: Files = (),
    validation_target: str | Path | None = None,
    gates: Sequence[Gate[Any]] = (),
    out: Path | None = None,
    progress: Progress | None = None,
) -> ExplainedFiles:
    """Explain predictions in files; see `read_predictions` and `explain`, and the help of `outlearn explain`.

    Returns the text of the explanation and how the thresholds of `EXPLANATION_FIGURES` came out, and writes both below
    `out` if that is given.
    """
    show = progress or Silent()
    if "numbers" in (kind, teacher_kind):
        if (kind, teacher_kind or kind) != ("numbers", "numbers"):
            raise ConfigError("numbers and classes cannot be compared: pass --kind numbers alone, or leave it out.")
        if smooth_predictions or smooth_target or validation_teacher or validation_target is not None:
            raise ConfigError("--smooth-... and --validation-... are of classes; leave them out with --kind numbers.")
        return explain_number_files(
            teacher=teacher, student=student, target=target, teacher_of=teacher_of, generator=generator, order=order,
            level=level, gates=gates, out=out, progress=progress,
        )  # fmt: skip
    if bool(validation_teacher) != (validation_target is not None):
        raise ConfigError("--validation-teacher and --validation-target go together; give both or none.")
    for name, share in (("--smooth-predictions", smooth_predictions), ("--smooth-target", smooth_target)):
        if not 0 <= share < 1:
            raise ConfigError(f"{name} is {share!r}; expected a share of at least 0 and below 1.")
    if not student:
        if gates:
            raise ConfigError(NO_STUDENT)
        return _of_teachers_alone(teacher, target, teacher_kind or kind, smooth_predictions, level, out)
    if target is None:
        raise ConfigError("--student needs --target: give the true labels, for a gain is one over them.")
    with show.bar("reading"):
        indices = None if teacher_of is None else read_teacher_of(teacher_of)
        t = read_predictions(teacher, kind=teacher_kind or kind, role="teacher")
        s = read_predictions(student, kind=kind, role="student", like=t)
        check_pairing(s.predictions.n_models, t.predictions.n_models, indices, teacher_of)
        if indices is not None:
            s = replace(s, predictions=replace(s.predictions, teacher_of=indices))
        y = read_target_file(target, t, draws=draws)
        _refuse_numbers(y, t)
    with nullcontext() if out is None else EXPLANATIONS.claimed(out):
        notes = [*t.notes, *s.notes, *y.notes]
        notes += [
            f"{share:g} of the uniform distribution was mixed into every {what}."
            for what, share in (("prediction", smooth_predictions), ("target", smooth_target))
            if share
        ]
        found = explain(
            _smooth_target(y.values, t.predictions, smooth_target, draws=draws),
            teacher=smoothed(t.predictions, smooth_predictions),
            student=smoothed(s.predictions, smooth_predictions),
            generator=generator,
            order=order,
            draws=draws and not smooth_target,
            level=level,
            validation=_validation(validation_teacher, validation_target, teacher_kind or kind, t),
            notes=tuple(notes),
            progress=show,
        )
        shape = f"{t.predictions.n_points} points, {t.predictions.n_classes} classes"
        names = (
            ""
            if t.class_names is None
            else " (" + ", ".join(f"{k} {name}" for k, name in enumerate(t.class_names)) + ")"
        )
        text = "\n".join(
            [
                f"teachers   {_described(t)}",
                f"students   {_described(s)}; {pairing_words(indices is not None, t.predictions.n_models)}",
                f"target     {y.source}: {_target_words(y.values, draws)}; {shape}{names}",
                "",
                str(found),
            ]
        )
        outcomes = tuple(gate.outcome(found) for gate in gates)
        if out is not None:
            inputs = {
                "teacher": {"files": list(t.sources), "kind": t.kind, "models": t.predictions.n_models},
                "student": {"files": list(s.sources), "kind": s.kind, "models": s.predictions.n_models},
                "target": {"file": y.source, "draws": draws},
                "n_points": t.predictions.n_points,
                "n_classes": t.predictions.n_classes,
                "class_names": None if t.class_names is None else list(t.class_names),
                "smooth_predictions": smooth_predictions,
                "smooth_target": smooth_target,
            }
            columns = found.ledger.columns()
            head = ["id" if name == "point_ids" else name for name in columns]
            rows = zip(*(column.tolist() for column in columns.values()), strict=True)
            EXPLANATIONS.write(out, found, inputs=inputs, text=text, table=[head, *rows], thresholds=outcomes)
    return ExplainedFiles(text, outcomes)


def _of_teachers_alone(
    teacher: Files, target: str | Path | None, kind: str, smoothing: float, level: float, out: Path | None
) -> ExplainedFiles:
    """Say how much the teachers vary; with a target, how much of their log loss that is."""
    if out is not None:
        raise ConfigError("--out keeps what students gain, and there is no --student. Leave it out, or add students.")
    t = read_predictions(teacher, kind=kind, role="teacher")
    labels = None
    if target is not None:
        labels = read_target_file(target, t).values
        if labels.ndim != 1 or labels.dtype.kind not in "iu":
            raise DomainError(f"{target}: without students the target must be integer labels, one a point.")
    found = label_variance(smoothed(t.predictions, smoothing).probs, labels, level=level)
    if isinstance(found, Withheld):
        raise DomainError(f"{t.sources[0]}: {found.reason}. Give more teachers or points, or --student and --target.")
    return ExplainedFiles(f"teachers   {_described(t)}\n\n{found}")


def _refuse_numbers(target: TargetFile, teacher: PredictionFiles) -> None:
    """Say how to read what can be no classes but could be numbers, `[models, points]`."""
    points, columns = teacher.predictions.n_points, teacher.predictions.n_classes
    if target.values.ndim == 1 and len(target.values) == columns != points and teacher.predictions.n_models == 1:
        raise AlignmentError(
            f"{teacher.sources[0]} has shape ({points}, {columns}) and {target.source} {columns} values: read as "
            f"{points} points of {columns} classes they do not fit. If these are numbers, [models, points], pass "
            "--kind numbers."
        )


def _smooth_target(target: np.ndarray, predictions: Predictions, share: float, *, draws: bool) -> np.ndarray:
    if not share:
        return target
    probs = (1 - share) * read_target(target, predictions, draws=draws).coordinates + share / predictions.n_classes
    return probs if len(probs) > 1 else probs[0]


def _validation(
    teacher: Files, target: str | Path | None, kind: str, test: PredictionFiles
) -> tuple[Predictions, np.ndarray] | None:
    if target is None:
        return None
    models = read_predictions(teacher, kind=kind, role="validation teacher")
    if models.predictions.n_models != test.predictions.n_models:
        raise AlignmentError(
            f"{models.sources[0]}: {models.predictions.n_models} validation teachers, and {test.predictions.n_models} "
            "teachers. Predict every teacher on both sets of points."
        )
    labels = read_target_file(target, models)
    if labels.values.dtype.kind not in "iu":
        raise DomainError(f"{labels.source}: the validation target must be integer labels, one a point.")
    read_target(labels.values, models.predictions)  # refuses another length and labels out of range
    return models.predictions, np.asarray(labels.values)


def _described(files: PredictionFiles) -> str:
    shown = ", ".join(files.sources[:3]) + (f" and {len(files.sources) - 3} more" if len(files.sources) > 3 else "")
    return f"{shown}: {counted(files.predictions.n_models, 'model')}, read as {files.kind}"


def _target_words(values: np.ndarray, draws: bool) -> str:
    if values.dtype.kind in "iu":
        return counted(len(values), "draw") + " of labels" if draws and values.ndim == 2 else "labels"
    return "a distribution a point" if values.ndim == 2 else counted(len(values), "draw") + " of distributions"
