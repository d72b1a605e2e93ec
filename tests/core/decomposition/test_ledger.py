"""The ledger and its slices: averages that add up to the whole."""

from __future__ import annotations

import numpy as np
import pytest

from outlearn.core.decomposition.risk_gap import risk_gap
from outlearn.core.predictions import Predictions
from outlearn.errors import AlignmentError, ConfigError

N_POINTS = 120


@pytest.fixture
def gap():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, N_POINTS)
    easy = 2 * rng.normal(size=(1, N_POINTS, 1)) * np.eye(3)[y]  # points differ, as they do
    ids = np.array([f"p{i}" for i in range(N_POINTS)])
    t = Predictions.from_logits(rng.normal(size=(4, N_POINTS, 3)) + easy, point_ids=ids)
    s = Predictions.from_logits(
        rng.normal(size=(6, N_POINTS, 3)) - easy, point_ids=ids, teacher_of=np.array([0, 0, 1, 1, 2, 2])
    )
    return risk_gap(y, teacher=t, student=s), y, t, s


def test_ledger_averages_over_teachers_and_students(gap):
    result, y, t, s = gap
    ledger = result.ledger()
    assert len(ledger) == N_POINTS
    np.testing.assert_array_equal(ledger.point_ids[:2], ["p0", "p1"])
    np.testing.assert_array_equal(ledger.target_class, y)
    np.testing.assert_allclose(ledger.gap, result.gap.mean(0), atol=1e-12)
    np.testing.assert_allclose(ledger.gap, ledger.misfit + ledger.residual, atol=1e-12)
    np.testing.assert_allclose(ledger.teacher_confidence, t.probs[:3].max(-1).mean(0), atol=1e-12)
    np.testing.assert_allclose(ledger.student_correct, (s.probs.argmax(-1) == y).mean(0), atol=1e-12)
    np.testing.assert_allclose(ledger.teacher_correct, (t.probs[:3].argmax(-1) == y).mean(0), atol=1e-12)
    assert list(ledger.columns())[:2] == ["point_ids", "target_class"]


@pytest.mark.parametrize("by", ["teacher_confidence", "class", np.arange(N_POINTS) % 4])
def test_slices_partition_the_points(gap, by):
    result = gap[0]
    table = result.slices(by)
    assert sum(table.n_points) == N_POINTS
    for term in ("gap", "misfit", "teacher_risk"):
        total = np.dot(table.n_points, [i.mean for i in getattr(table, term)]) / N_POINTS
        assert total == pytest.approx(getattr(result, term).mean())
    assert all(i.low < i.mean < i.high for i in table.gap)
    assert "misfit" in str(table)


def test_confidence_slices_are_ten_ordered_groups_of_equal_size(gap):
    table = gap[0].slices("teacher_confidence")
    assert table.n_points == (12,) * 10
    assert table.names == tuple(sorted(table.names))


def test_equal_confidence_makes_one_slice():
    t = Predictions.from_probs(np.full((3, 8, 2), 0.5))
    table = risk_gap(np.zeros(8, dtype=int), teacher=t, student=t).slices("teacher_confidence")
    assert table.n_points == (8,)


def test_small_slices_keep_their_mean_and_lose_their_interval(gap):
    table = gap[0].slices(np.array(["few"] * 2 + ["many"] * (N_POINTS - 2)))
    assert table.names == ("few", "many")
    assert np.isnan(table.gap[0].low)
    assert np.isfinite(table.gap[0].mean)


def test_unknown_slices_are_refused(gap):
    with pytest.raises(ConfigError, match="teacher_confidence"):
        gap[0].slices("confidence")
    with pytest.raises(AlignmentError, match="120"):
        gap[0].slices(np.zeros(5))
