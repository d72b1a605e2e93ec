"""One rule for every comparison: a direction where the interval excludes 0, and what to do from these words alone."""

import itertools
import math

import numpy as np
import pytest

from outlearn.core.intervals import Interval, Withheld
from outlearn.core.mean_intervals import mean_interval
from outlearn.core.scales import SIGNED
from outlearn.core.verdict import (
    ACTIONS,
    count_signs,
    decide,
    excludes_zero,
    has_interval,
    holm,
    is_above_zero,
    is_below_zero,
    standing,
    together,
)
from outlearn.errors import DomainError

NAN, INF = math.nan, math.inf


def about(mean, half=0.02):
    return Interval(mean, mean - half, mean + half, half / 2, 4, 100)


def alone(mean, reason="one teacher"):
    return Interval.missing(reason, mean=mean, n_models=1, n_points=100, level=0.95)


BETTER, WORSE, EQUAL, UNKNOWN = about(0.05), about(-0.05), about(0.01), Withheld("no points")
OUTCOMES = {"beats": BETTER, "worse": WORSE, "not told apart": EQUAL, "withheld": UNKNOWN}


@pytest.mark.parametrize(("outcome", "difference"), OUTCOMES.items())
def test_the_outcome_the_counts_and_the_sign_are_one_decision(outcome, difference):
    assert standing(difference).outcome == outcome
    assert is_above_zero(difference) == (outcome == "beats")
    assert is_below_zero(difference) == (outcome == "worse")
    assert excludes_zero(difference) == (outcome in ("beats", "worse"))
    assert has_interval(difference) == (outcome != "withheld")
    assert count_signs([difference]) == (outcome == "beats", outcome == "worse")


def test_an_end_at_0_does_not_exclude_it():
    assert standing(Interval(0.02, 0.0, 0.04, 0.01, 4, 100)).outcome == "not told apart"
    assert standing(Interval(0.0, 0.0, 0.0, 0.0, 4, 100)).outcome == "not told apart"


@pytest.mark.parametrize("mean", [0.3, -0.3, NAN])
def test_no_interval_is_withheld_with_its_reason_whatever_the_mean(mean):
    found = standing(alone(mean))
    assert (found.outcome, found.reason) == ("withheld", "one teacher")


@pytest.mark.parametrize("interval", [(INF, INF, INF), (0.2, 0.1, INF), (-0.2, -INF, -0.1), (-INF, -INF, -INF)])
def test_an_infinite_difference_is_no_win(interval):
    found = standing(Interval(*interval, 0.1, 4, 100))
    assert (found.outcome, found.reason) == ("withheld", "the difference is infinite")


@pytest.mark.parametrize("interval", [(-0.1, 0.05, 0.2), (0.1, -0.2, -0.05), (NAN, 0.1, 0.2)])
def test_a_mean_that_contradicts_its_interval_is_an_error(interval):
    with pytest.raises(DomainError, match="contradicts its own interval"):
        decide(Interval(*interval, 0.1, 4, 100))


@pytest.mark.parametrize("ends", [(0.2, 0.1), (NAN, 0.1), (0.1, NAN)])
def test_ends_that_contradict_each_other_are_no_interval(ends):
    with pytest.raises(DomainError, match="from a lower to a higher end"):
        Interval(0.15, *ends, 0.1, 4, 100)


@pytest.mark.parametrize(("teacher", "vote", "own", "room"), list(itertools.product(OUTCOMES, repeat=4)))
def test_the_action_never_contradicts_an_interval(teacher, vote, own, room):
    found = decide(
        OUTCOMES[teacher], combinations={"vote": OUTCOMES[vote]}, controls={"own": OUTCOMES[own]}, room=OUTCOMES[room]
    )
    assert found.action in ACTIONS
    assert (found.action == "train on true labels") == (own == "worse")
    assert (found.action == "combine the labels first") == (own != "worse" and vote == "worse")
    assert (found.action == "train the student") == (teacher == "beats" and "worse" not in (own, vote))
    if found.action == "do not bother":
        assert teacher == "worse" or (room == "worse" and teacher != "beats")
    if "beats its teacher" in found.because:
        assert teacher == "beats"
    assert ("not told apart from its teacher" in found.because) <= (teacher == "not told apart")
    assert [found.standings[name].outcome for name in ("own", "vote", "its teacher", "ceiling over teacher")] == [
        own, vote, teacher, room,
    ]  # fmt: skip


def test_no_interval_recommends_nothing_and_gives_the_reason():
    found = decide(alone(0.2))
    assert found.action == "undecided"
    assert found.because == "against its teacher nothing can be said: one teacher"
    assert "told apart" not in str(found)


def test_the_one_that_beats_the_student_most_is_named():
    found = decide(BETTER, combinations={"mean": about(-0.03), "vote": about(-0.06), "dual mean": about(0.1)})
    assert found.because == "it is worse than the vote"


def test_a_student_above_a_ceiling_that_is_below_the_teacher_is_trained_and_the_ceiling_called_none():
    found = decide(BETTER, room=WORSE)
    assert found.action == "train the student"
    assert "that is no ceiling" in found.because
    assert "no ceiling" not in decide(BETTER, room=BETTER).because
    assert "no ceiling" not in decide(BETTER, room=UNKNOWN).because


def test_holm_by_hand():
    # Sorted .01 .02 .03 .5 times 4 3 2 1: .04 .06 .06 .5.
    np.testing.assert_allclose(holm(np.array([0.5, 0.03, 0.01, 0.02])), [0.5, 0.06, 0.04, 0.06])
    np.testing.assert_allclose(holm(np.array([0.9, 0.8])), [1.0, 1.0])


def test_holm_counts_fewer_than_each_for_itself_and_what_is_withheld_is_not_tested():
    near, clear = about(0.021), about(0.06)
    alone = together({"a": near}, 0.95)
    assert alone["a"].outcome == "beats"
    many = together({"a": near, "b": about(0.0), "c": clear, "d": about(-0.06), "e": UNKNOWN}, 0.95)
    assert [each.outcome for each in many.values()] == [
        "not told apart",
        "not told apart",
        "beats",
        "worse",
        "withheld",
    ]
    assert together({}, 0.95) == {}


@pytest.mark.usefixtures("shapes_unchecked")
def test_holm_keeps_its_promise_where_no_student_beats_its_teacher():
    rng = np.random.default_rng(1)
    wrong = 0
    for _ in range(300):
        found = {str(k): mean_interval(rng.normal(size=(1, 30)), scale=SIGNED) for k in range(9)}
        wrong += any(each.outcome != "not told apart" for each in together(found, 0.95).values())
    assert wrong / 300 < 0.05 + 3 * math.sqrt(0.05 * 0.95 / 300)


def test_the_key_of_an_action_is_what_its_sentence_says():
    for action, sentence in ACTIONS.items():
        assert sentence.lower().startswith(action)
