"""Train students on weak labels that are there already: by a loss that is named, or by one chosen without labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float, Int

from outlearn.core.predictions import Predictions
from outlearn.errors import ConfigError
from outlearn.estimator.bagged_teachers import LARGEST_SEED

if TYPE_CHECKING:
    from outlearn.learners.fitted import Heads
    from outlearn.learners.jobs import HeadSettings
    from outlearn.losses import Loss
    from outlearn.selection import Candidate, Choice

__all__ = ["AUTO", "WeakStudents", "fit_weak_students"]

AUTO = "auto"
VALIDATION_SHARE = 0.15  # of the points, kept from the candidates' students while they are compared
LEAST_VALIDATION = 20  # fewer points say nothing that the student split does not


@dataclass(frozen=True)
class WeakStudents:
    """Trained students.

    Attributes:
        heads: one a student.
        teacher_of: whose labels each learned.
        loss: its thresholds settled.
        choice: what it was chosen from, or None where it was named.
    """

    heads: Heads
    teacher_of: Int[np.ndarray, " students"]
    loss: Loss
    choice: Choice | None


def fit_weak_students(
    features: Float[np.ndarray, "points features"],
    labels: Float[np.ndarray, "teachers points classes"],
    weights: Float[np.ndarray, "teachers points"] | None,
    loss: Any,
    *,
    rounds: int,
    n_seeds: int,
    settings: HeadSettings,
    rng: np.random.Generator,
) -> WeakStudents:
    """Train `n_seeds` students of every teacher.

    A weight of 0 hides the teacher's label. For the loss "auto", loss, length, weight decay and rounds of
    self-distillation are chosen without true labels, in place of those given; `rng` draws the points held out for that.

    Raises:
        ConfigError: for "auto" with rounds, or with a single teacher.
    """
    import torch

    from outlearn.learners.jobs import HeadJob
    from outlearn.learners.self_distillation import fit_rounds
    from outlearn.losses import get_loss, resolve
    from outlearn.selection.candidates import Candidate

    teacher_of = np.repeat(np.arange(len(labels)), n_seeds)
    seeds = [int(rng.integers(LARGEST_SEED)) for _ in teacher_of]
    choice = None
    if isinstance(loss, str) and loss == AUTO:
        if rounds:
            raise ConfigError(f"rounds is {rounds}, and loss: auto chooses them; leave rounds at 0, or name a loss.")
        choice = _choose(features, labels, weights, settings, seeds[::n_seeds], rng)
        candidate: Candidate = choice.chosen
    else:
        candidate = Candidate(get_loss(loss), settings.epochs, settings.weight_decay, rounds)
    shown = labels if weights is None else labels[weights > 0]  # a hidden label is not learned from
    settled = resolve(candidate.loss, torch.from_numpy(shown))
    fitted = fit_rounds(
        features,
        labels,
        [
            HeadJob(int(m), settled, None if weights is None else int(m), seed)
            for m, seed in zip(teacher_of, seeds, strict=True)
        ],
        {},
        rounds=candidate.rounds,
        settings=candidate.settings(settings),
        weights=weights,
    )
    return WeakStudents(fitted[-1].heads, teacher_of, settled, choice)


def _choose(
    features: np.ndarray,
    labels: np.ndarray,
    weights: np.ndarray | None,
    settings: HeadSettings,
    seeds: list[int],
    rng: np.random.Generator,
) -> Choice:
    """Choose on a part of the points, the rest kept to compare; what a teacher's student may not see, it leaves out."""
    from outlearn.selection import check_labelers, choose, default_candidates

    check_labelers(len(labels))
    order = rng.permutation(len(features))
    n_kept = round(VALIDATION_SHARE * len(features))
    kept, learned = (order[:n_kept], order[n_kept:]) if n_kept >= LEAST_VALIDATION else (order[:0], order)
    shown = labels if weights is None else np.where(weights[..., None] > 0, labels, 1.0 / labels.shape[-1])
    some_hidden = weights is not None and not np.all(weights > 0)
    labelers = {"student": Predictions.from_probs(shown[:, learned])}
    if len(kept):
        labelers["validation"] = Predictions.from_probs(shown[:, kept])
    return choose(
        features[learned],
        labels[:, learned],
        labelers=labelers,
        validation_features=features[kept] if len(kept) else None,
        candidates=default_candidates(len(features), settings, weighted=some_hidden),
        base=settings,
        seeds=seeds,
        weights=weights[:, learned] if weights is not None and some_hidden else None,
    )
