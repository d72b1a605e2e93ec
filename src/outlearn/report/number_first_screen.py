"""The first screen of a run of numbers: shall I train this student, how far off is everyone, what now?

The same rule as for classes decides, on differences of risk, of which more is better: the other's less the student's.
"""

from __future__ import annotations

import shlex

from outlearn.core.intervals import level_in_words
from outlearn.core.labelers.combinations import EACH, NUMBER_COMBINATIONS
from outlearn.core.text import counted
from outlearn.core.verdict import ROOM, TEACHER, Action, Verdict
from outlearn.report.cells import Cell, format_cell, point_estimate
from outlearn.report.first_screen import FirstScreen, NextStep, Tile
from outlearn.report.number_figures import first_number_figure
from outlearn.report.number_findings import (
    AUTO,
    headline_of_numbers,
    number_bad_news,
    number_verdict,
    risk_name,
    risk_size,
)
from outlearn.report.run_first_screen import TONES
from outlearn.report.true_labels import worth_in_words
from outlearn.results.measurement import Withheld
from outlearn.results.number_run import NumberRun
from outlearn.results.numbers import NumberEquivalents, NumberResults
from outlearn.results.run import TrueLabelModels
from outlearn.results.verdict import TRUE_LABEL_CONTROLS
from outlearn.student.first_use import first_use

__all__ = ["number_first_screen"]


def number_first_screen(run: NumberRun) -> FirstScreen:
    """Fill in the first screen of a run of numbers."""
    results = run.results
    found = number_verdict(results)
    return FirstScreen(
        verdict=found.advice,
        because=_because(results, found),
        tone=TONES[found.action],
        tiles=_tiles(results, found),
        figure=first_number_figure(results),
        steps=_steps(run, found.action),
        bad_news=number_bad_news(results),
    )


def _because(results: NumberResults, found: Verdict) -> str:
    """Say how far off the student is, how far its labelers are, and what decided, each with its interval."""
    loss, level = headline_of_numbers(results), level_in_words(results.measure.level)
    student, labeler = (
        format_cell(each.mse, "number", intervals=False) for each in (results.students[loss], results.labeler)
    )
    each = results.labeler.source == EACH
    labels = "the labels that it learned from" if each else "the combined labels"
    chosen = f"{loss}, chosen without true labels" if loss == AUTO else loss
    picked = loss != AUTO and len(results.students) > 1
    at_once = f", for the best of {counted(len(results.students), 'loss')} at once" if picked else ""
    against = format_cell(found.standings[TEACHER].difference, "signed_number")
    words = (
        f"The student ({chosen}) has a mean squared error of {student} on the test points, {labels} one of {labeler}; "
        f"labels minus student is {against} in {risk_name(results)} ({level} interval{at_once})."
    )
    if found.decided_by == TEACHER:
        return words
    if found.decided_by == ROOM:
        return f"{words} But {found.because}."
    return f"{words} But {found.because}, by {risk_size(found.standings[found.decided_by].difference)}."


def _tiles(results: NumberResults, found: Verdict) -> tuple[Tile, ...]:
    loss, models = headline_of_numbers(results), results.teacher.models
    student, ceiling = results.students[loss], results.ceiling
    fixed = len(results.students) - (AUTO in results.students)
    how = "chosen without a true label" if loss == AUTO else f"the best of {counted(fixed, 'loss')}"
    pgr = (
        f"PGR withheld: {student.pgr.reason}"
        if isinstance(student.pgr, Withheld)
        else (f"PGR on risk {format_cell(student.pgr, 'ratio')}")
    )
    if results.labeler.source != EACH:
        who, note = "Labeler", f"the {_combination(results.labeler.source)}"
    elif models == 1:
        who, note = "Teacher", "who labeled the student's points"
    else:
        who, note = "Teachers", f"the mean of {models}, each by itself"
    n = f"{ceiling.labels:,} true labels"
    return (
        _tile(who, results.labeler.mse, note, "teacher", results),
        _tile(f"Student, {loss}", student.mse, f"{how}; {pgr}", "student", results),
        *filter(None, (_control_tile(results, found) or _combination_tile(results),)),
        _tile("Ceiling", ceiling.mse, f"the student's model on {n}", "ceiling", results),
    )


def _tile(name: str, value: Cell, note: str, role: str, results: NumberResults) -> Tile:
    also = ", beside the risk that decides" if risk_name(results) == "risk" else ""
    return Tile(name, value, "number", f"mean squared error{also}; {note}", role, results.measure.level)


def _control_tile(results: NumberResults, found: Verdict) -> Tile | None:
    """Return the student's model on the true labels of one teacher, or of all where these decided; None without."""
    own, every = results.controls.own_labels, results.controls.all_labels
    decided = found.decided_by == TRUE_LABEL_CONTROLS["all_labels"]
    control, whose = (every, "all teachers'") if decided else (own, "each teacher's own")
    if not isinstance(control, TrueLabelModels):
        return None
    whose = whose if results.teacher.models > 1 else "the teacher's own"
    note = f"the student's model on {whose} {control.labels:,}, without weak ones"
    return _tile("True labels alone", control.mse, note, "control", results)


def _combination_tile(results: NumberResults) -> Tile | None:
    """Return the best combination of the labelers, which needs no student; None for one labeler."""
    if results.teacher.models < 2 or not results.ensembles:
        return None
    best = min(results.ensembles, key=lambda name: _risk_of(results.ensembles[name].mse))
    note = f"the {_combination(best)}, without a student"
    return _tile("Labels combined", results.ensembles[best].mse, note, "control", results)


def _risk_of(cell: Cell) -> float:
    found = point_estimate(cell)
    return float("inf") if found is None else found


def _combination(name: str) -> str:
    return NUMBER_COMBINATIONS[name].of_teachers if name in NUMBER_COMBINATIONS else f"{name} of the teachers"


def _steps(run: NumberRun, action: Action) -> tuple[NextStep, ...]:
    results, config = run.results, shlex.quote(str(run.folder / "config.yaml"))
    again = f"outlearn run {config}"
    other_split = NextStep("See whether it holds on another split of the points.", f"{again} --set seed=1")
    if action == "train the student":
        if use := first_use(run.folder):
            return (NextStep(f"Answer new {use.points} with the student.", use.command),)
        return (NextStep("This run kept no student: run it again and keep the best one.", f"{again} --keep best"),)
    if action == "combine the labels first":
        lost = results.students[headline_of_numbers(results)].differences
        best = min(results.ensembles, key=lambda name: _risk_of(lost.get(f"ensemble_{name}")))
        text = f"Let the students learn from the {_combination(best)}; or use those labels as they are."
        return (NextStep(text, f"{again} --set weak_labels.source={best}"),)
    if action == "train on true labels":
        return (NextStep(f"Train the student's model on true labels.{_worth(results)}"), other_split)
    if action == "do not bother":
        return (NextStep("Find out where the labels are wrong before another student learns them."), other_split)
    return (other_split, NextStep("More test points and more teachers make the interval narrower."))


def _worth(results: NumberResults) -> str:
    """Say how many true labels the weak ones are worth."""
    found, loss = results.equivalents, headline_of_numbers(results)
    if not isinstance(found, NumberEquivalents) or loss not in found.worth:
        return ""
    worth = worth_in_words(found.worth[loss], found)
    return f" The weak labels of {results.task.n_student:,} points are worth {worth} of them."
