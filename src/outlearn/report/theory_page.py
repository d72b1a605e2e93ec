"""Run the theory and write it down: results.json, summary.txt, and one page of figures, claims and settings."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn
from threadpoolctl import threadpool_limits

from outlearn.errors import ConfigError, StoreError, suggest
from outlearn.report.cells import Column, Table
from outlearn.report.page import Block, Facts, Figure, Section, TableBlock, Text, render_page
from outlearn.report.theory_mechanisms import ridge_figures, subspace_figures
from outlearn.report.theory_predictions import convex_figures, ensembles_figures, entropy_figures
from outlearn.report.theory_random_features import random_features_figures
from outlearn.report.theory_text import compared, number, predicted_text, theory_text, verdict
from outlearn.theory.experiments import EXPERIMENTS, get_experiment
from outlearn.theory.result import SCHEMA, TheoryResult
from outlearn.theory.settings import settings_from_strings

__all__ = ["FIGURES", "run_theory", "theory_page", "write_theory"]

ALL = "all"

FIGURES: dict[str, Callable[[TheoryResult], tuple[Figure, ...]]] = {
    "random-features": random_features_figures,
    "ridge": ridge_figures,
    "subspace": subspace_figures,
    "ensembles": ensembles_figures,
    "convex": convex_figures,
    "entropy": entropy_figures,
}


def run_theory(
    name: str, settings: Mapping[str, Any], seed: int, out: Path | None, echo: Callable[[str], None]
) -> bool:
    """Run one experiment, or all, print every claim, and write the folder.

    Args:
        name: of `EXPERIMENTS`, or "all".
        settings: key -> text (numbers and lists are taken too). For "all", a key goes to every experiment that has it;
            a mapping under an experiment's name, `{"ridge": {"draws": "100"}}`, goes to that one alone.
        seed: of every experiment.
        out: folder to write; None for a new one under `runs/`.
        echo: prints a line.

    Returns:
        Whether every claim agrees.

    Raises:
        ConfigError: for an unknown name or setting, or a value that is not allowed; before anything runs.
        StoreError: if the folder cannot be written.
    """
    chosen = list(EXPERIMENTS) if name == ALL else [name]
    if name != ALL and name not in EXPERIMENTS:
        raise ConfigError(f"there is no theory experiment {name!r}; {suggest(name, [*EXPERIMENTS, ALL])}")
    if seed < 0:
        raise ConfigError(f"seed is {seed}; it must be at least 0")
    prepared = _prepare(chosen, settings)
    folder = _folder(out, name)
    results = []
    with threadpool_limits(1), _bar() as advance:  # the matrices are small: one BLAS thread is faster than two
        for index, (each, values) in enumerate(prepared.items()):
            step = _Step(advance, each, index, len(prepared))
            result = get_experiment(each).run(values, seed=seed, progress=step)
            results.append(result)
            echo(theory_text(result, EXPERIMENTS[each].description))
    if len(results) > 1:
        echo(verdict(results))
    write_theory(results, folder)
    echo(f"Figures and numbers: {folder}/report.html, {folder}/results.json")
    return all(result.agrees for result in results)


def write_theory(results: TheoryResult | Sequence[TheoryResult], out: Path) -> None:
    """Write results.json, summary.txt and report.html of one result, or of several on one page.

    Raises:
        StoreError: if the folder cannot be written.
    """
    several = [results] if isinstance(results, TheoryResult) else list(results)
    content: dict[str, Any] = several[0].to_json()
    if len(several) != 1:
        content = {
            "schema": SCHEMA,
            "name": ALL,
            "agrees": all(result.agrees for result in several),
            "experiments": [result.to_json() for result in several],
        }
    summary = "\n\n".join(theory_text(result, EXPERIMENTS[result.name].description) for result in several)
    files = {
        "results.json": json.dumps(content, indent=1, allow_nan=False) + "\n",
        "summary.txt": summary + "\n",
        "report.html": theory_page(several),
    }
    try:
        out.mkdir(parents=True, exist_ok=True)
        for file, text in files.items():
            (out / file).write_text(text, encoding="utf-8")
    except OSError as error:
        reason = error.strerror or str(error)
        raise StoreError(
            f"{str(out)!r} cannot be written: {reason}. Choose a writable folder with --out DIR."
        ) from error


def theory_page(results: Sequence[TheoryResult]) -> str:
    """Return the page of some results as one string of HTML that makes no request."""
    sections = [_section(result) for result in results]
    failing = [claim for result in results for claim in result.claims if not claim.agrees]
    findings = [verdict(results), *(f"Does not agree: {claim.text}" for claim in failing)]
    findings += [block.finding for section in sections for block in section.blocks[:1] if isinstance(block, Figure)]
    one = len(results) == 1
    return render_page(
        title=EXPERIMENTS[results[0].name].description if one else "The theory, held against simulation",
        subtitle=f"outlearn theory {results[0].name if one else ALL} --seed {results[0].seed}",
        findings=findings,
        sections=sections,
        footer="Lines are formulas, marks are simulation or data. Each claim states the tolerance past which it fails.",
    )


def _section(result: TheoryResult) -> Section:
    blocks: list[Block] = [*FIGURES[result.name](result), TableBlock(_claims_table(result))]
    blocks += [Text(note) for note in result.notes]
    blocks.append(Facts(tuple((key.replace("_", " "), _setting(value)) for key, value in result.settings.items())))
    return Section(
        key=result.name,
        heading=result.name.replace("-", " ").capitalize(),
        lead=EXPERIMENTS[result.name].description,
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


def _prepare(chosen: Sequence[str], settings: Mapping[str, Any]) -> dict[str, Any]:
    """Give each experiment the settings that are its own, and complain about those that are nobody's."""
    per: dict[str, dict[str, str]] = {name: {} for name in chosen}
    for key, value in settings.items():
        if isinstance(value, Mapping):
            if key not in per:
                raise ConfigError(
                    f"there is no experiment {key!r} here to set {', '.join(value)} of; {suggest(key, per)}"
                )
            per[key].update({name: _text(f"{key}.{name}", item) for name, item in value.items()})
            continue
        owners = [name for name in chosen if key in _fields(name)]
        if not owners:
            known = {field for name in chosen for field in _fields(name)}
            raise ConfigError(f"there is no setting {key!r} of {', '.join(chosen)}; {suggest(key, known)}")
        for name in owners:
            per[name][key] = _text(key, value)
    return {name: settings_from_strings(EXPERIMENTS[name].settings, values) for name, values in per.items()}


def _fields(name: str) -> list[str]:
    return [field.name for field in fields(EXPERIMENTS[name].settings)]


def _text(key: str, value: Any) -> str:
    if isinstance(value, list | tuple):
        return ",".join(_text(key, item) for item in value)
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ConfigError(f"{key} is {value!r}; expected a number, text, or numbers with commas between them")
    return value if isinstance(value, str) else repr(value)


def _folder(out: Path | None, name: str) -> Path:
    """Return the folder to write, before anything long runs: the one given, or a new one under runs/."""
    if out is None:
        stem = Path("runs") / f"theory-{name}-{time.strftime('%Y%m%d-%H%M%S')}"
        candidates = [stem, *(stem.with_name(f"{stem.name}-{k}") for k in range(2, 100))]
        return next(folder for folder in candidates if not folder.exists())
    if out.exists() and not out.is_dir():
        raise StoreError(f"{str(out)!r} is a file; choose a folder with --out DIR.")
    return out


class _Step:
    """Report the progress of one experiment among several to the bar."""

    def __init__(self, advance: Callable[[str, float], None], name: str, index: int, count: int) -> None:
        self._advance, self._name, self._index, self._count = advance, name, index, count

    def __call__(self, done: float) -> None:
        self._advance(self._name, (self._index + done) / self._count)


@contextmanager
def _bar() -> Iterator[Callable[[str, float], None]]:
    """Show one bar on stderr; nothing where stderr is not a terminal."""
    columns = (TextColumn("{task.description}"), BarColumn())
    quiet = not sys.stderr.isatty()
    with Progress(*columns, console=Console(stderr=True), disable=quiet, transient=True) as progress:
        task = progress.add_task("theory", total=1.0)
        yield lambda name, done: progress.update(task, description=name, completed=done)
