"""Train students on weak labels that are there already: by a loss that is named, or by one chosen without labels."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float, Int

from outlearn.core.labelers.combinations import EACH
from outlearn.core.labelers.recipes import Recipe, recipe_of
from outlearn.core.predictions import Predictions
from outlearn.errors import ConfigError
from outlearn.estimator.bagged_teachers import LARGEST_SEED

if TYPE_CHECKING:
    from outlearn.learners.fitted import Heads
    from outlearn.learners.jobs import HeadSettings
    from outlearn.losses import Loss
    from outlearn.selection import Choice, Labelings

__all__ = ["WeakLabels", "WeakStudents", "fit_weak_students"]

VALIDATION_SHARE = 0.15  # of the points, kept from the candidates' students while they are compared
LEAST_VALIDATION = 20  # fewer points say nothing that the student split does not


@dataclass(frozen=True)
class WeakStudents:
    """Trained students.

    Attributes:
        heads: one a student.
        teacher_of: whose labels each learned, counted among those of `source`.
        source: "each" teacher, or the combination of all that they learned from.
        loss: its thresholds settled; None where losses were chosen.
        choice: what was chosen, or None where the loss was named.
        warnings: where the assumptions of the choice look broken.
    """

    heads: Heads
    teacher_of: Int[np.ndarray, " students"]
    source: str
    loss: Loss | None
    choice: Choice | None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class WeakLabels:
    """What teachers say of the points that students learn from.

    Attributes:
        features: of the points.
        labels: the teachers' distributions.
        weights: 0 hides a teacher's label from its students; None shows all.
        taught: how many true labels of each class the teachers learned from; None if they were not trained here.
        taught_others: whether these are labels of other points than these, drawn by chance from where these come from.
        class_names: for messages.
        use: what is made of true labels: "none", "choose" or "learn"; see `selection.true_labels`.
        true_features, true_labels: of the points that have one.
    """

    features: Float[np.ndarray, "points features"]
    labels: Float[np.ndarray, "teachers points classes"]
    weights: Float[np.ndarray, "teachers points"] | None
    taught: Int[np.ndarray, " classes"] | None
    taught_others: bool
    class_names: tuple[str, ...]
    use: str
    true_features: Float[np.ndarray, "labeled features"]
    true_labels: Int[np.ndarray, " labeled"]


def fit_weak_students(
    weak: WeakLabels, loss: Any, *, rounds: int, n_seeds: int, settings: HeadSettings, rng: np.random.Generator
) -> WeakStudents:
    """Train `n_seeds` students of every teacher, or of what a recipe such as "auto" learns from.

    A recipe chooses loss, length, weight decay and rounds of self-distillation without true labels, in place of those
    given; `rng` draws the points held out for that.

    Raises:
        ConfigError: for a recipe with rounds, or with a single teacher; for true labels without a recipe.
        DataError: for true labels that are used and too few.
    """
    if recipe := recipe_of(loss):
        if rounds:
            raise ConfigError(f"rounds is {rounds}, and loss: {loss} chooses them; leave rounds at 0, or name a loss.")
        return _chosen(weak, recipe, n_seeds=n_seeds, settings=settings, rng=rng)
    if weak.use != "none":
        raise ConfigError(
            f"true_labels is {weak.use!r}, and loss: {loss} learns from weak labels only; use loss "
            '"auto", or true_labels "none".'
        )
    return _named(weak, loss, rounds=rounds, n_seeds=n_seeds, settings=settings, rng=rng)


def _named(
    weak: WeakLabels, loss: Any, *, rounds: int, n_seeds: int, settings: HeadSettings, rng: np.random.Generator
) -> WeakStudents:
    """Train students by a loss that is named."""
    import torch

    from outlearn.learners.jobs import HeadJob
    from outlearn.learners.self_distillation import fit_rounds
    from outlearn.losses import get_loss, resolve

    labels, weights = weak.labels, weak.weights
    teacher_of = np.repeat(np.arange(len(labels)), n_seeds)
    seeds = [int(rng.integers(LARGEST_SEED)) for _ in teacher_of]
    shown = labels if weights is None else labels[weights > 0]  # a hidden label is not learned from
    settled = resolve(get_loss(loss), torch.from_numpy(shown))
    fitted = fit_rounds(
        weak.features,
        labels,
        [
            HeadJob(int(m), settled, None if weights is None else int(m), seed)
            for m, seed in zip(teacher_of, seeds, strict=True)
        ],
        {},
        rounds=rounds,
        settings=settings,
        weights=weights,
    )
    return WeakStudents(fitted[-1].heads, teacher_of, EACH, settled, None)


def _chosen(
    weak: WeakLabels, recipe: Recipe, *, n_seeds: int, settings: HeadSettings, rng: np.random.Generator
) -> WeakStudents:
    """Choose on a part of the points, the rest kept to compare; then make the answer on all of them."""
    from outlearn.selection import (
        Learned,
        TrueLabels,
        choose,
        default_candidates,
        doubts,
        fit_answer,
        fit_answer_with_true_labels,
        selection_labelings,
    )
    from outlearn.selection.known_shares import best_known_shares

    order = rng.permutation(len(weak.features))
    n_kept = round(VALIDATION_SHARE * len(order))
    kept, seen = (order[:n_kept], order[n_kept:]) if n_kept >= LEAST_VALIDATION else (order[:0], order)
    teachers = {"student": _predictions(weak, seen)} | ({"validation": _predictions(weak, kept)} if len(kept) else {})
    labelings = selection_labelings(teachers, recipe.source(EACH))
    everyone = selection_labelings({"student": _predictions(weak, np.arange(len(order)))}, recipe.source(EACH))
    true = (
        None if weak.use == "none" else TrueLabels(weak.true_features, weak.true_labels, seed=int(rng.integers(2**31)))
    )
    known = np.empty(0, np.int64) if true is None else true.labels
    shares = best_known_shares(weak.taught, known, everyone.learned("student"), weak.features, drawn=weak.taught_others)

    def learned(by: Labelings, rows: np.ndarray) -> Learned:
        who = by.predictions["student"]
        return Learned.by(who, weak.features[rows], who.probs, settings, shares)

    seeds = [int(rng.integers(LARGEST_SEED)) for _ in range(labelings.predictions["student"].n_models)]
    choice = choose(
        learned(labelings, seen),
        labelings,
        validation_features=weak.features[kept] if len(kept) else None,
        candidates=default_candidates(
            len(order),
            weak.features.shape[1],
            settings,
            weighted=labelings.predictions["student"].answered is not None,
        ),
        seeds=seeds,
        true=true,
    )
    models = [(m, int(rng.integers(LARGEST_SEED))) for m in range(labelings.n_answers) for _ in range(n_seeds)]
    if true is None or weak.use == "choose":
        answer = fit_answer(learned(everyone, np.arange(len(order))), everyone, choice, {}, models)
    else:
        all_points = learned(everyone, np.arange(len(order)))
        answer = fit_answer_with_true_labels(all_points, everyone, choice, {}, models, true)
    members_answer = answer.joined is None or answer.joined.weight < 1
    warnings = doubts(choice, shares, answer.called, weak.class_names, members_answer=members_answer)
    return WeakStudents(answer.heads, np.array([m for m, _ in models]), recipe.source(EACH), None, choice, warnings)


def _predictions(weak: WeakLabels, rows: np.ndarray) -> Predictions:
    """Return what teachers say of some of the points; a label that is hidden is a gap."""
    found = Predictions.from_probs(weak.labels[:, rows])
    if weak.weights is None or np.all(weak.weights > 0):
        return found
    return replace(found, answered=weak.weights[:, rows] > 0)
