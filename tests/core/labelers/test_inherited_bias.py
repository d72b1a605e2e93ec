"""Variance, bias repeated, bias not repeated: the split adds up, and finds what students of known bias repeat."""

import numpy as np
import pytest

from outlearn.core.labelers.inherited_bias import inherited_bias, squared_variance

EXACT = 1e-9
MANY = 4.0
N = 4000


def world(seed: int = 0, n_classes: int = 3, soft: bool = False):
    """Labelers whose mean p leans to a wrong class on a third of the points; truth is known at 400."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, n_classes, N)
    y = np.eye(n_classes)[truth]
    leaning = (np.arange(N) % 3 == 0)[:, None]
    p = np.where(leaning, 0.4 * y + 0.6 * np.roll(y, 1, axis=1), 0.85 * y + 0.15 / n_classes)
    p /= p.sum(axis=1, keepdims=True)
    if soft:
        labels = np.stack([rng.dirichlet(np.maximum(20 * at, 0.05)) for at in np.tile(p, (3, 1))]).reshape(3, N, -1)
    else:
        labels = np.stack([np.eye(n_classes)[[rng.choice(n_classes, p=at) for at in p]] for _ in range(3)])
    known = np.full(N, -1)
    at = rng.permutation(N)[:400]
    known[at] = truth[at]
    return labels, p, y, known


@pytest.mark.parametrize("soft", [False, True])
def test_a_student_that_is_the_labelers_mean_repeats_all_of_their_bias_and_the_truth_none(soft):
    labels, p, y, known = world(soft=soft)
    bias = np.square(p - y).sum(axis=1).mean() / 2
    variance = squared_variance(labels)
    for student, repeated in ((p, bias), (y, 0.0)):
        found = inherited_bias(labels, np.stack([student] * 3), known)
        assert abs(found.repeated.value - repeated) < MANY * max(found.repeated.standard_error, 1e-3)
        assert abs((found.error - variance).value - bias) < MANY * (found.error - variance).standard_error


def test_of_votes_the_variance_is_half_the_disagreement_and_the_error_the_share_that_is_wrong():
    votes = np.array([[0, 1, 1, -1, 0], [0, 0, 1, 1, 1]])
    labels = np.where(votes[..., None] >= 0, np.eye(2)[votes], np.nan)
    assert squared_variance(labels).value == pytest.approx(0.5 * 2 / 4, abs=EXACT)
    truth = np.array([0, 0, 0, -1, -1])
    found = inherited_bias(labels, np.nan_to_num(labels), truth)
    assert found.error.value == pytest.approx((0 + 0.5 + 1) / 3, abs=EXACT)
    assert found.repeated.value == pytest.approx(found.error.value, abs=EXACT)  # a student that repeats its labeler


def test_one_labeler_has_no_variance_that_can_be_told():
    labels, p, _, known = world()
    assert squared_variance(labels[:1]) is None
    assert inherited_bias(labels[:1], p[None], known).repeated.value > 0.1
