"""Make the students of candidates for all labelings: those with equal settings together, in one batched computation."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from jaxtyping import Float

from outlearn.core.feature_matrix import FeatureMatrix
from outlearn.core.predictions import Predictions
from outlearn.learners.discriminant import fit_discriminants
from outlearn.learners.fitted import Heads
from outlearn.learners.jobs import HeadJob, HeadSettings, settled
from outlearn.learners.self_distillation import fit_rounds
from outlearn.selection.candidates import Candidate, DiscriminantCandidate, HeadCandidate
from outlearn.selection.class_shares import ClassShares, Comparable

__all__ = ["Fitted", "Learned", "average_heads", "fit_candidates"]

Logits = Mapping[str, Float[np.ndarray, "models points classes"]]
Report = Callable[[int, int], None]
NUMBERS = 2**25  # logits of discriminants predicted together: 128 MiB
PARTS = 100  # of a group's training, as progress counts it
Key = TypeVar("Key")


@dataclass(frozen=True, eq=False)
class Learned:
    """What all candidates learn from.

    Attributes:
        features: of the student split.
        targets: its weak labels, one row for each labeling.
        base: what candidates do not decide: architecture, batch size, learning rate.
        weights: of the examples in each labeling, 0 where it has no label; None if it has all.
        shares: of the classes among the examples; None leaves them to the labels.
        n_held: the last so many examples are held at their labels, which are true.
        counted: how many labels the shares were counted on; infinite where they are given.
    """

    features: FeatureMatrix
    targets: Float[np.ndarray, "labelings examples classes"]
    base: HeadSettings
    weights: Float[np.ndarray, "labelings examples"] | None = None
    shares: Float[np.ndarray, " classes"] | None = None
    n_held: int = 0
    counted: float = math.inf

    @classmethod
    def by(
        cls,
        labelers: Predictions,
        features: FeatureMatrix,
        targets: Float[np.ndarray, "labelings examples classes"],
        base: HeadSettings,
        shares: ClassShares | None = None,
    ) -> Learned:
        """Learn what labelers say where they answer: a gap weighs 0."""
        answered = labelers.answered
        weights = None if answered is None else answered.astype(np.float64)
        if shares is None:
            return cls(features, targets, base, weights)
        return cls(features, targets, base, weights, shares.values, counted=shares.counted)


@dataclass(frozen=True, eq=False)
class Fitted:
    """The students of one candidate, one a model.

    Attributes:
        candidate: how they were made.
        heads: what they are.
        logits: set of points -> float32 logits.
    """

    candidate: Candidate
    heads: Heads
    logits: Logits


def fit_candidates(
    learned: Learned,
    points: Mapping[str, FeatureMatrix],
    candidates: Sequence[Candidate],
    models: Sequence[tuple[int, int]],
    *,
    progress: Report | None = None,
) -> Iterator[Fitted]:
    """Make one student for each candidate and model; give each candidate's when they are there.

    Memory holds one group of candidates with equal settings at a time.

    Args:
        learned: what they learn from.
        points: named sets of features to predict.
        candidates: what to make, each once.
        models: (labeling, seed) of each; discriminants have no use for the seed.
        progress: called with (parts done, all parts).

    Yields:
        Every candidate once, in any order.
    """
    trained = _grouped(
        [each for each in candidates if isinstance(each, HeadCandidate)],
        lambda each: (each.epochs, each.weight_decay, each.rounds > 0, each.hidden),
    )
    discriminants = _grouped(
        [each for each in candidates if isinstance(each, DiscriminantCandidate)],
        lambda each: (each.weak_share, each.shrinkage, each.within),
    )
    n_groups = len(trained) + len(discriminants)
    for done, group in enumerate(trained):
        yield from _train(learned, points, group, models, _part(progress, done, n_groups))
    for done, group in enumerate(discriminants, start=len(trained)):
        yield from _discriminate(learned, points, group, models)
        if progress is not None:
            progress((done + 1) * PARTS, n_groups * PARTS)


def average_heads(members: Sequence[tuple[Heads, Comparable]]) -> Heads:
    """Return the dual mean over members, for each model."""
    widest = max(
        2 * heads.n_classes if heads.hidden_bias is None else heads.hidden_bias.shape[1] for heads, _ in members
    )
    if any(heads.hidden_bias is not None for heads, _ in members):
        members = [(heads.with_hidden(widest), form) for heads, form in members]
    return Heads.joined(
        [
            Heads.joined([heads.select([i]) for heads, _ in members]).dual_mean(
                scale=np.array([form.factors[i] for _, form in members]),
                offset=np.array([form.offsets[i] for _, form in members]),
            )
            for i in range(members[0][0].n_models)
        ]
    )


def _train(
    learned: Learned,
    points: Mapping[str, FeatureMatrix],
    group: Sequence[HeadCandidate],
    models: Sequence[tuple[int, int]],
    progress: Report | None,
) -> Iterator[Fitted]:
    """Train heads of one length and weight decay."""
    losses = list(dict.fromkeys(candidate.loss for candidate in group))
    weights = learned.weights
    jobs = [HeadJob(m, loss, None if weights is None else m, seed) for loss in losses for m, seed in models]
    fits = fit_rounds(
        learned.features,
        learned.targets,
        settled(jobs, learned.targets, weights),
        points,
        rounds=max(candidate.rounds for candidate in group),
        settings=group[0].settings(learned.base),
        weights=weights,
        progress=progress,
    )
    for candidate in group:
        first = losses.index(candidate.loss) * len(models)
        rows, fit = slice(first, first + len(models)), fits[candidate.rounds]
        yield Fitted(candidate, fit.heads.select(rows), {name: z[-1, rows] for name, z in fit.logits.items()})


def _discriminate(
    learned: Learned,
    points: Mapping[str, FeatureMatrix],
    group: Sequence[DiscriminantCandidate],
    models: Sequence[tuple[int, int]],
) -> Iterator[Fitted]:
    """Fit discriminants of one shrinkage that mix in the same share of the weak labels."""
    labelings = list(dict.fromkeys(labeling for labeling, _ in models))
    fits = fit_discriminants(
        learned.features,
        learned.targets[labelings],
        steps=[candidate.steps for candidate in group],
        weak_share=group[0].weak_share,
        shrinkage=group[0].shrinkage,
        within=group[0].within,
        n_held=learned.n_held,
        shares=learned.shares,
        weights=None if learned.weights is None else learned.weights[labelings],
        bias=learned.base.bias,
        standardise=learned.base.standardise,
    )
    rows = [labelings.index(labeling) for labeling, _ in models]
    numbers = len(rows) * sum(x.shape[0] for x in points.values()) * learned.targets.shape[-1]
    at_once = max(1, NUMBERS // max(1, numbers))  # as many as memory has, for points are standardised each time
    for start in range(0, len(group), at_once):
        part = group[start : start + at_once]
        everyone = Heads.joined([fits[candidate.steps].select(rows) for candidate in part])
        logits = {name: everyone.predict(x) for name, x in points.items()}
        for i, candidate in enumerate(part):
            own = slice(i * len(rows), (i + 1) * len(rows))
            yield Fitted(candidate, everyone.select(own), {name: z[own] for name, z in logits.items()})


def _grouped(candidates: Sequence[Candidate], key: Callable[..., Key]) -> list[Any]:
    groups: dict[Key, list[Candidate]] = {}
    for candidate in candidates:
        groups.setdefault(key(candidate), []).append(candidate)
    return list(groups.values())


def _part(progress: Report | None, done: int, of: int) -> Report | None:
    """Report a group's progress as a part of all groups'."""
    if progress is None:
        return None
    return lambda at, all_of_group: progress(done * PARTS + PARTS * at // all_of_group, of * PARTS)
