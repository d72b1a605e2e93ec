"""The answer in words, and what to do about it: one verdict of seven, decided by intervals alone."""

from __future__ import annotations

from outlearn.core.intervals import Interval
from outlearn.preflight_checks.result import StudentReport, TruthReport, Verdict

__all__ = ["VERDICTS", "decide"]

VERDICTS = {
    "gain": "the student beats a single labeler",
    "gain unless shared bias": "the student follows the labelers' shared answer better than a labeler does",
    "undecided": "the student is not told apart from a labeler",
    "depends on shared bias": "the student departs from the labelers' shared answer more often than a labeler does",
    "no gain": "the student does not beat a labeler",
    "no students": "nothing is said about a student",
    "unrelated labels": "the labels agree no more than chance",
}

CALIBRATE = (
    "Give true labels to the points marked `calibrate` in points_to_check.csv (drawn at random) and run again with "
    "--true FILE: nothing else measures shared bias."
)
FIX_GUIDE = (
    "Most of the error is shared: more labels, labelers or a student of them will not remove it. Read the points "
    "marked `mistake` for the pattern, then change what labelers are told, or take labelers that err elsewhere."
)


def decide(
    student: StudentReport | None,
    truth: TruthReport | None,
    *,
    related: bool,
    no_students: str | None,
    largest_bias: float,
    last_doubling: Interval | None,
    pooling: Interval | None,
) -> Verdict:
    """Choose the verdict.

    With true labels the interval of the true gain decides. Without them that of the gain over the shared answer does:
    "gain" or "no gain" if its sign holds for any shared bias up to the largest allowed for. Else the two sides differ.
    A student that follows the shared answer better usually still gains, if less, where that answer is at times wrong:
    "gain unless shared bias". One that departs from it may be too weak to learn it, or unable to learn a mistake in it,
    and no agreement tells which: "depends on shared bias".

    Args:
        student: of all labelers, or of one.
        truth: what true labels add.
        related: the labels agree more than chance.
        no_students: why there are no students.
        largest_bias: the shared bias that the bounds of the gain allow for.
        last_doubling, pooling: what more points and more labelers bring.
    """
    if not related:
        check = (
            "Check that the columns are labels of the same points, in the same classes, and that each labeler "
            "understood the task. A student of such labels learns nothing."
        )
        return Verdict("unrelated labels", f"{_sentence('unrelated labels')}.", (check,))
    advice: list[str] = []
    if student is None:
        advice = [_why_no_students(no_students), *_truth_advice(truth)]
        return Verdict("no students", f"{_sentence('no students')}: {no_students}.", tuple(advice))
    true = student.true_gain
    gain = student.gain if true is None else true
    certain = true is not None or student.low > 0 or student.high < 0
    if gain.low > 0:
        key = "gain" if certain else "gain unless shared bias"
        if certain:
            advice.append("Train the student on these labels.")
        else:
            advice.append(
                f"This is a gain in accuracy for a shared bias below {student.break_even:.1%} of points, whatever the "
                "student does there; above, only where it does not take the bias over."
            )
    elif gain.high < 0:
        key = "no gain" if certain else "depends on shared bias"
        if not certain:
            advice.append(
                f"It is a loss of accuracy for a shared bias below {student.break_even:.1%} of points. Above, it may "
                "be a gain: a student that cannot learn a mistake which all labelers share departs from them too. Only "
                "true labels tell; the points marked `suspect` are where to look first."
            )
        advice.append(
            "If it is a loss, keep the labels as they are and give the student stronger features (--encoder wordllama, "
            "or features of your own model as TEXTS.npy) before more labels."
        )
    else:
        key = "undecided"
        advice.append(f"The gain lies between {gain.low:+.3f} and {gain.high:+.3f}: label more points to tell.")
    if student.over_vote is not None and gain.low > 0:
        over = student.true_over_vote or student.over_vote
        if over.high < 0:
            where = "" if true is not None else " on the shared answer, its mistakes included"
            advice.append(f"Where all labelers answer, their vote does better than the student{where}.")
        elif not over.low > 0:
            advice.append(
                "A vote of the same labelers is not told apart from the student: it is worth its cost where labelers "
                "are not asked."
            )
    if last_doubling is not None and last_doubling.low > 0:
        advice.append(
            f"More points help: the last doubling gave the student {last_doubling.mean:+.3f}; expect less of the next."
        )
    if pooling is not None and pooling.low > 0:
        advice.append(f"More labelers help: the student of all of them is {pooling.mean:+.3f} better than of one.")
    advice += _truth_advice(truth)
    return Verdict(key, f"{_sentence(key)} {_size(student, largest_bias)}.", tuple(advice))


def _sentence(key: str) -> str:
    return VERDICTS[key][0].upper() + VERDICTS[key][1:]


def _size(student: StudentReport, largest_bias: float) -> str:
    if student.true_gain is not None:
        return f"(gain in accuracy {student.true_gain}, measured with true labels)"
    return (
        f"(gain {student.gain} over the shared answer; in accuracy between {student.low:.3f} and {student.high:.3f} "
        f"for any shared bias up to {largest_bias:.0%} of points)"
    )


def _truth_advice(truth: TruthReport | None) -> list[str]:
    if truth is None:
        return [CALIBRATE]
    if truth.removable.high < 0.5:
        return [FIX_GUIDE]
    return []


def _why_no_students(reason: str | None) -> str:
    if reason is not None and "points" in reason:
        return "Label more points."
    return "Add the texts (a column text, or TEXTS), or features of the points as a .npy file."
