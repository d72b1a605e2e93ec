"""Skills from agreement alone; shared bias from true labels and from nothing else."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from outlearn.core.labelers.influence import mean_estimate
from outlearn.core.labelers.labeler_agreement import agreement_of, chance_corrected, pair_table
from outlearn.core.labelers.shared_answer import (
    miss_rate,
    shared_bias,
    skills_of_draws,
    skills_of_labelers,
    skills_of_two,
    unrelated,
)

EXACT = 1e-9
WITHIN = 4.0  # standard errors: a simulated value lies outside once in 16,000


def population(classes: int, tenths: tuple[int, ...]) -> np.ndarray:
    """List, each exactly as often as even noise makes it, the labels of a shared answer 0: rates in tenths."""
    rows = []
    for votes in itertools.product(range(classes), repeat=len(tenths)):
        weight = 1
        for vote, tenth in zip(votes, tenths, strict=True):
            weight *= (10 - tenth) * (classes - 1) if vote == 0 else tenth
        rows += [votes] * weight
    return np.array(rows).T


def simulated(
    classes: int, rates: tuple[float, ...], bias: float, n: int, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Draw labels and the truth; where the shared answer is wrong, it is always the next class."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, classes, n)
    shared = np.where(rng.random(n) < bias, (truth + 1) % classes, truth)
    labels = [
        np.where(rng.random(n) < rate, (shared + rng.integers(1, classes, n)) % classes, shared) for rate in rates
    ]
    return np.array(labels), truth


def products(labels: np.ndarray, classes: int) -> dict:
    return {pair: chance_corrected(a, classes) for pair, a in pair_table(labels).items()}


@pytest.mark.parametrize("classes", [2, 3])
def test_three_labelers_of_an_exact_population_are_recovered_exactly(classes):
    skills = skills_of_labelers(products(population(classes, (1, 2, 3)), classes), 3)
    found = [miss_rate(skills.each[j], classes).value for j in range(3)]
    np.testing.assert_allclose(found, [0.1, 0.2, 0.3], atol=EXACT)


@pytest.mark.parametrize("classes", [2, 3])
def test_one_labeler_asked_twice_is_recovered_exactly(classes):
    skills = skills_of_draws(products(population(classes, (2, 2)), classes), 2)
    assert miss_rate(skills.mean, classes).value == pytest.approx(0.2, abs=EXACT)


def test_two_labelers_are_told_apart_by_a_ratio_and_taken_as_equal_without():
    q = products(population(2, (1, 3)), 2)[0, 1]
    ratio = mean_estimate(np.ones(len(q.influence))) * (0.8 / 0.4)
    told = [miss_rate(r, 2).value for r in skills_of_two(q, ratio).each.values()]
    np.testing.assert_allclose(told, [0.1, 0.3], atol=EXACT)
    equal = skills_of_two(q)
    assert equal.each[0] is equal.each[1]
    assert "equally good" in equal.assumption


@pytest.mark.parametrize("classes", [2, 4])
def test_shared_bias_is_recovered_whatever_wrong_answer_is_shared(classes):
    labels, truth = simulated(classes, (0.1, 0.2, 0.3), 0.2, 40_000)
    skills = skills_of_labelers(products(labels, classes), 3)
    q = {j: chance_corrected(agreement_of(labels[j], truth), classes) for j in range(3)}
    found = shared_bias(q, skills, classes)
    assert abs(found.value - 0.2) < WITHIN * found.standard_error
    assert found.standard_error < 0.01


def test_no_agreement_between_labelers_depends_on_the_shared_bias():
    """The same labels go with any truth: nothing computed from labels alone can differ."""
    with_bias, truth = simulated(2, (0.1, 0.2, 0.3), 0.3, 2000)
    another_truth = np.where(np.random.default_rng(1).random(2000) < 0.5, 1 - truth, truth)
    skills = skills_of_labelers(products(with_bias, 2), 3)
    biases = [
        shared_bias({j: chance_corrected(agreement_of(with_bias[j], y), 2) for j in range(3)}, skills, 2).value
        for y in (truth, another_truth)
    ]
    assert abs(biases[0] - biases[1]) > 0.1


@pytest.mark.slow
@pytest.mark.usefixtures("shapes_unchecked")
def test_intervals_of_variance_and_bias_cover_at_their_rate():
    held = {"rate": [], "bias": []}
    for seed in range(200):
        labels, truth = simulated(2, (0.1, 0.2, 0.15), 0.1, 600, seed)
        known = np.where(np.arange(600) < 200, truth, -1)
        skills = skills_of_labelers(products(labels, 2), 3)
        rate = miss_rate(skills.mean, 2).interval()
        q = {j: chance_corrected(agreement_of(labels[j], known), 2) for j in range(3)}
        bias = shared_bias(q, skills, 2).interval()
        held["rate"].append(rate.low <= 0.15 <= rate.high)
        held["bias"].append(bias.low <= 0.1 <= bias.high)
    for name, values in held.items():
        assert 0.91 <= np.mean(values) <= 0.985, name  # 0.95 within 2.6 standard errors of 200 runs


def test_a_labeler_that_guesses_is_left_out_and_the_others_are_as_without_it():
    labels, _ = simulated(2, (0.1, 0.2, 0.15, 0.5), 0.0, 4000)
    all_four, three = skills_of_labelers(products(labels, 2), 4), skills_of_labelers(products(labels[:3], 2), 3)
    assert all_four.left_out == (3,)
    assert [r.value for r in all_four.each.values()] == pytest.approx([r.value for r in three.each.values()], rel=EXACT)


def test_labelers_that_copy_each_other_are_named_and_independent_ones_are_not():
    labels, _ = simulated(2, (0.2,) * 5, 0.0, 4000)
    assert not skills_of_labelers(products(labels, 2), 5).alike
    labels[4] = np.where(np.random.default_rng(5).random(4000) < 0.5, labels[3], labels[4])
    alike = skills_of_labelers(products(labels, 2), 5).alike
    assert max(alike, key=alike.get) == (3, 4)
    of_four = skills_of_labelers(products(labels[1:], 2), 4).alike
    assert set(of_four) == {(0, 1), (2, 3)}  # one equation: which of the two pairs it is cannot be told


def test_labels_without_relation_give_no_skill():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, (3, 500))
    assert not skills_of_labelers(products(labels, 2), 3).each
    assert not skills_of_draws(products(labels[:2], 2), 2).each
    assert not skills_of_two(products(labels[:2], 2)[0, 1]).each
    assert unrelated(products(labels, 2)[0, 1])


def test_labelers_that_answer_the_opposite_are_not_taken_for_related():
    answers = np.tile([0, 1], 200)
    assert unrelated(products(np.array([answers, 1 - answers]), 2)[0, 1])
