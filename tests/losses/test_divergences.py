"""The f-divergences against scipy, their bounds and symmetries, and what smoothing buys."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.spatial.distance import jensenshannon
from scipy.special import rel_entr
from tests.draws import draw_examples as draw

from outlearn.errors import DomainError
from outlearn.losses import Hellinger, Jeffreys, JensenShannon, PearsonChi2, ReverseKL, TotalVariation

EXACT = 1e-10  # sums of a few terms of size 10 in float64
CLASSES = pytest.mark.parametrize("classes", [2, 3, 10])


@CLASSES
def test_values_are_those_of_the_definitions(classes):
    z, teacher = draw(classes)
    s, t = z.softmax(-1).numpy(), teacher.numpy()
    expected = {
        JensenShannon(): jensenshannon(t, s, axis=-1) ** 2,
        Hellinger(): 1.0 - np.sqrt(t * s).sum(-1),
        TotalVariation(): np.maximum(t - s, 0.0).sum(-1),
        PearsonChi2(smoothing=0.0): (t**2 / s).sum(-1) - 1.0,
        Jeffreys(smoothing=0.0): (rel_entr(t, s) + rel_entr(s, t)).sum(-1),
    }
    for loss, value in expected.items():
        np.testing.assert_allclose(loss(z, teacher).numpy(), value, rtol=EXACT, atol=EXACT, err_msg=repr(loss))


@CLASSES
@pytest.mark.parametrize("loss", [JensenShannon(), Hellinger(), TotalVariation(), Jeffreys(smoothing=0.0)], ids=repr)
def test_symmetric_divergences_do_not_change_when_teacher_and_student_swap(loss, classes):
    z, t = draw(classes)
    torch.testing.assert_close(loss(t.log(), z.softmax(-1)), loss(z, t), rtol=EXACT, atol=EXACT)


def test_pearson_is_not_symmetric():
    z, t = draw(3)
    loss = PearsonChi2(smoothing=0.0)
    assert (loss(t.log(), z.softmax(-1)) - loss(z, t)).abs().max() > 0.1


@pytest.mark.parametrize(
    ("loss", "bound"), [(JensenShannon(), np.log(2.0)), (Hellinger(), 1.0), (TotalVariation(), 1.0)], ids=repr
)
def test_bounded_divergences_reach_their_bound_on_disjoint_supports(loss, bound):
    wrong, t = torch.tensor([[1e3, 0.0]]).double(), torch.tensor([[0.0, 1.0]]).double()
    torch.testing.assert_close(loss(wrong, t), torch.tensor([bound], dtype=torch.float64))


def test_pearson_without_smoothing_leaves_the_float_range_and_with_it_does_not():
    wrong, t = torch.tensor([[1e3, 0.0]]).double(), torch.tensor([[0.0, 1.0]]).double()
    assert torch.isinf(PearsonChi2(smoothing=0.0)(wrong, t))
    assert PearsonChi2(smoothing=1e-4)(wrong, t).item() <= 2.0 / 1e-4


@CLASSES
def test_pearson_bounds_twice_the_kullback_leibler_error(classes):
    # For close distributions chi2 is 2 KL to second order; KL <= log(1 + chi2) always.
    z, t = draw(classes)
    chi2 = PearsonChi2(smoothing=0.0)
    kl = torch.nn.functional.kl_div(z.log_softmax(-1), t, reduction="none").sum(-1)
    assert (kl <= torch.log1p(chi2(z, t)) + EXACT).all()
    near = t.log() + 1e-4 * z
    close_kl = torch.nn.functional.kl_div(near.log_softmax(-1), t, reduction="none").sum(-1)
    torch.testing.assert_close(chi2(near, t) / (2.0 * close_kl), torch.ones_like(kl), rtol=1e-3, atol=0.0)


def test_jeffreys_contains_reverse_kl_and_its_error_on_hard_labels():
    z = torch.zeros(1, 2)
    hard = torch.tensor([[1.0, 0.0]])
    assert Jeffreys()(z, hard) > ReverseKL()(z, hard)
    with pytest.raises(DomainError, match="smoothing above 0"):
        Jeffreys(smoothing=0.0)(z, hard)
