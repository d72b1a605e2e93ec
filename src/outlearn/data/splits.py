"""Cut a task into teacher, student, validation and test, so that nothing leaks from one to another.

Points that share a text or a group stay together. Within that, every split gets each class in proportion, as far as the
groups allow. What the file assigns is honoured. Points without a label are for students alone.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from jaxtyping import Int64

from outlearn.data.stratified_assignment import STUDENT, assign_splits
from outlearn.data.task import SPLIT_NAMES, Task
from outlearn.data.wording import few, normalise
from outlearn.errors import ConfigError, DataError

__all__ = ["Splits", "make_splits"]

FRACTION_TOLERANCE = 1e-9
# Of two copies in splits that the file names, the one in the earlier of these is kept: a test stays as published.
KEPT_FIRST = ("test", "validation", "student", "teacher", "train")
ANY = "any"
TEACHER = SPLIT_NAMES.index("teacher")


@dataclass(frozen=True, eq=False)
class Splits:
    """Hold disjoint sets of points.

    Attributes:
        teacher, student, validation, test: int64 indices into the task's points, ascending.
        removed: int64 indices of the points left out: their content is that of a point kept, or they have no label and
            share a group with a point of another split than student.
        notes: what was done, in sentences.
    """

    teacher: Int64[np.ndarray, " teacher_points"]
    student: Int64[np.ndarray, " student_points"]
    validation: Int64[np.ndarray, " validation_points"]
    test: Int64[np.ndarray, " test_points"]
    removed: Int64[np.ndarray, " removed_points"]
    notes: tuple[str, ...] = ()

    def sizes(self) -> dict[str, int]:
        """Count the points of each split."""
        return {name: len(getattr(self, name)) for name in SPLIT_NAMES}

    def __str__(self) -> str:
        return ", ".join(f"{name} {size:,}" for name, size in self.sizes().items())


def make_splits(
    task: Task,
    *,
    teacher: float = 0.35,
    student: float = 0.35,
    validation: float = 0.05,
    test: float = 0.25,
    seed: int = 0,
    teachers_learn: bool = True,
) -> Splits:
    """Cut a task into four splits, disjoint by content and by group.

    1. Points whose content occurred before are removed, and counted in `notes`: texts are compared without regard to
       case, blanks and Unicode form. If the file assigns splits, the copy in test is kept rather than one in training.
    2. What is left falls into families: points that share a text or a group. A family goes to one split.
    3. Families are assigned, largest first, each to the split where it brings the class counts nearest to the
       fractions (the least increase of chi-squared). Before that, every split receives one small family of each class.
    4. Where the file assigns splits: teacher, student, validation and test are taken as they are; `train` is cut into
       teacher and student (and into validation or test, if the file names no point for them), by the fractions.
    5. Points without a label go to student. They count towards its fraction: it takes labeled points only where they
       are fewer than that, and those that this leaves go to the other splits by their fractions.
    6. Where no teacher learns here, since labels come from elsewhere, the points of teacher go to student, unless the
       file assigns splits: they would lie idle.

    Args:
        task: the points.
        teacher, student, validation, test: fractions, positive, summing to 1.
        seed: of the order in which families are assigned.
        teachers_learn: whether teachers are trained on true labels of the teacher split.

    Returns:
        The Splits; the same task, fractions and seed give the same ones.

    Raises:
        ConfigError: if the fractions are no fractions.
        DataError: if a split would be empty or lack a class, a group is assigned to two splits, or the file assigns a
            point without a label to teacher, validation or test.

    Examples:
        >>> from outlearn.data import make_task
        >>> words = [f"word {i}" for i in range(200)]
        >>> task = make_task(name="toy", class_names=["even", "odd"], texts=words, labels=[i % 2 for i in range(200)])
        >>> print(make_splits(task))
        teacher 70, student 70, validation 10, test 50
    """
    fractions = np.array([teacher, student, validation, test], dtype=np.float64)
    if not (fractions > 0).all() or abs(fractions.sum() - 1) > FRACTION_TOLERANCE:
        named = ", ".join(f"{name} {share}" for name, share in zip(SPLIT_NAMES, fractions.tolist(), strict=True))
        raise ConfigError(f"splits are {named}; expected four positive fractions that sum to 1.")
    together = _together(task)
    families, allowed, notes = together.families, together.allowed, list(together.notes)
    split_of = assign_splits(task, families, allowed, fractions, np.random.default_rng(seed))
    lost = ~task.labeled & (split_of >= 0) & (split_of != STUDENT)
    split_of[lost] = -1

    idle = not teachers_learn and task.assigned is None
    if idle:
        split_of[split_of == TEACHER] = STUDENT
        notes.append("No teacher is trained here, so that the points beside validation and test are all the students'.")
    indices = {name: np.flatnonzero(split_of == i) for i, name in enumerate(SPLIT_NAMES)}
    _check_classes(
        task, {name: points for name, points in indices.items() if not (idle and name == "teacher")}, families
    )
    splits = Splits(**indices, removed=np.flatnonzero(split_of < 0), notes=())
    if not task.labeled.all():
        notes.append(_unlabeled_note(task, splits, int(lost.sum())))
    if task.groups is not None:
        n_groups = len({task.groups[i] for family in families for i in family})
        notes.append(f"The points of each of the {n_groups:,} groups are in one split.")
    if task.assigned is not None:
        notes.append("The file names the splits, and they are kept.")
    return replace(splits, notes=(f"Splits: {splits}.", *notes))


@dataclass(frozen=True)
class _Together:
    """What no seed changes: the points that are kept, by families that go to one split, and the splits each may go to.

    Attributes:
        families: points that share a text or a group.
        allowed: of each family.
        notes: what was removed, in sentences.
    """

    families: list[list[int]]
    allowed: list[frozenset[int]]
    notes: tuple[str, ...]


@lru_cache(maxsize=1)  # a sweep cuts the same points by many seeds
def _together(task: Task) -> _Together:
    """Find the families of a task.

    Raises:
        DataError: see `make_splits`.
    """
    assigned = list(task.assigned) if task.assigned is not None else [ANY] * task.n_points
    _refuse_unlabeled(task, assigned)
    keys = _text_keys(task)
    kept, notes = _without_copies(task, keys, assigned)
    families = _families(task, keys, kept)
    return _Together(families, _allowed_splits(task, assigned, families), tuple(notes))


def _text_keys(task: Task) -> list[tuple[str, ...]]:
    """List the hashes of each point's texts (one, or the two of a pair), or of its row of features."""
    points = task.pairs if task.pairs is not None else [(text,) for text in task.texts or ()]
    if points:
        return [tuple(hashlib.sha256(normalise(text).encode()).hexdigest() for text in texts) for texts in points]
    return [(hashlib.sha256(row.tobytes()).hexdigest(),) for row in np.asarray(task.features)]


def _refuse_unlabeled(task: Task, assigned: list[str]) -> None:
    """Refuse a file that puts a point without a label where a label is needed."""
    needed = set(SPLIT_NAMES) - {"student"}
    wrong = [i for i in np.flatnonzero(~task.labeled).tolist() if assigned[i] in needed]
    if wrong:
        raise DataError(
            f"task {task.name!r}: point {task.ids[wrong[0]]!r} has no label, and the file puts it in "
            f"{assigned[wrong[0]]} (and {len(wrong) - 1:,} more such points). Without a label a point can only be in "
            "student or train: label it, or change its split."
        )


def _without_copies(task: Task, keys: list[tuple[str, ...]], assigned: list[str]) -> tuple[list[int], list[str]]:
    """Keep the first point of each content, and each text in one split only; say how many points were removed."""
    rank = {name: i for i, name in enumerate(KEPT_FIRST)}
    unlabeled = (~task.labeled).tolist()  # of two copies, the one with a label is kept
    order = sorted(range(task.n_points), key=lambda i: (unlabeled[i], rank.get(assigned[i], 0), i))
    contents = [tuple(sorted(key)) for key in keys]  # a pair is the same pair when its slots are swapped
    first: dict[tuple[str, ...], int] = {}
    home: dict[str, str] = {}
    kept, n_same, n_other_label, n_across = [], 0, 0, 0
    for i in order:
        across = any(home.get(key, assigned[i]) != assigned[i] for key in keys[i])
        if across:
            n_across += 1
        elif contents[i] in first:
            n_same += 1
            n_other_label += int(not _same_answer(task, keys, i, first[contents[i]]))
        else:
            kept.append(i)
            first[contents[i]] = i
            for key in keys[i]:
                home.setdefault(key, assigned[i])
    notes = []
    if n_same:
        other = f", {n_other_label:,} of them with another label" if n_other_label else ""
        notes.append(f"Points removed because their content is that of an earlier point: {n_same:,}{other}.")
    if n_across:
        notes.append(f"Points removed because the file has their text in another split too: {n_across:,}.")
    return sorted(kept), notes


def _same_answer(task: Task, keys: list[tuple[str, ...]], i: int, j: int) -> bool:
    """Say whether two points of the same content have the same label; for pairs, whether the same text is preferred."""
    if not task.labeled[[i, j]].all():
        return True
    swapped = keys[i] != keys[j]
    if task.numbers is not None:
        return bool(task.numbers[i] == task.numbers[j])
    return bool((task.labels[i] != task.labels[j]) == swapped)


def _families(task: Task, keys: list[tuple[str, ...]], kept: list[int]) -> list[list[int]]:
    """Join the points that share a text or a group, transitively."""
    parent = {i: i for i in kept}

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]  # halve the path
            i = parent[i]
        return i

    owner: dict[tuple[str, str], int] = {}
    for i in kept:
        names = [("text", key) for key in keys[i]]
        if task.groups is not None:
            names.append(("group", task.groups[i]))
        for name in names:
            parent[root(i)] = root(owner.setdefault(name, i))
    members: dict[int, list[int]] = defaultdict(list)
    for i in kept:
        members[root(i)].append(i)
    return list(members.values())


def _allowed_splits(task: Task, assigned: list[str], families: list[list[int]]) -> list[frozenset[int]]:
    """List the splits that each family may go to."""
    cut = {"teacher", "student"} | ({"validation", "test"} - set(assigned))
    choices = {name: frozenset([i]) for i, name in enumerate(SPLIT_NAMES)}
    choices["train"] = frozenset(i for i, name in enumerate(SPLIT_NAMES) if name in cut)
    choices[ANY] = frozenset(range(len(SPLIT_NAMES)))
    allowed = []
    for family in families:
        common = frozenset.intersection(*(choices[assigned[i]] for i in family))
        if not task.labeled[family].any():
            common &= {STUDENT}
        if not common:
            named = dict.fromkeys(assigned[i] for i in family)
            points = " and ".join(f"{task.ids[family[[assigned[i] for i in family].index(n)]]!r} in {n}" for n in named)
            raise DataError(
                f"task {task.name!r}: the file puts points that share a group in different splits, and so they leak: "
                f"{points}. Put each group in one split."
            )
        allowed.append(common)
    return allowed


def _unlabeled_note(task: Task, splits: Splits, n_lost: int) -> str:
    """Say where the points without a label went, and what that left to the labeled ones."""
    sizes = {name: int(task.labeled[getattr(splits, name)].sum()) for name in SPLIT_NAMES}
    labeled = ", ".join(f"{name} {size:,}" for name, size in sizes.items())
    lost = f"; {n_lost:,} are left out, because points of their group are in another split" if n_lost else ""
    return (
        f"The {len(splits.student) - sizes['student']:,} points without a label are in the student split and count "
        f"towards its fraction{lost}. Points with a label: {labeled}."
    )


def _check_classes(task: Task, indices: dict[str, np.ndarray], families: list[list[int]]) -> None:
    """Refuse a split that is empty, or lacks a class."""
    # A soft target need not make each class the most probable one somewhere; a hard label must.
    labels = task.labels[task.labeled]
    needed = np.unique(labels) if task.target is not None else np.arange(task.n_classes)
    problems = []
    for name, points in indices.items():
        missing = np.setdiff1d(needed, task.labels[points])
        if not len(points):
            problems.append(f"the split {name} would be empty")
        elif len(missing) and task.labeled[points].all():
            names = few([task.class_names[c] for c in missing])
            problems.append(
                f"the split {name} ({len(points):,} points) would have no point of {task.facts.part} {names}"
            )
    if problems:
        of_class = np.bincount(labels, minlength=task.n_classes)
        rarest = int(of_class.argmin())
        kind = "points" if len(labels) == task.n_points else "points with a label"
        raise DataError(
            f"task {task.name!r}: {'; '.join(problems)}. There are {len(labels):,} {kind} in {len(families):,} "
            f"families that must stay together, and the rarest {task.facts.part}, {task.class_names[rarest]!r}, has "
            f"{of_class[rarest]:,} points. Give more points of it, raise the split's fraction, or merge rare classes."
        )
