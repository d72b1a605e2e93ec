"""Points that differ in difficulty: the test of even noise, the fit, and what it says of votes that nobody counted."""

from itertools import combinations, permutations, product

import numpy as np
import pytest
from scipy.special import comb
from scipy.stats import betabinom, dirichlet_multinomial

from outlearn.core.labelers.agreement_coefficients import class_counts
from outlearn.core.labelers.difficulty import Difficulty, error_of_missed, fit_difficulty, patterns_of
from outlearn.core.labelers.even_noise import even_noise_test
from outlearn.core.labelers.first_difficulty import FirstStep
from outlearn.core.labelers.split_votes import split_vote_agreement
from outlearn.core.top_class import top_class

MANY = 4.0  # standard errors: once in 16,000
DRAWN = 0.01  # of 20,000 draws, three standard errors
PREDICTED = 0.02  # what is asked of split-half agreement
EXACT = 1e-9


def even(rates, n, n_classes, seed=0):
    rng = np.random.default_rng(seed)
    shared = rng.choice(n_classes, n, p=np.arange(1, n_classes + 1) / np.arange(1, n_classes + 1).sum())
    other = (shared + rng.integers(1, n_classes, (len(rates), n))) % n_classes
    return np.where(rng.random((len(rates), n)) < np.array(rates)[:, None], other, shared)


def differing(n_labelers, n, n_classes, seed=0):
    rng = np.random.default_rng(seed)
    shape = np.full((n_classes, n_classes), 0.6 / (n_classes - 1)) + np.eye(n_classes) * 2.0
    p = np.array([rng.dirichlet(shape[c]) for c in rng.integers(0, n_classes, n)])
    return np.array([[rng.choice(n_classes, p=at) for at in p] for _ in range(n_labelers)]), p


@pytest.mark.parametrize("n_classes", [2, 4])
def test_even_noise_is_not_rejected_whatever_the_skills_and_shares(n_classes):
    found = even_noise_test(even([0.05, 0.1, 0.2, 0.3, 0.4], 4000, n_classes))
    assert abs(found.z) < MANY


def test_difficulty_and_a_harder_class_are_found():
    labels, _ = differing(4, 1500, 3)
    assert even_noise_test(labels).p_value < 1e-6
    rng = np.random.default_rng(1)
    shared = rng.integers(0, 2, 2000)
    harder = np.where(rng.random((4, 2000)) < np.where(shared == 1, 0.35, 0.05), 1 - shared, shared)
    assert even_noise_test(harder).p_value < 1e-6


def test_the_covariance_is_the_mean_over_disjoint_pairs():
    labels = even([0.2, 0.3, 0.3, 0.4, 0.4], 40, 3)
    labels[0, :5] = -1
    agree = {}
    for i, j in combinations(range(5), 2):
        both = (labels[i] >= 0) & (labels[j] >= 0)
        equal = (labels[i] == labels[j]).astype(float)
        agree[i, j] = np.where(both, equal - equal[both].mean(), np.nan)
    terms = [agree[a] * agree[b] for a, b in product(agree, agree) if not set(a) & set(b)]
    found = even_noise_test(labels)
    assert found.covariance == pytest.approx(np.nansum(terms) / np.sum(~np.isnan(terms)), abs=EXACT)


def test_three_labels_a_point_cannot_be_tested():
    assert even_noise_test(even([0.2] * 3, 100, 2)) is None


def test_agreement_of_split_votes_is_the_mean_over_all_ways_to_split():
    counts = np.array([[3, 2, 0], [2, 2, 1], [5, 0, 0]])
    truth = []
    for row in counts:
        given = np.repeat(np.arange(3), row)
        ways = [
            (top_class((given[list(order[:2])][:, None] == range(3)).sum(0)),
             top_class((given[list(order[2:4])][:, None] == range(3)).sum(0)))
            for order in permutations(range(5))
        ]  # fmt: skip
        truth.append(np.mean([first @ second for first, second in ways]))
    found = split_vote_agreement(np.tile(counts, (10, 1)), 2, np.random.default_rng(0))
    assert found.value == pytest.approx(np.mean(truth), abs=DRAWN)
    assert split_vote_agreement(np.tile(counts, (10, 1)), 3, np.random.default_rng(0)) is None


def test_the_likelihood_is_that_of_a_dirichlet_multinomial_given_the_shared_answer():
    counts, shares = np.array([[3, 1, 0], [0, 2, 5], [1, 1, 1]]), np.array([0.2, 0.3, 0.5])
    found = np.exp(FirstStep(0.3, 5.0, even=False, shares=shares).log_joint(counts))
    alike = np.exp(FirstStep(0.3, 5.0, even=True, shares=shares).log_joint(counts))
    orders = np.array([4, 21, 6])  # n! / prod_k n_k!, which the counts share and the likelihood leaves out
    for c in range(3):
        alpha = np.where(np.arange(3) == c, 5 * 0.7, 5 * 0.15)
        truth = shares[c] * np.exp(dirichlet_multinomial.logpmf(counts, alpha, counts.sum(axis=1)))
        np.testing.assert_allclose(found[:, c] * orders, truth, rtol=EXACT)
        given, total = counts[:, c], counts.sum(axis=1)  # of two outcomes, c or not, and the misses on two classes each
        truth = shares[c] * betabinom.pmf(given, total, 3.5, 1.5) / comb(total, given) / 2.0 ** (total - given)
        np.testing.assert_allclose(alike[:, c], truth, rtol=EXACT)


def test_votes_of_given_difficulties_are_those_of_counting_every_outcome():
    atoms, weights = np.array([[0.6, 0.3, 0.1], [0.2, 0.2, 0.6]]), np.array([0.7, 0.3])
    fit = Difficulty((), atoms, weights, True, 0.4)
    right = agree = 0.0
    for p, weight in zip(atoms, weights, strict=True):
        chances = sum(
            np.prod(p[list(given)]) * top_class(np.bincount(given, minlength=3))
            for given in product(range(3), repeat=3)
        )
        right, agree = right + weight * chances[p.argmax()], agree + weight * chances @ chances
    assert fit.votes(3, np.random.default_rng(0)) == pytest.approx((right, agree), abs=EXACT)
    assert fit.missed == pytest.approx(0.7 * 0.4 + 0.3 * 0.4)


@pytest.mark.parametrize("n_classes", [2, 4, 8])
def test_votes_of_labelers_that_were_not_seen_are_foreseen(n_classes):
    labels, p = differing(15, 2500, n_classes)
    seen = patterns_of(class_counts(labels[:5], n_classes).astype(int))
    fit, rng = fit_difficulty(seen.counts, seen.times, seed=0), np.random.default_rng(0)
    every = class_counts(labels, n_classes).astype(int)
    for size in (3, 5, 7):
        measured = split_vote_agreement(every, size, rng)
        assert abs(fit.votes(size, rng)[1] - measured.value) < PREDICTED
    error = error_of_missed(fit, seen.counts, seen.times, seed=0)
    assert abs(fit.missed - (1 - p.max(axis=1)).mean()) < MANY * max(error, 0.003)


def test_misses_that_fall_on_all_other_classes_alike_do_not_make_labels_look_better():
    """Fitted as if one wrong class drew most misses, the share that is missed came out 0.018 too low."""
    rng, n = np.random.default_rng(0), 8000
    rate, answer = rng.beta(0.6, 2.4, n), rng.integers(0, 4, n)
    p = np.where(np.eye(4)[answer] == 1, 1 - rate[:, None], rate[:, None] / 3)
    seen = patterns_of(rng.multinomial(3, p))
    fit = fit_difficulty(seen.counts, seen.times, seed=0)
    assert fit.first[0].even
    assert abs(fit.missed - (1 - p.max(axis=1)).mean()) < 0.01


def test_votes_of_people_are_foreseen_from_half_of_them():
    """The lexicon's ten raters: three, and the other seven, are not seen when votes of three to five are foreseen."""
    pytest.importorskip("vaderSentiment")
    from outlearn.data.built_in import read_lexicon

    labels = (np.sign(read_lexicon()[1]).astype(int) + 1).T
    fitted = patterns_of(class_counts(labels[::2], 3).astype(int))
    fit, rng = fit_difficulty(fitted.counts, fitted.times, seed=0), np.random.default_rng(0)
    for size in (3, 5):
        measured = split_vote_agreement(class_counts(labels, 3).astype(int), size, rng)
        assert abs(fit.votes(size, rng)[1] - measured.value) < PREDICTED
