"""How often 95% intervals cover the truth where teachers lean, differ in noise, or are at times bad, with few of them.

K classes, 200 points, teachers m, one student each; logits

    point x: c ~ N(0, I_K);  teacher: z = b_m c + a_m + s_m e,  e ~ N(0, I_K) at each point;
    student: w = 0.8 c + 0.6 (z - 0.8 c) + 0.3 d,  d ~ N(0, I_K);  label ~ softmax(1.2 c), one for each point.

A design says how a teacher's slope b, lean a (a vector over classes) and noise s are drawn; see `DESIGNS`. Truth is the
mean over a million points with two independent teachers each, whose error is below a fiftieth of any interval.

Run: OMP_NUM_THREADS=1 nice -n 15 python benchmarks/coverage_of_leaning_teachers.py [repetitions]
"""

from __future__ import annotations

import itertools
import json
import sys
from collections.abc import Callable
from functools import cache

import numpy as np
from scipy.special import log_softmax

from outlearn.core.decomposition.risk_gap import risk_gap
from outlearn.core.predictions import Predictions

POINTS, TRUTH_POINTS = 200, 1_000_000
TRUE_SLOPE, SLOPE, NOISE = 1.2, 0.8, 0.8
COPIED, STUDENT_NOISE = 0.6, 0.3
TERMS = ("gap", "misfit", "residual", "crossed_misfit")
TEACHERS, CLASSES = (3, 4, 8), (2, 6)

Effects = tuple[np.ndarray, np.ndarray, np.ndarray]


def _leaning(sd: float) -> Callable[[np.random.Generator, int, int], Effects]:
    def draw(rng: np.random.Generator, m: int, k: int) -> Effects:
        return np.full((m, 1), SLOPE), sd * rng.normal(size=(m, k)), np.full((m, 1), NOISE)

    return draw


def _uneven(rng: np.random.Generator, m: int, k: int) -> Effects:
    return np.full((m, 1), SLOPE), 0.3 * rng.normal(size=(m, k)), 0.6 * np.exp(0.5 * rng.normal(size=(m, 1)))


def _one_sided(rng: np.random.Generator, m: int, k: int) -> Effects:
    return np.full((m, 1), SLOPE), 0.5 * (rng.exponential(size=(m, k)) - 1), np.full((m, 1), NOISE)


def _at_times_bad(rng: np.random.Generator, m: int, k: int) -> Effects:
    bad = rng.random((m, 1)) < 0.1
    return np.where(bad, -SLOPE, SLOPE), 0.2 * rng.normal(size=(m, k)), np.where(bad, 1.2, NOISE)


DESIGNS: dict[str, Callable[[np.random.Generator, int, int], Effects]] = {
    "hardly leaning, a ~ N(0, 0.1²)": _leaning(0.1),
    "leaning, a ~ N(0, 0.6²)": _leaning(0.6),
    "leaning far, a ~ N(0, 1)": _leaning(1.0),
    "uneven, log s ~ N(log 0.6, 0.5²), a ~ N(0, 0.3²)": _uneven,
    "one-sided, a ~ 0.5 (Exp(1) - 1)": _one_sided,
    "one in ten is bad, b = -0.8, s = 1.2": _at_times_bad,
}


def logits(rng: np.random.Generator, effects: Effects, c: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Draw the logits of teachers and of their students, `[teachers, points, classes]`, at points c."""
    slope, lean, noise = (part[:, None] for part in effects)
    z = slope * c + lean + noise * rng.normal(size=(len(slope), *c.shape))
    return z, SLOPE * c + COPIED * (z - SLOPE * c) + STUDENT_NOISE * rng.normal(size=z.shape)


@cache
def truth(design: str, k: int) -> dict[str, float]:
    """Average every term over points and pairs of teachers, by the textbook formulas."""
    rng = np.random.default_rng([5, k])
    c = rng.normal(size=(TRUTH_POINTS, 1, k))
    slope, lean, noise = (part.reshape(TRUTH_POINTS, 2, -1) for part in DESIGNS[design](rng, 2 * TRUTH_POINTS, k))
    z = slope * c + lean + noise * rng.normal(size=(TRUTH_POINTS, 2, k))
    w = SLOPE * c + COPIED * (z - SLOPE * c) + STUDENT_NOISE * rng.normal(size=z.shape)
    t, s, p = log_softmax(z, -1), log_softmax(w, -1), np.exp(log_softmax(TRUE_SLOPE * c, -1))
    gap, misfit = (p * (s - t)).sum(-1).mean(), (np.exp(s) * (s - t)).sum(-1).mean()
    crossed = (np.exp(s) * (s - t[:, ::-1])).sum(-1).mean()
    return {"gap": gap, "misfit": misfit, "residual": gap - misfit, "crossed_misfit": crossed}


def cover(design: str, k: int, n_teachers: int, repetitions: int) -> dict[str, object]:
    """Count how often each interval is given and, when given, covers the truth."""
    true, rng = truth(design, k), np.random.default_rng([7, k, n_teachers])
    hits: dict[str, list[bool]] = {term: [] for term in TERMS}
    for _ in range(repetitions):
        c = rng.normal(size=(POINTS, k))
        z, w = logits(rng, DESIGNS[design](rng, n_teachers, k), c)
        p = np.exp(log_softmax(TRUE_SLOPE * c, -1))
        labels = np.minimum((p.cumsum(-1) < rng.random((POINTS, 1))).sum(-1), k - 1)
        found = risk_gap(labels, teacher=Predictions.from_logits(z), student=Predictions.from_logits(w)).summary()
        for term in TERMS:
            interval = getattr(found, term)
            if not np.isnan(interval.low):
                hits[term].append(interval.low <= true[term] <= interval.high)
    return {
        "design": design,
        "classes": k,
        "teachers": n_teachers,
        "points": POINTS,
        "repetitions": repetitions,
        "truth": {term: round(float(value), 5) for term, value in true.items()},
        "coverage": {term: round(float(np.mean(h)), 3) if h else None for term, h in hits.items()},
        "given": {term: round(len(h) / repetitions, 3) for term, h in hits.items()},
    }


def main() -> None:
    """Run every design and print a line for each."""
    repetitions = int(sys.argv[1]) if len(sys.argv) > 1 else 400
    for design, k, n_teachers in itertools.product(DESIGNS, CLASSES, TEACHERS):
        print(json.dumps(cover(design, k, n_teachers, repetitions)), flush=True)


if __name__ == "__main__":
    main()
