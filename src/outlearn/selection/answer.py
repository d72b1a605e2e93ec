"""The answer of a choice: what the best candidates say together, and single heads in its place.

The answer is the dual mean of the best candidates' students, each at one spread and cut at the class shares, joined by
a trained head where that helps (`selection.companion`), and calibrated by the students of other labelers
(`selection.calibration`). Candidates that a criterion ranks among its best are nearly equally good by it and err at
different points; their mean has their bias and less variance than each, and does not hang on which of them happens to
be first. Of linear heads it is itself one linear head (`learners.fitted`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from jaxtyping import Float

from outlearn.core.feature_matrix import FeatureMatrix
from outlearn.core.predictions import Predictions
from outlearn.core.students.agreement import consensus
from outlearn.learners.convex import fit_convex
from outlearn.learners.fitted import Heads
from outlearn.learners.jobs import HeadJob
from outlearn.losses import get_loss
from outlearn.selection.calibration import Calibration, crossed_calibration
from outlearn.selection.candidates import Candidate, HeadCandidate
from outlearn.selection.choice import Choice
from outlearn.selection.class_shares import comparable
from outlearn.selection.companion import Joined, joined
from outlearn.selection.labelers import Labelings
from outlearn.selection.train import Learned, Report, average_heads, fit_candidates

__all__ = ["Answer", "fit_answer", "fit_answers"]

C_GRID = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)  # inverse ridge of the distillate, per example: sum CE + |W|^2 / (2 C)
TRAIN = "answer: training examples"


@dataclass(frozen=True, eq=False)
class Answer:
    """The answer's students, one a model.

    Attributes:
        heads: complete: features as they come go in, logits come out.
        logits: set of points -> logits.
        called: share of the student split that each model gives each class.
        n_trained: how many students were made for it.
        calibration: what its logits were multiplied by, and what was added.
        of_groups: what the same candidates make of the labelings that were compared, one a labeling.
        joined: what was made of the candidates and a trained head; None where there was none.
    """

    heads: Heads
    logits: Mapping[str, Float[np.ndarray, "models points classes"]]
    called: Float[np.ndarray, "models classes"]
    n_trained: int
    calibration: Calibration
    of_groups: Heads
    joined: Joined | None

    @classmethod
    def of(
        cls,
        heads: Heads,
        learned: Learned,
        points: Mapping[str, FeatureMatrix],
        n_trained: int,
        by: Calibration,
        of_groups: Heads,
        joined: Joined | None,
    ) -> Answer:
        """See what heads, calibrated so, say of the student split and of the points."""
        called = heads.predict(learned.features).argmax(axis=-1)
        shares = np.stack([np.bincount(each, minlength=heads.n_classes) for each in called]) / called.shape[1]
        return cls(
            heads, {name: heads.predict(x) for name, x in points.items()}, shares, n_trained, by, of_groups, joined
        )


def fit_answer(
    learned: Learned,
    labelings: Labelings,
    choice: Choice,
    points: Mapping[str, FeatureMatrix],
    models: Sequence[tuple[int, int]],
    *,
    form: str = "average",
    progress: Report | None = None,
) -> Answer:
    """Make the answer.

    Args:
        learned: what the choice was made on.
        labelings: who labeled it.
        choice: which candidates are best.
        points: sets of features to predict.
        models: (labeling, seed) of each student of the answer, labelings counted among those the answer learns from.
        form: a name in `core.labelers.recipes.FORMS`.
        progress: called with (parts done, all parts).
    """
    return fit_answers(learned, labelings, [choice], points, models, form=form, progress=progress)[0]


def fit_answers(
    learned: Learned,
    labelings: Labelings,
    choices: Sequence[Choice],
    points: Mapping[str, FeatureMatrix],
    models: Sequence[tuple[int, int]],
    *,
    form: str = "average",
    progress: Report | None = None,
) -> list[Answer]:
    """Make the answers of several choices among the same candidates, as `fit_answer` makes each: no student twice."""
    first = labelings.answers.start
    answers = [(first + labeling, seed) for labeling, seed in models]
    everyone = answers + [(g, models[0][1] + g) for g in range(labelings.n_compared)]
    members = [choice.members[:1] if form == "best" else choice.members for choice in choices]
    wanted = list(dict.fromkeys(each for of_choice in members for each in of_choice))
    made = {}
    for fitted in fit_candidates(learned, {TRAIN: learned.features}, wanted, everyone, progress=progress):
        made[fitted.candidate] = (fitted.heads, comparable(fitted.logits[TRAIN], learned.shares))

    @cache
    def trained(candidate: HeadCandidate) -> Heads:
        (fitted,) = fit_candidates(learned, {}, [candidate], everyone)
        return fitted.heads

    def answer(of_choice: Sequence[Candidate]) -> Answer:
        averages = average_heads([made[member] for member in of_choice])
        made_of, n_trained = None, len(of_choice) * len(everyone)
        if form != "best" and learned.base.hidden is None:
            linear = form == "distilled"
            made_of = joined(averages, learned, labelings, trained, len(answers), linear=linear)
            averages, n_trained = made_of.heads, n_trained + len(everyone)
        of_groups = averages.select(slice(len(answers), None))
        calibration = crossed_calibration(of_groups.predict(learned.features), with_offsets=learned.base.bias)
        if form == "distilled":
            heads = _distilled(learned, labelings, averages, len(answers))
        else:
            heads = averages.select(slice(0, len(answers)))
        return Answer.of(calibration.applied(heads), learned, points, n_trained, calibration, of_groups, made_of)

    return [answer(of_choice) for of_choice in members]


def _distilled(learned: Learned, labelings: Labelings, heads: Heads, n_answers: int) -> Heads:
    """Distil the averages into convex heads; those of the groups, after the first `n_answers`, choose the ridge."""
    soft = Predictions.from_logits(heads.predict(learned.features)).probs

    def distillates(rows: slice, c: float) -> Heads:
        jobs = [HeadJob(i, get_loss("forward_ce")) for i in range(len(soft[rows]))]
        fit = fit_convex(learned.features, soft[rows], jobs, {}, C=c, bias=learned.base.bias)
        return average_heads([(fit.heads, comparable(fit.heads.predict(learned.features), learned.shares))])

    who = labelings.compared("student")

    def agreed(c: float) -> float:
        logits = distillates(slice(n_answers, None), c).predict(learned.features)
        students = Predictions.from_logits(logits, point_ids=who.point_ids, teacher_of=np.arange(len(logits)))
        return consensus(who, students).consensus

    return distillates(slice(0, n_answers), max(C_GRID, key=agreed))
