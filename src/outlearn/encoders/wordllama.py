"""Static word-piece embeddings, averaged over a text: a weak encoder that needs no network and no model.

The 256-dimensional table and its tokenizer are files inside the package `wordllama` (MIT); they are read by path. The
package's own loader is not used: it may look for files on the network.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, ClassVar

import numpy as np

from outlearn.core.ranges import Range, check_fields
from outlearn.encoders.encoder import Encode, Learned
from outlearn.encoders.package_files import package_folder, sha256_of
from outlearn.encoders.points import Features, Points, Progress, Rows, encode_points
from outlearn.errors import DataError

__all__ = ["WordLlama"]

DIMENSIONS = 256
WEIGHTS = f"weights/l2_supercat_{DIMENSIONS}.safetensors"
TOKENIZER = "tokenizers/l2_supercat_tokenizer_config.json"
TEXTS_PER_CALL = 4096


@dataclass(frozen=True)
class WordLlama:
    """Average the static embeddings of a text's tokens.

    Args:
        dim: keep the first `dim` of 256 dimensions. The table was trained so that a prefix works by itself.
    """

    dim: Annotated[int, Range(1, DIMENSIONS, whole=True)] = DIMENSIONS

    kind: ClassVar[str] = "wordllama"
    label: ClassVar[str] = "WordLlama"
    line: ClassVar[str] = (
        "static embeddings of the package `wordllama` (MIT), averaged over a "
        "text's tokens; `dim` keeps a prefix; no network"
    )
    extra: ClassVar[str] = "offline"
    fits: ClassVar[bool] = False
    common_scale: ClassVar[bool] = False

    def __post_init__(self) -> None:
        check_fields(self, "encoder.")

    @cached_property
    def fingerprint(self) -> str:
        """Hash the parameters, the table and the tokenizer.

        Raises:
            MissingExtraError: if the package `wordllama` is not installed.
        """
        folder = package_folder("wordllama", extra="offline")
        parts = [self.kind, str(self.dim), sha256_of(folder / WEIGHTS), sha256_of(folder / TOKENIZER)]
        return hashlib.sha256("|".join(parts).encode()).hexdigest()

    def files(self) -> dict[str, Path]:
        """List the table and the tokenizer."""
        folder = package_folder("wordllama", extra="offline")
        return {Path(name).name: folder / name for name in (WEIGHTS, TOKENIZER)}

    def encode(
        self, task: Points, points: Rows, fit_on: Rows | None = None, *, progress: Progress | None = None
    ) -> Features:
        """Average the embeddings of each text's tokens.

        Raises:
            ConfigError: if the task has no texts.
            DataError: if a text has no token.
            MissingExtraError: if the package `wordllama` is not installed.
        """
        return self.load(Learned())(task, points, progress=progress)

    def learn(self, task: Points, fit_on: Rows | None = None) -> Learned:
        """Learn nothing: the table is fixed."""
        return Learned()

    def load(self, learned: Learned) -> Encode:
        """Read the table and the tokenizer; errors as for `encode`."""
        from safetensors import safe_open
        from scipy.sparse import csr_array
        from tokenizers import Tokenizer

        folder = package_folder("wordllama", extra="offline")
        tokenizer = Tokenizer.from_file(str(folder / TOKENIZER))
        tokenizer.no_truncation()
        tokenizer.no_padding()
        with safe_open(folder / WEIGHTS, framework="np") as file:
            table = file.get_tensor("embedding.weight")[:, : self.dim].astype(np.float32)

        def encode_texts(texts: list[str], progress: Progress | None) -> Features:
            features = np.empty((len(texts), self.dim), dtype=np.float32)
            for start in range(0, len(texts), TEXTS_PER_CALL):
                chunk = texts[start : start + TEXTS_PER_CALL]
                tokens = [encoding.ids for encoding in tokenizer.encode_batch(chunk, add_special_tokens=False)]
                lengths = np.array([len(ids) for ids in tokens])
                if not lengths.all():
                    raise DataError(f"the text {chunk[int(lengths.argmin())]!r} has no token. Drop this point.")
                # One sparse row of weights a text: the product averages without copying a row for each token.
                weights = np.repeat(1 / lengths, lengths).astype(np.float32)
                ends = np.concatenate([[0], np.cumsum(lengths)])
                mean = csr_array((weights, np.concatenate(tokens), ends), shape=(len(chunk), len(table)))
                features[start : start + len(chunk)] = mean @ table
                if progress is not None:
                    progress(start + len(chunk), len(texts))
            return features

        def encode(task: Points, points: Rows, *, progress: Progress | None = None) -> Features:
            return encode_points(task, points, lambda texts: encode_texts(texts, progress))

        return encode
