"""Figures of `outlearn theory random-features`: risks, the terms of the gap, the cases of the residual, the penalty."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from outlearn.report import style
from outlearn.report.blocks import Figure
from outlearn.report.charts import Axis, Chart, Mark, Panel, Rule
from outlearn.report.theory_figures import dots, largest, line, log_axis, numbers_table, rows_where
from outlearn.report.theory_text import number
from outlearn.results.theory import TheoryResult

__all__ = ["cases_figure", "penalty_figure", "width_figure"]

NO_PENALTY, PENALTY = style.SERIES[0], style.SERIES[1]
TEACHER = replace(style.ROLES["teacher"], dash="dashdot")
MEDIAN = replace(NO_PENALTY, symbol="circle-open")
EXACT = replace(NO_PENALTY, dash="solid")
EQUIVALENT = replace(PENALTY, dash="dash")
THEORY = style.ROLES["theory"]
TERMS = {"misfit": "Misfit", "distance": "Distance to the posterior mean", "residual": "Residual"}


def width_figure(result: TheoryResult) -> Figure:
    """Draw risks and the terms of the gap against the student's width."""
    free, penalised, lines = (result.curves[name] for name in ("no_penalty", "penalty", "lines"))
    panels = []
    for term, title in {"risk": "Risk (noise-free)", **TERMS}.items():
        # The peak of the exact mean is infinite; the axis ends a little above the largest median.
        ceiling = 1.3 * max(largest(np.abs(free[f"{term}_high"])), largest(np.abs(penalised[f"{term}_high"])))
        mean, median = rows_where(free, reliable=1), rows_where(free, reliable=0)
        marks: list[Mark] = [
            line("no penalty, exact", EXACT, lines["width"], lines[f"exact_{term}"], ceiling=ceiling),
            line("penalty, limit", EQUIVALENT, lines["width"], lines[f"penalty_{term}"], ceiling=ceiling),
            dots("no penalty, mean", NO_PENALTY, mean, "width", term),
            dots("no penalty, median", MEDIAN, median, "width", term),
            dots("penalty, mean", PENALTY, penalised, "width", term, size=7),
        ]
        if term == "risk":
            marks.append(line("teacher", TEACHER, lines["width"], lines["teacher_risk"]))
        marks.append(Rule(THEORY, x=float(result.settings["student_examples"])))
        if term == "residual":  # it has both signs; the medians at the peak would flatten everything else
            reach = 1.4 * largest(np.abs(mean["residual_low"]))
            y = Axis(title, limits=(-reach, 0.12 * reach))
        else:
            y = log_axis(title, free[f"{term}_low"], free[f"{term}_high"], penalised[term])
        panels.append(Panel(log_axis("width of the student", lines["width"]), y, tuple(marks), title))
    crossing = next((c for c in result.claims if "overtakes" in c.text), None)
    peak = int(free["width"][np.argmax(free["risk"])])
    examples = result.settings["student_examples"]
    last = int(free["width"][-1])
    overtakes = (
        f"With a penalty the student overtakes its teacher at width {crossing.measured:.0f} (predicted "
        f"{crossing.predicted:.0f})."
        if crossing
        else "With a penalty the student does not overtake its teacher between these widths."
    )
    return Figure(
        key="random-features-width",
        title="A wider student comes to the posterior-mean teacher, keeps its misfit, and may overtake its teacher",
        chart=Chart(tuple(panels), columns=2, panel_height=300),
        finding=(
            f"{overtakes} Without one its risk peaks at width {peak} (it has {examples} examples). At width {last} it "
            f"is {number(free['distance'][-1])} away from the posterior-mean teacher, while the misfit stays at "
            f"{number(free['misfit'][-1])}."
        ),
        how_to_read=(
            "Lines are formulas (exact, or limits of large sizes), marks are simulation with 95% intervals. The "
            "vertical line marks width = examples. Near it draws are heavy-tailed: open circles are medians there, "
            "below the means of the line (infinite at the peak)."
        ),
        table=numbers_table(
            "Student without a penalty",
            {**free, "kind": np.where(free["reliable"] == 1, "mean", "median")},
            ("width", "kind", "risk", "risk_low", "risk_high", "misfit", "residual", "distance"),
            {"kind": "average", "distance": "distance to posterior mean"},
        ),
    )


def cases_figure(result: TheoryResult) -> Figure:
    """Draw the terms of the gap in the cases of the residual."""
    cases = result.curves["cases"]
    titles = {
        "S0": "S0: no signal",
        "S1": "S1: starts from the target",
        "S2": "S2: generic",
        "S3": "S3: sees the target's subspace",
    }
    panels = []
    left = {}  # of the misfit, as a residual
    for case, title in titles.items():
        rows = rows_where(cases, case=case)
        if not len(rows["size"]):
            continue
        left[case] = rows["residual"][-1] / rows["misfit"][-1]
        marks: list[Mark] = []
        for term, dash in (("gap", "solid"), ("misfit", "dot"), ("residual", "dash")):
            look = style.ROLES[term]
            marks.append(line(term, replace(look, dash=dash), rows["size"], rows[f"{term}_exact"]))
            marks.append(dots(term, look, rows, "size", term))
        x = log_axis("examples of the student" if case == "S3" else "width of the student", rows["size"])
        panels.append(Panel(x, Axis("squared loss"), (*marks, Rule(style.ROLES["noise"], y=0.0)), title))
    found = ", ".join(f"{left[c]:+.0%} in {c}" for c in ("S0", "S1", "S3") if c in left)
    if "S2" in left:  # not so where every width is close to the peak
        found += f", and {left['S2']:+.0%} in the generic S2: there the gap does not become the misfit"
    return Figure(
        key="random-features-cases",
        title="Being the posterior mean is not enough: in the generic case the residual stays",
        chart=Chart(tuple(panels), columns=2, panel_height=260),
        finding=f"At the largest student the residual, as a share of the misfit, is {found}.",
        how_to_read=(
            "Lines are exact, marks are simulated with 95% intervals; gap = misfit + residual throughout. The gap is "
            "the misfit only where the target tells nothing about the teacher that the student does not."
        ),
        table=numbers_table(
            "Terms of the gap by case",
            cases,
            ("case", "size", "gap", "gap_exact", "misfit", "misfit_exact", "residual", "residual_exact"),
        ),
    )


def penalty_figure(result: TheoryResult) -> Figure:
    """Draw the distance to the posterior mean and the risk at infinite width over the student's penalty."""
    curve = result.curves["penalties"]
    best = int(np.argmin(curve["risk"]))
    marks = (
        line("distance to the posterior mean", EXACT, curve["penalty"], curve["distance_exact"]),
        dots("distance to the posterior mean", NO_PENALTY, curve, "penalty", "distance"),
        dots("risk of the student", PENALTY, curve, "penalty", "risk"),
        line("teacher", TEACHER, curve["penalty"], curve["teacher_risk"]),
    )
    return Figure(
        key="random-features-penalty",
        title="Avoiding overfitting and being the posterior mean pull the penalty in different directions",
        chart=Chart((Panel(log_axis("penalty of the student", curve["penalty"]), Axis("squared loss"), marks),)),
        finding=(
            f"At infinite width the risk is smallest at a penalty near {number(curve['penalty'][best])}, where the "
            f"student is {number(curve['distance'][best])} away from its posterior-mean teacher; the distance vanishes "
            "only without a penalty."
        ),
        how_to_read="The line of the distance is exact, marks are simulated with 95% intervals.",
        table=numbers_table(
            "Student of infinite width",
            curve,
            ("penalty", "distance", "distance_exact", "risk", "risk_low", "risk_high"),
        ),
    )
