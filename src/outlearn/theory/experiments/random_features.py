"""Teacher and student are random-features ridge: every term of the gap against the student's width.

Two students see the same examples and weights: one without a penalty, whose averages are known exactly at any size, and
one with a penalty, whose averages are known in the limit of large sizes. Where |width - examples| < `HEAVY` the draws
have no variance (or no mean) and the mean is no evidence: there the page shows medians, and no claim uses them.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.optimize import brentq

from outlearn.theory.equivalents import RidgeLaw, ridge_equivalent
from outlearn.theory.experiments.base import Findings, OnProgress
from outlearn.theory.experiments.random_features_claims import WidthSweep, claims_of_sweep, curve_of_sweep
from outlearn.theory.experiments.random_features_settings import HEAVY, RandomFeaturesSettings, draw_teachers, squares
from outlearn.theory.experiments.residual_cases import Cases, claims_of_cases, curve_of_cases, simulate_subspace_case
from outlearn.theory.experiments.student_penalty import claims_of_penalties, simulate_penalties
from outlearn.theory.random_features import (
    StudentMoments,
    fit_random_features,
    minimum_norm_moments,
    minimum_norm_noise,
    posterior_projection,
)

__all__ = ["simulate_random_features"]

# Teachers alone are cheap: with five times the draws their mean risk is known to half a percent.
MORE_TEACHERS = 4


def simulate_random_features(
    settings: RandomFeaturesSettings, rng: np.random.Generator, progress: OnProgress
) -> Findings:
    """Simulate the sweep over widths, the cases of the residual and the role of the student's penalty."""
    sweep_rng, case_rng, penalty_rng = rng.spawn(3)
    teacher = _teacher_law(settings)
    sweep, cases = _simulate_sweep(settings, sweep_rng, lambda done: progress(0.8 * done))
    simulate_subspace_case(settings, cases, case_rng)
    progress(0.9)
    penalties = simulate_penalties(settings, penalty_rng)
    crossing = _crossing(settings, teacher)
    return Findings(
        claims=(
            *claims_of_sweep(settings, sweep, teacher, crossing),
            *claims_of_cases(settings, cases),
            *claims_of_penalties(penalties),
        ),
        curves={
            "no_penalty": curve_of_sweep(settings, sweep, 0),
            "penalty": curve_of_sweep(settings, sweep, 1),
            "lines": _lines(settings, teacher),
            "cases": curve_of_cases(settings, cases),
            "penalties": penalties.curve,
        },
        notes=_notes(crossing),
    )


def _teacher_law(settings: RandomFeaturesSettings) -> RidgeLaw:
    """Return the teacher's averages: exact without a penalty, else their deterministic equivalent."""
    sizes = (settings.teacher_examples, settings.dimension, settings.teacher_width)
    if settings.teacher_penalty == 0:
        return RidgeLaw(minimum_norm_moments(*sizes), minimum_norm_noise(*sizes))
    return ridge_equivalent(*sizes, penalty=settings.teacher_penalty)


def _simulate_sweep(
    settings: RandomFeaturesSettings, rng: np.random.Generator, progress: Callable[[float], None]
) -> tuple[WidthSweep, Cases]:
    """Draw teachers, examples and one long stack of student weights whose first p rows are the student of width p."""
    n, d, widths = settings.student_examples, settings.dimension, settings.widths
    beta = settings.beta
    sweep, cases = WidthSweep(settings), Cases(settings.draws)
    chunk = max(1, min(settings.draws, 2**22 // (widths[-1] * d)))  # about 32 MB of weights at a time
    for start in range(0, settings.draws, chunk):
        count = min(chunk, settings.draws - start)
        rows = slice(start, start + count)
        signal_part, noise_part = draw_teachers(settings, rng, count)  # H X beta and H e: b_w is their sum
        teacher = signal_part + noise_part
        own_noise = draw_teachers(settings, rng, count)[1]  # for S1, so that it is not S0 again
        inputs = rng.standard_normal((count, n, d))
        weights = rng.standard_normal((count, widths[-1], d))
        labels = (inputs @ teacher[..., None])[..., 0]
        noise_labels = [(inputs @ noise[..., None])[..., 0] for noise in (noise_part, own_noise)]
        for index, width in enumerate(widths):
            first = weights[:, :width]
            posterior = posterior_projection(inputs, first, teacher)
            for which, penalty in enumerate((0.0, settings.student_penalty)):
                student = fit_random_features(inputs, labels, first, penalty=penalty)
                sweep.record(index, which, rows, teacher, student, posterior)
            if width >= n + HEAVY:
                learned = [fit_random_features(inputs, noise, first) for noise in noise_labels]
                cases.record("S0", width, rows, np.zeros(d), noise_part, learned[0])
                # S1: it starts from beta and learns only how the teacher deviates from it, as S0 learns b_w
                cases.record("S1", width, rows, beta, beta + own_noise, beta + learned[1], own_noise)
                cases.record("S2", width, rows, beta, teacher, fit_random_features(inputs, labels, first))
        progress((start + count) / settings.draws)
    risks = [squares(sum(draw_teachers(settings, rng, settings.draws)) - beta) for _ in range(MORE_TEACHERS)]
    sweep.more_teacher_risks = np.concatenate([sweep.teacher_risk, *risks])
    return sweep, cases


def _lines(settings: RandomFeaturesSettings, teacher: RidgeLaw) -> dict[str, np.ndarray]:
    """Compute the exact curves and the equivalents on a fine grid of widths."""
    n, d = settings.student_examples, settings.dimension
    low, high = settings.widths[0], settings.widths[-1]
    grid = np.unique(
        np.concatenate([np.geomspace(low, high, 160).round(), np.arange(max(low, n - 12), min(high, n + 12))])
    )
    power = teacher.power(settings.signal_power, settings.noise_variance)
    alignment = teacher.alignment(settings.signal_power)
    risk = teacher.risk(settings.signal_power, settings.noise_variance)
    columns: dict[str, np.ndarray] = {"width": grid, "teacher_risk": np.full(grid.size, risk)}
    kinds: dict[str, Callable[[float], StudentMoments]] = {
        "exact": lambda p: minimum_norm_moments(n, d, p),
        "no_penalty": lambda p: ridge_equivalent(n, d, p, penalty=0.0).moments,
        "penalty": lambda p: ridge_equivalent(n, d, p, penalty=settings.student_penalty).moments,
    }
    for kind, moments_at in kinds.items():
        moments = [moments_at(p) for p in grid]
        columns[f"{kind}_risk"] = np.array([risk - m.gap(power, alignment) for m in moments])
        columns[f"{kind}_misfit"] = np.array([m.misfit * power for m in moments])
        columns[f"{kind}_distance"] = np.array([m.distance * power for m in moments])
        columns[f"{kind}_residual"] = np.array([m.residual(power, alignment) for m in moments])
    return columns


def _crossing(settings: RandomFeaturesSettings, teacher: RidgeLaw) -> float | None:
    """Find the width at which the penalised student overtakes its teacher; None if it does not between the widths."""
    power = teacher.power(settings.signal_power, settings.noise_variance)
    alignment = teacher.alignment(settings.signal_power)

    def gap(log_width: float) -> float:
        sizes = (settings.student_examples, settings.dimension, np.exp(log_width))
        return float(ridge_equivalent(*sizes, penalty=settings.student_penalty).moments.gap(power, alignment))

    low, high = np.log(settings.widths[0]), np.log(settings.widths[-1])
    if gap(low) >= 0 or gap(high) <= 0:
        return None
    return float(np.exp(brentq(gap, low, high)))


def _notes(crossing: float | None) -> tuple[str, ...]:
    notes = [
        f"Within {HEAVY} of width = examples the draws are heavy-tailed: medians are shown there, and no z-score uses "
        "them.",
        "The exact curves of the student are exact given its teacher's power and alignment; with a teacher penalty "
        "these two numbers are deterministic equivalents. The z-scores use each drawn teacher's own and are exact.",
    ]
    if crossing is None:
        notes.append("Between the first and the last width the student is predicted not to overtake its teacher.")
    return tuple(notes)
