"""What each teacher sees: disjoint draws do not overlap, classes keep their shares, impossible draws say what to do."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from outlearn.data.draws import draw_teachers, stratified_order
from outlearn.errors import ConfigError

LABELS = np.repeat([0, 1, 2], [60, 30, 10])


def draw(**changed: object) -> np.ndarray:
    return draw_teachers(LABELS, **{"models": 4, "size": 20, "draw": "disjoint", "seed": 0, **changed})


def test_disjoint_draws_use_no_point_twice_and_give_each_teacher_its_size():
    counts = draw()
    assert counts.sum(axis=0).max() == 1
    assert counts.sum(axis=1).tolist() == [20.0] * 4


def test_bootstrap_draws_have_their_size_and_differ():
    counts = draw(draw="bootstrap", models=3, size=77)
    assert counts.sum(axis=1).tolist() == [77.0] * 3
    assert not np.array_equal(counts[0], counts[1])


def test_seed_draws_are_one_subset_for_all():
    counts = draw(draw="seeds", models=3)
    assert (counts == counts[0]).all()


@pytest.mark.parametrize("kind", ["disjoint", "bootstrap"])
def test_draws_keep_the_shares_of_the_classes_within_one_point(kind):
    for counts in draw(draw=kind):
        seen = [counts[k == LABELS].sum() for k in range(3)]
        assert np.abs(np.array(seen) - [12, 6, 2]).max() <= 1


@pytest.mark.parametrize("kind", ["bootstrap"])
def test_a_teachers_draw_does_not_depend_on_how_many_teachers_there_are(kind):
    np.testing.assert_array_equal(draw(draw=kind, models=2), draw(draw=kind, models=4)[:2])


def test_the_same_seed_gives_the_same_draw_and_another_seed_another():
    np.testing.assert_array_equal(draw(), draw())
    assert not np.array_equal(draw(), draw(seed=1))


@pytest.mark.parametrize(("kind", "remedy"), [("disjoint", "teacher.labels to 25"), ("seeds", "teacher.labels to 100")])
def test_too_few_points_say_what_to_lower(kind, remedy):
    with pytest.raises(ConfigError, match=remedy):
        draw(draw=kind, size=101)


@pytest.mark.parametrize(("models", "size"), [(8, 300), (4, 26), (60, 101), (30, 4), (4, 101)])
def test_what_a_refused_draw_advises_works(models, size):
    with pytest.raises(ConfigError) as refused:
        draw(models=models, size=size)
    for key, value in re.findall(r"teacher\.(labels|models) to (\d+)", str(refused.value)):
        changed = {"models": models, "size": size} | {"size" if key == "labels" else "models": int(value)}
        assert draw(**changed).shape[0] == changed["models"] >= 1
    assert draw(models=models, size=size, draw="bootstrap").shape[0] == models


def test_a_draw_of_one_class_is_refused():
    with pytest.raises(ConfigError, match="one class only"):
        draw_teachers(np.repeat([0, 1], [99, 1]), models=2, size=10, draw="disjoint", seed=0)


@given(st.lists(st.integers(0, 3), min_size=1, max_size=60), st.integers(0, 5))
def test_a_stratified_order_is_a_permutation(labels, seed):
    order = stratified_order(np.array(labels), np.random.default_rng(seed))
    assert sorted(order.tolist()) == list(range(len(labels)))
