"""Crossed misfit and overfit covariance against all pairs by brute force, for every generator and both orders."""

from __future__ import annotations

import math

import numpy as np
import pytest
from tests.draws import draw_predictions as draw

from outlearn.core.decomposition.crossed_misfit import crossed_misfit
from outlearn.core.decomposition.risk_gap import risk_gap
from outlearn.core.generators import GENERATORS, get_generator
from outlearn.core.mean_intervals import two_way_interval
from outlearn.core.predictions import Predictions

IDENTITY = 1e-10
ORDERS = ["target_first", "prediction_first"]


def generator_of(name, n_classes):
    if name != "mahalanobis":
        return get_generator(name)
    return get_generator(name, matrix=np.diag(np.arange(1.0, n_classes + 1)))


def _rows(predictions, keep):
    return Predictions(predictions.log_probs[keep], predictions.point_ids)


def pairs(t, s, own, g, order):
    """Tabulate d[m, a]: misfit of teacher m's students, averaged, to teacher a; nan for teachers without students."""
    table = np.full((len(t), len(t), t.shape[1]), np.nan)
    for m in np.unique(own):
        for a in range(len(t)):
            both = [(x, t[a]) if order == "target_first" else (t[a], x) for x in s[own == m]]
            table[m, a] = np.mean([g.divergence(*pair) for pair in both], axis=0)
    return table


@pytest.mark.parametrize("teacher_of", [[0, 1, 2, 3], [0, 0, 1, 1, 2, 2, 3, 3], [3, 1, 1, 0, 1]])
@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("name", GENERATORS)
def test_crossed_misfit_is_the_mean_over_ordered_pairs(name, order, teacher_of):
    g, own = generator_of(name, 3), np.array(teacher_of)
    t, s = draw(4, 0), draw(len(own), 1, teacher_of=own)
    table = pairs(t.probs, s.probs, own, g, order).mean(-1)
    rows = np.unique(own)
    expected = np.mean([table[m, a] for m in rows for a in range(4) if a != m])
    paired = np.mean([table[m, m] for m in rows])
    gap = risk_gap(draw(1, 2), teacher=t, student=s, generator=g, order=order)
    assert gap.crossed_misfit == pytest.approx(expected, abs=IDENTITY * max(1, expected))
    assert gap.overfit_covariance == pytest.approx(expected - paired, abs=IDENTITY * max(1, expected))


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("name", GENERATORS)
def test_overfit_covariance_is_the_trace_of_the_sample_covariance(name, order):
    g = generator_of(name, 3)
    t, s = draw(8, 0), draw(8, 1)
    gap = risk_gap(draw(1, 2), teacher=t, student=s, generator=g, order=order)
    a, b = (g.gradient(t.probs), s.probs) if order == "target_first" else (t.probs, g.gradient(s.probs))
    covariance = ((a - a.mean(0)) * (b - b.mean(0))).sum(-1).sum(0) / 7  # ddof 1: the U-statistic
    assert gap.overfit_covariance == pytest.approx(covariance.mean(), abs=1e-9)


def test_students_that_ignore_their_teacher_have_no_overfit_covariance_and_copies_have_all_of_it():
    t = draw(5, 0)
    same = Predictions.from_logits(np.repeat(draw(1, 1).log_probs, 5, axis=0))
    target = draw(1, 2)
    assert risk_gap(target, teacher=t, student=same).overfit_covariance == pytest.approx(0, abs=1e-14)
    copies = risk_gap(target, teacher=t, student=t)
    assert copies.overfit_covariance == pytest.approx(copies.crossed_misfit)
    assert copies.crossed_misfit > 0.1


@pytest.mark.parametrize("order", ORDERS)
def test_zero_probabilities_are_crossed_pair_by_pair(order):
    probs = draw(4, 0).probs.copy()
    probs[..., 2] = 0
    probs /= probs.sum(-1, keepdims=True)
    t, s = probs, probs[:, ::-1]
    g = get_generator("negative_entropy")
    own = np.arange(4)
    with np.errstate(divide="ignore"):
        got = crossed_misfit(Predictions.from_probs(t), Predictions.from_probs(s), own, g, order)
    table = pairs(t, s, own, g, order).mean(-1)
    assert got.mean == pytest.approx(table[~np.eye(4, dtype=bool)].mean(), abs=IDENTITY)
    assert np.isfinite(got.mean_pseudo).all()


def test_infinite_crossed_misfit_has_no_interval():
    t = Predictions.from_probs(np.array([[[1.0, 0.0]] * 5, [[0.5, 0.5]] * 5, [[0.6, 0.4]] * 5]))
    s = Predictions.from_probs(np.array([[[1.0, 0.0]] * 5, [[0.6, 0.4]] * 5, [[0.5, 0.5]] * 5]))
    gap = risk_gap(np.zeros(5, dtype=int), teacher=t, student=s)
    assert gap.crossed_misfit == math.inf
    assert "infinite" in gap.summary().crossed_misfit.reason


def test_pseudo_values_average_to_the_statistic_and_are_its_jackknife():
    t, s = draw(6, 0, n_points=9), draw(6, 1, n_points=9)
    g, own = get_generator("negative_entropy"), np.arange(6)
    got = crossed_misfit(t, s, own, g, "target_first")
    assert got.mean_pseudo.mean() == pytest.approx(got.mean)
    assert got.covariance_pseudo.mean() == pytest.approx(got.covariance)
    keep = np.array([0, 1, 2, 4, 5])
    without = crossed_misfit(_rows(t, keep), _rows(s, keep), np.arange(5), g, "target_first")
    assert got.mean_pseudo[3].mean() == pytest.approx(6 * got.mean - 5 * without.mean)
    assert got.covariance_pseudo[3].mean() == pytest.approx(6 * got.covariance - 5 * without.covariance)


def test_few_teachers_give_a_number_without_an_interval():
    two = risk_gap(draw(1, 2), teacher=draw(2, 0), student=draw(2, 1))
    assert math.isfinite(two.crossed_misfit)
    assert "at least 3 teachers" in two.summary().crossed_misfit.reason
    one = risk_gap(draw(1, 2), teacher=draw(1, 0), student=draw(3, 1))
    assert math.isnan(one.crossed_misfit)
    assert "only one teacher" in str(one.summary())


@pytest.mark.slow
@pytest.mark.usefixtures("shapes_unchecked")
def test_interval_of_overfit_covariance_covers_the_truth():
    # No closed form for squared divergences of sigmoids: a large run gives the truth of the design.
    def simulate(rng, n_teachers, n_points):
        shared = rng.normal(size=(1, n_points, 1))
        z = shared + rng.normal(size=(n_teachers, n_points, 1)) + 0.3 * rng.normal(size=(n_teachers, 1, 1))
        w = shared + 0.5 * (z - shared) + 0.5 * rng.normal(size=(n_teachers, n_points, 1))
        zero = np.zeros_like(z)
        t, s = (Predictions.from_logits(np.concatenate([zero, x], axis=-1)) for x in (z, w))
        g = get_generator("squared_euclidean")
        return crossed_misfit(t, s, np.arange(n_teachers), g, "target_first")

    truth = simulate(np.random.default_rng(0), 400, 4000).covariance
    rng = np.random.default_rng(1)
    intervals = [two_way_interval(simulate(rng, 8, 100).covariance_pseudo) for _ in range(500)]
    covered = np.mean([i.low <= truth <= i.high for i in intervals if not math.isnan(i.low)])
    assert 0.92 <= covered <= 0.98
