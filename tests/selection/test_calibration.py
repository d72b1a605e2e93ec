"""The crossed calibration: it finds what made the labels, spares what is certain, and keeps a rare class from noise."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit

from outlearn.selection.calibration import crossed_calibration


def groups_of(margin: np.ndarray) -> np.ndarray:
    return np.stack([-margin / 2, margin / 2], axis=-1)


def test_it_is_the_logistic_regression_of_the_others_classes_on_the_answer():
    """One group is a step function of u that flips by chance, so the other's factor is that of the flips."""
    rng = np.random.default_rng(0)
    u = rng.normal(size=40_000) * 3
    flips = np.where(rng.random(u.shape) < expit(0.4 * u - 0.5), 1.0, -1.0)
    found = crossed_calibration(np.stack([groups_of(u), groups_of(1e-9 * flips)]))
    # The second group says nothing by its size, and its own row of the cost is flat in a.
    assert found.factor == pytest.approx(0.4, abs=0.02)


def test_groups_that_agree_everywhere_change_no_class_and_no_factor():
    z = np.random.default_rng(0).normal(size=(1, 500, 4)) * 4
    found = crossed_calibration(np.concatenate([z, z, z]))
    assert found.factor == 1.0
    changed = (found.factor * z[0] + found.offsets).argmax(-1) != z[0].argmax(-1)
    assert changed.mean() < 0.02


@pytest.mark.parametrize(("shared", "kept"), [(0.2, False), (6.0, True)])
def test_a_rare_class_is_called_only_where_groups_agree_on_it(shared, kept):
    rng = np.random.default_rng(1)
    signal = shared * rng.normal(size=4000)
    scores = signal + rng.normal(size=(2, 4000))
    margins = np.stack([3 * (s - np.quantile(s, 0.9)) / s.std() for s in scores])  # a tenth of the points
    found = crossed_calibration(groups_of(margins))
    z = found.factor * groups_of(margins[0]) + found.offsets
    called = (z[:, 1] > z[:, 0]).mean()
    assert (called > 0.06) if kept else (called < 0.01)


def test_pairs_get_no_offset():
    margins = np.random.default_rng(2).normal(size=(2, 200)) + 1
    assert crossed_calibration(groups_of(margins), with_offsets=False).offsets.tolist() == [0.0, 0.0]
