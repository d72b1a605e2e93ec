"""The features of every point of a task, by one frozen encoder."""

from __future__ import annotations

import numpy as np
from jaxtyping import Int

from outlearn.data.task import Task
from outlearn.encoders.encoder import Encoder
from outlearn.store.stage import Entries, Stage, Work

__all__ = ["features_stage"]

VERSION = 1


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
