"""Measure every candidate by every criterion, and choose one; no true label is seen, and no test point.

A criterion is the mean of two values: on the validation points, which no student has learned from but which are few,
and on the student split, many points with weak labels of other labelers, where a student shows what it has memorised
of its own. On development tasks the mean chose better than either (docs/auto.md).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from jaxtyping import Float

from outlearn.core.feature_matrix import FeatureMatrix
from outlearn.core.predictions import Predictions
from outlearn.core.students.criteria import CRITERIA, check_criterion, measure_agreement
from outlearn.errors import AlignmentError, ConfigError
from outlearn.learners.jobs import HeadSettings
from outlearn.selection.candidates import Candidate
from outlearn.selection.choice import Choice, best_of
from outlearn.selection.labelers import check_labelers
from outlearn.selection.train import fit_candidates

__all__ = ["choose", "measure_candidate"]

MEASURED = ("student", "validation")


def choose(
    features: FeatureMatrix,
    targets: Float[np.ndarray, "labelings examples classes"],
    *,
    labelers: Mapping[str, Predictions],
    validation_features: Float[np.ndarray, "validation_points features"] | None,
    candidates: Sequence[Candidate],
    base: HeadSettings,
    seeds: Sequence[int],
    criterion: str = "consensus",
    predict: Mapping[str, FeatureMatrix] | None = None,
    weights: Float[np.ndarray, "labelings examples"] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Choice:
    """Train all candidates on the weak labels and choose the best by a criterion.

    Args:
        features: of the student split.
        targets: its weak labels, one labeling for each labeler.
        labelers: who labeled, on "student" (these examples) and "validation" (further points); their hard labels are
            what students of others are compared with. Without "validation", the student split serves alone. A labeler
            that finds all classes equally likely at a point abstains there.
        validation_features: of the validation points, or None without them.
        candidates, base, seeds, weights, progress: as for `fit_candidates`.
        criterion: a name in `CRITERIA`.
        predict: further points, "test" say, whose hard predictions the choice keeps and no criterion sees.

    Raises:
        ConfigError: for fewer than two labelers, repeated candidates, an unknown criterion, or one that needs
            validation points that there are not.
        AlignmentError: if labelers, labelings and points do not fit.
    """
    check_criterion(criterion, validation=validation_features is not None)
    check_labelers(len(targets))
    index = {candidate: i for i, candidate in enumerate(candidates)}
    if not index or len(index) != len(candidates):
        raise ConfigError("candidates are none, or repeat; give each once.")
    measured = {"student": features} | ({} if validation_features is None else {"validation": validation_features})
    _check_alignment(measured, targets, labelers, seeds)
    others = {} if predict is None else dict(predict)
    if unseen := [name for name in others if name in MEASURED]:
        raise ConfigError(f"predict names {unseen[0]}, which is measured; name other points.")
    values = np.full((len(candidates), len(CRITERIA)), np.nan)
    dtype = np.uint8 if targets.shape[-1] <= 256 else np.int32
    hard = {name: np.zeros((len(candidates), len(targets), x.shape[0]), dtype) for name, x in others.items()}
    points = {**measured, **others}
    for candidate, logits in fit_candidates(
        features, targets, points, candidates, base=base, seeds=seeds, weights=weights, progress=progress
    ):
        at = index[candidate]
        values[at] = measure_candidate(labelers, {name: logits[name] for name in measured})
        for name in others:
            hard[name][at] = logits[name].argmax(axis=-1)
    return Choice(tuple(candidates), values, criterion, best_of(values, criterion), hard)


def measure_candidate(
    labelers: Mapping[str, Predictions], logits: Mapping[str, Float[np.ndarray, "labelings points classes"]]
) -> Float[np.ndarray, " criteria"]:
    """Measure one candidate by every criterion: on validation points, on the student split, the mean of both."""
    found: dict[str, list[float]] = {name: [] for name in CRITERIA}
    for split in MEASURED:
        if split not in logits:
            continue
        who = labelers[split]
        students = Predictions.from_logits(
            logits[split], point_ids=who.point_ids, teacher_of=np.arange(len(logits[split]))
        )
        agreement = measure_agreement(who, students)
        for name, criterion in CRITERIA.items():
            if split == "validation" or not criterion.held_out:
                found[name].append(criterion.read(agreement))
    return np.array([np.mean(values) if values else np.nan for values in found.values()])


def _check_alignment(
    measured: Mapping[str, np.ndarray], targets: np.ndarray, labelers: Mapping[str, Predictions], seeds: Sequence[int]
) -> None:
    if len(seeds) != len(targets):
        raise AlignmentError(f"there are {len(seeds)} seeds for {len(targets)} labelings; give one for each.")
    for split, x in measured.items():
        if split not in labelers:
            raise AlignmentError(f"labelers have no predictions on {split!r}; they have {', '.join(labelers)}.")
        who = labelers[split]
        if (who.n_models, who.n_points, who.n_classes) != (len(targets), x.shape[0], targets.shape[-1]):
            raise AlignmentError(
                f"labelers on {split!r} are {who}; expected {len(targets)} labelers, one for each labeling, on "
                f"{x.shape[0]} points of {targets.shape[-1]} classes."
            )
