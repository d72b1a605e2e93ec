"""Measure every candidate by every criterion, and rank them; no true label is seen, and no test point.

A criterion is the mean of two values: on the validation points, which no student has learned from but which are few,
and on the student split, many points with weak labels of other labelers, where a student shows what it has memorised
of its own. On development tasks the mean chose better than either (docs/auto.md). Students are compared as the answer
will use them: with one spread, and cut at the class shares (`selection.class_shares`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Float, Integer

from outlearn.core.feature_matrix import FeatureMatrix
from outlearn.core.predictions import Predictions
from outlearn.core.students.criteria import (
    CRITERIA,
    Agreement,
    check_criterion,
    measure_agreement,
)
from outlearn.core.top_class import top_class
from outlearn.errors import AlignmentError, ConfigError
from outlearn.selection.candidates import Candidate
from outlearn.selection.choice import Choice, Facts
from outlearn.selection.class_shares import comparable
from outlearn.selection.labelers import Labelings, check_labelers
from outlearn.selection.train import Fitted, Learned, fit_candidates
from outlearn.selection.true_labels import TrueLabels, agreement_with

__all__ = ["choose", "criterion_values", "pool_kappas"]

MEASURED = ("student", "validation")
TRUE = "true labels"


def choose(
    learned: Learned,
    labelings: Labelings,
    *,
    validation_features: FeatureMatrix | None,
    candidates: Sequence[Candidate],
    seeds: Sequence[int],
    criterion: str = "pooled_consensus",
    predict: Mapping[str, FeatureMatrix] | None = None,
    true: TrueLabels | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Choice:
    """Make the students of all candidates and rank candidates by a criterion.

    Args:
        learned: what students learn from, one row of targets for each of the labelings.
        labelings: who labeled, on "student" (the examples) and "validation" (further points). Without "validation", the
            student split serves alone. A labeler that finds all classes equally likely at a point abstains there.
        validation_features: of the validation points, or None without them.
        candidates: what may be chosen, each once.
        seeds: one for each labeling.
        criterion: a name in `CRITERIA`.
        predict: further points, "test" say, whose hard predictions the choice keeps and no criterion sees.
        true: a few points whose true labels have a say too; see `selection.true_labels`.
        progress: called with (parts done, all parts).

    Raises:
        ConfigError: for fewer than two labelers, repeated candidates, an unknown criterion, or one that needs
            validation points that there are not.
        AlignmentError: if labelers, targets and points do not fit.
    """
    check_criterion(criterion, validation=validation_features is not None)
    check_labelers(labelings.n_compared)
    index = {candidate: i for i, candidate in enumerate(candidates)}
    if not index or len(index) != len(candidates):
        raise ConfigError("candidates are none, or repeat; give each once.")
    measured = {"student": learned.features}
    measured |= {} if validation_features is None else {"validation": validation_features}
    _check_alignment(measured, learned.targets, labelings.predictions, seeds)
    others = {} if predict is None else dict(predict)
    if unseen := [name for name in others if name in (*MEASURED, TRUE)]:
        raise ConfigError(f"predict names {unseen[0]}, which is measured; name other points.")
    others |= {} if true is None else {TRUE: true.features}
    found = _Measured.empty(labelings, measured, others, len(candidates), learned.targets.shape)
    models = list(enumerate(seeds))
    for fitted in fit_candidates(learned, {**measured, **others}, candidates, models, progress=progress):
        found.add(index[fitted.candidate], fitted, learned.shares)
    facts = Facts.of(labelings, learned.shares)
    seen_truth = found.predicted.pop(TRUE, None)
    truth = (
        np.empty(0)
        if true is None or seen_truth is None
        else agreement_with(true.labels, seen_truth, learned.targets.shape[-1])
    )
    return Choice(
        tuple(candidates),
        found.values(),
        criterion,
        found.predicted,
        facts,
        len(models) * len(candidates),
        truth,
        0 if true is None else len(true),
    )


class _Measured:
    """What is kept of each candidate until all have been seen, for the pool is made of all."""

    def __init__(
        self,
        labelings: Labelings,
        agreements: dict[str, list[Agreement | None]],
        hard: dict[str, np.ndarray],
        predicted: dict[str, np.ndarray],
    ) -> None:
        self.labelings, self.agreements, self.hard = labelings, agreements, hard
        self.predicted = predicted
        self.n_classes = labelings.predictions["student"].n_classes
        self.compared = {split: labelings.compared(split) for split in hard}

    @classmethod
    def empty(
        cls,
        labelings: Labelings,
        measured: Mapping[str, FeatureMatrix],
        others: Mapping[str, FeatureMatrix],
        n_candidates: int,
        shape: tuple[int, ...],
    ) -> _Measured:
        """Make room."""
        dtype = np.uint8 if shape[-1] <= 256 else np.int32

        def room(points: Mapping[str, FeatureMatrix], models: int) -> dict[str, np.ndarray]:
            return {name: np.zeros((n_candidates, models, x.shape[0]), dtype) for name, x in points.items()}

        return cls(
            labelings,
            {name: [None] * n_candidates for name in measured},
            room(measured, labelings.n_compared),
            room(others, labelings.n_answers),
        )

    def add(self, at: int, fitted: Fitted, shares: np.ndarray | None) -> None:
        """Measure the students of one candidate."""
        form, answers = comparable(fitted.logits["student"], shares), self.labelings.answers
        for split, who in self.compared.items():
            logits = form.logits(fitted.logits[split])[: self.labelings.n_compared]
            students = Predictions.from_logits(
                logits, point_ids=who.point_ids, teacher_of=np.arange(self.labelings.n_compared)
            )
            self.agreements[split][at] = measure_agreement(who, students)
            self.hard[split][at] = logits.argmax(axis=-1)
        for name, kept in self.predicted.items():
            kept[at] = form.logits(fitted.logits[name])[answers].argmax(axis=-1)

    def values(self) -> Float[np.ndarray, "candidates criteria"]:
        """Read every criterion of every candidate."""
        pools = {split: pool_kappas(hard, self.n_classes) for split, hard in self.hard.items()}
        return np.stack(
            [
                criterion_values(
                    {
                        split: replace(agreement, pool_kappa=float(pools[split][at]))
                        for split, each in self.agreements.items()
                        if (agreement := each[at]) is not None
                    }
                )
                for at in range(len(self.hard["student"]))
            ]
        )


def criterion_values(seen: Mapping[str, Agreement]) -> Float[np.ndarray, " criteria"]:
    """Read every criterion of one candidate: on validation points, on the student split, the mean of both."""
    found = []
    for criterion in CRITERIA.values():
        read = [criterion.read(each) for split, each in seen.items() if split == "validation" or not criterion.held_out]
        found.append(float(np.mean(read)) if read else np.nan)
    return np.array(found)


def pool_kappas(
    hard: Integer[np.ndarray, "candidates labelers points"], n_classes: int
) -> Float[np.ndarray, " candidates"]:
    """Measure kappa of each candidate's students with the majority of all candidates' students of the other labelers.

    Candidates that tie for the majority share its vote. Kappa is 0 where both always say one and the same class.

    Examples:
        >>> hard = np.array([[[0, 1, 1, 0]] * 2, [[0, 1, 1, 0]] * 2, [[0, 0, 1, 1]] * 2])
        >>> pool_kappas(hard, 2)
        array([1., 1., 0.])
    """
    counts = np.stack([(hard == k).sum(axis=0) for k in range(n_classes)], axis=-1)
    found = np.zeros(hard.shape[:2])
    for m in range(hard.shape[1]):
        pool = top_class(counts.sum(axis=0) - counts[m])
        share = pool.mean(axis=0)
        for c, labels in enumerate(hard[:, m]):
            equal = float(np.take_along_axis(pool, labels[:, None].astype(np.intp), axis=1).mean())
            chance = float(np.bincount(labels, minlength=n_classes) @ share) / len(labels)
            found[c, m] = (equal - chance) / (1 - chance) if chance < 1 - 1e-12 else 0.0
    return np.asarray(found.mean(axis=1))


def _check_alignment(
    measured: Mapping[str, FeatureMatrix],
    targets: np.ndarray,
    labelers: Mapping[str, Predictions],
    seeds: Sequence[int],
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
