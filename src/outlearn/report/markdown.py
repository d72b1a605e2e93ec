"""Reports as Markdown tables, for a pull request or an issue."""

from __future__ import annotations

from collections.abc import Sequence

from outlearn.report.cells import Table
from outlearn.report.comparison_tables import comparison_findings, comparison_table, loss_summary, run_names
from outlearn.report.findings import findings
from outlearn.report.number_findings import number_findings
from outlearn.report.number_tables import number_bias_variance, number_differences, number_gaps, number_scores
from outlearn.report.tables import blind_spot_table, difference_table, gap_table, main_table
from outlearn.results.number_run import NumberRun
from outlearn.results.run_folder import Run

__all__ = ["markdown_report", "markdown_table", "number_markdown"]


def markdown_report(runs: Sequence[Run]) -> str:
    """Write the findings and tables of one run; for several their comparison first, then the findings of each."""
    parts = []
    if len(runs) > 1:
        parts += [f"## Comparison of {len(runs)} runs", _listed(comparison_findings(runs))]
        parts += [markdown_table(loss_summary(runs)), markdown_table(comparison_table(runs))]
    for name, run in zip(run_names(runs), runs, strict=True):
        parts += [f"## {_text(run.task.name)} ({_text(name)})"]
        parts += [_listed(findings(run.results))]
        tables = (main_table, gap_table, difference_table, blind_spot_table) if len(runs) == 1 else ()
        parts += [markdown_table(make(run.results)) for make in tables]
    return "\n\n".join(parts) + "\n"


def number_markdown(run: NumberRun) -> str:
    """Write the findings and tables of one run of numbers."""
    results = run.results
    tables = (number_scores, number_gaps, number_bias_variance, number_differences)
    parts = [f"## {_text(results.task.name)} ({_text(run.name)})", _listed(number_findings(results))]
    return "\n\n".join([*parts, *(markdown_table(make(results)) for make in tables)]) + "\n"


def _listed(sentences: Sequence[str]) -> str:
    return "\n".join(f"- {_text(sentence)}" for sentence in sentences)


def markdown_table(table: Table) -> str:
    """Write one table, with its title above and its footnotes below.

    Examples:
        >>> from outlearn.report.cells import Column
        >>> print(markdown_table(Table("T", (Column("a|b"), Column("x", "percent")), (("<i>", 0.5),))))
        **T**
        <BLANKLINE>
        | a\\|b | x |
        |:--|--:|
        | &lt;i&gt; | 50.0 |
    """
    head = "| " + " | ".join(_text(column.name) for column in table.columns) + " |"
    rule = "|" + "|".join(":--" if column.kind == "text" else "--:" for column in table.columns) + "|"
    rows = ["| " + " | ".join(map(_text, row)) + " |" for row in table.text_rows()]
    notes = [f"\n{_text(note)}" for note in table.footnotes]
    return "\n".join([f"**{_text(table.title)}**", "", head, rule, *rows, *notes])


def _text(text: str) -> str:
    """Escape what Markdown or HTML would read as markup; a cell is one line."""
    safe = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    for mark in "\\`*_|[]":
        safe = safe.replace(mark, "\\" + mark)
    return " ".join(safe.split())
