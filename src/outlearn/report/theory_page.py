"""The page of theory results: figures, claims and settings of each experiment."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from outlearn.report.blocks import Block, Facts, Figure, Section, TableBlock, Text
from outlearn.report.cells import Column, Table
from outlearn.report.page import render_page
from outlearn.report.theory_mechanisms import (
    estimator_figure,
    inherited_variance_figure,
    sign_change_figure,
    student_penalty_figure,
)
from outlearn.report.theory_predictions import convex_figure, ensembles_figure, entropy_figure
from outlearn.report.theory_random_features import cases_figure, penalty_figure, width_figure
from outlearn.report.theory_real_capacity import capacity_figure, closed_form_figure, gap_figure
from outlearn.report.theory_text import compared, number, predicted_text, verdict
from outlearn.results.theory import TheoryResult

__all__ = ["FIGURES", "theory_figures", "theory_page"]

FIGURES: dict[str, tuple[Callable[[TheoryResult], Figure], ...]] = {
    "random-features": (width_figure, cases_figure, penalty_figure),
    "ridge": (sign_change_figure, student_penalty_figure),
    "subspace": (inherited_variance_figure, estimator_figure),
    "ensembles": (ensembles_figure,),
    "convex": (convex_figure,),
    "entropy": (entropy_figure,),
    "real-capacity": (capacity_figure, gap_figure, closed_form_figure),
}


def theory_figures(result: TheoryResult) -> tuple[Figure, ...]:
    """Draw the figures of a result; an experiment that has none drawn has its claims all the same."""
    return tuple(draw(result) for draw in FIGURES.get(result.name, ()))


def theory_page(results: Sequence[TheoryResult]) -> str:
    """Return the page of some results as one string of HTML that makes no request."""
    sections = [_section(result) for result in results]
    failing = [claim for result in results for claim in result.claims if not claim.agrees]
    findings = [verdict(results), *(f"Does not agree: {claim.text}" for claim in failing)]
    findings += [block.finding for section in sections for block in section.blocks[:1] if isinstance(block, Figure)]
    one = len(results) == 1
    return render_page(
        title=results[0].description if one else "The theory, held against simulation",
        subtitle=f"outlearn theory {results[0].name if one else 'all'} --seed {results[0].seed}",
        findings=findings,
        sections=sections,
        footer="Lines are formulas, marks are simulation or data. Each claim states the tolerance past which it fails.",
    )


def _section(result: TheoryResult) -> Section:
    blocks: list[Block] = [*theory_figures(result), TableBlock(_claims_table(result))]
    blocks += [Text(note) for note in result.notes]
    blocks.append(Facts(tuple((key.replace("_", " "), _setting(value)) for key, value in result.settings.items())))
    heading = result.name.replace("-", " ").capitalize()
    return Section(result.name, heading, tuple(blocks), lead=result.description)


def _claims_table(result: TheoryResult) -> Table:
    rows = tuple(
        ("agrees" if each.agrees else "FAILS", each.text, number(each.measured), predicted_text(each), compared(each))
        for each in result.claims
    )
    columns = ("verdict", "claim", "measured", "predicted", "compared by")
    return Table(f"Claims: {verdict([result])}", tuple(Column(column) for column in columns), rows)


def _setting(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(_setting(item) for item in value)
    return number(value) if isinstance(value, float) else str(value) or "none"
