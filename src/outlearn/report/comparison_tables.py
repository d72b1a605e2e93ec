"""Several runs as rows and counts: one row for each run and loss, and how often each loss wins, by paired intervals."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from outlearn.core.ranks import mid_ranks
from outlearn.core.verdict import count_signs
from outlearn.report.cells import Cell, Column, Table, point_estimate
from outlearn.report.wording import rest_in_words
from outlearn.results.run import Student
from outlearn.results.run_folder import Run
from outlearn.results.verdict import NOT_COMPARED

__all__ = ["all_losses", "comparison_findings", "comparison_table", "loss_summary", "residual_finding", "run_names"]

ROW_COLUMNS = (
    Column("run"),
    Column("task"),
    Column("teachers", "count"),
    Column("loss"),
    *(Column(who, "percent") for who in ("teacher", "student", "ceiling")),
    Column("gain", "points"),
    Column("PGR", "ratio"),
    Column("gap", "signed"),
    Column("misfit", "nats"),
    Column("residual", "signed"),
    Column("overfit covariance", "signed"),
)
FORWARD = "forward_ce"  # what every other loss is compared with


def run_names(runs: Sequence[Run]) -> tuple[str, ...]:
    """Return a name for each run: its folder's name, with as many parents as it takes to tell it from the others.

    The same folder given twice keeps the same name.
    """
    parts = [run.folder.resolve().parts for run in runs]
    depth = dict.fromkeys(parts, 1)
    for _ in range(max(map(len, parts), default=1)):
        shared = Counter(path[-depth[path] :] for path in depth)
        if len(shared) == len(depth):
            break
        for path in depth:
            depth[path] += shared[path[-depth[path] :]] > 1
    return tuple("/".join(path[-depth[path] :]) for path in parts)


def all_losses(runs: Sequence[Run]) -> tuple[str, ...]:
    """Return every loss of the runs once, in order of appearance."""
    return tuple(dict.fromkeys(loss for run in runs for loss in run.students))


def comparison_table(runs: Sequence[Run]) -> Table:
    """Return one row for each run and loss; the gain is paired, student minus its own labeler."""
    rows: list[tuple[Cell, ...]] = []
    for name, run in zip(run_names(runs), runs, strict=True):
        about = (name, run.task.name, run.teacher.models)
        for loss, s in run.students.items():
            accuracies = (run.labeler.accuracy, s.accuracy, run.ceiling.accuracy)
            terms = (s.differences["teacher"], s.pgr, s.gap, s.misfit, s.residual, s.overfit_covariance)
            rows.append((*about, loss, *accuracies, *terms))
    return Table("Every run and loss", ROW_COLUMNS, tuple(rows))


def loss_summary(runs: Sequence[Run]) -> Table:
    """Return for each loss how often it beats its teacher and forward CE (paired intervals), and its mean rank."""
    ranks = [_ranks(run.students) for run in runs]
    rows: list[tuple[Cell, ...]] = []
    for loss in all_losses(runs):
        students = [run.students[loss] for run in runs if loss in run.students]
        over = [student.differences["teacher"] for student in students]
        against = [student.differences.get(FORWARD, NOT_COMPARED) for student in students]
        of_forward = (None, None) if loss == FORWARD else count_signs(against)
        rank = float(np.mean([of_run[loss] for of_run in ranks if loss in of_run]))
        rows.append((loss, len(students), *count_signs(over), *of_forward, rank))
    columns = (
        Column("loss"),
        Column("runs", "count"),
        Column("beats its teacher", "count", "paired interval above 0"),
        Column("loses to its teacher", "count", "paired interval below 0"),
        Column(f"beats {FORWARD}", "count", "paired interval above 0"),
        Column(f"loses to {FORWARD}", "count", "paired interval below 0"),
        Column("mean rank", "ratio", "by accuracy among the losses of a run, 1 is best"),
    )
    return Table("Losses over runs", columns, tuple(rows))


def comparison_findings(runs: Sequence[Run]) -> tuple[str, ...]:
    """Say how often students win over several runs, the most frequent first, and how often misfit overstates it."""
    rows = [[point_estimate(cell) or 0.0 for cell in row[1:]] for row in loss_summary(runs).rows]
    losses = all_losses(runs)
    n_tasks = len({run.task.name for run in runs})
    counted = f"{len(runs)} runs on {n_tasks} task{'s' * (n_tasks != 1)}"
    if not losses:
        return (f"{counted}, without a student to compare.",)
    cases, wins, lost = (int(sum(row[k] for row in rows)) for k in range(3))
    rest = rest_in_words(student.differences["teacher"] for run in runs for student in run.students.values())
    found = [
        f"{counted}, {cases} pairs of a run and a loss: students beat their labeler in {wins} and lose to it in {lost}"
        f"{f'; {rest}' if rest else ''} (paired intervals, each for itself)."
    ]
    order = sorted(range(len(losses)), key=lambda k: -rows[k][1] / max(rows[k][0], 1))
    if wins:
        best = [f"{losses[k]} in {rows[k][1]:g} of {rows[k][0]:g}" for k in order[:3] if rows[k][1]]
        found.append(f"Most often ahead of the labeler: {', '.join(best)} runs.")
    said = [
        f"{losses[k]} beats it in {rows[k][3]:g} and loses to it in {rows[k][4]:g}"
        for k in order
        if losses[k] != FORWARD and rows[k][3] + rows[k][4] > 0
    ]
    if said:
        more = f"; {len(said) - 4} more are in the table" if len(said) > 4 else ""
        found.append(f"Against {FORWARD}: {'; '.join(said[:4])}{more}.")
    return (*found, residual_finding(runs))


def residual_finding(runs: Sequence[Run]) -> str:
    """Say for how many runs and losses the residual is told apart from 0, on which side."""
    residuals = [student.residual for run in runs for student in run.students.values()]
    above, below = count_signs(residuals)
    return (
        f"The measured gain in risk is shown to be below the misfit in {below} of {len(residuals)} cases, and above it "
        f"in {above}."
    )


def _ranks(students: Mapping[str, Student]) -> dict[str, float]:
    """Rank the losses of a run by accuracy: 1 is best, and equals share the mean of their ranks."""
    scores = [-(point_estimate(student.accuracy) or 0.0) for student in students.values()]
    return dict(zip(students, map(float, mid_ranks(np.asarray(scores))), strict=True))
