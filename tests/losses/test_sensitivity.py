"""How a loss answers its teacher: against finite differences and formulas, and the claim with its limits."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from outlearn.errors import DomainError, ShapeError
from outlearn.learners import HeadJob, HeadSettings, fit_predict
from outlearn.losses import (
    CACE,
    LOSSES,
    AuxConf,
    ForwardCE,
    Regularised,
    ReverseCE,
    get_loss,
    sensitivity_table,
    teacher_sensitivity,
)

EXACT = 1e-9  # two derivatives in float64
RCE = ReverseCE(smoothing=0.0)
VARIANTS = {
    **{name: get_loss(name) for name in LOSSES},
    "reverse_ce, exact": RCE,
    "reverse_ce, heavy smoothing": ReverseCE(smoothing=0.3),
    "cace, soft switch": CACE(temperature=0.1),
    "regularised reverse_ce": Regularised(RCE, entropy=0.4),
}


def draw(classes, examples=8):
    rng = torch.Generator().manual_seed(0)
    return tuple(1.5 * torch.randn(2, examples, classes, generator=rng, dtype=torch.float64))


def covariance(p):
    return torch.diag_embed(p) - p.unsqueeze(-1) * p.unsqueeze(-2)


@pytest.mark.parametrize("classes", [2, 3, 10])
def test_forward_answers_by_the_teachers_and_reverse_by_the_students_uncertainty(classes):
    z, u = draw(classes)
    torch.testing.assert_close(teacher_sensitivity(ForwardCE(), z, u), -covariance(u.softmax(-1)))
    torch.testing.assert_close(teacher_sensitivity(RCE, z, u), -covariance(z.softmax(-1)))


@pytest.mark.parametrize("classes", [2, 3, 10])
@pytest.mark.parametrize("loss", VARIANTS.values(), ids=VARIANTS.keys())
def test_it_equals_finite_differences_of_the_gradient(loss, classes):
    z, u = draw(classes)
    step = 1e-5

    def gradient(u):
        x = z.clone().requires_grad_()
        return torch.autograd.grad(loss(x, u.softmax(-1)).sum(), x)[0]

    shifts = step * torch.eye(classes, dtype=torch.float64)
    numeric = torch.stack([(gradient(u + d) - gradient(u - d)) / (2 * step) for d in shifts], -1)
    torch.testing.assert_close(teacher_sensitivity(loss, z, u), numeric, atol=1e-7, rtol=1e-6)


@pytest.mark.parametrize("name", ["hard_ce", "mae", "gce"])
def test_losses_of_the_hard_label_do_not_answer_at_all(name):
    z, u = draw(3)
    assert not teacher_sensitivity(get_loss(name), z, u).any()


def test_aux_conf_answers_less_the_more_it_trusts_itself():
    z, u = draw(2)
    cold, warm = (teacher_sensitivity(AuxConf(weight=0.5), z, u, progress=p) for p in (0.0, 1.0))
    torch.testing.assert_close(cold, -covariance(u.softmax(-1)))
    torch.testing.assert_close(warm, 0.5 * cold)


@pytest.mark.parametrize("classes", [2, 3, 10])
def test_no_direction_of_the_teachers_logits_is_amplified_by_more_than_one_half(classes):
    # The norm of J is at most one half for both losses.
    z, u = draw(classes, 200)
    for loss in (ForwardCE(), RCE):
        assert torch.linalg.matrix_norm(teacher_sensitivity(loss, z, u), ord=2).max() <= 0.5 + EXACT


def test_the_value_of_reverse_ce_answers_by_t_minus_s_and_that_of_forward_ce_without_bound():
    # Section 4.3: dRCE/du = t - s, of norm at most sqrt 2; dCE/du = -J(t) log s.
    z, u = draw(3)
    z[0] = torch.tensor([0.0, 0.0, 1e3])
    s = z.softmax(-1)
    answers = {}
    for loss in (ForwardCE(), RCE):
        v = u.clone().requires_grad_()
        (answers[loss],) = torch.autograd.grad(loss(z, v.softmax(-1)).sum(), v)
    torch.testing.assert_close(answers[RCE], u.softmax(-1) - s)
    expected = -(covariance(u.softmax(-1)) @ z.log_softmax(-1).unsqueeze(-1)).squeeze(-1)
    torch.testing.assert_close(answers[ForwardCE()], expected)
    assert answers[RCE].norm(dim=-1).max() <= 2**0.5
    assert answers[ForwardCE()].norm(dim=-1).max() > 50.0


@pytest.mark.parametrize("student", [0.55, 0.8, 0.97])
def test_reverse_ce_is_less_sensitive_in_probability_iff_the_student_is_the_more_confident(student):
    confidences = [0.51, 0.6, 0.7, 0.79, 0.81, 0.9, 0.96, 0.98, 0.999]
    reverse = sensitivity_table(RCE, confidences, student_confidence=student)
    forward = sensitivity_table(ForwardCE(), confidences, student_confidence=student)
    t = reverse.teacher_confidence
    torch.testing.assert_close(forward.per_probability, -torch.ones_like(t))
    torch.testing.assert_close(reverse.per_probability, -student * (1 - student) / (t * (1 - t)))
    less = reverse.per_probability.abs() < forward.per_probability.abs()
    assert torch.equal(less, student * (1 - student) < t * (1 - t))
    # Near a certain teacher it is many times more sensitive: the reason for CACE and for smoothing.
    assert reverse.per_probability[-1].abs() > 20.0


def test_smoothing_bounds_the_sensitivity_near_a_certain_teacher():
    exact, smooth = (sensitivity_table(ReverseCE(e), [1 - 1e-9], student_confidence=0.8) for e in (0.0, 1e-3))
    assert exact.per_probability.abs() > 1e8
    # d logit t' / dt <= (1 - e) (2 / e + 2)
    assert smooth.per_probability.abs() < 0.16 * (2 / 1e-3 + 2)


def test_cace_answers_like_forward_ce_where_the_teacher_is_sure_and_like_reverse_ce_elsewhere():
    table = sensitivity_table(CACE(threshold=0.7, smoothing=0.0), [0.6, 0.8], student_confidence=0.9)
    torch.testing.assert_close(table.per_logit, torch.tensor([-0.09, -0.16], dtype=torch.float64))


def test_confidences_and_shapes_that_make_no_sense_are_refused():
    with pytest.raises(DomainError, match=r"teacher_confidence has 1\.0"):
        sensitivity_table(RCE, [0.5, 1.0], student_confidence=0.8)
    with pytest.raises(DomainError, match=r"student_confidence has 0\.0"):
        sensitivity_table(RCE, [0.5], student_confidence=0.0)
    with pytest.raises(ShapeError, match="2 or more classes"):
        teacher_sensitivity(RCE, torch.zeros(3, 1), torch.zeros(3, 1))


def test_a_student_by_reverse_ce_does_not_feel_a_temperature_where_steps_have_no_scale():
    """A temperature 1/b multiplies every gradient by b; the step of AdamW does not depend on the size of gradients."""
    rng = np.random.default_rng(0)
    x, logits = rng.standard_normal((60, 5)), 2 * rng.standard_normal((60, 3))
    labels = [np.exp(scale * logits - np.logaddexp.reduce(scale * logits, axis=1)[:, None]) for scale in (1.0, 0.5)]
    jobs = [HeadJob(label, loss) for loss in (ReverseCE(smoothing=0.0), ForwardCE()) for label in (0, 1)]
    settings = HeadSettings(dtype="float64", epochs=20, batch_size=16)
    plain, tempered, forward, forward_tempered = fit_predict(
        x, np.stack(labels), jobs, {"train": x}, settings=settings
    ).logits["train"][-1]
    moved = np.abs(forward - forward_tempered).max()
    assert np.abs(plain - tempered).max() < 1e-4 * moved  # what AdamW's epsilon of 1e-8 leaves
    assert moved > 0.05
