"""The page of one run: findings on top, then scores, the decomposition, training, the points."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from outlearn.core.decomposition.risk_gap import RiskGap, risk_gap
from outlearn.report.calibration_figures import reliability_figure, sensitivity_figure
from outlearn.report.cells import estimate_of
from outlearn.report.findings import findings
from outlearn.report.ledger_grid import ledger_grid
from outlearn.report.page import Block, Facts, Section, TableBlock, Text, render_page
from outlearn.report.point_figures import confidence_figure, misfit_map_figure
from outlearn.report.score_figures import Drawn, bias_variance_figure, gap_figure, scores_figure
from outlearn.report.selection import selection_figure
from outlearn.report.summary import describe
from outlearn.report.tables import (
    Against,
    blind_spot_table,
    difference_table,
    loss_names,
    risk_unit,
    scores_table,
)
from outlearn.report.training_figure import path_figure
from outlearn.report.wording import level_as_share
from outlearn.results.reading import Measured, RunFolder, read_measured

__all__ = ["best_loss", "measured_gaps", "run_figures", "run_page"]


def best_loss(run: RunFolder) -> str:
    """Return the loss whose students are most accurate on the test points: what the page shows first, not a choice."""
    students = run.results["students"]
    return max(students, key=lambda loss: estimate_of(students[loss].get("accuracy")).mean or 0.0)


def run_figures(run: RunFolder, measured: Measured, gaps: dict[str, RiskGap]) -> dict[str, Drawn]:
    """Draw every figure of a run: key -> the page's figure and its chart."""
    unit = risk_unit(run.results)
    level = level_as_share(run.results)
    found = [
        scores_figure(run.results),
        gap_figure(run.results),
        bias_variance_figure(run.results),
        path_figure(run.results),
        selection_figure(run.results),
        confidence_figure(gaps, unit, level),
        misfit_map_figure(measured, gaps, best_loss(run), unit),
        reliability_figure(measured, level),
        sensitivity_figure(measured),
    ]
    return {figure[0].key: figure for figure in found if figure is not None}


def measured_gaps(run: RunFolder, measured: Measured) -> dict[str, RiskGap]:
    """Split the gain of each loss's students again from the predictions, as the run did."""
    how = run.results.get("measure") or {}
    return {
        loss: risk_gap(
            measured.target,
            teacher=measured.source,
            student=measured.students[loss],
            generator=how.get("generator", "negative_entropy"),
            order=how.get("order", "target_first"),
        )
        for loss in loss_names(run.results)
    }


def run_page(run: RunFolder) -> str:
    """Return the report of one run as one HTML page.

    Raises:
        DataError: if the folder's predictions cannot be read.
    """
    measured = read_measured(run)
    gaps = measured_gaps(run, measured)
    drawn = {key: figure for key, (figure, _) in run_figures(run, measured, gaps).items()}

    def chosen(*keys: str) -> tuple[Block, ...]:
        return tuple(drawn[key] for key in keys if key in drawn)

    results = run.results
    how = results.get("measure") or {}
    task = results["task"]
    notes = tuple(Text(str(note)) for note in task.get("notes") or ())
    names = [str(name) for name in task.get("class_names") or range(measured.teachers.n_classes)]
    explained = (
        f"Risk of the teacher less risk of its student is misfit, {how.get('misfit', 'the divergence of the two')}, "
        "plus a "
        f"residual, which is 0 on average where the student is the {how.get('posterior_mean', 'dual')} posterior mean "
        "of its "
        f"teacher. Order {how.get('order', 'target_first')}; the identity holds to {how.get('identity_error', 0):.0e} "
        "here."
    )
    asked: tuple[Against, ...] = ("references",)
    if measured.teachers.n_models > 1:
        asked += ("combinations",)
    if len(loss_names(results)) > 1:
        asked += ("losses",)
    paired = tuple(TableBlock(difference_table(results, against=against)) for against in asked)
    blind_spots = blind_spot_table(results)
    blind = (TableBlock(blind_spots),) if blind_spots.rows else ()
    sections = [
        Section("scores-part", "Who wins", (*chosen("scores"), TableBlock(scores_table(results)))),
        Section("why", "Why", chosen("gap", "bias-variance", "confidence", "misfit-map"), explained),
        Section("training", "Training and calibration", chosen("selection", "path", "reliability", "sensitivity")),
        Section(
            "paired",
            "Paired differences",
            paired,
            "Student minus other, on the same points and, for teachers, with its own teacher. Combinations of the "
            "teachers show what averaging their noise away does without a student; the student of the mean learned "
            "from the teachers' plain mean with the same loss. In bold: the interval excludes 0.",
        ),
        Section("points", "Point by point", (*blind, ledger_grid(measured, gaps, names, best_loss(run)))),
        Section("setting", "What was run", (Facts(tuple(describe(results))), Facts(_provenance(run)), *notes)),
    ]
    key = str(results.get("config_key", ""))[:12]
    return render_page(
        title=f"{task.get('name', run.name)}: students against their weak teachers",
        subtitle=_setting(results),
        findings=findings(results),
        sections=[section for section in sections if section.blocks],
        footer=f"outlearn {results.get('outlearn', '')}, run {run.name}, configuration {key}",
    )


def _setting(results: Mapping[str, Any]) -> str:
    """Say on one line what was run, on what: a reader must know it before the findings."""
    task = results["task"]
    said = [f"{name}: {value}" for name, value in describe(results)]
    said += [f"{key}: {task[key]}" for key in ("source", "licence") if task.get(key)]
    return "; ".join(said) + "."


def _provenance(run: RunFolder) -> tuple[tuple[str, str], ...]:
    stages = run.results.get("stages") or {}
    seconds = run.results.get("seconds") or {}
    kept = [
        (name, f"{str(stage.get('key'))[:12]}{' (from the store)' if stage.get('cached') else ''}")
        for name, stage in stages.items()
    ]
    return (("seed", str(run.config.get("seed", ""))), ("seconds", f"{seconds.get('total', 0):g}"), *kept)
