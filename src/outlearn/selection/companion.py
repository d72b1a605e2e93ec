"""A trained head beside the discriminants: half the say with many classes, all of it where they fail.

Discriminants compare class means. With many classes these are noisy, and where classes are no clouds about a mean (each
a pair of digits, say) they fail altogether. One head of reverse cross-entropy is therefore trained for each labeling.
Of three answers, discriminants, head, and both averaged, at one spread and cut at the class shares, the usual one is

    discriminants    with up to 20 classes
    both             with more

unless another's students are in more consensus (`core.students.agreement`), by 0.03: more than it was seen to err by on
any task of clouds, and less than where discriminants fail (docs/auto.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from outlearn.core.predictions import Predictions
from outlearn.core.students.agreement import consensus
from outlearn.learners.fitted import Heads
from outlearn.selection.candidates import companion
from outlearn.selection.class_shares import comparable
from outlearn.selection.labelers import Labelings
from outlearn.selection.train import Learned, average_heads, fit_candidates

__all__ = ["Joined", "joined"]

MANY_CLASSES = 20
MARGIN = 0.03  # of consensus
DISCRIMINANTS, BOTH, HEAD = 0.0, 0.5, 1.0  # the head's weight


@dataclass(frozen=True, eq=False)
class Joined:
    """What was made of discriminants and the trained head.

    Attributes:
        heads: the averages, one a model.
        weight: of the trained head, 0, 0.5 or 1.
        consensus: weight -> the consensus of the students of that answer.
    """

    heads: Heads
    weight: float
    consensus: dict[float, float]


def joined(
    averages: Heads, learned: Learned, labelings: Labelings, models: Sequence[tuple[int, int]], first_compared: int
) -> Joined:
    """Train the head for each model, and choose among the three answers.

    Args:
        averages: of the discriminants, one a model.
        learned: what they learned from.
        labelings: who is compared.
        models: (labeling, seed) of each, those of the compared labelings last.
        first_compared: where these begin.
    """
    n_examples = len(learned.targets[0])
    (trained,) = fit_candidates(learned, {}, [companion(n_examples, learned.base)], models)
    parts = [(each, comparable(each.predict(learned.features), learned.shares)) for each in (averages, trained.heads)]
    answers = {DISCRIMINANTS: averages, BOTH: average_heads(parts), HEAD: average_heads(parts[1:])}
    who = labelings.compared("student")
    points = learned.features[: who.n_points]  # points of known truth come after them

    def agreed(heads: Heads) -> float:
        logits = heads.select(slice(first_compared, None)).predict(points)
        students = Predictions.from_logits(logits, point_ids=who.point_ids, teacher_of=np.arange(len(logits)))
        return consensus(who, students).consensus

    found = {weight: agreed(heads) for weight, heads in answers.items()}
    usual = BOTH if averages.n_classes > MANY_CLASSES else DISCRIMINANTS
    best = max(found, key=lambda weight: found[weight])
    weight = best if found[best] > found[usual] + MARGIN else usual
    return Joined(answers[weight], weight, found)
