"""The page of one run: findings on top, then scores, the decomposition, training, the points."""

from __future__ import annotations

from collections.abc import Mapping

from outlearn.core.decomposition.risk_gap import RiskGap
from outlearn.report.blocks import Block, Facts, Figure, Section, TableBlock, Text
from outlearn.report.calibration_figures import reliability_figure, sensitivity_figure
from outlearn.report.findings import best_loss, findings, headline_loss
from outlearn.report.ledger_grid import ledger_grid
from outlearn.report.page import render_page
from outlearn.report.point_figures import confidence_figure, misfit_map_figure
from outlearn.report.score_figures import bias_variance_figure, gap_figure, scores_figure
from outlearn.report.selection import selection_facts, selection_figure
from outlearn.report.summary import describe
from outlearn.report.tables import Against, blind_spot_table, difference_table, scores_table
from outlearn.report.training_figure import path_figure
from outlearn.report.true_labels import label_curve_figure
from outlearn.report.tuned_baselines import tuned_table
from outlearn.results.run import NotTrained, RunResults
from outlearn.results.run_folder import Run

__all__ = ["run_figures", "run_page"]


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
    found = (
        scores_figure(results),
        gap_figure(results),
        bias_variance_figure(results),
        path_figure(results),
        *(selection_figure(results, recipe) for recipe in results.selections),
        label_curve_figure(results, headline_loss(results)),
        confidence_figure(gaps, unit, level),
        misfit_map_figure(predictions, gaps, best_loss(results), unit),
        reliability_figure(predictions, level),
        sensitivity_figure(predictions),
    )
    return {figure.key: figure for figure in found if figure is not None}


def run_page(run: Run) -> str:
    """Return the report of one run as one HTML page; raises as `run_figures` does."""
    results, gaps = run.results, _gaps(run)
    figures = _figures(run, gaps)
    measure, task = results.measure, results.task

    def chosen(*keys: str) -> tuple[Block, ...]:
        return tuple(figures[key] for key in keys if key in figures)

    asked: tuple[Against, ...] = ("references",)
    if results.teacher.models > 1:
        asked += ("combinations",)
    if len(results.students) > 1:
        asked += ("losses",)
    ledger = ledger_grid(run.predictions, gaps, task.class_names, best_loss(results))
    sections = (
        Section("scores-part", "Who wins", (*chosen("scores"), TableBlock(scores_table(results)))),
        Section(
            "true-labels",
            "What true labels would have done",
            (*chosen("label-curve"), *map(Text, _true_label_notes(results))),
            "The controls, in the table above, are the strong model on the true labels that the teachers learned from. "
            "They, the ceiling and the curve are tuned by cross-validation on the very labels they learn from.",
        ),
        Section(
            "why",
            "Why",
            chosen("gap", "bias-variance", "confidence", "misfit-map"),
            f"Risk of the teacher less risk of its student is misfit, {measure.misfit}, plus a residual, which is 0 on "
            f"average where the student is the {measure.posterior_mean} posterior mean of its teacher. Order "
            f"{measure.order}; the identity holds to {measure.identity_error:.0e} here.",
        ),
        *_choices(results, figures),
        Section("training", "Training and calibration", chosen("path", "reliability", "sensitivity")),
        Section(
            "paired",
            "Paired differences",
            tuple(TableBlock(difference_table(results, against=against)) for against in asked),
            "Student minus other, on the same points and, for teachers, with its own teacher. Combinations of the "
            "teachers show what averaging their noise away does without a student; the student of the mean learned "
            "from the teachers' plain mean with the same loss. In bold: the interval excludes 0, each for itself.",
        ),
        Section("points", "Point by point", (TableBlock(blind_spot_table(results)), ledger)),
        Section("setting", "What was run", (Facts(describe(results)), Facts(_provenance(run)), *map(Text, task.notes))),
    )
    return render_page(
        title=f"{task.name}: students against their weak teachers",
        subtitle=_setting(results),
        findings=findings(results),
        sections=sections,
        footer=f"outlearn {results.outlearn}, run {run.name}, configuration {results.config_key[:12]}",
    )


def _choices(results: RunResults, figures: Mapping[str, Figure]) -> tuple[Section, ...]:
    """Show what was chosen without labels, and which parts were used."""
    blocks: list[Block] = []
    for recipe, selection in results.selections.items():
        blocks += [
            Facts(selection_facts(selection)),
            *(figures[key] for key in (f"selection-{recipe}",) if key in figures),
        ]
    if (table := tuned_table(results)) is not None:
        blocks.append(TableBlock(table))
    return (Section("choice", "The choice without labels", tuple(blocks)),) if blocks else ()


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
    """Say on one line what was run, on what: a reader must know it before the findings."""
    about = (*describe(results), ("source", results.task.source), ("licence", results.task.licence))
    return "; ".join(f"{name}: {value}" for name, value in about if value) + "."


def _provenance(run: Run) -> tuple[tuple[str, str], ...]:
    stages = (
        (name, f"{stage.key[:12]}{' (from the store)' if stage.cached else ''}")
        for name, stage in run.results.stages.items()
    )
    seed = "" if "seed" not in run.config else str(run.config["seed"])
    return (("seed", seed), ("seconds", f"{run.results.seconds['total']:g}"), *stages)
