"""A linear probe first: the head learns on the frozen model before everything moves.

With a random head the first steps drag the pretrained weights after noise; from the probe's head they start where the
frozen model already is.
"""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float, Int

from outlearn.learners.finetuning.model import TextModel
from outlearn.learners.finetuning.tokens import Tokens
from outlearn.learners.heads import fit_predict
from outlearn.learners.jobs import HeadJob, HeadSettings

__all__ = ["start_from_probe"]


def start_from_probe(
    model: TextModel,
    tokens: Tokens,
    rows: Int[np.ndarray, " examples"],
    targets: Float[np.ndarray, "points classes"],
    job: HeadJob,
    *,
    tokens_per_batch: int,
) -> None:
    """Train a linear head with the job's labels, loss and seed on what the model's head reads, and put it there."""
    unique = np.unique(rows)
    features = model.run(model.features, tokens, unique, tokens_per_batch=tokens_per_batch).float().numpy()
    counted = np.searchsorted(unique, rows)
    fitted = fit_predict(
        features[counted],
        targets[None, rows],
        [HeadJob(0, job.loss, seed=job.seed)],
        {},
        settings=HeadSettings(bias=model.head.bias is not None and not model.pairs),
    )
    heads = fitted.heads
    # The probe reads (features - mean) / scale; the model's head reads the features themselves.
    weight = heads.weight[0] / heads.scale[:, None]
    bias = heads.bias[0] - heads.mean @ weight
    like = model.head.weight
    model.set_head(*(torch.from_numpy(a).to(like.device, like.dtype) for a in (weight, bias)))
