"""A student that compensates an under-regularised teacher: plain ridge for both, and where the sign of the gain turns.

Each draw is compared with its average over eigenvectors and label noise given the drawn spectra (`spectrum_law`), which
is exact; the sign change is then found from the simulation alone, between penalties, by a cubic in the log penalty.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.interpolate import CubicSpline

from outlearn.results.theory import Claim
from outlearn.theory.equivalents import RidgeLaw
from outlearn.theory.experiments.base import (
    Findings,
    OnProgress,
    bootstrap_claim,
    relative_claim,
    sign_claim,
    worst,
    z_claim,
)
from outlearn.theory.plain_ridge import compensation_threshold, marchenko_pastur_law, spectrum_law
from outlearn.theory.ridge_solver import RidgePath
from outlearn.theory.sampling import interval_columns, mean_interval
from outlearn.theory.scalars import Real
from outlearn.theory.settings import at_least, increasing

__all__ = ["RidgeSettings", "simulate_ridge"]

ASYMPTOTIC_TOLERANCE = 0.05  # at d = 50 the limits are off by about 1%
RESIDUAL_TOLERANCE = 0.02  # the misfit is second order in the student's penalty
RESAMPLES = 300


@dataclass(frozen=True, kw_only=True)
class RidgeSettings:
    """Sizes and penalties; variances, not standard deviations.

    Args:
        dimension: d.
        signal_power: |beta|^2.
        noise_variance: of the teacher's labels.
        teacher_examples: of the teacher.
        student_examples: of the student, more than `dimension` by at least 8.
        teacher_penalties: increasing; the sign change is searched between them.
        student_penalties: increasing; the smallest stands for the limit of 0.
        draws: independent repetitions.
    """

    dimension: int = 50
    signal_power: Real = 1.0
    noise_variance: Real = 1.0
    teacher_examples: int = 75
    student_examples: int = 120
    teacher_penalties: tuple[Real, ...] = (4, 8, 15, 25, 36, 45, 56, 70, 100, 160, 300, 600)
    student_penalties: tuple[Real, ...] = (0.01, 0.5, 1, 2, 5, 10, 20, 50, 100, 200)
    draws: int = 1500

    def __post_init__(self) -> None:
        at_least(self, 2, "dimension", "teacher_examples")
        at_least(self, self.dimension + 8, "student_examples")
        at_least(self, 1e-9, "signal_power", "noise_variance", "teacher_penalties", "student_penalties")
        at_least(self, 30, "draws")
        increasing(self, "teacher_penalties", length=4)
        increasing(self, "student_penalties", length=2)


def simulate_ridge(settings: RidgeSettings, rng: np.random.Generator, progress: OnProgress) -> Findings:
    """Simulate teachers at every penalty and students at every penalty of theirs."""
    d = settings.dimension
    teacher_penalties, student_penalties = np.array(settings.teacher_penalties), np.array(settings.student_penalties)
    shape = (student_penalties.size, teacher_penalties.size, settings.draws)
    gap, misfit, expected = np.empty(shape), np.empty(shape), np.empty(shape)
    teacher_risk = np.empty(shape[1:])
    laws = np.empty((teacher_penalties.size, 3, settings.draws))
    beta = np.zeros(d)
    beta[0] = np.sqrt(settings.signal_power)
    for draw in range(settings.draws):
        inputs = rng.standard_normal((settings.teacher_examples, d))
        labels = inputs @ beta + np.sqrt(settings.noise_variance) * rng.standard_normal(len(inputs))
        design = RidgePath(inputs)
        teachers = design.coefficients(labels[:, None], teacher_penalties)[:, :, 0]
        examples = rng.standard_normal((settings.student_examples, d))
        path = RidgePath(examples)
        students = path.coefficients(examples @ teachers.T, student_penalties)  # [student penalties, d, teachers]
        errors = students - teachers.T
        misfit[:, :, draw] = (errors**2).sum(axis=1)
        teacher_risk[:, draw] = ((teachers - beta) ** 2).sum(axis=1)
        # |b_w - beta|^2 - |b_s - beta|^2 = -<b_s - b_w, b_s - beta + b_w - beta>: no cancellation at small penalties
        gap[:, :, draw] = -(errors * (students + teachers.T - 2 * beta[:, None])).sum(axis=1)
        expected[:, :, draw], laws[:, :, draw] = _expected_gap(settings, design.eigenvalues(), path.eigenvalues())
        if draw % 50 == 0:
            progress(draw / settings.draws)
    threshold = compensation_threshold(settings.noise_variance, d, settings.signal_power)
    return Findings(
        claims=(
            _worst_gap_claim(settings, gap, expected),
            *_sign_claims(settings, threshold, gap[0], misfit[0], rng),
            *_asymptotic_claims(settings, laws, teacher_risk),
        ),
        curves={
            "penalties": _penalty_curve(settings, gap, misfit, expected, teacher_risk),
            "limit": _limit_curve(settings),
            "threshold": {"teacher_penalty": np.array([threshold])},
        },
        notes=(
            "The student's operator is invertible, so that given its examples the posterior-mean teacher is the "
            "teacher itself: here the gain is all residual, and the misfit does not explain it.",
        ),
    )


def _power_and_alignment(settings: RidgeSettings, laws: Sequence[RidgeLaw]) -> tuple[np.ndarray, np.ndarray]:
    power = np.array([law.power(settings.signal_power, settings.noise_variance) for law in laws])
    return power, np.array([law.alignment(settings.signal_power) for law in laws])


def _expected_gap(
    settings: RidgeSettings, teacher_spectrum: np.ndarray, student_spectrum: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Average the gap over eigenvectors and label noise: `[student penalties, teacher penalties]`; and a1, a2, v."""
    d = settings.dimension
    teachers = [spectrum_law(teacher_spectrum, d, penalty=p) for p in settings.teacher_penalties]
    power_and_alignment = _power_and_alignment(settings, teachers)
    students = [spectrum_law(student_spectrum, d, penalty=p).moments for p in settings.student_penalties]
    laws = np.array([(law.moments.trace, law.moments.frobenius, law.noise) for law in teachers])
    return np.array([moments.gap(*power_and_alignment) for moments in students]), laws


def _worst_gap_claim(settings: RidgeSettings, gap: np.ndarray, expected: np.ndarray) -> Claim:
    text = f"Exact risk gap (worst of {gap.shape[0] * gap.shape[1]} pairs of penalties, teacher "
    return worst(
        [
            z_claim(f"{text}{of_teacher:g} and student {of_student:g})", gap[i, j], expected[i, j])
            for i, of_student in enumerate(settings.student_penalties)
            for j, of_teacher in enumerate(settings.teacher_penalties)
        ]
    )


def _sign_claims(
    settings: RidgeSettings, threshold: float, gap: np.ndarray, misfit: np.ndarray, rng: np.random.Generator
) -> list[Claim]:
    """Say from which teachers the slightly penalised student gains: `gap` and `misfit` are `[teachers, draws]`."""
    penalties, claims = settings.teacher_penalties, []
    if penalties[0] < threshold < penalties[-1]:
        text = "The student's gain turns to loss where the teacher's penalty is noise variance * d / |beta|^2"
        logs = np.log(penalties)
        claims.append(
            bootstrap_claim(text, gap, lambda mean: _sign_change(logs, mean), threshold, rng, resamples=RESAMPLES)
        )
    for index, sign, word in ((0, 1.0, "gains from"), (-1, -1.0, "loses to")):
        if (threshold - penalties[index]) * sign > 0:
            text = f"A slightly penalised student {word} a teacher of penalty {penalties[index]:g} (gain per unit)"
            claims.append(sign_claim(text, mean_interval(gap[index] / settings.student_penalties[0]), sign))
    if penalties[0] < threshold:
        text = "The gain of the slightly penalised student is residual, not misfit: residual / gap"
        share = 1 - misfit[0].mean() / gap[0].mean()
        claims.append(relative_claim(text, share, 1.0, RESIDUAL_TOLERANCE, settings.draws))
    return claims


def _asymptotic_claims(settings: RidgeSettings, laws: np.ndarray, teacher_risk: np.ndarray) -> list[Claim]:
    limits = [
        marchenko_pastur_law(settings.teacher_examples, settings.dimension, penalty=p)
        for p in settings.teacher_penalties
    ]
    a1, a2, v = laws.mean(axis=2).T
    risks = [law.risk(settings.signal_power, settings.noise_variance) for law in limits]
    compared = {
        "a1": (a1, [law.moments.trace for law in limits]),
        "a2": (a2, [law.moments.frobenius for law in limits]),
        "v": (v, [law.noise for law in limits]),
        "risk": (teacher_risk.mean(axis=1), risks),
    }
    claims = []
    for name, (measured, predicted) in compared.items():
        text = f"Teacher's {name} against its limit (worst of {len(limits)} penalties, "
        candidates = [
            relative_claim(f"{text}{penalty:g})", value, limit, ASYMPTOTIC_TOLERANCE, settings.draws)
            for penalty, value, limit in zip(settings.teacher_penalties, measured, predicted, strict=True)
        ]
        claims.append(worst(candidates))
    return claims


def _sign_change(logs: np.ndarray, gap: np.ndarray) -> float:
    """Find the last root of a cubic spline through the gap, as a penalty; nan if it does not change sign."""
    roots = CubicSpline(logs, gap).roots(extrapolate=False)
    return float(np.exp(roots[-1])) if roots.size else float("nan")


def _penalty_curve(
    settings: RidgeSettings, gap: np.ndarray, misfit: np.ndarray, expected: np.ndarray, teacher_risk: np.ndarray
) -> dict[str, np.ndarray]:
    students, teachers = settings.student_penalties, settings.teacher_penalties
    return {
        "student_penalty": np.repeat(students, len(teachers)),
        "teacher_penalty": np.tile(teachers, len(students)),
        **interval_columns("gap", [mean_interval(draws) for of_student in gap for draws in of_student]),
        "gap_exact": expected.mean(axis=-1).ravel(),
        "misfit": misfit.mean(axis=-1).ravel(),
        "residual": (gap - misfit).mean(axis=-1).ravel(),
        "teacher_risk": np.tile(teacher_risk.mean(axis=-1), len(students)),
    }


def _limit_curve(settings: RidgeSettings) -> dict[str, np.ndarray]:
    """Compute the gap of the least penalised student in the limit of large sizes, on a fine grid of teachers."""
    fine = np.geomspace(settings.teacher_penalties[0], settings.teacher_penalties[-1], 120)
    teachers = [marchenko_pastur_law(settings.teacher_examples, settings.dimension, penalty=p) for p in fine]
    student = marchenko_pastur_law(settings.student_examples, settings.dimension, penalty=settings.student_penalties[0])
    return {"teacher_penalty": fine, "gap": student.moments.gap(*_power_and_alignment(settings, teachers))}
