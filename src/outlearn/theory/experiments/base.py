"""What a theory experiment is: a name, a line about it, typed settings, and a function from settings to a result."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from outlearn.core.intervals import Interval
from outlearn.errors import ConfigError
from outlearn.results.theory import Claim, Statistic, TheoryResult
from outlearn.theory.sampling import mean_interval
from outlearn.theory.scalars import Number, Real
from outlearn.theory.settings import settings_as_dict

__all__ = [
    "Experiment", "Findings", "OnProgress", "as_columns", "bootstrap_claim", "relative_claim", "sign_claim", "worst",
    "z_claim",
]  # fmt: skip

# |z| < 4.5 fails a true claim once in 150,000: a full run makes a few hundred comparisons.
Z_TOLERANCE = 4.5

Measured = Number | np.floating
# Called with the share of the work that is done, in [0, 1].
OnProgress = Callable[[float], None]


@dataclass(frozen=True)
class Findings:
    """What a simulation found, before it is stamped with its name, settings and seed."""

    claims: tuple[Claim, ...]
    curves: dict[str, dict[str, np.ndarray]]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Experiment:
    """Describe one experiment; `run` makes a `TheoryResult`.

    Args:
        name: on the command line.
        description: one line.
        settings: the type of its settings, a frozen dataclass whose defaults run in seconds.
        simulate: from settings, generator and progress to findings.
    """

    name: str
    description: str
    settings: type
    simulate: Callable[[Any, np.random.Generator, OnProgress], Findings]

    def run(self, settings: Any = None, *, seed: int = 0, progress: OnProgress | None = None) -> TheoryResult:
        """Run the experiment.

        Args:
            settings: an instance of `self.settings`; None for the defaults.
            seed: reproduces every number on one machine.
            progress: called with the share done.

        Raises:
            ConfigError: if the settings are of another experiment.
        """
        chosen = self.settings() if settings is None else settings
        if not isinstance(chosen, self.settings):
            raise ConfigError(
                f"{self.name} takes {self.settings.__name__}, got {type(chosen).__name__}; "
                f"build it with {self.settings.__name__}(...) or leave it out"
            )
        found = self.simulate(chosen, np.random.default_rng(seed), progress or (lambda done: None))
        return TheoryResult(
            name=self.name,
            description=self.description,
            claims=found.claims,
            curves=found.curves,
            settings=settings_as_dict(chosen),
            seed=seed,
            notes=found.notes,
        )


def worst(claims: Sequence[Claim]) -> Claim:
    """Return the claim that is furthest from agreement: what a family of comparisons stands or falls with."""
    if claims[0].statistic == "sign":
        return min(claims, key=lambda claim: claim.score)
    return max(claims, key=lambda claim: abs(claim.score))


def z_claim(text: str, draws: np.ndarray, predicted: np.ndarray | Real) -> Claim:
    """Claim that the mean of independent draws is the predicted one, in standard errors of their difference.

    `predicted` may be each draw's own conditional expectation: pairing takes away the variance that it explains.
    """
    error = mean_interval(draws - predicted).standard_error
    return _claim("z", text, draws.mean(), np.mean(predicted), Z_TOLERANCE, draws.size, error)


def bootstrap_claim(
    text: str,
    draws: np.ndarray,
    statistic: Callable[[np.ndarray], float],
    predicted: Real,
    rng: np.random.Generator,
    *,
    resamples: int,
) -> Claim:
    """Claim that a statistic of the means of draws, `[rows, draws]`, is the predicted one, in bootstrap errors."""
    count = draws.shape[-1]
    weights = rng.multinomial(count, np.full(count, 1 / count), resamples)
    error = float(np.std([statistic(draws @ w / count) for w in weights], ddof=1))
    return _claim("z", text, statistic(draws.mean(axis=-1)), predicted, Z_TOLERANCE, count, error)


def relative_claim(
    text: str, measured: Measured, predicted: Measured, tolerance: Real, count: int | None = None
) -> Claim:
    """Claim that a number is the predicted one up to a relative error; where 0 is predicted, it is that error."""
    return _claim("relative error", text, measured, predicted, tolerance, count)


def sign_claim(
    text: str, measured: Measured | Interval, sign: Real, tolerance: Real = Z_TOLERANCE, count: int | None = None
) -> Claim:
    """Claim that a number lies on one side of 0; the tolerance of an interval is in its standard errors."""
    error = None
    if isinstance(measured, Interval):
        error, count = measured.standard_error, measured.n_points
        measured = measured.mean
    return _claim("sign", text, measured, sign, tolerance, count, error)


def _claim(
    statistic: Statistic,
    text: str,
    measured: Measured,
    predicted: Measured,
    tolerance: Real,
    count: int | None,
    error: float | None = None,
) -> Claim:
    return Claim(
        text=text,
        measured=float(measured),
        predicted=float(predicted),
        statistic=statistic,
        tolerance=tolerance,
        standard_error=error,
        count=count,
    )


def as_columns(rows: Sequence[Mapping[str, Real | str]]) -> dict[str, np.ndarray]:
    """Turn rows that have the same keys into the columns of a curve."""
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}
