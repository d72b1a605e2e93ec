"""The cross-entropy identities of theory.md, sections 4.1 to 4.3, and where the claims about reverse CE end."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.special import rel_entr

from outlearn.core.generators import get_generator
from outlearn.errors import ConfigError, DomainError, ShapeError
from outlearn.losses import Brier, ForwardCE, ForwardKL, HardCE, ReverseCE, ReverseKL, SymmetricCE

EXACT = 1e-10  # sums of a few terms of size 10 in float64
CLASSES = pytest.mark.parametrize("classes", [2, 3, 10])
RCE, RKL = ReverseCE(smoothing=0.0), ReverseKL(smoothing=0.0)


@pytest.fixture
def rng():
    return torch.Generator().manual_seed(0)


def logits_of(rng, classes, examples=50, scale=2.0):
    return scale * torch.randn(examples, classes, generator=rng, dtype=torch.float64)


def gradient(loss, z, t):
    z = z.detach().clone().requires_grad_()
    return torch.autograd.grad(loss(z, t).sum(), z)[0]


def entropy(p):
    return -torch.special.xlogy(p, p).sum(-1)


def covariance(p):
    return torch.diag_embed(p) - p.unsqueeze(-1) * p.unsqueeze(-2)


def close(actual, expected):
    torch.testing.assert_close(actual, expected, atol=EXACT, rtol=EXACT)


@CLASSES
def test_forward_ce_is_torchs_cross_entropy(rng, classes):
    z, t = logits_of(rng, classes), logits_of(rng, classes).softmax(-1)
    close(ForwardCE()(z, t), torch.nn.functional.cross_entropy(z, t, reduction="none"))
    labels = t.argmax(-1)
    close(HardCE()(z, t), torch.nn.functional.cross_entropy(z, labels, reduction="none"))


@CLASSES
def test_both_divergences_are_scipys(rng, classes):
    z, t = logits_of(rng, classes), logits_of(rng, classes).softmax(-1)
    s = z.softmax(-1).numpy()
    np.testing.assert_allclose(ForwardKL()(z, t).numpy(), rel_entr(t.numpy(), s).sum(-1), rtol=EXACT, atol=EXACT)
    np.testing.assert_allclose(RKL(z, t).numpy(), rel_entr(s, t.numpy()).sum(-1), rtol=EXACT, atol=EXACT)


def test_hard_ce_gives_a_tie_to_the_first_class():
    z = torch.tensor([[1.0, 0.0, -1.0]])
    tie = torch.tensor([[0.4, 0.4, 0.2]])
    torch.testing.assert_close(HardCE()(z, tie), ForwardCE()(z, torch.tensor([[1.0, 0.0, 0.0]])))


@CLASSES
def test_cross_entropies_are_divergence_plus_entropy(rng, classes):
    z, t = logits_of(rng, classes), logits_of(rng, classes).softmax(-1)
    close(ForwardCE()(z, t), ForwardKL()(z, t) + entropy(t))
    close(RCE(z, t), RKL(z, t) + entropy(z.softmax(-1)))


@CLASSES
def test_gap_of_divergences_is_reverse_misfit_plus_residual(rng, classes):
    # Section 4.1: KL(y,t) - KL(y,s) = KL(s,t) + sum (y-s) log(s/t) = RCE(s,t) - H(s) + sum (y-s) log(s/t)
    z, u, y = logits_of(rng, classes), logits_of(rng, classes), logits_of(rng, classes).softmax(-1)
    s, t = z.softmax(-1), u.softmax(-1)
    gap = ForwardKL()(u, y) - ForwardKL()(z, y)
    residual = ((y - s) * (s / t).log()).sum(-1)
    close(gap, RKL(z, t) + residual)
    close(gap, RCE(z, t) - entropy(s) + residual)
    close(gap, -(ForwardCE()(z, t) - entropy(t)) + ((y - t) * (s / t).log()).sum(-1))


@CLASSES
def test_gap_of_reversed_divergences_is_forward_misfit_plus_residual(rng, classes):
    # Section 4.1: KL(t,y) - KL(s,y) = KL(t,s) + sum (t-s) log(s/y)
    z, u, y = logits_of(rng, classes), logits_of(rng, classes), logits_of(rng, classes).softmax(-1)
    s, t = z.softmax(-1), u.softmax(-1)
    close(RKL(u, y) - RKL(z, y), ForwardKL()(z, t) + ((t - s) * (s / y).log()).sum(-1))


@CLASSES
def test_sharpening_a_student_helps_log_loss_iff_it_is_under_confident(rng, classes):
    # Along s^alpha, d/d alpha KL(y, s_alpha) at 1 is CE(y,s) - H(s): negative iff H(s) > CE(y,s).
    z, y = logits_of(rng, classes, 400), logits_of(rng, classes, 400).softmax(-1)
    step = 1e-5
    slope = (ForwardKL()((1 + step) * z, y) - ForwardKL()((1 - step) * z, y)) / (2 * step)
    surplus = entropy(z.softmax(-1)) - ForwardCE()(z, y)
    torch.testing.assert_close(slope, -surplus, atol=1e-8, rtol=1e-6)
    helps = ForwardKL()((1 + 1e-3) * z, y) < ForwardKL()(z, y)
    clear = surplus.abs() > 0.05  # the finite step must not decide
    assert torch.equal(helps[clear], (surplus > 0)[clear])
    assert (surplus > 0.05).any()
    assert (surplus < -0.05).any()


@CLASSES
def test_gradients_are_those_of_the_table(rng, classes):
    z, u = logits_of(rng, classes), logits_of(rng, classes)
    s, t = z.softmax(-1), u.softmax(-1)
    close(gradient(ForwardCE(), z, t), s - t)
    close(gradient(ForwardKL(), z, t), s - t)
    reverse = -(covariance(s) @ t.log().unsqueeze(-1)).squeeze(-1)
    close(gradient(RCE, z, t), reverse)
    close(gradient(RCE, z, t), -(covariance(s) @ u.unsqueeze(-1)).squeeze(-1))  # log t and u differ by a constant
    close(gradient(RCE, z, t), s * (-t.log() - RCE(z, t).unsqueeze(-1)))
    close(gradient(RKL, z, t), s * ((s / t).log() - RKL(z, t).unsqueeze(-1)))
    close(gradient(SymmetricCE(alpha=0.7, beta=0.4, smoothing=0.0), z, t), 0.7 * (s - t) + 0.4 * reverse)


def test_binary_reverse_ce_gradient_is_minus_s_one_minus_s_logit_t(rng):
    z, u = logits_of(rng, 2), logits_of(rng, 2)
    s, m = z.softmax(-1)[:, 1], u[:, 1] - u[:, 0]
    close(gradient(RCE, z, u.softmax(-1))[:, 1], -s * (1 - s) * m)


@CLASSES
@pytest.mark.parametrize("power", [0.1, 0.5, 3.0])
def test_tempering_the_teacher_scales_the_reverse_gradient_and_keeps_its_direction(rng, classes, power):
    z, u = logits_of(rng, classes), logits_of(rng, classes)
    t, tempered = u.softmax(-1), (power * u).softmax(-1)
    close(gradient(RCE, z, tempered), power * gradient(RCE, z, t))
    close(RCE(z, tempered), power * RCE(z, t) + (power * u.log_softmax(-1)).logsumexp(-1))


def test_tempering_the_teacher_moves_the_target_of_forward_ce(rng):
    z, u = logits_of(rng, 3), logits_of(rng, 3)
    plain, tempered = gradient(ForwardCE(), z, u.softmax(-1)), gradient(ForwardCE(), z, (3.0 * u).softmax(-1))
    cosine = torch.nn.functional.cosine_similarity(plain, tempered, dim=-1)
    assert cosine.min() < 0.5


@CLASSES
def test_smoothing_is_affine_for_forward_ce(rng, classes):
    z, t = logits_of(rng, classes), logits_of(rng, classes).softmax(-1)
    uniform = torch.full_like(t, 1.0 / classes)
    mixed = 0.8 * t + 0.2 * uniform
    close(ForwardCE()(z, mixed), 0.8 * ForwardCE()(z, t) + 0.2 * ForwardCE()(z, uniform))
    close(gradient(ForwardCE(), z, mixed), gradient(ForwardCE(), z, t) + 0.2 * (t - uniform))


@CLASSES
def test_smoothing_moves_reverse_ce_at_the_rate_of_the_formula(rng, classes):
    # d RCE / d eps = -sum s (1/K - t) / t^eps, finite even for a one-hot teacher
    z = logits_of(rng, classes)
    t = torch.nn.functional.one_hot(torch.arange(len(z)) % classes, classes).double()
    eps, step = 0.05, 1e-6
    slope = (ReverseCE(eps + step)(z, t) - ReverseCE(eps - step)(z, t)) / (2 * step)
    expected = -(z.softmax(-1) * (1.0 / classes - t) / ((1 - eps) * t + eps / classes)).sum(-1)
    torch.testing.assert_close(slope, expected, atol=1e-6, rtol=1e-6)


def test_smoothing_is_part_of_the_loss_and_of_its_reverse_part_only(rng):
    z = logits_of(rng, 3)
    t = torch.nn.functional.one_hot(torch.arange(len(z)) % 3, 3).double()
    mixed = 0.99 * t + 0.01 / 3
    close(ReverseCE(smoothing=0.01)(z, t), RCE(z, mixed))
    close(ReverseKL(smoothing=0.01)(z, t), RKL(z, mixed))
    close(SymmetricCE(beta=2.0, smoothing=0.01)(z, t), ForwardCE()(z, t) + 2.0 * RCE(z, mixed))


@CLASSES
@pytest.mark.parametrize("confidence", [0.55, 0.9, 0.999])
def test_two_level_teacher_sets_only_the_scale_of_reverse_ce(rng, classes, confidence):
    z = logits_of(rng, classes)
    s = z.softmax(-1)
    t = torch.full_like(z, (1 - confidence) / (classes - 1))
    t[:, 0] = confidence
    odds = confidence * (classes - 1) / (1 - confidence)
    scale = float(np.log(odds))
    close(RCE(z, t), -np.log((1 - confidence) / (classes - 1)) - s[:, 0] * scale)  # affine in s_j
    e = torch.nn.functional.one_hot(torch.zeros(len(z), dtype=torch.long), classes).double()
    g = gradient(RCE, z, t)
    close(g, scale * s[:, :1] * (s - e))
    close(g.abs().sum(-1), 2 * s[:, 0] * (1 - s[:, 0]) * scale)


@CLASSES
def test_a_uniform_teacher_gives_reverse_ce_no_gradient_and_forward_ce_a_pull_to_uniform(rng, classes):
    z = logits_of(rng, classes)
    uniform = torch.full_like(z, 1.0 / classes)
    for smoothing in (0.0, 1e-4, 0.5):
        close(gradient(ReverseCE(smoothing), z, uniform), torch.zeros_like(z))
    close(gradient(ForwardCE(), z, uniform), z.softmax(-1) - uniform)


@CLASSES
def test_reverse_ce_has_no_gradient_at_a_confident_student_even_a_wrong_one(classes):
    z = torch.zeros(1, classes, dtype=torch.float64)
    z[0, 0] = 40.0
    t = torch.full((1, classes), 0.1 / (classes - 1), dtype=torch.float64)
    t[0, 1] = 0.9
    assert gradient(ReverseCE(), z, t).abs().max() < 1e-12
    assert gradient(ForwardCE(), z, t).abs().max() > 0.5


@CLASSES
def test_minimisers_of_the_expected_loss_are_the_three_means(rng, classes):
    # Section 4.1: forward CE reaches the arithmetic mean, reverse KL the geometric, reverse CE a vertex.
    teachers = logits_of(rng, classes, 30).softmax(-1)
    arithmetic = teachers.mean(0).log().expand(30, -1)
    geometric = teachers.log().mean(0).expand(30, -1)
    others = [logits_of(rng, classes, 1, scale).expand(30, -1) for scale in (0.01, 0.1, 1.0) for _ in range(20)]
    assert all(ForwardCE()(arithmetic, teachers).mean() < ForwardCE()(arithmetic + d, teachers).mean() for d in others)
    assert all(RKL(geometric, teachers).mean() < RKL(geometric + d, teachers).mean() for d in others)
    vertex = torch.nn.functional.one_hot(geometric.argmax(-1), classes).double()
    infimum = RCE(1e3 * vertex, teachers).mean()
    assert all(RCE(geometric + d, teachers).mean() > infimum for d in others)
    # The least value of the expected reverse KL is the dual variance, -log sum of the geometric mean.
    close(RKL(geometric, teachers).mean(), -teachers.log().mean(0).logsumexp(-1))


@pytest.mark.parametrize("confidence", [0.55, 0.7, 0.95])
def test_symmetric_ce_is_least_between_the_teacher_and_the_vertex(confidence):
    grid = torch.linspace(0.001, 0.999, 999, dtype=torch.float64)
    z = torch.stack([torch.zeros_like(grid), grid.logit()], -1)
    t = torch.tensor([1 - confidence, confidence], dtype=torch.float64).expand_as(z)
    best = {b: float(grid[SymmetricCE(alpha=1.0, beta=b)(z, t).argmin()]) for b in (0.0, 0.1, 0.5)}
    assert abs(best[0.0] - confidence) < 2e-3
    assert confidence < best[0.1] < best[0.5] < 1.0


def test_symmetric_ce_with_one_weight_zero_is_the_other_loss(rng):
    z, t = logits_of(rng, 3), logits_of(rng, 3).softmax(-1)
    close(SymmetricCE(alpha=1.0, beta=0.0)(z, t), ForwardCE()(z, t))
    close(SymmetricCE(alpha=0.0, beta=1.0)(z, t), ReverseCE()(z, t))
    with pytest.raises(ConfigError, match="both 0"):
        SymmetricCE(alpha=0.0, beta=0.0)


def test_zero_log_zero_is_zero():
    sure = torch.tensor([[1e4, 0.0]], dtype=torch.float64)
    right, wrong = torch.tensor([[1.0, 0.0]]).double(), torch.tensor([[0.0, 1.0]]).double()
    assert ForwardCE()(sure, right).item() == 0.0
    assert ForwardKL()(sure, right).item() == 0.0
    assert ForwardKL()(sure, wrong).item() == 1e4
    half = torch.tensor([[0.5, 0.5]], dtype=torch.float64)
    close(RKL(sure, half), torch.tensor([np.log(2.0)]))  # s log s is 0 at s = 0
    close(RCE(sure, half), torch.tensor([np.log(2.0)]))


@pytest.mark.parametrize("loss", [RCE, RKL, SymmetricCE(smoothing=0.0)])
def test_hard_labels_without_smoothing_are_an_error_that_says_so(loss):
    with pytest.raises(DomainError, match=r"smoothing 0.*Hard labels need smoothing above 0"):
        loss(torch.zeros(2, 2), torch.tensor([[1.0, 0.0], [0.5, 0.5]]))


def test_hard_labels_cost_reverse_ce_the_logarithm_of_the_smoothing():
    wrong = torch.tensor([[50.0, 0.0]], dtype=torch.float64)
    t = torch.tensor([[0.0, 1.0]], dtype=torch.float64)
    close(ReverseCE()(wrong, t), torch.tensor([-np.log(1e-4 / 2)]))


@pytest.mark.parametrize(
    ("logits", "targets", "message"),
    [
        (torch.zeros(4, 2), torch.zeros(4, 3), "differ on the class axis"),
        (torch.zeros(4, 1), torch.ones(4, 1), "at least 2"),
        (torch.zeros(4, 2), torch.zeros(3, 2), "do not broadcast"),
        (torch.zeros(4, 2), torch.zeros(4, 2, dtype=torch.long), "one_hot"),
        (torch.zeros(4, 2, dtype=torch.long), torch.zeros(4, 2), "float dtype"),
    ],
)
def test_tensors_that_do_not_fit_are_refused_with_both_shapes(logits, targets, message):
    with pytest.raises(ShapeError, match=message):
        ForwardCE()(logits, targets)


@pytest.mark.parametrize("progress", [-0.1, 1.1, float("nan")])
def test_progress_outside_the_unit_interval_is_refused(progress):
    with pytest.raises(ConfigError, match="progress"):
        ForwardCE()(torch.zeros(1, 2), torch.full((1, 2), 0.5), progress=progress)


@CLASSES
def test_training_divergences_equal_their_numpy_twins(rng, classes):
    z, u = logits_of(rng, classes), logits_of(rng, classes)
    t = u.softmax(-1)
    kl = get_generator("negative_entropy")
    np.testing.assert_allclose(
        ForwardKL()(z, t).numpy(), kl.divergence_from_dual(u.numpy(), z.numpy()), rtol=EXACT, atol=EXACT
    )
    np.testing.assert_allclose(RKL(z, t).numpy(), kl.divergence_from_dual(z.numpy(), u.numpy()), rtol=EXACT, atol=EXACT)
    s = z.softmax(-1).numpy()
    np.testing.assert_allclose(RKL(z, t).numpy(), kl.divergence(s, t.numpy()), rtol=EXACT, atol=EXACT)
    squared = get_generator("squared_euclidean")
    np.testing.assert_allclose(Brier()(z, t).numpy(), squared.divergence(t.numpy(), s), rtol=EXACT, atol=EXACT)
