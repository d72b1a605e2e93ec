"""How likely each class is to be the true one at each point: a guess from labels and students, without true labels.

It says where true labels tell most (`core.labelers.allocation`), and its mean is a control that narrows what few true
labels measure (`core.labelers.influence.with_controls`). Neither can be made wrong by a bad guess, only wide.

The guess is the mean of the labels' shares and of students' answers, of which (1 - d) is believed, d being the doubt
that all of them are wrong together. No agreement shows what labelers have in common. It is guessed to be as much as two
labelers that err by themselves would miss at once, the square of how often one misses the shared answer: labelers that
agree in nearly everything are nearly believed. (A posterior under independent errors, Dawid and Skene's, foresees the
truth of simulated labelers better, and of real ones worse: where real labelers are split they are wrong far more often
than independence has it.)
"""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax

__all__ = ["as_sure_as_right", "guessed_truth"]

DOUBT = 0.1  # at most: of labelers that miss a third of the shared answers, and where nobody knows what they miss
LEAST_MISSED = 0.05  # labelers that were never seen to differ are not taken for ones that cannot be wrong
LEAST_CHANCE = 1e-12
LARGEST_LOG_POWER = math.log(20.0)


def as_sure_as_right(
    probs: Float[np.ndarray, "points classes"], given: Float[np.ndarray, "points classes"]
) -> Float[np.ndarray, "points classes"]:
    """Raise answers to the power at which they foresee the labels best: p^a / sum p^a, a by maximum likelihood.

    A strong ridge makes students far less sure than they are right; their order of the points is what is used.

    Examples:
        >>> probs, given = np.tile([[0.6, 0.4], [0.4, 0.6]], (50, 1)), np.tile(np.eye(2), (50, 1))
        >>> bool(as_sure_as_right(probs, given)[0, 0] > 0.95)
        True
    """
    logs = np.log(np.maximum(probs, LEAST_CHANCE))

    def loss(log_power: float) -> float:
        return -float((given * log_softmax(np.exp(log_power) * logs, axis=1)).sum())

    found = minimize_scalar(loss, bounds=(-LARGEST_LOG_POWER, LARGEST_LOG_POWER), method="bounded")
    return np.asarray(softmax(np.exp(found.x) * logs, axis=1))


def guessed_truth(
    given: Float[np.ndarray, "points classes"],
    answers: Float[np.ndarray, "points classes"] | None,
    *,
    missed: float | None,
) -> Float[np.ndarray, "points classes"]:
    """Guess how likely each class is to be the true one.

    Args:
        given: shares of each point's labels, or the mean of its distributions; nan where there is no label.
        answers: of students on points that they did not see; None without students.
        missed: how often a label misses the shared answer; None where it is not known.

    Returns:
        Distributions; nan where there is no label.

    Examples:
        >>> given = np.array([[1.0, 0.0], [2 / 3, 1 / 3]])
        >>> guessed_truth(given, None, missed=0.1).round(3)
        array([[0.995, 0.005],
               [0.665, 0.335]])
    """
    labeled = ~np.isnan(given).any(axis=1)
    seen = given[labeled]
    if answers is not None:
        seen = (seen + as_sure_as_right(answers[labeled], seen)) / 2
    doubt = DOUBT if missed is None else min(max(missed, LEAST_MISSED) ** 2, DOUBT)
    found = np.full(given.shape, np.nan)
    found[labeled] = (1 - doubt) * seen + doubt / given.shape[1]
    return found
