"""The risk gap: identities for every generator, order and size; when gap equals misfit and when not; what is
refused."""

from __future__ import annotations

import math
import re
import tracemalloc
from dataclasses import replace
from html import unescape

import numpy as np
import pytest
from tests.draws import draw_predictions

from outlearn.core.decomposition.risk_gap import risk_gap
from outlearn.core.generators import GENERATORS, get_generator
from outlearn.core.numbers import Numbers
from outlearn.core.predictions import Predictions
from outlearn.errors import AlignmentError, ConfigError, DomainError, ShapeError

IDENTITY = 1e-10  # exact identities in float64 at values of size one to ten
ORDERS = ["target_first", "prediction_first"]
SIZES = [(2, 1), (2, 64), (3, 5), (10, 8), (50, 3)]  # classes, models
# Under these the dual mean of distributions is a distribution, so a student can be it.
CLOSED = ["squared_euclidean", "negative_entropy"]


def generator_of(name, n_classes):
    if name != "mahalanobis":
        return get_generator(name)
    root = np.random.default_rng(9).normal(size=(n_classes, n_classes))
    return get_generator(name, matrix=root @ root.T + np.eye(n_classes))


def draw(n_models, n_classes, seed, n_points=7, teacher_of=None):
    return draw_predictions(n_models, seed, n_points, n_classes, scale=1.5, teacher_of=teacher_of)


def inner(a, b):
    return (a * b).sum(axis=-1)


@pytest.mark.parametrize(("n_classes", "n_models"), SIZES)
@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("name", GENERATORS)
def test_gap_is_misfit_plus_residual(name, order, n_classes, n_models):
    g = generator_of(name, n_classes)
    t, s = draw(n_models, n_classes, 0), draw(n_models, n_classes, 1)
    for target in (draw(1, n_classes, 2), draw(4, n_classes, 3).probs):
        gap = risk_gap(target, teacher=t, student=s, generator=g, order=order)
        scale = max(1.0, np.abs(gap.residual).max(), gap.teacher_risk.max(), gap.misfit.max())
        np.testing.assert_allclose(gap.gap, gap.misfit + gap.residual, rtol=0, atol=IDENTITY * scale)
        assert gap.identity_error <= IDENTITY * scale
        np.testing.assert_array_equal(gap.gap, gap.teacher_risk - gap.student_risk)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("name", GENERATORS)
def test_every_term_is_its_definition(name, order):
    g = generator_of(name, 3)
    t, s, y = draw(2, 3, 0), draw(2, 3, 1), draw(5, 3, 2).probs
    gap = risk_gap(y, teacher=t, student=s, generator=g, order=order)
    a, b = t.probs, s.probs
    grad_t, grad_s, grad_y = g.gradient(a), g.gradient(b), g.gradient(y).mean(0)
    if order == "target_first":
        risks = [np.mean([g.divergence(d, f) for d in y], axis=0) for f in (a, b)]
        misfit, residual = g.divergence(b, a), inner(grad_s - grad_t, y.mean(0) - b)
        other = -g.divergence(a, b) + inner(grad_s - grad_t, y.mean(0) - a)  # (A-alt)
    else:
        risks = [np.mean([g.divergence(f, d) for d in y], axis=0) for f in (a, b)]
        misfit, residual = g.divergence(a, b), inner(grad_s - grad_y, a - b)
        other = gap.gap
    size = max(1.0, risks[0].max(), np.abs(residual).max())
    for got, expected in zip(
        (gap.teacher_risk, gap.student_risk, gap.misfit, gap.residual, gap.gap),
        (*risks, misfit, residual, other),
        strict=True,
    ):
        np.testing.assert_allclose(got, expected, rtol=0, atol=IDENTITY * size)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("name", GENERATORS)
def test_labels_are_measured_or_refused(name, order):
    # A probability of 0 is outside the domain, or infinitely far as a second argument.
    refused = {"target_first": {"itakura_saito"}}
    refused["prediction_first"] = {"itakura_saito", "negative_entropy", "binary_entropy", "generalized_kl"}
    t, s, y = draw(3, 4, 0), draw(3, 4, 1), np.arange(7) % 4
    g = generator_of(name, 4)
    if name in refused[order]:
        with pytest.raises(DomainError):
            risk_gap(y, teacher=t, student=s, generator=g, order=order)
    else:
        gap = risk_gap(y, teacher=t, student=s, generator=g, order=order)
        soft = risk_gap(np.eye(4)[y], teacher=t, student=s, generator=g, order=order)
        np.testing.assert_allclose(gap.gap, soft.gap, atol=IDENTITY)
        assert gap.identity_error < IDENTITY


def test_label_noise_cancels_in_the_expected_gap_of_target_first():
    t, s = draw(3, 4, 0), draw(3, 4, 1)
    labels = np.random.default_rng(2).integers(0, 4, size=(6, 7))
    drawn = risk_gap(labels, teacher=t, student=s, draws=True)
    soft = risk_gap(np.eye(4)[labels].mean(0), teacher=t, student=s)
    np.testing.assert_allclose(drawn.gap, soft.gap, atol=IDENTITY)
    np.testing.assert_allclose(drawn.residual, soft.residual, atol=IDENTITY)
    each = [risk_gap(y, teacher=t, student=s).gap for y in labels]
    np.testing.assert_allclose(drawn.gap, np.mean(each, axis=0), atol=IDENTITY)
    assert not np.allclose(drawn.teacher_risk, soft.teacher_risk)  # the risks themselves do contain the noise


@pytest.mark.parametrize("n_models", [2, 5, 64])
@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("name", CLOSED)
def test_gap_equals_misfit_when_the_student_is_the_posterior_mean_of_its_order(name, order, n_models):
    # One student that knows only that its teacher is one of these: the posterior mean is their mean.
    t, y = draw(n_models, 3, 0), draw(1, 3, 2)
    right, wrong = (t.dual_mean(), t.mean()) if order == "target_first" else (t.mean(), t.dual_mean())
    if name == "squared_euclidean":  # both means of its order are arithmetic
        right, wrong = t.mean(), t.dual_mean()

    def of(student):
        copies = Predictions.from_logits(np.repeat(student.log_probs, n_models, axis=0), teacher_of=np.arange(n_models))
        gap = risk_gap(y, teacher=t, student=copies, generator=name, order=order)
        return gap.gap.mean(0), gap.misfit.mean(0), gap.residual.mean(0)

    gap, misfit, residual = of(right)
    np.testing.assert_allclose(residual, 0, atol=IDENTITY)
    np.testing.assert_allclose(gap, misfit, atol=IDENTITY)
    assert np.abs(of(wrong)[2]).max() > 1e-4  # the mean of the other order will not do
    g = get_generator(name)
    c = right.probs[0]
    spread = np.mean([g.divergence(*((c, f) if order == "target_first" else (f, c))) for f in t.probs], axis=0)
    np.testing.assert_allclose(gap, spread, atol=IDENTITY)  # pure removal of variance


@pytest.mark.parametrize("order", ORDERS)
def test_student_equal_to_its_teacher_gains_nothing(order):
    t = draw(4, 3, 0)
    gap = risk_gap(draw(1, 3, 1), teacher=t, student=t, order=order)
    for term in (gap.gap, gap.misfit, gap.residual):
        np.testing.assert_allclose(term, 0, atol=1e-15)


def test_one_model_one_point():
    gap = risk_gap(np.array([1]), teacher=draw(1, 2, 0, n_points=1), student=draw(1, 2, 1, n_points=1))
    assert gap.gap.shape == (1, 1)
    assert math.isnan(gap.crossed_misfit)
    summary = gap.summary()
    assert math.isnan(summary.gap.low)
    assert "one independent model" in str(summary)
    assert summary.gap.mean == gap.gap[0, 0]


@pytest.mark.parametrize("order", ORDERS)
def test_identity_holds_at_logits_of_size_1000(order):
    rng = np.random.default_rng(0)
    t, s = (Predictions.from_logits(1000 * rng.normal(size=(3, 20, 4))) for _ in range(2))
    target = np.argmax(rng.normal(size=(20, 4)), axis=-1) if order == "target_first" else draw(1, 4, 1, n_points=20)
    gap = risk_gap(target, teacher=t, student=s, order=order)
    assert np.isfinite(gap.gap).all()
    assert gap.identity_error < 1e-13 * max(gap.teacher_risk.max(), gap.misfit.max()) * 10


def test_zero_probabilities_are_defined_where_they_play_no_part():
    t = Predictions.from_probs(np.array([[0.5, 0.5, 0.0], [0.7, 0.2, 0.1]]))
    s = Predictions.from_probs(np.array([[0.8, 0.2, 0.0], [1.0, 0.0, 0.0]]))
    gap = risk_gap(np.array([0, 0]), teacher=t, student=s)
    np.testing.assert_allclose(gap.gap[0], [math.log(2) + math.log(0.8), -math.log(0.7)], atol=1e-14)
    assert gap.identity_error < 1e-14


@pytest.mark.parametrize(
    ("t", "s", "y", "order", "what"),
    [
        ([1.0, 0.0], [0.5, 0.5], 1, "target_first", "teacher risk, misfit infinite"),
        ([1.0, 0.0], [0.5, 0.5], 0, "target_first", "misfit infinite"),
        ([0.5, 0.5], [1.0, 0.0], 1, "target_first", "student risk infinite"),
        ([0.5, 0.5], [1.0, 0.0], [0.5, 0.5], "prediction_first", "misfit infinite"),
        ([0.5, 0.5], [0.6, 0.4], 1, "prediction_first", "target_first"),
        ([1.0, 0.0], [0.6, 0.4], 0, "prediction_first", "target_first"),
    ],
)
def test_infinite_terms_are_refused_with_the_place_or_the_other_order(t, s, y, order, what):
    with pytest.raises(DomainError, match=what):
        risk_gap(
            np.array([y]),
            teacher=Predictions.from_probs(np.array([t])),
            student=Predictions.from_probs(np.array([s])),
            order=order,
        )


def test_labels_are_fine_in_prediction_first_where_nothing_is_infinite():
    t, s = draw(2, 3, 0), draw(2, 3, 1)
    y = np.array([0, 1, 2, 0, 1, 2, 0])
    a, b = (risk_gap(y, teacher=t, student=s, generator="squared_euclidean", order=order) for order in ORDERS)
    np.testing.assert_allclose(a.gap, b.gap, atol=IDENTITY)  # the only symmetric one


@pytest.mark.medium
def test_memory_does_not_grow_with_pairs():
    n_teachers, n_students, n_points = 64, 128, 500
    t = draw(n_teachers, 2, 0, n_points=n_points)
    s = draw(n_students, 2, 1, n_points=n_points, teacher_of=np.repeat(np.arange(n_teachers), 2))
    y = np.zeros(n_points, dtype=int)
    tracemalloc.start()
    risk_gap(y, teacher=t, student=s)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 16 * 8 * n_students * n_points  # sixteen arrays [students, points]; all pairs would be 64


def test_wrong_input_is_refused():
    t, s = draw(2, 3, 0), draw(3, 3, 1)
    y = np.zeros(7, dtype=int)
    with pytest.raises(AlignmentError, match="teacher_of"):
        risk_gap(y, teacher=t, student=s)
    with pytest.raises(ConfigError, match="order"):
        risk_gap(y, teacher=t, student=t, order="student_first")
    with pytest.raises(ConfigError, match="generator"):
        risk_gap(y, teacher=t, student=t, generator="kl")
    with pytest.raises(ShapeError, match="6"):
        risk_gap(y[:6], teacher=t, student=t)
    with pytest.raises(ShapeError, match="draws=True"):
        risk_gap(np.eye(3, dtype=int)[y], teacher=t, student=t)


@pytest.mark.parametrize("order", ORDERS)
def test_text_names_order_direction_and_mean(order):
    text = str(risk_gap(draw(1, 2, 3), teacher=draw(4, 2, 0), student=draw(4, 2, 1), order=order))
    said = {
        "target_first": ("KL(target || prediction)", "KL(student || teacher)", "dual (geometric)"),
        "prediction_first": ("KL(prediction || target)", "KL(teacher || student)", "primal (arithmetic)"),
    }
    assert order in text
    for words in said[order]:
        assert words in text
    for words in said[ORDERS[1 - ORDERS.index(order)]]:
        assert words not in text


def test_summary_averages_students_within_their_teacher():
    teacher_of = np.array([1, 1, 1, 0])
    t, s = draw(2, 3, 0, n_points=30), draw(4, 3, 1, n_points=30, teacher_of=teacher_of)
    gap = risk_gap(np.zeros(30, dtype=int), teacher=t, student=s)
    summary = gap.summary(0.9)
    assert summary.gap.mean == pytest.approx((gap.gap[3].mean() + gap.gap[:3].mean()) / 2)
    assert summary.gap.mean == pytest.approx(summary.misfit.mean + summary.residual.mean)
    assert summary.gap.n_models == 2
    assert summary.gap.level == 0.9
    assert summary.n_students == 4


@pytest.mark.parametrize("n_teachers", [1, 4])
def test_a_notebook_shows_what_print_shows(n_teachers):
    gap = risk_gap(np.zeros(7, dtype=int), teacher=draw(n_teachers, 3, 0), student=draw(n_teachers, 3, 1))
    html = gap._repr_html_()
    assert unescape(re.sub(r"<[^>]*>", " ", html)).split() == str(gap).split()
    assert html.count("<tr>") == 7


def test_a_notebook_shows_a_name_as_text_and_not_as_html():
    summary = risk_gap(np.zeros(7, dtype=int), teacher=draw(2, 3, 0), student=draw(2, 3, 1)).summary()
    odd = replace(summary, directions=replace(summary.directions, generator="<script>odd</script>"))
    assert "<script>" not in odd._repr_html_()
    assert "&lt;script&gt;odd" in odd._repr_html_()


@pytest.mark.parametrize("kind", ["probabilities", "numbers"])
def test_a_student_outside_the_domain_is_named_by_its_own_index(kind, monkeypatch):
    monkeypatch.setattr("outlearn.core.orders.BLOCK", 1)  # a block for each student
    if kind == "probabilities":
        t, values = Predictions.from_probs(np.full((1, 4, 2), 0.5)), np.full((3, 4, 2), 0.5)
        values[2, 1] = [1.0, 0.0]
        student, generator = Predictions.from_probs(values), "itakura_saito"
        target = np.full((1, 4, 2), 0.5)
    else:
        t, values = Numbers.from_values(np.ones((1, 4))), np.ones((3, 4))
        values[2, 1] = -1.0
        student, generator = Numbers.from_values(values), "generalized_kl"
        target = np.ones(4)
    with pytest.raises(DomainError, match=r"student\[2, 1"):
        risk_gap(target, teacher=t, student=student, generator=generator, order="target_first")
