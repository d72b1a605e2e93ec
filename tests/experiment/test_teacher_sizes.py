"""Few points make teachers of fewer labels, or fewer teachers, and a note says so; numbers that are given stand."""

from __future__ import annotations

import numpy as np
import pytest

from outlearn.data import make_splits, make_task
from outlearn.errors import ConfigError
from outlearn.experiment.load_config import load_config
from outlearn.experiment.plan import SplitTask, make_plan
from outlearn.experiment.teacher_sizes import with_sizes_that_fit


def points(n: int, shares: tuple[float, ...] = (0.5, 0.5)) -> SplitTask:
    labels = np.random.default_rng(0).choice(len(shares), n, p=shares)
    labels[: 4 * len(shares)] = np.repeat(np.arange(len(shares)), 4)
    features = np.random.default_rng(1).normal(size=(n, 3))
    task = make_task(name="t", class_names=list(map(str, range(len(shares)))), features=features, labels=labels)
    return SplitTask(task, make_splits(task))


@pytest.mark.parametrize(
    ("n", "shares", "expected"),
    [
        (3000, (0.5, 0.5), (8, 100)),  # the presets' own
        (1000, (0.5, 0.5), (8, 43)),
        (60, (0.5, 0.5), (5, 4)),
        (400, (0.49, 0.49, 0.02), None),  # as many teachers as the rarest class has points
    ],
)
def test_the_default_follows_from_the_points_there_are_and_trains(n, shares, expected):
    found = points(n, shares)
    config = load_config(overrides=["data.path=t.npz"])
    sized, notes = with_sizes_that_fit(config, found.task, found.splits)
    models, labels = sized.teacher.models, sized.teacher.labels
    if expected is None:
        expected = (int(np.bincount(found.task.labels[found.splits.teacher]).min()), labels)
    assert (models, labels) == expected
    assert bool(notes) == (expected != (8, 100))
    plan = make_plan(config, found)  # draws every teacher's points, and refuses a draw without a class
    assert len(plan.teacher_names) == models
    assert plan.notes[: len(notes)] == notes


def test_numbers_that_are_given_stand_and_what_the_error_advises_works():
    found = points(1000)
    with pytest.raises(ConfigError, match=r"Lower teacher.labels to (\d+)") as caught:
        make_plan(load_config(overrides=["data.path=t.npz", "teacher.labels=100"]), found)
    advised = str(caught.value).split("teacher.labels to ")[1].split()[0].rstrip(",")
    make_plan(load_config(overrides=["data.path=t.npz", f"teacher.labels={advised}"]), found)


def test_a_number_of_teachers_that_is_given_stays_where_there_are_points_for_it():
    found = points(1000)
    sized, _ = with_sizes_that_fit(
        load_config(overrides=["data.path=t.npz", "teacher.models=4"]), found.task, found.splits
    )
    assert (sized.teacher.models, sized.teacher.labels) == (4, len(found.splits.teacher) // 4)


def test_with_very_many_classes_each_teacher_has_more_labels_than_the_default():
    n_classes = 80
    labels = np.arange(30 * n_classes) % n_classes
    features = np.random.default_rng(0).normal(size=(len(labels), 3))
    task = make_task(name="t", class_names=list(map(str, range(n_classes))), features=features, labels=labels)
    found = SplitTask(task, make_splits(task))
    plan = make_plan(load_config(overrides=["data.path=t.npz"]), found)  # a draw without a class is refused
    assert len(plan.teacher_names) == 5
    assert plan.notes[0].startswith("5 teachers learn from 160 true labels each, not 8 from 100")
    assert "80 classes" in plan.notes[0]
