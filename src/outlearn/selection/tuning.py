"""Tune the strong model on true labels: what it can do with them at its best, chosen by cross-validation on them alone.

A yardstick that is not tuned flatters whatever is measured by it. What is chosen by accuracy says nothing of how sure
it should be: its logits are multiplied by the factor that suits held-out labels best, so that log loss does not flatter
the calibrated students that are compared with it (digits and words, own labels of each teacher: .58 nats before, .48
after; docs/guide.md). The grid holds convex heads over C and, where asked
for, minibatch heads over losses, lengths and weight decays, or the learner as it is configured. The folds are
stratified, keep groups together, and are drawn anew for each set of labels, so that several tunings of one set show
what the choice adds to the spread.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from outlearn.core.feature_matrix import FeatureMatrix
from outlearn.core.randomness import child_seed
from outlearn.learners.convex_grid import ConvexGrid
from outlearn.learners.head_randomness import steps_per_epoch
from outlearn.learners.jobs import HeadJob, HeadSettings
from outlearn.learners.learner import Learner
from outlearn.losses import get_loss
from outlearn.selection.candidates import MIN_STEPS, WEIGHT_DECAYS, HeadCandidate
from outlearn.selection.folds import FOLDS, LabelSet, alike, label_set, same_shape
from outlearn.selection.strengths import MANY_CLASSES, HeldOutScores, head_on_all, walk
from outlearn.selection.train import Learned, fit_candidates

__all__ = ["STRENGTHS", "Grid", "Tuned", "minibatch_candidates", "tune"]

FEWER_FOLDS = 3  # with many classes, and every second strength
# From almost the class shares alone, on standardised features, to almost no ridge, on those of a common scale; a factor
# of 5.6 apart.
STRENGTHS = tuple(float(10**e) for e in np.arange(-4.0, 2.1, 0.75))
# On one-hot labels hard_ce is forward_ce, reverse_ce and reverse_kl are bounded as mae is, and the others lie between.
LOSSES = ("forward_ce", "mae")
LENGTHS = (1, 4, 16)  # parts of the longest


@dataclass(frozen=True)
class Grid:
    """What is tried: logistic regression at each C, then minibatch heads, then the learner as it is configured.

    Attributes:
        strengths: C.
        standardise: whether logistic regression sees standardised features.
        candidates: minibatch heads; `base` holds what they do not decide.
        configured: the learner as it is, if it is to be tried.
        folds: of the cross-validation.
    """

    strengths: tuple[float, ...] = STRENGTHS
    standardise: bool = True
    candidates: tuple[HeadCandidate, ...] = ()
    base: HeadSettings | None = None
    configured: Learner | None = None
    folds: int = FOLDS

    @classmethod
    def of(cls, n_classes: int, *, standardise: bool) -> Grid:
        """Return the convex part for a number of classes.

        Examples:
            >>> [(len(grid.strengths), grid.folds) for grid in (Grid.of(k, standardise=True) for k in (2, 150))]
            [(9, 5), (5, 3)]
        """
        if n_classes > MANY_CLASSES:
            return cls(STRENGTHS[::2], standardise=standardise, folds=FEWER_FOLDS)
        return cls(standardise=standardise)

    @property
    def has_others(self) -> bool:
        """Say whether anything but convex heads is tried."""
        return bool(self.candidates) or self.configured is not None

    @property
    def names(self) -> tuple[str, ...]:
        """Name each member, in the order of `Tuned.accuracy`."""
        convex = (f"logistic regression, C {c:.2g}" for c in self.strengths)
        return (*convex, *map(str, self.candidates), *(["as configured"] if self.configured is not None else []))


@dataclass(frozen=True, eq=False)
class Tuned:
    """Hold the model that was chosen for each set of labels.

    Attributes:
        logits: name of some points -> float32 `[sets, points, classes]`.
        chosen: index into `Grid.names` for each set.
        accuracy: of held-out labels, `[sets, members of the grid]`; nan for strengths of which a stronger ridge showed
            that they cannot win, and for a set that cannot be cross-validated, where the one in the middle is taken.
    """

    logits: Mapping[str, Float[np.ndarray, "sets points classes"]]
    chosen: Int[np.ndarray, " sets"]
    accuracy: Float[np.ndarray, "sets members"]


def minibatch_candidates(n_examples: int, base: HeadSettings) -> tuple[HeadCandidate, ...]:
    """List minibatch heads for true labels: two losses, three lengths, two decays, as `auto` has them for weak ones.

    Examples:
        >>> len(minibatch_candidates(2560, HeadSettings(epochs=20)))
        12
    """
    longest = max(base.epochs, MIN_STEPS / steps_per_epoch(n_examples, base.batch_size))
    return tuple(
        HeadCandidate(get_loss(name), longest / part, decay)
        for decay in WEIGHT_DECAYS
        for part in LENGTHS
        for name in LOSSES
    )


def tune(
    features: FeatureMatrix,
    labels: Int[np.ndarray, " examples"],
    points: Mapping[str, FeatureMatrix],
    *,
    n_classes: int,
    sets: Sequence[Float[np.ndarray, " examples"]],
    grid: Grid,
    seeds: Sequence[int],
    groups: Sequence[str] | None = None,
    bias: bool = True,
    progress: Callable[[int, int], None] | None = None,
) -> Tuned:
    """Choose by cross-validation within each set of labels, train on the whole set, and predict the points.

    The member with the highest accuracy on held-out labels is chosen; of equals the one with the lower log loss. Its
    logits are multiplied by `HeldOutScores.factor`, which no prediction's class depends on.

    Args:
        features: of all examples; if they are standardised, then by their moments, whatever set an example is in.
        labels: true classes.
        points: named sets of features to predict.
        n_classes: of the task; a set need not show all.
        sets: weights of the examples, at least 0: a set has the examples of weight above 0.
        grid: what is tried.
        seeds: one for each set: of its folds, and of minibatch heads.
        groups: of the examples; a group is held out as a whole.
        bias: False for preferences.
        progress: called with (sets done, all sets).

    Raises:
        DataError: if a set has labels of one class only.

    Examples:
        >>> rng = np.random.default_rng(0)
        >>> y = rng.integers(0, 2, 60)
        >>> x = (rng.normal(size=(60, 3)) + 2 * y[:, None]).astype(np.float32)
        >>> found = tune(x, y, {"own": x}, n_classes=2, sets=[np.ones(60)], grid=Grid(), seeds=[0])
        >>> bool((found.logits["own"][0].argmax(-1) == y).mean() > 0.9)
        True
    """
    one_hot = np.eye(n_classes)[labels]
    convex = ConvexGrid.of(features, one_hot, points, strengths=grid.strengths, bias=bias, standardise=grid.standardise)
    logits = {name: np.empty((len(sets), x.shape[0], n_classes), dtype=np.float32) for name, x in points.items()}
    chosen, accuracy = np.empty(len(sets), dtype=np.int64), np.full((len(sets), len(grid.names)), np.nan)
    found = [
        label_set(s, weights, labels, groups, seed, grid.folds)
        for s, (weights, seed) in enumerate(zip(sets, seeds, strict=True))
    ]
    done = 0
    for members in alike(found, len(grid.names) * n_classes) if grid.has_others else same_shape(found):
        of_members = [found[s] for s in members]
        walked = _walked(of_members, labels, convex, len(grid.names))
        rows = of_members[0].rows  # those of all members, where other heads than convex ones are tried
        others = _Others(features[rows], one_hot[rows][None], grid, of_members[0].seed, bias)
        of_others = others.held_out(of_members)
        for s, of_ridge, of_set in zip(members, walked, of_others, strict=True):
            chosen[s], accuracy[s], predicted = _tune_one(found[s], of_ridge, convex, others, of_set, points)
            for name, of_points in predicted.items():
                logits[name][s] = of_points
            done += 1
            if progress is not None:
                progress(done, len(sets))
    return Tuned(logits, chosen, accuracy)


def _walked(
    sets: Sequence[LabelSet], labels: Int[np.ndarray, " examples"], convex: ConvexGrid, n_members: int
) -> list[_Walked | None]:
    """Walk the strengths of sets with as many labels and folds; None without folds."""
    if not len(sets[0].held_out):
        return [None] * len(sets)
    scores = []
    for own in sets:
        row = np.nonzero(own.held_out)[1]
        scores.append(HeldOutScores(n_members, labels[own.rows[row]], own.weights[row]))
    return [_Walked(of, head) for of, head in zip(scores, walk(convex, sets, scores), strict=True)]


class _Walked(NamedTuple):
    """The scores of the strengths of a ridge on one set, and the head of the best of them where there is one."""

    scores: HeldOutScores
    head: Float[np.ndarray, "inputs logits"] | None


def _tune_one(
    labeled: LabelSet,
    walked: _Walked | None,
    convex: ConvexGrid,
    others: _Others,
    of_others: Float[np.ndarray, "members held_out classes"],
    points: Mapping[str, FeatureMatrix],
) -> tuple[int, Float[np.ndarray, " all_members"] | float, dict[str, Float[np.ndarray, "points classes"]]]:
    """Choose for one set, and predict the points: the member, the accuracy of all on held-out labels, logits."""
    n_strengths = len(convex.strengths)
    if walked is None:
        best = n_strengths // 2
        head = head_on_all(convex, labeled, convex.strengths[best])
        return best, np.nan, {name: convex.predict(head, name) for name in points}
    scores = walked.scores
    for member, logits in enumerate(of_others, start=n_strengths):
        scores.add(member, logits)
    best = scores.best(np.flatnonzero(~np.isnan(scores.accuracy)).tolist())
    if best < n_strengths:
        head = head_on_all(convex, labeled, convex.strengths[best]) if walked.head is None else walked.head
        logits = {name: convex.predict(head, name) for name in points}
    else:
        own = replace(others, seed=labeled.seed)
        logits = own.fit(best - n_strengths, points, labeled.weights[None])
    factor = scores.factor()
    return best, scores.accuracy, {name: factor * each for name, each in logits.items()}


@dataclass(frozen=True, eq=False)
class _Others:
    """The members of a grid that are not convex heads at some C, on one set of labels, `[1, rows, classes]`."""

    features: FeatureMatrix
    targets: Float[np.ndarray, "1 rows classes"]
    grid: Grid
    seed: int
    bias: bool

    def held_out(self, sets: Sequence[LabelSet]) -> list[Float[np.ndarray, "members held_out classes"]]:
        """Predict held-out labels of sets of the same labels: all their folds are one batch; an array for each set."""
        held_out = np.concatenate([each.held_out for each in sets])
        nothing = np.empty((0, int(held_out.sum()), self.targets.shape[-1]), dtype=np.float32)
        trained = self._without_folds(sets[0].weights, held_out) if len(held_out) else ()
        ends = np.cumsum([each.held_out.sum() for each in sets])[:-1]
        return np.split(np.concatenate([nothing, *trained]), ends, axis=1)

    def _without_folds(
        self, weights: Float[np.ndarray, " rows"], held_out: Bool[np.ndarray, "folds rows"]
    ) -> Iterator[Float[np.ndarray, "members held_out classes"]]:
        """Train every member without each fold, and predict the rows of the fold: all others would be many numbers."""
        fold, row = np.nonzero(held_out)
        kept = weights * ~held_out
        if self.grid.candidates:
            n_folds = len(kept)
            targets = np.broadcast_to(self.targets[0], (n_folds, *self.targets.shape[1:]))
            fits = fit_candidates(
                Learned(self.features, targets, self._base, kept),
                {"own": self.features},
                self.grid.candidates,
                [(f, child_seed(self.seed, "fold", f)) for f in range(n_folds)],
            )
            of = {fit.candidate: fit.logits["own"][fold, row] for fit in fits}
            yield np.stack([of[candidate] for candidate in self.grid.candidates])
        if self.grid.configured is not None:
            yield self._configured(kept, {"own": self.features})["own"][None, fold, row]

    def fit(
        self, member: int, points: Mapping[str, FeatureMatrix], weights: Float[np.ndarray, "1 rows"]
    ) -> dict[str, Float[np.ndarray, "points classes"]]:
        """Train one member on the whole set."""
        if member == len(self.grid.candidates):
            return {name: logits[0] for name, logits in self._configured(weights, points).items()}
        learned = Learned(self.features, self.targets, self._base, weights)
        (fitted,) = fit_candidates(learned, points, [self.grid.candidates[member]], [(0, self.seed)])
        return {name: logits[0] for name, logits in fitted.logits.items()}

    @property
    def _base(self) -> HeadSettings:
        assert self.grid.base is not None  # a grid of candidates has one
        return self.grid.base

    def _configured(
        self, weights: Float[np.ndarray, "weightings rows"], points: Mapping[str, FeatureMatrix]
    ) -> dict[str, Float[np.ndarray, "weightings points classes"]]:
        assert self.grid.configured is not None
        jobs = [HeadJob(0, get_loss("forward_ce"), w, child_seed(self.seed, "fold", w)) for w in range(len(weights))]
        fitted = self.grid.configured.fit(self.features, self.targets, jobs, points, bias=self.bias, weights=weights)
        return {name: fitted.logits[name][-1] for name in points}
