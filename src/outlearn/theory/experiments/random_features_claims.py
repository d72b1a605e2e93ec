"""What the sweep over student widths claims: each term against its formula, the peak, where the student overtakes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from scipy.optimize import brentq

from outlearn.results.theory import Claim
from outlearn.theory.equivalents import RidgeLaw, ridge_equivalent
from outlearn.theory.experiments.base import bootstrap_claim, relative_claim, worst, z_claim
from outlearn.theory.experiments.random_features_settings import HEAVY, RandomFeaturesSettings, gap_terms, squares
from outlearn.theory.random_features import StudentMoments, minimum_norm_moments
from outlearn.theory.sampling import interval_columns, mean_interval, median_interval
from outlearn.theory.scalars import Real

__all__ = ["TERMS", "WidthSweep", "claims_of_sweep", "curve_of_sweep"]

TERMS = ("risk", "misfit", "residual", "distance")
# Deterministic equivalents at d = 60 are off by about 2%, and 400 draws leave about 1.5%.
EQUIVALENT_TOLERANCE = 0.05
CROSSING_TOLERANCE = 0.15  # the gap is flat in the width where it crosses 0
PEAK_TOLERANCE = 0.1
IDENTITY_TOLERANCE = 1e-9  # float64, relative to the largest term
SLOPE_RESAMPLES = 200


@dataclass
class WidthSweep:
    """Collect the draws of the sweep: `values[term]` is `[students, widths, draws]`, student 0 without a penalty."""

    settings: RandomFeaturesSettings
    values: dict[str, np.ndarray] = field(init=False)
    power: np.ndarray = field(init=False)
    alignment: np.ndarray = field(init=False)
    teacher_risk: np.ndarray = field(init=False)
    more_teacher_risks: np.ndarray = field(init=False)
    identity_error: float = 0.0

    def __post_init__(self) -> None:
        shape = (2, len(self.settings.widths), self.settings.draws)
        self.values = {term: np.empty(shape) for term in TERMS}
        self.power, self.alignment, self.teacher_risk = (np.empty(self.settings.draws) for _ in range(3))

    def record(
        self, index: int, which: int, rows: slice, teacher: np.ndarray, student: np.ndarray, posterior: np.ndarray
    ) -> None:
        """Store the terms of the gap for one width, one student and some draws; each vector `[draws, dimension]`."""
        beta = self.settings.beta
        self.power[rows] = squares(teacher)
        self.alignment[rows] = teacher @ beta
        self.teacher_risk[rows] = squares(teacher - beta)
        risk = squares(student - beta)
        _, misfit, residual = gap_terms(beta, teacher, student)
        for term, value in zip(TERMS, (risk, misfit, residual, squares(student - posterior)), strict=True):
            self.values[term][which, index, rows] = value
        error = np.abs(self.teacher_risk[rows] - risk - misfit - residual) / np.maximum(misfit + risk, 1.0)
        self.identity_error = max(self.identity_error, float(error.max()))

    @property
    def reliable(self) -> np.ndarray:
        """Mark the widths at which means of the unpenalised student have a normal limit: `[widths]`."""
        return np.array([abs(width - self.settings.student_examples) >= HEAVY for width in self.settings.widths])

    def exact(self, width: int) -> StudentMoments:
        """Return the exact moments of the student without a penalty."""
        return minimum_norm_moments(self.settings.student_examples, self.settings.dimension, width)

    def equivalent(self, width: Real) -> StudentMoments:
        """Return the deterministic equivalent of the student with a penalty."""
        n, d, penalty = self.settings.student_examples, self.settings.dimension, self.settings.student_penalty
        return ridge_equivalent(n, d, width, penalty=penalty).moments


def curve_of_sweep(settings: RandomFeaturesSettings, sweep: WidthSweep, which: int) -> dict[str, np.ndarray]:
    """Return mean and interval of each term at each width; medians where the mean is no evidence (reliable = 0)."""
    reliable = sweep.reliable | bool(which)
    columns = {"width": np.array(settings.widths), "reliable": reliable.astype(int)}
    for term in TERMS:
        values = sweep.values[term][which]
        columns |= interval_columns(
            term, [mean_interval(v) if good else median_interval(v) for v, good in zip(values, reliable, strict=True)]
        )
    return columns | interval_columns("teacher_risk", [mean_interval(sweep.teacher_risk)] * len(settings.widths))


def claims_of_sweep(
    settings: RandomFeaturesSettings, sweep: WidthSweep, teacher: RidgeLaw, crossing: float | None
) -> tuple[Claim, ...]:
    """Compare the sweep with the exact formulas and with the deterministic equivalents."""
    text = "In every draw the gap is the misfit plus the residual (largest relative error)"
    claims = [
        relative_claim(text, sweep.identity_error, 0.0, IDENTITY_TOLERANCE, settings.draws),
        *_exact_claims(settings, sweep),
        *_slope_claims(settings, sweep),
        *_peak_claims(settings, sweep),
        *_equivalent_claims(settings, sweep, teacher),
    ]
    if crossing is not None:
        text = "The width at which the penalised student overtakes its teacher"
        found = _measured_crossing(settings, sweep)
        claims.append(relative_claim(text, found, crossing, CROSSING_TOLERANCE, settings.draws))
    return tuple(claims)


def _exact_claims(settings: RandomFeaturesSettings, sweep: WidthSweep) -> list[Claim]:
    """Compare each draw with its expectation given the drawn teacher: exact at any size.

    Source: docs/theory/random-features.md, "The posterior-mean teacher".
    """
    widths = [(i, w) for i, w in enumerate(settings.widths) if sweep.reliable[i]]
    gap = sweep.teacher_risk - sweep.values["risk"][0]
    families: dict[str, tuple[np.ndarray, Callable[[StudentMoments], np.ndarray]]] = {
        "misfit": (sweep.values["misfit"][0], lambda m: m.misfit * sweep.power),
        "distance to the posterior-mean teacher": (sweep.values["distance"][0], lambda m: m.distance * sweep.power),
        "risk gap": (gap, lambda m: m.gap(sweep.power, sweep.alignment)),
        "residual": (sweep.values["residual"][0], lambda m: m.residual(sweep.power, sweep.alignment)),
    }
    if not widths:
        return []
    claims = []
    for name, (values, formula) in families.items():
        text = f"Exact {name} of the student without a penalty (worst of {len(widths)} widths, "
        claims.append(worst([z_claim(f"{text}{w})", values[i], formula(sweep.exact(w))) for i, w in widths]))
    return claims


def _slope_claims(settings: RandomFeaturesSettings, sweep: WidthSweep) -> list[Claim]:
    """Fit log distance on log(p - n - 1): the distance to the posterior mean falls as 1 / (p - n - 1)."""
    n = settings.student_examples
    index = [i for i, w in enumerate(settings.widths) if w >= n + HEAVY]
    if len(index) < 3 or n >= settings.dimension:
        return []
    horizontal = np.log(np.array(settings.widths)[index] - n - 1)
    text = "The distance to the posterior-mean teacher falls as 1 / (width - examples - 1): slope on log scales"

    def slope(mean: np.ndarray) -> float:
        return float(np.polyfit(horizontal, np.log(mean), 1)[0])

    draws, rng = sweep.values["distance"][0][index], np.random.default_rng(0)
    return [bootstrap_claim(text, draws, slope, -1.0, rng, resamples=SLOPE_RESAMPLES)]


def _peak_claims(settings: RandomFeaturesSettings, sweep: WidthSweep) -> list[Claim]:
    n, widths = settings.student_examples, np.array(settings.widths)
    if np.abs(widths - n).min() > PEAK_TOLERANCE * n or not widths[0] < n < widths[-1]:
        return []
    peak = widths[np.argmax(np.median(sweep.values["risk"][0], axis=1))]
    text = "The student without a penalty has its peak of risk (median) where its width is its examples"
    return [relative_claim(text, peak, n, PEAK_TOLERANCE, settings.draws)]


def _equivalent_claims(settings: RandomFeaturesSettings, sweep: WidthSweep, teacher: RidgeLaw) -> list[Claim]:
    """Compare means with the limits of large sizes; the student's given its drawn teachers: less noise."""

    def claim(name: str, measured: Real, predicted: Real, count: int) -> Claim:
        text = f"{name} against its deterministic equivalent"
        return relative_claim(text, measured, predicted, EQUIVALENT_TOLERANCE, count)

    risk = teacher.risk(settings.signal_power, settings.noise_variance)
    claims = [claim("Teacher's risk", sweep.more_teacher_risks.mean(), risk, sweep.more_teacher_risks.size)]
    moments = [sweep.equivalent(width) for width in settings.widths]
    predictions = {
        "Risk": [(sweep.teacher_risk - m.gap(sweep.power, sweep.alignment)).mean() for m in moments],
        "Misfit": [(m.misfit * sweep.power).mean() for m in moments],
    }
    for name, predicted in predictions.items():
        means = sweep.values[name.lower()][1].mean(axis=1)
        of_student = f"{name} of the penalised student (worst of {len(moments)} widths, "
        candidates = [
            claim(f"{of_student}{width})", mean, value, settings.draws)
            for width, mean, value in zip(settings.widths, means, predicted, strict=True)
        ]
        claims.append(worst(candidates))
    return claims


def _measured_crossing(settings: RandomFeaturesSettings, sweep: WidthSweep) -> float:
    """Find where the mean gap of the penalised student turns positive; nan if it does not.

    Between two simulated widths the gap is the predicted one plus its error, interpolated in log width, so that a
    coarse grid of widths costs no accuracy.
    """

    def predicted(log_width: float) -> float:
        return float(sweep.equivalent(float(np.exp(log_width))).gap(sweep.power, sweep.alignment).mean())

    gap = sweep.teacher_risk.mean() - sweep.values["risk"][1].mean(axis=1)
    logs = np.log(np.array(settings.widths, dtype=float))
    up = np.flatnonzero((gap[:-1] < 0) & (gap[1:] >= 0))
    if up.size == 0:
        return float("nan")
    ends = slice(up[-1], up[-1] + 2)
    errors = gap[ends] - np.array([predicted(float(at)) for at in logs[ends]])
    root = brentq(lambda at: predicted(at) + np.interp(at, logs[ends], errors), *logs[ends].tolist())
    return float(np.exp(root))
