"""Four settings that decide whether the residual vanishes as the student grows: S0 and S1, S2, S3.

The student's closeness to the posterior-mean teacher makes the residual vanish only if the target tells nothing more
about the teacher than the student does:

- S0, no signal: beta = 0, the teacher is noise. Residual -2 distance -> 0, gap -> misfit.
- S1, a known mean: the student starts from beta (a pretrained student) and learns the teacher's deviation. As S0.
- S2, generic: the student starts from zero and the teacher knows something of beta. The residual tends to
  -2 (1 - n/d) E <b_w, beta>, not to 0, and the student wins only if the teacher is worse than predicting 0.
- S3, a subspace: beta lies in a subspace V, the teacher's noise does not, and the student sees only V. The residual is
  -2 E |(I - P_V) b_w|^2 k / (N - k - 1) -> 0, gap -> misfit = E |(I - P_V) b_w|^2: the discrepancy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from outlearn.results.theory import Claim
from outlearn.theory.experiments.base import as_columns, relative_claim, sign_claim, worst, z_claim
from outlearn.theory.experiments.random_features_settings import (
    RandomFeaturesSettings,
    draw_teachers,
    gap_terms,
    squares,
)
from outlearn.theory.random_features import minimum_norm_moments
from outlearn.theory.sampling import mean_interval
from outlearn.theory.scalars import Real

__all__ = ["CASES", "Cases", "claims_of_cases", "curve_of_cases", "simulate_subspace_case"]

TERMS = ("gap", "misfit", "residual")
CASES = {
    "S0": "S0, a target of zero: the teacher is noise",
    "S1": "S1, a student that starts from the target and learns the teacher's deviation",
    "S2": "S2, generic: the student starts from zero",
    "S3": "S3, a student that sees only the target's subspace",
}


@dataclass
class Cases:
    """Collect the draws of each case at each size: terms `[draws]`, by (case, size)."""

    draws: int
    terms: dict[tuple[str, int], dict[str, np.ndarray]] = field(default_factory=dict)

    def record(
        self,
        case: str,
        size: int,
        rows: slice,
        beta: np.ndarray,
        teacher: np.ndarray,
        student: np.ndarray,
        deviation: np.ndarray | None = None,
    ) -> None:
        """Store gap, misfit and residual, and what predicts them: alignment and power of the teacher, or of the part of
        it that counts, `deviation`.
        """
        new = {
            **dict(zip(TERMS, gap_terms(beta, teacher, student), strict=True)),
            "power": squares(teacher if deviation is None else deviation),
            "alignment": teacher @ beta if case == "S2" else np.zeros(len(teacher)),
        }
        stored = self.terms.setdefault((case, size), {name: np.empty(self.draws) for name in new})
        for name, value in new.items():
            stored[name][rows] = value


def simulate_subspace_case(settings: RandomFeaturesSettings, cases: Cases, rng: np.random.Generator) -> None:
    """Simulate case S3: least squares on k of d inputs, from N examples that a noisy teacher labels."""
    d, k = settings.dimension, settings.subspace_dimension
    beta = settings.beta  # in V, the first k coordinates
    for draw in range(settings.draws):
        teacher = beta + draw_teachers(settings, rng, 1)[1][0]
        examples = rng.standard_normal((settings.subspace_examples[-1], d))
        labels = examples @ teacher
        for size in settings.subspace_examples:
            student = np.zeros(d)
            seen = examples[:size, :k]
            student[:k] = np.linalg.solve(seen.T @ seen, seen.T @ labels[:size])
            cases.record("S3", size, slice(draw, draw + 1), beta, teacher[None], student[None], teacher[None, k:])


def predicted_terms(
    settings: RandomFeaturesSettings, case: str, size: Real, terms: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Compute the expected gap, misfit and residual of a case, given the teacher; exact at any size."""
    power, alignment = terms["power"], terms["alignment"]
    if case == "S3":
        k = settings.subspace_dimension
        misfit = power * (size - 1) / (size - k - 1)
        residual = -2 * power * k / (size - k - 1)
        return {"gap": misfit + residual, "misfit": misfit, "residual": residual}
    moments = minimum_norm_moments(settings.student_examples, settings.dimension, size)
    gap = moments.gap(power, alignment)
    misfit = moments.misfit * power
    return {"gap": np.asarray(gap), "misfit": np.asarray(misfit), "residual": np.asarray(gap - misfit)}


def curve_of_cases(settings: RandomFeaturesSettings, cases: Cases) -> dict[str, np.ndarray]:
    """Return one row a case and size: each term's mean and interval, and its exact expectation."""
    rows = []
    for (case, size), terms in sorted(cases.terms.items()):
        predicted = predicted_terms(settings, case, size, terms)
        row: dict[str, Real | str] = {"case": case, "size": size}
        for name in TERMS:
            found = mean_interval(terms[name])
            row |= {name: found.mean, f"{name}_low": found.low, f"{name}_high": found.high}
            row[f"{name}_exact"] = float(predicted[name].mean())
        rows.append(row)
    return as_columns(rows)


def claims_of_cases(settings: RandomFeaturesSettings, cases: Cases) -> tuple[Claim, ...]:
    """Compare every case's residual with its exact value, and say at the largest size whether it vanishes."""
    claims = []
    for case, what in CASES.items():
        sizes = sorted(size for name, size in cases.terms if name == case)
        if not sizes:
            continue
        candidates = []
        for size in sizes:
            terms = cases.terms[case, size]
            predicted = predicted_terms(settings, case, size, terms)["residual"]
            text = f"{what}: residual (worst of {len(sizes)} sizes, {size})"
            candidates.append(z_claim(text, terms["residual"], predicted))
        claims.append(worst(candidates))
        claims += _limit_claims(settings, cases, case, sizes[-1])
    return tuple(claims)


def _limit_claims(settings: RandomFeaturesSettings, cases: Cases, case: str, size: int) -> list[Claim]:
    """Say of the largest student whether its residual is negligible beside its misfit."""
    terms = cases.terms[case, size]
    if case == "S2":
        n, d = settings.student_examples, settings.dimension
        limit = -2 * (1 - n / d) * terms["alignment"]
        if n == d or not limit.mean() < 0:
            return []
        text = f"S2 does not vanish: at width {size} the residual keeps the sign of -2 (1 - n/d) <b_w, beta>"
        return [sign_claim(text, mean_interval(terms["residual"]), limit.mean())]
    predicted = predicted_terms(settings, case, size, terms)
    text = f"{case} vanishes: at size {size} the gap per misfit is close to 1"
    limit = predicted["gap"].mean() / predicted["misfit"].mean()
    return [relative_claim(text, 1 + terms["residual"].mean() / terms["misfit"].mean(), limit, 0.05, settings.draws)]
