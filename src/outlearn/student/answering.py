"""What a kept student answers, in Python and on the command line; nothing is loaded before it is asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Shaped

from outlearn.errors import ConfigError
from outlearn.student.folder import copy_student, read_student
from outlearn.student.inputs import numbers_of, rows_of, text_of
from outlearn.student.kept import EMPTY, Answers, Kept
from outlearn.student.number_files import FEATURES
from outlearn.student.points import NewPoints
from outlearn.student.record import KeptScores, Reads, StudentRecord
from outlearn.student.scorers import Scorer, get_scorer

__all__ = ["AnsweringStudent"]

ROWS = 4096  # answered at once: texts of like length are batched together, and memory stays flat


class AnsweringStudent:
    """Answer for new rows.

    Args:
        path, model, text_column, first_column, second_column, device: see `load_student`.
    """

    def __init__(
        self,
        path: str | Path,
        model: str | None = None,
        text_column: str | None = None,
        first_column: str | None = None,
        second_column: str | None = None,
        device: str | None = None,
    ) -> None:
        self.path = path
        self.model = model
        self.text_column = text_column
        self.first_column = first_column
        self.second_column = second_column
        self.device = device

    def predict(self, X: Any) -> Shaped[np.ndarray, " points"]:
        """Predict the name of the most probable class of each row; see `answers`."""
        return self.classes_[self.answers(X).log_probs.argmax(axis=-1)]

    def predict_proba(self, X: Any) -> Float[np.ndarray, "points classes"]:
        """Predict probabilities, classes in the order of `classes_`; see `answers`."""
        return np.exp(self.answers(X).log_probs)

    def predict_log_proba(self, X: Any) -> Float[np.ndarray, "points classes"]:
        """Predict log-probabilities; see `answers`."""
        return self.answers(X).log_probs

    def answers(self, X: Any) -> Answers:
        """Answer every row, in order, and say where not to trust the answer.

        Args:
            X: texts (pairs of them for a student of preferences) as a list, an array or a series; or a table, as a
                mapping or a frame of pandas, polars or Arrow, with the columns that the student reads; or rows of
                numbers, for a student of those. A missing text counts as an empty one: its probabilities are the
                student's class shares, and it is flagged. A number counts as the text that writes it.

        Returns:
            Log-probabilities, and a flag for each row: a key of `FLAGS`, or "".

        Raises:
            DataError, ShapeError: for what cannot be read as such rows.
            ConfigError, DataError, MissingExtraError: if the encoder is not there, or is another one.
        """
        if self.reads.what == "numbers":
            rows = numbers_of(X[FEATURES] if isinstance(X, Mapping) else X)
            parts = [self._scorer.answers(NewPoints("new", features=rows[at])) for at in _chunks(len(rows))]
        else:
            texts = rows_of(X, self.reads)
            parts = [self._of_texts(texts[at]) for at in _chunks(len(texts))]
        log_probs = [np.empty((0, len(self.record.class_names))), *(part.log_probs for part in parts)]
        return Answers(np.concatenate(log_probs), tuple(flag for part in parts for flag in part.flags))

    def reward(self, X: Sequence[Any]) -> Float[np.ndarray, " texts"]:
        """Score single texts, for a student of preferences: the sigmoid of a difference is P(the first is preferred).

        Raises:
            ConfigError: for a student of classes, or one with a hidden layer.
        """
        if self.reads.what != "pair":
            raise ConfigError(f"this student tells classes apart ({', '.join(self.classes_)}) and gives no reward.")
        return self._scorer.rewards([text_of(cell) for cell in X])

    def save(self, folder: str | Path) -> None:
        """Write a copy of the student's folder, whole or not at all.

        Raises:
            StoreError: if something else is there, or it cannot be written.
        """
        copy_student(self._folder, Path(folder))

    def export(self, folder: str | Path) -> None:
        """Write heads and encoder as one folder that `AutoModelForSequenceClassification` loads.

        Raises:
            ConfigError: if no architecture of transformers holds this student exactly; it says why.
        """
        from outlearn.student.export import export_student

        export_student(self._read, Path(folder), model=self.model)

    def export_onnx(self, folder: str | Path) -> None:
        """Write heads and encoder as one ONNX graph, with the tokenizer; see `onnx_model.export_onnx`.

        Raises:
            ConfigError: if the encoder is no model of transformers.
            MissingExtraError: if the extra `onnx` is not installed.
        """
        from outlearn.student.onnx_model import export_onnx

        export_onnx(self._read, Path(folder), model=self.model)

    def push_to_hub(self, repo_id: str, **options: Any) -> str:
        """Upload the student's folder to the Hub, model card included, as `huggingface_hub.upload_folder` does.

        Args:
            repo_id: such as "me/tickets"; made if it does not exist.
            options: of `huggingface_hub.upload_folder`, such as token or commit_message.

        Returns:
            Where it is now.
        """
        from huggingface_hub import create_repo, upload_folder

        create_repo(repo_id, exist_ok=True, **{key: value for key, value in options.items() if key == "token"})
        return str(upload_folder(repo_id=repo_id, folder_path=self._folder, **options))

    @property
    def record(self) -> StudentRecord:
        """What the student is, and where it comes from."""
        return self._read.record

    @property
    def results(self) -> KeptScores:
        """How good it was on the test points of its run."""
        return self.record.results

    @property
    def classes_(self) -> Shaped[np.ndarray, " classes"]:
        """Names of the classes, in the order of the probabilities."""
        return np.array(self.record.class_names)

    @property
    def reads(self) -> Reads:
        """What it reads, and in which columns of a table."""
        asked = {"text": self.text_column, "first": self.first_column, "second": self.second_column}
        return self.record.reads.model_copy(update={key: value for key, value in asked.items() if value is not None})

    @property
    def _read(self) -> Kept:
        if "_kept" not in vars(self):
            self._kept = read_student(Path(self.path))
        return self._kept

    @property
    def _folder(self) -> Path:
        folder = self._read.folder
        assert folder is not None  # it was read from one
        return folder

    @property
    def _scorer(self) -> Scorer:
        if "_ready" not in vars(self):
            self._ready = get_scorer(self._read, model=self.model, device=self.device)
        return self._ready

    def _of_texts(self, rows: Sequence[tuple[str, ...]]) -> Answers:
        """Answer texts; those with nothing in them by the class shares."""
        empty = np.array([not all(text.strip() for text in row) for row in rows], dtype=bool)
        with np.errstate(divide="ignore"):  # a class that it never gives
            log_probs = np.tile(np.log(np.array(self.record.class_shares)), (len(rows), 1))
        flags = [EMPTY if none else "" for none in empty.tolist()]
        if not empty.all():
            there = np.flatnonzero(~empty)
            found = self._scorer.answers(NewPoints.of([rows[i] for i in there.tolist()]))
            log_probs[there] = found.log_probs
            for i, flag in zip(there.tolist(), found.flags, strict=True):
                flags[i] = flag
        return Answers(log_probs, tuple(flags))


def _chunks(n_rows: int) -> list[slice]:
    return [slice(start, start + ROWS) for start in range(0, n_rows, ROWS)]
