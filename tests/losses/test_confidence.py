"""Losses that look at confidence: where CACE switches, how AuxConf matches the prior, what the entropy term does."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tests.draws import draw_examples as draw

from outlearn.errors import ConfigError, ShapeError
from outlearn.losses import CACE, AuxConf, ConfidenceWindow, ForwardCE, Regularised, ReverseCE, get_loss, resolve
from outlearn.losses.aux_conf import prior_matched_classes

EXACT = 1e-10  # sums of a few terms of size 10 in float64


def gradient(loss, z, t, **options):
    z = z.detach().clone().requires_grad_()
    return torch.autograd.grad(loss(z, t, **options).sum(), z)[0]


def close(actual, expected):
    torch.testing.assert_close(actual, expected, atol=EXACT, rtol=EXACT)


# CACE


@pytest.mark.parametrize("classes", [2, 3, 10])
def test_cace_is_forward_ce_above_the_threshold_and_reverse_ce_below(classes):
    z, t = draw(classes)
    confident = t.amax(-1) >= 0.6
    assert confident.any()
    assert not confident.all()
    expected = torch.where(confident, ForwardCE()(z, t), ReverseCE()(z, t))
    close(CACE(threshold=0.6)(z, t), expected)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("threshold", [0.55, 0.6, 0.7, 0.9])
def test_a_confidence_equal_to_the_threshold_goes_to_forward_ce(dtype, threshold):
    z, t = torch.tensor([[1.0, -1.0]], dtype=dtype), torch.tensor([[threshold, 1 - threshold]], dtype=dtype)
    assert CACE(threshold=threshold)(z, t) == ForwardCE()(z, t)
    below = torch.tensor([[threshold - 1e-3, 1 - threshold + 1e-3]], dtype=dtype)
    assert CACE(threshold=threshold)(z, below) == ReverseCE()(z, below)


def test_cace_jumps_at_its_threshold_from_s_minus_c_to_minus_s_one_minus_s_logit_c():
    # Section 4.2, binary: the two one-sided gradients at confidence c.
    z = torch.tensor([[0.0, 1.0]], dtype=torch.float64)
    s, c = z.softmax(-1)[0, 1], torch.tensor(0.6, dtype=torch.float64)
    t = torch.stack([1 - c, c]).unsqueeze(0)
    close(gradient(CACE(threshold=0.6), z, t)[0, 1], s - c)
    close(gradient(CACE(threshold=0.600001, smoothing=0.0), z, t)[0, 1], -s * (1 - s) * c.logit())


def test_the_papers_threshold_on_distance_from_one_half_is_ours_on_the_confidence():
    z, t = draw(2, 400)
    paper = torch.where((t[:, 1] - 0.5).abs() >= 0.1, ForwardCE()(z, t), ReverseCE()(z, t))
    close(get_loss("CACE_0.1")(z, t), paper)


def test_extreme_thresholds_are_the_pure_losses():
    z, t = draw(3)
    close(CACE(threshold=1.0 / 3.0)(z, t), ForwardCE()(z, t))
    close(CACE(threshold=1.0)(z, t), ReverseCE()(z, t))


def test_a_soft_switch_mixes_by_a_sigmoid_and_tends_to_the_hard_one():
    z, t = draw(3)
    w = ((t.amax(-1) - 0.6) / 0.05).sigmoid()
    close(CACE(threshold=0.6, temperature=0.05)(z, t), w * ForwardCE()(z, t) + (1 - w) * ReverseCE()(z, t))
    close(CACE(threshold=0.6, temperature=1e-6)(z, t), CACE(threshold=0.6)(z, t))


@pytest.mark.parametrize("quantile", [0.0, 0.3, 0.5, 1.0])
def test_a_quantile_is_the_quantile_of_the_confidence_of_all_training_labels(quantile):
    _, t = draw(3, 201)
    resolved = resolve(CACE(quantile=quantile, temperature=0.1), t)
    assert resolved == CACE(threshold=float(np.quantile(t.amax(-1).numpy(), quantile)), temperature=0.1)


def test_resolving_reaches_into_regularised_and_leaves_other_losses_alone():
    _, t = draw(3)
    inner = resolve(CACE(quantile=0.5), t)
    assert resolve(Regularised(CACE(quantile=0.5), entropy=0.3), t) == Regularised(inner, entropy=0.3)
    assert resolve(inner, t) is inner
    assert resolve(AuxConf(), t) == AuxConf()


def test_a_quantile_that_is_not_resolved_is_an_error_that_says_what_to_do():
    z, t = draw(3)
    with pytest.raises(ConfigError, match=r"quantile=0.5.*Call resolve\(loss, labels\) once"):
        CACE(quantile=0.5)(z, t)
    with pytest.raises(ShapeError, match="no training labels"):
        resolve(CACE(quantile=0.5), t[:0])


# AuxConf


def test_the_warm_up_is_linear_from_zero_to_the_weight_without_a_jump():
    loss = AuxConf(weight=0.5, warmup=0.2)
    assert [loss.coefficient(p) for p in (0.0, 0.05, 0.1, 0.2, 0.6, 1.0)] == [0.0, 0.125, 0.25, 0.5, 0.5, 0.5]
    steps = [loss.coefficient(p / 1000) for p in range(1001)]
    assert max(np.diff(steps)) <= 0.5 / 200 + 1e-12
    assert AuxConf(weight=0.5, warmup=0.0).coefficient(0.0) == 0.5


def test_aux_conf_is_forward_ce_before_it_warms_up():
    z, t = draw(3)
    close(AuxConf()(z, t, progress=0.0), ForwardCE()(z, t))


@pytest.mark.parametrize("classes", [2, 3, 10])
def test_aux_conf_is_forward_ce_at_the_mixed_target_in_value_and_gradient(classes):
    z, t = draw(classes)
    mixed = 0.75 * t + 0.25 * prior_matched_classes(z, z, t)
    close(AuxConf()(z, t, progress=0.1), ForwardCE()(z, mixed))
    close(gradient(AuxConf(), z, t, progress=0.1), z.softmax(-1) - mixed)


def test_for_two_classes_the_rule_is_the_published_one():
    # Section 4.4: threshold = quantile of s_0 at the mean of t_1; class 0 where s_0 reaches it.
    z, t = draw(2, 101, seed=5)
    s0 = z.softmax(-1)[:, 0]
    published = s0 >= torch.quantile(s0, t[:, 1].mean())
    assert torch.equal(prior_matched_classes(z, z, t)[:, 0].bool(), published)


@pytest.mark.parametrize("prior", [0.1, 0.5, 0.8])
def test_the_hardened_classes_follow_the_teachers_prior_even_for_a_biased_student(prior):
    rng = torch.Generator().manual_seed(1)
    m = 3.0 + torch.randn(1000, generator=rng, dtype=torch.float64)  # almost everywhere class 1
    z = torch.stack([torch.zeros_like(m), m], -1)
    t = torch.tensor([1 - prior, prior], dtype=torch.float64).expand(1000, 2)
    share = prior_matched_classes(z, z, t)[:, 1].mean()
    assert abs(share - prior) <= 1.5 / 1000


def test_the_hardened_classes_follow_the_prior_of_several_classes():
    rng = torch.Generator().manual_seed(2)
    z = torch.randn(3000, 3, generator=rng, dtype=torch.float64) + torch.tensor([2.0, 0.0, -2.0])
    t = torch.tensor([0.2, 0.3, 0.5], dtype=torch.float64).expand(3000, 3)
    biased = torch.nn.functional.one_hot(z.argmax(-1), 3).double().mean(0)
    matched = prior_matched_classes(z, z, t).mean(0)
    # Per-class quantiles match each prior only roughly; the argmax gives .9 to the first class, whose prior is .2.
    assert (matched - t[0]).abs().max() < 0.1
    assert (biased - t[0]).abs().max() > 0.4


def test_each_batch_element_has_its_own_threshold():
    z, t = draw(2, 30, batch=(3,))
    z = z + torch.tensor([0.0, 5.0]) * torch.arange(3.0).view(3, 1, 1)
    alone = torch.stack([prior_matched_classes(z[i], z[i], t[i]) for i in range(3)])
    assert torch.equal(prior_matched_classes(z, z, t), alone)


def test_a_window_of_references_makes_micro_batches_equal_the_whole_batch():
    z, t = draw(3, 32)
    whole = AuxConf()(z, t)
    parts = [AuxConf().against(z[i : i + 1], t[i : i + 1], z, t) for i in range(32)]
    close(torch.cat(parts), whole)


def test_a_single_example_is_hardened_by_its_argmax():
    for z in (torch.tensor([[2.0, 0.0]]), torch.tensor([[0.0, 2.0]]), torch.tensor([[0.0, 3.0, 2.0]])):
        own = prior_matched_classes(z, z, torch.full_like(z, 1.0 / z.shape[-1]))
        assert own.argmax(-1) == z.argmax(-1)


def test_aux_conf_needs_an_examples_axis():
    with pytest.raises(ShapeError, match="examples"):
        AuxConf()(torch.zeros(2), torch.tensor([0.5, 0.5]))


# The window and the entropy term


def test_the_window_keeps_only_examples_where_the_student_is_unsure():
    z, t = draw(2, 200)
    inside = z.softmax(-1).amax(-1) < 0.65
    assert inside.any()
    assert not inside.all()
    close(ConfidenceWindow(radius=0.15)(z, t), torch.where(inside, ForwardCE()(z, t), 0.0))
    g = gradient(ConfidenceWindow(radius=0.15), z, t)
    close(g, torch.where(inside.unsqueeze(-1), z.softmax(-1) - t, 0.0))


@pytest.mark.parametrize("classes", [2, 3, 10])
def test_the_entropy_term_adds_c_times_the_entropy_and_its_gradient(classes):
    z, t = draw(classes)
    s = z.softmax(-1)
    entropy = torch.distributions.Categorical(logits=z).entropy()
    close(Regularised(ForwardCE(), entropy=0.3)(z, t), ForwardCE()(z, t) + 0.3 * entropy)
    g = gradient(Regularised(ForwardCE(), entropy=0.3), z, t) - gradient(ForwardCE(), z, t)
    close(g, -0.3 * s * (s.log() + entropy.unsqueeze(-1)))


def test_reverse_ce_is_reverse_kl_plus_the_entropy_term():
    z, t = draw(3)
    close(Regularised(get_loss("reverse_kl"), entropy=1.0)(z, t), ReverseCE()(z, t))


@pytest.mark.parametrize(("entropy", "direction"), [(0.5, 1.0), (-0.5, -1.0)])
def test_a_positive_weight_sharpens_and_a_negative_one_flattens(entropy, direction):
    t = torch.tensor([[0.7, 0.3]], dtype=torch.float64)
    g = gradient(Regularised(ForwardCE(), entropy=entropy), t.log(), t)  # at s = t forward CE is silent
    assert direction * g[0, 0] < 0.0


def test_regularised_is_batch_coupled_iff_its_loss_is():
    assert Regularised(AuxConf()).batch_coupled
    assert Regularised(Regularised(AuxConf())).batch_coupled
    assert not Regularised(ForwardCE()).batch_coupled
    assert not Regularised.batch_coupled
