"""A teacher whose labels show no point of a class is trained all the same, and finds that class improbable."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.small_runs import SMALL, make_task_file

from outlearn.experiment.load_config import load_config
from outlearn.experiment.pipeline import run
from outlearn.experiment.plan import read_points
from outlearn.experiment.stages.teachers import teacher_draws, training_label_counts
from outlearn.learners.absent_classes import with_every_class
from outlearn.store.store import Store


def test_half_a_point_of_each_class_that_is_not_drawn_is_shared_by_those_that_are():
    one_hot, drawn = np.eye(4)[[0, 1, 1, 2]], np.array([[1.0, 2.0, 0.0, 0.0]])
    (softened,) = with_every_class(one_hot, drawn)
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


@pytest.mark.parametrize("draw", ["disjoint", "bootstrap"])
def test_a_label_that_several_teachers_learn_from_is_counted_once(draw, tmp_path):
    path = make_task_file(tmp_path / "task.npz")
    config = load_config(overrides=[f"data.path={path}", *SMALL, f"teacher.draw={draw}"])
    points = read_points(config)
    drawn = teacher_draws(points.task, points.splits, config.teacher, seed=config.seed)
    counts = training_label_counts(points.task, points.splits, config)
    assert counts.sum() == np.count_nonzero(drawn.sum(axis=0)) <= drawn.sum()
    assert (counts.sum() == drawn.sum()) == (draw == "disjoint")
