"""How often one labeler misses the shared answer, where another copies it and where points differ in difficulty."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from outlearn.core.labelers.alike_pairs import fit_pairs
from outlearn.core.labelers.difficulty import Difficulty
from outlearn.core.labelers.influence import average, mean_estimate
from outlearn.data.label_table import LabelTable
from outlearn.preflight_checks.assumptions import doubts
from outlearn.preflight_checks.measures import LabelMeasures
from outlearn.preflight_checks.noise import Noise

SECOND_ORDER = 0.004  # labelers differ by up to a tenth: what the first order leaves out
HARD, CHANCE = np.array([0.02, 0.1, 0.35]), 0.5  # how often a point is missed: two classes, a third of points each


def noise_of(misses: np.ndarray) -> Noise:
    """Make the noise of two classes whose distribution of difficulties is known: `[labelers, points]`, on average."""
    atoms = np.stack([1 - misses.mean(axis=0), misses.mean(axis=0)], axis=1)
    fit = Difficulty((), atoms, np.full(len(atoms), 1 / len(atoms)), mixed=True, first_missed=0.0)
    noise = Noise(np.zeros((len(misses), 6), dtype=np.int64), 2, 0)
    # Cached properties, as `missed` finds them: the fit, and the spread that a table would have.
    noise.__dict__.update(difficulty=fit, _error_of_fit=0.01, _posterior_missed=mean_estimate(np.eye(6)[0] * 0.1))
    return noise


def relative_skills(misses: np.ndarray) -> list:
    """Return the labelers' skills over their mean, as agreement tells them."""
    logs = {}
    for i, j in combinations(range(len(misses)), 2):
        q = float(((1 - misses[i] / CHANCE) * (1 - misses[j] / CHANCE)).mean())
        spread = np.random.default_rng(i * 9 + j).normal(scale=1e-4, size=6)
        logs[i, j] = (mean_estimate(spread - spread.mean()) + q).log()
    skills = [log.exp() for log in fit_pairs(logs).logs.values()]
    return [skill / average(skills) for skill in skills]


@pytest.mark.parametrize("account", [0, 1], ids=["better everywhere", "better at hard points"])
def test_where_points_differ_one_of_two_accounts_of_a_labeler_is_right_and_the_mean_is_not(account):
    factors = np.array([0.9, 0.95, 1.0, 1.05, 1.1])[:, None]
    by_skill = CHANCE * (1 - factors * (1 - HARD / CHANCE) / factors.max())
    misses = by_skill if account == 0 else HARD * factors
    noise = noise_of(misses)
    found = [noise.missed_by(each)[account].value for each in relative_skills(misses)]
    np.testing.assert_allclose(found, misses.mean(axis=1), atol=SECOND_ORDER)
    assert np.abs(misses.mean(axis=1) - misses.mean()).max() > 3 * SECOND_ORDER


def test_under_even_noise_both_accounts_are_the_same():
    noise = noise_of(np.full((4, 3), 0.2))
    skill = mean_estimate(np.array([0.8, 1.2, 0.9, 1.1, 1.0, 1.2]))
    first, second = noise.missed_by(skill)
    assert first.value == pytest.approx(second.value)


def table_with_a_copy(n_labelers: int, seed: int) -> LabelTable:
    rng = np.random.default_rng(seed)
    shared = rng.integers(0, 2, 1500)
    labels = np.where(rng.random((n_labelers, 1500)) < 0.15, 1 - shared, shared)
    labels[1] = np.where(rng.random(1500) < 0.4, labels[0], labels[1])
    return LabelTable(
        names=tuple(f"labeler {j}" for j in range(n_labelers)), labels=labels.astype(np.int64), class_names=("a", "b"),
        ids=tuple(map(str, range(1500))),
    )  # fmt: skip


@pytest.mark.usefixtures("shapes_unchecked")
@pytest.mark.parametrize("n_labelers", [4, 6])
def test_a_labeler_and_its_copy_have_intervals_that_hold(n_labelers, monkeypatch):
    """Those of the two held in at most 38% of these tables before pairs that share errors were kept out."""
    monkeypatch.setattr(Noise, "widened", lambda _, even, mean: even)  # noise is even here, and that takes the time
    monkeypatch.setattr(Noise, "difficulty", None)
    held = []
    for seed in range(40):
        rows = LabelMeasures(table_with_a_copy(n_labelers, seed), asked_twice=False, level=0.95).labelers()
        held.append([row.missed.low <= 0.15 <= row.missed.high for row in rows])
    assert np.mean(held, axis=0).min() > 0.85  # 95% of 40, by 2.9 standard errors


def test_the_doubt_says_whether_pairs_were_kept_out_or_cannot_be_told():
    six, four = (doubts(LabelMeasures(table_with_a_copy(n, 0), False, 0.95), 0.0)[0] for n in (6, 4))
    assert "labeler 0 and labeler 1" in six
    assert "estimated without them" in six
    assert "labeler 2 and labeler 3" in four
    assert "it is not known which" in four
