"""The independent reference: one head at a time by autograd and torch's own AdamW, in the same minibatch order."""

from __future__ import annotations

import itertools

import numpy as np
import torch

from outlearn.learners.head_randomness import initial_layers, minibatch_order
from outlearn.learners.jobs import HeadJob, HeadSettings


def train_alone(
    features: np.ndarray,
    targets: np.ndarray,
    job: HeadJob,
    points: np.ndarray,
    settings: HeadSettings,
    *,
    weights: np.ndarray | None = None,
    stop_after: float | None = None,
) -> np.ndarray:
    """Train one head in float64 and return its log-probabilities, `[points, classes]`; of numbers, its outputs."""
    x, p = features.astype(np.float64), points.astype(np.float64)
    if settings.standardise:
        mean, scale = x.mean(0), x.std(0)
        scale[scale < 1e-9] = 1.0
        x, p = (x - mean) / scale, (p - mean) / scale
    x, p = torch.tensor(x), torch.tensor(p)
    t = torch.tensor(targets[job.labeling], dtype=torch.float64)
    w = torch.ones(len(x), dtype=torch.float64)
    if job.weighting is not None:
        w = torch.tensor(weights[job.weighting], dtype=torch.float64)
        w = w / w.mean()
    sizes = [x.shape[1], *([settings.hidden] if settings.hidden else []), t.shape[1]]
    layers = []
    for (weight, bias), (inputs, outputs) in zip(
        initial_layers(job.seed, sizes, bias=settings.bias), itertools.pairwise(sizes), strict=True
    ):
        layer = torch.nn.Linear(inputs, outputs, bias=settings.bias, dtype=torch.float64)
        with torch.no_grad():
            layer.weight.copy_(torch.tensor(weight.T))
            if settings.bias:
                layer.bias.copy_(torch.tensor(bias))
        layers += [layer, torch.nn.ReLU()]
    model = torch.nn.Sequential(*layers[:-1])
    optimiser = torch.optim.AdamW(
        model.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay, fused=False
    )
    size = settings.batch_size
    per_epoch = -(-len(x) // size)
    n_steps = round(settings.epochs * per_epoch)
    schedule = None
    if settings.schedule == "cosine":
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, n_steps)
    end = n_steps if stop_after is None else round(stop_after * per_epoch)
    for step in range(end):
        epoch, position = divmod(step, per_epoch)
        order = minibatch_order(job.seed % settings.order_groups, epoch, len(x))
        rows = order[position * size : (position + 1) * size]
        loss = (job.loss(model(x[rows]), t[rows], progress=step / n_steps) * w[rows]).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        if schedule:
            schedule.step()
    with torch.no_grad():
        return (model(p) if job.loss.n_outputs == 1 else model(p).log_softmax(-1)).numpy()


def log_probs(logits: np.ndarray) -> np.ndarray:
    """Normalise logits."""
    return torch.tensor(logits, dtype=torch.float64).log_softmax(-1).numpy()
