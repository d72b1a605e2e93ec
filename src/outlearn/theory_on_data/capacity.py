"""Students of growing capacity on real data: who comes to the posterior-mean teacher, and who copies its own.

Teachers are ridge on few weak features with few labels; students are ridge on random features of strong ones. The
posterior-mean teacher is the mean of all teachers that could have been drawn; it is estimated from teachers that had no
part in the student. Theory and reading: docs/theory/real-capacity.md.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from outlearn.theory.experiments.base import Findings, OnProgress
from outlearn.theory_on_data.capacity_claims import Capacity, claims_of_capacity, curves_of_capacity
from outlearn.theory_on_data.capacity_measures import TERMS, measure
from outlearn.theory_on_data.capacity_settings import RealCapacitySettings
from outlearn.theory_on_data.capacity_students import STUDENTS, fit_students
from outlearn.theory_on_data.capacity_teachers import draw_teachers
from outlearn.theory_on_data.linear_equivalent import LinearTask, compare_linear
from outlearn.theory_on_data.tasks import RealTask, read_tasks

__all__ = ["simulate_capacity"]


def simulate_capacity(settings: RealCapacitySettings, rng: np.random.Generator, progress: OnProgress) -> Findings:
    """Draw splits of every task, fit students of every width, and measure them."""
    tasks, notes = read_tasks(settings.tasks)
    found = []
    for index, (task, own) in enumerate(zip(tasks, rng.spawn(len(tasks)), strict=True)):
        progress(index / len(tasks))

        def step(done: float, at: int = index) -> None:
            progress((at + done) / len(tasks))

        found.append(_of_task(task, settings, own, step))
    return Findings(
        claims=claims_of_capacity(found),
        curves=curves_of_capacity(found),
        notes=(*notes, *(each.note for each in found)),
    )


def _of_task(
    task: RealTask, settings: RealCapacitySettings, rng: np.random.Generator, progress: Callable[[float], None]
) -> Capacity:
    capacity = Capacity(task.name, settings, task.nested, (len(task.target), task.weak.shape[1], task.strong.shape[1]))
    linear = LinearTask.of(task)
    for split, own in enumerate(rng.spawn(settings.splits)):
        teachers, of_linear = draw_teachers(task, settings, own), draw_teachers(linear.task, settings, own)
        weak, target = teachers.predictions[:, teachers.test], task.target[teachers.test]
        capacity.teacher_risk[split] = np.square(weak - target).mean()
        capacity.variance[split] = weak.var(axis=0, ddof=1).mean()
        for index, width in enumerate(settings.widths):
            fitted = fit_students(task, teachers, width, settings, own)
            for kind, terms in zip(STUDENTS, measure(task, teachers, fitted).values(), strict=True):
                for term in TERMS:
                    capacity.values[kind.name][term][index, split] = getattr(terms, term)
            capacity.ceiling[index, split] = np.square(fitted.ceiling - target).mean()
            for name, value in compare_linear(linear, of_linear, width, own).items():
                capacity.linear[name][index, split] = value
        progress((split + 1) / settings.splits)
    return capacity
