"""Write the report of a run, a sweep or theory, or compare several runs: one offline file, from folders alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from outlearn.errors import ConfigError, suggest
from outlearn.report.comparison_page import comparison_page
from outlearn.report.explain_page import explain_page
from outlearn.report.markdown import markdown_report, number_markdown
from outlearn.report.number_explain_page import number_explain_page
from outlearn.report.number_figures import number_figures
from outlearn.report.number_page import number_page
from outlearn.report.number_preflight_page import number_preflight_page
from outlearn.report.number_sweep_page import number_comparison_page, number_sweep_charts, number_sweep_page
from outlearn.report.paper_figures import write_figures
from outlearn.report.preflight_page import preflight_page
from outlearn.report.run_page import run_figures, run_page
from outlearn.report.sweep_page import sweep_charts, sweep_page
from outlearn.report.theory_page import theory_page
from outlearn.results.any_run import is_number_run
from outlearn.results.explanation import EXPLANATIONS, load_explanation
from outlearn.results.number_explanation import NUMBER_EXPLANATIONS, load_number_explanation
from outlearn.results.number_preflight import NUMBER_PREFLIGHTS, load_number_preflight
from outlearn.results.number_run import load_number_run
from outlearn.results.preflight import PREFLIGHTS, load_preflight
from outlearn.results.report_folder import ReportFolder
from outlearn.results.run_folder import load_run
from outlearn.results.sweep import is_sweep, load_sweep
from outlearn.results.theory import is_theory, read_theory
from outlearn.results.writing import write_file

__all__ = ["FORMATS", "write_report"]

FORMATS = {"html": ".html", "md": ".md"}
PAGES: tuple[tuple[ReportFolder[Any], Callable[[Path], str]], ...] = (
    (PREFLIGHTS, lambda folder: preflight_page(load_preflight(folder))),
    (EXPLANATIONS, lambda folder: explain_page(load_explanation(folder))),
    (NUMBER_PREFLIGHTS, lambda folder: number_preflight_page(load_number_preflight(folder))),
    (NUMBER_EXPLANATIONS, lambda folder: number_explain_page(load_number_explanation(folder))),
)
"""Folders that hold the answer to one question, and how its page is made."""


def write_report(
    dirs: Sequence[Path], out: Path | None = None, *, format: str = "html", figures: Path | None = None
) -> Path:
    """Write a report; nothing is trained.

    Args:
        dirs: run folders; one gives its report, several a comparison. One folder of a sweep, of
            theory, of preflight or of explain gives its page.
        out: file to write; by default report.html in the one folder, or comparison.html in the working folder.
        format: "html", or "md" for tables in Markdown.
        figures: folder for the figures of a single run or a sweep as SVG and PDF, for a paper.

    Returns:
        The file that was written.

    Raises:
        ConfigError: for an unknown format, figures of several runs, or anything but runs as anything but one page.
        DataError: if a folder is not that of a finished run.
        StoreError: if a file cannot be written.
    """
    if format not in FORMATS:
        raise ConfigError(f"--format is {format!r}; {suggest(format, FORMATS)}")
    if any(map(is_sweep, dirs)):
        if len(dirs) > 1 or format != "html":
            raise ConfigError("a sweep has one page, html: give its folder alone, without --format.")
        sweep = load_sweep(dirs[0])
        of_numbers = bool(sweep.number_runs)
        if figures is not None:
            write_figures(number_sweep_charts(sweep) if of_numbers else sweep_charts(sweep), figures)
        page = number_sweep_page(sweep) if of_numbers else sweep_page(sweep)
        return _written(out or dirs[0] / "report.html", page)
    if any(map(is_theory, dirs)):
        if len(dirs) > 1 or format != "html" or figures is not None:
            raise ConfigError("theory has one page, html: give its folder alone, without --format and --figures.")
        return _written(out or dirs[0] / "report.html", theory_page(read_theory(dirs[0])))
    if len(dirs) == 1 and is_number_run(dirs[0]):
        number_run = load_number_run(dirs[0])
        if figures is not None:
            write_figures({key: figure.chart for key, figure in number_figures(number_run).items()}, figures)
        target = out or (dirs[0] / "report").with_suffix(FORMATS[format])
        return _written(target, number_markdown(number_run) if format == "md" else number_page(number_run))
    if any(map(is_number_run, dirs)):
        return _compared_numbers(dirs, out, format=format, figures=figures)
    for kind, page_of in PAGES:
        if any(map(kind.holds, dirs)):
            if len(dirs) > 1 or format != "html" or figures is not None:
                one = f"the folder of {kind.command}"
                raise ConfigError(f"{one} has one page, html: give it alone, without --format and --figures.")
            return _written(out or dirs[0] / "report.html", page_of(dirs[0]))
    runs = [load_run(folder) for folder in dirs]
    if not runs:
        raise ConfigError("no run folder was given; give one, or several for a comparison.")
    if figures is not None:
        if len(runs) > 1:
            raise ConfigError("--figures draws one run; give one folder.")
        write_figures({key: figure.chart for key, figure in run_figures(runs[0]).items()}, figures)
    single = len(runs) == 1
    target = out or (dirs[0] / "report" if single else Path("comparison")).with_suffix(FORMATS[format])
    if format == "md":
        text = markdown_report(runs)
    else:
        text = run_page(runs[0]) if single else comparison_page(runs)
    return _written(target, text)


def _compared_numbers(dirs: Sequence[Path], out: Path | None, *, format: str, figures: Path | None) -> Path:
    """Write the page of several runs of numbers."""
    other = [folder for folder in dirs if not is_number_run(folder)]
    if other:
        raise ConfigError(
            f"{str(other[0])!r} holds no run of numbers and the others do: they have no score in common. Give runs of "
            "one kind."
        )
    if format != "html" or figures is not None:
        raise ConfigError("several runs of numbers have one page, html: leave out --format and --figures.")
    runs = [load_number_run(folder) for folder in dirs]
    return _written(out or Path("comparison.html"), number_comparison_page([run.name for run in runs], runs))


def _written(target: Path, page: str) -> Path:
    write_file(target, page.encode())
    return target
