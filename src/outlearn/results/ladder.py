"""A ladder of capacity: how students change from the smallest to the largest, under each kind of teachers of a sweep.

The claim that it tests: a student's gain is its misfit where the student is the posterior mean of its teachers, and a
larger student comes closer to that. The own teacher is left out of the mean, or a copy of it would look near. The
misfit, its distance to the own teacher, stands beside it: where both fall, the student fits better, and no more is
shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from jaxtyping import Float

from outlearn.core.across_tasks.block_means import over_splits, ratio_over_splits
from outlearn.core.decomposition.left_out_mean import distance_to_left_out_mean
from outlearn.core.intervals import Interval
from outlearn.core.labelers.combinations import EACH
from outlearn.results.measurement import Measurement, Withheld
from outlearn.results.run_folder import Run
from outlearn.results.sweep import Sweep, SweptRun
from outlearn.results.sweep_comparison import compared_keys

__all__ = ["Ladder", "Rung", "read_ladder"]

NO_OTHERS = "it takes teachers without gaps, two at least, each with students of its own"


@dataclass(frozen=True)
class Rung:
    """Students of one size under one kind of teachers, or how two of them differ: means over splits.

    Attributes:
        accuracy: of the students; `teacher` and `ceiling` are that of the teachers and the tuned ceiling.
        gain: accuracy less that of the teachers.
        pgr: mean gain over the mean of ceiling - teacher.
        misfit: divergence from the own teacher.
        distance_to_others: divergence from the mean of all other teachers; see `distance_to_left_out_mean`.
        risk_gap: risk of the teacher less that of the student, misfit + residual.
        residual: what the gain in risk is beyond the misfit.
    """

    accuracy: Measurement
    teacher: Measurement
    ceiling: Measurement
    gain: Measurement
    pgr: Measurement
    misfit: Measurement
    distance_to_others: Measurement
    risk_gap: Measurement
    residual: Measurement


@dataclass(frozen=True, eq=False)
class _Blocks:
    """The same splits for every student of one loss and kind of teachers.

    Attributes:
        values: name of a measure -> `[students, splits]`, or why it is withheld.
        room: ceiling - teacher in accuracy, `[students, splits]`, or why it is withheld.
        task, split: indices of each split's task and of itself.
        shared: test points over training points of each split.
    """

    values: Mapping[str, Float[np.ndarray, "students splits"] | Withheld]
    room: Float[np.ndarray, "students splits"] | Withheld
    task: np.ndarray
    split: np.ndarray
    shared: np.ndarray
    level: float

    def mean(self, values: Float[np.ndarray, " splits"]) -> Interval:
        """Average over the splits, with an interval for new ones."""
        return over_splits(values, self.task, self.split, self.shared, self.level)

    def rung(self, at: int, minus: int | None = None) -> Rung:
        """Measure one student, or how it differs from another on the same splits."""
        found: dict[str, Measurement] = {}
        for name, values in self.values.items():
            if isinstance(values, Withheld):
                found[name] = values
            else:
                found[name] = self.mean(values[at] if minus is None else values[at] - values[minus])
        return Rung(**found, pgr=self._pgr(at) if minus is None else Withheld("a difference of ratios is not measured"))

    def _pgr(self, at: int) -> Measurement:
        gain = self.values["gain"]
        if isinstance(gain, Withheld):
            return gain
        if isinstance(self.room, Withheld):
            return self.room
        found = ratio_over_splits(gain[at], self.room[at], self.task, self.split, self.shared, self.level)
        if isinstance(found, Withheld):
            return Withheld(f"no gap between teachers and ceiling is shown ({found.reason})")
        return found


@dataclass(frozen=True, eq=False)
class Ladder:
    """What a sweep says of students in the order of their size.

    Attributes:
        key: the varied key that orders them.
        students: its values, from the smallest to the largest. How strong they are is said by their ceilings.
        teachers: kinds of teachers: the values of all other keys but those that choose the points.
        losses: those that were tried with every student.
        misfit: which divergence the misfit is, in words; `mean` which mean of the other teachers.
        unit: of divergences.
    """

    key: str
    students: tuple[str, ...]
    teachers: tuple[str, ...]
    losses: tuple[str, ...]
    misfit: str
    mean: str
    unit: str
    _blocks: Mapping[tuple[str, str], _Blocks]

    @property
    def level(self) -> float:
        """Of all intervals."""
        return next(iter(self._blocks.values())).level

    def teachers_of(self, loss: str) -> tuple[str, ...]:
        """Return the kinds of teachers that have students of a loss."""
        return tuple(kind for kind in self.teachers if (loss, kind) in self._blocks)

    @cached_property
    def rungs(self) -> Mapping[tuple[str, str, str], Rung]:
        """(loss, kind of teachers, student) -> what was measured, intervals for new splits."""
        return {
            (loss, teachers, student): blocks.rung(at)
            for (loss, teachers), blocks in self._blocks.items()
            for at, student in enumerate(self.students)
        }

    def difference(self, loss: str, teachers: str, student: str, minus: str) -> Rung:
        """Return how one student differs from another, split by split; PGR has no difference."""
        blocks = self._blocks[loss, teachers]
        return blocks.rung(self.students.index(student), self.students.index(minus))


def read_ladder(sweep: Sweep) -> Ladder | None:
    """Measure the ladder of a sweep; None where it has none, or no kind of teachers met two students.

    Raises:
        DataError: if the predictions of a run cannot be read.
    """
    key = sweep.record.ladder
    if key is None or not sweep.runs:
        return None
    students = sweep.values_of(key)
    kinds = _kinds(sweep)
    losses = tuple(dict.fromkeys(loss for run in sweep.runs for loss in run.run.students))
    blocks = {}
    for kind in dict.fromkeys(kinds.values()):
        mine = [run for run in sweep.runs if kinds[run.label] == kind]
        for loss in losses:
            found = _gather([run for run in mine if loss in run.run.students], key, students, loss)
            if found is not None:
                blocks[loss, kind] = found
    if len(students) < 2 or not blocks:
        return None
    measure = sweep.runs[0].run.measure
    return Ladder(
        key=key,
        students=students,
        teachers=tuple(dict.fromkeys(kind for _, kind in blocks)),
        losses=tuple(dict.fromkeys(loss for loss, _ in blocks)),
        misfit=measure.misfit,
        mean=measure.posterior_mean,
        unit=measure.unit,
        _blocks=blocks,
    )


def _kinds(sweep: Sweep) -> dict[str, str]:
    """Name the teachers of each run, by its label, after what else was varied; what most of them share goes unsaid."""
    keys = [key for key in compared_keys(sweep) if key != sweep.record.ladder]
    varied = {run.label: tuple(run.value_text(key) for key in keys) for run in sweep.runs}
    kinds = list(dict.fromkeys(varied.values()))
    said = [[text for text in kind if text not in ("none", "None")] for kind in kinds]
    for column in range(len(keys)):
        texts = [kind[column] for kind in kinds]
        most = max(texts, key=texts.count)
        shorter = [[text for text in names if text != most] for names in said]
        tell = all(shorter) and len(set(map(tuple, shorter))) == len(kinds)
        if tell and 2 * texts.count(most) > len(kinds):
            said = shorter
    names = {kind: ", ".join(parts) or "all teachers" for kind, parts in zip(kinds, said, strict=True)}
    return {label: names[kind] for label, kind in varied.items()}


def _gather(runs: list[SweptRun], key: str, students: tuple[str, ...], loss: str) -> _Blocks | None:
    """Collect the splits that every student met; None where there is none."""
    by_split: dict[tuple[str, str], dict[str, Run]] = {}
    for run in runs:
        by_split.setdefault((run.task, str(run.seed)), {})[run.value_text(key)] = run.run
    complete = {split: found for split, found in by_split.items() if len(found) == len(students)}
    if not complete:
        return None
    measured = [[_measure(found[student], loss) for found in complete.values()] for student in students]
    names = measured[0][0].keys()
    gathered = {name: _table([[each[name] for each in row] for row in measured]) for name in names}
    room = gathered.pop("room")
    tasks = list(dict.fromkeys(task for task, _ in complete))
    firsts = [found[students[0]] for found in complete.values()]
    return _Blocks(
        values=gathered,
        room=room,
        task=np.array([tasks.index(task) for task, _ in complete]),
        split=np.arange(len(complete)),
        shared=np.array([run.task.n_test / run.task.n_student for run in firsts]),
        level=firsts[0].measure.level,
    )


def _table(values: list[list[float | Withheld]]) -> Float[np.ndarray, "students splits"] | Withheld:
    """Return numbers as a table; withheld where one is, or is not finite."""
    flat = [each for row in values for each in row]
    for each in flat:
        if isinstance(each, Withheld):
            return each
    table = np.array(values, dtype=np.float64)
    return table if np.isfinite(table).all() else Withheld("it is not finite on some split")


def _measure(run: Run, loss: str) -> dict[str, float | Withheld]:
    """Measure the students of one loss of one run."""
    student = run.students[loss]
    gaps = student.recovery
    found: dict[str, Measurement] = {
        "accuracy": student.accuracy,
        "teacher": run.teacher.accuracy,
        "ceiling": run.ceiling.accuracy,
        "gain": gaps.gain,
        "room": gaps.room,
        "misfit": student.misfit,
        "risk_gap": student.gap,
        "residual": student.residual,
    }
    means = {name: each if isinstance(each, Withheld) else each.mean for name, each in found.items()}
    return {**means, "distance_to_others": _distance_to_others(run, loss)}


def _distance_to_others(run: Run, loss: str) -> float | Withheld:
    if run.students[loss].source != EACH or run.teacher.models < 2:
        return Withheld(NO_OTHERS)
    teachers, students = run.predictions.teachers, run.predictions.students[loss]
    if teachers.answered is not None:
        return Withheld(NO_OTHERS)
    measure = run.measure
    distances = distance_to_left_out_mean(
        replace(teachers, teacher_of=None), students, generator=measure.generator, order=measure.order
    )
    return float(distances.mean())
