"""Answer a table of new rows, chunk by chunk: every row gets its answer, in order, whatever stands in it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from outlearn.errors import ConfigError
from outlearn.student.answering import AnsweringStudent
from outlearn.student.held_out import half_width
from outlearn.student.inputs import rows_of
from outlearn.student.kept import EMPTY
from outlearn.student.numbers import NumberStudent

__all__ = ["Tally", "predict_chunks"]

# Digits written of a probability: more than a reader needs, fewer than float64 has.
DIGITS = 6


@dataclass
class Tally:
    """Count what was answered."""

    rows: int = 0
    labels: Counter[str] = field(default_factory=Counter)
    flags: Counter[str] = field(default_factory=Counter)


def predict_chunks(
    student: AnsweringStudent | NumberStudent,
    chunks: Iterable[Mapping[str, Sequence[Any]]],
    *,
    id_column: str,
    tally: Tally,
    interval: float | None = None,
) -> Iterator[dict[str, list[Any]]]:
    """Answer chunks of rows.

    Args:
        student: who answers.
        chunks: name -> values.
        id_column: column that names the rows; where there is none they are numbered from 1.
        tally: counts the answers as they come.
        interval: the level of intervals of a student of numbers; None for none.

    Yields:
        The id (or `row`); of a student of numbers `number`, `low` and `high` of its interval, and `flag`; of one of
        classes `label`, a probability `p_CLASS` for each class, and `flag`. Of single texts, from a student of
        preferences: `reward` and `flag`.

    Raises:
        DataError: if a column that the student reads is not there.
        ConfigError: if an interval is asked of a student that has none at this level.
    """
    half = None
    if interval is not None:
        if not isinstance(student, NumberStudent):
            raise ConfigError(
                "--interval is of a student of numbers; this one says classes, and its probabilities how sure it is."
            )
        half = half_width(student.record.held_out, interval)
    has_ids: bool | None = None  # as the first rows say: the columns of the answers do not change on the way
    for chunk in chunks:
        n = len(next(iter(chunk.values())))
        has_ids = id_column in chunk if has_ids is None else has_ids
        if has_ids:
            named: dict[str, list[Any]] = {id_column: list(chunk.get(id_column, [None] * n))}
        else:
            named = {"row": list(range(tally.rows + 1, tally.rows + n + 1))}
        answered = _answered(student, chunk, half)
        tally.rows += n
        tally.labels.update(answered.get("label", ()))
        tally.flags.update(flag for flag in answered["flag"] if flag)
        yield named | answered


def _answered(
    student: AnsweringStudent | NumberStudent, chunk: Mapping[str, Sequence[Any]], half: float | None
) -> dict[str, list[Any]]:
    if isinstance(student, NumberStudent):
        found = student.answers(chunk)
        columns: dict[str, list[Any]] = {"number": found.values.round(DIGITS).tolist()}
        if half is not None:
            for name, end in zip(("low", "high"), student.ends(found, half), strict=True):
                columns[name] = [None if np.isnan(value) else value for value in end.round(DIGITS).tolist()]
        return columns | {"flag": list(found.flags)}
    return _rewards(student, chunk) if _single_texts(student, chunk) else _labels(student, chunk)


def _labels(student: AnsweringStudent, chunk: Mapping[str, Sequence[Any]]) -> dict[str, list[Any]]:
    answers = student.answers(chunk)
    names = student.classes_
    probs = np.exp(answers.log_probs)
    columns: dict[str, list[Any]] = {"label": names[probs.argmax(axis=1)].tolist()}
    for k, name in enumerate(names.tolist()):
        columns[f"p_{name}"] = probs[:, k].round(DIGITS).tolist()
    return columns | {"flag": list(answers.flags)}


def _rewards(student: AnsweringStudent, chunk: Mapping[str, Sequence[Any]]) -> dict[str, list[Any]]:
    texts = [text for (text,) in rows_of(chunk, student.reads.model_copy(update={"what": "text"}))]
    there = [i for i, text in enumerate(texts) if text.strip()]
    rewards: list[float | None] = [None] * len(texts)
    if there:
        for i, reward in zip(there, student.reward([texts[i] for i in there]).tolist(), strict=True):
            rewards[i] = round(reward, DIGITS)
    return {"reward": rewards, "flag": ["" if text.strip() else EMPTY for text in texts]}


def _single_texts(student: AnsweringStudent, chunk: Mapping[str, Sequence[Any]]) -> bool:
    """Say whether a student of pairs is given one text a row."""
    reads = student.reads
    return reads.what == "pair" and reads.first not in chunk and reads.text in chunk
