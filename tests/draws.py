"""Random predictions, and random inputs of losses, for tests that hold for any."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from outlearn.core.predictions import Predictions


def draw_predictions(
    n_models: int,
    seed: int,
    n_points: int = 6,
    n_classes: int = 3,
    *,
    scale: float = 1.0,
    teacher_of: Sequence[int] | np.ndarray | None = None,
) -> Predictions:
    """Draw predictions whose logits are normal with that standard deviation."""
    logits = scale * np.random.default_rng(seed).normal(size=(n_models, n_points, n_classes))
    return Predictions.from_logits(logits, teacher_of=teacher_of)


def draw_examples(
    classes: int,
    examples: int = 40,
    *,
    seed: int = 0,
    batch: tuple[int, ...] = (),
    dtype: torch.dtype = torch.float64,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Draw a student's logits and a teacher's distributions, none of them zero: `[*batch, examples, classes]`."""
    rng = torch.Generator().manual_seed(seed)
    logits = 2.0 * torch.randn(*batch, examples, classes, generator=rng, dtype=torch.float64)
    targets = (1.5 * torch.randn(*batch, examples, classes, generator=rng, dtype=torch.float64)).softmax(-1)
    return logits.to(dtype), targets.to(dtype)
