"""Figures of the ensembles, convex and entropy experiments: what happens to predicted distributions."""

from __future__ import annotations

import numpy as np

from outlearn.report import style
from outlearn.report.blocks import Figure
from outlearn.report.charts import Axis, Chart, Mark, Panel, Rule
from outlearn.report.theory_figures import dots, line, log_axis, numbers_table, rows_where
from outlearn.report.theory_text import number
from outlearn.results.theory import TheoryResult

__all__ = ["convex_figure", "ensembles_figure", "entropy_figure"]

ZERO, THEORY = style.ROLES["noise"], style.ROLES["theory"]


# What the theory says of a family: its looks, and how the legend and the table tell it.
KINDS = {
    "equal": (style.SERIES[0], "linear (or flat): the gain is the misfit", "gain = misfit"),
    "at least": (style.SERIES[2], "convex: at least the misfit", "gain >= misfit"),
    "neither": (style.SERIES[1], "no guarantee", "nothing"),
}


def ensembles_figure(result: TheoryResult) -> Figure:
    """Draw bias and variance over the size of the ensemble, in both orders."""
    curve = result.curves["members"]
    members = Axis("members", log=True, ticks=tuple(np.unique(curve["members"]).tolist()))
    panels = []
    for order, title in (("target_first", "D(target, prediction)"), ("prediction_first", "D(prediction, target)")):
        marks = []
        for index, (kind, way) in enumerate((("dual", "mean log-probability"), ("primal", "mean probability"))):
            rows = rows_where(curve, ensemble=kind, order=order)
            for offset, term in ((0, "bias"), (2, "variance")):
                look = style.series_style(index + offset)
                marks.append(line(f"{term}, {way}", look, rows["members"], rows[term], markers=True))
        panels.append(Panel(members, Axis("nats"), tuple(marks), title))
    pairs = result.curves["pairs"]
    moved = pairs["primal_pair_bias"] - pairs["single_bias"]
    first = rows_where(curve, ensemble="dual", order="target_first")
    bias, one, many = first["bias"][0], first["variance"][0], first["variance"][-1]
    return Figure(
        key="ensembles-members",
        title="One way of averaging keeps the bias; both cut the variance",
        chart=Chart(tuple(panels), columns=2, panel_height=300),
        finding=(
            f"Averaging log-probabilities leaves the bias under D(target, prediction) at {number(bias)} nats and "
            f"takes the variance from {number(one)} to {number(many)} with {first['members'][-1]:g} members; "
            f"averaging probabilities moves that bias, by {moved.mean():+.4f} nats for pairs."
        ),
        how_to_read=(
            "In the other order the two change roles. Curves use random ensembles; the claims enumerate all pairs."
        ),
        table=numbers_table(
            "Ensembles of real classifiers", curve, ("order", "ensemble", "members", "risk", "bias", "variance")
        ),
    )


def convex_figure(result: TheoryResult) -> Figure:
    """Draw the gain of every problem against its misfit, one panel a divergence and order."""
    problems, families = result.curves["problems"], result.curves["families"]
    panels = []
    for group in dict.fromkeys(families["group"].tolist()):
        mine = rows_where(families, group=group)
        marks = []
        for family, says in zip(mine["family"].tolist(), mine["says"].tolist(), strict=True):
            rows = rows_where(problems, family=family)
            rows["slack"] = rows["gap"] - rows["misfit"]
            look, name, _ = KINDS[says]
            marks.append(dots(name, look, rows, "misfit", "slack", size=6))
        panels.append(Panel(Axis("misfit"), Axis("gain - misfit"), (*marks, Rule(THEORY, y=0.0)), group))
    below = dict(zip(families["family"].tolist(), families["below"].tolist(), strict=True))
    return Figure(
        key="convex-gain",
        title="The gain is the misfit for linear classes, at least the misfit for convex ones, else anything",
        chart=Chart(tuple(panels), columns=3, panel_height=300),
        finding=(
            f"The gain is below the misfit in {below['subspace']:.0%} of linear, {below['cone']:.0%} of convex "
            f"and {below['lines']:.0%} of other problems in squared loss; for heads trained by cross-entropy, in "
            f"{below['softmax_linear']:.0%} by KL(prediction, target) and in {below['softmax_linear_ce']:.0%} by "
            "CE(target, prediction)."
        ),
        how_to_read="Each mark is one random problem: a teacher, its projection, and a target in the class.",
        table=numbers_table(
            "Classes of functions",
            {
                **families,
                "says": np.array([KINDS[says][2] for says in families["says"].tolist()]),
                "below": np.array([f"{share:.0%}" for share in families["below"]]),
            },
            ("title", "says", "below", "misfit", "gap", "residual"),
            {
                "title": "class",
                "says": "the theory says",
                "below": "problems below",
                "misfit": "mean misfit",
                "gap": "mean gain",
                "residual": "mean residual",
            },
        ),
    )


def entropy_figure(result: TheoryResult) -> Figure:
    """Draw log loss along sharpening, and H - CE of every student against its best power."""
    students, powers = result.curves["students"], result.curves["powers"]
    known_steps = bool((students["steps"] > 0).any())
    x, title = ("steps", "training steps") if known_steps else ("best_power", "best power")
    curves: list[Mark] = []
    gains: list[Mark] = []
    for index, name in enumerate(dict.fromkeys(students["student"].tolist())):
        look, rows = style.series_style(index), rows_where(students, student=name)
        path = rows_where(powers, student=name, steps=rows["steps"][-1] if known_steps else 0)
        curves.append(line(name, look, path["power"], path["log_loss"]))
        gains.append(dots(name, look, rows, x, "gain"))
        if known_steps:
            gains.append(line("", look, rows[x], rows["gain"]))
    left = Panel(
        Axis("power of sharpening", log=True, ticks=(0.25, 0.5, 1.0, 2.0, 4.0)),
        Axis("log loss, nats"),
        (*curves, Rule(THEORY, x=1.0)),
        f"Log loss, after {int(students['steps'].max())} steps" if known_steps else "Log loss along sharpening",
    )
    y = Axis("H(s) - CE(y, s), nats")
    right = Panel(log_axis(title, students[x]), y, (*gains, Rule(ZERO, y=0.0)), "Above 0: sharpen")
    top, bottom = int(np.argmax(students["gain"])), int(np.argmin(students["gain"]))

    def called(index: int) -> str:
        steps = students["steps"][index]
        return f"{students['student'][index]}{f' after {steps} steps' if steps else ''}"

    return Figure(
        key="entropy-sharpening",
        title="Sharpening helps the under-confident student and hurts the over-confident one",
        chart=Chart((left, right), columns=2, panel_height=300),
        finding=(
            f"H - CE runs from {students['gain'][bottom]:+.3f} ({called(bottom)}) to {students['gain'][top]:+.3f} "
            f"({called(top)}); its sign says whether a lower entropy lowers the log loss."
        ),
        how_to_read="The slope of a curve on the left at power 1 is minus the height of its mark on the right.",
        table=numbers_table(
            "Students",
            students,
            ("student", "steps", "accuracy", "log_loss", "entropy", "gain", "gain_low", "gain_high", "best_power"),
            {"gain": "H - CE"},
        ),
    )
