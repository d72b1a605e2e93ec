"""What a student gains over its labeler, judged by labelers that did not label for it.

A label that played no part in training a student, or belongs to a point that the student did not see, errs
independently of the student. Agreement with it is then a scale on which the student and its labeler can be compared:
under even noise (`outlearn.core.labelers.shared_answer`) with a judge B of skill r_B,

    P(student gives the shared answer) - P(labeler does) = (P(student = B) - P(labeler = B)) / r_B.

The sign needs no model of noise beyond that independence. What this is worth against the truth depends on the shared
bias: where the shared answer is wrong (a share `bias` of points), following it better is a loss, and leaving it is a
gain. Whatever the student does there, the gain in accuracy lies between

    gain - bias rate K / (K - 1)   and   gain + bias (2 - rate K / (K - 1)),

`rate` being how often the labeler misses the shared answer: at the lower end the student gives the wrong shared answer
at all of these points, at the upper end the right one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from outlearn.core.gaps import mean_of_known
from outlearn.core.labelers.influence import LinearisedEstimate, average, mean_estimate, with_controls
from outlearn.core.labelers.labeler_agreement import chance_corrected
from outlearn.core.labelers.shared_answer import Skills, miss_rate
from outlearn.core.labelers.strata import DrawnStrata, mean_of_drawn, over_all_less_drawn
from outlearn.core.top_class import top_class

__all__ = [
    "Judged", "accuracy_for", "break_even_bias", "crossed_gain", "gain_bounds", "true_gain", "values_by_class",
    "vote_shares",
]  # fmt: skip

Labels = Int[np.ndarray, "labelers points"]


@dataclass(frozen=True, eq=False)
class Judged:
    """Hold the answers that are compared, judge by judge.

    Attributes:
        judges: which labeler judges.
        answers: for each judge float `[points, classes]`: the share of each class in the answer that is judged, such as
            one-hot rows of a student. A row of nan is no answer.
        rivals: for each judge the same, of what it is compared with.
    """

    judges: tuple[int, ...]
    answers: tuple[Float[np.ndarray, "points classes"], ...]
    rivals: tuple[Float[np.ndarray, "points classes"], ...]


def vote_shares(labels: Labels, n_classes: int, *, plurality: bool) -> Float[np.ndarray, "points classes"]:
    """Count the labels of each point, as shares; or give the most frequent class, ties shared evenly.

    Returns:
        `[points, classes]`; nan where no labeler gave a label.

    Examples:
        >>> vote_shares(np.array([[0, 1, 0], [0, 0, -1]]), 2, plurality=True)
        array([[1. , 0. ],
               [0.5, 0.5],
               [1. , 0. ]])
    """
    counts = np.stack([(labels == k).sum(axis=0) for k in range(n_classes)], axis=1).astype(np.float64)
    total = counts.sum(axis=1, keepdims=True)
    with np.errstate(invalid="ignore"):
        return np.where(total > 0, top_class(counts) if plurality else counts / total, math.nan)


def right(answers: Float[np.ndarray, "points classes"], labels: Int[np.ndarray, " points"]) -> np.ndarray:
    """Return the share of an answer that is on the label, nan where there is no answer or no label."""
    taken = answers[np.arange(len(labels)), np.maximum(labels, 0)]
    return np.where(labels >= 0, taken, math.nan)


def crossed_gain(judged: Judged, labels: Labels, skills: Skills) -> LinearisedEstimate:
    """Estimate how much more often the answers give the shared answer than their rivals do.

    sum over judges of P(answer = B) - P(rival = B), over the points where all three exist, divided by the sum of the
    judges' skills: judges that guess say nothing and weigh nothing.

    Examples:
        >>> from outlearn.core.labelers.influence import mean_estimate
        >>> labels = np.array([[0, 0, 1, 1, 0]])
        >>> student, labeler = np.eye(2)[[0, 0, 1, 1, 1]], np.eye(2)[[0, 1, 1, 0, 1]]
        >>> perfect = Skills({0: mean_estimate(np.ones(5))})
        >>> crossed_gain(Judged((0,), (student,), (labeler,)), labels, perfect).value.__round__(6)
        0.4
    """
    numerator, denominator = [], []
    for judge, answer, rival in zip(judged.judges, judged.answers, judged.rivals, strict=True):
        difference = right(answer, labels[judge]) - right(rival, labels[judge])
        numerator.append(mean_estimate(difference, ~np.isnan(difference), ends=(-1.0, 1.0)))
        denominator.append(skills.each[judge])
    # P(student gives the shared answer) - P(labeler does) = (P(student = B) - P(labeler = B)) / r_B, summed over judges
    return average(numerator) / average(denominator)


def values_by_class(judged: Judged) -> Float[np.ndarray, "points classes"]:
    """Say what each point adds to the gain, were each class the true one: the mean over judges of answer less rival.

    Returns:
        Values in [-1, 1]; nan where nothing is compared.
    """
    return np.stack(
        [
            mean_of_known(np.stack([a[:, k] - r[:, k] for a, r in zip(judged.answers, judged.rivals, strict=True)]))
            for k in range(judged.answers[0].shape[1])
        ],
        axis=1,
    )


def true_gain(
    judged: Judged,
    labels: Labels,
    true_labels: Int[np.ndarray, " points"],
    strata: DrawnStrata | None = None,
    guess: Float[np.ndarray, "points classes"] | None = None,
) -> LinearisedEstimate:
    """Estimate how much more often the answers are right than their rivals, from a few true labels.

    The crossed difference, which all points give, steadies it: its mean over the few points less that over all is a
    control (`with_controls`). So does what the gain would be if the truth were as is guessed.

    Args:
        judged: the answers and rivals; averaged over judges.
        labels: `[labelers, points]`.
        true_labels: -1 where it is not known.
        strata: how the points of known truth were drawn; None: at random from all.
        guess: how likely each class is to be the true one (`guessed_truth`); None: no such control.

    Examples:
        >>> student, labeler = np.eye(2)[[0, 0, 1, 1, 1]], np.eye(2)[[0, 1, 1, 0, 1]]
        >>> labels, truth = np.array([[0, 0, 1, 1, 0]]), np.array([0, 1, 1, 1, -1])
        >>> true_gain(Judged((0,), (student,), (labeler,)), labels, truth).value
        0.0
    """
    differences, controls = [], []
    for judge, answer, rival in zip(judged.judges, judged.answers, judged.rivals, strict=True):
        differences.append(right(answer, true_labels) - right(rival, true_labels))
        controls.append(right(answer, labels[judge]) - right(rival, labels[judge]))
    difference, seen = mean_of_known(np.stack(differences)), [mean_of_known(np.stack(controls))]
    few, by_class = ~np.isnan(difference), values_by_class(judged)
    if guess is not None:
        seen.append((guess * by_class).sum(axis=1))
    # Where student and labeler say the same the difference is 0 whatever is true: nothing is uncertain there.
    values = np.nan_to_num(by_class)
    estimate = mean_of_drawn(difference, few, strata, ends=(values.min(axis=1), values.max(axis=1)))
    return with_controls(estimate, [control for each in seen for control in over_all_less_drawn(each, few, strata)])


def gain_bounds(
    gain: LinearisedEstimate, rate: LinearisedEstimate, bias: float, n_classes: int
) -> tuple[LinearisedEstimate, LinearisedEstimate]:
    """Bound the gain in true accuracy, below and above, where a share `bias` of the shared answers is wrong.

    `gain` is over the shared answer, from `crossed_gain`; `rate` is how often the labeler misses that answer.

    Examples:
        >>> from outlearn.core.labelers.influence import mean_estimate
        >>> tenth = mean_estimate(np.array([1.0] + [0.0] * 9))
        >>> [round(b.value, 3) for b in gain_bounds(tenth, tenth * 2, 0.1, 2)]
        [0.06, 0.26]
    """
    # gain - bias rate K / (K - 1), and gain + bias (2 - rate K / (K - 1))
    lower = gain - rate * (bias * n_classes / (n_classes - 1))
    return lower, lower + 2 * bias


def break_even_bias(gain: LinearisedEstimate, rate: LinearisedEstimate, n_classes: int) -> LinearisedEstimate:
    """Estimate the shared bias up to which the gain in accuracy has the sign of the gain over the shared answer.

    gain (K - 1) / (K rate) for a gain, -gain / (2 - rate K / (K - 1)) for a loss: where a bound of `gain_bounds` is 0.

    Examples:
        >>> from outlearn.core.labelers.influence import mean_estimate
        >>> tenth = mean_estimate(np.array([1.0] + [0.0] * 9))
        >>> [round(break_even_bias(gain, tenth * 2, 2).value, 4) for gain in (tenth, -tenth)]
        [0.25, 0.0625]
    """
    scaled = rate * (n_classes / (n_classes - 1))
    return gain / scaled if gain.value > 0 else -gain / (2.0 - scaled)


def accuracy_for(judged: Judged, labels: Labels, skills: Skills, n_classes: int) -> LinearisedEstimate:
    """Estimate how often the answers are the shared one: 1 - (1 - r)(K - 1) / K with r = sum_B q_B / sum_B r_B.

    Examples:
        >>> from outlearn.core.labelers.influence import mean_estimate
        >>> labels, student = np.array([[0, 0, 1, 1, 0]]), np.eye(2)[[0, 0, 1, 1, 1]]
        >>> perfect = Skills({0: mean_estimate(np.ones(5))})
        >>> accuracy_for(Judged((0,), (student,), (student,)), labels, perfect, 2).value.__round__(6)
        0.8
    """
    hits = [right(answer, labels[judge]) for judge, answer in zip(judged.judges, judged.answers, strict=True)]
    agreement = average([mean_estimate(hit, ~np.isnan(hit)) for hit in hits])
    # q_B = (K P(answer = B) - 1) / (K - 1) = r r_B
    product = chance_corrected(agreement, n_classes)
    return 1.0 - miss_rate(product / average([skills.each[judge] for judge in judged.judges]), n_classes)
