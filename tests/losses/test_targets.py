"""Targets are checked once, before training: what is not a distribution is refused with its row."""

from __future__ import annotations

import pytest
import torch

from outlearn.errors import DomainError, ShapeError
from outlearn.losses import CACE, LOSSES, Regularised, ReverseCE, check_targets, get_loss

HARD = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
SOFT = torch.tensor([[0.9, 0.1], [0.2, 0.8]])
TAKES_LOG = ["reverse_ce", "reverse_kl", "symmetric_ce", "cace", "jeffreys"]


@pytest.mark.parametrize("name", LOSSES)
def test_soft_and_hard_labels_are_fine_with_the_defaults(name):
    check_targets(get_loss(name), SOFT)
    check_targets(get_loss(name), HARD)
    check_targets(get_loss(name), SOFT.expand(3, 2, 2))


@pytest.mark.parametrize("name", TAKES_LOG)
def test_hard_labels_without_smoothing_are_refused_iff_the_loss_takes_their_logarithm(name):
    loss = get_loss(name, smoothing=0.0)
    check_targets(loss, SOFT)
    with pytest.raises(DomainError, match=r"smoothing 0.*at \[0\] has a zero.*Hard labels need smoothing above 0"):
        check_targets(loss, HARD)
    with pytest.raises(DomainError, match="smoothing above 0"):
        check_targets(Regularised(loss), HARD)
    for other in set(LOSSES) - set(TAKES_LOG):
        check_targets(get_loss(other), HARD)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ([0.5, 0.6], r"at \[1\] is \[0.5, 0.6\], which does not sum to 1"),
        ([1.2, -0.2], "probabilities in"),
        ([float("nan"), 0.5], "probabilities in"),
        ([float("inf"), 0.0], "probabilities in"),
        ([90.0, 10.0], "not logits or percentages"),
        ([0.0, 0.0], "does not sum to 1"),
    ],
)
def test_a_row_that_is_not_a_distribution_is_named(row, message):
    targets = torch.stack([SOFT[0], torch.tensor(row)])
    with pytest.raises(DomainError, match=message):
        check_targets(CACE(), targets)


def test_a_missing_class_axis_is_named():
    with pytest.raises(ShapeError, match=r"\[\.\.\., classes\]"):
        check_targets(ReverseCE(), torch.ones(4, 1))


def test_rounding_of_float32_is_not_an_error():
    targets = torch.rand(200, 1000, generator=torch.Generator().manual_seed(0)).softmax(-1)
    check_targets(ReverseCE(), targets)
