"""What the pages of explanations, of classes and of numbers, open with: title, first screen, and what to do next."""

from __future__ import annotations

from collections.abc import Iterable

from outlearn.core.intervals import level_in_words
from outlearn.core.text import counted
from outlearn.core.verdict import is_above_zero, standing
from outlearn.report.blocks import Block, Listed, Section, TableBlock
from outlearn.report.cells import Table, format_cell
from outlearn.report.first_screen import FirstScreen, NextStep, Tile, Tone
from outlearn.report.gain_sections import Unit, bias_variance_blocks, gap_figure, posterior_blocks, slice_tables
from outlearn.report.page import render_page
from outlearn.results.explained_gain import POINTS, ExplainedGain

__all__ = ["bad_news_of_gain", "gain_page", "steps_after_gain"]

TONES: dict[str, Tone] = {"beats": "go", "worse": "stop"}


def gain_page(
    found: ExplainedGain,
    unit: Unit,
    *,
    bad_news: tuple[str, ...],
    steps: tuple[NextStep, ...],
    denoising: tuple[Block, ...],
    points: tuple[Table, ...],
    beyond: tuple[Section, ...] = (),
) -> str:
    """Return the page as one string of HTML that makes no request; sections without blocks are left out.

    Args:
        found: what was explained.
        unit: how its risks are written.
        bad_news: what takes from the gain.
        steps: what to do next.
        denoising: whether the mean of the teachers would do.
        points: of the largest and the smallest gains.
        beyond: what only this kind of predictions has.
    """
    gap, words = found.summary.gap, found.directions
    students = counted(found.summary.n_students, "student")
    who = found.sentences[0].removeprefix(found.title).strip(": ")
    return render_page(
        title="Where does the student's gain come from?",
        subtitle=f"{students} of {counted(gap.n_models, 'teacher')}, {gap.n_points:,} points. Risk: {words.risk}.",
        first=FirstScreen(
            verdict=f"{found.title}.",
            because=f"{who[:1].upper()}{who[1:]}",
            tone=TONES.get(standing(found.against_teacher).outcome, "open"),
            tiles=_tiles(found, unit),
            figure=gap_figure(found, unit),
            steps=steps,
            bad_news=bad_news,
        ),
        sections=tuple(each for each in _sections(found, unit, denoising, points, beyond) if each.blocks),
        footer=f"Intervals at {level_in_words(found.level)}. Nothing was trained: predictions as they were given.",
    )


def _sections(
    found: ExplainedGain, unit: Unit, denoising: tuple[Block, ...], points: Iterable[Table], beyond: Iterable[Section]
) -> tuple[Section, ...]:
    posterior = tuple(block for part in found.posterior for block in posterior_blocks(part, unit))
    return (
        Section("short", "In short", (Listed(found.sentences),)),
        Section("bias-variance", "Bias and variance", bias_variance_blocks(found, unit)),
        Section("denoising", "Is this only denoising?", denoising),
        Section("posterior", "The posterior-mean teacher", posterior, folded=True),
        *beyond,
        Section("slices", "Slices", tuple(map(TableBlock, slice_tables(found, unit))), folded=True),
        Section("points", POINTS, tuple(map(TableBlock, points)), folded=True),
        Section("notes", "Notes", (Listed(found.notes),) if found.notes else (), folded=True),
    )


def bad_news_of_gain(found: ExplainedGain, unit: Unit, *, mean_may_do: str | None) -> tuple[str, ...]:
    """Say what takes from the gain: a mean that does as well (its sentence), copied errors, what could not be given."""
    news = [] if mean_may_do is None else [mean_may_do]
    if is_above_zero(found.summary.overfit_covariance):
        copied = format_cell(found.summary.overfit_covariance, unit.value)
        news.append(f"Students copy part of their own teacher's error: overfit covariance {copied}.")
    if found.summary.gap.n_models < 2:
        news.append("One teacher: nothing here speaks of another one, and its variance is not seen.")
    return tuple(news)


def steps_after_gain(found: ExplainedGain, *, mean_may_do: bool, tamer: str) -> tuple[NextStep, ...]:
    """Say what to do next; `tamer` says how to train the students where they are worse than their teachers."""
    steps = []
    outcome = standing(found.against_teacher).outcome
    if mean_may_do:
        steps.append(
            NextStep(
                "Try the mean of the teachers first: it needs no student, and the students are not shown to beat it."
            )
        )
    elif outcome == "beats":
        steps.append(NextStep("Use the students in their teachers' place."))
    if found.summary.gap.n_models < 2:
        steps.append(NextStep("Train a second teacher on other labels, and its student: bias and variance need two."))
    if outcome in ("not told apart", "withheld"):
        steps.append(NextStep("Measure on more points, or with more teachers."))
    if outcome == "worse":
        steps.append(NextStep(f"Train the students {tamer}, and explain again."))
    return tuple(steps)


def _tiles(found: ExplainedGain, unit: Unit) -> tuple[Tile, ...]:
    summary, words, level = found.summary, found.directions, found.level
    return (
        Tile("Teacher's risk", summary.teacher_risk, unit.value, words.risk, "teacher", level),
        Tile("Student's risk", summary.student_risk, unit.value, "less is better", "student", level),
        Tile("Misfit", summary.misfit, unit.value, words.misfit, "student", level),
        Tile("Residual", summary.residual, unit.signed, "gap less misfit", "control", level),
    )
