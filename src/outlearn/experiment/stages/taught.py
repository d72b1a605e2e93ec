"""What true labels bring to the student that is chosen: one stage teaches it by parts of them.

The true labels of the validation split are used by `student.true_labels`; the answers they teach are judged at the test
points. Without a student of all teachers, or without true labels that are used, there is no such stage.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Int

from outlearn.core.students.foreseen import most_foreseen
from outlearn.errors import DataError
from outlearn.experiment.stages.auto import AutoStudents
from outlearn.experiment.stages.students import student_seed
from outlearn.results.label_gain import LabelGain
from outlearn.results.measurement import Withheld
from outlearn.selection import Teaching
from outlearn.store.stage import Entries, Stage, Work
from outlearn.store.store import Entry

__all__ = ["gain_of_labels", "taught_stage"]

VERSION = 3
NEXT = 100  # true labels that a reader may think of adding: an hour or two of work
PICKED = "picked/"
REFUSED = "refused"  # the message, as bytes: a part of few labels may show one class only


def taught_stage(auto: AutoStudents) -> Stage | None:
    """Describe the teaching by parts of the true labels that are used; None where there is none.

    Its arrays: the classes that answers call at the test points, `none`, `quarters`, `whole` and `picked/WAY`; or
    `refused`, why the labels cannot be taken apart.
    """
    config = auto.labeling.config
    if config.student.true_labels == "none" or not auto.recipe.combines:
        return None

    def compute(entries: Entries, work: Work) -> dict[str, np.ndarray]:
        labelings = auto.labelings(entries)
        learned = auto.learned(entries, labelings, auto.class_shares(entries["choice"]))
        student = config.student
        teaching = Teaching(
            learned,
            labelings,
            auto.choice(entries["choice"]),
            student.true_labels,
            student.answer,
            student_seed(config, 0, 0),
        )
        true, said = auto.true_labels(entries), labelings.learned("validation")
        assert true is not None  # as they are used
        probs = said.probs[0] if said.answered is None else np.where(said.answered[0][:, None], said.probs[0], np.nan)
        with work.progress.bar("what true labels bring"):
            try:
                taught = teaching.by(true, probs, auto.rows(entries, "test"))
            except DataError as few:
                return {REFUSED: np.frombuffer(str(few).encode(), np.uint8)}
        found = {"none": taught.none, "quarters": taught.quarters, "whole": taught.whole}
        return {**found, **{PICKED + way: called for way, called in taught.picked.items()}}

    return Stage(
        f"{auto.recipe.name}, what true labels bring",
        VERSION,
        {"use": config.student.true_labels, "answer": config.student.answer},
        {**auto.inputs, "choice": auto.choice_stage},
        compute,
    )


def gain_of_labels(
    entry: Entry, auto: AutoStudents, labels: Int[np.ndarray, " points"], *, level: float
) -> LabelGain | Withheld:
    """Measure what true labels bring, by the true labels of the test points."""
    n, called = len(auto.used_labels), entry.arrays
    if REFUSED in called:
        return Withheld(called[REFUSED].tobytes().decode())
    right = {name: (each == labels).astype(np.float64) for name, each in called.items()}
    return LabelGain.of(
        auto.labeling.config.student.true_labels,
        right["none"],
        right["quarters"],
        right["whole"],
        {name.removeprefix(PICKED): each for name, each in right.items() if name.startswith(PICKED)},
        n_learned=n,
        n_labels=n,
        n_next=min(NEXT, most_foreseen(n, n)),
        level=level,
    )
