"""Divergences of all pairs equal the divergences pair by pair, where it is hard too."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import rel_entr

from outlearn.core.decomposition.pairwise import pairwise_divergence
from outlearn.core.generators import GENERATORS, get_generator
from outlearn.core.predictions import Predictions
from outlearn.errors import AlignmentError, DomainError

RELATIVE = 1e-12  # the same arithmetic in another order
NAMES = [name for name in GENERATORS if name != "mahalanobis"]


def some(seed: int, *shape: int, size: float = 1.5) -> Predictions:
    return Predictions.from_logits(size * np.random.default_rng(seed).normal(size=shape))


def pair_by_pair(name: str, first: Predictions, second: Predictions) -> np.ndarray:
    g = get_generator(name)
    u, v = g.dual_from_log_probs(first.log_probs), g.dual_from_log_probs(second.log_probs)
    return np.array([[g.divergence_from_dual(a, b).mean() for b in v] for a in u])


@pytest.mark.parametrize("name", NAMES)
@given(
    seed=st.integers(0, 2**31),
    n_first=st.integers(1, 6),
    n_second=st.integers(1, 6),
    points=st.integers(1, 9),
    classes=st.integers(2, 50),
)
@settings(max_examples=8, deadline=None)
def test_pairs_equal_pair_by_pair_for_every_generator(name, seed, n_first, n_second, points, classes):
    first, second = some(seed, n_first, points, classes), some(seed + 1, n_second, points, classes)
    result = pairwise_divergence(first, second, generator=name)
    np.testing.assert_allclose(result, pair_by_pair(name, first, second), rtol=RELATIVE)


def test_mahalanobis_and_a_generator_of_ones_own_are_taken_as_instances():
    first, second = some(0, 3, 5, 2), some(1, 4, 5, 2)
    g = get_generator("mahalanobis", matrix=np.array([[2.0, 0.5], [0.5, 1.0]]))
    by_hand = [[g.divergence(a, b).mean() for b in second.probs] for a in first.probs]
    np.testing.assert_allclose(pairwise_divergence(first, second, generator=g), by_hand, rtol=RELATIVE)


def test_rows_are_first_arguments():
    first, second = some(2, 3, 50, 3), some(3, 2, 50, 3)
    kl = rel_entr(first.probs[:, None], second.probs).sum(axis=-1).mean(axis=-1)
    np.testing.assert_allclose(pairwise_divergence(first, second), kl, rtol=RELATIVE)
    assert not np.allclose(pairwise_divergence(second, first).T, kl, rtol=1e-2)


@pytest.mark.parametrize("step", [2e-3, 1e-4])
def test_nearly_equal_models_keep_four_digits(step):
    """Divergences of about 1e-6 and 1e-9: phi(a) - phi(b) - <grad phi(b), a - b> as it stands would lose the second."""
    base = 2 * np.random.default_rng(4).normal(size=(400, 2))
    rng = np.random.default_rng(5)
    first, second = (Predictions.from_logits(base + step * rng.normal(size=(n, 400, 2))) for n in (5, 7))
    expected = pair_by_pair("negative_entropy", first, second)
    assert expected.max() < step**2
    np.testing.assert_allclose(pairwise_divergence(first, second), expected, rtol=1e-4)


def test_an_equal_pair_among_different_ones_keeps_its_digits():
    z = 2 * np.random.default_rng(6).normal(size=(6, 300, 3))
    first = Predictions.from_logits(z + 1e-3 * np.random.default_rng(7).normal(size=z.shape))
    second = Predictions.from_logits(z)
    result, expected = pairwise_divergence(first, second), pair_by_pair("negative_entropy", first, second)
    assert expected.diagonal().max() < 1e-6 < 0.1 < expected[~np.eye(6, dtype=bool)].min()
    np.testing.assert_allclose(result, expected, rtol=1e-4)


def test_a_model_diverges_from_itself_by_exactly_zero():
    p = some(10, 5, 40, 4)
    np.testing.assert_array_equal(pairwise_divergence(p, p).diagonal(), 0.0)


def test_zero_probabilities_are_infinite_only_where_second_lacks_what_first_has():
    first = Predictions.from_probs(np.array([[[0.5, 0.5], [1.0, 0.0]], [[0.5, 0.5], [0.5, 0.5]]]))
    second = Predictions.from_probs(np.array([[[0.9, 0.1], [1.0, 0.0]], [[0.9, 0.1], [0.5, 0.5]]]))
    kl = rel_entr(first.probs[:, None], second.probs).sum(axis=-1).mean(axis=-1)
    assert np.isinf(kl[1, 0])
    np.testing.assert_allclose(pairwise_divergence(first, second), kl, rtol=RELATIVE)


def test_logits_of_a_thousand_stay_finite_and_right():
    first, second = some(13, 3, 20, 3, size=1000), some(14, 4, 20, 3, size=1000)
    expected = pair_by_pair("negative_entropy", first, second)
    np.testing.assert_allclose(pairwise_divergence(first, second), expected, rtol=RELATIVE)


def test_coordinates_beyond_single_precision_stay_right():
    first, second = some(15, 2, 4, 2), some(16, 3, 4, 2, size=60)  # Itakura-Saito: 1/p up to 1e100
    expected = pair_by_pair("itakura_saito", first, second)
    np.testing.assert_allclose(pairwise_divergence(first, second, generator="itakura_saito"), expected, rtol=RELATIVE)


def test_other_points_or_classes_are_refused():
    p = some(17, 2, 3, 2)
    with pytest.raises(AlignmentError, match="select"):
        pairwise_divergence(p, some(18, 2, 4, 2))
    with pytest.raises(AlignmentError, match="classes"):
        pairwise_divergence(p, some(18, 2, 3, 3))


def test_the_points_that_two_predictions_share_can_be_selected_as_the_error_advises():
    p, more = some(17, 2, 3, 2), some(18, 2, 4, 2)
    shared = more.select(p.point_ids)
    np.testing.assert_allclose(pairwise_divergence(p, shared), pair_by_pair("negative_entropy", p, shared))


def test_a_zero_outside_the_domain_is_refused_by_argument():
    zero = Predictions.from_probs(np.array([[0.0, 1.0]]))
    with pytest.raises(DomainError, match=r"second\[0, 0, 0\]"):
        pairwise_divergence(some(19, 1, 1, 2), zero, generator="itakura_saito")
