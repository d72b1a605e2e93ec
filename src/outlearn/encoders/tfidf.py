"""Words or characters counted, weighted by how rare they are, and optionally reduced by a singular value decomposition.

The vocabulary and the weights come from the points in `fit_on` alone, so that a teacher sees no word of the test split.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from scipy.sparse import csr_array

from outlearn.core.ranges import Whole, check_fields
from outlearn.encoders.encoder import Encode, Learned
from outlearn.encoders.points import Features, Points, Progress, Rows, encode_points, texts_of
from outlearn.errors import ConfigError, DataError

__all__ = ["Tfidf"]

AGAIN = "Copy the student again, or run its run again."


@dataclass(frozen=True)
class Tfidf:
    """Encode texts as TF-IDF rows of unit length (scikit-learn's TfidfVectorizer), sparse unless they are reduced.

    Args:
        max_features: keep this many of the most frequent terms.
        ngram: shortest and longest term, in words (or characters).
        analyzer: "word", or "char_wb": characters within words.
        sublinear: count as 1 + log(count).
        dims: reduce to this many dimensions with a truncated SVD; None keeps every term.
        seed: of the SVD.
    """

    max_features: Whole = 2000
    ngram: tuple[int, int] = (1, 1)
    analyzer: Literal["word", "char_wb"] = "word"
    sublinear: bool = True
    dims: Whole | None = None
    seed: int = 0

    kind: ClassVar[str] = "tfidf"
    label: ClassVar[str] = "TF-IDF"
    line: ClassVar[str] = (
        "words counted, rare ones more; fitted on the points it is told to, "
        "and no other; `dims` reduces them by a truncated SVD"
    )
    extra: ClassVar[str] = ""
    fits: ClassVar[bool] = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "ngram", tuple(self.ngram))
        if len(self.ngram) != 2 or not 1 <= self.ngram[0] <= self.ngram[1]:
            raise ConfigError(
                f"encoder.ngram is {list(self.ngram)}; expected [shortest, longest] with 1 <= shortest <= longest."
            )
        check_fields(self, "encoder.")

    @property
    def common_scale(self) -> bool:
        """Say that texts are vectors of length 1; dimensions of a decomposition shrink from the first to the last."""
        return self.dims is None

    @property
    def fingerprint(self) -> str:
        """Hash the parameters; the points in `fit_on` are the caller's to add."""
        return hashlib.sha256(json.dumps([self.kind, asdict(self)], sort_keys=True).encode()).hexdigest()

    def encode(self, task: Points, points: Rows, fit_on: Rows, *, progress: Progress | None = None) -> Features:
        """Fit on the texts of `fit_on`, encode those of `points`; errors as for `learn`."""
        return self.load(self.learn(task, fit_on))(task, points, progress=progress)

    def files(self) -> dict[str, Path]:
        """Read no file."""
        return {}

    def learn(self, task: Points, fit_on: Rows) -> Learned:
        """Learn terms and their weights from the texts of `fit_on`, and the directions of an SVD if it is asked for.

        Raises:
            ConfigError: if the task has no texts, no term is left, or `dims` exceeds what the texts span.
        """
        from sklearn.decomposition import TruncatedSVD

        vectorizer = self._vectorizer(max_features=self.max_features)
        try:
            fitted = vectorizer.fit_transform(texts_of(task, fit_on))
        except ValueError as error:
            raise ConfigError(f"tfidf finds no term in the {len(fit_on)} points it is fitted on: {error}.") from error
        arrays = {"idf": vectorizer.idf_}
        if self.dims is not None:
            if self.dims > min(fitted.shape):
                raise ConfigError(
                    f"encoder.dims is {self.dims}, but {fitted.shape[0]} texts with {fitted.shape[1]} terms span at "
                    f"most {min(fitted.shape)} dimensions. Lower dims, or fit on more points."
                )
            arrays["components"] = TruncatedSVD(self.dims, random_state=self.seed).fit(fitted).components_
        return Learned(tuple(vectorizer.get_feature_names_out().tolist()), arrays)

    def load(self, learned: Learned) -> Encode:
        """Make ready what was learned."""
        idf, components = learned.arrays.get("idf"), learned.arrays.get("components")
        n_terms = len(learned.terms)
        if not n_terms or idf is None or idf.shape != (n_terms,) or not np.isfinite(idf).all():
            raise DataError(f"what TF-IDF learned does not fit together: {n_terms} terms, and other weights. {AGAIN}")
        if (components is None) != (self.dims is None) or (
            components is not None and components.shape != (self.dims, n_terms)
        ):
            raise DataError(f"what TF-IDF learned does not fit its settings, dims {self.dims}. {AGAIN}")
        vectorizer = self._vectorizer(vocabulary=learned.terms)
        vectorizer.idf_ = idf

        def encode(task: Points, points: Rows, *, progress: Progress | None = None) -> Features:
            def encode_texts(texts: list[str]) -> Features:
                counts = vectorizer.transform(texts)
                features: Features = csr_array(counts) if components is None else counts @ components.T
                if progress is not None:
                    progress(len(texts), len(texts))
                return features

            return encode_points(task, points, encode_texts)

        return encode

    def _vectorizer(self, **given: Any) -> Any:
        from sklearn.feature_extraction.text import TfidfVectorizer

        return TfidfVectorizer(
            ngram_range=self.ngram, analyzer=self.analyzer, sublinear_tf=self.sublinear, dtype=np.float32, **given
        )
