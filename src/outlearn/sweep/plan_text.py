"""A sweep's plan as text: what it needs, what is there, what is to do, and how long that may take."""

from __future__ import annotations

from collections.abc import Sequence

from outlearn.errors import first_line
from outlearn.sweep.planning import PlannedStage, SweepPlan

__all__ = ["duration", "plan_text"]


def plan_text(plan: SweepPlan, *, workers: int = 1) -> str:
    """Write a plan for people; `workers` is how many tasks run at once."""
    tasks = list(dict.fromkeys(run.task for run in plan.runs if run.task))
    shown = f"on {', '.join(tasks)}" if 0 < len(tasks) <= 4 else f"on {len(tasks)} tasks"
    lines = [f"Sweep {plan.sweep.name}: {len(plan.runs):,} runs, {plan.n_students:,} students {shown}", ""]
    lines += _table(plan)
    lines += ["", _total(plan, workers)]
    problems = [run for run in plan.runs if run.problem]
    if problems:
        others = ", the others go on" if len(problems) < len(plan.runs) else ""
        lines += ["", f"{len(problems)} of {len(plan.runs)} runs are impossible{others}:"]
        lines += [f"  {run.member.label}: {first_line(run.problem)}" for run in problems[:10]]
        lines += [f"  and {len(problems) - 10} more"] if len(problems) > 10 else []
    return "\n".join(lines)


def duration(seconds: float) -> str:
    """Write a time for people.

    Examples:
        >>> duration(0.2), duration(75), duration(7320), duration(201_600)
        ('under 1 s', '1 min 15 s', '2 h 2 min', '2 d 8 h')
    """
    whole = round(seconds)
    if whole < 1:
        return "under 1 s"
    for size, unit, smaller, small in ((86400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if whole >= size:
            rest = whole % size // smaller
            return f"{whole // size} {unit}" + (f" {rest} {small}" if rest else "")
    return f"{whole} s"


def _table(plan: SweepPlan) -> list[str]:
    """Count, for each kind of stage and for the runs themselves."""
    rows = [("", "needed", "different", "in store", "to do", "estimated")]
    needed = plan.needed()
    for name in dict.fromkeys(stage.name for stage in plan.stages.values()):
        mine = [stage for stage in plan.stages.values() if stage.name == name]
        to_do = [stage for stage in needed if stage.name == name]
        rows.append(
            (
                name,
                f"{sum(len(stage.users) for stage in mine):,}",
                f"{len(mine):,}",
                f"{sum(stage.stored for stage in mine):,}",
                f"{len(to_do):,}",
                _estimate(to_do),
            )
        )
    n_runs, n_left = sum(not run.problem for run in plan.runs), len(plan.to_do)
    finished = sum(run.finished for run in plan.runs)
    estimated = "" if not n_left else "unknown" if plan.run_seconds is None else duration(n_left * plan.run_seconds)
    rows.append(("runs", f"{n_runs:,}", f"{n_runs:,}", f"{finished:,} finished", f"{n_left:,}", estimated))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        "  ".join(
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def _estimate(stages: Sequence[PlannedStage]) -> str:
    known = [stage.seconds for stage in stages if stage.seconds is not None]
    if not stages:
        return ""
    if not known:
        return "unknown"
    return duration(sum(known)) + ("" if len(known) == len(stages) else f" for {len(known)}")


def _total(plan: SweepPlan, workers: int) -> str:
    """Say how long it takes, as far as that is known."""
    if not plan.to_do:
        possible = any(not run.problem for run in plan.runs)
        return "Nothing is to do: every run is finished." if possible else "Nothing can be done."
    stages = plan.needed()
    known = [stage.seconds for stage in stages if stage.seconds is not None]
    runs = None if plan.run_seconds is None else plan.run_seconds * len(plan.to_do)
    sure = len(known) == len(stages) and runs is not None
    at_once = f" on {workers} workers" if workers > 1 else ""
    if not known and runs is None:
        return "How long it takes is unknown: nothing like it is in the store yet."
    total = (sum(known) + (runs or 0.0)) / max(workers, 1)
    takes = duration(total)
    about = "" if takes.startswith("under") else "about "
    return f"It takes {about}{takes}{at_once}" + ("." if sure else ", and what is unknown beside it.")
