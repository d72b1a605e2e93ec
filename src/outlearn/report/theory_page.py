"""The page of theory results: figures, claims and settings of each experiment."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from outlearn.report.cells import Column, Table
from outlearn.report.page import Block, Facts, Figure, Section, TableBlock, Text, render_page
from outlearn.report.theory_mechanisms import ridge_figures, subspace_figures
from outlearn.report.theory_predictions import convex_figures, ensembles_figures, entropy_figures
from outlearn.report.theory_random_features import random_features_figures
from outlearn.report.theory_text import compared, number, predicted_text, verdict
from outlearn.results.theory import TheoryResult

__all__ = ["FIGURES", "theory_figures", "theory_page"]

FIGURES: dict[str, Callable[[TheoryResult], tuple[Figure, ...]]] = {
    "random-features": random_features_figures,
    "ridge": ridge_figures,
    "subspace": subspace_figures,
    "ensembles": ensembles_figures,
    "convex": convex_figures,
    "entropy": entropy_figures,
}


def theory_figures(result: TheoryResult) -> tuple[Figure, ...]:
    """Draw the figures of a result; an experiment that has none drawn has its claims all the same."""
    return FIGURES[result.name](result) if result.name in FIGURES else ()


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
    return Section(
        key=result.name,
        heading=result.name.replace("-", " ").capitalize(),
        lead=result.description,
        blocks=tuple(blocks),
    )


def _claims_table(result: TheoryResult) -> Table:
    rows = tuple(
        (
            "agrees" if claim.agrees else "FAILS",
            claim.text,
            number(claim.measured),
            predicted_text(claim),
            compared(claim),
        )
        for claim in result.claims
    )
    columns = ("verdict", "claim", "measured", "predicted", "compared by")
    return Table(f"Claims: {verdict([result])}", tuple(Column(column) for column in columns), rows)


def _setting(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(_setting(item) for item in value)
    return number(value) if isinstance(value, float) else str(value) or "none"
