"""Where randomness enters the training of a head: its initial weights and the order of its minibatches.

Both depend on the job's own seed and on nothing else, so a head is the same whichever heads are trained beside it.
The initial weights are drawn from the seed itself. The order is drawn from the order group, `seed % order_groups`:
heads of one group share each minibatch, which is read once for all of them, and heads of different groups see
different orders, so that variation over seeds keeps the part that the order causes.
"""

from __future__ import annotations

import itertools
import math

import numpy as np

from outlearn.lazy_torch import Tensor, torch

__all__ = ["initial_layers", "minibatch_order", "steps_per_epoch"]


def steps_per_epoch(n_examples: int, batch_size: int) -> int:
    """Return the number of minibatches in an epoch; the last may be smaller."""
    return math.ceil(n_examples / batch_size)


def minibatch_order(group: int, epoch: int, n_examples: int) -> Tensor:
    """Return the order of the examples of one group in one epoch; minibatches are consecutive slices of it."""
    return torch.from_numpy(np.random.default_rng([group, epoch]).permutation(n_examples))


def initial_layers(seed: int, sizes: list[int], *, bias: bool) -> list[tuple[np.ndarray, np.ndarray]]:
    """Draw the initial weights of a head: uniform in +-1/sqrt(inputs), as torch's Linear.

    Sizes are the features, then the width of each layer, the classes last. Returns for each layer the weight
    `[inputs, outputs]` and the bias `[outputs]`, which is 0 if there is none, in float64.
    """
    rng = np.random.default_rng(seed)
    layers = []
    for inputs, outputs in itertools.pairwise(sizes):
        bound = inputs**-0.5
        weight = rng.uniform(-bound, bound, size=(outputs, inputs)).T
        layers.append((weight, rng.uniform(-bound, bound, size=outputs) if bias else np.zeros(outputs)))
    return layers
