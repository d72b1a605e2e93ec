"""A preflight report as plain text: the verdict, what to do, then every number with its interval."""

from __future__ import annotations

import math
import textwrap

from outlearn.core.intervals import Interval
from outlearn.preflight_checks.result import PointToCheck, Preflight, StudentReport

__all__ = ["preflight_text"]

WIDTH = 110
SHOWN = 5
NAME_WIDTH = 24
EXPLAINED = {
    "calibrate": "drawn at random, to measure shared bias",
    "mistake": "all labelers give the same wrong answer",
    "suspect": "students that did not see the point answer otherwise, or labelers are split",
}


def preflight_text(found: Preflight) -> str:
    """Write a report for people, in lines of about 110 characters."""
    sections = [
        "Will my student beat my labeler?\n" + _wrapped(found.verdict.answer, "  "),
        "What to do\n" + "\n".join(_wrapped(line, "- ") for line in found.verdict.advice),
        _labelers(found),
        _error(found),
        _students(found),
        _more(found),
        _points(found),
    ]
    for title, lines in (
        ("Doubts", found.warnings),
        ("What this takes for granted", found.assumptions),
        ("Notes", found.notes),
    ):
        if lines:
            sections.append(f"{title}\n" + "\n".join(_wrapped(line, "- ") for line in lines))
    return "\n\n".join(section for section in sections if section)


def _labelers(found: Preflight) -> str:
    what = "one labeler, asked again" if found.asked_twice else f"{len(found.labelers)} labelers"
    width = max(12, *(len(_short(row.name)) for row in found.labelers))
    head = f"  {'':<{width}}{'labels':>8}{'agrees with another':>28}{'misses the shared answer':>28}"
    with_error = any(row.error is not None for row in found.labelers)
    lines = [f"Labels: {what}, {found.n_points:,} points, {len(found.class_names)} classes"]
    lines.append(head + (f"{'is wrong':>28}" if with_error else ""))
    for row in found.labelers:
        line = f"  {_short(row.name):<{width}}{row.n_labels:>8,}{_cell(row.agreement):>28}{_cell(row.missed):>28}"
        lines.append((line + (f"{_cell(row.error):>28}" if with_error else "")).rstrip())
    return "\n".join(lines)


def _error(found: Preflight) -> str:
    low, high = found.missed_bounds
    lines = [
        "Error of a label: variance (a student can remove it) and shared bias (it inherits it)",
        f"  two labels of a point differ                  {_cell(found.disagreement)}",
        f"  so the mean error is at least                 {_cell(found.least_error)}   whatever the errors are",
        f"  variance: the shared answer is missed         {_cell(found.missed)}   if noise is even; "
        f"{low:.3f} to {high:.3f} for any noise",
        f"  self-agreement ceiling                        {_cell(found.ceiling)}   no answers agree with it more",
    ]
    if found.truth is None:
        share = _share_at(found, found.largest_bias)
        lines.append("  shared bias: the shared answer is wrong       not identifiable without true labels")
        if not math.isnan(share):
            lines.append(
                f"  share of the error that is variance           {share:.0%} to 100%, for a shared bias of "
                f"{found.largest_bias:.0%} to none"
            )
        return "\n".join(lines)
    truth = found.truth
    lines += [
        f"  shared bias: the shared answer is wrong       {_cell(truth.shared_bias)}   {truth.n_labels:,} true labels",
        f"  error of a label                              {_cell(truth.error)}",
        f"  share of the error that is variance           {_cell(truth.removable)}",
        f"  bias in squared loss (any noise)              {_cell(truth.squared_bias)}   error - disagreement / 2",
    ]
    return "\n".join(lines)


def _share_at(found: Preflight, bias: float) -> float:
    """Return the share of the error that is variance, were the shared bias this large."""
    missed = found.missed.mean
    if math.isnan(missed) or missed <= 0:
        return math.nan
    k = len(found.class_names)
    error = bias + missed - bias * missed * k / (k - 1)
    return 1 - bias / error


def _students(found: Preflight) -> str:
    title = "Students of these labels, on points they did not see"
    if not found.students:
        return f"{title}\n  none: {found.encoder}"
    lines = [title, f"  {'they see':<46}{found.encoder}"]
    for student in found.students:
        lines += [f"  student {student.name}", *(f"    {line}" for line in _student(student))]
    return "\n".join(lines)


def _student(student: StudentReport) -> list[str]:
    lines = [
        f"gives the shared answer                     {_cell(student.accuracy)}",
        f"gain over a labeler, on the shared answer   {_signed(student.gain)}",
    ]
    if student.true_gain is None:
        lines.append(f"gain in accuracy, without true labels       {student.low:+.3f} to {student.high:+.3f}")
        if not math.isnan(student.break_even):
            kind = "a gain" if student.gain.mean > 0 else "a loss"
            lines.append(f"is {kind} for a shared bias up to           {min(student.break_even, 1):.1%} of points")
    else:
        lines.append(f"is right, with true labels                  {_cell(student.true_accuracy)}")
        lines.append(f"gain in accuracy, with true labels          {_signed(student.true_gain)}")
        if student.off is not None:
            lines.append(f"the prediction without them was off by      {_signed(student.off)}")
    if student.over_vote is not None:
        lines.append(f"over a vote, on the shared answer           {_signed(student.over_vote)}")
    if student.true_over_vote is not None:
        lines.append(f"over a vote in accuracy, with true labels   {_signed(student.true_over_vote)}")
    return lines


def _more(found: Preflight) -> str:
    lines = ["Would more help?"]
    if found.more_labels:
        curve = ", ".join(f"{min(interval.mean, 1):.3f} from {n:,}" for n, interval in found.more_labels)
        lines.append(f"  more points: the student gives the shared answer {curve} points")
        if found.last_doubling is not None:
            lines.append(
                f"    the last doubling brought {_signed(found.last_doubling)}; the next is likely to bring less"
            )
    if found.vote_curve:
        shown = [pair for pair in found.vote_curve if pair[0] % 2]
        curve = ", ".join(f"{accuracy:.3f} of {n}" for n, accuracy in shown)
        lines.append(f"  more labelers: a vote gives the shared answer {curve} (even noise)")
    if found.pooling is not None:
        lines.append(f"    a student of all labelers instead of one: {_signed(found.pooling)}")
    if found.truth is None:
        lines.append("  more true labels: 100 of random points would pin the shared bias to at most about "
                     f"± {_width(found):.3f}, 400 to ± {_width(found) / 2:.3f}")  # fmt: skip
    elif not math.isnan(found.truth.shared_bias.standard_error):
        now = 1.96 * found.truth.shared_bias.standard_error
        n = found.truth.n_labels
        lines.append(
            f"  more true labels: {n:,} pin the shared bias to ± {now:.3f}; {4 * n:,} would to ± {now / 2:.3f}"
        )
    return "\n".join(lines) if len(lines) > 1 else ""


def _width(found: Preflight) -> float:
    """Return half the width of its interval from 100 true labels, at the largest bias allowed for."""
    k, bias = len(found.class_names), found.largest_bias
    missed = 0.0 if math.isnan(found.missed.mean) else min(max(found.missed.mean, 0.0), 1.0)
    skill = max(1 - missed * k / (k - 1), 0.05)
    # Of the mean over labelers of being right: whether the shared answer is, and each labeler's own noise.
    variance = max(bias * (1 - bias) * skill**2 + missed * (1 - missed) / len(found.labelers), 0.01)
    return 1.96 * math.sqrt(variance / 100) / skill


def _points(found: Preflight) -> str:
    if not found.checks:
        return ""
    kinds = {kind: [p for p in found.checks if p.kind == kind] for kind in ("calibrate", "mistake", "suspect")}
    lines = ["Points to check by hand"]
    for kind, points in kinds.items():
        if points:
            lines.append(f"  {kind} ({len(points)}): {EXPLAINED[kind]}")
            lines += [f"    {_point(p)}" for p in points[:SHOWN]] + (["    ..."] if len(points) > SHOWN else [])
    return "\n".join(lines)


def _point(point: PointToCheck) -> str:
    words = f"{_short(point.id)}: labelers {_short(point.vote) or 'none'}"
    if point.kind == "mistake":
        return f"{words}, {point.reason}"
    if point.student is not None and point.student_sure is not None:
        words += f", students {_short(point.student)} ({point.student_sure:.2f})"
    return words


def _cell(interval: Interval | None) -> str:
    if interval is None or math.isnan(interval.mean):
        return "—"
    if math.isnan(interval.low):
        return f"{interval.mean:.3f} [no interval]"
    mean = min(max(interval.mean, interval.low), interval.high)  # an estimate may lie beyond what a share can be
    return f"{mean:.3f} [{interval.low:.3f}, {interval.high:.3f}]"


def _signed(interval: Interval) -> str:
    if math.isnan(interval.low):
        return _cell(interval)
    return f"{interval.mean:+.3f} [{interval.low:+.3f}, {interval.high:+.3f}]"


def _short(text: str) -> str:
    clean = "".join(c if c.isprintable() else " " for c in text)
    return clean if len(clean) <= NAME_WIDTH else clean[: NAME_WIDTH - 1] + "…"


def _wrapped(sentence: str, first: str = "  ", rest: str = "  ") -> str:
    return "\n".join(
        textwrap.wrap(
            sentence, WIDTH, initial_indent=first, subsequent_indent=rest, break_long_words=False,
            break_on_hyphens=False,
        )
    )  # fmt: skip
