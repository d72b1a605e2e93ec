"""Which points to check by hand: a random sample, which alone measures shared bias, and labels that look wrong."""

from __future__ import annotations

import numpy as np

from outlearn.core.labelers.crossed_gain import vote_shares
from outlearn.data.label_table import LabelTable
from outlearn.results.preflight_parts import PointToCheck

__all__ = ["points_to_check"]

N_CALIBRATE = 100
MAX_SUSPECTS = 50
MAX_MISTAKES = 50


def points_to_check(table: LabelTable, probs: np.ndarray | None, rng: np.random.Generator) -> tuple[PointToCheck, ...]:
    """List points to check.

    - "calibrate": drawn at random from those without a true label, in random order, so that any number of the first
      ones is a random sample.
    - "mistake": points of known truth on which all labelers give the same wrong answer: shared bias to read.
    - "suspect": points where students that did not see the point answer otherwise than most labelers did, most sure
      first; without students, points on which labelers are split most.

    `probs` is the mean of the students' answers, `[points, classes]`, or None.
    """
    true = np.full(table.n_points, -1) if table.true_labels is None else table.true_labels
    known = true >= 0
    shares = np.nan_to_num(vote_shares(table.labels, table.n_classes, plurality=False), nan=0.0)
    # Of classes with as many votes, the one that the students find likelier: they do not answer otherwise than it.
    most = shares == shares.max(axis=1, keepdims=True)
    vote = (most if probs is None else np.where(most, probs, -1.0)).argmax(axis=1)
    given = shares.sum(axis=1) > 0
    if probs is None:
        split = 1 - shares.max(axis=1)
        score = np.where(given & (split > 0), split, -1.0)
        reasons = [f"the labelers are split: {share:.0%} say something else" for share in split.tolist()]
    else:
        sure = probs.max(axis=1) - probs[np.arange(len(vote)), vote]
        score = np.where(given & (sure > 0), sure, -1.0)
        reasons = ["students that did not see the point answer otherwise than most labelers"] * len(vote)
    score[known] = -1.0
    ranked = [i for i in np.argsort(-score, kind="stable").tolist() if score[i] > 0]
    random = rng.permutation(np.flatnonzero(~known))[:N_CALIBRATE].tolist()

    def point(i: int, kind: str, reason: str) -> PointToCheck:
        answer = None if probs is None else int(probs[i].argmax())
        return PointToCheck(
            index=i,
            id=table.ids[i],
            kind=kind,
            reason=reason,
            vote=table.class_names[int(vote[i])] if given[i] else "",
            student=None if answer is None else table.class_names[answer],
            student_sure=None if probs is None or answer is None else float(probs[i, answer]),
        )

    calibrate = [point(i, "calibrate", "drawn at random, to measure shared bias") for i in random]
    mistakes = [
        point(i, "mistake", f"the true label is {table.class_names[int(true[i])]}")
        for i in np.flatnonzero(known & given & (shares.max(axis=1) == 1) & (vote != true))[:MAX_MISTAKES].tolist()
    ]
    return (*calibrate, *mistakes, *(point(i, "suspect", reasons[i]) for i in ranked[:MAX_SUSPECTS]))
