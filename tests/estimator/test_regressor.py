"""The regressor keeps scikit-learn's contract, and its students outlearn teachers that see less than they do."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import cross_val_score
from sklearn.utils.estimator_checks import parametrize_with_checks

import outlearn as ol
from outlearn.core.numbers import Numbers
from outlearn.errors import ConfigError, DataError, ShapeError

pytestmark = pytest.mark.medium


@parametrize_with_checks([ol.WeakToStrongRegressor()])
def test_scikit_learn_contract(estimator, check):
    check(estimator)


@pytest.fixture(scope="module")
def points():
    rng = np.random.default_rng(0)
    shared = rng.normal(size=(900, 3))
    x = np.concatenate([shared + rng.normal(size=(900, 3)), shared + 0.3 * rng.normal(size=(900, 3))], axis=1)
    return x, shared @ [1.0, -1.0, 0.5] + 0.3 * rng.normal(size=900)


@pytest.fixture(scope="module")
def fitted(points):
    x, y = points
    seen = np.where(np.arange(600) < 80, y[:600], np.nan)
    return ol.WeakToStrongRegressor(teacher_features=[0, 1, 2], student_features=[3, 4, 5], random_state=0).fit(
        x[:600], seen
    )


def test_students_outlearn_teachers_that_see_noisier_features(fitted, points):
    x, y = points
    teachers = [teacher.score(x[600:, :3], y[600:]) for teacher in fitted.teachers_]
    assert fitted.score(x[600:], y[600:]) > max(teachers) + 0.05
    assert fitted.choice_ is not None
    assert fitted.spread_by_ > 1
    assert fitted.n_weak_labels_ == 520


def test_explain_is_the_identity_of_its_own_predictions(fitted, points):
    x, y = points
    found = fitted.explain(x[600:], y[600:])
    np.testing.assert_allclose(found.gap, found.misfit + found.residual, atol=1e-9)
    assert found.student_risk.mean() < found.teacher_risk.mean()
    mean = Numbers(fitted.heads_.predict(x[600:, 3:])[0], np.arange(300)).mean().values[0]
    np.testing.assert_allclose(fitted.predict(x[600:]), mean)


def test_points_without_a_number_are_not_scored(fitted, points):
    x, y = points[0][600:], points[1][600:]
    gaps = np.where(np.arange(300) % 3 == 0, np.nan, y)
    kept = ~np.isnan(gaps)
    assert fitted.score(x, gaps) == fitted.score(x[kept], y[kept])
    weights = np.linspace(0.0, 1.0, 300)
    assert fitted.score(x, gaps, weights) == fitted.score(x[kept], y[kept], weights[kept])
    assert (cross_val_score(clone(fitted), x, gaps, cv=3) > 0.5).all()
    with pytest.raises(DataError, match="none of the 300 points to score has a label"):
        fitted.score(x, np.full(300, np.nan))


def test_weak_labels_from_elsewhere_may_have_gaps_and_are_taken_at_their_word(points):
    x, y = points
    rng = np.random.default_rng(1)
    weak = y + rng.normal(size=(3, 900))
    weak[rng.random(weak.shape) < 0.2] = np.nan
    model = ol.WeakToStrongRegressor(random_state=0).fit(x, weak_labels=weak)
    assert model.spread_by_ == 1
    assert np.square(model.predict(x) - y).mean() < 0.5 * np.nanmean(np.square(weak - y))
    with pytest.raises(DataError, match="pass weak_labels"):
        model.explain(x, y)
    with pytest.raises(ShapeError, match=r"expected \[labelers, 900 points\]"):
        ol.WeakToStrongRegressor().fit(x, weak_labels=weak[:, :5])


def test_wild_and_imprecise_labelers_do_not_spoil_the_student(points):
    x, y = points
    rng = np.random.default_rng(5)
    wild = y + np.where(rng.random((5, len(y))) < 0.1, 60.0, 0.3) * rng.normal(size=(5, len(y)))
    imprecise = y + np.array([[0.5], [0.5], [0.5], [9.0]]) * rng.normal(size=(4, len(y)))
    alike = y + rng.normal(size=(5, len(y)))
    half = len(y) // 2
    for said, source in ((wild, "median"), (imprecise, "weighted"), (alike, "each")):
        model = ol.WeakToStrongRegressor(random_state=0).fit(x[:half], weak_labels=said[:, :half])
        assert model.source_ == source
        assert model.score(x[half:], y[half:]) > 0.85
        gap = model.explain(x[half:], y[half:], weak_labels=said[:, half:])
        np.testing.assert_allclose(gap.gap, gap.misfit + gap.residual, atol=1e-9)


def test_what_cannot_be_learned_is_refused(points):
    x, y = points
    for wrong, said in (
        (np.full(900, np.nan), "every number of y is nan"),
        (np.ones(900), "a constant target"),
        (np.where(np.arange(900) == 3, np.inf, y), "infinity, first at point 3"),
        (np.array(["a"] * 900), "no number"),
    ):
        with pytest.raises(DataError, match=said):
            ol.WeakToStrongRegressor().fit(x, wrong)
    with pytest.raises(ConfigError, match="concordance"):
        ol.WeakToStrongRegressor(criterion="concordanse").fit(x, y)
    one = ol.WeakToStrongRegressor(n_teachers=1, random_state=0).fit(x, y)
    assert one.choice_ is None  # no other teacher to ask: its own leave-one-out
