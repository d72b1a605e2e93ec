"""What a run found, in plain sentences with numbers and intervals, the bad news included.

Rules of speech. A direction ("beats", "loses to") is claimed only where the paired interval excludes 0. Otherwise the
two "cannot be told apart", with the interval. Where there is no interval the difference is given as seen, with the
reason. A best student is the best of so many on the test points, and the sentence says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from outlearn.report.cells import Estimate, estimate_of, excludes_zero, format_cell, format_number
from outlearn.report.selection import AUTO, selection_finding
from outlearn.report.tables import OTHERS, loss_kind, loss_names, risk_unit, student_estimate
from outlearn.report.wording import compare_words, level_of, name_list, of_losses, signed_points, size_in_points

__all__ = ["bad_news", "findings"]

Results = Mapping[str, Any]
REVERSE = ("reverse_ce", "reverse_kl")
FORWARD = ("forward_ce", "forward_kl", "hard_ce")
ENSEMBLES = {
    "ensemble_mean": "plain mean of the teachers",
    "ensemble_dual_mean": "geometric mean of the teachers",
    "ensemble_weighted": "weighted mean of the teachers",
    "ensemble_dawid_skene": "Dawid-Skene combination of the teachers",
}


def findings(results: Results) -> tuple[str, ...]:
    """Say what was found: who wins, which loss, why; then the bad news, if there is any.

    Args:
        results: the content of results.json.

    Returns:
        Two to five sentences; a list of bad news counts as one.
    """
    if not loss_names(results):
        return ("No student was trained, so there is nothing to compare.",)
    sentences = [
        _who_wins(results),
        selection_finding(results),
        _which_loss(results),
        _why(results),
        bad_news(results),
    ]
    return tuple(sentence for sentence in sentences if sentence)


def _who_wins(results: Results) -> str:
    losses = loss_names(results)
    best, versus = _headline(results)
    labeller, whose = _labeller(results)
    teacher = format_number(labeller.mean, "percent")
    student = format_number(student_estimate(results, best, "accuracy").mean, "percent")
    unit = _unit(results)
    first = "the best" if best == _best(results) else "the best of those shown to beat theirs,"
    chosen = f" ({first} of {len(losses)} on the test {unit})" if len(losses) > 1 else ""
    if best == AUTO:
        chosen = ", which chose its students without labels,"
    scores = f"{student}% of the test {unit} right against {whose} {teacher}%"
    pgr = student_estimate(results, best, "pgr")
    recovered = f"PGR {format_cell(pgr, 'ratio')}"
    if pgr.mean is None:
        recovered = f"PGR is withheld: {pgr.reason or 'it was not measured'}"
    if not versus.has_interval:
        seen, reason = format_number(versus.mean, "points"), versus.reason or "none was measured"
        return (
            f"{best}{chosen} gets {scores}, {seen} points, without an interval: {reason}. "
            f"So nothing is claimed beyond these very models; {recovered}."
        )
    if not excludes_zero(versus):
        return (
            f"No student is shown to beat its teacher: even {best}{chosen} differs by {signed_points(versus)}, "
            f"which includes 0; {recovered}."
        )
    if versus.high is not None and versus.high < 0:
        lost = f"{scores}, {signed_points(versus)}"
        return f"No student is shown to beat its teacher: even {best}{chosen} loses, {lost}; {recovered}."
    winners = [loss for loss in losses if _beats(student_estimate(results, loss, "differences", "teacher"))]
    count = f" with {of_losses(len(winners), len(losses))}" if len(losses) > 1 else ""
    teachers = "teachers" if (results["teacher"].get("models") or 2) > 1 else "teacher"
    return (
        f"Students beat their {teachers}{count}: {best}{chosen} gets {scores}, "
        f"{signed_points(versus)} ({level_of(results)} interval, paired); {recovered}."
        f"{_beyond_averaging(results, best)}"
    )


def _beyond_averaging(results: Results, best: str) -> str:
    """Say by how much a student beats the combination of the teachers that is hardest to beat, if it beats them all."""
    against = {name: student_estimate(results, best, "differences", name) for name in ENSEMBLES}
    against = {name: difference for name, difference in against.items() if difference.mean is not None}
    if not against or not all(map(_beats, against.values())) or not _several_teachers(results):
        return ""
    hardest = min(against, key=lambda name: against[name].mean or 0.0)
    by = size_in_points(against[hardest])
    return f" It also beats every combination of the teachers, the {ENSEMBLES[hardest]} by {by}."


def _labeller(results: Results) -> tuple[Estimate, str]:
    """Return the accuracy of who labelled the students' data, and whose it is in words."""
    record = results.get("labeler") or {"source": "each", **results["teacher"]}
    many = (results["teacher"].get("models") or 2) > 1
    whose = {
        "mean": "their labeller's, the plain mean of the teachers,",
        "dual_mean": "their labeller's, the geometric mean of the teachers,",
        "weighted": "their labeller's, the weighted mean of the teachers,",
        "dawid_skene": "their labeller's, the Dawid-Skene combination of the teachers,",
    }.get(str(record.get("source")), "the teachers'" if many else "the teacher's")
    return estimate_of(record.get("accuracy")), whose


def _which_loss(results: Results) -> str:
    reverse, forward, best = _first(results, REVERSE), _first(results, FORWARD), _best(results)
    parts = []
    if reverse and forward:
        words = compare_words(student_estimate(results, reverse, "differences", forward), reverse, forward)
        said = _headline(results)[1].reason  # once is enough
        parts.append(words.replace(f" ({said})", "") if said else words)
    rivals = [loss for loss in loss_names(results) if loss != best]
    versus = {loss: student_estimate(results, best, "differences", loss) for loss in rivals}
    compared = {forward} if reverse == best else {reverse} if forward == best else set()
    equal = [loss for loss in rivals if versus[loss].has_interval and not excludes_zero(versus[loss])]
    told = [loss for loss in equal if loss not in compared]
    if told:
        verb = "is" if len(told) == 1 else "are"
        parts.append(f"{name_list(told)} {verb} not distinguishable from the best, {best}")
    elif len(rivals) > 1 and all(_beats(difference) for difference in versus.values()):
        parts.append(f"{best} beats every other loss of this run")
    return "; ".join(parts) + "." if parts else ""


def _why(results: Results) -> str:
    best, _ = _headline(results)
    gap, misfit, residual = (student_estimate(results, best, key) for key in ("gap", "misfit", "residual"))
    if gap.mean is None or misfit.mean is None or residual.mean is None:
        return ""
    words = (
        f"The gain of {best} in risk, {format_cell(gap, 'nats')} {risk_unit(results)}, is "
        f"misfit {format_number(misfit.mean, 'nats')} plus residual {format_cell(residual, 'signed')}"
    )
    if excludes_zero(residual):
        words += f": misfit alone {'overstates' if residual.mean < 0 else 'understates'} it"
    elif residual.has_interval:
        words += ": a residual that cannot be told apart from 0"
    copied = student_estimate(results, best, "overfit_covariance")
    if copied.mean is not None and _beats(copied):
        words += f". Students copy part of their own teacher's error: overfit covariance {format_cell(copied, 'nats')}"
    return words + "."


def bad_news(results: Results) -> str:
    """List what speaks against the run's own story, or return an empty string."""
    losses = loss_names(results)
    news: list[str] = []
    worse = [loss for loss in losses if _loses(student_estimate(results, loss, "differences", "teacher"))]
    if worse and len(worse) < len(losses):
        amounts = (
            [signed_points(student_estimate(results, worse[0], "differences", "teacher"))] if len(worse) == 1 else []
        )
        verb = "is" if len(worse) == 1 else "are"
        news.append(f"{name_list(worse)} {verb} worse than their own labeller" + "".join(f" ({a})" for a in amounts))
    if _several_teachers(results):
        news += _against_combined_teachers(results)
    if _worse_than_majority(results):
        teacher = format_cell(estimate_of(results["teacher"].get("accuracy")), "percent")
        majority = format_cell(estimate_of((results.get("majority") or {}).get("accuracy")), "percent", intervals=False)
        news.append(f"the teachers ({teacher}%) do worse than always saying the majority class ({majority}%)")
    best, versus = _headline(results)
    gap = student_estimate(results, best, "gap")
    if _beats(versus) and _loses(gap):
        news.append(
            f"in risk {best} is worse than its labeller in spite of its accuracy, gap {format_cell(gap, 'signed')}"
        )
    lower = _reverse_log_loss(results)
    if lower:
        news.append(lower)
    parts = results.get("teacher_bias_variance") or {}
    bias, variance = estimate_of(parts.get("bias")), estimate_of(parts.get("variance"))
    if bias.low is not None and variance.high is not None and bias.low > variance.high:
        news.append(
            f"most of the teachers' error is systematic (bias {format_number(bias.mean, 'nats')}, "
            f"variance {format_number(variance.mean, 'nats')} {risk_unit(results)}), and averaging teachers removes "
            "only the variance"
        )
    return "Bad news: " + "; ".join(news) + "." if news else ""


def _reverse_log_loss(results: Results) -> str:
    """A reverse loss may win on accuracy and lose on log loss, by over-confidence: say so."""
    reverse, forward = _first(results, REVERSE), _first(results, FORWARD)
    if not reverse or not forward:
        return ""
    accuracy = student_estimate(results, reverse, "differences", forward)
    log_loss = student_estimate(results, reverse, "log_loss_differences", forward)
    if _beats(accuracy) and _beats(log_loss):
        more = f"{format_cell(log_loss, 'signed')} nats"
        return f"{reverse} has a higher log loss than {forward} ({more}) in spite of its accuracy"
    return ""


def _against_combined_teachers(results: Results) -> list[str]:
    """Say which ensembles, or the best teacher, beat every student, or which ensemble no student is shown to beat."""
    losses = loss_names(results)
    news, unbeaten = [], []
    for other in (*ENSEMBLES, "best_teacher"):
        against = [student_estimate(results, loss, "differences", other) for loss in losses]
        if not all(difference.has_interval for difference in against):
            continue
        closest = max(against, key=lambda difference: difference.mean or 0.0)
        if all(_loses(difference) for difference in against):
            news.append(f"the {_plain(other)} beats every student, the best of them by {size_in_points(closest)}")
        elif other != "best_teacher" and not any(_beats(difference) for difference in against):
            unbeaten.append((closest.mean or 0.0, f"the {_plain(other)} (the best of them: {signed_points(closest)})"))
    gained = any(_beats(student_estimate(results, loss, "differences", "teacher")) for loss in losses)
    if unbeaten and gained:
        # One is enough, the ensemble that is hardest to beat; and only where a gain was announced.
        news.append(f"no student is shown to beat {min(unbeaten, key=lambda found: found[0])[1]}")
    best, _ = _headline(results)
    of_mean = student_estimate(results, best, "differences", "student_of_mean")
    if _loses(of_mean):
        news.append(f"{best} gets {size_in_points(of_mean)} more when it learns from the plain mean of the teachers")
    return news


def _several_teachers(results: Results) -> bool:
    """Say whether there are teachers to average and to choose from."""
    return (results["teacher"].get("models") or 2) > 1


def _worse_than_majority(results: Results) -> bool:
    teacher = estimate_of(results["teacher"].get("accuracy"))
    majority = estimate_of((results.get("majority") or {}).get("accuracy"))
    return teacher.high is not None and majority.mean is not None and teacher.high < majority.mean


def _best(results: Results) -> str:
    return max(loss_names(results), key=lambda loss: student_estimate(results, loss, "accuracy").mean or 0.0)


def _headline(results: Results) -> tuple[str, Estimate]:
    """Return the loss that the first sentence is about and its difference from its teachers.

    What was chosen without labels goes first: it alone was not picked on the test points. Then a loss that is shown to
    beat its teachers goes before one that merely scores higher.
    """
    losses = sorted(loss_names(results), key=lambda loss: -(student_estimate(results, loss, "accuracy").mean or 0.0))
    versus = {loss: student_estimate(results, loss, "differences", "teacher") for loss in losses}
    loss = next((loss for loss in losses if _beats(versus[loss])), losses[0])
    loss = AUTO if AUTO in versus else loss
    return loss, versus[loss]


def _first(results: Results, kinds: Sequence[str]) -> str | None:
    for kind in kinds:
        for loss in loss_names(results):
            if loss_kind(results, loss) == kind:
                return loss
    return None


def _beats(difference: Estimate) -> bool:
    return difference.low is not None and difference.low > 0


def _loses(difference: Estimate) -> bool:
    return difference.high is not None and difference.high < 0


def _plain(other: str) -> str:
    return ENSEMBLES.get(other, OTHERS[other])


def _unit(results: Results) -> str:
    return "pairs" if (results.get("task") or {}).get("task") == "preference" else "points"
