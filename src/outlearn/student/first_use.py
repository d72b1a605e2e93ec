"""How the student of a run is used first: the command that answers new points, of the kind that it reads."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

from outlearn.results.serialization import read_json
from outlearn.student.record import AGAIN, FOLDER, RECORD, Reads

__all__ = ["FirstUse", "first_use"]


@dataclass(frozen=True)
class FirstUse:
    """What a student answers, in words, and the command that does it."""

    points: str
    command: str


def first_use(run: Path) -> FirstUse | None:
    """Say how to use the student in the folder of a run; None if none was kept.

    Raises:
        DataError: if its record is damaged.
    """
    record = run / FOLDER / RECORD
    if not record.is_file():
        return None
    reads = Reads.model_validate(read_json(record, again=AGAIN)["reads"])
    return FirstUse(reads.points, f"outlearn predict {shlex.quote(str(run))} {reads.example_file} --out answers.csv")
