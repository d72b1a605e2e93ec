"""What a task is: points with labels, as one frozen value.

A point is a text, a pair of texts, or a row of precomputed features. Everything downstream (splits, encoders, heads,
reports) reads a `Task` and nothing else about the data. A preference pair is a 2-class point: class 0 says that the
text in slot a is preferred, class 1 that the one in slot b is, so that logits `(reward_a, reward_b)` are Bradley-Terry.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, Literal

import numpy as np
from jaxtyping import Bool, Float, Float32, Float64, Int, Int64

from outlearn.data.label_table import UNLABELED, LabelTable
from outlearn.data.number_table import NumberTable
from outlearn.data.task_kinds import TASK_KINDS, TaskKind
from outlearn.errors import DataError, suggest

__all__ = ["PAIR_NAMES", "PREFERENCE_CLASSES", "SPLIT_NAMES", "Kind", "Task", "make_task"]

Kind = Literal["classification", "preference", "regression"]
SPLIT_NAMES = ("teacher", "student", "validation", "test")
# A file may leave the cut between teacher and student to us: `train` points are divided by the fractions.
ASSIGNABLE = (*SPLIT_NAMES, "train")
PREFERENCE_CLASSES = ("a", "b")
# What labelers call them: whoever labels a pair knows the file's texts and not our slots.
PAIR_NAMES = ("chosen", "rejected")
# Probabilities read from a file carry its rounding: as for Predictions.from_probs.
SUM_TOLERANCE = 1e-6
# Other programs save two or three decimals: distributions this near to a sum of 1 are scaled to it, and a note says so.
ROUNDED = 0.01
# The parts of a task that have one entry a point, or are None.
PER_POINT = (
    "ids", "texts", "pairs", "features", "labels", "target", "groups", "assigned", "first_slot", "numbers", "ratings",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Task:
    """Hold the points of a task. Build it with `make_task`, which checks it.

    Attributes:
        name: what tables call it.
        kind: a key of `TASK_KINDS`: "classification", "preference" or "regression".
        class_names: name of each class, in label order; of regression, of each stratum.
        ids: one name a point, all different. Weak labels from elsewhere are joined on them.
        texts: one text a point, or None.
        pairs: (text in slot a, text in slot b) a point, or None. The slots are already swapped at random.
        features: float32 `[points, features]`, precomputed, or None.
        labels: int64 `[points]`; -1 marks a point without a label, of which students alone may learn. Of regression
            the stratum of its number: splits and draws keep strata in proportion, as they keep classes.
        target: float64 `[points, classes]`, rows sum to 1: a soft target, such as the share of raters; or None. Of a
            point without a label it is nan.
        groups: points of one group must stay in one split; None if every point is its own group.
        assigned: the split that the file names for each point (teacher, student, validation, test, or train: teacher
            and student, cut by the fractions); None if the file names none.
        first_slot: int64 `[points]`, preference only: the slot (0 for a, 1 for b) that holds the file's first text
            (`chosen`). Weak labels that speak of chosen and rejected are turned with it.
        numbers: float64 `[points]`, regression only: the target, nan where it is not known.
        ratings: float64 `[points, raters]`, regression only: what each rater said, whose mean the target is; nan at a
            gap; or None.
        weak_labels: what labelers said of these points, if the file holds that too; or None.
        source: where the data came from.
        licence: its licence, or "" if unknown.
        notes: what loading did that a reader should know, in sentences.
    """

    name: str
    kind: Kind
    class_names: tuple[str, ...]
    ids: tuple[str, ...]
    texts: tuple[str, ...] | None
    pairs: tuple[tuple[str, str], ...] | None
    features: Float32[np.ndarray, "points features"] | None
    labels: Int64[np.ndarray, " points"]
    target: Float[np.ndarray, "points classes"] | None = None
    groups: tuple[str, ...] | None = None
    assigned: tuple[str, ...] | None = None
    first_slot: Int64[np.ndarray, " points"] | None = None
    numbers: Float64[np.ndarray, " points"] | None = None
    ratings: Float64[np.ndarray, "points raters"] | None = None
    weak_labels: LabelTable | NumberTable | None = None
    source: str = ""
    licence: str = ""
    notes: tuple[str, ...] = ()

    @property
    def facts(self) -> TaskKind:
        """What follows from the kind."""
        return TASK_KINDS[self.kind]

    @property
    def n_outputs(self) -> int:
        """Count what a model gives for a point: a logit a class, or one number."""
        return 1 if self.facts.numeric else self.n_classes

    def true_targets(self, points: Int[np.ndarray, " chosen"]) -> Float[np.ndarray, "chosen outputs"]:
        """Return what is learned from the true labels of these points, which have one: one-hot classes, or numbers."""
        if self.numbers is not None:
            return self.numbers[points][:, None]
        return np.asarray(np.eye(self.n_classes)[self.labels[points]])

    @property
    def n_points(self) -> int:
        """Count the points."""
        return len(self.ids)

    @property
    def n_classes(self) -> int:
        """Count the classes."""
        return len(self.class_names)

    @cached_property
    def labeled(self) -> Bool[np.ndarray, " points"]:
        """Mark the points that have a true label."""
        return np.asarray(self.labels != UNLABELED)

    def groups_of(self, points: Int[np.ndarray, " chosen"]) -> list[str] | None:
        """List the groups of these points; None where each point stands alone."""
        return None if self.groups is None else [self.groups[i] for i in points.tolist()]

    @cached_property
    def fingerprint(self) -> str:
        """Name the content: sha256 of the points, labels and groups. Weak labels, name, source and licence do not."""
        digest = hashlib.sha256()
        words = [self.kind, self.class_names, self.ids, self.texts, self.pairs, self.groups, self.assigned]
        digest.update(json.dumps(words, ensure_ascii=True, separators=(",", ":")).encode())
        of_kind = () if self.numbers is None else (self.numbers, self.ratings)
        for array in (self.features, self.labels, self.target, self.first_slot, *of_kind):
            if array is None:
                digest.update(b"|none")
                continue
            digest.update(f"|{array.dtype.str}{array.shape}".encode())
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()

    def select(self, points: Int[np.ndarray, " chosen"], *, note: str | None = None) -> Task:
        """Keep these points, in this order.

        Args:
            points: indices `[chosen]`.
            note: a sentence to add to `notes`.

        Returns:
            A checked Task; the classes stay as they are, so a class may have lost all its points.
        """
        rows = np.asarray(points, dtype=np.int64)
        parts: dict[str, Any] = {each.name: getattr(self, each.name) for each in fields(self)}
        for name in PER_POINT:
            value = parts[name]
            if value is not None:
                parts[name] = value[rows] if isinstance(value, np.ndarray) else [value[i] for i in rows.tolist()]
        if self.weak_labels is not None:
            parts["weak_labels"] = self.weak_labels.select([self.ids[i] for i in rows.tolist()])
        return make_task(**{**parts, "notes": (*self.notes, *([note] if note else []))})


def make_task(
    *,
    name: str,
    class_names: Sequence[str],
    labels: Int[np.ndarray, " points"] | Sequence[int],
    kind: Kind = "classification",
    ids: Sequence[str] | None = None,
    texts: Sequence[str] | None = None,
    pairs: Sequence[tuple[str, str]] | None = None,
    features: Float[np.ndarray, "points features"] | None = None,
    target: Float[np.ndarray, "points classes"] | None = None,
    groups: Sequence[str] | None = None,
    assigned: Sequence[str] | None = None,
    first_slot: Int[np.ndarray, " points"] | None = None,
    numbers: Float[np.ndarray, " points"] | None = None,
    ratings: Float[np.ndarray, "points raters"] | None = None,
    weak_labels: LabelTable | NumberTable | None = None,
    source: str = "",
    licence: str = "",
    notes: Sequence[str] = (),
) -> Task:
    """Check the parts of a task and freeze them.

    Args:
        name, class_names, ...: as in `Task`. `ids` default to the row numbers, counted from 0.

    Returns:
        The Task; its arrays cannot be written to.

    Raises:
        DataError: names every problem found, one a line: what was expected, what came, what to do.

    Examples:
        >>> task = make_task(name="toy", class_names=["no", "yes"], texts=["bad", "good"], labels=[0, 1])
        >>> task.ids, task.n_classes, task.fingerprint[:8]
        (('0', '1'), 2, 'aab1e067')
    """
    given = np.asarray(labels)
    if given.dtype.kind not in "iub":
        raise DataError(f"task {name!r}: labels are {given.dtype}, expected whole numbers: each point's class.")
    label_array = _frozen(given, np.int64)
    task = Task(
        name=name,
        kind=kind,
        class_names=tuple(class_names),
        ids=tuple(str(i) for i in range(len(label_array))) if ids is None else tuple(ids),
        texts=None if texts is None else tuple(texts),
        pairs=None if pairs is None else tuple((a, b) for a, b in pairs),
        features=None if features is None else _frozen(features, np.float32),
        labels=label_array,
        target=None if target is None else _frozen(target, np.float64),
        groups=None if groups is None else tuple(groups),
        assigned=None if assigned is None else tuple(assigned),
        first_slot=None if first_slot is None else _frozen(first_slot, np.int64),
        numbers=None if numbers is None else _frozen(numbers, np.float64),
        ratings=None if ratings is None else _frozen(ratings, np.float64),
        weak_labels=weak_labels,
        source=source,
        licence=licence,
        notes=tuple(notes),
    )
    problems = [*_shape_problems(task)] or [*_value_problems(task)]
    if problems:
        raise DataError("\n".join(f"task {name!r}: {problem}" for problem in problems))
    return task


def _frozen(array: np.ndarray, dtype: type) -> np.ndarray:
    """Copy to `dtype` and forbid writing, so that a cached fingerprint stays true."""
    with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite, and is then refused by name
        copy: np.ndarray = np.array(array, dtype=dtype, order="C")
    copy.flags.writeable = False
    return copy


def _shape_problems(task: Task) -> list[str]:
    """List the parts that are missing or have another length than the labels."""
    problems = []
    n_points, n_classes = len(task.labels), len(task.class_names)
    if task.labels.ndim != 1 or n_points == 0:
        return [f"expected one label a point, got labels of shape {task.labels.shape}. Give at least one point."]
    if task.kind not in TASK_KINDS:
        problems.append(f"kind is {task.kind!r}; {suggest(task.kind, TASK_KINDS)}")
        return problems
    if (task.numbers is not None) != task.facts.numeric:
        problems.append("numbers make a regression task, and nothing else does: give both or neither.")
    for part in PER_POINT:
        value = getattr(task, part)
        if value is not None and len(value) != n_points:
            problems.append(f"{n_points} labels but {len(value)} {part}. Give one a point.")
    weak = task.weak_labels
    if isinstance(weak, NumberTable) != task.facts.numeric and weak is not None:
        problems.append("weak labels are numbers, or the true ones are: labelers and truth must be of one kind.")
    elif weak is not None and (
        weak.ids != task.ids or (isinstance(weak, LabelTable) and weak.class_names != task.class_names)
    ):
        problems.append("weak labels are of other points or classes. Give a label table of these, in this order.")
    if task.features is not None and task.features.ndim != 2:
        problems.append(f"features have shape {task.features.shape}; expected [points, features].")
    if task.target is not None and (task.target.ndim != 2 or task.target.shape[1] != n_classes):
        problems.append(f"target has shape {task.target.shape}; expected [{n_points} points, {n_classes} classes].")
    if task.kind == "preference" and (task.pairs is None or n_classes != 2):
        problems.append("a preference task needs pairs of texts and two classes (slot a, slot b).")
    if task.kind != "preference" and task.pairs is not None:
        problems.append("pairs of texts make a preference task: give kind='preference', or texts.")
    if task.texts is None and task.pairs is None and task.features is None:
        problems.append("no texts, no pairs and no features: there is nothing to learn from.")
    return problems


def _value_problems(task: Task) -> list[str]:
    """List the values that no task may have."""
    problems = []
    n_labeled, n_classes = int(task.labeled.sum()), task.n_classes
    if n_classes < 2:
        problems.append(f"expected two classes or more, got {list(task.class_names)}: one class cannot be learned.")
    if len(set(task.class_names)) < n_classes:
        problems.append(f"class names repeat: {list(task.class_names)}. Give each class its own name.")
    if not n_labeled:
        problems.append(
            "no point has a true label, and so there is nothing to test on. Label some 100 points drawn at random."
        )
    elif n_classes > n_labeled:
        points = "points" if n_labeled == task.n_points else "points with a label"
        problems.append(f"{n_classes} classes but only {n_labeled} {points}. Is the label column the right one?")
    lowest = 0 if task.kind == "preference" else UNLABELED
    outside = np.flatnonzero((task.labels < lowest) | (task.labels >= n_classes))
    if len(outside):
        i = int(outside[0])
        problems.append(
            f"label {task.labels[i]} of point {task.ids[i]!r} is out of range (and {len(outside) - 1} more): "
            f"labels are 0 to {n_classes - 1}{', or -1 for none' if lowest else ''}. Relabel or drop these points."
        )
    twice = [key for key, count in Counter(task.ids).items() if count > 1]
    if twice:
        problems.append(f"ids occur more than once ({len(twice)}), first {twice[0]!r}. Make them different.")
    texts_of = {"text": task.texts or ()}
    if task.pairs is not None:
        texts_of = {"slot a": tuple(a for a, _ in task.pairs), "slot b": tuple(b for _, b in task.pairs)}
    for part, texts in texts_of.items():
        empty = [i for i, text in enumerate(texts) if not text.strip()]
        if empty:
            problems.append(
                f"{part} of point {task.ids[empty[0]]!r} is empty (and {len(empty) - 1} more). Drop or fill them."
            )
    if task.features is not None and not np.isfinite(task.features).all():
        i, j = np.argwhere(~np.isfinite(task.features))[0]
        count = int((~np.isfinite(task.features)).sum())
        problems.append(
            f"features hold {count} values that are not finite, first {task.features[i, j]} at point {task.ids[i]!r}, "
            f"column {j}. Impute or drop them."
        )
    if task.target is not None:
        problems += _target_problems(task, task.target)
    if task.numbers is not None and not np.isfinite(task.numbers[task.labeled]).all():
        i = int(np.flatnonzero(task.labeled & ~np.isfinite(task.numbers))[0])
        problems.append(
            f"the number of point {task.ids[i]!r} is {task.numbers[i]}; expected a finite one, or no label."
        )
    unknown = sorted(set(task.assigned or ()) - set(ASSIGNABLE))
    if unknown:
        problems.append(f"split is {unknown[0]!r}; known: {', '.join(ASSIGNABLE)}.")
    return problems


def _target_problems(task: Task, target: Float[np.ndarray, "points classes"]) -> list[str]:
    """List the rows of a soft target that are no distribution, or that a point without a label has."""
    good = np.isfinite(target).all(1) & (target >= 0).all(1) & (abs(target.sum(1) - 1) < SUM_TOLERANCE)
    bad = np.flatnonzero(~np.where(task.labeled, good, np.isnan(target).all(1)))
    if not len(bad):
        return []
    i = int(bad[0])
    expected = "its numbers must be at least 0 and sum to 1" if task.labeled[i] else "without a label it must be nan"
    found = f"target of point {task.ids[i]!r} is {target[i].tolist()}, which is no distribution"
    return [f"{found} (and {len(bad) - 1} more): {expected}."]
