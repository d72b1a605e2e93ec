"""A teacher whose labels show no point of a class is trained all the same, and finds that class improbable."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from tests.small_runs import SMALL

from outlearn.experiment.load_config import load_config
from outlearn.experiment.pipeline import run
from outlearn.experiment.stages.teachers import _targets
from outlearn.store.store import Store


def test_half_a_point_of_each_class_that_is_not_drawn_is_shared_by_those_that_are():
    one_hot, drawn = np.eye(4)[[0, 1, 1, 2]], np.array([[1.0, 2.0, 0.0, 0.0]])
    whole, softened = _targets(one_hot, drawn)
    np.testing.assert_array_equal(whole, one_hot)
    np.testing.assert_allclose(drawn[0] @ softened, [2 / 3, 4 / 3, 0.5, 0.5])
    np.testing.assert_allclose(softened.sum(axis=-1), 1.0)


def test_a_class_rarer_than_there_are_teachers_ends_in_results(tmp_path: Path):
    rng = np.random.default_rng(0)
    labels = np.concatenate([np.arange(600) % 2, np.full(8, 2)])
    features = rng.normal(size=(len(labels), 4)) + 2 * np.eye(3, 4)[labels]
    np.savez(tmp_path / "rare.npz", features=features.astype(np.float32), labels=labels)
    config = load_config(overrides=[f"data.path={tmp_path / 'rare.npz'}", *SMALL, "teacher.sizes=exact"])
    found = run(config, store=Store(tmp_path / "store"), out=tmp_path / "out")
    assert found.results.teacher.accuracy.mean > 0.8
