"""The text that a run of numbers prints: what was run, one table, how to read it, what was found."""

from __future__ import annotations

from outlearn.core.intervals import level_in_words
from outlearn.core.labelers.combinations import label_of
from outlearn.core.text import counted, wrapped
from outlearn.report.cells import format_number
from outlearn.report.number_findings import number_findings
from outlearn.report.number_tables import number_scores
from outlearn.report.summary import plain_table, text_table
from outlearn.results.numbers import NumberResults
from outlearn.results.run import TrueLabelModels

__all__ = ["describe_numbers", "number_summary"]

WITH_INTERVAL = ("MSE", "PGR")


def number_summary(results: NumberResults, *, width: int = 110) -> str:
    """Write the summary in lines of at most `width` columns, or 60."""
    width = max(width, 60)
    table, notes = plain_table(number_scores(results), WITH_INTERVAL, lambda value: format_number(value, "number"))
    parts = [
        [wrapped(f"{name + ':':<10}{value}", rest=" " * 10, width=width) for name, value in describe_numbers(results)],
        [text_table(table, width=width), *(wrapped(note, rest="    ", width=width) for note in notes)],
        [wrapped(_legend(results), width=width)],
        ["What was found", *(wrapped(said, first="- ", rest="  ", width=width) for said in number_findings(results))],
    ]
    return "\n\n".join("\n".join(part) for part in parts) + "\n"


def describe_numbers(results: NumberResults) -> tuple[tuple[str, str], ...]:
    """Say in pairs of a name and a value what was run, on what."""
    task, teachers = results.task, results.teacher.models
    unlabeled = f" ({task.n_unlabeled:,} of them without a true number)" if task.n_unlabeled else ""
    sizes = (
        *([f"{task.n_teacher:,} teacher"] if task.n_teacher else []),
        f"{task.n_student:,} student{unlabeled}",
        f"{task.n_validation:,} validation",
        f"{task.n_test:,} test",
    )
    numbers = f"numbers from {task.low:.4g} to {task.high:.4g}, {task.mean:.4g} ± {task.deviation:.4g}"
    raters = f", the mean of {task.n_raters} raters" if task.n_raters > 1 else ""
    trained = sum(student.models for student in results.students.values())
    tuning = results.ceiling.tuning
    chosen = "" if tuning is None else f"; chosen by cross-validation on those, among {tuning.members}"
    return (
        ("task", f"{task.name}, regression, {numbers}{raters}"),
        ("points", ", ".join(sizes)),
        ("teachers", f"{teachers} weak {'teacher' if teachers == 1 else 'teachers'}"),
        ("students", f"{trained}, one for each labeler and loss; {counted(len(results.students), 'loss')}"),
        ("ceiling", f"strong students trained on {results.ceiling.labels:,} true labels{chosen}"),
        *(("note", caveat) for caveat in task.caveats),
    )


def _legend(results: NumberResults) -> str:
    measure = results.measure
    control = "; control: on those that the teachers learned from" * isinstance(
        results.controls.own_labels, TrueLabelModels
    )
    answer = results.selection
    whose = f" (for auto, of the teachers' {label_of(answer.source)})" if answer and results.teacher.models > 1 else ""
    return (
        f"MSE: mean squared error; MAE: mean absolute error; R2: share of the variance predicted; Spearman: rank "
        f"correlation; gap in {measure.unit}; [..] {level_in_words(measure.level)} interval for "
        f"{results.teacher.population} and new test points. PGR = (teacher - student) / (teacher - ceiling), on risk. "
        f"ceiling: the strong model on the true labels of the student split{control}. concordance: Lin's, of students "
        f"with their own teachers. gap = risk of the teacher{whose} - risk of its student; "
        f"misfit = {measure.misfit}."
    )
