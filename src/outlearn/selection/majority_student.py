"""What a plain student of the labelers' majority calls: logistic regression, or a hidden layer where no line follows.

The majority of labels is right where single ones are not, and a student takes the majority among points alike. A line
does that for features of texts. Of tables with few columns a class may lie within another: no line then follows the
majority, and the shares of what it calls are of no use. Where there are many labeled points for each feature, a head
with a hidden layer is tried on two halves of them, and taken if it meets the majority of the other half more often, by
two standard errors.
"""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float, Int

from outlearn.core.feature_matrix import FeatureMatrix
from outlearn.core.randomness import generator
from outlearn.learners.absent_classes import with_every_class
from outlearn.learners.convex import fit_convex
from outlearn.learners.heads import fit_predict
from outlearn.learners.jobs import HeadJob, HeadSettings
from outlearn.losses import get_loss
from outlearn.selection.candidates import curved_companion, may_curve

__all__ = ["called_by_majority_student"]

CLEARLY = 2.0  # standard errors


def called_by_majority_student(
    votes: Float[np.ndarray, "points classes"], answered: Float[np.ndarray, " points"], features: FeatureMatrix
) -> Int[np.ndarray, " points"]:
    """Return the class that the student calls at each point.

    The logistic regression is scikit-learn's default (C = 1, standardised features): it only has to follow the
    majority, and its ridge matters little to how many points it calls what.

    Args:
        votes: the majority's class, equal parts where some tie; each class has a vote somewhere.
        answered: 0 at a point that nobody labels; it is called, and teaches nothing.
        features: of the points.
    """
    n, loss = len(votes), get_loss("forward_ce")
    known = np.flatnonzero(answered)
    if not may_curve(len(known), features.shape[1]):
        straight = fit_convex(features, votes[None], [HeadJob(0, loss, 0)], {"own": features}, weights=answered[None])
        return np.asarray(straight.logits["own"][-1, 0].argmax(axis=-1))
    first = np.zeros(n, dtype=bool)
    first[generator(0, "halves").permutation(known)[: len(known) // 2]] = True
    weights = np.stack([answered, answered * first, answered * ~first])
    targets = with_every_class(votes, weights)  # a rare class may be absent from a half
    jobs = [HeadJob(row, loss, row, row) for row in range(3)]
    base = HeadSettings()
    settings = curved_companion(n, base).settings(base)
    fits = (
        fit_convex(features, targets, jobs, {"own": features}, weights=weights),
        fit_predict(features, targets, jobs, {"own": features}, settings=settings, weights=weights),
    )
    straight, curved = (fit.logits["own"][-1].argmax(axis=-1) for fit in fits)  # [all and halves, points]
    right = [votes[known, np.where(first, said[2], said[1])[known]] for said in (straight, curved)]
    gain = right[1] - right[0]
    better = gain.mean() > CLEARLY * gain.std() / math.sqrt(len(gain))
    return np.asarray(curved[0] if better else straight[0])
