"""From files of numbers to a printed explanation: what `outlearn explain --kind numbers` calls."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from outlearn.core.text import counted
from outlearn.data.number_files import NumberFiles, NumberTargetFile, read_number_files, read_number_target
from outlearn.data.target_files import read_teacher_of
from outlearn.errors import ConfigError
from outlearn.explanation.numbers import explain_numbers
from outlearn.explanation.pairing import check_pairing, pairing_words
from outlearn.progress import Progress, Silent
from outlearn.results.gates import Gate, GateOutcome
from outlearn.results.number_explanation import NUMBER_EXPLANATIONS

__all__ = ["ExplainedFiles", "explain_number_files"]

Files = Sequence[str | Path]


@dataclass(frozen=True)
class ExplainedFiles:
    """What `outlearn explain` prints, and how its thresholds came out."""

    text: str
    outcomes: tuple[GateOutcome, ...] = ()


def explain_number_files(
    *,
    teacher: Files,
    student: Files,
    target: str | Path | None,
    teacher_of: str | Path | None = None,
    generator: str | None = None,
    order: str = "target_first",
    level: float = 0.95,
    gates: Sequence[Gate[Any]] = (),
    out: Path | None = None,
    progress: Progress | None = None,
) -> ExplainedFiles:
    """Explain numbers in files; see `read_number_files` and `explain`.

    Returns the text of the explanation and how the thresholds came out, and writes both below `out` if that is given.
    """
    show = progress or Silent()
    if not student or target is None:
        raise ConfigError("--kind numbers needs --student and --target. How labelers vary: outlearn preflight TABLE.")
    with show.bar("reading"):
        indices = None if teacher_of is None else read_teacher_of(teacher_of)
        t = read_number_files(teacher, role="teacher")
        s = read_number_files(student, role="student", like=t)
        check_pairing(s.numbers.n_models, t.numbers.n_models, indices, teacher_of)
        students = s.numbers if indices is None else replace(s.numbers, teacher_of=indices)
        y = read_number_target(target, t)
    with nullcontext() if out is None else NUMBER_EXPLANATIONS.claimed(out):
        found = explain_numbers(
            y.values,
            teacher=t.numbers,
            student=students,
            generator=generator,
            order=order,
            level=level,
            notes=(*t.notes, *s.notes, *y.notes),
            progress=show,
        )
        pairing = pairing_words(indices is not None, t.numbers.n_models)
        text = "\n".join(
            [
                f"teachers   {_described(t)}",
                f"students   {_described(s)}; {pairing}",
                f"target     {y.source}: {_target_words(y)}; {t.numbers.n_points} points",
                "",
                str(found),
            ]
        )
        outcomes = tuple(gate.outcome(found) for gate in gates)
        if out is not None:
            inputs = {
                "teacher": {"files": list(t.sources), "models": t.numbers.n_models},
                "student": {"files": list(s.sources), "models": s.numbers.n_models},
                "target": {"file": y.source, "draws": 1 if y.values.ndim == 1 else len(y.values)},
                "n_points": t.numbers.n_points,
            }
            columns = found.ledger.columns()
            head = ["id" if name == "point_ids" else name for name in columns]
            rows = zip(*(column.tolist() for column in columns.values()), strict=True)
            NUMBER_EXPLANATIONS.write(out, found, inputs=inputs, text=text, table=[head, *rows], thresholds=outcomes)
    return ExplainedFiles(text, outcomes)


def _described(files: NumberFiles) -> str:
    shown = ", ".join(files.sources[:3]) + (f" and {len(files.sources) - 3} more" if len(files.sources) > 3 else "")
    return f"{shown}: {counted(files.numbers.n_models, 'model')}, read as numbers"


def _target_words(target: NumberTargetFile) -> str:
    return "a number a point" if target.values.ndim == 1 else f"{len(target.values)} raters' numbers a point"
