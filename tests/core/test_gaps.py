"""A gap is no answer: scores, means, combinations and differences are over the points that a labeler answers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from outlearn.core.decomposition.bias_variance import bias_variance
from outlearn.core.decomposition.ledger import TERMS
from outlearn.core.decomposition.pairwise import pairwise_divergence
from outlearn.core.decomposition.risk_gap import risk_gap
from outlearn.core.gaps import NEEDS_EVERY_ANSWER, over_answered
from outlearn.core.labelers.combinations import COMBINATIONS
from outlearn.core.mean_intervals import mean_interval
from outlearn.core.metrics import METRICS, score
from outlearn.core.predictions import Predictions, weighted_log_mean
from outlearn.core.students.agreement import agreement
from outlearn.core.students.blind_spots import blind_spots
from outlearn.core.students.criteria import measure_agreement
from outlearn.core.students.recovery import performance_gap_recovered
from outlearn.errors import DomainError, ShapeError

RNG = np.random.default_rng(0)
N = 60
LABELS = RNG.integers(0, 3, N)
ANSWERED = RNG.random((4, N)) < 0.6
EXACT = 1e-12  # sums of a few hundred float64


def drawn(models: int = 4, seed: int = 1) -> Predictions:
    return Predictions.from_logits(np.random.default_rng(seed).normal(size=(models, N, 3)) + 1.5 * np.eye(3)[LABELS])


def with_gaps(other: int = 0) -> Predictions:
    """Make labelers with gaps; `other` decides what stands in their place, which must not matter."""
    logs = drawn().log_probs.copy()
    logs[~ANSWERED] = drawn(seed=7 + other).log_probs[~ANSWERED]
    return replace(Predictions.from_logits(logs), answered=ANSWERED)


@pytest.mark.parametrize("name", METRICS)
def test_a_score_is_that_of_the_points_answered_whatever_stands_in_a_gap(name):
    found = score(name, with_gaps(), LABELS)
    for m, there in enumerate(ANSWERED):
        own = Predictions.from_logits(drawn().log_probs[m, there])
        assert found.each[m] == pytest.approx(METRICS[name](own, LABELS[there]).mean(), abs=EXACT)
    assert found.interval.mean == pytest.approx(found.each.mean(), abs=EXACT)
    assert score(name, with_gaps(1), LABELS).interval == found.interval


@pytest.mark.parametrize("name", COMBINATIONS)
def test_a_combination_hears_who_answers(name):
    first, second = (COMBINATIONS[name].fit(each)(each) for each in (with_gaps(), with_gaps(1)))
    anyone = ANSWERED.any(axis=0)
    np.testing.assert_allclose(first.log_probs[:, anyone], second.log_probs[:, anyone], atol=EXACT)
    if name in ("mean", "dual_mean"):
        for i in np.flatnonzero(anyone)[:10]:
            heard = Predictions(drawn().log_probs[ANSWERED[:, i], i : i + 1].copy(), np.arange(1))
            np.testing.assert_allclose(getattr(heard, name)().log_probs[:, 0], first.log_probs[:, i], atol=EXACT)
    if anyone.all():
        assert first.answered is None
    else:
        np.testing.assert_array_equal(first.answered, anyone[None])


@pytest.mark.parametrize("name", METRICS)
def test_a_point_left_out_has_no_value_under_any_metric(name):
    np.testing.assert_array_equal(np.isnan(METRICS[name](with_gaps(), LABELS)), ~ANSWERED)
    np.testing.assert_array_equal(np.isnan(METRICS[name].measure(with_gaps(), LABELS)), ~ANSWERED)
    silent = replace(drawn(), answered=np.arange(4)[:, None] > np.zeros(N))
    assert score(name, silent, LABELS).interval.reason == "a labeler says nothing of these points"


def test_agreement_with_a_teacher_that_leaves_the_point_out_has_no_value():
    student = replace(drawn(seed=3), teacher_of=np.arange(4))
    np.testing.assert_array_equal(np.isnan(agreement(with_gaps(), student)), ~ANSWERED)


def test_where_only_labelers_without_weight_answer_they_are_heard_and_not_what_stands_in_the_gaps_of_the_others():
    weights = np.array([0.0, 0.0, 0.5, 0.5])
    found = np.exp(weighted_log_mean(with_gaps(), weights))
    alone = ANSWERED[:2].any(axis=0) & ~ANSWERED[2:].any(axis=0)
    assert alone.any()
    for i in np.flatnonzero(alone):
        np.testing.assert_allclose(found[i], drawn().probs[:2][ANSWERED[:2, i], i].mean(axis=0), atol=EXACT)


def test_no_criterion_sees_what_stands_in_a_gap():
    student = replace(drawn(seed=3), teacher_of=np.arange(4))
    first, second = (measure_agreement(each, student) for each in (with_gaps(), with_gaps(1)))
    assert first.consensus == second.consensus
    assert first.weak_label_cross_entropy == second.weak_label_cross_entropy
    expected = -(drawn().probs * student.log_probs).sum(axis=-1)[ANSWERED].mean()
    assert first.weak_label_cross_entropy == pytest.approx(expected, abs=EXACT)
    assert first.crossed.reason == NEEDS_EVERY_ANSWER
    assert np.isnan([first.crossed.mean, first.crossed.covariance]).all()


def test_the_terms_of_the_gap_are_means_over_points_answered_and_still_add_up():
    student = replace(drawn(seed=3), teacher_of=np.arange(4))
    full, found = (risk_gap(LABELS, teacher=teacher, student=student) for teacher in (drawn(), with_gaps()))
    for term in TERMS:
        expected = np.array([getattr(full, term)[m, there].mean() for m, there in enumerate(ANSWERED)]).mean()
        assert getattr(found.summary(), term).mean == pytest.approx(expected, abs=EXACT)
    summary = found.summary()
    assert summary.gap.mean == pytest.approx(summary.misfit.mean + summary.residual.mean, abs=EXACT)
    np.testing.assert_array_equal(np.isnan(found.gap), ~ANSWERED)
    assert summary.crossed_misfit.reason == NEEDS_EVERY_ANSWER
    heard = ANSWERED.any(axis=0)
    assert np.isfinite(found.ledger().gap[heard]).all()
    assert found.slices("class").gap


def test_points_that_no_teacher_answers_are_in_no_slice_by_confidence():
    silent = ANSWERED & (np.arange(N) >= 9)
    teacher = replace(drawn(), answered=silent)
    found = risk_gap(LABELS, teacher=teacher, student=replace(drawn(seed=3), teacher_of=np.arange(4)))
    table = found.slices("teacher_confidence")
    assert sum(table.n_points) == silent.any(axis=0).sum() < N
    assert table.names[0].startswith(f"{np.nanmin(found.ledger().teacher_confidence):.3f} to ")


def test_recovery_pairs_students_with_the_points_that_their_teacher_answers():
    student, ceiling = replace(drawn(seed=3), teacher_of=np.arange(4)), drawn(models=1, seed=4)
    first, second = (
        performance_gap_recovered(LABELS, teacher=teacher, student=student, ceiling=ceiling)
        for teacher in (with_gaps(), with_gaps(1))
    )
    assert first.gain == second.gain
    assert first.room == second.room


def test_the_interval_of_a_mean_over_points_answered_covers_it():
    """Points are drawn, values are noisy, three in ten are missing: 95% intervals hold the true mean about as often."""
    rng = np.random.default_rng(5)
    covered = 0
    for _ in range(400):
        values = 0.3 + rng.normal(size=(1, 80))
        answered = rng.random((1, 80)) < 0.7
        interval = mean_interval(over_answered(values, answered), 0.95)
        covered += interval.low <= 0.3 <= interval.high
    assert 0.92 <= covered / 400 <= 0.98


def test_what_needs_every_answer_refuses_gaps_and_takes_the_points_that_all_answer():
    student = replace(drawn(seed=3), teacher_of=np.arange(4))
    for measure in (
        lambda t, s, y: bias_variance(y, t),
        lambda t, s, y: pairwise_divergence(s, t),
        lambda t, s, y: blind_spots(y, teacher=t, student=s),
    ):
        p = with_gaps()
        with pytest.raises(DomainError, match=r"answers are gaps.*p\.select\(p\.point_ids\[p\.answered\.all"):
            measure(p, student, LABELS)
        kept = p.point_ids[p.answered.all(axis=0)]
        measure(p.select(kept), student.select(kept), LABELS[kept])


def test_a_mask_that_hides_nothing_is_none_and_one_of_another_shape_is_refused():
    assert replace(drawn(), answered=np.ones((4, N), dtype=bool)).answered is None
    with pytest.raises(ShapeError, match=r"answered must be booleans of shape \(4, 60\)"):
        replace(drawn(), answered=np.ones((3, N), dtype=bool))
