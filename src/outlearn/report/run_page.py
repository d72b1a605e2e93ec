"""The page of one run: a first screen, then everything that was measured, behind headings that open."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import replace

import yaml

from outlearn.core.decomposition.risk_gap import RiskGap
from outlearn.core.text import counted
from outlearn.report.blocks import Block, Code, Facts, Figure, Folded, Listed, Section, TableBlock, Text
from outlearn.report.calibration_figures import reliability_figure
from outlearn.report.findings import best_loss, findings, headline_loss, shown_losses
from outlearn.report.first_screen import about_the_data
from outlearn.report.ledger_grid import ledger_grid
from outlearn.report.page import render_page
from outlearn.report.point_figures import confidence_figure, misfit_map_figure
from outlearn.report.run_first_screen import run_first_screen
from outlearn.report.score_figures import bias_variance_figure, gap_figure, scores_figure
from outlearn.report.selection import label_gain_table, selection_facts, selection_figure
from outlearn.report.summary import describe
from outlearn.report.tables import Against, against_everyone_table, blind_spot_table, difference_table, scores_table
from outlearn.report.training_figure import path_figure
from outlearn.report.true_labels import label_curve_figure
from outlearn.report.tuned_baselines import tuned_table
from outlearn.results.label_gain import LabelGain
from outlearn.results.run import NotTrained, RunResults
from outlearn.results.run_folder import Run

__all__ = ["run_figures", "run_page"]

PAIRED = (
    "Student minus other, on the same points and, for teachers, with its own teacher. Combinations of the teachers "
    "show what averaging their noise away does without a student; the student of the mean learned from the teachers' "
    "plain mean with the same loss. In bold: the interval of a difference in accuracy excludes 0, each for itself."
)


def run_figures(run: Run) -> dict[str, Figure]:
    """Draw every figure of a run, by its key.

    Raises:
        DataError: if the folder's predictions cannot be read.
    """
    return _figures(run, _gaps(run))


def _gaps(run: Run) -> dict[str, RiskGap]:
    return {loss: run.gap(loss) for loss in run.students}


def _figures(run: Run, gaps: Mapping[str, RiskGap]) -> dict[str, Figure]:
    results, predictions = run.results, run.predictions
    unit, level = results.measure.unit, results.measure.level
    shown = shown_losses(results)
    others = {loss: gap for loss, gap in gaps.items() if loss not in shown}
    found = (
        scores_figure(results),
        gap_figure(results),
        bias_variance_figure(results),
        path_figure(results, shown),
        _of_others(path_figure(results, others)),
        *(selection_figure(results, recipe) for recipe in results.selections),
        label_curve_figure(results, headline_loss(results)),
        confidence_figure({loss: gaps[loss] for loss in shown}, unit, level, tuple(gaps)),
        _of_others(confidence_figure(others, unit, level, tuple(gaps)) if others else None),
        misfit_map_figure(predictions, gaps, best_loss(results), unit),
        reliability_figure(predictions, level, shown),
    )
    return {figure.key: figure for figure in found if figure is not None}


def _of_others(figure: Figure | None) -> Figure | None:
    """Name a figure that shows the losses which the one before it leaves out."""
    return figure and replace(figure, key=f"{figure.key}-others", title=f"{figure.title}: the other losses")


def run_page(run: Run) -> str:
    """Return the report of one run as one HTML page; raises as `run_figures` does."""
    results = run.results
    return render_page(
        title=f"{results.task.name}: does the student beat its labeler?",
        subtitle=_setting(results),
        first=run_first_screen(run) if results.students else None,
        findings=() if results.students else findings(results),
        sections=(
            *about_the_data(results.task.caveats),
            *(_sections(run) if results.students else (_what_was_run(run),)),
        ),
        footer=f"outlearn {results.outlearn}, run {run.name}, configuration {results.config_key[:12]}",
    )


def _sections(run: Run) -> tuple[Section, ...]:
    results, gaps = run.results, _gaps(run)
    figures = _figures(run, gaps)
    measure, task = results.measure, results.task

    def chosen(*keys: str) -> tuple[Block, ...]:
        return tuple(figures[key] for key in keys if key in figures)

    def others(key: str) -> tuple[Block, ...]:
        found = chosen(f"{key}-others")
        return (Folded("The other losses", found),) if found else ()

    ledger = ledger_grid(run.predictions, gaps, task.class_names, headline_loss(results), measure.unit)
    return (
        Section("found", "Everything that was found", (Listed(findings(results)),), folded=True),
        Section("scores-part", "Who wins", (*chosen("scores"), TableBlock(scores_table(results))), folded=True),
        Section("paired", "Paired differences", _paired(results), PAIRED, folded=True),
        Section(
            "true-labels",
            "What true labels would have done",
            (*chosen("label-curve"), *map(Text, _true_label_notes(results))),
            "The controls are the student's model on the true labels that the teachers learned from. They, the ceiling "
            "and the curve are tuned by cross-validation on the very labels they learn from.",
            folded=True,
        ),
        Section(
            "why",
            "Why",
            (*chosen("gap", "bias-variance", "confidence"), *others("confidence"), *chosen("misfit-map")),
            f"Risk of the teacher less risk of its student is misfit, {measure.misfit}, plus a residual, which is 0 on "
            f"average where the student is the {measure.posterior_mean} posterior mean of its teacher. Order "
            f"{measure.order}; the identity holds to {measure.identity_error:.0e} here.",
            folded=True,
        ),
        *_choices(results, figures),
        Section(
            "training",
            "Training and calibration",
            (*chosen("path"), *others("path"), *chosen("reliability")),
            folded=True,
        ),
        Section("points", "Point by point", (ledger, TableBlock(blind_spot_table(results))), folded=True),
        _what_was_run(run),
    )


def _paired(results: RunResults) -> tuple[Block, ...]:
    """Show the headline loss against everyone, which fits a phone, then every loss against each group of others."""
    asked: tuple[Against, ...] = ("references",)
    if results.teacher.models > 1:
        asked += ("combinations",)
    if len(results.students) > 1:
        asked += ("losses",)
    every = tuple(TableBlock(difference_table(results, against=against)) for against in asked)
    return (TableBlock(against_everyone_table(results, headline_loss(results))), Folded("Every loss", every))


def _what_was_run(run: Run) -> Section:
    facts = tuple((name, value) for name, value in describe(run.results) if value)
    about = (("source", run.task.source), ("licence", run.task.licence))
    again = f"outlearn run {shlex.quote(str(run.folder / 'config.yaml'))}"
    configuration = yaml.safe_dump(dict(run.config), sort_keys=False, allow_unicode=True)
    blocks: tuple[Block, ...] = (
        Facts((*facts, *about)),
        *map(Text, run.task.notes),
        Code("The command that gives this run again", again),
        Folded("Configuration", (Code("config.yaml", configuration),)),
        Folded("Seconds and stages", (Facts(_provenance(run)),)),
    )
    return Section("setting", "What was run", blocks, folded=True)


def _choices(results: RunResults, figures: Mapping[str, Figure]) -> tuple[Section, ...]:
    """Show what was chosen without labels, and which parts were used."""
    blocks: list[Block] = []
    for recipe, selection in results.selections.items():
        blocks += [
            Facts(selection_facts(selection)),
            *(figures[key] for key in (f"selection-{recipe}",) if key in figures),
        ]
        if isinstance(selection.label_gain, LabelGain):
            blocks.append(TableBlock(label_gain_table(selection.label_gain)))
    if (table := tuned_table(results)) is not None:
        blocks.append(TableBlock(table))
    return (Section("choice", "The choice without labels", tuple(blocks), folded=True),) if blocks else ()


def _true_label_notes(results: RunResults) -> tuple[str, ...]:
    """Say how the ceiling was chosen, and why a control is missing."""
    named = (("own labels", results.controls.own_labels), ("all labels", results.controls.all_labels))
    missing = [(f"The control of {name}", each) for name, each in named]
    notes = [f"{who} was not trained: {each.reason}." for who, each in missing if isinstance(each, NotTrained)]
    if isinstance(results.equivalents, NotTrained):
        notes.append(f"No true-label equivalents: {results.equivalents.reason}.")
    tuning = results.ceiling.tuning
    if tuning is None:
        return ("The ceiling is the strong model as configured; it was not tuned.", *notes)
    chosen = ", ".join(dict.fromkeys(tuning.chosen))
    return (f"Chosen for the ceiling among {tuning.members}: {chosen}.", *notes)


def _setting(results: RunResults) -> str:
    """Say on a line what was run: a reader must know it before the findings."""
    task = results.task
    unit = task.point
    who = counted(results.teacher.models, "labeler" if task.n_teacher == 0 else "weak teacher")
    sizes = f"{task.n_student:,} {unit}s to learn from, {task.n_test:,} to test on"
    classes = "" if unit == "pair" else f" ({task.n_classes} classes)"
    return f"{who}, {sizes}{classes}."


def _provenance(run: Run) -> tuple[tuple[str, str], ...]:
    stages = (
        (name, f"{stage.key[:12]}{' (from the store)' if stage.cached else ''}")
        for name, stage in run.results.stages.items()
    )
    return (("seconds", f"{run.results.seconds['total']:g}"), *stages)
