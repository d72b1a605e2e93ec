"""How labelers miss their shared answer, and what more of them would say: the parts of a report about noise."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from outlearn.core.intervals import Interval
from outlearn.core.text import wrapped
from outlearn.results.measurement import Withheld

__all__ = ["NOISE_MODELS", "NoiseReport", "VoteCurvePoint", "vote_lines"]

NOISE_MODELS = {
    "even": "even noise: no point is harder than another",
    "difficulty": "points differ in difficulty",
    "not tested": "even noise, which these labels cannot test",
}
"""Which model of noise the numbers of a report are under, by `NoiseReport.model`."""


@dataclass(frozen=True)
class NoiseReport:
    """Which model of noise fits.

    Attributes:
        model: a key of `NOISE_MODELS`.
        z: the covariance of agreements of disjoint pairs of labelers, 0 under even noise, in standard errors; withheld
            where it cannot be measured.
        p_value: of even noise, one-sided.
        rate, concentration: where points differ, how often a label misses its point's answer on average, and how alike
            points are (infinite under even noise), of the fitted Dirichlet distribution; else withheld.
        mixed: whether the weights of difficulties were fitted beyond that distribution.
    """

    model: str
    z: float | Withheld
    p_value: float | Withheld
    rate: float | Withheld
    concentration: float | Withheld
    mixed: bool

    @property
    def short(self) -> str:
        """Name the model in a few words."""
        return {"even": "even noise", "difficulty": "points differ in difficulty"}.get(
            self.model, "even noise, untested"
        )

    @property
    def sentence(self) -> str:
        """Say which model is used, and why."""
        if isinstance(self.z, Withheld):
            return f"Noise is taken as even: {self.z.reason}."
        if self.model == "even":
            return (
                "Noise is taken as even: labelers do not miss the shared answer on the same points more than by "
                f"chance ({self.z:.1f} standard errors)."
            )
        how = "a mixture of difficulties" if self.mixed else "a Dirichlet-multinomial distribution"
        return (
            f"Points differ in difficulty: labelers miss the shared answer on the same points ({self.z:.1f} standard "
            f"errors from even noise), so that {how} is fitted."
        )


@dataclass(frozen=True)
class VoteCurvePoint:
    """What a vote of this many labelers is worth.

    Attributes:
        n_labelers: in the vote.
        accuracy: how often it gives the shared answer, under the model of noise.
        least: the least that can be where even noise cannot be tested; `accuracy` is then the most. nan where it can.
        agreement: how often two such votes of different labelers agree, under the model.
        measured: the same on the table itself, without a model; withheld where points have too few labels.
    """

    n_labelers: int
    accuracy: float
    least: float
    agreement: float
    measured: Interval | Withheld


def vote_lines(curve: Sequence[VoteCurvePoint], noise: NoiseReport, n_labelers: int) -> list[str]:
    """Write what votes of odd numbers of labelers are worth; beyond those of the table the model alone says it."""
    odd = [at for at in curve if at.n_labelers % 2]
    if not odd:
        return []
    if not math.isnan(odd[0].least):
        most = ", ".join(f"{at.accuracy:.3f} of {at.n_labelers}" for at in odd)
        return wrapped(
            f"more labelers: a vote gives the shared answer at most {most} (even noise), and at least "
            f"{odd[0].least:.3f} of any number, if the misses are all on points where labelers toss a coin",
            first="  ",
            rest="    ",
        ).splitlines()
    given = ", ".join(f"{at.accuracy:.3f} of {at.n_labelers}" for at in odd)
    lines = wrapped(
        f"more labelers: a vote gives the shared answer {given} ({noise.short}; extrapolated beyond {n_labelers})",
        first="  ",
        rest="    ",
    ).splitlines()
    both = [(at, at.measured) for at in odd if isinstance(at.measured, Interval)]
    if both:
        agree = ", ".join(f"{measured.mean:.3f} of {at.n_labelers} ({at.agreement:.3f})" for at, measured in both)
        lines += wrapped(
            f"two votes of different labelers agree {agree}: measured (and by the model)", first="    ", rest="    "
        ).splitlines()
    return lines
