"""The first screen of a sweep: what does best over all its tasks, by the rule of every page, and where it does not."""

from __future__ import annotations

import shlex

from outlearn.core.intervals import level_in_words
from outlearn.core.text import counted
from outlearn.core.verdict import count_signs, has_interval, is_above_zero, is_below_zero
from outlearn.report.blocks import Figure
from outlearn.report.cells import format_number
from outlearn.report.first_screen import FirstScreen, NextStep, Tile
from outlearn.report.sweep_figures import effects, overall_chart
from outlearn.report.wording import name_list, signed_points, size_in_points
from outlearn.results.sweep import Sweep
from outlearn.results.sweep_comparison import Comparison

__all__ = ["sweep_first_screen"]


def sweep_first_screen(sweep: Sweep, comparison: Comparison) -> FirstScreen:
    """Fill in the first screen from the sweep's first comparison, which is that of its losses where there are several.

    What is best in accuracy over the tasks is named so only where it is shown to be ahead of the baseline.
    """
    best = max(comparison.treatments, key=comparison.task_score)
    ahead = best != comparison.baseline and is_above_zero(comparison.difference(best))
    return FirstScreen(
        verdict=_verdict(comparison, best),
        because=_because(comparison, best),
        tone="go" if ahead else "open",
        tiles=_tiles(sweep, comparison, best),
        figure=_figure(comparison),
        steps=_steps(sweep),
        bad_news=_bad_news(sweep, comparison, best),
    )


def _figure(comparison: Comparison) -> Figure:
    base = comparison.named(comparison.baseline)
    others = [comparison.difference(name) for name in comparison.treatments if name != comparison.baseline]
    above, below = count_signs(others)
    return Figure(
        "first",
        f"Over all tasks, against {base}",
        overall_chart(comparison),
        f"Shown to do better than {base}: {above} of {len(others)}; worse: {below} (paired, each for itself).",
        "Every task weighs the same; tasks and settings by themselves are below.",
    )


def _verdict(comparison: Comparison, best: str) -> str:
    base, named = comparison.named(comparison.baseline), comparison.named(best)
    others = [name for name in comparison.treatments if name != comparison.baseline]
    if best == comparison.baseline:
        worse = [name for name in others if is_below_zero(comparison.difference(name))]
        if len(worse) == len(others):
            return f"Nothing does better than {base}: all others are shown to do worse."
        return f"Nothing is shown to do better than {base}."
    if not is_above_zero(comparison.difference(best)):
        return f"Nothing is shown to do better than {base}, not even {named}."
    equal = [name for name in others if name != best and not is_above_zero(comparison.difference(best, against=name))]
    if not equal:
        return f"{named} does best."
    return f"{named} does better than {base}; it is not shown to do better than {name_list(equal)}."


def _because(comparison: Comparison, best: str) -> str:
    base = comparison.named(comparison.baseline)
    splits = f"{counted(comparison.n_units, 'split')} of {counted(len(comparison.tasks), 'task')}"
    if best == comparison.baseline:
        return f"Over {splits}, {base} is right most often."
    found, named = comparison.difference(best), comparison.named(best)
    if not has_interval(found):
        return f"{named} minus {base}: {signed_points(found)} over {splits}, without an interval: {found.reason}."
    what = f"over {splits} ({level_in_words(comparison.level)} interval, for new draws of their points)"
    if is_above_zero(found):
        return f"{named} is more accurate than {base} by {size_in_points(found)} {what}."
    return f"{named} minus {base}: {signed_points(found)} {what}, which includes 0."


def _tiles(sweep: Sweep, comparison: Comparison, best: str) -> tuple[Tile, ...]:
    gains = [student.differences["teacher"] for run in sweep.runs for student in run.run.students.values()]
    above, _ = count_signs(gains)
    whose = "the mean over tasks"
    tiles = [
        Tile(
            f"Baseline: {comparison.named(comparison.baseline)}",
            comparison.task_score(comparison.baseline),
            note=f"{whose}, of test points",
            role="teacher",
        )
    ]
    if best != comparison.baseline:
        tiles += [
            Tile(f"Best: {comparison.named(best)}", comparison.task_score(best), note=whose, role="student"),
            Tile(
                "Best minus baseline, points",
                comparison.difference(best),
                "points",
                "paired, split by split",
                "control",
                comparison.level,
            ),
        ]
    won, note = f"{above} of {len(gains)}", "comparisons, each of one loss in one run"
    tiles.append(Tile("Students beat their labeler", won, "text", note, "ceiling"))
    return tuple(tiles)


def _bad_news(sweep: Sweep, comparison: Comparison, best: str) -> tuple[str, ...]:
    """Say where students lose to their labelers, where the best does not do best, and what was not run."""
    gains = [student.differences["teacher"] for run in sweep.runs for student in run.run.students.values()]
    _, below = count_signs(gains)
    news = []
    if below:
        verb = "lose to their labeler"
        news.append(f"Students {verb} in {below} of {counted(len(gains), 'comparison')} of a loss in a run.")
    if best != comparison.baseline:
        base = comparison.named(comparison.baseline)
        against = {part: found[best] for part, found in effects(comparison).items()}
        worse = [f"{part} (by {size_in_points(each)})" for part, each in against.items() if is_below_zero(each)]
        if worse:
            news.append(f"{comparison.named(best)} does worse than {base} on {name_list(worse)}.")
    if not has_interval(comparison.difference_for_new_tasks(comparison.treatments[-1])):
        tasks = format_number(len(comparison.tasks), "count")
        news.append(f"Nothing is said about other tasks: that takes at least 4, and here {_were(tasks)}.")
    lost = len(sweep.failed) + len(sweep.missing)
    if lost:
        news.append(f"{lost} of {counted(lost + len(sweep.runs), 'run')} have no results; see “What was run”.")
    return tuple(news)


def _were(count: str) -> str:
    return "there is 1" if count == "1" else f"there are {count}"


def _steps(sweep: Sweep) -> tuple[NextStep, ...]:
    folder = sweep.folder
    one = sweep.runs[0].run.folder
    steps = [NextStep("Look at one run by itself.", f"outlearn report {shlex.quote(str(one))}")]
    if sweep.failed or sweep.missing:
        again = f"outlearn sweep {shlex.quote(str(folder / 'sweep.yaml'))} --out {shlex.quote(str(folder))}"
        steps.insert(0, NextStep("Finish the sweep: the same command goes on where it was.", again))
    figures = f"outlearn report {shlex.quote(str(folder))} --figures figures/"
    return (*steps, NextStep("Draw the figures for a paper.", figures))
