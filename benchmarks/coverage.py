"""Do the 95% intervals cover the truth 95% of the time? Simulate where the truth is known and print one JSON table.

Two classes, written by the logit of class 1. Of point i: c ~ N(0, 1), true logit h = 1.2 c. Of teacher m:
z = 0.8 c + a_m + e_mi, a ~ N(0, shift^2), e ~ N(0, 0.8^2). Of its student: w = 0.8 c + 0.6 (a_m + e_mi) + d,
d ~ N(0, 0.3^2), so the student has seen its teacher with noise. Shift 0.1: teachers differ mostly point by point; 0.3:
whole teachers lean to one class. Targets are twenty draws a point: labels with probability sigmoid(h) in order
"target_first", soft targets with logit h + N(0, 0.5^2) in "prediction_first". Truth: Gauss-Hermite quadrature.

PGR (accuracy) has its own design, linear in probability: teacher 0.6, student 0.7, ceiling 0.8, so PGR is 0.5.

Run: OMP_NUM_THREADS=1 python benchmarks/coverage.py [repetitions]
"""

from __future__ import annotations

import itertools
import json
import sys

import numpy as np
from scipy.special import expit

from outlearn.core.decomposition.bias_variance import bias_variance
from outlearn.core.decomposition.risk_gap import risk_gap
from outlearn.core.predictions import Predictions
from outlearn.core.students.recovery import performance_gap_recovered

POINTS, DRAWS = 200, 20
TRUE_SLOPE, SLOPE = 1.2, 0.8
CELL_SD = 0.8  # of a teacher's error at one point
COPIED = 0.6  # share of its teacher's error that a student copies
STUDENT_SD, TARGET_SD = 0.3, 0.5  # of the noise that student and soft target add
MEASURES = (
    ("negative_entropy", "target_first"),
    ("negative_entropy", "prediction_first"),
    ("squared_euclidean", "target_first"),
)
BIAS_VARIANCE = ("total", "noise", "bias", "variance")
RISK_GAP = ("teacher_risk", "student_risk", "gap", "misfit", "residual", "crossed_misfit", "overfit_covariance")


def divergence(name: str, p: np.ndarray, q: np.ndarray) -> np.ndarray:
    """Compute the two-class divergence from probabilities of class 1, here by the textbook formula."""
    if name == "squared_euclidean":
        return 2 * (p - q) ** 2
    return p * np.log(p / q) + (1 - p) * np.log((1 - p) / (1 - q))


def truth(name: str, order: str, shift: float, nodes: int = 60) -> dict[str, float]:
    """Integrate every term over point, teacher, student and target."""
    x, weight = np.polynomial.hermite_e.hermegauss(nodes)
    weight = weight / weight.sum()
    c, z_part, other = (x.reshape(shape) for shape in ((-1, 1, 1), (1, -1, 1), (1, 1, -1)))
    mass = weight[:, None, None] * weight[None, :, None] * weight[None, None, :]
    spread = np.hypot(shift, CELL_SD)
    centre, h = SLOPE * c, TRUE_SLOPE * c
    t, s = expit(centre + spread * z_part), expit(centre + COPIED * spread * z_part + STUDENT_SD * other)
    unrelated = expit(centre + np.hypot(COPIED * spread, STUDENT_SD) * other)  # a student of another teacher
    y, q = expit(h + TARGET_SD * other), expit(h)

    def mean(values: np.ndarray) -> float:
        return float((np.broadcast_to(values, mass.shape) * mass).sum())

    def risk(f: np.ndarray) -> float:
        if order == "prediction_first":
            return mean(divergence(name, f, y))
        if name == "squared_euclidean":
            return mean(q * 2 * (1 - f) ** 2 + (1 - q) * 2 * f**2)
        return mean(-q * np.log(f) - (1 - q) * np.log(1 - f))

    arithmetic = (t * weight[None, :, None]).sum(axis=1, keepdims=True)
    of_student = expit(centre + np.hypot(COPIED * spread, STUDENT_SD) * z_part)
    if order == "target_first":
        f = arithmetic if name == "squared_euclidean" else expit(centre)
        noise = mean(2 * q * (1 - q)) if name == "squared_euclidean" else mean(-q * np.log(q) - (1 - q) * np.log(1 - q))
        bias, variance = mean(divergence(name, q, f)), mean(divergence(name, f, t))
        misfit, crossed = mean(divergence(name, s, t)), mean(divergence(name, unrelated, t))
    else:
        noise = mean(divergence(name, q, y))
        bias, variance = mean(divergence(name, arithmetic, q)), mean(divergence(name, t, arithmetic))
        misfit, crossed = mean(divergence(name, t, s)), mean(divergence(name, t, unrelated))
    teacher_risk, student_risk = risk(t), risk(of_student)
    return {
        "total": teacher_risk,
        "noise": noise,
        "bias": bias,
        "variance": variance,
        "teacher_risk": teacher_risk,
        "student_risk": student_risk,
        "gap": teacher_risk - student_risk,
        "misfit": misfit,
        "residual": teacher_risk - student_risk - misfit,
        "crossed_misfit": crossed,
        "overfit_covariance": crossed - misfit,
    }


def simulate(
    rng: np.random.Generator, order: str, shift: float, n_teachers: int, n_students: int
) -> tuple[np.ndarray, ...]:
    """Draw one experiment: target, and logits of teachers and of students with their teachers' indices."""
    c = rng.normal(size=POINTS)
    own_error = shift * rng.normal(size=(n_teachers, 1)) + CELL_SD * rng.normal(size=(n_teachers, POINTS))
    z = SLOPE * c + own_error
    teacher_of = np.repeat(np.arange(n_teachers), n_students)
    w = SLOPE * c + COPIED * own_error[teacher_of] + STUDENT_SD * rng.normal(size=(len(teacher_of), POINTS))
    if order == "target_first":
        return (rng.random((DRAWS, POINTS)) < expit(TRUE_SLOPE * c)).astype(np.int64), z, w, teacher_of
    y = expit(TRUE_SLOPE * c + TARGET_SD * rng.normal(size=(DRAWS, POINTS)))
    return np.stack([1 - y, y], axis=-1), z, w, teacher_of


def of_logit(logit: np.ndarray, teacher_of: np.ndarray | None = None) -> Predictions:
    """Make two-class predictions from the logit of class 1."""
    return Predictions.from_logits(np.stack([np.zeros_like(logit), logit], axis=-1), teacher_of=teacher_of)


def cover(
    name: str, order: str, shift: float, n_teachers: int, n_students: int, repetitions: int, seed: int
) -> dict[str, object]:
    """Count how often each 95% interval is given and, when given, covers the truth."""
    true = truth(name, order, shift)
    rng = np.random.default_rng([seed, n_teachers, n_students])
    hits: dict[str, list[bool]] = {term: [] for term in true}
    for _ in range(repetitions):
        target, z, w, teacher_of = simulate(rng, order, shift, n_teachers, n_students)
        teacher, student = of_logit(z), of_logit(w, teacher_of)
        draws = order == "target_first"
        bv = bias_variance(target, teacher, generator=name, order=order, draws=draws).summary()
        gap = risk_gap(target, teacher=teacher, student=student, generator=name, order=order, draws=draws).summary()
        for term, interval in [
            *((term, getattr(bv, term)) for term in BIAS_VARIANCE),
            *((term, getattr(gap, term)) for term in RISK_GAP),
        ]:
            if not np.isnan(interval.low):
                hits[term].append(interval.low <= true[term] <= interval.high)
    return {
        "generator": name,
        "order": order,
        "shift": shift,
        "teachers": n_teachers,
        "students_per_teacher": n_students,
        "points": POINTS,
        "repetitions": repetitions,
        "truth": {term: round(value, 5) for term, value in true.items()},
        "coverage": {term: round(float(np.mean(h)), 3) if h else None for term, h in hits.items()},
        "given": {term: round(len(h) / repetitions, 3) for term, h in hits.items()},
    }


def cover_pgr(n_teachers: int, repetitions: int, seed: int) -> dict[str, object]:
    """Count how often PGR is given and its 95% interval covers 0.5."""
    rng = np.random.default_rng([seed, n_teachers])
    labels = np.zeros(POINTS, dtype=np.int64)

    def of_right(right: np.ndarray) -> Predictions:
        p = np.where(right, 0.9, 0.1)
        return Predictions.from_probs(np.stack([p, 1 - p], axis=-1))

    hits = []
    for _ in range(repetitions):
        hard, skill = rng.uniform(-0.15, 0.15, size=POINTS), rng.normal(0, 0.02, size=(n_teachers, 1))
        shape = (n_teachers, POINTS)
        teacher, student, ceiling = (
            of_right(rng.random(size) < accuracy + hard + known)
            for size, accuracy, known in ((shape, 0.6, skill), (shape, 0.7, skill / 2), ((1, POINTS), 0.8, 0.0))
        )
        pgr = performance_gap_recovered(labels, teacher=teacher, student=student, ceiling=ceiling)
        if pgr.low is not None and pgr.high is not None:
            hits.append(pgr.low <= 0.5 <= pgr.high)
    return {
        "teachers": n_teachers,
        "points": POINTS,
        "repetitions": repetitions,
        "truth": 0.5,
        "coverage": round(float(np.mean(hits)), 3),
        "given": round(len(hits) / repetitions, 3),
    }


def main() -> None:
    """Run every design and print the table."""
    repetitions = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    designs = [(0.1, 4, 1), (0.1, 8, 1), (0.1, 8, 2), (0.1, 16, 1), (0.3, 8, 1), (0.3, 16, 1)]
    table = [
        cover(name, order, *design, repetitions, seed=20)
        for (name, order), design in itertools.product(MEASURES, designs)
    ]
    pgr = [cover_pgr(n_teachers, repetitions, seed=21) for n_teachers in (4, 8, 16)]
    print(json.dumps({"benchmark": "coverage", "level": 0.95, "table": table, "pgr": pgr}))


if __name__ == "__main__":
    main()
