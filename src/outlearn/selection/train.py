"""Train all candidates for all labelers: those with equal settings together, in one batched computation."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
from jaxtyping import Float

from outlearn.core.feature_matrix import FeatureMatrix
from outlearn.learners.fitted import FitResult
from outlearn.learners.jobs import HeadJob, HeadSettings, settled
from outlearn.learners.self_distillation import fit_rounds
from outlearn.selection.candidates import Candidate

__all__ = ["fit_candidates", "fit_chosen"]

Logits = Mapping[str, Float[np.ndarray, "models points classes"]]
Report = Callable[[int, int], None]
PARTS = 100  # of a group's training, as progress counts it


def fit_candidates(
    features: FeatureMatrix,
    targets: Float[np.ndarray, "labelings examples classes"],
    points: Mapping[str, FeatureMatrix],
    candidates: Sequence[Candidate],
    *,
    base: HeadSettings,
    seeds: Sequence[int],
    weights: Float[np.ndarray, "labelings examples"] | None = None,
    progress: Report | None = None,
) -> Iterator[tuple[Candidate, Logits]]:
    """Train one student for each candidate and labeling; give each candidate's logits when they are there.

    Memory holds one group of candidates with equal settings at a time.

    Args:
        points: named sets of features to predict.
        candidates: what to train, each once.
        base: what candidates do not decide: architecture, batch size, learning rate.
        seeds: one for each labeling.
        weights: of the examples in each labeling, in the first fit; see `fit_rounds`.
        progress: called with (parts done, all parts).

    Yields:
        A candidate and, for each name in `points`, float32 logits; every candidate once, in any order.
    """
    groups: dict[tuple[float, float, bool], list[Candidate]] = {}
    for candidate in candidates:
        groups.setdefault((candidate.epochs, candidate.weight_decay, candidate.rounds > 0), []).append(candidate)
    for done, group in enumerate(groups.values()):
        losses = list(dict.fromkeys(candidate.loss for candidate in group))
        jobs = [
            HeadJob(m, loss, None if weights is None else m, seed) for loss in losses for m, seed in enumerate(seeds)
        ]
        fits = fit_rounds(
            features,
            targets,
            settled(jobs, targets, weights),
            points,
            rounds=max(candidate.rounds for candidate in group),
            settings=group[0].settings(base),
            weights=weights,
            progress=_part(progress, done, len(groups)),
        )
        for candidate in group:
            first = losses.index(candidate.loss) * len(seeds)
            rows = slice(first, first + len(seeds))
            yield candidate, {name: z[-1, rows] for name, z in fits[candidate.rounds].logits.items()}


def fit_chosen(
    features: FeatureMatrix,
    targets: Float[np.ndarray, "labelings examples classes"],
    points: Mapping[str, FeatureMatrix],
    candidate: Candidate,
    *,
    base: HeadSettings,
    labeling_of: Sequence[int],
    seeds: Sequence[int],
    weights: Float[np.ndarray, "labelings examples"] | None = None,
    progress: Report | None = None,
) -> FitResult:
    """Train the students of one candidate, on the labelings it was chosen on or on others, as `fit_candidates` does.

    `labeling_of` and `seeds` say for each student which labeling it learns and its seed. Returned is its last fit.
    """
    jobs = [
        HeadJob(m, candidate.loss, None if weights is None else m, seed)
        for m, seed in zip(labeling_of, seeds, strict=True)
    ]
    fits = fit_rounds(
        features,
        targets,
        settled(jobs, targets, weights),
        points,
        rounds=candidate.rounds,
        settings=candidate.settings(base),
        weights=weights,
        progress=progress,
    )
    return fits[-1]


def _part(progress: Report | None, done: int, of: int) -> Report | None:
    """Report a group's progress as a part of all groups'."""
    if progress is None:
        return None
    return lambda at, all_of_group: progress(done * PARTS + PARTS * at // all_of_group, of * PARTS)
