"""What students of weak labels see of the points: the features that are given, or those of their texts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float
from scipy.sparse import csr_array

from outlearn.encoders import get_encoder
from outlearn.encoders.points import Texts

__all__ = ["StudentFeatures", "encoded"]

MAX_TERMS = 20_000
MAX_DIMENSIONS = 256
TEXTS_PER_DIMENSION = 8
SPANNED = 1e-3  # of the largest standard deviation of a direction


@dataclass(frozen=True, eq=False)
class StudentFeatures:
    """What students see of the points, and what that is in words."""

    values: Float[np.ndarray, "points features"]
    words: str


def encoded(texts: Texts, encoder: Mapping[str, Any] | None, advance: Any) -> StudentFeatures:
    """Encode the texts. Their labels play no part, so that all texts may be looked at."""
    points = np.arange(len(texts.texts))
    settings = dict(encoder or {"kind": "tfidf", "max_features": MAX_TERMS})
    if encoder is None:
        # Never more dimensions than the texts span: the terms are counted first.
        terms = get_encoder(settings).encode(texts, points[:1], points).shape[1]
        settings["dims"] = max(2, min(MAX_DIMENSIONS, len(points) // TEXTS_PER_DIMENSION, terms - 1))
        if terms < 3:
            settings["dims"] = None
    with np.errstate(invalid="ignore", divide="ignore"):  # texts that are all alike have no variance to explain
        encoded = get_encoder(settings).encode(texts, points, points, progress=advance)
    features = encoded.toarray() if isinstance(encoded, csr_array) else encoded
    if encoder is None:
        # Directions that the texts do not span hold rounding alone; standardising would make it as large as the rest.
        spread = features.std(axis=0)
        features = features[:, spread > SPANNED * spread.max()] if spread.max() > 0 else features
    words = " ".join(f"{key}={value}" if key != "kind" else str(value) for key, value in settings.items())
    return StudentFeatures(features, f"{words}, {features.shape[1]} dimensions")
