"""Bounded losses and the product: their gradients, limits, and what they are in other words."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tests.draws import draw_examples as draw

from outlearn.errors import ConfigError
from outlearn.losses import MAE, Brier, ForwardCE, GeneralizedCE, HardCE, Product

EXACT = 1e-10  # sums of a few terms of size 10 in float64
CLASSES = pytest.mark.parametrize("classes", [2, 3, 10])


def gradient(loss, z, t):
    z = z.detach().clone().requires_grad_()
    return torch.autograd.grad(loss(z, t).sum(), z)[0]


def one_hot(t):
    return torch.nn.functional.one_hot(t.argmax(-1), t.shape[-1]).double()


def close(actual, expected):
    torch.testing.assert_close(actual, expected, atol=EXACT, rtol=EXACT)


@CLASSES
def test_mae_is_half_the_absolute_error_to_the_hard_label(classes):
    z, t = draw(classes)
    close(MAE()(z, t), 0.5 * (z.softmax(-1) - one_hot(t)).abs().sum(-1))


@CLASSES
def test_gradients_of_mae_and_generalized_ce(classes):
    z, t = draw(classes)
    s, e = z.softmax(-1), one_hot(t)
    s_y = (s * e).sum(-1, keepdim=True)
    close(gradient(MAE(), z, t), s_y * (s - e))
    close(gradient(GeneralizedCE(q=0.7), z, t), s_y**0.7 * (s - e))


@CLASSES
def test_generalized_ce_runs_from_hard_ce_to_mae(classes):
    z, t = draw(classes)
    close(GeneralizedCE(q=1.0)(z, t), MAE()(z, t))
    torch.testing.assert_close(GeneralizedCE(q=1e-9)(z, t), HardCE()(z, t), atol=1e-6, rtol=1e-6)


def test_mae_keeps_the_digits_of_a_small_loss():
    z = torch.tensor([[30.0, 0.0]], dtype=torch.float64)
    t = torch.tensor([[1.0, 0.0]], dtype=torch.float64)
    miss = np.exp(-30.0) / (1 + np.exp(-30.0))
    torch.testing.assert_close(MAE()(z, t), torch.tensor([miss]), rtol=1e-9, atol=0.0)


@pytest.mark.parametrize(("loss", "bound"), [(MAE(), 1.0), (GeneralizedCE(q=0.5), 2.0), (Brier(), 2.0)])
def test_bounded_losses_reach_their_bound_at_a_confident_mistake(loss, bound):
    wrong, t = torch.tensor([[1e3, 0.0]]).double(), torch.tensor([[0.0, 1.0]]).double()
    close(loss(wrong, t), torch.tensor([bound], dtype=torch.float64))


@CLASSES
def test_brier_is_the_squared_distance_and_its_gradient_the_projected_difference(classes):
    z, t = draw(classes)
    s = z.softmax(-1)
    close(Brier()(z, t), torch.nn.functional.mse_loss(s, t, reduction="none").sum(-1))
    jacobian = torch.diag_embed(s) - s.unsqueeze(-1) * s.unsqueeze(-2)
    close(gradient(Brier(), z, t), 2.0 * (jacobian @ (s - t).unsqueeze(-1)).squeeze(-1))


@CLASSES
@pytest.mark.parametrize(("a", "b"), [(1.0, 1.0), (0.5, 2.0), (0.0, 1.5), (2.0, 0.0)])
def test_product_is_forward_ce_at_the_normalised_product_held_fixed(classes, a, b):
    z, t = draw(classes)
    s = z.softmax(-1)
    agreed = s**b * t**a
    agreed = agreed / agreed.sum(-1, keepdim=True)
    close(Product(a=a, b=b)(z, t), ForwardCE()(z, agreed))
    close(gradient(Product(a=a, b=b), z, t), s - agreed)


def test_product_with_powers_one_and_zero_is_forward_ce():
    z, t = draw(3)
    close(Product(a=1.0, b=0.0)(z, t), ForwardCE()(z, t))


def test_product_gives_no_weight_to_a_class_that_the_teacher_excludes():
    z = torch.tensor([[5.0, 0.0, 1.0]], dtype=torch.float64)
    t = torch.tensor([[0.0, 0.5, 0.5]], dtype=torch.float64)
    close(Product()(z, t), ForwardCE()(z, torch.tensor([[0.0, 1.0, np.e]], dtype=torch.float64) / (1.0 + np.e)))
    close(Product(a=0.0, b=1.0)(z, t), ForwardCE()(z, z.softmax(-1)))  # 0 log 0 = 0
    with pytest.raises(ConfigError, match="both 0"):
        Product(a=0.0, b=0.0)
