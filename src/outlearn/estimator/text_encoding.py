"""Texts as features for the estimator: an encoder by name, or a scikit-learn transformer, fitted once and kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
from jaxtyping import Shaped
from scipy.sparse import issparse
from sklearn.base import clone

from outlearn.data.label_cells import is_gap
from outlearn.data.wording import shortened
from outlearn.encoders.encoder import Encode, Encoder, Learned
from outlearn.encoders.points import Texts
from outlearn.encoders.registry import get_encoder
from outlearn.errors import ConfigError, DataError

__all__ = ["FittedEncoder", "dense", "fit_encoder"]

MOST_NUMBERS = 2**28  # of a dense matrix of features: 1 GiB in float32


class FittedEncoder(Protocol):
    """What turns new texts into features."""

    def transform(self, texts: Any) -> Any: ...


class _Named:
    """An encoder of the package with what it learned; what it reads from disk is loaded again where it is unpickled."""

    def __init__(self, encoder: Encoder, learned: Learned) -> None:
        self.encoder, self.learned = encoder, learned
        self._encode: Encode | None = None

    def transform(self, texts: Any) -> Any:
        points = Texts("X", _texts(texts))
        if self._encode is None:
            self._encode = self.encoder.load(self.learned)
        return self._encode(points, np.arange(len(points.texts)))

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_encode": None}


def fit_encoder(encoder: Any, texts: Any) -> tuple[FittedEncoder, Any]:
    """Fit an encoder on texts, and encode them.

    Args:
        encoder: a kind of encoder, a mapping with its kind and parameters, or a transformer; a clone is fitted.
        texts: a text a point: a list, an array, a series or a frame of one column.

    Raises:
        ConfigError: if it is no encoder.
        DataError: for what is no text.
    """
    if isinstance(encoder, str | Mapping):
        named = get_encoder({"kind": encoder} if isinstance(encoder, str) else dict(encoder))
        points = Texts("X", _texts(texts))
        fitted = _Named(named, named.learn(points, np.arange(len(points.texts))))
        return fitted, fitted.transform(texts)
    if not (hasattr(encoder, "fit_transform") and hasattr(encoder, "transform")):
        raise ConfigError(
            f'encoder is {shortened(encoder)}; expected a kind such as "tfidf", a mapping with its kind, or a '
            "scikit-learn transformer of texts."
        )
    transformer = clone(encoder)
    return transformer, transformer.fit_transform(list(_texts(texts)))


def dense(X: Any) -> Shaped[np.ndarray, "points features"]:
    """Write sparse features out, if they fit in memory.

    Raises:
        DataError: if they do not; says how to reduce them.
    """
    if not issparse(X):
        return np.asarray(X)
    if X.shape[0] * X.shape[1] > MOST_NUMBERS:
        raise DataError(
            f"X is sparse, and its {X.shape[0]:,} points by {X.shape[1]:,} features would take "
            f"{4 * X.shape[0] * X.shape[1] / 2**30:.1f} GiB written out. Reduce it: make_pipeline(TruncatedSVD(256), "
            "WeakToStrongClassifier()), with TruncatedSVD of sklearn.decomposition."
        )
    return np.asarray(X.toarray())


def _texts(given: Any) -> tuple[str, ...]:
    """List the texts of any container."""
    values = np.asarray(given, dtype=object)
    if values.ndim == 2 and values.shape[1] == 1:  # a frame of one column
        values = values[:, 0]
    if values.ndim != 1:
        raise DataError(f"X has shape {values.shape}; with an encoder a text a point is expected: pass one column.")
    for row, text in enumerate(values.tolist()):
        if not isinstance(text, str) or is_gap(text):
            raise DataError(f"X holds {shortened(text)} at {row}; expected a text. Fill it or drop the point.")
    return tuple(values.tolist())
