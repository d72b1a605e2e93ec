"""The page of a sweep: what its runs say together, about which splits and tasks, then every run and loss."""

from __future__ import annotations

from collections.abc import Sequence

from outlearn.report.cells import Cell, Column, Table, excludes_zero, has_interval, is_above_zero, is_below_zero
from outlearn.report.charts import Chart
from outlearn.report.comparison_page import comparison_figures
from outlearn.report.page import Block, Facts, Figure, Grid, GridColumn, Section, TableBlock, Text, render_page
from outlearn.report.sweep_figures import effect_chart, effect_figure, effects, rank_chart, rank_figure
from outlearn.report.sweep_folder import SweepFolder, SweptRun
from outlearn.report.sweep_statistics import Comparison, compare_losses, compare_values, compared_keys
from outlearn.report.wording import name_list, signed_points

__all__ = ["comparison_summary", "sweep_charts", "sweep_findings", "sweep_page"]

MOST_NAMED = 4


def sweep_page(sweep: SweepFolder) -> str:
    """Return the report of a sweep as one HTML page."""
    losses, *others = _comparisons(sweep)
    values = [found for found in others if found is not None]
    sections = [Section("losses", "Loss by loss", _comparison_blocks(losses, "losses"))] if losses else []
    sections += [
        Section(f"key-{place}", f"By {found.what}", _comparison_blocks(found, f"key-{place}"))
        for place, found in enumerate(values)
    ]
    runs = [run.run for run in sweep.runs]
    if runs:
        sections.append(Section("gains", "Students and their labellers", comparison_figures(runs)))
        sections.append(Section("rows", "Every run and loss", (_grid(sweep),)))
    sections.append(Section("setting", "What was run", _setting(sweep)))
    return render_page(
        title=f"Sweep {sweep.name}",
        subtitle=_subtitle(sweep),
        findings=sweep_findings(sweep, losses, values),
        sections=sections,
        footer=f"outlearn {runs[0].results.outlearn}, {len(runs)} runs" if runs else "",
    )


def sweep_charts(sweep: SweepFolder) -> dict[str, Chart]:
    """Return the charts of the comparisons, for a paper: by losses, then by each varied key."""
    charts: dict[str, Chart] = {}
    for key, found in zip(("loss", *compared_keys(sweep)), _comparisons(sweep), strict=True):
        if found is not None:
            name = key.replace(".", "-")
            charts |= {f"{name}-effects": effect_chart(found), f"{name}-ranks": rank_chart(found)}
    return charts


def _comparisons(sweep: SweepFolder) -> tuple[Comparison | None, ...]:
    return (compare_losses(sweep), *(compare_values(sweep, key) for key in compared_keys(sweep)))


def sweep_findings(sweep: SweepFolder, losses: Comparison | None, values: Sequence[Comparison]) -> tuple[str, ...]:
    """Say what the runs show together; a direction only where its interval excludes 0, the bad news too."""
    said = [_won(sweep)]
    for comparison in [found for found in (losses, *values) if found is not None]:
        said += _by_part(comparison)
    said.append(_scope(losses or (values[0] if values else None)))
    lost = len(sweep.failed) + len(sweep.missing)
    if lost:
        said.append(f"{lost} of {lost + len(sweep.runs)} runs have no results; they are named at the end.")
    return tuple(sentence for sentence in said if sentence)


def _won(sweep: SweepFolder) -> str:
    gains = [student.differences["teacher"] for run in sweep.runs for student in run.run.students.values()]
    if not gains:
        return "No run is finished, so there is nothing to compare."
    above, below = sum(map(is_above_zero, gains)), sum(map(is_below_zero, gains))
    return (
        f"{len(gains)} pairs of a run and a loss: students beat their labeller in {above}, lose to it in {below}, and "
        f"in {len(gains) - above - below} it cannot be told (paired intervals of each run)."
    )


def _by_part(comparison: Comparison) -> list[str]:
    """Say for each part which treatments are ahead of the baseline, and which behind it."""
    said, untold = [], []
    for part, found in effects(comparison).items():
        told = {name: each for name, each in found.items() if excludes_zero(each)}
        if not told:
            untold.append(part)
            continue
        clauses = []
        for one, many, sign in (("beats it", "beat it", 1), ("loses to it", "lose to it", -1)):
            mine = [name for name, each in told.items() if sign * each.mean > 0]
            mine = sorted(mine, key=lambda name: -abs(told[name].mean))
            named = [f"{name} ({signed_points(told[name])})" for name in mine[:MOST_NAMED]]
            more = [f"{len(mine) - MOST_NAMED} more"] if len(mine) > MOST_NAMED else []
            if named:
                clauses.append(f"{name_list([*named, *more])} {one if len(mine) == 1 else many}")
        rest = len(found) - len(told)
        if rest:
            clauses.append(f"{rest} of {len(found)} cannot be told apart from it")
        said.append(f"{part}: against {_named(comparison)}, {'; '.join(clauses)}.")
    if untold:
        said.append(f"Nothing can be told apart from {_named(comparison)} in: {'; '.join(untold)}.")
    return said


def _named(comparison: Comparison) -> str:
    return comparison.baseline if comparison.what == "loss" else f"{comparison.what} {comparison.baseline}"


def _scope(comparison: Comparison | None) -> str:
    """Say what the intervals speak of, and what they do not."""
    if comparison is None:
        return ""
    n_tasks, level = len(comparison.tasks), f"{100 * comparison.level:g}%"
    splits = f"{comparison.n_units} split{'s' * (comparison.n_units != 1)} of {n_tasks} task{'s' * (n_tasks != 1)}"
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


def _comparison_blocks(comparison: Comparison | None, key: str) -> tuple[Block, ...]:
    if comparison is None:
        return ()
    figures: list[Figure | None] = [
        effect_figure(comparison, f"{key}-effects"),
        rank_figure(comparison, f"{key}-ranks"),
    ]
    return (TableBlock(comparison_summary(comparison)), *(figure for figure in figures if figure is not None))


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
    for place, name in enumerate(comparison.treatments):
        is_base = name == base
        cells: list[Cell] = [name, comparison.task_accuracy(name)]
        cells.append(None if is_base else comparison.difference(name))
        if for_new:
            cells.append(None if is_base else comparison.difference_for_new_tasks(name))
        cells.append(None if is_base else comparison.difference(name, "log_loss"))
        cells.append(None if is_base else comparison.wins(name))
        rows.append((*cells, float(comparison.mean_ranks[place])))
    splits = f"{comparison.n_units} splits of {len(comparison.tasks)} tasks, {len(comparison.task_of)} blocks."
    return Table(f"Over all tasks, by {comparison.what}", columns, tuple(rows), (splits,))


def _grid(sweep: SweepFolder) -> Grid:
    """Return every run and loss as a row that sorts and filters."""
    kept = ("accuracy", "log_loss", "pgr", "gap", "misfit", "residual", "overfit_covariance")
    kinds = ("percent", "nats", "ratio", "signed", "nats", "signed", "signed")
    columns = (
        *(GridColumn(key, "text", filter=True) for key in sweep.keys),
        GridColumn("task", "text", filter=True),
        GridColumn("loss", "text", filter=True),
        GridColumn("gain", "points"),
        *(GridColumn(name.replace("_", " "), kind) for name, kind in zip(kept, kinds, strict=True)),
    )
    rows = [
        [
            *(str(run.values.get(key)) for key in sweep.keys),
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
        caption="Accuracy in %, gain over the own labeller in points; [..] intervals of each run, over new teachers "
        "and new test points.",
        columns=columns,
        rows=rows,
        sort_by="gain",
        descending=True,
        unit="rows",
    )


def _subtitle(sweep: SweepFolder) -> str:
    tasks = list(dict.fromkeys(run.task for run in sweep.runs))
    varied = [f"{key}: {', '.join(_values(sweep.runs, key))}" for key in sweep.keys]
    return "; ".join([f"{sweep.n_students:,} students in {len(sweep.runs)} runs on {len(tasks)} tasks", *varied]) + "."


def _values(runs: Sequence[SweptRun], key: str) -> list[str]:
    found = list(dict.fromkeys(str(run.values.get(key)) for run in runs))
    return found if len(found) <= 8 else [*found[:7], f"and {len(found) - 7} more"]


def _setting(sweep: SweepFolder) -> tuple[Block, ...]:
    facts = [("runs", f"{len(sweep.runs)} finished, {len(sweep.failed)} failed, {len(sweep.missing)} not run")]
    facts += [("students", f"{sweep.n_students:,}"), ("seconds of the last call", f"{sweep.seconds:g}")]
    facts += [(key, ", ".join(_values(sweep.runs, key))) for key in sweep.keys]
    blocks: list[Block] = [Facts(tuple(facts))]
    if sweep.failed:
        rows: tuple[tuple[Cell, ...], ...] = tuple((label, cause) for label, cause in sweep.failed.items())
        blocks.append(TableBlock(Table("Runs that failed", (Column("run"), Column("why")), rows)))
    if sweep.missing:
        blocks.append(Text(f"Not run, because the sweep was stopped: {', '.join(sweep.missing)}."))
    return tuple(blocks)
