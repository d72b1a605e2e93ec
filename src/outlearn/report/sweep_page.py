"""The page of a sweep: what its runs say together, about which splits and tasks, then every run and loss."""

from __future__ import annotations

from collections.abc import Sequence

from outlearn.core.verdict import count_signs, excludes_zero, has_interval
from outlearn.report.blocks import Block, Facts, Grid, GridColumn, Section, TableBlock, Text
from outlearn.report.cells import Cell, Column, Table
from outlearn.report.charts import Chart
from outlearn.report.comparison_page import comparison_figures
from outlearn.report.ladder_section import ladder_charts, ladder_findings, ladder_section
from outlearn.report.page import render_page
from outlearn.report.sweep_figures import effect_chart, effect_figure, effects, rank_chart, rank_figure
from outlearn.report.wording import counted, name_list, rest_in_words, signed_points
from outlearn.results.ladder import read_ladder
from outlearn.results.sweep import Sweep
from outlearn.results.sweep_comparison import Comparison, comparisons

__all__ = ["comparison_summary", "sweep_charts", "sweep_findings", "sweep_page"]

MAX_NAMED = 4
MAX_VALUES = 8


def sweep_page(sweep: Sweep) -> str:
    """Return the report of a sweep as one HTML page."""
    found, ladder = comparisons(sweep), read_ladder(sweep)
    sections = [ladder_section(ladder)] if ladder else []
    for index, (what, comparison) in enumerate(found.items()):
        key, heading = ("losses", "Loss by loss") if what == "loss" else (f"key-{index}", f"By {what}")
        sections.append(Section(key, heading, _comparison_blocks(comparison, key)))
    runs = [run.run for run in sweep.runs]
    if runs:
        sections.append(Section("gains", "Students and their labelers", comparison_figures(runs)))
        sections.append(Section("rows", "Every run and loss", (_grid(sweep),)))
    sections.append(Section("setting", "What was run", _setting(sweep)))
    return render_page(
        title=f"Sweep {sweep.name}",
        subtitle=_subtitle(sweep),
        findings=(*(ladder_findings(ladder) if ladder else ()), *sweep_findings(sweep, list(found.values()))),
        sections=sections,
        footer=f"outlearn {runs[0].results.outlearn}, {len(runs)} runs" if runs else "",
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
        f"{len(gains)} pairs of a run and a loss: students beat their labeler in {above} and lose to it in {below}"
        f"{f'; {rest}' if rest else ''} (paired intervals of each run, each for itself)."
    )


def _by_part(comparison: Comparison) -> list[str]:
    """Say for each part which treatments are ahead of the baseline, and which behind it."""
    said: list[str] = []
    untold: list[str] = []
    unknown: list[str] = []
    for part, found in effects(comparison).items():
        told = {name: each for name, each in found.items() if excludes_zero(each)}
        if not told:
            (untold if any(map(has_interval, found.values())) else unknown).append(part)
            continue
        clauses = []
        for one, many, sign in (("beats it", "beat it", 1), ("loses to it", "lose to it", -1)):
            mine = [name for name, each in told.items() if sign * each.mean > 0]
            mine = sorted(mine, key=lambda name: -abs(told[name].mean))
            named = [f"{name} ({signed_points(told[name])})" for name in mine[:MAX_NAMED]]
            more = [f"{len(mine) - MAX_NAMED} more"] if len(mine) > MAX_NAMED else []
            if named:
                clauses.append(f"{name_list([*named, *more])} {one if len(mine) == 1 else many}")
        if rest := rest_in_words(found.values(), "it"):
            clauses.append(rest)
        said.append(f"{part}: against {_named(comparison)}, {'; '.join(clauses)}.")
    if untold:
        said.append(f"Nothing can be told apart from {_named(comparison)} in: {'; '.join(untold)}.")
    if unknown:
        said.append(f"No difference to {_named(comparison)} has an interval in: {'; '.join(unknown)}.")
    return said


def _named(comparison: Comparison) -> str:
    return comparison.baseline if comparison.what == "loss" else f"{comparison.what} {comparison.baseline}"


def _scope(comparison: Comparison) -> str:
    """Say what the intervals speak of, and what they do not."""
    n_tasks, level = len(comparison.tasks), f"{100 * comparison.level:g}%"
    splits = f"{counted(comparison.n_units, 'split')} of {counted(n_tasks, 'task')}"
    others = comparison.difference_for_new_tasks(comparison.treatments[-1])
    beyond = (
        "intervals for new tasks are in the tables"
        if has_interval(others)
        else "about other tasks they say nothing: that takes at least 4"
    )
    return (
        f"{splits}: intervals ({level}, each for itself) are for new draws of these tasks' points, with the "
        f"correction of Nadeau and Bengio for the points that splits share; {beyond}."
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
        rows.append((name, comparison.task_accuracy(name), *against, rank))
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
