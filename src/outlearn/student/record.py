"""What a kept student is, in words and numbers: the content of its student.json."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Field, model_validator

from outlearn.results.measurement import Measurement, Number
from outlearn.results.scored import Scored
from outlearn.results.serialization import Record

__all__ = [
    "AGAIN", "FOLDER", "RECORD", "SCHEMA", "EncoderFacts", "Flagged", "KeptScores", "Precision", "Reads",
    "StudentRecord", "Training",
]  # fmt: skip

FOLDER = "student"
"""Of a student, in the folder of its run."""
RECORD = "student.json"
"""In it."""
AGAIN = (
    "Start the run again with the same configuration and --out: the student is written anew, and what is in the store "
    "is not computed twice."
)
"""Where a file of it cannot be used."""

SCHEMA = 1
"""Of student.json and of the files beside it; raise it when one of them changes."""


Precision: TypeAlias = Literal["auto", "float32", "float64", "bf16"]
"""In which a fine-tuned model computes."""


class Reads(Record):
    """What a student reads, and in which columns of a table it looks for that.

    Attributes:
        what: one text a row, a pair of texts, or a row of numbers.
        text: column, or template of columns, of the text.
        first, second: columns of a pair.
        max_length, cut: of a fine-tuned model: tokens of a text that it reads, and from which end of a longer text
            the rest is cut. An encoder has its own in its settings.
        template: of a fine-tuned model: what stands around each text; None for nothing.
    """

    what: Literal["text", "pair", "numbers"]
    text: str = "text"
    first: str = "chosen"
    second: str = "rejected"
    max_length: int | None = None
    cut: Literal["end", "start"] = "end"
    template: str | None = None

    @property
    def points(self) -> str:
        """What it answers, in words."""
        return {"text": "texts", "pair": "pairs of texts", "numbers": "rows of numbers"}[self.what]

    @property
    def example_file(self) -> str:
        """A name for a file of such points, as commands show it: rows of numbers stand in no table."""
        return "new.npz" if self.what == "numbers" else "new.csv"

    @property
    def example(self) -> str:
        """Two such points, as Python writes them."""
        return {
            "text": '["a text", "another"]',
            "pair": '[("a text", "another"), ("a third", "a fourth")]',
            "numbers": "X",
        }[self.what]


class EncoderFacts(Record):
    """The encoder under the heads: how it is built, and what it must be.

    Attributes:
        settings: its kind and parameters, as a configuration names them.
        files: sha256 of each file that it reads.
    """

    settings: Mapping[str, Any]
    files: Mapping[str, str]


class Training(Record):
    """Where a student comes from.

    Attributes:
        task: name of the data.
        loss: name of the loss, or auto.
        loss_config: its parameters; of auto, what it chose.
        labels_of: each: every member learned from one teacher. Else how teachers were combined.
        teachers: how many.
        epoch: after how many it was taken.
        points: it learned from so many.
        source, licence: of the data.
        run: key of the run.
    """

    task: str
    loss: str
    loss_config: Mapping[str, Any]
    labels_of: str
    teachers: int
    epoch: Number
    points: int
    source: str
    licence: str
    run: str


class Flagged(Record):
    """Test points that got a flag: the share that did, and the share of them that is right; None where none did."""

    share: Number
    accuracy: Number | None


class KeptScores(Scored):
    """What a kept student does on the test points of its run, and whom it is measured against.

    Attributes:
        members: accuracy of the students that it is made of, mean of each alone.
        teacher, ceiling: accuracy of those who labeled, and of students of true labels.
        flagged: reason of a flag -> who got it.
    """

    members: Measurement
    teacher: Measurement
    ceiling: Measurement
    flagged: Mapping[str, Flagged]


class StudentRecord(Record):
    """A kept student.

    Attributes:
        kind: heads on an encoder that did not learn, or a fine-tuned model.
        class_names: in the order of the probabilities.
        members: students whose log-probabilities are averaged; 1 for a single one.
        class_shares: mean of its probabilities over the texts it learned from: its answer where there is no text.
        unlike_beyond: distance from the training texts from which on a text is unlike them; None if not measured.
        encoder: under heads; None for a fine-tuned model.
        precision: in which a fine-tuned model computes; None for heads.
        versions: of Python and the packages that decide its predictions.
        results: on the test points of the run.
    """

    schema_version: Annotated[int, Field(alias="schema")] = SCHEMA
    outlearn: str
    kind: Literal["heads", "finetuned"]
    task: Literal["classification", "preference"]
    class_names: tuple[str, ...]
    reads: Reads
    members: int
    class_shares: tuple[float, ...]
    unlike_beyond: float | None
    encoder: EncoderFacts | None
    precision: Precision | None
    training: Training
    versions: Mapping[str, str]
    results: KeptScores

    @model_validator(mode="after")
    def _of_its_classes(self) -> StudentRecord:
        n_classes = len(self.class_names)
        if n_classes < 2 or len(set(self.class_names)) < n_classes or len(self.class_shares) != n_classes:
            raise ValueError(f"class_shares has {len(self.class_shares)} shares for the classes {self.class_names}")
        if self.members < 1:
            raise ValueError(f"members is {self.members}")
        if (self.encoder is None) == (self.kind == "heads"):
            raise ValueError("heads stand on an encoder, and a fine-tuned model on none")
        return self
