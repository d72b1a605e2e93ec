"""Several runs as rows and counts: one row for each run and loss, and how often each loss wins, by paired intervals."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from outlearn.report.cells import Cell, Column, Estimate, Table, estimate_of
from outlearn.report.tables import loss_names, student_estimate
from outlearn.results.reading import RunFolder

__all__ = ["ROW_COLUMNS", "all_losses", "comparison_findings", "comparison_table", "loss_summary", "run_names"]

ROW_COLUMNS = (
    Column("run"),
    Column("task"),
    Column("teachers", "count"),
    Column("loss"),
    Column("teacher", "percent"),
    Column("student", "percent"),
    Column("ceiling", "percent"),
    Column("gain", "points"),
    Column("PGR", "ratio"),
    Column("gap", "signed"),
    Column("misfit", "nats"),
    Column("residual", "signed"),
    Column("overfit covariance", "signed"),
)
FORWARD = "forward_ce"


def run_names(runs: Sequence[RunFolder]) -> tuple[str, ...]:
    """Return a name for each run: its folder's name, with as many parents as it takes to tell it from the others.

    The same folder given twice keeps the same name.
    """
    parts = [run.path.resolve().parts for run in runs]
    depth = dict.fromkeys(parts, 1)
    for _ in range(max(map(len, parts), default=1)):
        shared = Counter(path[-depth[path] :] for path in depth)
        if len(shared) == len(depth):
            break
        for path in depth:
            depth[path] += shared[path[-depth[path] :]] > 1
    return tuple("/".join(path[-depth[path] :]) for path in parts)


def all_losses(runs: Sequence[RunFolder]) -> tuple[str, ...]:
    """Return every loss of the runs once, in order of appearance."""
    return tuple(dict.fromkeys(loss for run in runs for loss in loss_names(run.results)))


def comparison_table(runs: Sequence[RunFolder]) -> Table:
    """Return one row for each run and loss; the gain is paired, student minus its own labeller."""
    rows: list[tuple[Cell, ...]] = []
    for name, run in zip(run_names(runs), runs, strict=True):
        results = run.results
        ceiling = estimate_of((results.get("ceiling") or {}).get("accuracy"))
        labeller = results.get("labeler") or results["teacher"]
        rows += [
            (
                name,
                str(results["task"].get("name")),
                estimate_of(results["teacher"].get("models")).mean,
                loss,
                estimate_of(labeller.get("accuracy")),
                student_estimate(results, loss, "accuracy"),
                ceiling,
                student_estimate(results, loss, "differences", "teacher"),
                *(student_estimate(results, loss, key) for key in _KEYS),
            )
            for loss in loss_names(results)
        ]
    return Table("Every run and loss", ROW_COLUMNS, tuple(rows))


_KEYS = ("pgr", "gap", "misfit", "residual", "overfit_covariance")


def loss_summary(runs: Sequence[RunFolder]) -> Table:
    """Return for each loss how often it beats its teacher and forward_ce (paired intervals), and its mean rank."""
    losses = all_losses(runs)
    ranks = [_ranks(run) for run in runs]
    rows: list[tuple[Cell, ...]] = []
    for loss in losses:
        of_loss = [run.results for run in runs if loss in run.results["students"]]
        over = [student_estimate(results, loss, "differences", "teacher") for results in of_loss]
        against = [student_estimate(results, loss, "differences", FORWARD) for results in of_loss]
        rows.append(
            (
                loss,
                len(of_loss),
                _count(over, _above),
                _count(over, _below),
                None if loss == FORWARD else _count(against, _above),
                None if loss == FORWARD else _count(against, _below),
                float(np.mean([of_run[loss] for of_run in ranks if loss in of_run])),
            )
        )
    columns = (
        Column("loss"),
        Column("runs", "count"),
        Column("beats its teacher", "count", "paired interval above 0"),
        Column("loses to its teacher", "count", "paired interval below 0"),
        Column("beats forward_ce", "count", "paired interval above 0"),
        Column("loses to forward_ce", "count", "paired interval below 0"),
        Column("mean rank", "ratio", "by accuracy among the losses of a run, 1 is best"),
    )
    return Table("Losses over runs", columns, tuple(rows))


def comparison_findings(runs: Sequence[RunFolder]) -> tuple[str, ...]:
    """Say how often students win over several runs, the most frequent first, and how often misfit overstates it."""
    rows = [[_number(cell) for cell in row[1:]] for row in loss_summary(runs).rows]
    losses = all_losses(runs)
    n_tasks = len({str(run.results["task"].get("name")) for run in runs})
    counted = f"{len(runs)} runs on {n_tasks} task{'s' * (n_tasks != 1)}"
    if not losses:
        return (f"{counted}, without a student to compare.",)
    cases, wins, lost = (int(sum(row[place] for row in rows)) for place in (0, 1, 2))
    found = [
        f"{counted}, {cases} pairs of a run and a loss: students beat their labeller in {wins}, lose to it in {lost}, "
        f"and in {cases - wins - lost} it cannot be told (paired intervals)."
    ]
    order = sorted(range(len(losses)), key=lambda k: -rows[k][1] / max(rows[k][0], 1))
    if wins:
        best = [f"{losses[k]} in {rows[k][1]:g} of {rows[k][0]:g}" for k in order[:3] if rows[k][1]]
        found.append(f"Most often ahead of the labeller: {', '.join(best)} runs.")
    said = [
        f"{losses[k]} beats it in {rows[k][3]:g} and loses to it in {rows[k][4]:g}"
        for k in order
        if losses[k] != FORWARD and rows[k][3] + rows[k][4] > 0
    ]
    if said:
        more = f"; {len(said) - 4} more are in the table" if len(said) > 4 else ""
        found.append(f"Against {FORWARD}: {'; '.join(said[:4])}{more}.")
    return (*found, residual_finding(runs))


def residual_finding(runs: Sequence[RunFolder]) -> str:
    """Say for how many runs and losses the residual is told apart from 0, on which side."""
    residuals = [student_estimate(r.results, loss, "residual") for r in runs for loss in loss_names(r.results)]
    below, above = _count(residuals, _below), _count(residuals, _above)
    return (
        f"The measured gain in risk is shown to be below the misfit in {below} of {len(residuals)} cases, and above it "
        f"in {above}."
    )


def _ranks(run: RunFolder) -> dict[str, float]:
    scores = {loss: student_estimate(run.results, loss, "accuracy").mean or 0.0 for loss in loss_names(run.results)}
    values = np.array(list(scores.values()))
    return {
        loss: 1 + float(np.sum(values > own)) + 0.5 * (float(np.sum(values == own)) - 1) for loss, own in scores.items()
    }


def _count(estimates: Sequence[Estimate], told: Callable[[Estimate], bool]) -> int:
    return sum(map(told, estimates))


def _above(estimate: Estimate) -> bool:
    return estimate.low is not None and estimate.low > 0


def _below(estimate: Estimate) -> bool:
    return estimate.high is not None and estimate.high < 0


def _number(cell: Any) -> float:
    return float(cell) if isinstance(cell, int | float) else 0.0
