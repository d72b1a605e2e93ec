"""An explanation as plain text: what was found in sentences, then every number with its interval.

Each heading names the order, the direction of the divergence and the mean that belongs to it.
"""

from __future__ import annotations

import math
import textwrap
from typing import TYPE_CHECKING

import numpy as np

from outlearn.core.intervals import Interval
from outlearn.core.orders import ORDERS
from outlearn.explanation.findings import findings
from outlearn.explanation.parts import Refused

if TYPE_CHECKING:
    from outlearn.explanation.result import Explanation

__all__ = ["explanation_text"]

WIDTH = 110
POINTS_SHOWN = 5
ID_WIDTH = 24
SHORT = {
    "teacher_confidence": "teacher sure",
    "student_confidence": "student sure",
    "teacher_correct": "teacher right",
    "student_correct": "student right",
}
POSTERIOR_ROWS = {
    "misfit": "misfit",
    "distance": "  distance from the student to it",
    "conditional_variance": "  conditional variance of the teacher about it",
    "residual": "residual with it in the teacher's place",
    "residual_bound": "  which is at most, in size",
}


def explanation_text(found: Explanation) -> str:
    """Write an explanation for people, in lines of about 110 characters."""
    sections = [
        "In short\n" + "\n".join(_wrapped(sentence, "- ") for sentence in findings(found)),
        str(found.summary),
        _gain(found),
        _decompositions(found),
        _posterior(found),
        _control(found),
        _sharpening(found),
        _blind_spots(found),
        *(f"Slices by {table.by.replace('_', ' ')}\n{table}" for table in found.slices),
        _points(found),
    ]
    if found.notes:
        sections.append("Notes\n" + "\n".join(_wrapped(note, "- ") for note in found.notes))
    return "\n\n".join(sections)


def plus_minus(interval: Interval) -> str:
    """Write a mean with half its interval's width.

    Example:
        >>> plus_minus(Interval(0.5, 0.4, 0.6, 0.05, 8, 100))
        '0.5000 ± 0.1000'
    """
    if math.isnan(interval.mean):
        return f"{'—':<15}"
    if math.isnan(interval.low):
        return f"{interval.mean:.4f}         "
    return f"{interval.mean:.4f} ± {interval.high - interval.mean:.4f}"


def _wrapped(sentence: str, first: str = "  ", rest: str = "  ") -> str:
    lines = textwrap.wrap(
        sentence, WIDTH, initial_indent=first, subsequent_indent=rest, break_long_words=False, break_on_hyphens=False
    )
    return "\n".join(lines)


def _not_given(title: str, reason: str) -> str:
    return f"{title}\n{_wrapped('not given: ' + reason)}"


def _gain(found: Explanation) -> str:
    title = "The gap once more: gap = bias removed + variance removed"
    if isinstance(found.gain, Refused):
        return _not_given(title, found.gain.reason)
    return (
        f"{title} (teachers less their students, corrected by the jackknife)\n"
        f"  bias removed          {found.gain.bias_removed}\n  variance removed      {found.gain.variance_removed}"
    )


def _decompositions(found: Explanation) -> str:
    order = found.gap.order
    title = f"Bias and variance in {ORDERS[order]}; corrected by the jackknife, {found.level:.0%} intervals"
    lines = [
        title,
        f"  {'':<27}{'models':>6}" + "".join(f"{name:>18}" for name in ("risk", "noise", "bias", "variance")),
    ]
    reasons: list[str] = []
    for kind in found.decompositions:
        name = kind.name if kind.size == 1 else f"{kind.name} of {kind.size}"
        if isinstance(kind.summary, Refused):
            reasons.append(f"{name}: {kind.summary.reason}")
            continue
        parts = (kind.summary.total, kind.summary.noise, kind.summary.bias, kind.summary.variance)
        lines.append(f"  {name:<27}{kind.summary.n_models:>6}" + "".join(f"{plus_minus(part):>18}" for part in parts))
        reasons += [f"{name}: {part.reason}" for part in parts if part.reason]
    for ensemble in found.ensembles:
        name = f"{ensemble.name.replace('_', '-')} of all teachers"
        if isinstance(ensemble.risk, Refused):
            reasons.append(f"{name}: {ensemble.risk.reason}")
        else:
            lines.append(f"  {name:<27}{1:>6}{plus_minus(ensemble.risk):>18}   (this one; interval over points only)")
    if len(found.decompositions) < 4:
        reasons.append("fewer than 4 teachers make no two ensembles, whose bias and variance could be told apart")
    return "\n".join([*lines, *(_wrapped(reason, "  not given: ", "    ") for reason in dict.fromkeys(reasons))])


def _posterior(found: Explanation) -> str:
    words = found.directions
    lines = [f"Posterior-mean teacher, the {words.posterior_mean} mean of the teacher given its student"]
    for method in found.posterior:
        if method.refused is not None:
            lines.append(_wrapped(f"{method.method}: not given: {method.refused}", "  ", "    "))
            continue
        lines.append(_wrapped(f"{method.method}: assumes that {method.assumption}", "  ", "    "))
        lines += [f"    {label:<48}{method.terms[name]}" for name, label in POSTERIOR_ROWS.items()]
    return "\n".join(lines)


def _control(found: Explanation) -> str:
    title = "Is this only denoising?"
    if isinstance(found.control, Refused):
        return _not_given(title, found.control.reason)
    note = f"Scored against {found.control.labels}; the best teacher was {found.control.best_teacher}."
    table = "\n".join(f"  {line}" for line in str(found.control.table).splitlines())
    return f"{title}\n{table}\n{_wrapped(note)}"


def _sharpening(found: Explanation) -> str:
    lines = ["Would sharper predictions have a lower log loss? Only where entropy is above cross-entropy"]
    for name, result in found.sharpening.items():
        said = f"not given: {result.reason}" if isinstance(result, Refused) else str(result)
        lines.append(_wrapped(f"{name}: {said}", "  ", "    "))
    return "\n".join(lines)


def _blind_spots(found: Explanation) -> str:
    title = "Blind spots: where students are surely wrong and their teachers, which might have warned, unsure"
    if isinstance(found.blind_spots, Refused):
        return _not_given(title, found.blind_spots.reason)
    return f"{title}\n" + "\n".join(f"  {line}" for line in str(found.blind_spots).splitlines())


def _points(found: Explanation) -> str:
    columns = found.ledger.columns()
    names = dict.fromkeys(("gap", "misfit", "residual"), 10) | dict.fromkeys(SHORT, 15)
    order = found.by_gap
    shown = min(POINTS_SHOWN, len(order) // 2) or 1
    ids = [_short(columns["point_ids"][row]) for row in (*order[:shown], *order[-shown:])]
    width = max(5, *map(len, ids))
    head = f"  {'point':<{width}}{'class':>7}" + "".join(
        f"{SHORT.get(name, name):>{wide}}" for name, wide in names.items()
    )

    def rows(chosen: np.ndarray) -> list[str]:
        return [
            f"  {_short(columns['point_ids'][row]):<{width}}{columns['target_class'][row]:>7}"
            + "".join(f"{columns[name][row]:>{wide}.3f}" for name, wide in names.items())
            for row in chosen
        ]

    parts = ["Points where students gain most, and lose most (means over teachers and their students)", head]
    return "\n".join([*parts, *rows(order[:shown]), "  ...", *rows(order[-shown:])])


def _short(point: object) -> str:
    text = "".join(c if c.isprintable() else " " for c in str(point))
    return text if len(text) <= ID_WIDTH else text[: ID_WIDTH - 1] + "…"
