"""Figures of the ridge and subspace experiments: mechanisms by which a student wins in linear regression."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from outlearn.report import style
from outlearn.report.charts import Axis, Chart, Mark, Panel, Rule
from outlearn.report.page import Figure
from outlearn.report.theory_figures import dots, line, log_axis, numbers_table, rows_where
from outlearn.report.theory_text import number
from outlearn.results.theory import TheoryResult

__all__ = ["ridge_figures", "subspace_figures"]

MEASURED, THEORY, ZERO = style.ROLES["measured"], style.ROLES["theory"], style.ROLES["noise"]


def ridge_figures(result: TheoryResult) -> tuple[Figure, ...]:
    """Draw the sign change over the teacher's penalty, and the terms over the student's."""
    return (_sign_change(result), _student_penalty(result))


def _sign_change(result: TheoryResult) -> Figure:
    curve, limit = result.curves["penalties"], result.curves["limit"]
    threshold = float(result.curves["threshold"]["teacher_penalty"][0])
    student = float(curve["student_penalty"].min())
    rows = rows_where(curve, student_penalty=student)
    scaled = {**rows, **{name: rows[name] / student for name in ("gap", "gap_low", "gap_high", "gap_exact")}}
    claim = next((c for c in result.claims if "turns to loss" in c.text), None)
    found = f"at {number(claim.measured)} in simulation (predicted {number(claim.predicted)})" if claim else "outside"
    marks = (
        line("exact, given the spectra", THEORY, scaled["teacher_penalty"], scaled["gap_exact"]),
        line("limit of large sizes", style.SERIES[2], limit["teacher_penalty"], limit["gap"] / student),
        dots("simulated, 95%", MEASURED, scaled, "teacher_penalty", "gap"),
        Rule(ZERO, y=0.0),
        Rule(THEORY, x=threshold),
    )
    return Figure(
        key="ridge-sign",
        title="A slightly penalised student gains exactly where its teacher is under-regularised",
        chart=Chart(
            (
                Panel(
                    log_axis("penalty of the teacher", limit["teacher_penalty"]),
                    Axis("gap per unit of student penalty"),
                    marks,
                ),
            )
        ),
        finding=f"The gain turns to loss {found}: noise variance * d / |beta|^2, the optimal penalty.",
        how_to_read=f"The student's penalty is {student:g}. The vertical line is the predicted sign change.",
        table=numbers_table(
            "Gap per unit of student penalty",
            scaled,
            ("teacher_penalty", "gap", "gap_low", "gap_high", "gap_exact", "teacher_risk"),
            {"teacher_penalty": "teacher's penalty", "gap_exact": "exact", "teacher_risk": "teacher's risk"},
        ),
    )


def _student_penalty(result: TheoryResult) -> Figure:
    curve = result.curves["penalties"]
    threshold = float(result.curves["threshold"]["teacher_penalty"][0])
    teachers = np.unique(curve["teacher_penalty"])
    under = float(teachers[np.argmin(np.abs(np.log(teachers / threshold * 4)))])
    over = float(teachers[np.argmin(np.abs(np.log(teachers / threshold / 4)))])
    panels = []
    for penalty in dict.fromkeys((under, over)):
        rows = rows_where(curve, teacher_penalty=penalty)
        marks: list[Mark] = [line("gap, exact", THEORY, rows["student_penalty"], rows["gap_exact"])]
        marks += [
            dots(f"{term}, simulated", style.ROLES[term], rows, "student_penalty", term)
            for term in ("gap", "misfit", "residual")
        ]
        kind = "under" if penalty < threshold else "over"
        panels.append(
            Panel(
                log_axis("penalty of the student", rows["student_penalty"]),
                Axis("squared loss"),
                (*marks, Rule(ZERO, y=0.0)),
                f"{kind}-regularised teacher ({penalty:g})",
            )
        )
    rows = rows_where(curve, teacher_penalty=under)
    best = int(np.argmax(rows["gap"]))
    return Figure(
        key="ridge-student",
        title="The gain is residual at small penalties; the misfit grows only with its square",
        chart=Chart(tuple(panels), columns=2, panel_height=280, share_y=False),
        finding=(
            f"From a teacher with penalty {under:g} the student gains most, {number(rows['gap'][best])}, at a penalty "
            f"of {rows['student_penalty'][best]:g}; from one with penalty {over:g} it gains at none."
            if (rows_where(curve, teacher_penalty=over)["gap"] < 0).all() and rows["gap"][best] > 0
            else f"From a teacher with penalty {under:g} the gap is at most {number(rows['gap'][best])}."
        ),
        table=numbers_table(
            "Terms of the gap",
            curve,
            ("teacher_penalty", "student_penalty", "gap", "gap_exact", "misfit", "residual"),
            {"teacher_penalty": "teacher's penalty", "student_penalty": "student's penalty"},
        ),
    )


def subspace_figures(result: TheoryResult) -> tuple[Figure, ...]:
    """Draw the inherited variance over the student's examples, and the estimator of the correlation dimension."""
    return (_variances(result), _estimator(result))


def _variances(result: TheoryResult) -> Figure:
    curve, lines = result.curves["variances"], result.curves["lines"]
    marks: list[Mark] = []
    for index, q in enumerate(np.unique(curve["correlation_dimension"])):
        look = style.series_style(index)
        smooth, rows = rows_where(lines, correlation_dimension=q), rows_where(curve, correlation_dimension=q)
        marks.append(line(f"q = {q:g}", look, smooth["student_examples"], smooth["student"]))
        marks.append(dots(f"q = {q:g}", look, rows, "student_examples", "student"))
    sizes = np.unique(lines["student_examples"])
    teacher = float(curve["teacher_exact"][0])
    marks.append(
        line("teacher", replace(style.ROLES["teacher"], dash="longdashdot"), sizes, np.full(sizes.size, teacher))
    )
    low = rows_where(curve, correlation_dimension=float(curve["correlation_dimension"].min()))
    high = rows_where(curve, correlation_dimension=float(curve["correlation_dimension"].max()))
    return Figure(
        key="subspace-variance",
        title="A student forgets the variance of directions that it does not share with its teacher",
        chart=Chart(
            (Panel(log_axis("examples of the student", sizes), log_axis("variance", lines["student"]), tuple(marks)),)
        ),
        finding=(
            f"With {low['student_examples'][-1]:g} examples, a student that shares {low['correlation_dimension'][0]:g} "
            f"directions keeps {low['student'][-1] / teacher:.0%} of its teacher's variance, one that shares "
            f"{high['correlation_dimension'][0]:g} keeps {high['student'][-1] / teacher:.0%}."
        ),
        how_to_read=(
            "q is the correlation dimension. Lines are exact, marks simulated with 95% intervals. All error is "
            "variance: the target lies in both feature spaces."
        ),
        table=numbers_table(
            "Variances",
            curve,
            (
                "correlation_dimension",
                "student_examples",
                "student",
                "student_low",
                "student_high",
                "student_exact",
                "student_leading",
                "misfit",
                "residual",
            ),
            {
                "correlation_dimension": "q",
                "student_examples": "N",
                "student_exact": "exact",
                "student_leading": "leading order",
            },
        ),
    )


def _estimator(result: TheoryResult) -> Figure:
    curve, features = result.curves["estimator"], result.curves["features"]
    correlations = result.curves["canonical_correlations"]
    ends = np.array([0.0, 1.05 * max(curve["true"].max(), curve["plug_in"].max())])
    first = Panel(
        Axis("true correlation dimension"),
        Axis("estimate"),
        (
            line("right", THEORY, ends, ends),
            dots("corrected, 95%", MEASURED, curve, "true", "corrected"),
            dots("plug-in", replace(style.SERIES[1], symbol="square-open"), curve, "true", "plug_in"),
        ),
        "On samples of known q",
    )
    second = Panel(
        Axis("rank"),
        Axis("canonical correlation", limits=(-0.03, 1.05)),
        (dots("real features", style.SERIES[2], correlations, "rank", "correlation", size=6),),
        "Of real features",
    )
    one = {name: column[0] for name, column in features.items()}
    note = result.notes[0].split(":")[0] if result.notes else "The features"
    return Figure(
        key="subspace-estimator",
        title="The correlation dimension can be estimated; the plug-in value cannot be used",
        chart=Chart((first, second), columns=2, panel_height=280),
        finding=(
            f"{note} share {one['value']:.1f} [{one['low']:.1f}, {one['high']:.1f}] of {one['teacher_dimension']:.0f} "
            f"and {one['student_dimension']:.0f} directions."
        ),
        how_to_read="q is the sum of the squared canonical correlations, corrected for the number of points.",
        table=numbers_table(
            "Estimates on samples of known q",
            curve,
            ("true", "corrected", "corrected_low", "corrected_high", "plug_in"),
            {"true": "true q", "plug_in": "plug-in"},
        ),
    )
