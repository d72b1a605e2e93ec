"""Pairs that share errors are kept out of skills: against least squares without them, and where that tells nothing."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from outlearn.core.labelers.alike_pairs import fit_pairs
from outlearn.core.labelers.influence import mean_estimate
from outlearn.core.labelers.shared_answer import skills_of_labelers

EXACT = 1e-9
SKILLS = (0.9, 0.8, 0.7, 0.6, 0.5)


def agreeing(skills: tuple[float, ...], excess: dict[tuple[int, int], float], noise: float = 0.02) -> dict:
    """Return q_ij = r_i r_j exactly, but for what some pairs agree more; errors are independent."""
    rng = np.random.default_rng(0)
    found = {}
    for i, j in combinations(range(len(skills)), 2):
        spread = rng.normal(scale=noise, size=1000)
        found[i, j] = mean_estimate(spread - spread.mean()) + skills[i] * skills[j] * (1 + excess.get((i, j), 0.0))
    return found


@pytest.mark.parametrize("shared", [{(0, 1): 0.1}, {(0, 1): 0.1, (2, 4): 0.06}])
def test_skills_of_five_labelers_are_those_without_the_pairs_that_share_errors(shared):
    found = skills_of_labelers(agreeing(SKILLS, shared), 5)
    assert set(found.alike) == set(shared)
    np.testing.assert_allclose([found.each[j].value for j in range(5)], SKILLS, atol=EXACT)


def test_the_fit_is_least_squares_over_the_pairs_that_are_left():
    rng = np.random.default_rng(1)
    logs = {pair: mean_estimate(rng.normal(size=300)) for pair in combinations(range(6), 2)}
    logs[2, 3] = logs[2, 3] + 5.0
    found = fit_pairs(logs)
    kept = [pair for pair in logs if pair not in found.alike]
    design = np.array([[float(i in pair) for i in range(6)] for pair in kept])
    by_hand = np.linalg.lstsq(design, np.array([logs[pair].value for pair in kept]), rcond=None)[0]
    assert (2, 3) in found.alike
    np.testing.assert_allclose([found.logs[i].value for i in range(6)], by_hand, atol=EXACT)


def test_of_four_labelers_either_pair_may_share_errors_and_one_account_is_right():
    found = skills_of_labelers(agreeing(SKILLS[:4], {(0, 1): 0.1}), 4)
    assert set(found.alike) == {(0, 1), (2, 3)}
    for j, true in enumerate(SKILLS[:4]):
        accounts = [skill.value for skill in found.others[j]]
        assert min(abs(value - true) for value in accounts) < EXACT
        assert min(accounts) <= found.each[j].value <= max(accounts)
        assert abs(found.each[j].value - true) > 0.005


def test_three_labelers_have_one_account():
    found = skills_of_labelers(agreeing(SKILLS[:3], {}), 3)
    assert not any(found.others.values())
    assert not found.alike


def test_pairs_are_kept_out_only_while_the_others_tell_all_skills():
    """Of five labelers four are of one kind: each skill must still hang on some pair."""
    logs = {pair: q.log() for pair, q in agreeing(SKILLS, dict.fromkeys(combinations(range(4), 2), 0.2)).items()}
    found = fit_pairs(logs)
    assert all(np.isfinite(log.value) for log in found.logs.values())
    assert len(found.alike) <= len(logs) - len(SKILLS)
