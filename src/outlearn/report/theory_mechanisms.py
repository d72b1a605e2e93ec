"""Figures of the ridge and subspace experiments: mechanisms by which a student wins in linear regression."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from outlearn.report import style
from outlearn.report.blocks import Figure
from outlearn.report.charts import Axis, Chart, Mark, Panel, Rule
from outlearn.report.theory_figures import dots, line, log_axis, numbers_table, rows_where
from outlearn.report.theory_text import number
from outlearn.results.theory import TheoryResult

__all__ = ["estimator_figure", "inherited_variance_figure", "sign_change_figure", "student_penalty_figure"]

TERMS = ("gap", "misfit", "residual")
MEASURED, THEORY, ZERO = style.ROLES["measured"], style.ROLES["theory"], style.ROLES["noise"]


def sign_change_figure(result: TheoryResult) -> Figure:
    """Draw the gap of a slightly penalised student over its teacher's penalty."""
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
    x = log_axis("penalty of the teacher", limit["teacher_penalty"])
    return Figure(
        key="ridge-sign",
        title="A slightly penalised student gains exactly where its teacher is under-regularised",
        chart=Chart((Panel(x, Axis("gap per unit of student penalty"), marks),)),
        finding=f"The gain turns to loss {found}: noise variance * d / |beta|^2, the optimal penalty.",
        how_to_read=f"The student's penalty is {student:g}. The vertical line is the predicted sign change.",
        table=numbers_table(
            "Gap per unit of student penalty",
            scaled,
            ("teacher_penalty", "gap", "gap_low", "gap_high", "gap_exact", "teacher_risk"),
            {"teacher_penalty": "teacher's penalty", "gap_exact": "exact", "teacher_risk": "teacher's risk"},
        ),
    )


def student_penalty_figure(result: TheoryResult) -> Figure:
    """Draw the terms of the gap over the student's penalty, for an under- and an over-regularised teacher."""
    curve = result.curves["penalties"]
    threshold = float(result.curves["threshold"]["teacher_penalty"][0])
    teachers = np.unique(curve["teacher_penalty"])
    under, over = (float(teachers[np.argmin(np.abs(np.log(teachers / at)))]) for at in (threshold / 4, threshold * 4))
    panels = []
    for penalty in dict.fromkeys((under, over)):
        rows = rows_where(curve, teacher_penalty=penalty)
        marks: tuple[Mark, ...] = (
            line("gap, exact", THEORY, rows["student_penalty"], rows["gap_exact"]),
            *(dots(f"{term}, simulated", style.ROLES[term], rows, "student_penalty", term) for term in TERMS),
            Rule(ZERO, y=0.0),
        )
        x = log_axis("penalty of the student", rows["student_penalty"])
        kind = "under" if penalty < threshold else "over"
        panels.append(Panel(x, Axis("squared loss"), marks, f"{kind}-regularised teacher ({penalty:g})"))
    rows = rows_where(curve, teacher_penalty=under)
    best = int(np.argmax(rows["gap"]))
    found = f"From a teacher with penalty {under:g} the gap is at most {number(rows['gap'][best])}."
    if (rows_where(curve, teacher_penalty=over)["gap"] < 0).all() and rows["gap"][best] > 0:
        found = (
            f"From a teacher with penalty {under:g} the student gains most, {number(rows['gap'][best])}, at a penalty "
            f"of {rows['student_penalty'][best]:g}; from one with penalty {over:g} it gains at none."
        )
    return Figure(
        key="ridge-student",
        title="The gain is residual at small penalties; the misfit grows only with its square",
        chart=Chart(tuple(panels), columns=2, panel_height=280, share_y=False),
        finding=found,
        table=numbers_table(
            "Terms of the gap",
            curve,
            ("teacher_penalty", "student_penalty", "gap", "gap_exact", "misfit", "residual"),
            {"teacher_penalty": "teacher's penalty", "student_penalty": "student's penalty"},
        ),
    )


def inherited_variance_figure(result: TheoryResult) -> Figure:
    """Draw the variance that the student inherits over its examples."""
    curve, lines = result.curves["variances"], result.curves["lines"]
    marks: list[Mark] = []
    of_q = []
    for index, q in enumerate(np.unique(curve["correlation_dimension"])):
        look = style.series_style(index)
        smooth, rows = rows_where(lines, correlation_dimension=q), rows_where(curve, correlation_dimension=q)
        marks.append(line(f"q = {q:g}", look, smooth["student_examples"], smooth["student"]))
        marks.append(dots(f"q = {q:g}", look, rows, "student_examples", "student"))
        of_q.append(rows)
    sizes = np.unique(lines["student_examples"])
    teacher = float(curve["teacher_exact"][0])
    look = replace(style.ROLES["teacher"], dash="longdashdot")
    marks.append(line("teacher", look, sizes, np.full(sizes.size, teacher)))
    panel = Panel(log_axis("examples of the student", sizes), log_axis("variance", lines["student"]), tuple(marks))
    least, most = (
        f"{rows['correlation_dimension'][0]:g} {what} {rows['student'][-1] / teacher:.0%}"
        for what, rows in (("directions keeps", of_q[0]), ("keeps", of_q[-1]))
    )
    return Figure(
        key="subspace-variance",
        title="A student forgets the variance of directions that it does not share with its teacher",
        chart=Chart((panel,)),
        finding=(
            f"With {curve['student_examples'].max():g} examples, a student that shares {least} of its teacher's "
            f"variance, one that shares {most}."
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


def estimator_figure(result: TheoryResult) -> Figure:
    """Draw the estimator of the correlation dimension, on samples of known q and of real features."""
    curve, features = result.curves["estimator"], result.curves["features"]
    correlations = result.curves["canonical_correlations"]
    ends = np.array([0.0, 1.05 * max(curve["true"].max(), curve["plug_in"].max())])
    estimates = (
        line("right", THEORY, ends, ends),
        dots("corrected, 95%", MEASURED, curve, "true", "corrected"),
        dots("plug-in", replace(style.SERIES[1], symbol="square-open"), curve, "true", "plug_in"),
    )
    first = Panel(Axis("true correlation dimension"), Axis("estimate"), estimates, "On samples of known q")
    marks = (dots("real features", style.SERIES[2], correlations, "rank", "correlation", size=6),)
    second = Panel(Axis("rank"), Axis("canonical correlation", limits=(-0.03, 1.05)), marks, "Of real features")
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
