"""The first screen of a run: shall I train this student, how good is everyone, what now?"""

from __future__ import annotations

import shlex
from collections.abc import Mapping

from outlearn.core.intervals import level_in_words
from outlearn.core.labelers.combinations import COMBINATIONS, EACH
from outlearn.core.text import counted
from outlearn.core.verdict import TEACHER, Action
from outlearn.report.cells import format_cell, format_number, point_estimate
from outlearn.report.findings import bad_news_list, headline_loss, headline_verdict, shown_losses
from outlearn.report.first_screen import FirstScreen, NextStep, Tile, Tone
from outlearn.report.score_figures import first_figure
from outlearn.report.selection import AUTO
from outlearn.report.true_labels import ceiling_finding, worth_in_words
from outlearn.report.wording import signed_points
from outlearn.results.run import NotTrained, RunResults, TrueLabelModels
from outlearn.results.run_folder import Run
from outlearn.results.verdict import TRUE_LABEL_CONTROLS
from outlearn.student.first_use import first_use

__all__ = ["run_first_screen"]

TONES: dict[Action, Tone] = {
    "train the student": "go",
    "combine the labels first": "stop",
    "train on true labels": "stop",
    "do not bother": "stop",
    "undecided": "open",
}


def run_first_screen(run: Run) -> FirstScreen:
    """Fill in the first screen of a run that has students."""
    results = run.results
    found = headline_verdict(results)
    return FirstScreen(
        verdict=found.advice,
        because=_because(results),
        tone=TONES[found.action],
        tiles=_tiles(results),
        figure=first_figure(results, shown_losses(results)),
        steps=_steps(run, found.action),
        bad_news=_bad_news(results),
    )


def _because(results: RunResults) -> str:
    """Say how good the student is, how good its labelers, and what decided, each with its interval."""
    loss, found = headline_loss(results), headline_verdict(results)
    student, labeler = (
        format_cell(each.accuracy, "percent", intervals=False) for each in (results.students[loss], results.labeler)
    )
    unit = f"{results.task.point}s"
    labels = "the labels that it learned from" if results.labeler.source == EACH else "the combined labels"
    against = found.standings[TEACHER].difference
    words = f"The student ({_named(loss)}) is right on {student}% of the test {unit}, {labels} on {labeler}%"
    picked = loss not in results.selections and len(results.students) > 1
    at_once = f", for the best of {counted(len(results.students), 'loss')} at once" if picked else ""
    words += f": {signed_points(against)} ({level_in_words(results.measure.level)} interval{at_once})."
    if found.decided_by == TEACHER:
        return words if found.action == "train the student" else f"{words} {_sentence(found.because)}."
    return f"{words} But {found.because}: {signed_points(found.standings[found.decided_by].difference)}."


def _named(loss: str) -> str:
    return f"{loss}, chosen without true labels" if loss == AUTO else loss


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:]


def _tiles(results: RunResults) -> tuple[Tile, ...]:
    loss, level, task = headline_loss(results), results.measure.level, results.task
    fixed = len(results.students) - len(results.selections)
    how = "chosen without a true label" if loss in results.selections else f"the best of {counted(fixed, 'loss')}"
    ceiling, control = results.ceiling, _control_tile(results) or _combination_tile(results)
    return (
        _labeler_tile(results),
        Tile(f"Student, {loss}", results.students[loss].accuracy, note=how, role="student", level=level),
        *([control] if control is not None else []),
        Tile(
            "Ceiling",
            ceiling.accuracy,
            note=f"the student's model on {ceiling.labels:,} true labels of {task.n_student:,} points",
            role="ceiling",
            level=level,
        ),
    )


def _labeler_tile(results: RunResults) -> Tile:
    source, models = results.labeler.source, results.teacher.models
    if source != EACH:
        name, note = "Labeler", f"the {_combination(source)}"
    elif models == 1:
        name, note = "Teacher", "who labeled the student's points"
    else:
        name, note = "Teachers", f"the mean of {models}, each by itself"
    return Tile(name, results.labeler.accuracy, note=note, role="teacher", level=results.measure.level)


def _control_tile(results: RunResults) -> Tile | None:
    """Return the student's model on the true labels of one teacher, or of all where these decided; None without."""
    own, every = results.controls.own_labels, results.controls.all_labels
    decided = headline_verdict(results).decided_by == TRUE_LABEL_CONTROLS["all_labels"]
    control, whose = (every, "all teachers'") if decided else (own, "each teacher's own")
    if not isinstance(control, TrueLabelModels):
        return None
    whose = whose if results.teacher.models > 1 else "the teacher's own"
    note = f"the student's model on {whose} {control.labels:,} true labels, without weak ones"
    return Tile("True labels alone", control.accuracy, note=note, role="control", level=results.measure.level)


def _combination_tile(results: RunResults) -> Tile | None:
    """Return the best combination of the labelers, which needs no student; None for one labeler."""
    scores = {name: point_estimate(each.accuracy) or 0.0 for name, each in results.ensembles.items()}
    if not scores or results.teacher.models < 2:
        return None
    best = max(scores, key=lambda name: scores[name])
    return Tile(
        "Labels combined",
        results.ensembles[best].accuracy,
        note=f"the {_combination(best)}, the best of {counted(len(scores), 'combination')}, without a student",
        role="control",
        level=results.measure.level,
    )


def _combination(name: str) -> str:
    return COMBINATIONS[name].of_teachers if name in COMBINATIONS else f"{name} of the teachers"


def _bad_news(results: RunResults) -> tuple[str, ...]:
    names = (*results.students, *(each.loss for each in results.tuned_baselines))
    news = [f"{each}." if each.startswith(names) else f"{_sentence(each)}." for each in bad_news_list(results)]
    return tuple(each for each in (ceiling_finding(results), *news) if each)


def _steps(run: Run, action: Action) -> tuple[NextStep, ...]:
    results = run.results
    again = f"outlearn run {shlex.quote(str(run.folder / 'config.yaml'))}"
    if action == "train the student":
        return (_use(run),)
    if action == "combine the labels first":
        differences = results.students[headline_loss(results)].differences
        lost = {name: point_estimate(differences.get(f"ensemble_{name}")) or 0.0 for name in results.ensembles}
        best = min(lost, key=lambda name: lost[name])
        text = f"Let the students learn from the {_combination(best)}; or use those labels as they are."
        return (NextStep(text, f"{again} --set weak_labels.source={best}"),)
    if action == "train on true labels":
        learn = f"{again} --set student.true_labels=learn"
        if AUTO not in results.students:
            learn += f" --set student.loss={AUTO}"
        return (
            NextStep(f"Train the student's model on true labels.{_worth(results)}"),
            NextStep(f"Or let {AUTO} learn from the true labels of the validation points beside the weak ones.", learn),
        )
    if action == "do not bother":
        return (NextStep("Find out where the labels are wrong before another student is trained on them.", _look(run)),)
    return (
        NextStep("See whether the difference keeps its sign on another split of the points.", f"{again} --set seed=1"),
        NextStep("More test points and more teachers make the interval narrower; more seeds do not help much."),
    )


def _look(run: Run) -> str:
    """Return the command that looks at the labels; empty where the run's labels are in no file."""
    data = run.config.get("data")
    path = data.get("path") if isinstance(data, Mapping) else None
    return f"outlearn preflight {shlex.quote(str(path))}" if path else ""


def _use(run: Run) -> NextStep:
    if use := first_use(run.folder):
        return NextStep(f"Answer new {use.points} with the student.", use.command)
    again = f"outlearn run {shlex.quote(str(run.folder / 'config.yaml'))} --keep best"
    return NextStep("This run kept no student: run it again and keep the best one.", again)


def _worth(results: RunResults) -> str:
    """Say how many true labels do as well as the weak ones."""
    found, loss = results.equivalents, headline_loss(results)
    if isinstance(found, NotTrained) or loss not in found.worth:
        return ""
    points = format_number(results.task.n_student, "count")
    return f" {worth_in_words(found.worth[loss], found)} of them do as well as the weak labels of {points} points."
