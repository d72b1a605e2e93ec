"""Ridge heads: 512 label vectors x 20 penalties at once, against solving each of the 10,240 problems.

The baselines, from the plainest to the best that solving can do:

- `scikit_learn_each`: scikit-learn's Ridge for each label vector and penalty (timed on `SAMPLE` of them, scaled up);
- `solve_each`: the Gram matrix formed once, then a Cholesky factorisation for each label vector and penalty (as above);
- `scikit_learn_per_penalty`: scikit-learn's Ridge given all label vectors at once, for each penalty;
- `cholesky_per_penalty`: the Gram matrix formed once, one Cholesky factorisation a penalty, all label vectors at once;
- `ridge_cv`: held-out errors of every penalty and the choice, by scikit-learn's RidgeCV, against `held_out=True`.

CPU time of one process and one BLAS thread, best of `REPEATS`. Prints one JSON line of ratios (baseline / fit_ridge).

    OMP_NUM_THREADS=1 python benchmarks/ridge_heads.py
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from sklearn.linear_model import Ridge, RidgeCV
from threadpoolctl import threadpool_limits

from outlearn.learners.ridge_heads import fit_ridge

EXAMPLES = 4000
FEATURES = 384  # of MiniLM
HEADS = 512
PENALTIES = np.geomspace(1e-1, 1e4, 20)
SAMPLE = 40  # of the 10,240 problems; each costs the same
REPEATS = 3
SAME = 1e-8


def scikit_learn_each(features: np.ndarray, labels: np.ndarray) -> list[np.ndarray]:
    """Fit scikit-learn's Ridge for single label vectors at single penalties."""
    return [
        Ridge(alpha=PENALTIES[at % 20], fit_intercept=False).fit(features, labels[at % HEADS]).coef_
        for at in range(SAMPLE)
    ]


def solve_each(gram: np.ndarray, right_hand: np.ndarray) -> list[np.ndarray]:
    """Factorise anew for each label vector and penalty; X'X and X'y are given."""
    return [
        cho_solve(cho_factor(gram + PENALTIES[at % 20] * np.eye(len(gram))), right_hand[:, at % HEADS])
        for at in range(SAMPLE)
    ]


def scikit_learn_per_penalty(features: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Fit scikit-learn's Ridge to all label vectors, penalty by penalty."""
    return np.stack([Ridge(alpha=p, fit_intercept=False).fit(features, labels.T).coef_ for p in PENALTIES])


def cholesky_per_penalty(features: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Factorise once a penalty; the Gram matrix is formed once."""
    gram, right_hand = features.T @ features, features.T @ labels.T
    return np.stack([cho_solve(cho_factor(gram + p * np.eye(len(gram))), right_hand).T for p in PENALTIES])


def ridge_cv(features: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Choose a penalty for each label vector by leaving examples out."""
    fit = RidgeCV(alphas=PENALTIES, fit_intercept=False, alpha_per_target=True).fit(features, labels.T)
    return np.asarray(fit.alpha_)


def ridge_heads(features: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Factorise once."""
    return fit_ridge(features, labels, PENALTIES, bias=False).weight


def ridge_heads_held_out(features: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Factorise once, and choose the penalties."""
    heads = fit_ridge(features, labels, PENALTIES, bias=False, held_out=True)
    return PENALTIES[heads.best()]


def seconds(fit: Callable[[np.ndarray, np.ndarray], object], features: np.ndarray, labels: np.ndarray) -> float:
    """Return the CPU seconds of the best of some fits."""
    times = []
    for _ in range(REPEATS):
        start = time.process_time()
        fit(features, labels)
        times.append(time.process_time() - start)
    return min(times)


def main() -> None:
    """Measure, check that the numbers are the same, print the JSON line."""
    rng = np.random.default_rng(0)
    features = rng.standard_normal((EXAMPLES, FEATURES))
    labels = features @ rng.standard_normal((FEATURES, HEADS)) / 20 + rng.standard_normal((EXAMPLES, HEADS))
    labels = np.ascontiguousarray(labels.T)
    ours, chosen = ridge_heads(features, labels), ridge_heads_held_out(features, labels)
    difference = max(
        float(np.abs(scikit_learn_per_penalty(features, labels) - ours).max()),
        float(np.abs(cholesky_per_penalty(features, labels) - ours).max()),
    )
    each = HEADS * len(PENALTIES) / SAMPLE
    took = {
        "scikit_learn_each": each * seconds(scikit_learn_each, features, labels),
        "solve_each": each * seconds(solve_each, features.T @ features, features.T @ labels.T),
        "scikit_learn_per_penalty": seconds(scikit_learn_per_penalty, features, labels),
        "cholesky_per_penalty": seconds(cholesky_per_penalty, features, labels),
    }
    mine = seconds(ridge_heads, features, labels)
    choosing, reference = seconds(ridge_heads_held_out, features, labels), seconds(ridge_cv, features, labels)
    print(
        json.dumps(
            {
                "benchmark": "ridge_heads",
                "examples": EXAMPLES,
                "features": FEATURES,
                "heads": HEADS,
                "penalties": len(PENALTIES),
                "ratios": {name: round(value / mine, 1) for name, value in took.items()},
                "ratio_of_choosing": {"ridge_cv": round(reference / choosing, 1)},
                "seconds": {
                    name: round(value, 2)
                    for name, value in {**took, "fit_ridge": mine, "ridge_cv": reference, "held_out": choosing}.items()
                },
                "largest_difference": difference,
                "same_numbers": difference < SAME,
                "same_choices": bool((chosen == ridge_cv(features, labels)).all()),
            }
        )
    )


if __name__ == "__main__":
    with threadpool_limits(1):
        main()
