"""The variance that a student inherits from its teacher, against N; and the estimator of what their features share.

Teacher and student features are Gaussian with equal canonical correlations, so that |C|_F^2 is the number asked for.
The estimator is tried on samples whose correlation dimension is known, and then shown on real features: two files of
yours, or the two halves of scikit-learn's handwritten digits.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np

from outlearn.core.numpy_files import load_numpy
from outlearn.errors import DataError
from outlearn.results.theory import Claim
from outlearn.theory.correlation_dimension import CorrelationDimension, correlation_dimension
from outlearn.theory.experiments.base import Findings, OnProgress, relative_claim, worst, z_claim
from outlearn.theory.sampling import interval_columns, mean_interval
from outlearn.theory.scalars import Real
from outlearn.theory.settings import at_least, between, increasing
from outlearn.theory.subspace import SubspaceVariances, subspace_variances

__all__ = ["SubspaceSettings", "simulate_subspace"]

ESTIMATOR_TOLERANCE = 0.05  # of q; the plug-in value is off by 10% to 130% at these sizes
COVERAGE_LEVEL = 0.95
COVERAGE_TOLERANCE = 0.05  # the jackknife covers 1% to 3% more at a few hundred points; 600 samples leave 0.9%


@dataclass(frozen=True, kw_only=True)
class SubspaceSettings:
    """Dimensions, sample sizes and overlaps.

    Args:
        teacher_dimension, student_dimension: d_w and d_s.
        correlation_dimensions: q, each between 0 and the smaller dimension, increasing.
        teacher_examples: n, at least d_w + 8.
        student_examples: N, increasing, each at least d_s + 8.
        noise_variance: of the teacher's labels.
        draws: independent repetitions.
        estimator_points: points a sample on which the estimator is tried.
        estimator_samples: such samples for each q.
        teacher_features, student_features: paths of .npy files `[points, features]`, the same points row by row; both
            or neither (then the halves of scikit-learn's digits).
        variance_share: of the principal directions that are kept of these features.
    """

    teacher_dimension: int = 30
    student_dimension: int = 20
    correlation_dimensions: tuple[Real, ...] = (2.0, 8.0, 16.0)
    teacher_examples: int = 60
    student_examples: tuple[int, ...] = (28, 40, 60, 100, 200, 500, 1000)
    noise_variance: Real = 1.0
    draws: int = 400
    estimator_points: int = 200
    estimator_samples: int = 200
    teacher_features: str = ""
    student_features: str = ""
    variance_share: Real = 0.99

    def __post_init__(self) -> None:
        at_least(self, 1, "teacher_dimension", "student_dimension")
        between(self, 0, min(self.teacher_dimension, self.student_dimension), "correlation_dimensions")
        increasing(self, "correlation_dimensions", length=1)
        at_least(self, self.teacher_dimension + 8, "teacher_examples")
        at_least(self, self.student_dimension + 8, "student_examples")
        increasing(self, "student_examples", length=2)
        at_least(self, 1e-9, "noise_variance")
        at_least(self, 30, "draws", "estimator_samples")
        at_least(self, 2 * (self.teacher_dimension + self.student_dimension), "estimator_points")
        between(self, 0.01, 1, "variance_share")


def simulate_subspace(settings: SubspaceSettings, rng: np.random.Generator, progress: OnProgress) -> Findings:
    """Simulate teacher and student, try the estimator, and show it on real features."""
    name, shared = _real_features(settings)  # first: files that cannot be read are refused before anything long
    teacher, student, misfit = _simulate(settings, rng, progress)
    estimates = [_try_estimator(settings, q, rng) for q in settings.correlation_dimensions]
    progress(0.95)
    return Findings(
        claims=(*_variance_claims(settings, teacher, student, misfit), *_estimator_claims(settings, estimates)),
        curves={
            "variances": _variance_curve(settings, teacher, student, misfit),
            "lines": _lines(settings),
            "estimator": _estimator_curve(settings, estimates),
            "features": _feature_curve(shared),
            "canonical_correlations": {
                "rank": np.arange(1, len(shared.canonical_correlations) + 1),
                "correlation": shared.canonical_correlations,
            },
        },
        notes=(f"{name}: {shared}",),
    )


def _overlapping(
    rng: np.random.Generator, points: int, settings: SubspaceSettings, q: Real
) -> tuple[np.ndarray, np.ndarray]:
    """Draw whitened features of teacher and student whose canonical correlations are all sqrt(q / min(d_w, d_s))."""
    d_w, d_s = settings.teacher_dimension, settings.student_dimension
    k = min(d_w, d_s)
    first, second = rng.standard_normal((points, d_w)), rng.standard_normal((points, d_s))
    second[:, :k] = np.sqrt(q / k) * first[:, :k] + np.sqrt(1 - q / k) * second[:, :k]
    return first, second


def _simulate(
    settings: SubspaceSettings, rng: np.random.Generator, progress: OnProgress
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the teacher's error `[draws]`, and the student's error and misfit `[q, N, draws]`; the target is 0."""
    k = min(settings.teacher_dimension, settings.student_dimension)
    shape = (len(settings.correlation_dimensions), len(settings.student_examples), settings.draws)
    teacher_error, student_error, misfit = np.empty(settings.draws), np.empty(shape), np.empty(shape)
    for draw in range(settings.draws):
        design = rng.standard_normal((settings.teacher_examples, settings.teacher_dimension))
        noise = np.sqrt(settings.noise_variance) * rng.standard_normal(settings.teacher_examples)
        teacher = np.linalg.solve(design.T @ design, design.T @ noise)
        teacher_error[draw] = teacher @ teacher
        for i, q in enumerate(settings.correlation_dimensions):
            seen_by_teacher, seen = _overlapping(rng, settings.student_examples[-1], settings, q)
            labels = seen_by_teacher @ teacher
            for j, size in enumerate(settings.student_examples):
                part = seen[:size]
                student = np.linalg.solve(part.T @ part, part.T @ labels[:size])
                student_error[i, j, draw] = student @ student
                shared = np.sqrt(q / k) * student[:k] @ teacher[:k]  # E f_s f_w over fresh points
                misfit[i, j, draw] = student @ student + teacher @ teacher - 2 * shared
        progress(0.8 * draw / settings.draws)
    return teacher_error, student_error, misfit


def _exact(settings: SubspaceSettings, q: Real, size: Real) -> SubspaceVariances:
    return subspace_variances(
        teacher_dimension=settings.teacher_dimension,
        student_dimension=settings.student_dimension,
        correlation_dimension=q,
        teacher_examples=settings.teacher_examples,
        student_examples=size,
        noise_variance=settings.noise_variance,
    )


def _cases(settings: SubspaceSettings) -> list[tuple[Real, int, SubspaceVariances]]:
    """List q, N and the exact averages of each case, in the order of the simulated `[q, N]`."""
    pairs = product(settings.correlation_dimensions, settings.student_examples)
    return [(q, size, _exact(settings, q, size)) for q, size in pairs]


def _variance_claims(
    settings: SubspaceSettings, teacher: np.ndarray, student: np.ndarray, misfit: np.ndarray
) -> list[Claim]:
    cases = _cases(settings)
    claims = [z_claim("The teacher's variance is d_w / (n - d_w - 1)", teacher, cases[0][2].teacher)]
    families = {
        "variance": (student, [exact.student for *_, exact in cases]),
        "misfit": (misfit, [exact.misfit for *_, exact in cases]),
        "residual": (teacher - student - misfit, [exact.residual for *_, exact in cases]),
    }
    for name, (values, predicted) in families.items():
        candidates = [
            z_claim(f"The student's {name} (worst of {len(cases)} cases, q = {q:g} and N = {size})", draws, expectation)
            for (q, size, _), draws, expectation in zip(cases, values.reshape(len(cases), -1), predicted, strict=True)
        ]
        claims.append(worst(candidates))
    q = settings.correlation_dimensions[0]
    exact = _exact(settings, q, settings.student_examples[-1])
    removed = (teacher - student[0, -1]).mean() / teacher.mean()
    text = f"The less they share, the more the student forgets: share of the teacher's variance removed at q = {q:g}"
    return [*claims, relative_claim(text, removed, 1 - exact.student / exact.teacher, 0.05, settings.draws)]


def _try_estimator(settings: SubspaceSettings, q: Real, rng: np.random.Generator) -> list[CorrelationDimension]:
    return [
        correlation_dimension(*_overlapping(rng, settings.estimator_points, settings, q), level=COVERAGE_LEVEL)
        for _ in range(settings.estimator_samples)
    ]


def _estimator_claims(settings: SubspaceSettings, estimates: list[list[CorrelationDimension]]) -> tuple[Claim, ...]:
    means, covered = [], []
    for q, found in zip(settings.correlation_dimensions, estimates, strict=True):
        scale = 1.0 if q > 0 else min(settings.teacher_dimension, settings.student_dimension)  # at q = 0: relative
        plug_in = np.mean([e.uncorrected for e in found])
        which = f"worst of {len(estimates)}, q = {q:g}; the plug-in value is {plug_in:.1f}"
        text, mean = f"The estimator of q is unbiased ({which})", np.mean([e.value for e in found])
        means.append(relative_claim(text, mean / scale, q, ESTIMATOR_TOLERANCE, len(found)))
        covered += [e.low <= q <= e.high for e in found]
    text = f"The {COVERAGE_LEVEL:.0%} intervals of the estimator hold the true q as often as they say"
    coverage = relative_claim(text, np.mean(np.array(covered)), COVERAGE_LEVEL, COVERAGE_TOLERANCE, len(covered))
    return worst(means), coverage


def _variance_curve(
    settings: SubspaceSettings, teacher: np.ndarray, student: np.ndarray, misfit: np.ndarray
) -> dict[str, np.ndarray]:
    cases = _cases(settings)
    return {
        "correlation_dimension": np.array([q for q, _, _ in cases]),
        "student_examples": np.array([size for _, size, _ in cases]),
        **interval_columns("student", [mean_interval(draws) for draws in student.reshape(len(cases), -1)]),
        "student_exact": np.array([exact.student for *_, exact in cases]),
        "student_leading": np.array([exact.leading for *_, exact in cases]),
        "misfit": misfit.mean(axis=-1).ravel(),
        "misfit_exact": np.array([exact.misfit for *_, exact in cases]),
        "residual": (teacher - student - misfit).mean(axis=-1).ravel(),
        "residual_exact": np.array([exact.residual for *_, exact in cases]),
        "teacher": np.full(len(cases), teacher.mean()),
        "teacher_exact": np.array([exact.teacher for *_, exact in cases]),
    }


def _lines(settings: SubspaceSettings) -> dict[str, np.ndarray]:
    sizes = np.geomspace(settings.student_examples[0], settings.student_examples[-1], 60)
    grid = list(product(settings.correlation_dimensions, sizes))
    return {
        "correlation_dimension": np.array([q for q, _ in grid]),
        "student_examples": np.array([size for _, size in grid]),
        "student": np.array([_exact(settings, q, size).student for q, size in grid]),
    }


def _estimator_curve(settings: SubspaceSettings, estimates: list[list[CorrelationDimension]]) -> dict[str, np.ndarray]:
    return {
        "true": np.array(settings.correlation_dimensions),
        **interval_columns("corrected", [mean_interval(np.array([e.value for e in found])) for found in estimates]),
        "plug_in": np.array([np.mean([e.uncorrected for e in found]) for found in estimates]),
    }


def _real_features(settings: SubspaceSettings) -> tuple[str, CorrelationDimension]:
    """Measure the files given, or the left and right halves of scikit-learn's digits."""
    paths = (settings.teacher_features, settings.student_features)
    if any(paths):
        first, second = (_read(path) for path in paths)
        name = f"{Path(paths[0]).name} and {Path(paths[1]).name}"
    else:
        from sklearn.datasets import load_digits

        images = load_digits().images
        first, second = (half.reshape(len(images), -1) for half in (images[:, :, :4], images[:, :, 4:]))
        name = "Left and right halves of scikit-learn's handwritten digits"
    return name, correlation_dimension(first, second, variance_share=settings.variance_share)


def _read(path: str) -> np.ndarray:
    if not path:
        raise DataError("teacher_features and student_features go together: give both paths of .npy files, or neither")
    try:
        array = load_numpy(path)
    except (OSError, ValueError, EOFError) as error:
        raise DataError(
            f"{path!r} cannot be read as a .npy file of features ({error}); save it by numpy.save"
        ) from None
    if not isinstance(array, np.ndarray) or array.ndim != 2 or array.dtype.kind not in "fiu":
        described = f"shape {array.shape} of {array.dtype}" if isinstance(array, np.ndarray) else type(array).__name__
        raise DataError(f"{path!r} must hold numbers [points, features]; it holds {described}")
    return array


def _feature_curve(shared: CorrelationDimension) -> dict[str, np.ndarray]:
    numbers = {
        "value": shared.value,
        "low": shared.low,
        "high": shared.high,
        "plug_in": shared.uncorrected,
        "teacher_dimension": shared.dimensions[0],
        "student_dimension": shared.dimensions[1],
        "teacher_effective_dimension": shared.effective_dimensions[0],
        "student_effective_dimension": shared.effective_dimensions[1],
        "points": shared.n_points,
    }
    return {name: np.array([value]) for name, value in numbers.items()}
