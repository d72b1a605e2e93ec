"""A kept student that predicts numbers: its record, its folder, and what it answers.

The folder is that of a student of classes, with a record of its own: data only, every file with its hash.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

import numpy as np
from jaxtyping import Float
from pydantic import Field
from sklearn.base import BaseEstimator, RegressorMixin

from outlearn.core.links import Link, through_link
from outlearn.encoders.encoder import Learned
from outlearn.learners.fitted import Heads
from outlearn.results.measurement import Measurement, Number
from outlearn.results.scored import Scored
from outlearn.results.serialization import Record, read_json, read_record
from outlearn.student.folder import copy_student, find_student, read_parts, write_parts
from outlearn.student.head_scorer import HeadScorer
from outlearn.student.held_out import HeldOut, half_width
from outlearn.student.inputs import numbers_of, rows_of
from outlearn.student.kept import EMPTY, FLAGS, UNKNOWN, UNLIKE
from outlearn.student.novelty import Novelty
from outlearn.student.number_files import FEATURES
from outlearn.student.points import NewPoints
from outlearn.student.record import AGAIN, RECORD, EncoderFacts, Precision, Reads, Training

if TYPE_CHECKING:
    from outlearn.student.finetuned import FinetunedScorer

__all__ = [
    "NUMBER_FLAGS",
    "KeptNumbers",
    "NumberAnswers",
    "NumberRecord",
    "NumberScores",
    "NumberStudent",
    "is_number_student",
]

SCHEMA = 2
TASK = "regression"
ROWS = 4096  # answered at once
NUMBER_FLAGS = {
    **{name: said for name, said in FLAGS.items() if name in (UNKNOWN, UNLIKE)},
    EMPTY: "there is no text: the number is the mean of what the student says of its training points",
}
"""Reasons not to trust a number; the first that holds is given."""


class NumberScores(Scored):
    """What the student does on the test points of its run, and the squared errors that it is measured against."""

    teacher: Measurement
    ceiling: Measurement


class NumberRecord(Record):
    """A kept student of numbers: the content of its student.json.

    Attributes:
        reads: what it reads, and in which columns.
        kind: heads on an encoder that did not learn, or a fine-tuned model.
        link: from outputs to numbers: "identity" or "log".
        location, scale: of a fine-tuned model: what it gives, z', stands for the output location + scale z'.
        members: students whose numbers are averaged; 1 of a fine-tuned model.
        mean: of its predictions over the points it learned from (of a fine-tuned model, over those of validation): its
            answer where there is no text.
        low, high: the range of these.
        unlike_beyond: distance from the training points from which on one is unlike them; None if not measured.
        held_out: what its intervals come from; None if it was kept without.
        encoder, precision, training, versions, results: as of a student of classes.
    """

    schema_version: Annotated[int, Field(alias="schema")] = SCHEMA
    outlearn: str
    kind: Literal["heads", "finetuned"]
    task: Literal["regression"] = "regression"
    reads: Reads
    link: Link
    location: Number = 0.0
    scale: Number = 1.0
    members: int
    mean: Number
    low: Number
    high: Number
    unlike_beyond: float | None
    held_out: HeldOut | None = None
    encoder: EncoderFacts | None
    precision: Precision | None = None
    training: Training
    versions: Mapping[str, str]
    results: NumberScores


@dataclass(frozen=True)
class KeptNumbers:
    """Hold a student of numbers as it is written and read; fields as of `Kept`."""

    record: NumberRecord
    heads: Heads | None = None
    learned: Learned = field(default_factory=Learned)
    novelty: Novelty | None = None
    files: Mapping[str, np.ndarray] = field(default_factory=dict)
    folder: Path | None = None

    def write(self, folder: Path) -> None:
        """Write it; the folder is there whole or not at all.

        Raises:
            StoreError: if it cannot be written.
        """
        write_parts(
            folder, self.record.to_json(), _card(self.record), self.heads, self.learned, self.novelty,
            outlearn=self.record.outlearn, files={name: content.tobytes() for name, content in self.files.items()},
        )  # fmt: skip

    @classmethod
    def read(cls, path: Path) -> KeptNumbers:
        """Read it from its folder or that of its run, every file checked against its hash.

        Raises:
            DataError: if a file is missing, foreign, truncated or altered, or of another format or version.
        """
        folder = find_student(path)
        heads, learned, novelty = read_parts(folder)
        content = read_json(folder / RECORD, again=AGAIN)
        record = read_record(NumberRecord, content, folder / RECORD, schema=SCHEMA, again=AGAIN)
        return cls(record, heads, learned, novelty, folder=folder)


@dataclass(frozen=True)
class NumberAnswers:
    """What a student of numbers says of some points: numbers, and for each a flag, "" or a key of `FLAGS`."""

    values: Float[np.ndarray, " points"]
    flags: tuple[str, ...]


def is_number_student(path: str | Path) -> bool:
    """Say whether a folder, of a run or of a student, holds a student of numbers.

    Raises:
        DataError: if it holds none at all.
    """
    content = read_json(find_student(Path(path)) / RECORD, again=AGAIN)
    return isinstance(content, dict) and content.get("task") == TASK


class NumberStudent(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """Predict numbers of new points with a student that a run kept; a scikit-learn regressor that is trained already.

    Args:
        path, model, text_column, device: see `load_student`.
    """

    def __init__(
        self, path: str | Path, model: str | None = None, text_column: str | None = None, device: str | None = None
    ) -> None:
        self.path = path
        self.model = model
        self.text_column = text_column
        self.device = device

    def fit(self, X: Any = None, y: Any = None) -> Self:
        """Return the student as it is: it learned from weak labels in its run."""
        return self

    def predict(self, X: Any) -> Float[np.ndarray, " points"]:
        """Predict the number of each row; see `answers`."""
        return self.answers(X).values

    def answers(self, X: Any) -> NumberAnswers:
        """Answer every row, in order, and say where not to trust the answer.

        Args:
            X: texts as a list, an array or a series; or a table with the column that it reads; or rows of numbers, for
                a student of those. A missing text has the mean of the training predictions, and a flag.

        Raises:
            DataError, ShapeError: for what cannot be read as such rows.
            ConfigError, DataError, MissingExtraError: if the encoder is not there, or is another one.
        """
        if self.reads.what == "numbers":
            rows = numbers_of(X[FEATURES] if isinstance(X, Mapping) else X)
            parts = [self._score(NewPoints("new", features=rows[at : at + ROWS])) for at in range(0, len(rows), ROWS)]
        else:
            texts = rows_of(X, self.reads)
            parts = [self._of_texts(texts[at : at + ROWS]) for at in range(0, len(texts), ROWS)]
        values = np.concatenate([np.empty(0), *(part.values for part in parts)])
        return NumberAnswers(values, tuple(flag for part in parts for flag in part.flags))

    def predict_interval(
        self, X: Any, level: float = 0.9
    ) -> tuple[Float[np.ndarray, " points"], Float[np.ndarray, " points"]]:
        """Give the ends of an interval that holds the true number of a row with a chance of `level` or more.

        They are the number +- the ceil((n + 1) level)-th smallest of n errors on held-out points with true numbers
        (split conformal): the chance is over rows that are like those points, on average, not for each row. nan where
        there is no text.

        Raises:
            ConfigError: if it was kept without true numbers to calibrate by, or with too few for this level.
            DataError, ShapeError, MissingExtraError: see `answers`.
        """
        half = half_width(self.record.held_out, level)
        return self.ends(self.answers(X), half)

    def ends(
        self, found: NumberAnswers, half: float
    ) -> tuple[Float[np.ndarray, " points"], Float[np.ndarray, " points"]]:
        """Return number +- half, nan where there is no text, and not below 0 for a student of positive numbers."""
        values = np.where([flag == EMPTY for flag in found.flags], np.nan, found.values)
        low, high = values - half, values + half
        return (np.maximum(low, 0.0) if self.record.link == "log" else low), high

    def save(self, folder: str | Path) -> None:
        """Write a copy of the student's folder, whole or not at all."""
        copy_student(find_student(Path(self.path)), Path(folder))

    @property
    def record(self) -> NumberRecord:
        """What the student is, and where it comes from."""
        return self._kept.record

    @property
    def reads(self) -> Reads:
        """What it reads, and in which column of a table."""
        changes = {} if self.text_column is None else {"text": self.text_column}
        return self.record.reads.model_copy(update=changes)

    @property
    def _kept(self) -> KeptNumbers:
        if "_read" not in vars(self):
            self._read = KeptNumbers.read(Path(self.path))
        return self._read

    @property
    def _scorer(self) -> HeadScorer | FinetunedScorer:
        if "_ready" not in vars(self):
            kept, record = self._kept, self.record
            if record.kind == "finetuned":
                from outlearn.student.finetuned import FinetunedScorer

                assert kept.folder is not None  # it was read from one
                self._ready: HeadScorer | FinetunedScorer = FinetunedScorer.of(
                    kept.folder, record.reads, 1, precision=record.precision, device=self.device
                )
            else:
                self._ready = HeadScorer(kept, self.model, self.device)
        return self._ready

    def _score(self, points: NewPoints) -> NumberAnswers:
        """Predict with every member, and average; what is unlike the training points is told of heads alone."""
        scorer, record, heads, novelty = self._scorer, self.record, self._kept.heads, self._kept.novelty
        if not isinstance(scorer, HeadScorer):
            outputs = scorer.outputs([(text,) for text in points.texts or ()])[:, 0]
            values = through_link(record.location + record.scale * outputs, record.link)
            return NumberAnswers(values, ("",) * len(values))
        assert heads is not None
        features = scorer.features(points)
        outputs = heads.predict(features)[..., 0].astype(np.float64)
        values = through_link(outputs, record.link).mean(axis=0)
        flags = np.full(features.shape[0], "", dtype="<U8")
        if novelty is not None and record.unlike_beyond is not None:
            flags[novelty.distance(features) > record.unlike_beyond] = UNLIKE
        flags[(features != 0).sum(axis=1) == 0] = UNKNOWN
        return NumberAnswers(values, tuple(flags.tolist()))

    def _of_texts(self, rows: Sequence[tuple[str, ...]]) -> NumberAnswers:
        there = [i for i, row in enumerate(rows) if all(text.strip() for text in row)]
        values, flags = np.full(len(rows), self.record.mean), [EMPTY] * len(rows)
        if there:
            found = self._score(NewPoints.of([rows[i] for i in there]))
            values[there] = found.values
            for i, flag in zip(there, found.flags, strict=True):
                flags[i] = flag
        return NumberAnswers(values, tuple(flags))

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def __getstate__(self) -> Mapping[str, Any]:
        # A loaded encoder is no part of a pickle: it is found again by its name, and checked.
        return {key: value for key, value in super().__getstate__().items() if key != "_ready"}


def _card(record: NumberRecord) -> str:
    """Write the model card: what it is, how good it is."""
    scores = record.results
    rows = (
        ("this student", scores.mse),
        ("the weak teachers", scores.teacher),
        ("students of the true labels", scores.ceiling),
    )
    table = "\n".join(f"| {who} | {value} |" for who, value in rows)
    held_out = ""
    if record.held_out is not None:
        held_out = "Intervals (`predict_interval`) come from its errors on held-out points. On the test points:\n"
        held_out += f"{record.held_out.checked.sentences[0]}\n\n"
    return f"""# A student of weak numbers

Trained by outlearn {record.outlearn} on {record.training.points:,} points without their true numbers, from the
labels of {record.training.teachers} teachers (loss {record.training.loss}). {_made_of(record)}

On the test points of its run, mean squared error:

| who | mean squared error |
|---|---|
{table}

{held_out}```python
import outlearn as ol

ol.load_student("path/to/this/folder").predict({record.reads.example})
```
"""


def _made_of(record: NumberRecord) -> str:
    """Say what the student is, and in which range its numbers lie."""
    lies = f"between {record.low:.4g} and {record.high:.4g}."
    if record.kind == "heads":
        return f"A head on a frozen encoder; what it says of\nthe points it learned from lies {lies}"
    number = f"{record.location:.6g} + {record.scale:.6g} z"
    number = number if record.link == "identity" else f"exp({number})"
    return (
        "A fine-tuned model of transformers\n(`AutoModelForSequenceClassification`, one output z): the number is "
        f"{number}. Of validation points it\nlies {lies}"
    )
