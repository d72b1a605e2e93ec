"""Choose the penalty of ridge heads by cross-validation on the labels that each learns from, groups held out whole.

Where the student's model is trained another way, it competes as it is configured. The same for true labels (ceilings,
controls, the curve) and, by other labelers' numbers, for students without any.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from outlearn.core.feature_matrix import FeatureMatrix
from outlearn.core.generators import get_generator
from outlearn.core.randomness import child_seed, generator
from outlearn.learners.generalised import fit_generalised
from outlearn.learners.jobs import HeadJob
from outlearn.learners.learner import Learner
from outlearn.learners.ridge_heads import PENALTIES, fit_ridge
from outlearn.losses.numbers import NumberLoss
from outlearn.selection.folds import FOLDS, held_out_folds, label_set

__all__ = [
    "LINKED_PENALTIES", "TUNED_PENALTIES", "TunedNumbers", "held_out_predictions", "tune_linked", "tune_numbers",
    "with_configured",
]  # fmt: skip

# On standardised features: from almost none to almost the mean alone, a factor of 3.2 apart.
TUNED_PENALTIES = tuple(float(10**e) for e in np.arange(-2.0, 6.1, 0.5))
LINKED_PENALTIES = tuple(sorted(PENALTIES, reverse=True))  # each is a fit of its own, begun at the one before


@dataclass(frozen=True, eq=False)
class TunedNumbers:
    """Hold the head that was chosen for each set of labels.

    Attributes:
        predicted: name of some points -> `[sets, points, 1]`.
        chosen: index into TUNED_PENALTIES for each set; behind them, the learner as it is configured.
        risk: mean squared error on held-out labels, `[sets, penalties]`, or as many and the configured learner.
    """

    predicted: Mapping[str, Float[np.ndarray, "sets points 1"]]
    chosen: Int[np.ndarray, " sets"]
    risk: Float[np.ndarray, "sets tried"]


def tune_numbers(
    features: FeatureMatrix,
    numbers: Float[np.ndarray, " examples"],
    strata: Int[np.ndarray, " examples"],
    points: Mapping[str, FeatureMatrix],
    *,
    sets: Float[np.ndarray, "sets examples"],
    seeds: Sequence[int],
    groups: Sequence[str] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> TunedNumbers:
    """Choose by cross-validation within each set of labels, fit the whole set, and predict the points.

    Args:
        features, numbers: of all examples.
        strata: of the numbers: each fold has its share of each.
        points: named sets of features to predict.
        sets: weights of the examples, at least 0: a set has the examples of weight above 0.
        seeds: one for each set, of its folds.
        groups: of the examples; a group is held out as a whole.
        progress: called with (sets done, all sets).

    Examples:
        >>> x = np.arange(40.0)[:, None]
        >>> found = tune_numbers(x, 2 * x[:, 0], np.arange(40) % 2, {"own": x}, sets=np.ones((1, 40)), seeds=[0])
        >>> TUNED_PENALTIES[found.chosen[0]], bool(abs(found.predicted["own"][0, :, 0] - 2 * x[:, 0]).max() < 0.1)
        (0.01, True)
    """
    predicted = {name: np.empty((len(sets), x.shape[0], 1)) for name, x in points.items()}
    chosen, risk = np.empty(len(sets), dtype=np.int64), np.empty((len(sets), len(TUNED_PENALTIES)))
    for s, (weights, seed) in enumerate(zip(sets, seeds, strict=True)):
        labeled = label_set(s, weights, strata, groups, seed, FOLDS)
        x, y = features[labeled.rows], numbers[labeled.rows][None]
        squares, total = np.zeros(len(TUNED_PENALTIES)), 0.0
        for held_out in labeled.held_out:
            kept = labeled.weights * ~held_out
            fold = fit_ridge(x, y, TUNED_PENALTIES, weights=kept[None], standardise=True)
            errors = np.square(fold.predict(x[held_out])[:, 0] - y[0, held_out])
            squares += errors @ labeled.weights[held_out]
            total += float(labeled.weights[held_out].sum())
        risk[s] = squares / total
        chosen[s] = _least(risk[s])
        heads = fit_ridge(x, y, [TUNED_PENALTIES[chosen[s]]], weights=labeled.weights[None], standardise=True)
        for name, of_points in points.items():
            predicted[name][s, :, 0] = heads.predict(of_points)[0, 0]
        if progress is not None:
            progress(s + 1, len(sets))
    return TunedNumbers(predicted, chosen, risk)


def tune_linked(
    features: FeatureMatrix,
    numbers: Float[np.ndarray, " examples"],
    points: Mapping[str, FeatureMatrix],
    loss: NumberLoss,
    *,
    sets: Float[np.ndarray, "sets examples"],
    progress: Callable[[int, int], None] | None = None,
) -> TunedNumbers:
    """Do the same with heads of another loss, by approximate leave-one-out: labels are held out one by one.

    Its `chosen` indexes LINKED_PENALTIES, and `risk` is the loss.
    """
    dense = np.asarray(features if isinstance(features, np.ndarray) else features.toarray(), dtype=np.float64)
    heads = []
    for s, weights in enumerate(sets):
        heads.append(fit_generalised(dense, numbers, loss, LINKED_PENALTIES, weights=weights))
        if progress is not None:
            progress(s + 1, len(sets))
    predicted = {
        name: np.stack([loss.predicted(np.asarray(x @ head.weight + head.bias)) for head in heads])[..., None]
        for name, x in points.items()
    }
    chosen = np.array([LINKED_PENALTIES.index(head.penalty) for head in heads])
    return TunedNumbers(predicted, chosen, np.stack([head.held_out for head in heads]))


def with_configured(
    tuned: TunedNumbers,
    learner: Learner,
    loss: NumberLoss,
    features: FeatureMatrix,
    numbers: Float[np.ndarray, " examples"],
    strata: Int[np.ndarray, " examples"],
    points: Mapping[str, FeatureMatrix],
    *,
    sets: Float[np.ndarray, "sets examples"],
    seeds: Sequence[int],
    groups: Sequence[str] | None = None,
) -> TunedNumbers:
    """Let a learner as it is configured compete, on folds of each set: it is taken where its held-out risk is lower.

    All folds of a set, and the whole set, are trained together.

    Args:
        tuned: the ridge heads, tuned.
        learner: of numbers.
        loss: of both.
        features, numbers, strata, points, sets, seeds, groups: as for `tune_numbers`.
    """
    predicted = {name: array.copy() for name, array in tuned.predicted.items()}
    chosen, own_risk = tuned.chosen.copy(), np.full(len(sets), np.nan)
    measured_in = get_generator(loss.generator)
    for s, (weights, seed) in enumerate(zip(sets, seeds, strict=True)):
        labeled = label_set(s, weights, strata, groups, seed, FOLDS)
        x, y = features[labeled.rows], numbers[labeled.rows]
        weightings = np.concatenate([labeled.weights * ~labeled.held_out, labeled.weights[None]])
        jobs = [HeadJob(0, loss, w, child_seed(seed, "fold", w)) for w in range(len(weightings))]
        found = learner.fit(x, y[None, :, None], jobs, {"own": x, **points}, bias=True, weights=weightings).logits
        fold, row = np.nonzero(labeled.held_out)
        risk = measured_in.divergence(y[row, None], found["own"][-1, fold, row].astype(np.float64))
        own_risk[s] = np.average(risk, weights=labeled.weights[row])
        if own_risk[s] < tuned.risk[s, chosen[s]]:
            chosen[s] = tuned.risk.shape[1]
            for name in points:
                predicted[name][s] = found[name][-1, -1]
    return TunedNumbers(predicted, chosen, np.concatenate([tuned.risk, own_risk[:, None]], axis=1))


def held_out_predictions(
    features: FeatureMatrix,
    labels: Float[np.ndarray, "labelers examples"],
    weights: Float[np.ndarray, "labelers examples"],
    strata: Int[np.ndarray, " examples"],
    *,
    groups: Sequence[str] | None,
    seed: int,
) -> Float[np.ndarray, "penalties labelers examples"]:
    """Predict every example by heads that have not learned it, nor any of its group, at each penalty."""
    fold_of = held_out_folds(strata, groups, generator(seed, "folds"))
    fold_of = np.maximum(fold_of, 0)  # what no fold holds out belongs to the first: there are no classes here
    found = np.empty((len(TUNED_PENALTIES), *labels.shape))
    for fold in np.unique(fold_of):
        out = fold_of == fold
        heads = fit_ridge(features[~out], labels[:, ~out], TUNED_PENALTIES, weights=weights[:, ~out], standardise=True)
        found[:, :, out] = heads.predict(features[out])
    return found


def _least(risk: Float[np.ndarray, " penalties"]) -> int:
    """Return the penalty of the least risk, of equals the largest."""
    return len(risk) - 1 - int(risk[::-1].argmin())
