"""A student that compensates an under-regularised teacher: plain ridge for both, and where the sign of the gain turns.

Each draw is compared with its average over eigenvectors and label noise given the drawn spectra (`spectrum_law`), which
is exact; the sign change is then found from the simulation alone, between penalties, by a cubic in the log penalty.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import CubicSpline

from outlearn.results.theory import Claim
from outlearn.theory.experiments.base import Z_TOLERANCE, Findings, OnProgress, as_columns, worst, z_claim
from outlearn.theory.plain_ridge import compensation_threshold, marchenko_pastur_law, spectrum_law
from outlearn.theory.ridge_solver import RidgePath
from outlearn.theory.sampling import mean_interval
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
    return Findings(
        claims=_claims(settings, gap, misfit, expected, laws, teacher_risk, rng),
        curves=_curves(settings, gap, misfit, expected, teacher_risk),
        notes=(
            "The student's operator is invertible, so that given its examples the posterior-mean teacher is the "
            "teacher itself: here the gain is all residual, and the misfit does not explain it.",
        ),
    )


def _expected_gap(
    settings: RidgeSettings, teacher_spectrum: np.ndarray, student_spectrum: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Average the gap over eigenvectors and label noise: `[student penalties, teacher penalties]`; and a1, a2, v."""
    d = settings.dimension
    teachers = [spectrum_law(teacher_spectrum, d, penalty=p) for p in settings.teacher_penalties]
    power = np.array([law.power(settings.signal_power, settings.noise_variance) for law in teachers])
    alignment = np.array([law.alignment(settings.signal_power) for law in teachers])
    students = [spectrum_law(student_spectrum, d, penalty=p).moments for p in settings.student_penalties]
    laws = np.array([(law.moments.trace, law.moments.frobenius, law.noise) for law in teachers])
    return np.array([moments.gap(power, alignment) for moments in students]), laws


def _claims(
    settings: RidgeSettings,
    gap: np.ndarray,
    misfit: np.ndarray,
    expected: np.ndarray,
    laws: np.ndarray,
    teacher_risk: np.ndarray,
    rng: np.random.Generator,
) -> tuple[Claim, ...]:
    threshold = compensation_threshold(settings.noise_variance, settings.dimension, settings.signal_power)
    claims = [_worst_gap_claim(settings, gap, expected)]
    logs = np.log(settings.teacher_penalties)
    if settings.teacher_penalties[0] < threshold < settings.teacher_penalties[-1]:
        weights = rng.multinomial(settings.draws, np.full(settings.draws, 1 / settings.draws), RESAMPLES)
        crossings = np.array([_sign_change(logs, gap[0] @ w / settings.draws) for w in weights])
        claims.append(
            Claim(
                text="The student's gain turns to loss where the teacher's penalty is noise variance * d / |beta|^2",
                measured=_sign_change(logs, gap[0].mean(axis=1)),
                predicted=threshold,
                statistic="z",
                tolerance=Z_TOLERANCE,
                standard_error=float(np.std(crossings, ddof=1)),
                count=settings.draws,
            )
        )
    for index, sign, word in ((0, 1.0, "gains from"), (-1, -1.0, "loses to")):
        penalty = settings.teacher_penalties[index]
        if (threshold - penalty) * sign > 0:
            estimate = mean_interval(gap[0, index] / settings.student_penalties[0])
            claims.append(
                Claim(
                    text=f"A slightly penalised student {word} a teacher of penalty {penalty:g} (gain per unit)",
                    measured=estimate.mean,
                    predicted=sign,
                    statistic="sign",
                    tolerance=Z_TOLERANCE,
                    standard_error=estimate.standard_error,
                    count=settings.draws,
                )
            )
    if settings.teacher_penalties[0] < threshold:
        claims.append(
            Claim(
                text="The gain of the slightly penalised student is residual, not misfit: residual / gap",
                measured=float(1 - misfit[0, 0].mean() / gap[0, 0].mean()),
                predicted=1.0,
                statistic="relative error",
                tolerance=RESIDUAL_TOLERANCE,
                count=settings.draws,
            )
        )
    return (*claims, *_asymptotic_claims(settings, laws, teacher_risk))


def _worst_gap_claim(settings: RidgeSettings, gap: np.ndarray, expected: np.ndarray) -> Claim:
    return worst(
        [
            z_claim(
                f"Exact risk gap (worst of {gap.shape[0] * gap.shape[1]} pairs of penalties, teacher "
                f"{teacher_penalty:g} and student {student_penalty:g})",
                gap[i, j],
                expected[i, j],
            )
            for i, student_penalty in enumerate(settings.student_penalties)
            for j, teacher_penalty in enumerate(settings.teacher_penalties)
        ]
    )


def _asymptotic_claims(settings: RidgeSettings, laws: np.ndarray, teacher_risk: np.ndarray) -> list[Claim]:
    limits = [
        marchenko_pastur_law(settings.teacher_examples, settings.dimension, penalty=p)
        for p in settings.teacher_penalties
    ]
    predicted = {
        "a1": [law.moments.trace for law in limits],
        "a2": [law.moments.frobenius for law in limits],
        "v": [law.noise for law in limits],
        "risk": [law.risk(settings.signal_power, settings.noise_variance) for law in limits],
    }
    means = laws.mean(axis=2)
    measured = {"a1": means[:, 0], "a2": means[:, 1], "v": means[:, 2], "risk": teacher_risk.mean(axis=1)}
    return [
        worst(
            [
                Claim(
                    text=f"Teacher's {name} against its limit (worst of {len(limits)} penalties, {penalty:g})",
                    measured=float(value),
                    predicted=float(limit),
                    statistic="relative error",
                    tolerance=ASYMPTOTIC_TOLERANCE,
                    count=settings.draws,
                )
                for penalty, value, limit in zip(
                    settings.teacher_penalties, measured[name], predicted[name], strict=True
                )
            ]
        )
        for name in predicted
    ]


def _sign_change(logs: np.ndarray, gap: np.ndarray) -> float:
    """Find the last root of a cubic spline through the gap, as a penalty; nan if it does not change sign."""
    roots = CubicSpline(logs, gap).roots(extrapolate=False)
    return float(np.exp(roots[-1])) if roots.size else float("nan")


def _curves(
    settings: RidgeSettings, gap: np.ndarray, misfit: np.ndarray, expected: np.ndarray, teacher_risk: np.ndarray
) -> dict[str, dict[str, np.ndarray]]:
    rows = []
    for i, student_penalty in enumerate(settings.student_penalties):
        for j, teacher_penalty in enumerate(settings.teacher_penalties):
            found = mean_interval(gap[i, j])
            rows.append(
                {
                    "student_penalty": student_penalty,
                    "teacher_penalty": teacher_penalty,
                    "gap": found.mean,
                    "gap_low": found.low,
                    "gap_high": found.high,
                    "gap_exact": float(expected[i, j].mean()),
                    "misfit": float(misfit[i, j].mean()),
                    "residual": float((gap[i, j] - misfit[i, j]).mean()),
                    "teacher_risk": float(teacher_risk[j].mean()),
                }
            )
    fine = np.geomspace(settings.teacher_penalties[0], settings.teacher_penalties[-1], 120)
    limits = [marchenko_pastur_law(settings.teacher_examples, settings.dimension, penalty=p) for p in fine]
    student = marchenko_pastur_law(
        settings.student_examples, settings.dimension, penalty=settings.student_penalties[0]
    ).moments
    power = np.array([law.power(settings.signal_power, settings.noise_variance) for law in limits])
    alignment = np.array([law.alignment(settings.signal_power) for law in limits])
    return {
        "penalties": as_columns(rows),
        "limit": {"teacher_penalty": fine, "gap": np.asarray(student.gap(power, alignment))},
        "threshold": {
            "teacher_penalty": np.array(
                [compensation_threshold(settings.noise_variance, settings.dimension, settings.signal_power)]
            )
        },
    }
