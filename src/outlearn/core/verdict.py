"""Who is better, and what to do: the one rule by which every sentence, table, caption and count reads a difference.

A direction is claimed where the paired interval excludes 0, and nowhere else. An interval that includes 0 is "not told
apart", which is a finding. No interval is "withheld", which is none: nothing is said beyond the reason. What to do
follows from these words alone, the cheapest thing that is not shown to be worse first.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from jaxtyping import Float

from outlearn.core.intervals import Interval, Withheld
from outlearn.errors import DomainError

__all__ = [
    "ACTIONS", "Action", "Outcome", "Standing", "Verdict", "count_rest", "count_signs", "decide", "excludes_zero",
    "has_interval", "holm", "is_above_zero", "is_below_zero", "standing", "together",
]  # fmt: skip

Outcome = Literal["beats", "not told apart", "worse", "withheld"]
Action = Literal["train the student", "combine the labels first", "train on true labels", "do not bother", "undecided"]

ACTIONS: dict[Action, str] = {
    "train the student": "Train the student on these labels.",
    "combine the labels first": "Combine the labels first: the teachers do better without this student.",
    "train on true labels": "Train on true labels instead: on those alone the student's model does better.",
    "do not bother": "Do not bother to train this student on these labels.",
    "undecided": "Undecided: more teachers or more test points would tell.",
}
"""What can be recommended, as a sentence."""

TEACHER, ROOM = "its teacher", "ceiling over teacher"  # keys of standings


@dataclass(frozen=True)
class Standing:
    """How one stands against another, by the paired difference in a score of which more is better.

    `reason` says why it is withheld; None where it is not.
    """

    outcome: Outcome
    difference: Interval | Withheld
    reason: str | None = None


@dataclass(frozen=True)
class Verdict:
    """What to do about a student, and why.

    Attributes:
        action: a key of `ACTIONS`.
        because: what decided, in words.
        standings: how the student stands against each that it was compared with, in the order of the rule; and
            "ceiling over teacher", the room that there is, where it was given.
        decided_by: the key of the standing that decided.
    """

    action: Action
    because: str
    standings: Mapping[str, Standing] = field(default_factory=dict)
    decided_by: str = ""

    @property
    def advice(self) -> str:
        """Return the action as a sentence."""
        return ACTIONS[self.action]

    def __str__(self) -> str:
        return f"{self.advice} {self.because[0].upper()}{self.because[1:]}."


def standing(difference: Interval | Withheld) -> Standing:
    """Read one difference.

    Raises:
        DomainError: if the interval contradicts itself: its mean is on the other side of 0, or no number though its
            ends are.

    Examples:
        >>> [standing(Interval(0.1, low, 0.2, 0.05, 4, 100)).outcome for low in (0.02, -0.02)]
        ['beats', 'not told apart']
        >>> standing(Interval.missing("one teacher", mean=0.1, n_models=1, n_points=9, level=0.95))
        ... # doctest: +ELLIPSIS
        Standing(outcome='withheld', difference=..., reason='one teacher')
    """
    if isinstance(difference, Withheld):
        return Standing("withheld", difference, difference.reason)
    mean, low, high = difference.mean, difference.low, difference.high
    if math.isnan(low):
        return Standing("withheld", difference, difference.reason or "it has no interval")
    if math.isnan(mean) or mean < 0 < low or high < 0 < mean:
        raise DomainError(
            f"the difference {mean:.4g} contradicts its own interval, {low:.4g} to {high:.4g}: nothing follows from "
            "it. Measure both from the same values."
        )
    if not all(map(math.isfinite, (mean, low, high))):
        return Standing("withheld", difference, difference.reason or "the difference is infinite")
    return Standing("beats" if low > 0 else "worse" if high < 0 else "not told apart", difference)


def decide(
    teacher: Interval | Withheld,
    *,
    combinations: Mapping[str, Interval | Withheld] | None = None,
    controls: Mapping[str, Interval | Withheld] | None = None,
    room: Interval | Withheld | None = None,
) -> Verdict:
    """Say what to do about a student from its paired differences, student minus other, more is better.

    In this order, since each makes the next pointless: true labels that do better without any weak label; a
    combination of the labels that does better without a student; then the student against its teacher. What is
    withheld decides nothing.

    Args:
        teacher: student minus its own teacher.
        combinations: student minus each combination of the teachers, by a name for people such as "vote".
        controls: student minus the same model on true labels alone, by a name for people.
        room: ceiling minus teacher.

    Returns:
        The verdict.

    Raises:
        DomainError: if a difference contradicts itself; see `standing`.

    Examples:
        >>> about = lambda mean: Interval(mean, mean - 0.02, mean + 0.02, 0.01, 4, 100)
        >>> print(decide(about(0.05)))
        Train the student on these labels. It beats its teacher.
        >>> print(decide(about(0.05), combinations={"vote": about(-0.03)}))
        Combine the labels first: the teachers do better without this student. It is worse than the vote.
    """
    against = standing(teacher)
    of_combinations = {name: standing(each) for name, each in (combinations or {}).items()}
    of_controls = {name: standing(each) for name, each in (controls or {}).items()}
    of_room = None if room is None else standing(room)
    every = {**of_controls, **of_combinations, TEACHER: against}
    if of_room is not None:
        every[ROOM] = of_room
    better = _worst(of_controls)
    if better is not None:
        return Verdict("train on true labels", f"it is worse than {_the(better)}", every, better)
    better = _worst(of_combinations)
    if better is not None:
        return Verdict("combine the labels first", f"it is worse than {_the(better)}", every, better)
    if against.outcome == "beats":
        return Verdict("train the student", _gain({**of_combinations, **of_controls}, of_room), every, TEACHER)
    if against.outcome == "worse":
        return Verdict("do not bother", "it is worse than its teacher", every, TEACHER)
    if of_room is not None and of_room.outcome == "worse":
        return Verdict("do not bother", "even with true labels its model is worse than the teacher", every, ROOM)
    if against.outcome == "withheld":
        return Verdict("undecided", f"against its teacher nothing can be said: {against.reason}", every, TEACHER)
    return Verdict("undecided", "it is not told apart from its teacher", every, TEACHER)


def _worst(found: Mapping[str, Standing]) -> str | None:
    """Return against whom the student does worst, of those that are shown to be better."""
    lost = {
        name: each.difference.mean
        for name, each in found.items()
        if each.outcome == "worse" and isinstance(each.difference, Interval)
    }
    return min(lost, key=lambda name: lost[name]) if lost else None


def _gain(others: Mapping[str, Standing], room: Standing | None) -> str:
    words = "it beats its teacher"
    equal = [_the(name) for name, each in others.items() if each.outcome == "not told apart"]
    if equal:
        words += f"; it is not told apart from {' and '.join(equal)}"
    if room is not None and room.outcome in ("worse", "not told apart"):
        # A student above its teacher has room: the ceiling is not what its name says.
        words += ", though the ceiling is not shown to: that is no ceiling"
    return words


def _the(name: str) -> str:
    return name if name.startswith(("the ", "its ")) else f"the {name}"


def holm(p_values: Float[np.ndarray, "tests"]) -> Float[np.ndarray, "tests"]:
    """Adjust p-values so that the chance of any false rejection is bounded, whatever their dependence.

    The i-th smallest of m is multiplied by m - i + 1; none may be smaller than one before it, nor above 1.

    Examples:
        >>> holm(np.array([0.01, 0.04, 0.03]))
        array([0.03, 0.06, 0.06])

    Source: Holm, A simple sequentially rejective multiple test procedure, 1979.
    """
    order = np.argsort(p_values, kind="stable")
    steps = np.minimum(1.0, p_values[order] * np.arange(len(p_values), 0, -1))
    adjusted = np.empty_like(steps)
    adjusted[order] = np.maximum.accumulate(steps)
    return adjusted


def together(differences: Mapping[str, Interval | Withheld], level: float) -> dict[str, Standing]:
    """Read several differences at once, by Holm's correction: any false direction among them is as rare as in one.

    Use it where sentences count ("k of 9 beat their teachers"), or choose among them. What is withheld is not tested.

    Examples:
        >>> about = lambda mean: Interval.about(mean, 0.05, 0.02, freedom=9.0, n_models=4, n_points=99, level=0.95)
        >>> {name: each.outcome for name, each in together({"a": about(0.055), "b": about(0.1)}, 0.95).items()}
        {'a': 'beats', 'b': 'beats'}
        >>> together({"a": about(0.055), "b": about(0.02)}, 0.95)["a"].outcome
        'not told apart'
    """
    each = {name: standing(difference) for name, difference in differences.items()}
    known = [name for name, found in each.items() if found.outcome != "withheld"]
    p_values = [found.p_value for name in known if isinstance(found := each[name].difference, Interval)]
    adjusted = dict(zip(known, holm(np.array(p_values)).tolist(), strict=True)) if known else {}
    return {
        name: replace(found, outcome="not told apart") if adjusted.get(name, 0.0) >= 1 - level else found
        for name, found in each.items()
    }


def has_interval(measured: object) -> bool:
    """Say whether both ends of the interval are known."""
    return isinstance(measured, Interval) and standing(measured).outcome != "withheld"


def is_above_zero(measured: object) -> bool:
    """Say whether the whole interval is above 0: only then is something said to be more, or to win."""
    return isinstance(measured, Interval) and standing(measured).outcome == "beats"


def is_below_zero(measured: object) -> bool:
    """Say whether the whole interval is below 0."""
    return isinstance(measured, Interval) and standing(measured).outcome == "worse"


def excludes_zero(measured: object) -> bool:
    """Say whether the interval is known and lies on one side of 0: the only case in which a sign may be claimed.

    Examples:
        >>> [excludes_zero(Interval(0.1, low, 0.2, 0.05, 4, 100)) for low in (0.02, -0.02)]
        [True, False]
    """
    return is_above_zero(measured) or is_below_zero(measured)


def count_signs(measured: Iterable[object]) -> tuple[int, int]:
    """Count the intervals that are above 0, and those that are below."""
    every = tuple(measured)
    return sum(map(is_above_zero, every)), sum(map(is_below_zero, every))


def count_rest(measured: Iterable[object]) -> tuple[int, int]:
    """Count what `count_signs` leaves: the intervals that include 0, and what has no interval."""
    every = tuple(measured)
    known = sum(map(has_interval, every))
    return known - sum(count_signs(every)), len(every) - known
