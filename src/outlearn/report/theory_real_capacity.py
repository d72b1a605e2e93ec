"""Figures of `outlearn theory real-capacity`: distances, the terms of the gap, and the closed form, against width."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from outlearn.report import style
from outlearn.report.blocks import Figure
from outlearn.report.charts import Axis, Chart, Mark, Panel, Rule
from outlearn.report.theory_figures import dots, largest, line, log_axis, numbers_table, rows_where
from outlearn.results.theory import Curve, TheoryResult

__all__ = ["capacity_figure", "closed_form_figure", "gap_figure"]

SMALL = "small penalty"  # in the names of students whose penalty is not tuned
TEACHER = replace(style.ROLES["teacher"], dash="longdashdot")
ZERO = style.ROLES["noise"]
WIDTH = "width of the student"


def capacity_figure(result: TheoryResult) -> Figure:
    """Draw how far each student is from the posterior-mean teacher, and from the teacher it learned from."""
    students, tasks = result.curves["students"], result.curves["tasks"]
    panels = _panels(students, tasks, (("distance", "Distance to the posterior mean"), ("misfit", "Misfit")))
    return Figure(
        key="real-capacity-distance",
        title="Capacity copies the teacher that it learns from; of a mean of teachers it makes the posterior mean",
        chart=Chart(panels, columns=_columns(tasks), panel_height=290),
        finding=" ".join(_distances(students, task) for task in _names(tasks)),
        how_to_read=(
            "Marks are means with 95% intervals over splits. The dashed line is the variance of teachers about their "
            "mean: the distance of a student that copies its teacher, and the misfit of one that is the posterior "
            "mean. What a small penalty sends far above is cut off; the table has it."
        ),
        table=numbers_table(
            "Students",
            students,
            (
                *("task", "student", "width", "distance", "distance_low", "distance_high", "conditional_distance"),
                *("misfit", "misfit_low", "misfit_high", "risk"),
            ),
            {"distance": "distance to the posterior mean", "conditional_distance": "the same, given the student"},
        ),
    )


def gap_figure(result: TheoryResult) -> Figure:
    """Draw the gap, and what of it is not misfit."""
    students, tasks = result.curves["students"], result.curves["tasks"]
    panels = _panels(students, tasks, (("gap", "Gap: what the student gains"), ("residual", "Gap - misfit")))
    return Figure(
        key="real-capacity-gap",
        title="The gap comes closer to the misfit with capacity, from below",
        chart=Chart(panels, columns=_columns(tasks), panel_height=290),
        finding=" ".join(_gaps(students, task) for task in _names(tasks)),
        how_to_read=(
            "Above 0 in the upper row a student is better than its teachers. Gap - misfit is 0 for a student that is "
            "the posterior-mean teacher."
        ),
        table=numbers_table(
            "Terms of the gap",
            students,
            ("task", "student", "width", "gap", "gap_low", "gap_high", "residual", "residual_low", "residual_high"),
            {"residual": "gap - misfit"},
        ),
    )


def closed_form_figure(result: TheoryResult) -> Figure:
    """Draw measured and predicted misfit and gap of linear random features."""
    curve = result.curves["closed_form"]
    panels = []
    for term in ("misfit", "gap"):
        for task in _names(curve):
            rows = rows_where(curve, task=task)
            marks: tuple[Mark, ...] = (
                line("predicted", style.ROLES["theory"], rows["width"], rows[f"{term}_predicted"]),
                dots("measured", style.ROLES[term], rows, "width", term),
            )
            panels.append(Panel(log_axis(WIDTH, rows["width"]), Axis(term), marks, f"{task}: {term}"))
    errors = np.abs(curve["misfit"] / curve["misfit_predicted"] - 1)
    off = np.abs(curve["gap"] - curve["gap_predicted"])
    return Figure(
        key="real-capacity-closed-form",
        title="Where a closed form applies, it predicts real features",
        chart=Chart(tuple(panels), columns=_columns(curve), panel_height=240),
        finding=(
            f"The misfit is at most {errors.max():.1%} from its deterministic equivalent, the gap at most "
            f"{off.max():.3f} from its own; nothing is fitted."
        ),
        how_to_read=(
            "Students on linear random features of whitened inputs, with a penalty of one per example. What of the "
            "teacher is not linear in these inputs counts as label noise."
        ),
        table=numbers_table(
            "Linear students",
            curve,
            ("task", "width", "misfit", "misfit_low", "misfit_high", "misfit_predicted", "gap", "gap_predicted"),
        ),
    )


def _panels(students: Curve, tasks: Curve, terms: Sequence[tuple[str, str]]) -> tuple[Panel, ...]:
    panels = []
    for term, title in terms:
        for task in _names(tasks):
            marks: list[Mark] = []
            for index, student in enumerate(dict.fromkeys(students["student"].tolist())):
                rows, look = rows_where(students, task=task, student=student), style.SERIES[index]
                marks += [line(student, look, rows["width"], rows[term]), dots(student, look, rows, "width", term)]
            widths = rows_where(tasks, task=task)["width"]
            if term in ("distance", "misfit"):
                marks.append(line("variance of teachers", TEACHER, widths, rows_where(tasks, task=task)["variance"]))
            marks.append(Rule(ZERO, y=0.0))
            axis = Axis(title, limits=_limits(students, task, term))
            panels.append(Panel(log_axis(WIDTH, widths), axis, tuple(marks), f"{task}: {title.split(':')[0].lower()}"))
    return tuple(panels)


def _limits(students: Curve, task: str, term: str) -> tuple[float, float]:
    """Hold every student with a tuned penalty; one with a small penalty has a peak at width = examples."""
    tuned = np.array([SMALL not in name for name in students["student"]]) & (students["task"] == task)
    low, high = largest(-students[f"{term}_low"][tuned]), largest(students[f"{term}_high"][tuned])
    top, bottom = max(1.6 * high, 0.0), min(-1.3 * low, 0.0)
    room = 0.04 * (top - bottom)
    return bottom - room, top + room


def _names(curve: Curve) -> list[str]:
    return list(dict.fromkeys(curve["task"].tolist()))


def _columns(curve: Curve) -> int:
    return min(len(_names(curve)), 2)


def _distances(students: Curve, task: str) -> str:
    tuned = [name for name in dict.fromkeys(students["student"].tolist()) if SMALL not in name]
    found = []
    for name in tuned:
        rows = rows_where(students, task=task, student=name)
        found.append(f"{name} {rows['distance'][0]:.3f} to {rows['distance'][-1]:.3f}")
    widths = students["width"]
    return f"{task}, distance at widths {widths.min()} to {widths.max()}: {'; '.join(found)}."


def _gaps(students: Curve, task: str) -> str:
    name = [each for each in dict.fromkeys(students["student"].tolist()) if SMALL not in each][-1]
    rows = rows_where(students, task=task, student=name)
    terms = (
        f"{title} {rows[term][0]:.3f} to {rows[term][-1]:.3f}"
        for term, title in (("gap", "gap"), ("residual", "gap - misfit"))
    )
    return f"{task}, {name}, at widths {rows['width'][0]} to {rows['width'][-1]}: {'; '.join(terms)}."
