"""The page of a sweep: what its runs say together, about which splits and tasks, then every run and loss."""

from __future__ import annotations

from collections.abc import Sequence

from outlearn.core.intervals import level_in_words
from outlearn.core.text import counted
from outlearn.core.verdict import count_signs, excludes_zero, has_interval
from outlearn.report.blocks import Block, Facts, Grid, GridColumn, Listed, Section, TableBlock, Text
from outlearn.report.cells import Cell, Column, Table
from outlearn.report.charts import Chart
from outlearn.report.comparison_page import comparison_figures
from outlearn.report.ladder_section import ladder_charts, ladder_findings, ladder_section
from outlearn.report.page import render_page
from outlearn.report.sweep_figures import effect_chart, effect_figure, effects, rank_chart, rank_figure
from outlearn.report.sweep_first_screen import sweep_first_screen
from outlearn.report.wording import name_list, rest_in_words, size_in_points
from outlearn.results.ladder import read_ladder
from outlearn.results.sweep import Sweep
from outlearn.results.sweep_comparison import Comparison, comparisons

__all__ = ["comparison_summary", "sweep_charts", "sweep_findings", "sweep_page"]

MAX_NAMED = 4
MAX_VALUES = 8


def sweep_page(sweep: Sweep) -> str:
    """Return the report of a sweep as one HTML page."""
    found, ladder = comparisons(sweep), read_ladder(sweep)
    said = (*(ladder_findings(ladder) if ladder else ()), *sweep_findings(sweep, list(found.values())))
    sections = [Section("found", "Everything that was found", (Listed(said),), folded=True)] if found else []
    sections += [ladder_section(ladder)] if ladder else []
    for index, (what, comparison) in enumerate(found.items()):
        key, heading = ("losses", "Loss by loss") if what == "loss" else (f"key-{index}", f"By {what}")
        sections.append(Section(key, heading, _comparison_blocks(comparison, key), folded=True))
    runs = [run.run for run in sweep.runs]
    if runs:
        sections.append(Section("gains", "Students and their labelers", comparison_figures(runs), folded=True))
        sections.append(Section("rows", "Run by run", (_grid(sweep),), folded=True))
    sections.append(Section("setting", "What was run", _setting(sweep), folded=True))
    return render_page(
        title=f"Sweep {sweep.name}",
        subtitle=_subtitle(sweep),
        first=sweep_first_screen(sweep, next(iter(found.values()))) if found else None,
        findings=() if found else said,
        sections=sections,
        footer=f"outlearn {runs[0].results.outlearn}, {counted(len(runs), 'run')}" if runs else "",
    )


def sweep_charts(sweep: Sweep) -> dict[str, Chart]:
    """Return the charts of the ladder and the comparisons, for a paper: by losses, then by each varied key."""
    ladder = read_ladder(sweep)
    charts: dict[str, Chart] = ladder_charts(ladder) if ladder else {}
    for what, comparison in comparisons(sweep).items():
        name = what.replace(".", "-")
        charts |= {f"{name}-effects": effect_chart(comparison), f"{name}-ranks": rank_chart(comparison)}
    return charts


def sweep_findings(sweep: Sweep, found: Sequence[Comparison]) -> tuple[str, ...]:
    """Say what the runs show together; a direction only where its interval excludes 0, the bad news too."""
    said = [_won(sweep)]
    for comparison in found:
        said += _by_part(comparison)
    said += [_scope(comparison) for comparison in found[:1]]
    lost = len(sweep.failed) + len(sweep.missing)
    if lost:
        said.append(f"{lost} of {lost + len(sweep.runs)} runs have no results; they are named at the end.")
    return tuple(said)


def _won(sweep: Sweep) -> str:
    gains = [student.differences["teacher"] for run in sweep.runs for student in run.run.students.values()]
    if not gains:
        return "No run is finished, so there is nothing to compare."
    above, below = count_signs(gains)
    rest = rest_in_words(gains)
    return (
        f"Students beat their labeler in {above} of {counted(len(gains), 'comparison')}, each of one loss in one run, "
        f"and lose to it in {below}{f'; {rest}' if rest else ''} (paired intervals, each for itself)."
    )


def _by_part(comparison: Comparison) -> list[str]:
    """Say for each part which treatments do better than the baseline, and which worse."""
    base = comparison.named(comparison.baseline)
    said: list[str] = []
    untold: list[str] = []
    unknown: list[str] = []
    for part, found in effects(comparison).items():
        told = {name: each for name, each in found.items() if excludes_zero(each)}
        if not told:
            (untold if any(map(has_interval, found.values())) else unknown).append(part)
            continue
        clauses: list[str] = []
        for how, sign in (("better", 1), ("worse", -1)):
            mine = [name for name, each in told.items() if sign * each.mean > 0]
            mine = sorted(mine, key=lambda name: -abs(told[name].mean))
            called = [comparison.named(name) if k == 0 else name for k, name in enumerate(mine[:MAX_NAMED])]
            named = [f"{words} (by {size_in_points(told[name])})" for words, name in zip(called, mine, strict=False)]
            more = [f"{len(mine) - MAX_NAMED} more"] if len(mine) > MAX_NAMED else []
            if named:
                verb = "does" if len(mine) == 1 else "do"
                clauses.append(
                    f"{name_list([*named, *more])} {verb} {how} than {'it' if clauses else comparison.baseline}"
                )
        if rest := rest_in_words(found.values(), "it"):
            clauses.append(rest)
        said.append(f"On {part}, {'; '.join(clauses)}.")
    if untold:
        said.append(f"On {name_list(untold)}, nothing can be told apart from {base}.")
    if unknown:
        said.append(f"On {name_list(unknown)}, no difference to {base} has an interval.")
    return said


def _scope(comparison: Comparison) -> str:
    """Say what the intervals speak of, and what they do not."""
    n_tasks, level = len(comparison.tasks), level_in_words(comparison.level)
    these = "this task's" if n_tasks == 1 else "these tasks'"
    others = comparison.difference_for_new_tasks(comparison.treatments[-1])
    beyond = (
        "intervals for new tasks are in the tables"
        if has_interval(others)
        else "about other tasks they say nothing: that takes at least 4"
    )
    return (
        f"The intervals ({level}, each for itself) come from {counted(comparison.n_units, 'split')} of "
        f"{counted(n_tasks, 'task')}. They are for new draws of {these} points, with Nadeau and Bengio's correction "
        f"for the points that splits share; {beyond}."
    )


def _comparison_blocks(comparison: Comparison, key: str) -> tuple[Block, ...]:
    ranks = rank_figure(comparison, f"{key}-ranks")
    effects_drawn = effect_figure(comparison, f"{key}-effects")
    return (TableBlock(comparison_summary(comparison)), effects_drawn, *([ranks] if ranks else []))


def comparison_summary(comparison: Comparison) -> Table:
    """Return one row for each treatment: accuracy, differences to the baseline, wins, mean rank."""
    base = comparison.baseline
    for_new = has_interval(comparison.difference_for_new_tasks(comparison.treatments[-1]))
    columns = (
        Column(comparison.what),
        Column("accuracy", "percent", "mean over tasks, each task with the same weight"),
        Column(f"minus {base}", "points", "accuracy, interval for new splits of these tasks"),
        *([Column("for new tasks", "points", "the same difference, interval for new tasks")] if for_new else []),
        Column("log loss", "signed", f"minus that of {base}, interval for new splits of these tasks"),
        Column(f"wins over {base}", "percent", "share of blocks, interval for new tasks"),
        Column("mean rank", "ratio", "by accuracy over the splits, 1 is best"),
    )
    rows = []
    for name, rank in zip(comparison.treatments, comparison.mean_ranks.tolist(), strict=True):
        against: tuple[Cell, ...] = (None,) * (3 + for_new)
        if name != base:
            new_tasks = (comparison.difference_for_new_tasks(name),) if for_new else ()
            log_loss, wins = comparison.difference(name, "log_loss"), comparison.wins(name)
            against = (comparison.difference(name), *new_tasks, log_loss, wins)
        rows.append((name, comparison.task_score(name), *against, rank))
    tasks, blocks = counted(len(comparison.tasks), "task"), counted(len(comparison.task_of), "block")
    splits = f"{counted(comparison.n_units, 'split')} of {tasks}, {blocks}."
    return Table(f"Over all tasks, by {comparison.what}", columns, tuple(rows), (splits,))


def _grid(sweep: Sweep) -> Grid:
    """Return every run and loss as a row that sorts and filters."""
    kept = {"accuracy": "percent", "log_loss": "nats", "pgr": "ratio", "gap": "signed", "misfit": "nats"}
    kept |= {"residual": "signed", "overfit_covariance": "signed"}
    columns = (
        *(GridColumn(key, "text", filter=True) for key in sweep.keys),
        GridColumn("task", "text", filter=True),
        GridColumn("loss", "text", filter=True),
        GridColumn("gain", "points"),
        *(GridColumn(name.replace("_", " "), kind) for name, kind in kept.items()),
    )
    rows = [
        [
            *map(run.value_text, sweep.keys),
            run.task,
            loss,
            student.differences["teacher"],
            *(student.scores[name] if name in student.scores else getattr(student, name) for name in kept),
        ]
        for run in sweep.runs
        for loss, student in run.run.students.items()
    ]
    return Grid(
        key="runs",
        title="Every run and loss",
        caption="Accuracy in %, gain over the own labeler in points; [..] intervals of each run, over teachers "
        "and new test points.",
        columns=columns,
        rows=rows,
        sort_by="gain",
        descending=True,
        unit="rows",
    )


def _subtitle(sweep: Sweep) -> str:
    tasks = {run.task for run in sweep.runs}
    varied = [f"{key}: {_values(sweep, key)}" for key in sweep.keys]
    students = (
        f"{sweep.record.n_students:,} students in {counted(len(sweep.runs), 'run')} on {counted(len(tasks), 'task')}"
    )
    return "; ".join([students, *varied]) + "."


def _values(sweep: Sweep, key: str) -> str:
    found = sweep.values_of(key)
    more = len(found) - MAX_VALUES + 1
    return ", ".join(found if more <= 1 else [*found[:-more], f"and {more} more"])


def _setting(sweep: Sweep) -> tuple[Block, ...]:
    facts = [("runs", f"{len(sweep.runs)} finished, {len(sweep.failed)} failed, {len(sweep.missing)} not run")]
    facts += [("students", f"{sweep.record.n_students:,}"), ("seconds of the last call", f"{sweep.record.seconds:g}")]
    facts += [(key, _values(sweep, key)) for key in sweep.keys]
    blocks: list[Block] = [Facts(tuple(facts))]
    if sweep.failed:
        failed = Table("Runs that failed", (Column("run"), Column("why")), tuple(sweep.failed.items()))
        blocks.append(TableBlock(failed))
    if sweep.missing:
        blocks.append(Text(f"Not run, because the sweep was stopped: {', '.join(sweep.missing)}."))
    return tuple(blocks)
