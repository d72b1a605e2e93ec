"""The page of a sweep of numbers, and of several runs of numbers: risks, and the paired differences between them."""

from __future__ import annotations

import math
import shlex
from collections.abc import Sequence

from outlearn.core.intervals import level_in_words
from outlearn.core.text import counted
from outlearn.core.verdict import count_signs, excludes_zero, has_interval, is_above_zero, is_below_zero
from outlearn.report.blocks import Block, Facts, Figure, Grid, GridColumn, Listed, Section, TableBlock, Text
from outlearn.report.cells import Cell, Column, Kind, Table, format_cell
from outlearn.report.charts import Axis, Chart, Dots, Panel, Rule
from outlearn.report.first_screen import FirstScreen, NextStep, Tile
from outlearn.report.number_findings import compare_risks, headline_of_numbers
from outlearn.report.page import render_page
from outlearn.report.style import ROLES, series_style
from outlearn.report.wording import name_list, rest_in_words
from outlearn.results.number_run import NumberRun
from outlearn.results.sweep import Sweep
from outlearn.results.sweep_comparison import Comparison, comparisons

__all__ = ["number_comparison_page", "number_sweep_charts", "number_sweep_findings", "number_sweep_page"]

ROW = 30  # pixels of a treatment
SCORES: dict[str, Kind] = {
    "risk": "number", "mse": "number", "spearman": "nats", "pgr": "ratio", "gap": "signed_number", "misfit": "number",
    "residual": "signed_number",
}  # fmt: skip


def number_sweep_page(sweep: Sweep) -> str:
    """Return the report of a sweep of numbers as one HTML page."""
    found = comparisons(sweep)
    said = number_sweep_findings(sweep)
    runs = [run.run for run in sweep.number_runs]
    sections = [Section("found", "Everything that was found", (Listed(said),), folded=True)] if found else []
    for index, (what, comparison) in enumerate(found.items()):
        key, heading = ("losses", "Loss by loss") if what == "loss" else (f"key-{index}", f"By {what}")
        sections.append(Section(key, heading, (TableBlock(_risks(comparison)), TableBlock(_parts(comparison)))))
    values = [tuple(map(run.value_text, sweep.keys)) for run in sweep.number_runs]
    sections.append(Section("rows", "Run by run", (_grid(runs, sweep.keys, values),), folded=True))
    sections.append(Section("setting", "What was run", _setting(sweep), folded=True))
    tasks = {run.task for run in sweep.number_runs}
    return render_page(
        title=f"Sweep {sweep.name}",
        subtitle=f"{_students(sweep):,} students in {counted(len(runs), 'run')} on "
        f"{counted(len(tasks), 'task')} of numbers.",
        first=_first_screen(sweep, next(iter(found.values()))) if found else None,
        findings=() if found else said,
        sections=sections,
        footer=f"outlearn {runs[0].results.outlearn}, {counted(len(runs), 'run')}",
    )


def number_comparison_page(names: Sequence[str], runs: Sequence[NumberRun]) -> str:
    """Return the comparison of several runs of numbers as one HTML page: each with its own teachers."""
    return render_page(
        title=f"Comparison of {len(runs)} runs of numbers",
        findings=(_won(runs), "Runs are not paired with each other: a sweep over seeds says which setting is better."),
        sections=(Section("rows", "Run by run", (_grid(runs, ("run",), [(name,) for name in names]),)),),
        footer=f"outlearn {runs[0].results.outlearn}",
    )


def number_sweep_charts(sweep: Sweep) -> dict[str, Chart]:
    """Return the charts of the comparisons, for a paper."""
    return {f"{what.replace('.', '-')}-effects": _effects(each) for what, each in comparisons(sweep).items()}


def number_sweep_findings(sweep: Sweep) -> tuple[str, ...]:
    """Say what the runs show together; a direction only where its interval excludes 0, the bad news too."""
    found = comparisons(sweep)
    said = [_won([run.run for run in sweep.number_runs])]
    for comparison in found.values():
        base, parts = comparison.named(comparison.baseline), comparison.parts
        for name in _others(comparison):
            said.append(f"In risk, {compare_risks(comparison.difference(name), comparison.named(name), base)}.")
            for part in parts if len(parts) > 1 else ():
                of_part = comparison.difference(name, part=part)
                if excludes_zero(of_part):
                    said.append(f"On {part}, {compare_risks(of_part, comparison.named(name), base)}.")
    said += [_scope(comparison) for comparison in list(found.values())[:1]]
    return (*said, *_lost(sweep))


def _students(sweep: Sweep) -> int:
    return sum(student.models for run in sweep.number_runs for student in run.run.students.values())


def _others(comparison: Comparison) -> list[str]:
    return [name for name in comparison.treatments if name != comparison.baseline]


def _won(runs: Sequence[NumberRun]) -> str:
    gains = [student.differences["teacher"] for run in runs for student in run.students.values()]
    above, below = count_signs(gains)
    rest = rest_in_words(gains)
    return (
        f"Students have less risk than their teachers in {above} of {counted(len(gains), 'comparison')}, each of one "
        f"loss in one run, and more in {below}{f'; {rest}' if rest else ''} (paired intervals, each for itself)."
    )


def _lost(sweep: Sweep) -> list[str]:
    lost = len(sweep.failed) + len(sweep.missing)
    every = lost + len(sweep.every)
    return [f"{lost} of {counted(every, 'run')} have no results; see “What was run”."] if lost else []


def _scope(comparison: Comparison) -> str:
    tasks, level = len(comparison.tasks), level_in_words(comparison.level)
    these = "this task's" if tasks == 1 else "these tasks'"
    return (
        f"The intervals ({level}, each for itself) come from {counted(comparison.n_units, 'split')} of "
        f"{counted(tasks, 'task')}. They are for new draws of {these} points, with Nadeau and Bengio's correction for "
        "the points that splits share; about other tasks they say nothing."
    )


def _first_screen(sweep: Sweep, comparison: Comparison) -> FirstScreen:
    """Fill in the first screen from the first comparison, that of the losses where there are several.

    What has the least risk over the tasks is named only where it is shown to be ahead of the baseline.
    """
    best = max(comparison.treatments, key=comparison.task_score)
    base, named = comparison.named(comparison.baseline), comparison.named(best)
    difference = None if best == comparison.baseline else comparison.difference(best)
    ahead = is_above_zero(difference)
    splits = f"{counted(comparison.n_units, 'split')} of {counted(len(comparison.tasks), 'task')}"
    if difference is None:
        verdict, because = f"Nothing is shown to do better than {base}.", f"Over {splits}, {base} has the least risk."
    else:
        verdict = f"{named} does better than {base}." if ahead else f"Nothing is shown to do better than {base}."
        interval = (
            f"({level_in_words(comparison.level)} interval, for new draws of their points)"
            if has_interval(difference)
            else f"without an interval: {difference.reason}"
        )
        shown = format_cell(difference, "signed_number")
        zero = "" if ahead or not has_interval(difference) else ", which includes 0"
        because = f"The {comparison.metric} of {base} minus that of {named} is {shown} over {splits} {interval}{zero}."
    tiles = [_tile(comparison, comparison.baseline, f"Baseline: {base}", "teacher")]
    if difference is not None:
        tiles.append(_tile(comparison, best, f"Least risk: {named}", "student"))
        note = "baseline minus this, paired, split by split; above 0 is better"
        tiles.append(Tile("Difference in risk", difference, "signed_number", note, "control", comparison.level))
    gains = [each.differences["teacher"] for run in sweep.number_runs for each in run.run.students.values()]
    note = "comparisons, each of one loss in one run"
    tiles.append(Tile("Students beat their teachers", f"{count_signs(gains)[0]} of {len(gains)}", "text", note))
    return FirstScreen(
        verdict=verdict,
        because=because,
        tone="go" if ahead else "open",
        tiles=tuple(tiles),
        figure=_figure(comparison),
        steps=_steps(sweep),
        bad_news=_bad_news(sweep, comparison),
    )


def _tile(comparison: Comparison, treatment: str, name: str, role: str) -> Tile:
    value, note = -comparison.task_score(treatment), f"{comparison.metric}, mean over tasks, less is better"
    return Tile(name, value, "number", note, role)


def _bad_news(sweep: Sweep, comparison: Comparison) -> tuple[str, ...]:
    runs = [run.run for run in sweep.number_runs]
    headlines = [run.students[headline_of_numbers(run.results)] for run in runs]
    beaten = [student for student in headlines if is_below_zero(student.differences.get("own_labels"))]
    news = []
    gains = [student.differences["teacher"] for run in runs for student in run.students.values()]
    if rest := len(gains) - count_signs(gains)[0]:
        news.append(f"Students are not shown to beat their teachers in {rest} of {counted(len(gains), 'comparison')}.")
    if beaten:
        news.append(
            f"In {len(beaten)} of {counted(len(runs), 'run')} the strong model does better on each teacher's own true "
            "labels alone."
        )
    worse = [name for name in _others(comparison) if is_below_zero(comparison.difference(name))]
    if worse:
        news.append(f"{name_list(worse)}: shown to have more risk than {comparison.named(comparison.baseline)}.")
    return (*news, *_lost(sweep))


def _steps(sweep: Sweep) -> tuple[NextStep, ...]:
    folder = shlex.quote(str(sweep.folder))
    steps = [NextStep("Look at one run by itself.", f"outlearn report {shlex.quote(str(sweep.every[0].run.folder))}")]
    if sweep.failed or sweep.missing:
        again = f"outlearn sweep {shlex.quote(str(sweep.folder / 'sweep.yaml'))} --out {folder}"
        steps.insert(0, NextStep("Finish the sweep: the same command goes on where it was.", again))
    return (*steps, NextStep("Draw the figures for a paper.", f"outlearn report {folder} --figures figures/"))


def _figure(comparison: Comparison) -> Figure:
    base = comparison.named(comparison.baseline)
    differences = [comparison.difference(name) for name in _others(comparison)]
    above, below = count_signs(differences)
    return Figure(
        "first",
        f"Risk over all tasks, against {base}",
        _effects(comparison),
        f"Shown to have less risk than {base}: {above} of {len(differences)}; more: {below} (paired, each for itself).",
        "Right of 0 is better. Every task weighs the same.",
    )


def _effects(comparison: Comparison) -> Chart:
    marks = []
    for name in _others(comparison):
        found = comparison.difference(name)
        low, high = (end if math.isfinite(end) else None for end in (found.low, found.high))
        look = series_style(comparison.treatments.index(name))
        hover = [f"{name}: {format_cell(found, 'signed_number')}"]
        marks.append(Dots(name, look, [found.mean], [name], [low], [high], hover=hover, horizontal=True))
    x = Axis(f"{comparison.metric}: {comparison.named(comparison.baseline)} minus this")
    panel = Panel(x, Axis(categories=tuple(_others(comparison))), (*marks, Rule(ROLES["gap"], x=0.0)))
    return Chart((panel,), panel_height=max(90, ROW * len(marks)), legend=False)


def _risks(comparison: Comparison) -> Table:
    """Return one row for each treatment: risk, paired difference to the baseline, wins, mean rank."""
    base = comparison.baseline
    columns = (
        Column(comparison.what),
        Column(comparison.metric, "number", "mean over tasks, each task with the same weight; less is better"),
        Column(f"less than {base}", "signed_number", "risk of the baseline minus this; above 0 is better"),
        Column(f"wins over {base}", "percent", "share of blocks, interval for new tasks"),
        Column("mean rank", "ratio", "by risk over the splits, 1 is best"),
    )
    rows: list[tuple[Cell, ...]] = []
    for name, rank in zip(comparison.treatments, comparison.mean_ranks.tolist(), strict=True):
        against = (None, None) if name == base else (comparison.difference(name), comparison.wins(name))
        rows.append((name, -comparison.task_score(name), *against, rank))
    splits = f"{counted(comparison.n_units, 'split')} of {counted(len(comparison.tasks), 'task')}"
    note = f"{splits}, {counted(len(comparison.task_of), 'block')}."
    return Table(f"Risk over all tasks, by {comparison.what}", columns, tuple(rows), (note,))


def _parts(comparison: Comparison) -> Table:
    """Return the paired differences in each setting or task by itself."""
    base, others = comparison.baseline, _others(comparison)
    columns = (Column(f"less risk than {base}"), *(Column(name, "signed_number") for name in others))
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (part, *(comparison.difference(name, part=part) for name in others)) for part in comparison.parts
    )
    return Table("Paired differences, part by part", columns, rows)


def _grid(runs: Sequence[NumberRun], keys: Sequence[str], values: Sequence[tuple[str, ...]]) -> Grid:
    """Return every run and loss as a row that sorts and filters."""
    columns = (
        *(GridColumn(key, "text", filter=True) for key in keys),
        GridColumn("task", "text", filter=True),
        GridColumn("loss", "text", filter=True),
        GridColumn("less risk than its teacher", "signed_number"),
        *(GridColumn(name, kind) for name, kind in SCORES.items()),
    )
    rows: list[list[Cell]] = [
        [
            *of_run,
            run.task.name,
            loss,
            student.differences["teacher"],
            *(student.scores[name] if name in student.scores else getattr(student, name) for name in SCORES),
        ]
        for run, of_run in zip(runs, values, strict=True)
        for loss, student in run.students.items()
    ]
    return Grid(
        key="runs",
        title="Every run and loss",
        caption="Risks in each task's own units; [..] intervals of each run, over teachers and new test points.",
        columns=columns,
        rows=rows,
        sort_by="less risk than its teacher",
        descending=True,
        unit="rows",
    )


def _setting(sweep: Sweep) -> tuple[Block, ...]:
    facts = [("runs", f"{len(sweep.every)} finished, {len(sweep.failed)} failed, {len(sweep.missing)} not run")]
    facts += [("students", f"{_students(sweep):,}"), ("seconds of the last call", f"{sweep.record.seconds:g}")]
    facts += [(key, ", ".join(sweep.values_of(key))) for key in sweep.keys]
    blocks: list[Block] = [Facts(tuple(facts))]
    if sweep.failed:
        failed = Table("Runs that failed", (Column("run"), Column("why")), tuple(sweep.failed.items()))
        blocks.append(TableBlock(failed))
    if sweep.missing:
        blocks.append(Text(f"Not run, because the sweep was stopped: {', '.join(sweep.missing)}."))
    return tuple(blocks)
