"""A student of infinite width: its penalty moves it away from the posterior-mean teacher while it may lower its risk.

"Avoid overfitting" and "be the posterior mean" pull the penalty in different directions. Given the eigenvalues l_i of
XX' (n <= d), E |b_s - c|^2 = |b_w|^2 (1/d) sum_i (penalty / (l_i + penalty))^2, exactly, with c = P_X b_w.

The same draws show a limit of the theory: if only the label noise of the teacher is random and the student has at least
as many examples as the teacher's noise has directions, the posterior mean is the teacher itself.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from outlearn.results.theory import Claim
from outlearn.theory.experiments.base import relative_claim, worst, z_claim
from outlearn.theory.experiments.random_features_settings import RandomFeaturesSettings, draw_teachers, squares
from outlearn.theory.noise_posterior import noise_posterior_mean
from outlearn.theory.random_features import fit_random_features, posterior_projection
from outlearn.theory.ridge_solver import RidgePath
from outlearn.theory.sampling import interval_columns, mean_interval

__all__ = ["PenaltyDraws", "claims_of_penalties", "simulate_penalties"]

PENALTIES = np.geomspace(0.1, 300.0, 14)
VACUOUS_TOLERANCE = 1e-6  # a pseudo-inverse of condition number about 1e5, in float64


@dataclass(frozen=True)
class PenaltyDraws:
    """Hold the distance `[penalties, draws]`, its conditional mean, and the teacher's recovery from its noise."""

    distance: np.ndarray
    expected: np.ndarray
    curve: dict[str, np.ndarray]
    recovery_error: float
    recovery_rank: int


def simulate_penalties(settings: RandomFeaturesSettings, rng: np.random.Generator) -> PenaltyDraws:
    """Draw teachers and students of infinite width, and solve for all penalties at once."""
    n, d, beta = settings.student_examples, settings.dimension, settings.beta
    distance, expected, risk = (np.empty((PENALTIES.size, settings.draws)) for _ in range(3))
    teacher_risk = np.empty(settings.draws)
    for draw in range(settings.draws):
        signal_part, noise_part = draw_teachers(settings, rng, 1)
        teacher = (signal_part + noise_part)[0]
        examples = rng.standard_normal((n, d))
        path = RidgePath(examples)
        students = path.coefficients((examples @ teacher)[:, None], PENALTIES)[:, :, 0]
        posterior = posterior_projection(examples, None, teacher)
        shrunk = (PENALTIES[:, None] / (path.eigenvalues() + PENALTIES[:, None])) ** 2
        distance[:, draw] = squares(students - posterior)
        expected[:, draw] = teacher @ teacher * shrunk.sum(axis=1) / d
        risk[:, draw] = squares(students - beta)
        teacher_risk[draw] = squares(teacher - beta)
    curve = {"penalty": PENALTIES, "distance_exact": expected.mean(axis=1)}
    for name, values in (("distance", distance), ("risk", risk)):
        curve |= interval_columns(name, [mean_interval(row) for row in values])
    curve["teacher_risk"] = np.full(PENALTIES.size, teacher_risk.mean())
    return PenaltyDraws(distance, expected, curve, *_recover_teacher(settings, rng))


def _recover_teacher(settings: RandomFeaturesSettings, rng: np.random.Generator) -> tuple[float, int]:
    """Condition on as many labels as the teacher's noise has directions; return the error and that number."""
    d, m = settings.dimension, settings.teacher_examples
    inputs, weights = rng.standard_normal((m, d)), rng.standard_normal((settings.teacher_width, d))
    designs, widths = np.broadcast_to(inputs, (m, m, d)), np.broadcast_to(weights, (m, *weights.shape))
    fits = fit_random_features(designs, np.eye(m), widths, penalty=settings.teacher_penalty).T  # H, one column a label
    mean = fits @ inputs @ settings.beta
    factor = np.sqrt(max(settings.noise_variance, 1e-12)) * fits
    teacher = mean + factor @ rng.standard_normal(m)
    rank = int(np.linalg.matrix_rank(fits))
    seen = rng.standard_normal((rank + 5, d))
    posterior = noise_posterior_mean(mean, factor, seen, seen @ teacher)
    return float(np.linalg.norm(posterior - teacher) / np.linalg.norm(teacher)), rank


def claims_of_penalties(found: PenaltyDraws) -> tuple[Claim, ...]:
    """Compare the distance with its exact value, and state where the posterior mean is vacuous."""
    distance = f"Distance to the posterior mean at infinite width (worst of {len(PENALTIES)} penalties, "
    candidates = [
        z_claim(f"{distance}{penalty:.3g})", measured, predicted)
        for penalty, measured, predicted in zip(PENALTIES, found.distance, found.expected, strict=True)
    ]
    text = (
        f"A limit: with label noise alone random and more than {found.recovery_rank} student examples, the posterior "
        "mean is the teacher itself (relative distance)"
    )
    return worst(candidates), relative_claim(text, found.recovery_error, 0.0, VACUOUS_TOLERANCE)
