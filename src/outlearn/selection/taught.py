"""What parts of the true labels teach the answer of a choice: who is right, from none of them, quarters, and all.

The candidates stay those that weak labels rank first, or with `choose` those that each part of the true labels ranks.
Beside quarters at random there is one of each way to pick points: where the labels are suspect, and where the students
of the groups of labelers disagree. What quarters and all say of the next labels: `core.students.foreseen`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from jaxtyping import Float, Int, Integer

from outlearn.core.feature_matrix import FeatureMatrix
from outlearn.core.predictions import Predictions
from outlearn.core.students.foreseen import PARTS
from outlearn.errors import DataError
from outlearn.learners.fitted import Heads
from outlearn.selection.answer import Answer, fit_answer, fit_answers
from outlearn.selection.choice import Choice
from outlearn.selection.class_shares import comparable
from outlearn.selection.labelers import Labelings
from outlearn.selection.train import Learned, fit_candidates
from outlearn.selection.true_label_answer import fit_answer_with_true_labels
from outlearn.selection.true_labels import TrueLabels, agreement_with

__all__ = ["Taught", "Teaching"]

LEAST_TAUGHT = 40  # true labels: fewer than ten in a quarter teach nothing that another quarter would confirm


@dataclass(frozen=True, eq=False)
class Taught:
    """The classes that answers call at some points.

    Attributes:
        n_labels: how many true labels the answer of all of them learned from.
        none, whole: the answer without true labels, and with all of them.
        quarters: answers of each quarter, drawn at random.
        picked: way to pick points (`results.label_gain.WAYS`) -> the answer of a quarter picked so; without ways that
            pick points of one class.
    """

    n_labels: int
    none: Integer[np.ndarray, " points"]
    quarters: Integer[np.ndarray, "quarters points"]
    whole: Integer[np.ndarray, " points"]
    picked: Mapping[str, Integer[np.ndarray, " points"]]


@dataclass(frozen=True, eq=False)
class Teaching:
    """Points with weak labels, the candidates for them, and how true labels are used.

    Attributes:
        learned, labelings, choice: as `fit_answer` takes them; what true labels said of the choice is forgotten.
        use: of true labels, "choose" or "learn".
        form: of the answer.
        seed: of the students and of the quarters.
    """

    learned: Learned
    labelings: Labelings
    choice: Choice
    use: str
    form: str = "average"
    seed: int = 0

    def by(self, true: TrueLabels, said: Float[np.ndarray, "true_points classes"], points: FeatureMatrix) -> Taught:
        """Teach answers by parts of true labels, and let them answer further points.

        Args:
            true: at points that no answer learns weak labels of.
            said: what the labelers say at those points, the mean; nan where nobody says anything.
            points: to answer.

        Raises:
            DataError: for too few true labels, or a part of them that shows too few classes.
        """
        if len(true) < LEAST_TAUGHT:
            raise DataError(
                f"{len(true):,} true labels are too few to tell what more would bring: {LEAST_TAUGHT} are needed."
            )
        rng = np.random.default_rng(self.seed)
        quarters = np.array_split(rng.permutation(len(true)), PARTS)
        n = len(quarters[0])
        scores = {"suspect": _doubt(self._probs(self.weak.heads, true), said), "disagreed": self._disagreement(true)}
        picks = {way: np.lexsort((rng.random(len(true)), -score))[:n] for way, score in scores.items()}
        picks = {way: rows for way, rows in picks.items() if true.teaches(rows)}
        sets = [*quarters, *picks.values(), np.arange(len(true))]
        called = [self._called(each, points) for each in self._answers(true, sets)]
        return Taught(
            len(true),
            self._called(self.weak, points),
            np.stack(called[:PARTS]),
            called[-1],
            dict(zip(picks, called[PARTS:], strict=False)),
        )

    @cached_property
    def weak(self) -> Answer:
        """The answer without true labels."""
        return fit_answer(self.learned, self.labelings, self._unweighed, {}, [(0, self.seed)], form=self.form)

    @property
    def _unweighed(self) -> Choice:
        return replace(self.choice, truth=np.empty(0), n_true=0)

    def _answers(self, true: TrueLabels, sets: list[np.ndarray]) -> list[Answer]:
        """Make the answer of each set of true labels."""
        parts, models = [true.part(rows) for rows in sets], [(0, self.seed)]
        if self.use == "learn":
            return [
                fit_answer_with_true_labels(
                    self.learned, self.labelings, self._unweighed, {}, models, part, form=self.form, weak=self.weak
                )
                for part in parts
            ]
        hard, n_classes = self._hard(true.features), self.learned.targets.shape[-1]
        weighed = [
            replace(self.choice, truth=agreement_with(part.labels, hard[:, :, rows], n_classes), n_true=len(part))
            for part, rows in zip(parts, sets, strict=True)
        ]
        return fit_answers(self.learned, self.labelings, weighed, {}, models, form=self.form)

    def _hard(self, points: FeatureMatrix) -> Int[np.ndarray, "candidates one points"]:
        """Say what class each candidate's student calls at these points."""
        own, features = {"own": self.learned.features, "points": points}, {}
        models = [(self.labelings.answers.start, self.seed)]
        for fitted in fit_candidates(self.learned, own, self.choice.candidates, models):
            form = comparable(fitted.logits["own"], self.learned.shares)
            features[fitted.candidate] = form.logits(fitted.logits["points"]).argmax(axis=-1)
        return np.stack([features[each] for each in self.choice.candidates])

    def _called(self, answer: Answer, points: FeatureMatrix) -> np.ndarray:
        return np.asarray(answer.heads.predict(points)[0].argmax(axis=-1))

    def _probs(self, heads: Heads, true: TrueLabels) -> Float[np.ndarray, "points classes"]:
        return np.asarray(Predictions.from_logits(heads.predict(true.features)).probs[0])

    def _disagreement(self, true: TrueLabels) -> Float[np.ndarray, " points"]:
        """Say how probable it is that students of two groups, each drawn by its probabilities, call two classes."""
        probs = Predictions.from_logits(self.weak.of_groups.predict(true.features)).probs
        n = len(probs)
        # mean over pairs g != h of sum_k p_gk p_hk = (|sum_g p_g|^2 - sum_g |p_g|^2) / (n (n - 1))
        same = np.square(probs.sum(axis=0)).sum(axis=-1) - np.square(probs).sum(axis=(0, 2))
        return np.asarray(1 - same / (n * (n - 1)))


def _doubt(
    probs: Float[np.ndarray, "points classes"], said: Float[np.ndarray, "points classes"]
) -> Float[np.ndarray, " points"]:
    """Say how improbable the labels are to the student; where there is none, how unsure the student itself is."""
    return np.asarray(1 - (probs * np.where(np.isnan(said), probs, said)).sum(axis=-1))
