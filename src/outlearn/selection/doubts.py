"""Where the assumptions of a choice look broken, in sentences: no true label is needed to see it."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from outlearn.core.students.criteria import CRITERIA
from outlearn.selection.choice import Choice
from outlearn.selection.class_shares import ClassShares

__all__ = ["doubts"]

ALIKE = 0.999  # of the points: labelers that agree there do not tell students apart
ONE_CLASS = 0.999
ALIGNED = 0.6  # cosine between what students share and what labelers share, below which they share other things
COLLAPSED = 1.3  # one class is called so many times as often as its share, and nearly everywhere
NEARLY_ALL = 0.97


def doubts(
    choice: Choice,
    shares: ClassShares | None,
    called: Float[np.ndarray, "models classes"],
    class_names: Sequence[str],
    *,
    members_answer: bool = True,
) -> tuple[str, ...]:
    """List what a reader should know before trusting the choice.

    Args:
        choice: what was chosen.
        shares: that students were brought to, if they were.
        called: share of the student split that each student of the answer gives each class.
        class_names: in order.
        members_answer: False where a trained head answers alone: what the candidates' students share is not its.
    """
    found = []
    facts = choice.facts
    agreed, named = facts.labelers_agree, facts.most_named
    if np.isnan(agreed):
        found.append(
            "No point is labeled by two of the labelers that are compared, so that how far they agree cannot be seen: "
            "the choice goes by students, which label every point."
        )
    elif agreed > ALIKE:
        found.append(
            f"The labelers that are compared agree at {agreed:.1%} of the points: agreement with another labeler says "
            "no more than agreement with one's own, and the choice favours students that copy."
        )
    if named > ONE_CLASS:
        found.append(
            "A labeler that is compared names one class nearly everywhere, so that nothing agrees with it beyond "
            "chance; candidates cannot be told apart by it, and the first of equals is taken."
        )
    kx, ks = (
        float(choice.values[choice.index, list(CRITERIA).index(name)]) for name in ("crossed_kappa", "student_kappa")
    )
    # With sigma, tau the mean student and labeler: kx = <sigma, tau>, ks = |sigma|^2, kl = |tau|^2 (docs/auto.md).
    kl = facts.labelers_kappa
    if members_answer and ks > 0 and kl > 0 and kx < ALIGNED * math.sqrt(ks * kl):
        found.append(
            f"Students agree with each other (kappa {ks:.2f}) on other things than labelers do ({kl:.2f}; students "
            f"with the labels of others {kx:.2f}): they may share a prejudice. Some true labels would tell."
        )
    if shares is not None and (far := shares.warning(facts.weak_shares, class_names)):
        found.append(far)
    mean = called.mean(axis=0)
    top = int(mean.argmax())
    expected = float((facts.weak_shares if shares is None else shares.values)[top])
    if mean[top] > min(NEARLY_ALL, COLLAPSED * expected) and mean[top] > expected + 0.1:
        found.append(
            f"The answer calls {mean[top]:.0%} of the points {class_names[top]}, whose share is {expected:.0%}: it may "
            "have collapsed to that class."
        )
    return tuple(found)
