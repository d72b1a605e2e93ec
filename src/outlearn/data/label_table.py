"""What labelers say of points, as one checked value: whoever labels, whatever the file, wherever it is used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float64, Int64

from outlearn.core.labelers.strata import DrawnStrata

__all__ = ["UNLABELED", "LabelTable"]

# The label of a point that has none, as in scikit-learn's semi-supervised methods.
UNLABELED = -1


@dataclass(frozen=True, eq=False)
class LabelTable:
    """Hold the labels that one or several labelers give to points; a gap stays a gap.

    Attributes:
        names: of the labelers.
        labels: int64 `[labelers, points]`: the class, of a distribution the most probable one, the first if several
            are; -1 where the labeler says nothing.
        class_names: in label order.
        ids: of the points, as text.
        probs: float64 `[labelers, points, classes]`, rows sum to 1, nan where the labeler says nothing; None if all
            labels are votes.
        texts: of the points, or None.
        true_labels: int64 `[points]`, -1 where it is not known; None if none is.
        segments: of the points, the values of a column by which rates are told apart; or None.
        true_probs: float64 `[points, classes]`, nan where it is not known: true labels that are distributions; or None.
        true_strata: how the points of known truth were drawn, if by strata; None: at random from all.
        has_ids: whether the ids were given; else they are numbers.
        source: where the labels came from.
        notes: what reading did that a reader should know, in sentences.
    """

    names: tuple[str, ...]
    labels: Int64[np.ndarray, "labelers points"]
    class_names: tuple[str, ...]
    ids: tuple[str, ...]
    probs: Float64[np.ndarray, "labelers points classes"] | None = None
    texts: tuple[str, ...] | None = None
    true_labels: Int64[np.ndarray, " points"] | None = None
    true_probs: Float64[np.ndarray, "points classes"] | None = None
    segments: tuple[str, ...] | None = None
    true_strata: DrawnStrata | None = None
    has_ids: bool = True
    source: str = "labels"
    notes: tuple[str, ...] = ()

    @property
    def n_classes(self) -> int:
        """Count the classes."""
        return len(self.class_names)

    @property
    def n_points(self) -> int:
        """Count the points."""
        return len(self.ids)

    @property
    def answered(self) -> Bool[np.ndarray, "labelers points"]:
        """Mark where a labeler says something."""
        return np.asarray(self.labels != UNLABELED)

    def select(self, ids: Sequence[str], *, absent_are_gaps: bool = False) -> LabelTable:
        """Keep these points, in this order; a point that is not there is an error, or of weak labels a gap."""
        row_of = {name: row for row, name in enumerate(self.ids)}
        if absent_are_gaps and not row_of.keys() >= set(ids):
            return self._with_gaps(ids, row_of)
        rows = [row_of[name] for name in ids]
        return replace(
            self,
            ids=tuple(ids),
            labels=self.labels[:, rows],
            probs=None if self.probs is None else self.probs[:, rows],
            texts=None if self.texts is None else tuple(self.texts[row] for row in rows),
            true_labels=None if self.true_labels is None else self.true_labels[rows],
            true_probs=None if self.true_probs is None else self.true_probs[rows],
            segments=None if self.segments is None else tuple(self.segments[row] for row in rows),
        )

    def _with_gaps(self, ids: Sequence[str], row_of: Mapping[str, int]) -> LabelTable:
        """Keep the labels of these points, where there are any."""
        rows = np.array([row_of.get(name, UNLABELED) for name in ids])
        there = rows != UNLABELED
        probs = None if self.probs is None else np.where(there[:, None], self.probs[:, rows], np.nan)
        return replace(
            self, ids=tuple(ids), labels=np.where(there, self.labels[:, rows], UNLABELED), probs=probs, texts=None,
            true_labels=None, true_probs=None, segments=None,
        )  # fmt: skip

    def with_classes_used(self) -> LabelTable:
        """Drop the classes that no label names, such as those that a dataset declares and does not use."""
        used = np.union1d(self.labels[self.answered], [] if self.true_labels is None else self.true_labels)
        used = used[used != UNLABELED].astype(np.int64)
        if len(used) == self.n_classes or len(used) < 2 or self.probs is not None or self.true_probs is not None:
            return self
        place = np.full(self.n_classes + 1, UNLABELED)  # the last one is of -1
        place[used] = np.arange(len(used))
        unused = [name for k, name in enumerate(self.class_names) if k not in set(used.tolist())]
        note = f"Classes that are declared and that no point has were left out: {', '.join(unused)}."
        return replace(
            self,
            labels=place[self.labels],
            true_labels=None if self.true_labels is None else place[self.true_labels],
            class_names=tuple(self.class_names[k] for k in used.tolist()),
            notes=(*self.notes, note),
        )

    def with_ties_as_gaps(self) -> LabelTable:
        """Leave out labels whose most probable classes are several: such a distribution is no vote for the first."""
        if self.probs is None:
            return self
        top = np.where(self.answered, np.nan_to_num(self.probs).max(axis=2), np.inf)
        ties = (self.probs == top[..., None]).sum(axis=2) > 1
        note = "Labels are distributions, of which the most probable class is taken"
        many = f"; {int(ties.sum()):,} have no single one and count as no label" if ties.any() else ""
        return replace(self, labels=np.where(ties, UNLABELED, self.labels), notes=(*self.notes, f"{note}{many}."))

    def with_classes_swapped(self, points: Bool[np.ndarray, " points"], class_names: Sequence[str]) -> LabelTable:
        """Swap the two classes at some points, and name the classes anew."""
        labels, probs = self.labels.copy(), None if self.probs is None else self.probs.copy()
        labels[:, points] = np.where(labels[:, points] == UNLABELED, UNLABELED, 1 - labels[:, points])
        if probs is not None:
            probs[:, points] = probs[:, points, ::-1]
        return replace(self, labels=labels, probs=probs, class_names=tuple(class_names))

    def with_last_as_truth(self) -> LabelTable:
        """Take the last labeler for the one that says the truth; what is a distribution there stays one."""
        probs = self.probs
        soft = probs is not None and (len(probs) == 1 or bool(((probs[-1] > 0) & (probs[-1] < 1)).any()))
        others = probs is not None and bool(((probs[:-1] > 0) & (probs[:-1] < 1)).any())
        return replace(
            self,
            names=self.names[:-1],
            labels=self.labels[:-1],
            probs=probs[:-1] if probs is not None and others else None,
            true_labels=self.labels[-1],
            true_probs=probs[-1] if probs is not None and soft else None,
        )

    @property
    def distributions(self) -> Float64[np.ndarray, "labelers points classes"]:
        """Give every label as a distribution, a vote as a single 1; nan where the labeler says nothing."""
        if self.probs is not None:
            return self.probs
        return np.where(self.answered[..., None], np.eye(self.n_classes)[self.labels], np.nan)
