"""What a run of numbers found, in plain sentences: who predicts better, what true labels would have done, why.

The same rules of speech as for classes: a direction is claimed only where the paired interval excludes 0.
"""

from __future__ import annotations

from collections.abc import Iterator

from outlearn.core.intervals import Interval
from outlearn.core.labelers.combinations import label_of
from outlearn.core.verdict import Verdict, has_interval, is_above_zero, is_below_zero
from outlearn.report.cells import format_cell, format_number, point_estimate
from outlearn.report.true_labels import worth_in_words
from outlearn.report.wording import Written, compare_words, name_list, unsigned
from outlearn.results.measurement import Measurement, Withheld
from outlearn.results.numbers import NumberEquivalents, NumberResults
from outlearn.results.run import TrueLabelModels
from outlearn.results.verdict import NOT_COMPARED, verdict

__all__ = [
    "AUTO", "best_of_numbers", "choice_of_numbers", "compare_risks", "headline_of_numbers", "number_bad_news",
    "number_findings", "number_verdict", "risk_name", "risk_size", "who_predicts_best", "why_numbers",
    "worth_of_numbers",
]  # fmt: skip

AUTO = "auto"


def number_findings(results: NumberResults) -> tuple[str, ...]:
    """Say what was found: what takes the ground from the rest first, and the bad news with the good."""
    loss = headline_of_numbers(results)
    said = [_ceiling(results), *_beaten_by_control(results, loss), who_predicts_best(results, loss)]
    said += [f"Verdict on {loss}: {number_verdict(results)}"]
    said += [worth_of_numbers(results, loss), choice_of_numbers(results), _parts(results), why_numbers(results, loss)]
    said += [*_intervals(results, loss)]
    return tuple(sentence for sentence in (*said, *_bad_news(results)) if sentence)


def _intervals(results: NumberResults, loss: str) -> Iterator[str]:
    """Say whether the intervals of the students of a loss hold what they promise, and those of labelers."""
    if loss in results.intervals:
        found = results.intervals[loss]
        yield f"{found.sentences[0]} They are {format_cell(found.width, 'number', intervals=False)} wide."
    for each in results.given_intervals:
        yield each.sentences[0]


def number_verdict(results: NumberResults) -> Verdict:
    """Say what to do about the students of the headline loss, by an interval that holds for the best of all."""
    loss = headline_of_numbers(results)
    return verdict(results, loss, best_of=1 if loss == AUTO else len(results.students))


def number_bad_news(results: NumberResults) -> tuple[str, ...]:
    """List what speaks against the run's own story, a sentence each: what a first screen shows below its verdict."""
    of, systematic = results.teacher_bias_variance, ""
    if isinstance(of.bias, Interval) and isinstance(of.variance, Interval) and of.bias.low > of.variance.high:
        systematic = (
            f"Most of the teachers' error is systematic (bias {format_number(of.bias.mean, 'number')}, variance "
            f"{format_number(of.variance.mean, 'number')}), and averaging teachers removes only the variance."
        )
    return tuple(sentence for sentence in (_ceiling(results), *_bad_news(results), systematic) if sentence)


def best_of_numbers(results: NumberResults) -> str:
    """Return the loss whose students have the least squared error on the test points: shown first, not a choice."""
    return min(results.students, key=lambda loss: point_estimate(results.students[loss].mse) or 0.0)


def headline_of_numbers(results: NumberResults) -> str:
    """Return what was chosen without labels, which alone was not picked on the test points; else the best."""
    return AUTO if AUTO in results.students else best_of_numbers(results)


def risk_size(difference: Measurement) -> str:
    """Write the size of a difference of risks whose sign the sentence has said."""
    return format_cell(unsigned(difference), "number")


RISKS = Written(
    "{second} minus {first}",
    lambda mean: format_number(mean, "signed_number"),
    lambda difference: format_cell(difference, "signed_number"),
    risk_size,
)


def compare_risks(difference: Measurement, first: str, second: str) -> str:
    """Say how `first` compares with `second` from the paired estimate of second's risk - first's (more is better).

    Examples:
        >>> compare_risks(Interval(0.15, 0.05, 0.25, 0.05, 4, 100), "auto", "its teachers")
        'auto beats its teachers by 0.1500 [0.0500, 0.2500]'
        >>> compare_risks(Interval(0.15, -0.05, 0.35, 0.1, 4, 100), "auto", "its teachers")
        'auto and its teachers cannot be told apart (+0.1500 [-0.0500, +0.3500])'
    """
    return compare_words(difference, first, second, RISKS)


def risk_name(results: NumberResults) -> str:
    """Call the risk by its name: what differences are of."""
    return "mean squared error" if results.measure.generator == "squared_euclidean" else "risk"


def _difference(results: NumberResults, loss: str, other: str) -> Measurement:
    return results.students[loss].differences.get(other, NOT_COMPARED)


def who_predicts_best(results: NumberResults, loss: str) -> str:
    """Compare the students of a loss with their teachers, by an interval that holds for the best of all losses."""
    whose = "its teachers" if results.teacher.models > 1 else "its teacher"
    mine, theirs = results.students[loss].mse, results.teacher.mse
    versus, losses = _difference(results, loss, "teacher"), len(results.students)
    if isinstance(versus, Interval) and loss != AUTO:
        versus = versus.best_of(losses)  # it was picked by these very numbers
    words = compare_risks(versus, f"the student of {loss}", whose)
    pgr = results.students[loss].pgr
    recovered = f"PGR is withheld: {pgr.reason}" if isinstance(pgr, Withheld) else f"PGR {format_cell(pgr, 'ratio')}"
    return (
        f"In {risk_name(results)}, {words}; mean squared error {format_cell(mine, 'number')} against "
        f"{format_cell(theirs, 'number')}. {recovered}."
    )


def _ceiling(results: NumberResults) -> str:
    above = dict(results.ceiling.exceeded_by)
    if results.teacher.models == 1:  # every combination is that teacher
        for name in results.ensembles:
            if (each := above.pop(f"ensemble_{name}", None)) is not None:
                above["the teacher"] = each
    if not above:
        return ""
    named = {f"ensemble_{name}": f"the {label_of(name)} of the teachers" for name in results.ensembles}
    said = [f"{named.get(name, name)} by {risk_size(difference)}" for name, difference in above.items()]
    return (
        f"The ceiling is none: {name_list(said)} {'is' if len(said) == 1 else 'are'} shown to be better than the "
        f"strong model on {results.ceiling.labels:,} true labels, and so no PGR is given."
    )


def _beaten_by_control(results: NumberResults, loss: str) -> Iterator[str]:
    own, every = results.controls.own_labels, results.controls.all_labels
    if not isinstance(own, TrueLabelModels):
        return
    whose = "each teacher's own" if results.teacher.models > 1 else "the teacher's own"
    said = f"The strong model trained on {whose} {own.labels:,} true labels has a mean squared error of "
    said += format_cell(own.mse, "number", intervals=False)
    against = [_difference(results, each, "own_labels") for each in results.students]
    if all(map(is_below_zero, against)):
        more = risk_size(_difference(results, loss, "own_labels"))
        said += f", less than every weak-label student: {loss} is {more} above"
    else:
        said += f": {compare_risks(_difference(results, loss, 'own_labels'), loss, 'that')}"
    if results.teacher.models > 1 and isinstance(every, TrueLabelModels):
        said += f"; on the {every.labels:,} of all teachers, {format_cell(every.mse, 'number', intervals=False)}"
    yield f"{said}."


def worth_of_numbers(results: NumberResults, loss: str) -> str:
    """Say how many true labels the weak labels of a loss's students are worth."""
    found = results.equivalents
    if not isinstance(found, NumberEquivalents):
        return ""
    had = "" if found.teacher_labels is None else f"; each teacher was trained on {found.teacher_labels:,}"
    return (
        f"True-label equivalent: to the students of {loss}, weak labels of {results.task.n_student:,} points are worth "
        f"{worth_in_words(found.worth[loss], found)} true ones of such points{had}."
    )


def choice_of_numbers(results: NumberResults) -> str:
    """Say what `auto` chose, and whether the other criterion agrees."""
    found = results.selection
    if found is None:
        return ""
    end = ", the last that was tried, so that a better one may lie beyond" if found.at_end else ""
    other = {"crossed_misfit": "concordance", "concordance": "crossed_misfit"}[found.criterion]
    best = (
        max(found.tried, key=lambda each: each.concordance)
        if other == "concordance"
        else min(found.tried, key=lambda each: each.crossed_misfit)
    )
    also = (
        "" if best.penalty == found.chosen else f"; by {other.replace('_', ' ')} it would have been {best.penalty:.3g}"
    )
    spread = ""
    if found.spread_by != 1:
        spread = (
            f" Teachers of few labels shrink towards the mean: its predictions were moved away from it by "
            f"{found.spread_by:.2f}, one over the part of the teachers' variance that they share."
        )
    whose = ""
    if found.deviations:
        apart = ", ".join(f"{label_of(name)} {value:.4g}" for name, value in found.deviations.items())
        whose = (
            f" Its student learned from the {label_of(found.source)} of the labelers; mean distance of each "
            f"combination to the labeler that it has not heard: {apart}."
        )
    return (
        f"auto chose the penalty {found.chosen:.3g} among {len(found.tried)} without a true label, by "
        f"{found.criterion.replace('_', ' ')}{end}{also}.{whose}{spread}"
    )


def _parts(results: NumberResults) -> str:
    of = results.teacher_bias_variance
    if any(isinstance(each, Withheld) for each in (of.bias, of.variance)):
        return ""
    noise = ""
    if (point_estimate(of.noise) or 0.0) > 0:
        noise = f"noise {format_cell(of.noise, 'number', intervals=False)} (the raters' own spread), "
    return (
        f"A teacher's risk of {format_cell(of.total, 'number', intervals=False)} is {noise}bias "
        f"{format_cell(of.bias, 'number')} and variance {format_cell(of.variance, 'number')}: averaging teachers can "
        "take away the variance alone."
    )


def why_numbers(results: NumberResults, loss: str) -> str:
    """Split the gain of a loss's students: gap = misfit + residual."""
    s = results.students[loss]
    if isinstance(s.gap, Withheld):
        return ""
    copied = ""
    if has_interval(s.overfit_covariance) and is_above_zero(s.overfit_covariance):
        copied = f" It copies its own teacher: overfit covariance {format_cell(s.overfit_covariance, 'number')}."
    away = ""
    if is_below_zero(s.residual):
        away = "; a residual below 0 is misfit that does not help, for it leads away from the target"
    over = ", over the mean of the teachers" if loss == AUTO and results.teacher.models > 1 else ""
    residual = point_estimate(s.residual) or 0.0
    return (
        f"Gap = misfit + residual for {loss}{over}: {format_cell(s.gap, 'signed_number', intervals=False)} = "
        f"{format_cell(s.misfit, 'number', intervals=False)} {'+' if residual >= 0 else '-'} "
        f"{format_number(abs(residual), 'number')}{away}.{copied}"
    )


def _bad_news(results: NumberResults) -> Iterator[str]:
    worse = [loss for loss in results.students if is_below_zero(_difference(results, loss, "baseline"))]
    if worse:
        are = "is" if len(worse) == 1 else "are"
        yield f"{name_list(worse)} {are} worse than always saying the mean of the labels."
    for name in results.ensembles:
        against = [_difference(results, loss, f"ensemble_{name}") for loss in results.students]
        if results.teacher.models > 1 and all(map(is_below_zero, against)):
            closest = max(against, key=lambda each: point_estimate(each) or 0.0)
            yield f"The {label_of(name)} of the teachers beats every student, the best of them by {risk_size(closest)}."
