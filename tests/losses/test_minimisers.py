"""Where a loss claims a minimiser it is one: the teacher, or the vertex at the teacher's largest class."""

from __future__ import annotations

import pytest
import torch
from tests.draws import draw_examples

from outlearn.losses import LOSSES, get_loss

EXACT = 1e-10  # sums of a few terms of size 10 in float64


def autograd(loss, logits, targets):
    """Differentiate the summed loss."""
    z = logits.detach().clone().requires_grad_()
    return torch.autograd.grad(loss(z, targets).sum(), z)[0]


# Where the table of losses.md claims a minimiser: the smoothing of the target that is reached.
REACHES_TEACHER = {
    "forward_ce": 0.0,
    "forward_kl": 0.0,
    "brier": 0.0,
    "jensen_shannon": 0.0,
    "hellinger": 0.0,
    "total_variation": 0.0,
    "pearson_chi2": 0.0,
    "reverse_kl": 1e-4,
    "jeffreys": 1e-4,
}
REACHES_VERTEX = ["hard_ce", "reverse_ce", "mae", "gce"]


@pytest.mark.parametrize("name", REACHES_TEACHER)
@pytest.mark.parametrize("classes", [2, 3, 10])
def test_the_teacher_is_the_minimum_where_claimed(name, classes):
    loss, smoothing = get_loss(name), REACHES_TEACHER[name]
    _, targets = draw_examples(classes, 20, seed=3)
    best = ((1.0 - smoothing) * targets + smoothing / classes).log()
    at_best = loss(best, targets)
    rng = torch.Generator().manual_seed(4)
    for size in (1e-2, 0.3, 3.0, 30.0):
        direction = torch.randn(100, 20, classes, generator=rng, dtype=torch.float64)
        assert (loss(best + size * direction, targets) > at_best).all()
    if name != "total_variation":  # it has a kink at its minimum
        torch.testing.assert_close(autograd(loss, best, targets), torch.zeros_like(best), atol=EXACT, rtol=0.0)


@pytest.mark.parametrize("name", REACHES_VERTEX)
@pytest.mark.parametrize("classes", [2, 3, 10])
def test_a_vertex_is_the_infimum_where_claimed(name, classes):
    loss = get_loss(name)
    logits, targets = draw_examples(classes, 20, seed=3)
    vertex = torch.nn.functional.one_hot(targets.argmax(-1), classes).double()
    limit = loss(1e3 * vertex, targets)
    assert (loss(logits, targets) > limit).all()
    assert (loss(targets.log(), targets) > limit).all()
    # It falls along the ray to that vertex, and nowhere is the gradient zero.
    values = torch.stack([loss(r * vertex, targets) for r in (0.0, 1.0, 3.0, 10.0)])
    assert (values.diff(dim=0) < 0.0).all()
    assert (autograd(loss, targets.log(), targets).norm(dim=-1) > 1e-3).all()


def test_every_loss_that_is_not_listed_with_a_minimiser_claims_none():
    assert {*REACHES_TEACHER, *REACHES_VERTEX} | {
        "symmetric_ce",  # between the two: tests/losses/test_cross_entropy.py
        "cace",
        "aux_conf",
        "product",
        "confidence_window",
        "regularised",
    } == set(LOSSES)
