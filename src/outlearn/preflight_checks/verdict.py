"""The answer in words, and what to do about it: one verdict of nine, decided by the rule of `core.verdict`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from outlearn.core import verdict as core_verdict
from outlearn.core.intervals import Interval
from outlearn.core.verdict import has_interval
from outlearn.results.measurement import Withheld
from outlearn.results.preflight_parts import VERDICTS, StudentReport, TruthReport, Verdict

__all__ = ["NoStudents", "decide"]

CALIBRATE = (
    "Give true labels to the points marked `calibrate` in points_to_check.csv (drawn at random; --out writes it) and "
    "run again with --true FILE: nothing else measures shared bias."
)
LISTED = (
    "Give true labels to the points of the list that was drawn, from the top on, and run again with --true LIST: "
    "nothing else measures shared bias."
)
FIX_GUIDE = (
    "Most of the error is shared: more labels, labelers or a student of them will not remove it. Read the points "
    "marked `mistake` for the pattern, then change what labelers are told, or take labelers that err elsewhere."
)
SMALLEST_GAIN = 0.005  # half a point in a hundred: less is no reason to label more


@dataclass(frozen=True)
class NoStudents:
    """Why no student is judged, and what would change that, beside true labels."""

    reason: str
    advice: str


def decide(
    student: StudentReport | NoStudents | None,
    truth: TruthReport | Withheld,
    *,
    largest_bias: float,
    last_doubling: Interval | Withheld,
    pooling: Interval | Withheld,
    one_class: Sequence[str] = (),
    listed: bool = False,
) -> Verdict:
    """Choose the verdict.

    With true labels the interval of the true gain decides. Without them that of the gain over the shared answer does:
    "gain" or "no gain" if its sign holds for any shared bias up to the largest allowed for. Else the two sides differ.
    A student that follows the shared answer better usually still gains, if less, where that answer is at times wrong:
    "gain unless shared bias". One that departs from it may be too weak to learn it, or unable to learn a mistake in it,
    and no agreement tells which: "depends on shared bias".

    Args:
        student: of all labelers, or of one; or why there is none. None for labels that agree no more than chance: they
            cannot judge a student.
        largest_bias: the shared bias that the bounds of the gain allow for.
        truth, last_doubling, pooling: what true labels, more points and more labelers bring. More of them is advised
            only where the lower end of the gain is above `SMALLEST_GAIN`: on a large table any gain is above 0.
        listed: points to give true labels next were drawn.
        one_class: sets of classes that labelers take for one another, in words. A student is then surer than they are
            of a difference that is none, which without true labels looks like a gain.
    """
    if student is None:
        check = (
            "Check that the columns are labels of the same points, in the same classes, and that each labeler "
            "understood the task. A student of such labels learns nothing."
        )
        return Verdict("unrelated labels", f"{_sentence('unrelated labels')}.", (check,))
    about_truth = [LISTED] if listed else _truth_advice(truth)
    advice: list[str] = []
    if isinstance(student, NoStudents):
        advice = [*filter(None, [student.advice]), *about_truth]
        return Verdict("no students", f"{_sentence('no students')}: {student.reason}.", tuple(advice))
    measured = has_interval(student.true_gain)
    gain = student.true_gain if measured and isinstance(student.true_gain, Interval) else student.gain
    over = student.true_over_vote if has_interval(student.true_over_vote) else student.over_vote
    found = core_verdict.decide(gain, combinations={"vote of the same labelers": over})
    outcome = core_verdict.standing(gain).outcome
    certain = measured or student.accuracy_gain.low > 0 or student.accuracy_gain.high < 0
    break_even = math.nan if isinstance(student.break_even, Withheld) else student.break_even
    if outcome == "withheld":
        advice.append(f"Label more points: {core_verdict.standing(gain).reason}.")
        return Verdict("not measured", f"{_sentence('not measured')}: there is no interval.", tuple(advice))
    if outcome == "beats" and one_class and not measured:
        key = "classes not told apart"
        merge = (
            f"Write {'; '.join(one_class)} as one class if they mean the same, leave the cell empty if one is a "
            "refusal, and run again: a student is always surer which of them it is than labelers are, which looks "
            "like a gain. If they are different classes, these labels do not teach the difference."
        )
        return Verdict(key, f"{_sentence(key)}.", (merge, *about_truth))
    if outcome == "beats":
        key = "gain" if certain else "gain unless shared bias"
        if certain:
            advice.append(found.advice)
        else:
            advice.append(
                f"This is a gain in accuracy for a shared bias below {break_even:.1%} of points, whatever the "
                "student does there; above, only where it does not take the bias over."
            )
    elif outcome == "worse":
        key = "no gain" if certain else "depends on shared bias"
        if certain:
            advice.append(found.advice)
        else:
            advice.append(
                f"It is a loss of accuracy for a shared bias below {break_even:.1%} of points. Above, it may "
                "be a gain: a student that cannot learn a mistake which all labelers share departs from them too. Only "
                "true labels tell; the points marked `suspect` are where to look first."
            )
        advice.append(
            "If it is a loss, keep the labels as they are and give the student stronger features (--encoder wordllama, "
            "or features of your own model as TEXTS.npy) before more labels."
        )
    else:
        key = "undecided"
        more = "give more points true labels" if measured else "label more points"
        advice.append(f"The gain lies between {gain.low:+.3f} and {gain.high:+.3f}: {more} to tell.")
    of_vote = core_verdict.standing(over).outcome
    if outcome == "beats":
        if of_vote == "worse":
            where = "" if measured else " on the shared answer, its mistakes included"
            advice.append(f"Where all labelers answer, their vote does better than the student{where}.")
        elif of_vote == "not told apart":
            advice.append(
                "A vote of the same labelers is not told apart from the student: it is worth its cost where labelers "
                "are not asked."
            )
    if isinstance(last_doubling, Interval) and last_doubling.low > SMALLEST_GAIN:
        advice.append(
            f"More points help: the last doubling gave the student {last_doubling.mean:+.3f}; expect less of the next."
        )
    if isinstance(pooling, Interval) and pooling.low > SMALLEST_GAIN:
        advice.append(f"More labelers help: the student of all of them is {pooling.mean:+.3f} better than of one.")
    advice += about_truth
    return Verdict(key, f"{_sentence(key)} {_size(student, largest_bias)}.", tuple(advice))


def _sentence(key: str) -> str:
    return VERDICTS[key][0].upper() + VERDICTS[key][1:]


def _size(student: StudentReport, largest_bias: float) -> str:
    if isinstance(student.true_gain, Interval):
        return f"(gain in accuracy {student.true_gain}, measured with true labels)"
    return (
        f"(gain {student.gain} over the shared answer; in accuracy between {student.accuracy_gain.low:.3f} and "
        f"{student.accuracy_gain.high:.3f} for any shared bias up to {largest_bias:.0%} of points)"
    )


def _truth_advice(truth: TruthReport | Withheld) -> list[str]:
    if isinstance(truth, Withheld):
        return [CALIBRATE]
    if truth.removable.high < 0.5:
        return [FIX_GUIDE]
    return []
