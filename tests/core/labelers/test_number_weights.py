import numpy as np
import pytest

from outlearn.core.labelers.combinations import NUMBER_COMBINATIONS
from outlearn.core.labelers.number_weights import error_variances, precision_weights
from outlearn.core.numbers import Numbers


def labels(spreads, n=4000, seed=0, shift=0.0):
    rng = np.random.default_rng(seed)
    truth = rng.normal(0, 5, n)
    said = truth + np.array(spreads)[:, None] * rng.normal(size=(len(spreads), n))
    said[0] += shift
    return truth, Numbers.from_values(said)


def test_error_variances_are_those_of_the_simulation():
    _, said = labels([1.0, 2.0, 3.0, 0.5])
    np.testing.assert_allclose(error_variances(said), [1, 4, 9, 0.25], atol=0.35)


def test_three_labelers_have_the_closed_form_of_grubbs():
    _, said = labels([1.0, 2.0, 3.0], n=50)
    of = [[np.var(a - b, ddof=1) for b in said.values] for a in said.values]
    expected = [(of[0][1] + of[0][2] - of[1][2]) / 2, (of[0][1] + of[1][2] - of[0][2]) / 2, 0]
    expected[2] = (of[0][2] + of[1][2] - of[0][1]) / 2
    np.testing.assert_allclose(error_variances(said), expected, rtol=1e-9)


def test_a_constant_shift_is_no_error_of_precision():
    _, plain = labels([1.0, 2.0, 3.0])
    _, shifted = labels([1.0, 2.0, 3.0], shift=100.0)
    np.testing.assert_allclose(error_variances(plain), error_variances(shifted), rtol=1e-6)


def test_gaps_leave_the_estimate_where_it_is():
    _, said = labels([1.0, 2.0, 3.0, 1.0], n=20_000)
    values = said.values.copy()
    values[np.random.default_rng(1).random(values.shape) < 0.5] = np.nan
    np.testing.assert_allclose(error_variances(Numbers.from_values(values)), [1, 4, 9, 1], rtol=0.15)


@pytest.mark.parametrize("spreads", [[1.0, 1.0], [2.0]])
def test_fewer_than_three_labelers_count_equally(spreads):
    _, said = labels(spreads)
    assert np.isnan(error_variances(said)).all()
    np.testing.assert_allclose(precision_weights(said), 1 / len(spreads))


def test_labelers_that_differ_by_a_shift_alone_count_equally():
    said = Numbers.from_values(np.arange(10.0) / 7 + np.array([[0.0], [0.1], [0.7]]))
    np.testing.assert_allclose(precision_weights(said), 1 / 3)


def test_labelers_that_never_differ_count_equally():
    said = Numbers.from_values(np.tile(np.arange(10.0), (3, 1)))
    np.testing.assert_allclose(precision_weights(said), 1 / 3)


def test_labelers_without_a_common_point_count_equally():
    values = np.full((3, 9), np.nan)
    for model in range(3):
        values[model, 3 * model : 3 * model + 3] = [1.0, 2.0, 3.0]
    np.testing.assert_allclose(precision_weights(Numbers.from_values(values)), 1 / 3)


def test_the_weighted_mean_is_nearer_than_the_plain_one_and_as_near_as_the_best_weights():
    truth, said = labels([1.0, 1.0, 1.0, 6.0])
    weighted = NUMBER_COMBINATIONS["weighted"].fit(said)(said).values[0]
    best = np.array([1, 1, 1, 1 / 36]) / (3 + 1 / 36)
    error, of_best = np.square(weighted - truth).mean(), np.square(best @ said.values - truth).mean()
    assert error < 0.15 * np.square(said.mean().values[0] - truth).mean() + of_best
    assert error == pytest.approx(of_best, rel=0.06)


def test_a_labeler_on_another_scale_loses_its_weight():
    _, said = labels([1.0, 1.0, 1.0])
    values = np.vstack([said.values, 10 * said.values[:1]])
    assert precision_weights(Numbers.from_values(values))[3] < 0.05
