"""Choose the strength of a ridge by held-out labels: from the strongest ridge on, until weaker ones cannot win.

Weak ridges take most of the steps, and where there are labels enough they do not win: once a strength is right on
significantly fewer held-out labels than the best before it, and its log loss rises, the weaker ones are left out. Of
656 sets of 25 to 1,600 labels of three tasks this rule would have changed no choice (docs/performance.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from jaxtyping import Float, Int
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, logsumexp

from outlearn.learners.convex_grid import ConvexGrid
from outlearn.selection.folds import LabelSet

__all__ = ["MANY_CLASSES", "HeldOutScores", "head_on_all", "walk"]

# Heads cost as many logits as there are classes: above so many, folds are left out as rows, not as weights of 0.
MANY_CLASSES = 20
# Numbers of the examples, for each logit, up to which steps cost more by their operations than by their products.
SMALL = 2**18
LARGEST = 4.0  # logarithm of a factor of logits, up or down
SIGNIFICANT = 2.0  # standard errors of the paired difference in accuracy


class HeldOutScores:
    """Hold how the members of a grid do on held-out labels, which count as often as they were drawn.

    Attributes:
        accuracy, log_loss: of each member; nan until it is there.
        of_best: what the best member says of the held-out labels, logits.
    """

    def __init__(self, n_members: int, labels: Int[np.ndarray, " held_out"], counts: Float[np.ndarray, " held_out"]):
        self.accuracy, self.log_loss = np.full(n_members, np.nan), np.full(n_members, np.nan)
        self._labels, self._counts = labels, counts
        self._right: dict[int, np.ndarray] = {}
        self.of_best: Float[np.ndarray, "held_out classes"] | None = None

    def add(self, member: int, logits: Float[np.ndarray, "held_out classes"]) -> None:
        """Score a member."""
        right, n = logits.argmax(axis=-1) == self._labels, self._counts.sum()
        self._right[member] = right
        self.accuracy[member] = (right * self._counts).sum() / n  # exact, so that equals are equal
        of_label = log_softmax(logits, axis=-1)[np.arange(len(right)), self._labels]
        self.log_loss[member] = -(of_label * self._counts).sum() / n
        if self.best(np.flatnonzero(~np.isnan(self.accuracy)).tolist()) == member:
            self.of_best = logits

    def best(self, among: Sequence[int]) -> int:
        """Return the member with the highest accuracy; of equals the one with the lower log loss."""
        return among[int(np.lexsort((self.log_loss[among], -self.accuracy[among]))[0])]

    def factor(self) -> float:
        """Find what the best member's logits are to be multiplied by: the inverse of its temperature.

            min over a   sum_i CE(t_i, softmax(a z_i)),    t_i = (1 - e) one_hot(y_i) + e / K,  e = 1 / (n + 1)

        A member is chosen by accuracy, which says nothing of how sure it should be. Of n labels that are all right the
        smoothed t keep a finite, as one label more would that is spread over the K classes.

        Source: Guo, Pleiss, Sun and Weinberger, On calibration of modern neural networks, 2017; smoothing as in Platt,
        Probabilistic outputs for support vector machines, 1999.
        """
        assert self.of_best is not None  # some member was added
        z, spread = self.of_best.astype(np.float64), 1 / (self._counts.sum() + 1)
        wanted = (1 - spread) * z[np.arange(len(z)), self._labels] + spread * z.mean(axis=-1)

        def cost(log_a: float) -> float:
            a = np.exp(log_a)
            return float(self._counts @ (logsumexp(a * z, axis=-1) - a * wanted))

        return float(np.exp(minimize_scalar(cost, bounds=(-LARGEST, LARGEST), method="bounded").x))

    def is_beaten(self, member: int, by: int) -> bool:
        """Say whether a member is right on significantly fewer labels than another (McNemar's test)."""
        lost = (self._right[by].astype(float) - self._right[member]) * self._counts
        return bool(lost.sum() > SIGNIFICANT * np.sqrt((lost**2).sum()))


def walk(convex: ConvexGrid, labeled: LabelSet, scores: HeldOutScores) -> Float[np.ndarray, "inputs logits"] | None:
    """Score the strengths from the smallest C on, members 0, 1, ... of the scores, as far as one may win.

    Returns the head of the best of them on the whole set, or None with many classes: `head_on_all` fits it.
    """
    # With few classes the whole set costs next to nothing beside its folds, and all are one batch. With many a head
    # costs by its classes and examples, and only the chosen strength is fitted on the whole set.
    with_whole = convex.data.n_outputs <= MANY_CLASSES
    folds: _Folds = _OneBatch(convex, labeled) if with_whole else _EachAlone(convex, labeled)
    order = np.argsort(convex.strengths).tolist()
    head = None
    for members in [order] if folds.small else [[member] for member in order]:
        for member, logits in zip(members, folds.held_out([convex.strengths[m] for m in members]), strict=True):
            scores.add(member, logits)
        walked = order[: order.index(members[-1]) + 1]
        best = scores.best(walked)
        if best in members:
            head = folds.whole(members.index(best))
        elif scores.is_beaten(walked[-1], best) and scores.log_loss[walked[-1]] > scores.log_loss[walked[-2]]:
            break
    return head


class _Folds(Protocol):
    """Heads without each fold, at some strengths after others."""

    @property
    def small(self) -> bool:
        """Whether all strengths at once, from 0, take less time than one after another."""

    def held_out(self, strengths: Sequence[float]) -> Float[np.ndarray, "strengths held_out classes"]:
        """Go on to these C, and predict the labels that each fold holds out, fold after fold."""

    def whole(self, index: int) -> Float[np.ndarray, "inputs logits"] | None:
        """Return the head of one of these strengths on the whole set, if there is one."""


class _OneBatch:
    """Folds as weights of 0, and the whole set beside them."""

    def __init__(self, convex: ConvexGrid, labeled: LabelSet) -> None:
        kept = np.concatenate([~labeled.held_out, np.ones((1, len(labeled.rows)), dtype=bool)])
        self._path, self._out = convex.path(labeled.rows, labeled.weights * kept), np.nonzero(labeled.held_out)

    @property
    def small(self) -> bool:
        return self._path.numbers <= SMALL

    def held_out(self, strengths: Sequence[float]) -> Float[np.ndarray, "strengths held_out classes"]:
        fold, row = self._out
        return self._path.at(*strengths).logits()[fold, :, row].swapaxes(0, 1)

    def whole(self, index: int) -> Float[np.ndarray, "inputs logits"]:
        return self._path.parameters()[-1, index]


class _EachAlone:
    """Folds as rows that are not there."""

    small = False

    def __init__(self, convex: ConvexGrid, labeled: LabelSet) -> None:
        self._convex, self._rows = convex, [labeled.rows[out] for out in labeled.held_out]
        self._paths = [convex.path(labeled.rows[~out], labeled.weights[None, ~out]) for out in labeled.held_out]

    def held_out(self, strengths: Sequence[float]) -> Float[np.ndarray, "strengths held_out classes"]:
        # Many classes are all told apart before a head is near the minimum of the weakest ridge: on its way from a
        # stronger one it meets the tolerance where it predicts new texts less well than from 0 (docs/performance.md).
        weakest = max(strengths) == max(self._convex.strengths)
        heads = [path.at(*strengths, from_0=weakest).parameters()[0] for path in self._paths]
        out = [self._convex.predict(head, rows) for head, rows in zip(heads, self._rows, strict=True)]
        return np.concatenate(out, axis=1)

    def whole(self, index: int) -> None:
        return None


def head_on_all(convex: ConvexGrid, labeled: LabelSet, strength: float) -> Float[np.ndarray, "inputs logits"]:
    """Fit a strength on the whole set: the weakest ridge from 0, as its folds are, others by way of the stronger."""
    path = convex.path(labeled.rows, labeled.weights[None])
    if strength == max(convex.strengths):
        return path.at(strength).parameters()[0, 0]
    for stronger in sorted(each for each in convex.strengths if each < strength):
        path.at(stronger)
    return path.at(strength).parameters()[0, 0]
