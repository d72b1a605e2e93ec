"""The features of every point of a task, by one frozen encoder."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from jaxtyping import Int

from outlearn.data.task import Task
from outlearn.encoders.encoder import Encoder
from outlearn.store.stage import Entries, Stage, Work
from outlearn.store.store import Entry

__all__ = ["features_stage", "notes_on_features"]

VERSION = 1
EMPTY_SHARE = 0.01  # of points without any feature, from which on it is said


def features_stage(task: Task, encoder: Encoder, fit_on: Int[np.ndarray, " fit_points"]) -> Stage:
    """Describe the encoding of every point; an encoder that learns does so from `fit_on`, a training split.

    Its array: `features`, float32 `[points, features]`, rows as in the task.
    """

    def compute(entries: Entries, work: Work) -> dict[str, np.ndarray]:
        with work.progress.bar(f"features: {encoder.kind}") as advance:
            return {"features": encoder.encode(task, np.arange(task.n_points), fit_on, progress=advance)}

    return Stage(
        "features",
        VERSION,
        {"kind": encoder.kind, "fit_on": fit_on.tolist() if encoder.fits else None},
        {"encoder": encoder.fingerprint, "task": task.fingerprint},
        compute,
    )


def notes_on_features(entries: Mapping[str, Entry]) -> tuple[str, ...]:
    """Say how many points have no feature at all, such as texts of which TF-IDF knows no word."""
    notes = []
    for who in ("teacher", "student"):
        if entry := entries.get(f"{who} features"):
            features = entry.arrays["features"]
            empty = len(features) - int(features.any(axis=1).sum())
            if empty > EMPTY_SHARE * len(features):
                notes.append(
                    f"{empty:,} of {len(features):,} points have no feature that {who}.encoder knows: to {who}s they "
                    "are all alike. Choose another encoder, for texts one that reads letters ({kind: tfidf, analyzer: "
                    "char_wb}) or a language model."
                )
    return tuple(notes)
