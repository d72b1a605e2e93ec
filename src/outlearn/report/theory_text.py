"""The theory as printed lines: each claim, the number measured, the number predicted, and how far apart they are."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence

from outlearn.results.theory import Claim, TheoryResult

__all__ = ["compared", "number", "predicted_text", "theory_text", "verdict"]

WIDTH = 100


def number(value: float) -> str:
    """Write a number with four digits; rounding errors as powers of ten.

    Examples:
        >>> number(1.23456), number(2250.0), number(3.2e-14), number(float("nan"))
        ('1.235', '2250', '3.2e-14', 'none')
    """
    if math.isnan(value):
        return "none"
    return f"{value:.1e}" if 0 < abs(value) < 1e-4 else f"{value:.4g}"


def predicted_text(claim: Claim) -> str:
    """Write the prediction: a number, or the side of zero where only the sign is predicted."""
    if claim.statistic != "sign":
        return number(claim.predicted)
    weak = "or at " if claim.tolerance < 0 else ""
    return f"{'above' if claim.predicted > 0 else 'below'} {weak}0"


def compared(claim: Claim) -> str:
    """Write the score beside what is still agreement.

    Examples:
        >>> compared(Claim(text="", measured=1.02, predicted=1.0, statistic="relative error", tolerance=0.05))
        'relative error 0.02 (at most 0.05)'
    """
    score = number(claim.score)
    if claim.statistic == "z":
        return f"z = {claim.score:+.2f} (at most {claim.tolerance:g} in size)"
    if claim.statistic == "relative error":
        return f"relative error {score} (at most {claim.tolerance:g})"
    if claim.standard_error is None:
        return "sign only"
    return f"{claim.score:.1f} standard errors from 0 (at least {claim.tolerance:g})"


def verdict(results: Sequence[TheoryResult]) -> str:
    """Count the claims that agree.

    Examples:
        >>> verdict([])
        '0 of 0 claims agree with their prediction.'
    """
    claims = [claim for result in results for claim in result.claims]
    agreeing = sum(claim.agrees for claim in claims)
    verb = "agrees with its" if len(claims) == 1 else "agree with their"
    return f"{agreeing} of {len(claims)} claims {verb} prediction."


def theory_text(result: TheoryResult) -> str:
    """Return what `outlearn theory NAME` prints: two lines a claim, then the notes and the count.

    Examples:
        >>> claim = Claim(text="two is two", measured=2.0, predicted=2.0, statistic="relative error", tolerance=1e-9)
        >>> result = TheoryResult(name="sums", description="small", claims=(claim,), curves={}, settings={}, seed=0)
        >>> print(theory_text(result))
        sums: small (seed 0)
          ok     two is two
                 measured 2, predicted 2, relative error 0 (at most 1e-09)
          1 of 1 claims agrees with its prediction.
    """
    lines = [f"{result.name}: {result.description} (seed {result.seed})"]
    for claim in result.claims:
        mark = "ok" if claim.agrees else "FAILS"
        lines += textwrap.wrap(claim.text, WIDTH, initial_indent=f"  {mark:<7}", subsequent_indent=" " * 9)
        lines.append(
            f"{'':9}measured {number(claim.measured)}, predicted {predicted_text(claim)}, {compared(claim)}"
            + (f", {claim.count} draws or points" if claim.count else "")
        )
    for note in result.notes:
        lines += textwrap.wrap(note, WIDTH, initial_indent="  note   ", subsequent_indent=" " * 9)
    lines.append(f"  {verdict([result])}")
    return "\n".join(lines)
