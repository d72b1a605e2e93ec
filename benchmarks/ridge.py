"""Ridge paths: 6 widths x 20 penalties x 64 label vectors, one factorisation a width against one solve a penalty.

Both baselines are given all 64 label vectors at once and the cheaper of the primal and the dual form. CPU time of one
BLAS thread, best of `REPEATS`. Prints one JSON line of ratios (baseline / RidgePath).

    OMP_NUM_THREADS=1 python benchmarks/ridge.py
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from sklearn.linear_model import Ridge
from threadpoolctl import threadpool_limits

from outlearn.theory import RidgePath

EXAMPLES = 4000
INPUTS = 400
WIDTHS = (50, 100, 200, 400, 800, 1600)
PENALTIES = np.geomspace(1e-2, 1e3, 20)
LABEL_VECTORS = 64
REPEATS = 2
SAME = 1e-6


def solve_per_penalty(features: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Form and solve the normal equations anew for each penalty."""
    examples, width = features.shape
    if width <= examples:
        return np.stack(
            [np.linalg.solve(features.T @ features + p * np.eye(width), features.T @ labels) for p in PENALTIES]
        )
    return np.stack(
        [features.T @ np.linalg.solve(features @ features.T + p * np.eye(examples), labels) for p in PENALTIES]
    )


def cholesky_with_shared_gram(features: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Form the Gram matrix once, then one Cholesky factorisation a penalty: the best that solving can do."""
    dual = features.shape[0] < features.shape[1]
    gram = features @ features.T if dual else features.T @ features
    right_hand = labels if dual else features.T @ labels
    identity = np.eye(len(gram))
    solutions = [cho_solve(cho_factor(gram + p * identity, check_finite=False), right_hand) for p in PENALTIES]
    return np.stack([features.T @ s for s in solutions] if dual else solutions)


def scikit_learn_per_penalty(features: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Fit scikit-learn's Ridge for each penalty."""
    return np.stack([Ridge(alpha=p, fit_intercept=False).fit(features, labels).coef_.T for p in PENALTIES])


def ridge_path(features: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Factorise once and read off every penalty."""
    return RidgePath(features).coefficients(labels, PENALTIES)


def seconds(fit: Callable[[np.ndarray, np.ndarray], np.ndarray], features: np.ndarray, labels: np.ndarray) -> float:
    """Return the CPU seconds of one fit."""
    start = time.process_time()
    fit(features, labels)
    return time.process_time() - start


def main() -> None:
    """Measure, check that the numbers are the same, print the JSON line."""
    rng = np.random.default_rng(0)
    inputs = rng.standard_normal((EXAMPLES, INPUTS))
    labels = rng.standard_normal((EXAMPLES, LABEL_VECTORS))
    methods = (solve_per_penalty, cholesky_with_shared_gram, scikit_learn_per_penalty, ridge_path)
    totals = {method.__name__: 0.0 for method in methods}
    difference = 0.0
    for width in WIDTHS:
        # ReLU features: full rank at any width, unlike linear ones, which stop at the number of inputs
        features = np.maximum(inputs @ rng.standard_normal((INPUTS, width)) / np.sqrt(INPUTS), 0)
        ours = ridge_path(features, labels)
        for method in methods:
            theirs = method(features, labels)
            difference = max(difference, float(np.abs(theirs - ours).max() / np.abs(theirs).max()))
            totals[method.__name__] += min(seconds(method, features, labels) for _ in range(REPEATS))
    ratios = {name: round(value / totals["ridge_path"], 2) for name, value in totals.items() if name != "ridge_path"}
    print(
        json.dumps(
            {
                "benchmark": "ridge",
                "examples": EXAMPLES,
                "widths": WIDTHS,
                "penalties": len(PENALTIES),
                "label_vectors": LABEL_VECTORS,
                "ratios": ratios,
                "seconds": {name: round(value, 3) for name, value in totals.items()},
                "largest_relative_difference": difference,
                "same_numbers": difference < SAME,
            }
        )
    )


if __name__ == "__main__":
    with threadpool_limits(1):
        main()
