import numpy as np
import pytest

from outlearn.core.labelers.combinations import NUMBER_COMBINATIONS
from outlearn.core.numbers import Numbers
from outlearn.selection.number_source import choose_source, drawn_in

TRUTH = np.random.default_rng(7).normal(0, 2, 600)


def noise(seed, *spreads):
    return np.array(spreads)[:, None] * np.random.default_rng(seed).normal(size=(len(spreads), len(TRUTH)))


def wild(seed, models=5, share=0.1):
    rng = np.random.default_rng(seed)
    errors = rng.normal(size=(models, len(TRUTH)))
    return np.where(rng.random(errors.shape) < share, 40.0, 0.5) * errors


def error_of(name, labels):
    return np.square(NUMBER_COMBINATIONS[name].fit(labels)(labels).values[0] - TRUTH).mean()


@pytest.mark.parametrize("seed", range(5))
def test_labelers_alike_keep_their_plain_mean(seed):
    assert choose_source(Numbers.from_values(TRUTH + noise(seed, 1, 1, 1, 1, 1))).chosen == "mean"


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("errors", [lambda s: wild(s), lambda s: noise(s, 1, 1, 1, 9)], ids=["wild", "one imprecise"])
def test_what_is_chosen_has_the_least_error(seed, errors):
    labels = Numbers.from_values(TRUTH + errors(seed))
    chosen = choose_source(labels).chosen
    assert chosen != "mean"
    assert error_of(chosen, labels) == min(error_of(name, labels) for name in NUMBER_COMBINATIONS)


def test_gaps_are_no_answers():
    values = TRUTH + wild(3)
    values[np.random.default_rng(4).random(values.shape) < 0.3] = np.nan
    labels = Numbers.from_values(values)
    changed = np.where(labels.answered, labels.values, 1e6)  # what stands at a gap is never read
    again = Numbers(changed, labels.point_ids, None, labels.answered)
    assert choose_source(labels) == choose_source(again)
    assert choose_source(labels).chosen == "median"


def test_gaps_may_be_where_the_others_always_answer():
    values = TRUTH + wild(3)
    values[0, ::7] = np.nan
    found = choose_source(Numbers.from_values(values))
    assert found.chosen == "median"
    assert all(np.isfinite(deviation) for deviation in found.deviations.values())


def test_two_labelers_cannot_be_compared():
    found = choose_source(Numbers.from_values(TRUTH + noise(0, 1, 9)))
    assert (found.chosen, found.deviations) == ("mean", {})


def test_drawing_in_moves_the_outermost_only():
    values = np.array([[5.0, 1.0], [1.0, np.nan], [2.0, 2.0], [-90.0, np.nan], [3.0, np.nan]])
    found = drawn_in(Numbers.from_values(values))
    np.testing.assert_array_equal(found.values[:, 0], [3, 1, 2, 1, 3])
    np.testing.assert_array_equal(found.values[[0, 2], 1], [1, 2])  # two answers: there is no middle
    np.testing.assert_array_equal(found.answered, ~np.isnan(values))
