"""Self-distillation: a fresh head learns from the weak labels mixed with what the head before it says.

Round 0 learns from the weak labels t. The targets of round r + 1 are

    0.3 t + 0.7 m(s_r^1.5),

s_r the predictions of round r on the training examples, sharpened (power 1.5, normalised) and, by m, rescaled until
their class means are those of t (`match_class_means`): without that, classes the student prefers take over. A round
forgets the noise that the head before had only begun to memorise; many rounds confirm the student's own errors. All
jobs of a round are one batched computation. Measured: docs/auto.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Bool, Float

from outlearn.core.class_means import match_class_means
from outlearn.core.feature_matrix import FeatureMatrix
from outlearn.core.predictions import Predictions
from outlearn.core.ranges import Range
from outlearn.errors import DomainError, ShapeError
from outlearn.lazy_torch import torch
from outlearn.learners.checked_inputs import check_labeling
from outlearn.learners.fitted import FitResult
from outlearn.learners.head_randomness import steps_per_epoch
from outlearn.learners.heads import fit_predict
from outlearn.learners.jobs import HeadJob, HeadSettings
from outlearn.losses.targets import SUM_TOLERANCE

__all__ = ["distillation_targets", "fit_rounds", "round_epochs"]

WEAK_SHARE = 0.3
POWER = 1.5
# A later round is short: it starts from cleaner labels, and stops before it memorises them. Few points need more epochs
# for the same number of steps.
ROUND_EPOCHS, ROUND_STEPS = 5.0, 200
TRAIN = "self-distillation: training examples"


def round_epochs(n_examples: int, settings: HeadSettings) -> float:
    """Return the length of every round after the first: 5 epochs or 200 steps, at most the length of the first.

    Examples:
        >>> round_epochs(2560, HeadSettings(epochs=20)), round_epochs(25600, HeadSettings(epochs=20))
        (10.0, 5.0)
    """
    wanted = max(ROUND_EPOCHS, ROUND_STEPS / steps_per_epoch(n_examples, settings.batch_size))
    return min(settings.epochs, wanted)


def distillation_targets(
    weak_labels: Float[np.ndarray, "models examples classes"],
    own: Float[np.ndarray, "models examples classes"],
    learned_from: Bool[np.ndarray, "models examples"] | None = None,
) -> Float[np.ndarray, "models examples classes"]:
    """Mix the weak labels with a student's sharpened, prior-matched predictions.

    Where a student has no label of its labeler, the target is its own prediction, and class means are those of the
    other examples. A labeler that finds all classes equally likely abstains, and its label is not used; the labels of
    one that abstains everywhere are used as they are.

    Args:
        weak_labels: what each student learned from.
        own: each student's probabilities on the same examples.
        learned_from: the examples whose weak labels it learned from, at least one for each student; all if None.

    Raises:
        ShapeError: if the three do not fit each other.
        DomainError: if a row of `weak_labels` or `own` is no distribution, or a student learned from nothing.

    Examples:
        >>> weak = np.array([[[0.8, 0.2], [0.2, 0.8]]])
        >>> distillation_targets(weak, np.array([[[0.9, 0.1], [0.1, 0.9]]])).round(3)
        array([[[0.915, 0.085],
                [0.085, 0.915]]])
    """
    for name, values in (("weak_labels", weak_labels), ("own", own)):
        _check_distributions(name, values, weak_labels.shape)
    sharp = own**POWER
    sharp /= sharp.sum(axis=-1, keepdims=True)
    votes = weak_labels.max(axis=-1) > weak_labels.min(axis=-1)
    if learned_from is None:
        learned_from = np.ones_like(votes)
    if learned_from.shape != votes.shape:
        raise ShapeError(f"learned_from has shape {learned_from.shape}; expected [models, examples] = {votes.shape}.")
    if not learned_from.any(axis=-1).all():
        student = int(learned_from.any(axis=-1).argmin())
        raise DomainError(f"learned_from[{student}] is False everywhere: this student has no weak label. Leave it out.")
    votes = votes & learned_from
    votes = votes | (learned_from & ~votes.any(axis=-1, keepdims=True))
    prior = (weak_labels * votes[..., None]).sum(axis=-2) / votes.sum(axis=-1, keepdims=True)
    share = WEAK_SHARE * votes[..., None]
    mixed = share * weak_labels + (1.0 - share) * match_class_means(sharp, prior)
    return np.asarray(mixed / mixed.sum(axis=-1, keepdims=True))


def fit_rounds(
    features: FeatureMatrix,
    targets: Float[np.ndarray, "labelings examples classes"],
    jobs: Sequence[HeadJob],
    points: Mapping[str, FeatureMatrix],
    *,
    rounds: int,
    settings: HeadSettings | None = None,
    weights: Float[np.ndarray, "weightings examples"] | None = None,
    start: Float[np.ndarray, "jobs examples classes"] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> list[FitResult]:
    """Train every job, then `rounds` more times on what it has learned so far.

    Args:
        features, targets, jobs, points: as for `fit_predict`.
        rounds: number of rounds after the first fit, at least 0.
        settings: of the first fit; later rounds last `round_epochs`.
        weights: of the examples in the first fit, as for `fit_predict`. Later rounds learn from all examples alike,
            those of weight 0 without their weak labels.
        start: probabilities on the training examples of students from elsewhere, such as fine-tuned ones, one for each
            job: then the first fit is left out, and these take its place.
        progress: called with (parts done, all parts).

    Returns:
        What `fit_predict` gives, for each round in order, the first fit included unless `start` is given.

    Raises:
        ConfigError: for a number of rounds that does not do; for a job that is not allowed.
        ShapeError: if `start` is not one prediction for each job, example and class.
        ShapeError, DomainError, DataError: as for `fit_predict`; DomainError for a `start` that is no distribution.

    Examples:
        >>> from outlearn.losses import get_loss
        >>> x = np.linspace(-1, 1, 40, dtype=np.float32)[:, None]
        >>> weak = np.where(x > 0, [0.3, 0.7], [0.7, 0.3])[None]
        >>> found = fit_rounds(x, weak, [HeadJob(0, get_loss("reverse_ce"))], {"train": x}, rounds=2)
        >>> len(found), found[-1].logits["train"].shape
        (3, (1, 1, 40, 2))
    """
    settings = settings or HeadSettings()
    Range(0 if start is None else 1, whole=True).check("rounds", rounds)
    _, given_weights, _ = check_labeling(targets, jobs, weights, n_examples=features.shape[0], dtype=torch.float64)
    weak = np.asarray(targets, dtype=np.float64)[[job.labeling for job in jobs]]
    if start is not None:
        _check_distributions("start", np.asarray(start), weak.shape)
    learned_from = np.ones((len(jobs), features.shape[0]), dtype=bool)
    for i, job in enumerate(jobs):
        if given_weights is not None and job.weighting is not None:
            learned_from[i] = given_weights[job.weighting] > 0
    later = replace(settings, epochs=round_epochs(features.shape[0], settings))
    n_parts = rounds + (start is None)
    results: list[FitResult] = []

    def fit(labels: np.ndarray, to_train: Sequence[HeadJob], how: HeadSettings, given: np.ndarray | None) -> None:
        done = len(results)
        to_learn_from = {} if done == n_parts - 1 else {TRAIN: features}  # nobody learns from the last
        result = fit_predict(
            features,
            labels,
            to_train,
            {**points, **to_learn_from},
            settings=how,
            weights=given,
            progress=None if progress is None else lambda at, of: progress(done * of + at, n_parts * of),
        )
        results.append(result)

    def learned() -> np.ndarray:
        """Take the last round's predictions on the training examples out of its result, as probabilities."""
        logits = dict(results[-1].logits)
        own = Predictions.from_logits(logits.pop(TRAIN)[-1]).probs
        results[-1] = replace(results[-1], logits=logits)
        return own

    if start is None:
        fit(np.asarray(targets), jobs, settings, weights)
    for number in range(1, rounds + 1):
        # Fresh weights each round; the order groups of the seeds are kept.
        again = [
            replace(job, labeling=i, weighting=None, seed=job.seed + number * 1000 * settings.order_groups)
            for i, job in enumerate(jobs)
        ]
        own = learned() if results else np.asarray(start, dtype=np.float64)
        fit(distillation_targets(weak, own, learned_from), again, later, None)
    return results


def _check_distributions(name: str, values: np.ndarray, shape: tuple[int, ...]) -> None:
    if values.shape != shape or values.ndim != 3:
        axes = "[jobs, examples, classes]" if name == "start" else "[models, examples, classes]"
        raise ShapeError(f"{name} has shape {values.shape}; expected {axes} = {shape}.")
    sums = values.sum(axis=-1)
    wrong = ~((values >= 0.0).all(axis=-1) & (np.abs(sums - 1.0) <= SUM_TOLERANCE))  # NaN is wrong too
    if wrong.any():
        row = np.argwhere(wrong)[0].tolist()
        raise DomainError(
            f"{name}{row} is {values[tuple(row)].tolist()}, which is no distribution; expected probabilities of at "
            f"least 0 that sum to 1 within {SUM_TOLERANCE:g}. Divide percentages by 100, turn logits into "
            "probabilities."
        )
