"""Splits never share a text or a group, keep classes in proportion, and say what they removed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import event, given, reject, settings
from hypothesis import strategies as st

from outlearn.data import Task, make_splits, make_task
from outlearn.data.task import SPLIT_NAMES
from outlearn.data.wording import normalise
from outlearn.errors import ConfigError, DataError


def words(n: int, *, classes: int = 2, **parts) -> Task:
    labels = [i % classes for i in range(n)]
    names = [f"c{c}" for c in range(classes)]
    return make_task(name="words", class_names=names, texts=[f"word {i}" for i in range(n)], labels=labels, **parts)


def split_of(task: Task, splits) -> dict[int, str]:
    return {int(i): name for name in SPLIT_NAMES for i in getattr(splits, name)}


@st.composite
def grouped_tasks(draw) -> Task:
    """Tasks with groups, texts that repeat in other case and with other blanks, and two or three classes."""
    n = draw(st.integers(60, 150))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n_groups = draw(st.integers(40, 150))
    n_texts = draw(st.integers(n, 6 * n))
    shapes = [str.upper, str.lower, lambda text: f"  {text}\n", lambda text: text.replace(" ", "   ")]
    texts = [shapes[rng.integers(4)](f"Word {rng.integers(n_texts)}") for _ in range(n)]
    classes = draw(st.integers(2, 3))
    labels = np.concatenate([np.arange(30) % classes, rng.integers(classes, size=n - 30)])
    groups = [f"g{g}" for g in rng.integers(n_groups, size=n)] if draw(st.booleans()) else None
    return make_task(
        name="drawn", class_names=[f"c{c}" for c in range(classes)], texts=texts, labels=labels, groups=groups
    )


@settings(max_examples=60, deadline=None)
@given(task=grouped_tasks(), seed=st.integers(0, 1000))
def test_no_text_and_no_group_is_in_two_splits_and_every_point_is_accounted_for(task, seed):
    try:
        splits = make_splits(task, teacher=0.3, student=0.3, validation=0.2, test=0.2, seed=seed)
    except DataError:
        # Groups and repeated texts may chain most points into one family, which cannot be split.
        event("refused")
        reject()
    where = split_of(task, splits)
    assert sorted([*where, *splits.removed.tolist()]) == list(range(task.n_points))
    homes: dict[str, set[str]] = {}
    for i, name in where.items():
        homes.setdefault("text " + normalise(task.texts[i]), set()).add(name)
        if task.groups is not None:
            homes.setdefault("group " + task.groups[i], set()).add(name)
    assert all(len(names) == 1 for names in homes.values())
    # Of each text one point is left, and every text is left.
    kept = [normalise(task.texts[i]) for i in where]
    assert len(kept) == len(set(kept)) == len({normalise(text) for text in task.texts})
    for name in SPLIT_NAMES:
        assert set(task.labels[getattr(splits, name)].tolist()) == set(range(task.n_classes))


@pytest.mark.parametrize("classes", [2, 3, 10])
def test_single_points_are_stratified_to_within_one_point_of_each_class(classes):
    task = words(1000, classes=classes)
    splits = make_splits(task, teacher=0.35, student=0.35, validation=0.05, test=0.25)
    for name, fraction in zip(SPLIT_NAMES, (0.35, 0.35, 0.05, 0.25), strict=True):
        counts = np.bincount(task.labels[getattr(splits, name)], minlength=classes)
        # Within one of fraction * (points of the class), which is fractional for some.
        assert abs(counts - fraction * 1000 / classes).max() <= 1


def test_groups_of_five_are_stratified_to_within_one_group():
    rng = np.random.default_rng(3)
    labels = np.repeat(rng.integers(2, size=200), 5)
    task = make_task(
        name="g",
        class_names=["a", "b"],
        texts=[f"t{i}" for i in range(1000)],
        labels=labels,
        groups=[f"g{i // 5}" for i in range(1000)],
    )
    splits = make_splits(task)
    for name, fraction in zip(SPLIT_NAMES, (0.35, 0.35, 0.05, 0.25), strict=True):
        counts = np.bincount(labels[getattr(splits, name)], minlength=2)
        assert abs(counts - fraction * np.bincount(labels)).max() <= 5


def test_the_seed_decides_the_splits():
    task = words(200)
    first, again, other = make_splits(task, seed=1), make_splits(task, seed=1), make_splits(task, seed=2)
    for name in SPLIT_NAMES:
        np.testing.assert_array_equal(getattr(first, name), getattr(again, name))
    assert set(first.test.tolist()) != set(other.test.tolist())
    assert first.sizes() == {"teacher": 70, "student": 70, "validation": 10, "test": 50}
    assert str(first) == "teacher 70, student 70, validation 10, test 50"


def test_every_point_may_come_into_every_split():
    # Deterministic dealing after a random order must not tie a point to a split.
    task = words(40)
    seen = {i: set() for i in range(40)}
    for seed in range(150):
        for i, name in split_of(
            task, make_splits(task, seed=seed, teacher=0.3, student=0.3, validation=0.2, test=0.2)
        ).items():
            seen[i].add(name)
    # A point misses a given split of a fifth in 150 draws with probability 0.8**150 = 3e-15.
    assert all(names == set(SPLIT_NAMES) for names in seen.values())


def test_copies_are_removed_and_counted_and_other_labels_said():
    texts = [f"word {i}" for i in range(100)] + ["WORD 0", "word  1", "word 3"]
    labels = [i % 2 for i in range(100)] + [0, 0, 1]
    splits = make_splits(make_task(name="t", class_names=["a", "b"], texts=texts, labels=labels))
    np.testing.assert_array_equal(splits.removed, [100, 101, 102])
    assert splits.notes[1] == (
        "Points removed because their content is that of an earlier point: 3, 1 of them with another label."
    )


def test_a_rare_class_reaches_every_split_when_it_has_one_point_for_each():
    labels = [0] * 50 + [1] * 50 + [2] * 4
    task = make_task(name="t", class_names=list("abc"), texts=[f"t{i}" for i in range(104)], labels=labels)
    splits = make_splits(task)
    assert all((task.labels[getattr(splits, name)] == 2).sum() == 1 for name in SPLIT_NAMES)


def test_too_few_points_of_a_class_are_an_error_that_names_it():
    labels = [0] * 50 + [1] * 50 + [2] * 3
    task = make_task(name="t", class_names=list("abc"), texts=[f"t{i}" for i in range(103)], labels=labels)
    with pytest.raises(
        DataError, match=r"no point of class 'c'.*the rarest class, 'c', has 3 points. Give more points"
    ):
        make_splits(task)


def test_one_group_cannot_be_split():
    with pytest.raises(DataError, match="1 families that must stay together"):
        make_splits(words(50, groups=["g"] * 50))


@pytest.mark.parametrize("fractions", [(0.5, 0.5, 0.0, 0.0), (0.4, 0.4, 0.4, -0.2), (0.3, 0.3, 0.3, 0.3)])
def test_fractions_must_be_positive_and_sum_to_1(fractions):
    with pytest.raises(ConfigError, match="expected four positive fractions that sum to 1"):
        make_splits(words(50), **dict(zip(SPLIT_NAMES, fractions, strict=True)))


def test_named_splits_are_honoured():
    assigned = [SPLIT_NAMES[i // 10] for i in range(40)]
    splits = make_splits(words(40, assigned=assigned), seed=5)
    for k, name in enumerate(SPLIT_NAMES):
        np.testing.assert_array_equal(getattr(splits, name), np.arange(10 * k, 10 * k + 10))
    assert splits.notes[-1] == "The file names the splits, and they are kept."


def test_train_is_cut_into_teacher_and_student_and_into_what_the_file_does_not_name():
    both = make_splits(words(120, assigned=["train"] * 100 + ["validation"] * 10 + ["test"] * 10))
    assert both.sizes() == {"teacher": 50, "student": 50, "validation": 10, "test": 10}
    np.testing.assert_array_equal(both.test, np.arange(110, 120))
    without_validation = make_splits(words(120, assigned=["train"] * 90 + ["test"] * 30))
    # .35 : .35 : .05 of 90 points is 42 : 42 : 6.
    assert without_validation.sizes() == {"teacher": 42, "student": 42, "validation": 6, "test": 30}


def test_a_split_that_the_file_leaves_empty_is_an_error():
    assigned = [("teacher", "student", "test")[i // 10] for i in range(30)]
    with pytest.raises(DataError, match="the split validation would be empty"):
        make_splits(words(30, assigned=assigned))


def test_a_text_in_train_and_test_is_removed_from_train():
    task = make_task(
        name="t",
        class_names=["a", "b"],
        texts=[f"w{i}" for i in range(60)] + ["W0", "w1 "],
        labels=[i % 2 for i in range(62)],
        assigned=["train"] * 50 + ["validation"] * 5 + ["test"] * 7,
    )
    splits = make_splits(task)
    np.testing.assert_array_equal(splits.removed, [0, 1])
    assert {60, 61} <= set(splits.test.tolist())
    assert splits.notes[1] == "Points removed because the file has their text in another split too: 2."


def test_a_group_in_two_named_splits_is_refused():
    assigned = [SPLIT_NAMES[i // 10] for i in range(40)]
    groups = [f"g{i}" for i in range(39)] + ["g0"]
    with pytest.raises(DataError, match=r"'0' in teacher and '39' in test. Put each group in one split"):
        make_splits(words(40, assigned=assigned, groups=groups))


def test_pairs_that_share_a_text_stay_together_and_swapped_pairs_are_copies():
    pairs = [(f"a{i}", f"b{i}") for i in range(80)] + [("A5", "other"), ("b7", "a7"), ("b8", "a8")]
    labels = [i % 2 for i in range(80)] + [0, 0, 0]
    task = make_task(kind="preference", name="p", class_names=["a", "b"], pairs=pairs, labels=labels)
    splits = make_splits(task)
    np.testing.assert_array_equal(splits.removed, [81, 82])
    # Pair 7 prefers slot b, "b7"; its copy prefers slot a, "b7" again. Pair 8 prefers "a8", its copy "b8".
    assert splits.notes[1].endswith("2, 1 of them with another label.")
    where = split_of(task, splits)
    assert where[5] == where[80]


def test_rows_of_features_that_are_equal_are_copies():
    features = np.arange(60.0).reshape(60, 1)
    task = make_task(
        name="f", class_names=["a", "b"], features=np.vstack([features, features[:2]]), labels=np.arange(62) % 2
    )
    np.testing.assert_array_equal(make_splits(task).removed, [60, 61])


def test_a_soft_target_need_not_make_every_class_the_most_probable():
    target = np.tile([[0.6, 0.3, 0.1], [0.3, 0.6, 0.1]], (40, 1))
    task = make_task(
        name="s",
        class_names=list("abc"),
        texts=[f"t{i}" for i in range(80)],
        labels=target.argmax(1),
        target=target,
    )
    assert sum(make_splits(task).sizes().values()) == 80
