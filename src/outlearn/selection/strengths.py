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

from outlearn.learners.convex_grid import ConvexGrid
from outlearn.selection.folds import LabelSet

__all__ = ["MANY_CLASSES", "HeldOutScores", "head_on_all", "walk"]

# Heads cost as many logits as there are classes: above so many, folds are left out as rows, not as weights of 0.
MANY_CLASSES = 20
# Numbers of the examples, for each logit, up to which steps cost more by their operations than by their products.
SMALL = 2**17
# Numbers of the heads of small sets that are fitted together: their steps and gradients stay in the cache.
TOGETHER = 2**16
TOGETHER_ROWS = 2**23  # numbers of their examples, which are copied
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
        z = _largest_0(logits)
        of_label = z[np.arange(len(right)), self._labels] - np.log(np.exp(z).sum(axis=-1))
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
        z, spread = _largest_0(self.of_best.astype(np.float64)), 1 / (self._counts.sum() + 1)
        wanted = (1 - spread) * z[np.arange(len(z)), self._labels] + spread * z.mean(axis=-1)

        def cost(log_a: float) -> float:
            a = np.exp(log_a)
            return float(self._counts @ (np.log(np.exp(a * z).sum(axis=-1)) - a * wanted))

        return float(np.exp(minimize_scalar(cost, bounds=(-LARGEST, LARGEST), method="bounded").x))

    def is_beaten(self, member: int, by: int) -> bool:
        """Say whether a member is right on significantly fewer labels than another (McNemar's test)."""
        lost = (self._right[by].astype(float) - self._right[member]) * self._counts
        return bool(lost.sum() > SIGNIFICANT * np.sqrt((lost**2).sum()))


def _largest_0(logits: Float[np.ndarray, "held_out classes"]) -> Float[np.ndarray, "held_out classes"]:
    """Shift the logits of each label, so that no exponential overflows: a tenth of what SciPy's logsumexp takes."""
    return logits - logits.max(axis=-1, keepdims=True)


def walk(
    convex: ConvexGrid, sets: Sequence[LabelSet], scores: Sequence[HeldOutScores]
) -> list[Float[np.ndarray, "inputs logits"] | None]:
    """Score the strengths from the smallest C on, members 0, 1, ... of the scores, as far as one may win.

    Sets have as many labels and as many folds each (`same_shape`). Returns for each the head of the best strength on
    the whole set, or None with many classes: `head_on_all` fits it.
    """
    if convex.data.n_outputs > MANY_CLASSES:
        return [_walk(convex, _EachAlone(convex, own), [of])[0] for own, of in zip(sets, scores, strict=True)]
    numbers = convex.numbers(len(sets[0].rows))
    of_heads = numbers // len(sets[0].rows) * (len(sets[0].held_out) + 1) * len(_at_once(convex, sets[0])[0])
    together = max(1, min(TOGETHER // of_heads, TOGETHER_ROWS // numbers))
    heads = []
    for first in range(0, len(sets), together):
        part = slice(first, first + together)
        heads += _walk(convex, _OneBatch(convex, sets[part]), scores[part])
    return heads


def _at_once(convex: ConvexGrid, labeled: LabelSet) -> list[list[int]]:
    """List the members, from the smallest C on, in the groups that are fitted together."""
    order = np.argsort(convex.strengths).tolist()
    few = convex.data.n_outputs <= MANY_CLASSES and convex.numbers(len(labeled.rows)) <= SMALL
    return [order] if few else [[member] for member in order]


def _walk(
    convex: ConvexGrid, folds: _Folds, scores: Sequence[HeldOutScores]
) -> list[Float[np.ndarray, "inputs logits"] | None]:
    """Walk sets side by side; one whose weaker ridges cannot win leaves."""
    heads: list[Float[np.ndarray, "inputs logits"] | None] = [None] * len(scores)
    walking, walked = list(range(len(scores))), []
    for members in folds.members:
        folds.at([convex.strengths[m] for m in members])
        walked += members
        going = []
        for place, s in enumerate(walking):
            of = scores[s]
            for member, logits in zip(members, folds.held_out(place), strict=True):
                of.add(member, logits)
            best = of.best(walked)
            if best in members:
                heads[s] = folds.whole(place, members.index(best))
            elif of.is_beaten(walked[-1], best) and of.log_loss[walked[-1]] > of.log_loss[walked[-2]]:
                continue
            going.append(place)
        folds.keep(going)
        walking = [walking[place] for place in going]
        if not walking:
            break
    return heads


class _Folds(Protocol):
    """Heads without each fold, of one or more sets, at some strengths after others.

    Attributes:
        members: of the grid, from the smallest C on, in the groups that are fitted together.
    """

    members: list[list[int]]

    def at(self, strengths: Sequence[float]) -> None:
        """Go on to these C."""

    def keep(self, sets: Sequence[int]) -> None:
        """Go on with these sets."""

    def held_out(self, s: int) -> Float[np.ndarray, "strengths held_out classes"]:
        """Predict the labels that each fold of a set holds out, fold after fold."""

    def whole(self, s: int, index: int) -> Float[np.ndarray, "inputs logits"] | None:
        """Return the head of one of these strengths on a whole set, if there is one."""


class _OneBatch:
    """Folds as weights of 0, and the whole set beside them: with few classes it costs next to nothing."""

    def __init__(self, convex: ConvexGrid, sets: Sequence[LabelSet]) -> None:
        kept = [np.concatenate([~own.held_out, np.ones((1, len(own.rows)), dtype=bool)]) for own in sets]
        weights = [own.weights * each for own, each in zip(sets, kept, strict=True)]
        self._path = convex.path(np.stack([own.rows for own in sets]), np.stack(weights))
        self._out = [np.nonzero(own.held_out) for own in sets]
        self.members = _at_once(convex, sets[0])

    def at(self, strengths: Sequence[float]) -> None:
        self._logits = self._path.at(*strengths).logits()

    def keep(self, sets: Sequence[int]) -> None:
        if 0 < len(sets) < len(self._out):
            self._path, self._out = self._path.of_sets(sets), [self._out[s] for s in sets]

    def held_out(self, s: int) -> Float[np.ndarray, "strengths held_out classes"]:
        fold, row = self._out[s]
        return self._logits[s][fold, :, row].swapaxes(0, 1)

    def whole(self, s: int, index: int) -> Float[np.ndarray, "inputs logits"]:
        return self._path.head(s, -1, index)


class _EachAlone:
    """Folds of one set of many classes as rows that are not there."""

    def __init__(self, convex: ConvexGrid, labeled: LabelSet) -> None:
        self.members = _at_once(convex, labeled)
        self._convex, self._rows = convex, [labeled.rows[out] for out in labeled.held_out]
        self._paths = [
            convex.path(labeled.rows[None, ~out], labeled.weights[None, None, ~out]) for out in labeled.held_out
        ]

    def at(self, strengths: Sequence[float]) -> None:
        # Many classes are all told apart before a head is near the minimum of the weakest ridge: on its way from a
        # stronger one it meets the tolerance where it predicts new texts less well than from 0 (docs/performance.md).
        weakest = max(strengths) == max(self._convex.strengths)
        for path in self._paths:
            path.at(*strengths, from_0=weakest)

    def keep(self, sets: Sequence[int]) -> None:
        pass

    def held_out(self, s: int) -> Float[np.ndarray, "strengths held_out classes"]:
        heads = [path.parameters()[0, 0] for path in self._paths]
        out = [self._convex.predict(head, rows) for head, rows in zip(heads, self._rows, strict=True)]
        return np.concatenate(out, axis=1)

    def whole(self, s: int, index: int) -> None:
        return None


def head_on_all(convex: ConvexGrid, labeled: LabelSet, strength: float) -> Float[np.ndarray, "inputs logits"]:
    """Fit a strength on the whole set: the weakest ridge from 0, as its folds are, others by way of the stronger."""
    path = convex.path(labeled.rows[None], labeled.weights[None, None])
    if strength == max(convex.strengths):
        return path.at(strength).parameters()[0, 0, 0]
    for stronger in sorted(each for each in convex.strengths if each < strength):
        path.at(stronger)
    return path.at(strength).parameters()[0, 0, 0]
