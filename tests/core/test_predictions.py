"""Predictions are normalised once, say where a row is no distribution, and average in both coordinate systems."""

from __future__ import annotations

import dataclasses
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import log_softmax

from outlearn.core.predictions import Predictions
from outlearn.errors import AlignmentError, DomainError, ShapeError

ROUNDING = 1e-12


def some(models: int = 3, points: int = 4, classes: int = 3, seed: int = 0) -> Predictions:
    return Predictions.from_logits(np.random.default_rng(seed).normal(size=(models, points, classes)) * 3)


@given(seed=st.integers(0, 2**32 - 1), models=st.integers(1, 64), classes=st.integers(2, 50), size=st.floats(0, 1000))
@settings(max_examples=25, deadline=None)
def test_log_probs_are_log_softmax_and_normalised(seed, models, classes, size):
    logits = size * np.random.default_rng(seed).normal(size=(models, 2, classes))
    p = Predictions.from_logits(logits)
    np.testing.assert_allclose(p.log_probs, log_softmax(logits, axis=-1), rtol=ROUNDING, atol=ROUNDING)
    np.testing.assert_allclose(p.probs.sum(axis=-1), 1.0, rtol=ROUNDING)
    assert np.isfinite(p.log_probs).all()
    assert (p.n_models, p.n_points, p.n_classes) == (models, 2, classes)


def test_a_constant_added_to_a_row_changes_nothing():
    z = np.random.default_rng(1).normal(size=(2, 3, 4))
    shifted = Predictions.from_logits(z + 1000.0 * np.arange(3)[:, None])
    np.testing.assert_allclose(shifted.log_probs, Predictions.from_logits(z).log_probs, atol=1e-11)  # 1e-16 of 2000


def test_probability_nearly_one_keeps_the_logarithm_that_float64_sums_lose():
    p = Predictions.from_logits(np.array([[60.0, 0.0]]))
    np.testing.assert_allclose(p.log_probs[0, 0, 0], -np.exp(-60.0), rtol=ROUNDING)


def test_probs_and_logits_give_the_same_predictions():
    p = some()
    np.testing.assert_allclose(Predictions.from_probs(p.probs).log_probs, p.log_probs, atol=ROUNDING)


def test_two_axes_are_one_model():
    assert Predictions.from_logits(np.zeros((5, 2))).n_models == 1
    assert Predictions.from_probs(np.full((5, 2), 0.5)).n_models == 1


def test_single_precision_and_integers_become_double():
    assert Predictions.from_logits(np.zeros((1, 2, 3), dtype=np.float32)).log_probs.dtype == np.float64
    assert Predictions.from_logits(np.zeros((1, 2, 3), dtype=int)).log_probs.dtype == np.float64


def test_the_callers_array_is_neither_changed_nor_frozen():
    z = np.random.default_rng(2).normal(size=(1, 2, 3))
    kept = z.copy()
    Predictions.from_logits(z)
    z += 1.0
    np.testing.assert_array_equal(z, kept + 1.0)


def test_predictions_cannot_be_changed():
    p = some()
    with pytest.raises(ValueError, match="read-only"):
        p.log_probs[0, 0, 0] = 0.0
    with pytest.raises(ValueError, match="read-only"):
        p.point_ids[0] = 7
    with pytest.raises(dataclasses.FrozenInstanceError):
        p.teacher_of = np.zeros(3, dtype=int)


def test_zero_probabilities_stay_zero():
    p = Predictions.from_probs(np.array([[1.0, 0.0], [0.25, 0.75]]))
    np.testing.assert_array_equal(p.log_probs[0, 0], [0.0, -np.inf])
    np.testing.assert_array_equal(p.probs[0, 0], [1.0, 0.0])
    q = Predictions.from_logits(np.array([[0.0, -np.inf]]))  # a masked class
    np.testing.assert_array_equal(q.probs, [[[1.0, 0.0]]])


def test_rows_that_do_not_sum_to_one_are_refused_by_row():
    probs = np.full((2, 3, 2), 0.5)
    probs[1, 2] = [0.5, 0.500002]
    with pytest.raises(DomainError, match=r"row \[1, 2\] sums to 1.000002"):
        Predictions.from_probs(probs)
    probs[1, 2] = [0.5, 0.5000005]  # within 1e-6: renormalised
    np.testing.assert_allclose(Predictions.from_probs(probs).probs.sum(axis=-1), 1.0, rtol=1e-15)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_that_are_no_numbers_are_refused_by_place(value):
    z = np.zeros((2, 3, 4))
    z[1, 0, 2] = value
    with pytest.raises(DomainError, match=r"logits\[1, 0, 2\] is (nan|inf)"):
        Predictions.from_logits(z)
    p = np.full((2, 3, 4), 0.25)
    p[0, 2, 1] = value
    with pytest.raises(DomainError, match=r"probs\[0, 2, 1\] is (nan|inf)"):
        Predictions.from_probs(p)


def test_rows_without_any_class_and_negative_probabilities_are_refused():
    with pytest.raises(DomainError, match=r"logits\[0, 1\]"):
        Predictions.from_logits(np.array([[0.0, 1.0], [-np.inf, -np.inf]]))
    with pytest.raises(DomainError, match=r"probs\[0, 0, 1\] is -0.5"):
        Predictions.from_probs(np.array([[1.5, -0.5]]))


@pytest.mark.parametrize("shape", [(2,), (1, 2, 3, 4), (0, 2), (2, 0), (0, 1, 2), (3, 2, 1)])
def test_other_shapes_are_refused(shape):
    with pytest.raises(ShapeError, match="shape"):
        Predictions.from_logits(np.zeros(shape))


def test_means_are_arithmetic_and_normalised_geometric():
    p = some(models=7)
    np.testing.assert_allclose(p.mean().probs[0], p.probs.mean(axis=0), rtol=ROUNDING)
    product = np.prod(p.probs, axis=0) ** (1 / 7)
    np.testing.assert_allclose(p.dual_mean().probs[0], product / product.sum(axis=-1, keepdims=True), rtol=ROUNDING)
    assert p.mean().n_models == p.dual_mean().n_models == 1


def test_means_of_one_model_are_that_model():
    p = some(models=1)
    np.testing.assert_allclose(p.mean().log_probs, p.log_probs, atol=1e-15)
    np.testing.assert_allclose(p.dual_mean().log_probs, p.log_probs, atol=1e-15)


def test_means_stay_finite_at_logits_of_a_thousand():
    p = Predictions.from_logits(np.array([[[1000.0, 0.0]], [[-1000.0, 0.0]]]))
    np.testing.assert_allclose(p.mean().probs[0, 0], [0.5, 0.5])
    np.testing.assert_allclose(p.dual_mean().probs[0, 0], [0.5, 0.5])
    rare = Predictions.from_logits(np.array([[[0.0, -1000.0]], [[0.0, -1000.0]]]))
    np.testing.assert_allclose(rare.mean().log_probs[0, 0], [0.0, -1000.0])


def test_dual_mean_without_a_common_class_is_refused_by_point():
    p = Predictions.from_probs(
        np.array([[[0.5, 0.5], [1.0, 0.0]], [[0.5, 0.5], [0.0, 1.0]]]), point_ids=np.array([7, 9])
    )
    with pytest.raises(DomainError, match="point id 9"):
        p.dual_mean()
    np.testing.assert_allclose(p.mean().probs, 0.5)


def test_select_takes_points_by_id_in_the_order_asked():
    p = Predictions.from_logits(np.random.default_rng(3).normal(size=(2, 3, 2)), point_ids=np.array(["a", "b", "c"]))
    chosen = p.select(np.array(["c", "a"]))
    assert chosen.point_ids.tolist() == ["c", "a"]
    np.testing.assert_array_equal(chosen.log_probs, p.log_probs[:, [2, 0]])


def test_select_refuses_unknown_and_repeated_ids():
    p = some()
    with pytest.raises(AlignmentError, match=r"1 of 2 point ids .* first 9"):
        p.select(np.array([0, 9]))
    with pytest.raises(AlignmentError, match="1 comes 2 times"):
        p.select(np.array([1, 1]))
    with pytest.raises(ShapeError, match="at least one"):
        p.select(np.array([], dtype=int))


def test_point_ids_must_be_unique_and_one_a_point():
    with pytest.raises(AlignmentError, match="5 comes 2 times"):
        Predictions.from_logits(np.zeros((2, 2)), point_ids=np.array([5, 5]))
    with pytest.raises(ShapeError, match=r"\(2,\)"):
        Predictions.from_logits(np.zeros((2, 2)), point_ids=np.arange(3))


@pytest.mark.parametrize("ids", [[1, "a", 2.5], [None, 1, 2], ["a", None, "b"]], ids=str)
def test_point_ids_of_several_kinds_are_refused(ids):
    with pytest.raises(DomainError, match=r"one kind.*got .* and .*np.array\(\[str"):
        Predictions.from_logits(np.zeros((3, 2)), point_ids=np.array(ids, dtype=object))


def test_errors_name_point_ids_that_are_objects():
    """As a column of text comes from a table: an array of Python's own strings."""
    p = Predictions.from_logits(np.zeros((2, 2)), point_ids=np.array(["a", "b"], dtype=object))
    with pytest.raises(AlignmentError, match="first 'c'; the ids here begin with 'a'"):
        p.select(np.array(["c"]))
    with pytest.raises(AlignmentError, match="'a' comes 2 times"):
        Predictions.from_logits(np.zeros((2, 2)), point_ids=np.array(["a", "a"], dtype=object))
    certain = Predictions.from_probs(np.eye(2)[[[0], [1]]], point_ids=np.array(["a"], dtype=object))
    with pytest.raises(DomainError, match="at point id 'a'"):
        certain.dual_mean()


def test_teacher_of_is_one_index_a_model_and_is_dropped_by_means():
    p = Predictions.from_logits(np.zeros((3, 2, 2)), teacher_of=np.array([0, 0, 1]))
    assert p.teacher_of.tolist() == [0, 0, 1]
    assert p.select(np.array([1])).teacher_of.tolist() == [0, 0, 1]
    assert p.mean().teacher_of is None
    with pytest.raises(ShapeError, match=r"\(3,\)"):
        Predictions.from_logits(np.zeros((3, 2, 2)), teacher_of=np.array([0, 1]))
    for wrong in (np.array([0, 1, -1]), np.array([0.0, 1.0, 2.0])):
        with pytest.raises(DomainError, match="integers of at least 0"):
            Predictions.from_logits(np.zeros((3, 2, 2)), teacher_of=wrong)


def test_a_masked_array_is_refused():
    with pytest.raises(DomainError, match="masked"):
        Predictions.from_logits(np.ma.masked_array(np.zeros((2, 3)), mask=[[True, False, False]] * 2))


WRONG = """
import numpy as np, torch, outlearn as ol
p, labels = ol.Predictions.from_logits(np.zeros((2, 3))), np.zeros(2, dtype=int)
for wrong in (
    lambda: ol.risk_gap(labels, teacher=p.probs, student=p),
    lambda: ol.bias_variance(labels, [[0.1, 0.9]]),
    lambda: ol.Predictions.from_logits([[1.0, 2.0], [3.0]]),
    lambda: ol.Predictions.from_logits(torch.zeros(2, 3, requires_grad=True)),
    lambda: ol.Predictions.from_probs(torch.full((2, 2), 0.5, dtype=torch.bfloat16)),
):
    try:
        wrong()
    except ol.errors.DomainError as error:
        print(error)
"""


def test_what_is_no_predictions_or_array_is_one_line_with_what_to_do():
    """In a program of its own: tests check annotations at every call, users do not."""
    done = subprocess.run([sys.executable, "-c", WRONG], capture_output=True, text=True, check=True)
    said = done.stdout.splitlines()
    assert len(said) >= 5
    assert done.stdout.count("Wrap it in Predictions.from_logits") == 2
    assert done.stdout.count("Give equally long rows; of a tensor, values.detach().float().cpu().numpy().") == 3
