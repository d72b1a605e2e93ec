"""What a run says to do: which of its differences are cheaper ways to the same end, and the rule of `core.verdict`."""

from __future__ import annotations

from outlearn.core.intervals import Interval
from outlearn.core.labelers.combinations import COMBINATIONS, NUMBER_COMBINATIONS
from outlearn.core.verdict import Verdict, decide
from outlearn.results.measurement import Withheld
from outlearn.results.numbers import NumberResults
from outlearn.results.run import RunResults

__all__ = ["NOT_COMPARED", "TRUE_LABEL_CONTROLS", "verdict"]

NOT_COMPARED = Withheld("no paired difference was measured")

# The student's model on true labels and no weak one: name of the difference -> words. Where it does better, weak labels
# are not worth their cost.
TRUE_LABEL_CONTROLS = {
    "own_labels": "same model on the teacher's own true labels",
    "all_labels": "same model on all teachers' true labels",
}


def verdict(results: RunResults | NumberResults, loss: str, *, best_of: int = 1) -> Verdict:
    """Say what to do about the students of one loss, picked on the test points as the best of so many.

    Of classes by differences in accuracy, of numbers by differences in risk, the other's less the student's.

    They are compared with their own teachers, with what the teachers do without a student (each combination, and the
    one that is best on validation, where there are several), and with their own model on true labels. A ceiling says
    how much room there is only if it had as many labels as the students, and none of them is shown to be above it.
    """
    student = results.students[loss]
    differences = {
        name: each.best_of(best_of) if isinstance(each, Interval) else each
        for name, each in student.differences.items()
    }
    known = {**NUMBER_COMBINATIONS, **COMBINATIONS}
    without_student = {
        known[name].of_teachers if name in known else f"{name} of the teachers": f"ensemble_{name}"
        for name in results.ensembles
    } | {"best teacher on validation": "best_teacher"}
    several = results.teacher.models > 1
    is_ceiling = results.ceiling.labels >= results.task.n_student and not results.ceiling.exceeded_by
    return decide(
        differences.get("teacher", NOT_COMPARED),
        combinations={
            words: differences[name] for words, name in without_student.items() if several and name in differences
        },
        controls={words: differences[name] for name, words in TRUE_LABEL_CONTROLS.items() if name in differences},
        room=student.recovery.room if is_ceiling else None,
    )
