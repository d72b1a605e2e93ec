"""Will a student of these numbers beat a labeler? One verdict of those of classes, decided by the same rule.

Without true numbers students are judged by the answer a that labelers share. With g the gain towards it and
d = E (s - a)^2 the student's distance from it, the gain in squared error is

    g - 2 E (s - a)(a - y),        at least g - 2 sqrt(d b),    b = E (a - y)^2 the squared shared bias

by Cauchy and Schwarz, so that the sign of g is that of the gain for every b below g^2 / (4 d).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from outlearn.core import verdict as core_verdict
from outlearn.core.intervals import Interval
from outlearn.core.verdict import has_interval, is_above_zero
from outlearn.results.measurement import Withheld
from outlearn.results.number_preflight import NumberStudent, NumberTruth, judged_student
from outlearn.results.preflight_parts import VERDICTS, Verdict

__all__ = ["break_even_bias", "decide_numbers"]

CALIBRATE = (
    "Give true numbers to points drawn at random (--label-next N draws them, and says how many tell how much) and run "
    "again with --true FILE: nothing else measures shared bias."
)
LISTED = (
    "Give true numbers to the points of the list that was drawn, from the top on, and run again with --true LIST: "
    "nothing else measures shared bias."
)
SHARED = (
    "Most of the error is shared: more labelers or a student of them will not remove it. Change what labelers are "
    "told, or take labelers that err elsewhere."
)
STRONGER = (
    "Keep the numbers as they are and give the student stronger features (--encoder wordllama, or features of your own "
    "model as TEXTS.npy) before more labels."
)
MEAN = "mean of the same labelers"


def decide_numbers(
    students: Sequence[NumberStudent],
    truth: NumberTruth | Withheld,
    variance: Interval | Withheld,
    agreement: Interval | Withheld,
    *,
    why_none: str,
    listed: bool = False,
) -> Verdict:
    """Choose the verdict.

    Args:
        students: of one labeler, and of their mean; the last that can be judged is.
        truth, variance, agreement: of the labelers.
        why_none: why there is no student.
        listed: points to give true numbers next were drawn.
    """
    student = judged_student(students)
    about_truth = _about_truth(truth, variance, listed=listed)
    if isinstance(agreement, Interval) and has_interval(agreement) and not is_above_zero(agreement):
        check = (
            "Check that the columns are numbers of the same points, on the same scale and in the same direction. A "
            "student of such numbers learns nothing."
        )
        return Verdict("unrelated labels", f"{_sentence('unrelated labels')}: correlation {agreement}.", (check,))
    if student is None:
        return Verdict("no students", f"{_sentence('no students')}: {why_none}.", tuple(about_truth))
    measured, gain = has_interval(student.true_over_labeler), student.best_over_labeler
    of_mean = student.true_gain if measured else student.gain
    combinations = {MEAN: of_mean} if student is students[-1] and len(students) > 1 else {}
    found = core_verdict.decide(gain, combinations=combinations)
    standing = core_verdict.standing(gain)
    if standing.outcome == "withheld":
        key, advice = "not measured", [f"Give more points numbers: {standing.reason}."]
    elif standing.outcome == "not told apart":
        key = "undecided"
        more = "give more points true numbers" if measured else "let more points be labeled"
        assert isinstance(gain, Interval)  # it stands
        advice = [f"The gain lies between {gain.low:+.4g} and {gain.high:+.4g}: {more} to tell."]
    elif measured:
        key, advice = ("gain" if standing.outcome == "beats" else "no gain"), [found.advice]
    else:
        key = "gain unless shared bias" if standing.outcome == "beats" else "depends on shared bias"
        advice = [_if_biased(student, gains=standing.outcome == "beats")]
    if standing.outcome == "worse":
        advice.append(STRONGER)
    if standing.outcome == "beats" and combinations:
        advice += _against_mean(of_mean, measured=measured)
    return Verdict(key, f"{_sentence(key)} {_size(student)}.", (*advice, *about_truth))


def break_even_bias(gain: float, from_shared: float) -> float:
    """Return the squared shared bias g^2 / (4 d) below which a gain towards the shared answer keeps its sign.

    Examples:
        >>> break_even_bias(1.0, 0.25), break_even_bias(1.0, 0.0)
        (1.0, inf)
    """
    return math.inf if from_shared <= 0 else gain**2 / (4 * from_shared)


def _if_biased(student: NumberStudent, *, gains: bool) -> str:
    gain, distance = student.over_labeler, student.from_shared
    assert isinstance(gain, Interval)
    assert isinstance(distance, Interval)  # both are crossed, or neither
    nearest = gain.low if gains else gain.high  # the end nearer to 0
    even = break_even_bias(nearest, distance.mean)
    if gains:
        if math.isinf(even):
            return "The student is at the shared answer: it gains in squared error whatever the shared bias is."
        return (
            f"This is a gain in squared error for a squared shared bias below {even:.4g}, wherever the student errs; "
            "above, only where it does not err the same way."
        )
    return (
        f"It is a loss in squared error for a squared shared bias below {even:.4g}. Above, it may be a gain: a student "
        "that cannot learn a mistake which all labelers share departs from them too. Only true numbers tell."
    )


def _against_mean(of_mean: Interval | Withheld, *, measured: bool) -> list[str]:
    outcome = core_verdict.standing(of_mean).outcome
    if outcome == "worse":
        where = "" if measured else " to the shared answer, its mistakes included"
        nearer = "has less squared error than" if measured else "is nearer than"
        return [f"Where all labelers answer, their mean {nearer} the student{where}."]
    if outcome == "not told apart":
        return ["The mean of the same labelers is not told apart from the student: it is worth its cost where they are "
                "not asked."]  # fmt: skip
    return []


def _about_truth(truth: NumberTruth | Withheld, variance: Interval | Withheld, *, listed: bool) -> list[str]:
    if listed:
        return [LISTED]
    if isinstance(truth, Withheld):
        return [CALIBRATE]
    bias = truth.shared_bias
    if isinstance(bias, Interval) and isinstance(variance, Interval) and has_interval(bias) and has_interval(variance):
        return [SHARED] if bias.low > variance.high else []
    return []


def _size(student: NumberStudent) -> str:
    if isinstance(student.true_over_labeler, Interval):
        return f"(gain in squared error {student.true_over_labeler}, measured with true numbers)"
    return f"(gain {student.over_labeler} in squared distance from the shared answer)"


def _sentence(key: str) -> str:
    return VERDICTS[key][0].upper() + VERDICTS[key][1:]
