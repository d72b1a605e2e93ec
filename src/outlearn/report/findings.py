"""What a run found, in plain sentences with numbers and intervals, the bad news included.

Rules of speech. A direction ("beats", "loses to") is claimed only where the paired interval excludes 0. Otherwise the
two "cannot be told apart", with the interval. Where there is no interval the difference is given as seen, with the
reason. A best student is the best of so many on the test points, and the sentence says so.
"""

from __future__ import annotations

from collections.abc import Sequence

from outlearn.core.intervals import Interval, level_in_words
from outlearn.core.labelers.combinations import COMBINATIONS, EACH
from outlearn.core.verdict import (
    Verdict,
    count_signs,
    excludes_zero,
    has_interval,
    is_above_zero,
    is_below_zero,
    together,
)
from outlearn.report.cells import format_cell, format_number, point_estimate
from outlearn.report.selection import AUTO, label_gain_finding, selection_finding
from outlearn.report.tables import REFERENCES
from outlearn.report.true_labels import ceiling_finding, control_finding, controls_beat_all, worth_finding
from outlearn.report.tuned_baselines import tuned_bad_news, tuned_finding
from outlearn.report.wording import (
    compare_words,
    first_reason,
    name_list,
    of_losses,
    signed_points,
    size_in_points,
)
from outlearn.results.measurement import Measurement, Withheld
from outlearn.results.run import RunResults
from outlearn.results.verdict import NOT_COMPARED, verdict

__all__ = ["bad_news", "bad_news_list", "best_loss", "findings", "headline_loss", "headline_verdict", "shown_losses"]

# The two directions of the cross-entropy: the first loss of each that a run has speaks for its side.
REVERSE = ("reverse_ce", "reverse_kl")
FORWARD = ("forward_ce", "forward_kl", "hard_ce")


def findings(results: RunResults) -> tuple[str, ...]:
    """Say what was found: who wins, what to do, what true labels would have done, which loss, why; then the bad news.

    First of all comes what takes the ground from the rest: a ceiling that is none, a control that beats every student.
    """
    if not results.students:
        return ("No student was trained, so there is nothing to compare.",)
    headline = headline_loss(results)
    control, won = control_finding(results, headline), _who_wins(results)
    first = (control, won) if controls_beat_all(results) else (won, control)
    said = (
        _what_to_do,
        lambda of: worth_finding(of, headline),
        selection_finding,
        label_gain_finding,
        tuned_finding,
        _which_loss,
        _why,
        bad_news,
    )
    sentences = (ceiling_finding(results), *first, *(say(results) for say in said))
    return tuple(sentence for sentence in sentences if sentence)


def best_loss(results: RunResults) -> str:
    """Return the loss whose students are most accurate on the test points: what is shown first, not a choice."""
    return max(results.students, key=lambda loss: point_estimate(results.students[loss].accuracy) or 0.0)


def headline_loss(results: RunResults) -> str:
    """Return the loss that the first sentence is about; see `findings`."""
    return _headline(results)[0]


def shown_losses(results: RunResults) -> tuple[str, ...]:
    """Return the losses that are shown before all others are asked for: of the headline, forward CE, the best fixed."""
    fixed = [loss for loss in results.students if loss not in results.selections]
    best = max(fixed, key=lambda loss: point_estimate(results.students[loss].accuracy) or 0.0, default=None)
    chosen = (headline_loss(results), _first(results, FORWARD), best)
    return tuple(dict.fromkeys(loss for loss in chosen if loss is not None))


def _who_wins(results: RunResults) -> str:
    losses, (best, single) = tuple(results.students), _headline(results)
    # The best of several was chosen by these very numbers: its interval must hold for all of them at once.
    picked = isinstance(single, Interval) and best != AUTO
    versus = single.best_of(len(losses)) if picked and isinstance(single, Interval) else single
    labeler, whose = results.labeler.accuracy, _whose(results)
    teacher = format_cell(labeler, "percent", intervals=False)
    student = format_cell(results.students[best].accuracy, "percent", intervals=False)
    unit = f"{results.task.point}s"
    first = "the best" if best == best_loss(results) else "the best of those shown to beat theirs,"
    chosen = f" ({first} of {len(losses)} on the test {unit})" if len(losses) > 1 else ""
    if best == AUTO:
        chosen = ", which chose its students without labels,"
    scores = f"{student}% of the test {unit} right against {whose} {teacher}%"
    pgr = results.students[best].pgr
    recovered = f"PGR is {pgr}" if isinstance(pgr, Withheld) else f"PGR {format_cell(pgr, 'ratio')}"
    if not has_interval(versus):
        seen = format_cell(versus, "points")
        return (
            f"{best}{chosen} gets {scores}, {seen} points, without an interval: {first_reason([versus])}. "
            f"So nothing is claimed beyond these very models; {recovered}."
        )
    at_once = f" for the best of {len(losses)} at once" if picked and len(losses) > 1 else ""
    if not is_above_zero(versus):
        by = signed_points(versus)
        lost = f"loses, {scores}, {by}" if is_below_zero(versus) else f"differs by {by}, which includes 0{at_once}"
        if best == AUTO and (others := _others_win(results)):
            return f"{best}{chosen} is not shown to beat its teacher: it {lost}; {recovered}. {others}"
        return f"No student is shown to beat its teacher: even {best}{chosen} {lost}; {recovered}."
    count = _winners(results, losses) if len(losses) > 1 else ""
    teachers = "teachers" if _several_teachers(results) else "teacher"
    return (
        f"Students beat their {teachers}{count}: {best}{chosen} gets {scores}, "
        f"{signed_points(versus)} ({level_in_words(results.measure.level)} interval{at_once}, paired); {recovered}."
        f"{_beyond_averaging(results, best)}"
    )


def _others_win(results: RunResults) -> str:
    """Say which students other than those of `auto` beat their teachers, all of them tested together."""
    named = [loss for loss in results.students if loss != AUTO]
    found = together({loss: _difference(results, loss, "teacher") for loss in named}, results.measure.level)
    won = {loss: each.difference for loss, each in found.items() if each.outcome == "beats"}
    if not won:
        return ""
    most = max(won, key=lambda loss: point_estimate(won[loss]) or 0.0)
    by, level = signed_points(won[most]), level_in_words(results.measure.level)
    return f"Others do{_winners(results, named)}, by the most {most}, {by} ({level} interval, paired, for itself)."


def _winners(results: RunResults, losses: Sequence[str]) -> str:
    """Say with how many of these losses students beat their teachers, all of them tested together."""
    found = {loss: _difference(results, loss, "teacher") for loss in losses}
    alone, _ = count_signs(found.values())
    won = [each for each in together(found, results.measure.level).values() if each.outcome == "beats"]
    if not won:  # what was chosen without labels is tested alone: a count over all losses may be stricter
        return f", each loss tested alone ({of_losses(alone, len(found))}; none by Holm's correction for all at once)"
    each = f" ({alone} each for itself)" if alone != len(won) else ""
    return f" with {of_losses(len(won), len(found))} by Holm's correction{each}"


def headline_verdict(results: RunResults) -> Verdict:
    """Say what to do about the students of the headline loss, by an interval that holds for the best of all."""
    loss = headline_loss(results)
    return verdict(results, loss, best_of=1 if loss == AUTO else len(results.students))


def _what_to_do(results: RunResults) -> str:
    return f"Verdict on {headline_loss(results)}: {headline_verdict(results)}"


def _beyond_averaging(results: RunResults, best: str) -> str:
    """Say by how much a student beats the combination of the teachers that is hardest to beat, if it beats them all."""
    against = {name: _difference(results, best, f"ensemble_{name}") for name in results.ensembles}
    against = {name: difference for name, difference in against.items() if point_estimate(difference) is not None}
    if not against or not all(map(is_above_zero, against.values())) or not _several_teachers(results):
        return ""
    hardest = min(against, key=lambda name: point_estimate(against[name]) or 0.0)
    by = size_in_points(against[hardest])
    return f" It also beats every combination of the teachers, the {_combination(hardest)} by {by}."


def _whose(results: RunResults) -> str:
    """Say whose labels the students learned from."""
    source = results.labeler.source
    if source != EACH:
        return f"their labeler's, the {_combination(source)},"
    return "the teachers'" if _several_teachers(results) else "the teacher's"


def _combination(name: str) -> str:
    return COMBINATIONS[name].of_teachers if name in COMBINATIONS else f"{name} of the teachers"


def _which_loss(results: RunResults) -> str:
    reverse, forward, best = _first(results, REVERSE), _first(results, FORWARD), best_loss(results)
    parts = []
    if reverse and forward:
        words = compare_words(_difference(results, reverse, forward), reverse, forward)
        parts.append(words.replace(f" ({_headline(results)[1].reason})", ""))  # once is enough
    rivals = [loss for loss in results.students if loss != best]
    versus = {loss: _difference(results, best, loss) for loss in rivals}
    compared = {forward} if reverse == best else {reverse} if forward == best else set()
    equal = [loss for loss in rivals if has_interval(versus[loss]) and not excludes_zero(versus[loss])]
    told = [loss for loss in equal if loss not in compared]
    if told:
        verb = "is" if len(told) == 1 else "are"
        parts.append(f"{name_list(told)} {verb} not distinguishable from the best, {best}")
    elif len(rivals) > 1 and all(map(is_above_zero, versus.values())):
        parts.append(f"{best} beats every other loss of this run")
    return "; ".join(parts) + "." if parts else ""


def _why(results: RunResults) -> str:
    best, _ = _headline(results)
    student = results.students[best]
    misfit, residual, copied = student.misfit, student.residual, student.overfit_covariance
    if any(isinstance(part, Withheld) for part in (student.gap, misfit, residual)):
        return ""
    words = (
        f"The gain of {best} in risk, {format_cell(student.gap, 'nats')} {results.measure.unit}, is "
        f"misfit {format_cell(misfit, 'nats', intervals=False)} plus residual {format_cell(residual, 'signed')}"
    )
    if excludes_zero(residual):
        words += f": misfit alone {'overstates' if is_below_zero(residual) else 'understates'} it"
    elif has_interval(residual):
        words += ": a residual that cannot be told apart from 0"
    if is_above_zero(copied):
        words += f". Students copy part of their own teacher's error: overfit covariance {format_cell(copied, 'nats')}"
    return words + "."


def bad_news(results: RunResults) -> str:
    """Say in one sentence what speaks against the run's own story, or return an empty string."""
    news = bad_news_list(results)
    return "Bad news: " + "; ".join(news) + "." if news else ""


def bad_news_list(results: RunResults) -> list[str]:
    """List what speaks against the run's own story, a clause each."""
    news: list[str] = tuned_bad_news(results)
    versus_teacher = _differences(results, "teacher")
    worse = [loss for loss, difference in versus_teacher.items() if is_below_zero(difference)]
    if worse and len(worse) < len(versus_teacher):
        if len(worse) == 1:
            news.append(f"{worse[0]} is worse than its own labeler ({signed_points(versus_teacher[worse[0]])})")
        else:
            news.append(f"{name_list(worse)} are worse than their own labelers")
    if _several_teachers(results):
        news += _against_combined_teachers(results)
    accuracy, majority = results.teacher.accuracy, results.majority.accuracy
    if isinstance(accuracy, Interval) and is_below_zero(accuracy.minus(majority)):
        teacher, constant = format_cell(accuracy, "percent"), format_number(majority, "percent")
        news.append(f"the teachers ({teacher}%) do worse than always saying the majority class ({constant}%)")
    best, versus = _headline(results)
    gap = results.students[best].gap
    if is_above_zero(versus) and is_below_zero(gap):
        news.append(
            f"in risk {best} is worse than its labeler in spite of its accuracy, gap {format_cell(gap, 'signed')}"
        )
    news += _reverse_log_loss(results)
    bias, variance = results.teacher_bias_variance.bias, results.teacher_bias_variance.variance
    if isinstance(bias, Interval) and isinstance(variance, Interval) and bias.low > variance.high:
        news.append(
            f"most of the teachers' error is systematic (bias {format_number(bias.mean, 'nats')}, "
            f"variance {format_number(variance.mean, 'nats')} {results.measure.unit}), and averaging teachers removes "
            "only the variance"
        )
    return news


def _reverse_log_loss(results: RunResults) -> list[str]:
    """A reverse loss may win on accuracy and lose on log loss, by over-confidence: say so."""
    reverse, forward = _first(results, REVERSE), _first(results, FORWARD)
    if reverse and forward and is_above_zero(_difference(results, reverse, forward)):
        log_loss = results.students[reverse].log_loss_differences.get(forward, NOT_COMPARED)
        if is_above_zero(log_loss):
            more = f"{format_cell(log_loss, 'signed')} nats"
            return [f"{reverse} has a higher log loss than {forward} ({more}) in spite of its accuracy"]
    return []


def _against_combined_teachers(results: RunResults) -> list[str]:
    """Say which ensembles, or the best teacher, beat every student, or which ensemble no student is shown to beat."""
    news: list[str] = []
    unbeaten: list[tuple[float, str]] = []
    named = {f"ensemble_{name}": _combination(name) for name in results.ensembles}
    for other, words in {**named, "best_teacher": REFERENCES["best_teacher"]}.items():
        against = [each for each in _differences(results, other).values() if has_interval(each)]
        if len(against) < len(results.students):
            continue
        closest = max(against, key=lambda difference: point_estimate(difference) or 0.0)
        if all(map(is_below_zero, against)):
            news.append(f"the {words} beats every student, the best of them by {size_in_points(closest)}")
        elif other in named and not any(map(is_above_zero, against)):
            unbeaten.append(
                (point_estimate(closest) or 0.0, f"the {words} (the best of them: {signed_points(closest)})")
            )
    if unbeaten and any(map(is_above_zero, _differences(results, "teacher").values())):
        # One is enough, the ensemble that is hardest to beat; and only where a gain was announced.
        news.append(f"no student is shown to beat {min(unbeaten, key=lambda found: found[0])[1]}")
    best, _ = _headline(results)
    of_mean = _difference(results, best, "student_of_mean")
    if is_below_zero(of_mean):
        news.append(f"{best} gets {size_in_points(of_mean)} more when it learns from the {_combination('mean')}")
    return news


def _headline(results: RunResults) -> tuple[str, Measurement]:
    """Return the loss that the first sentence is about and its difference from its teachers.

    What was chosen without labels goes first: it alone was not picked on the test points. Then a loss that is shown to
    beat its teachers, by an interval that holds for all losses at once, goes before one that merely scores higher.
    """
    losses = sorted(results.students, key=lambda loss: -(point_estimate(results.students[loss].accuracy) or 0.0))
    versus = _differences(results, "teacher")
    at_once = {
        loss: found.best_of(len(losses)) if isinstance(found, Interval) else found for loss, found in versus.items()
    }
    loss = next((loss for loss in losses if is_above_zero(at_once[loss])), losses[0])
    loss = AUTO if AUTO in versus else loss
    return loss, versus[loss]


def _difference(results: RunResults, loss: str, other: str) -> Measurement:
    """Return the accuracy of a loss's students less that of another."""
    return results.students[loss].differences.get(other, NOT_COMPARED)


def _differences(results: RunResults, other: str) -> dict[str, Measurement]:
    return {loss: _difference(results, loss, other) for loss in results.students}


def _several_teachers(results: RunResults) -> bool:
    """Say whether there are teachers to average and to choose from."""
    return results.teacher.models > 1


def _first(results: RunResults, kinds: Sequence[str]) -> str | None:
    """Return the first loss of the first of these kinds that the run has."""
    found = (loss for kind in kinds for loss, student in results.students.items() if student.loss["kind"] == kind)
    return next(found, None)
