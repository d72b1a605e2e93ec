"""Time the decompositions against what one would use instead; print one JSON line of ratios a claim.

1. Divergence of all 512 x 1024 pairs of models on 5,000 points, against a torch `kl_div` loop over pairs (timed on
   some and scaled), and against the bare product with elementwise work of the same size.
2. 0-1 and squared decomposition of 64 models' labels, against mlxtend's `bias_variance_decomp` given the same labels.
3. The whole job, 64 heads fitted to bootstrap samples and both decompositions of their test predictions, against
   mlxtend with scikit-learn's logistic regression at the faster of two solvers.

CPU time of one thread in one process, medians of interleaved runs, so that ratios survive a busy machine.
Run: OMP_NUM_THREADS=1 python benchmarks/decompose.py [pairs] [labels] [job]
mlxtend is needed for this benchmark only: pip install mlxtend
"""

from __future__ import annotations

import json
import os
import sys
import time
import tracemalloc
from collections.abc import Callable

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("MKL_NUM_THREADS", "1")

import numpy as np

from outlearn.core.generators import get_generator
from outlearn.core.pairwise import pairwise_divergence
from outlearn.core.predictions import Predictions
from outlearn.core.zero_one import decompose_labels, decompose_numbers

TEACHERS, STUDENTS, POINTS, CLASSES = 512, 1024, 5000, 2
TIMED_PAIRS = 256
MODELS = 64
TRAIN, TEST, FEATURES = 7000, 1500, 384
PENALTY = 1.0  # scikit-learn's C
LEAST_TURN = 0.02  # seconds: a shorter turn would time the clock and the caches


def seconds(works: dict[str, Callable[[], object]], repeats: int = 7) -> dict[str, float]:
    """Return the median CPU time of each piece of work; the pieces take turns, short ones many times in their turn."""
    times_in_turn = {}
    for name, work in works.items():
        work()  # imports, caches
        start = time.process_time()
        work()
        times_in_turn[name] = max(1, round(LEAST_TURN / max(time.process_time() - start, 1e-6)))
    taken: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(repeats):
        for name, work in works.items():
            start = time.process_time()
            for _ in range(times_in_turn[name]):
                work()
            taken[name].append((time.process_time() - start) / times_in_turn[name])
    return {name: float(np.median(times)) for name, times in taken.items()}


def report(**record: object) -> None:
    """Print one JSON line, numbers to three digits."""
    print(json.dumps(record, default=float), flush=True)


def three(value: float) -> float:
    """Round to three significant digits."""
    return float(f"{value:.3g}")


def models(count: int, spread: float, seed: int) -> Predictions:
    """Make models that differ by `spread` in their logits about shared ones."""
    shared = np.random.default_rng(0).normal(size=(POINTS, CLASSES))
    return Predictions.from_logits(shared + spread * np.random.default_rng(seed).normal(size=(count, POINTS, CLASSES)))


def pairs() -> None:
    """Time all pairs, and check the relative error where divergences are about 1e-5."""
    import torch
    from torch.nn.functional import kl_div

    torch.set_num_threads(1)
    t, s = models(TEACHERS, 0.7, 1), models(STUDENTS, 0.7, 2)
    double_t, double_s = (torch.from_numpy(p.log_probs.copy()) for p in (t, s))
    single_t, single_s = double_t.float(), double_s.float()
    timed = np.random.default_rng(3).integers(0, [TEACHERS, STUDENTS], size=(TIMED_PAIRS, 2))

    def loop(target: torch.Tensor, students: torch.Tensor, log_target: bool = False) -> Callable[[], None]:
        def work() -> None:
            for i, j in timed:
                kl_div(students[j], target[i], reduction="batchmean", log_target=log_target).item()

        return work

    # What no method can avoid: the product, exp and one multiply-add over the teachers, a shift and a cast of both.
    product = np.empty((TEACHERS, STUDENTS), dtype=np.float32)
    step = 341
    centre = t.log_probs.mean(axis=0)

    def bare() -> None:
        total = np.zeros((TEACHERS, STUDENTS))
        for start in range(0, POINTS, step):
            part = slice(start, start + step)
            probs = np.exp(t.log_probs[:, part])
            np.einsum("mpk,mpk->m", probs, t.log_probs[:, part])
            left = (probs - centre[part]).astype(np.float32).reshape(TEACHERS, -1)
            right = (s.log_probs[:, part] - centre[part]).astype(np.float32).reshape(STUDENTS, -1)
            np.matmul(left, right.T, out=product)
            np.add(total, product, out=total)

    taken = seconds(
        {
            "outlearn": lambda: pairwise_divergence(t, s),
            "bare": bare,
            "float32, probabilities": loop(single_t.exp(), single_s),
            "float32, log-probabilities": loop(single_t, single_s, log_target=True),
            "float64, probabilities": loop(double_t.exp(), double_s),
            "float64, log-probabilities": loop(double_t, double_s, log_target=True),
        }
    )
    loops = {
        dtype: min(taken[f"{dtype}, {kind}"] for kind in ("probabilities", "log-probabilities"))
        * (TEACHERS * STUDENTS / TIMED_PAIRS)
        for dtype in ("float32", "float64")
    }
    tracemalloc.start()
    pairwise_divergence(t, s)
    extra = tracemalloc.get_traced_memory()[1] / 2**20
    tracemalloc.stop()
    report(
        benchmark="pairs",
        shape=[TEACHERS, STUDENTS, POINTS, CLASSES],
        seconds={
            **{k: three(taken[k]) for k in ("outlearn", "bare")},
            **{f"torch kl_div loop, {dtype}": three(value) for dtype, value in loops.items()},
        },
        times_faster_than_torch_loop={dtype: three(value / taken["outlearn"]) for dtype, value in loops.items()},
        torch_loop_extrapolated_from_pairs=TIMED_PAIRS,
        times_of_bare_product_and_elementwise=three(taken["outlearn"] / taken["bare"]),
        extra_memory_mib=three(extra),
        largest_relative_error=three(relative_error(t, s)),
        largest_relative_error_at_1e_5=three(relative_error(models(64, 4e-3, 4), models(128, 4e-3, 5))),
    )


def relative_error(first: Predictions, second: Predictions) -> float:
    """Compare some pairs with float64 pair by pair."""
    kl, rng = get_generator("negative_entropy"), np.random.default_rng(6)
    result = pairwise_divergence(first, second)
    worst = 0.0
    for i, j in rng.integers(0, result.shape, size=(500, 2)):
        exact = float(kl.divergence_from_dual(first.log_probs[i], second.log_probs[j]).mean())
        worst = max(worst, abs(float(result[i, j]) / exact - 1))
    return worst


class Replay:
    """An estimator that was already fitted 64 times: `predict` returns the next row."""

    def __init__(self, rows: np.ndarray) -> None:
        self.rows, self.next = rows, 0

    def fit(self, X: np.ndarray, y: np.ndarray) -> Replay:
        return self

    def predict(self, X: np.ndarray) -> np.ndarray:
        self.next += 1
        return self.rows[(self.next - 1) % len(self.rows)]


def labels() -> None:
    """Time both decompositions of given labels; mlxtend needs one call for each loss."""
    decompose = import_mlxtend()
    rng = np.random.default_rng(7)
    y = rng.integers(0, CLASSES, POINTS)
    predicted = np.where(rng.random((MODELS, POINTS)) < 0.3, 1 - y, y)
    scores = predicted + rng.normal(size=predicted.shape)
    nothing = np.zeros((2, 1))

    def theirs(loss: str, rows: np.ndarray) -> tuple[float, float, float]:
        return decompose(
            Replay(rows), nothing, np.zeros(2, dtype=int), np.zeros((POINTS, 1)), y, loss=loss, num_rounds=MODELS
        )

    taken = seconds(
        {
            "outlearn, both of labels": lambda: decompose_labels(y, predicted),
            "outlearn, squared of numbers": lambda: decompose_numbers(y, scores),
            "mlxtend, 0-1": lambda: theirs("0-1_loss", predicted),
            "mlxtend, squared": lambda: theirs("mse", predicted),
            "mlxtend, squared of numbers": lambda: theirs("mse", scores),
        },
        repeats=15,
    )
    d, n = decompose_labels(y, predicted), decompose_numbers(y, scores)
    pairs_of_numbers = [
        (d.zero_one, theirs("0-1_loss", predicted)),
        (d.squared, theirs("mse", predicted)),
        (n, theirs("mse", scores)),
    ]
    ours = taken["outlearn, both of labels"]
    report(
        benchmark="labels",
        shape=[MODELS, POINTS],
        seconds={name: three(value) for name, value in taken.items()},
        times_faster_both=three((taken["mlxtend, 0-1"] + taken["mlxtend, squared"]) / ours),
        times_faster_zero_one_alone=three(taken["mlxtend, 0-1"] / ours),
        times_faster_squared_alone=three(taken["mlxtend, squared"] / ours),
        times_faster_squared_of_numbers=three(
            taken["mlxtend, squared of numbers"] / taken["outlearn, squared of numbers"]
        ),
        largest_difference=three(max(difference(parts, numbers) for parts, numbers in pairs_of_numbers)),
    )


def difference(parts: object, numbers: tuple[float, float, float]) -> float:
    """Return the largest difference of mean loss, bias and variance."""
    own = [float(getattr(parts, name).mean()) for name in ("loss", "bias", "variance")]
    return float(np.abs(np.subtract(own, numbers)).max())


def import_mlxtend() -> Callable[..., tuple[float, float, float]]:
    """Import what is compared with, or end with what to do."""
    try:
        from mlxtend.evaluate import bias_variance_decomp
    except ImportError as error:
        sys.exit(f"This part compares with mlxtend, which is no dependency of outlearn: pip install mlxtend ({error}).")
    return bias_variance_decomp


def job() -> None:
    """Time 64 logistic regressions on bootstrap samples and both decompositions of what they predict."""
    decompose = import_mlxtend()
    from sklearn.linear_model import LogisticRegression

    from outlearn.learners import HeadJob
    from outlearn.learners.convex import fit_convex
    from outlearn.losses import ForwardCE

    rng = np.random.default_rng(8)
    # Features with a decaying spectrum, as encoders give, standardised; labels that a linear head cannot fit wholly.
    mixing = rng.normal(size=(FEATURES, FEATURES)) / np.arange(1, FEATURES + 1)[:, None] ** 0.5
    x = rng.normal(size=(TRAIN + TEST, FEATURES)) @ mixing
    x = ((x - x.mean(axis=0)) / x.std(axis=0)).astype(np.float32)
    score = x @ rng.normal(size=FEATURES) / np.sqrt(FEATURES)
    y = (2 * score / score.std() + rng.logistic(size=len(x)) > 0).astype(np.int64)
    x_train, y_train, x_test, y_test = x[:TRAIN], y[:TRAIN], x[TRAIN:], y[TRAIN:]
    one_hot = np.eye(2)[y_train][None]
    jobs = [HeadJob(0, ForwardCE(), weighting=model) for model in range(MODELS)]

    def ours() -> object:
        draws = np.random.RandomState(0)  # mlxtend's own resamples
        rows = np.arange(TRAIN)
        counts = [np.bincount(draws.choice(rows, size=TRAIN, replace=True), minlength=TRAIN) for _ in range(MODELS)]
        fitted = fit_convex(x_train, one_hot, jobs, {"test": x_test}, C=PENALTY, weights=np.stack(counts).astype(float))
        return decompose_labels(y_test, fitted.logits["test"][-1].argmax(axis=-1))

    def regression(solver: str, tolerance: float = 1e-4) -> LogisticRegression:
        return LogisticRegression(C=PENALTY, solver=solver, tol=tolerance, max_iter=1000)

    one_fit = seconds({s: lambda s=s: regression(s).fit(x_train, y_train) for s in ("lbfgs", "newton-cholesky")}, 3)
    solver = min(one_fit, key=lambda name: one_fit[name])

    def theirs(loss: str, tolerance: float = 1e-4) -> tuple[float, float, float]:
        model = regression(solver, tolerance)
        return decompose(model, x_train, y_train, x_test, y_test, loss=loss, num_rounds=MODELS, random_seed=0)

    losses = ("0-1_loss", "mse")
    # A call of mlxtend is seconds long: each loss is timed once, between runs of ours.
    taken = seconds({"outlearn": ours}, 3)
    for loss in losses:
        start = time.process_time()
        theirs(loss)
        taken[f"mlxtend, {loss}"] = time.process_time() - start
    taken["outlearn"] = float(np.median([taken["outlearn"], seconds({"outlearn": ours}, 3)["outlearn"]]))
    both = sum(taken[f"mlxtend, {loss}"] for loss in losses)
    parts, exact = ours(), [theirs(loss, 1e-8) for loss in losses]
    report(
        benchmark="job",
        shape={"fits": MODELS, "train": TRAIN, "test": TEST, "features": FEATURES},
        seconds={name: three(value) for name, value in taken.items()},
        seconds_of_one_scikit_learn_fit={name: three(value) for name, value in one_fit.items()},
        times_faster_for_both_losses=three(both / taken["outlearn"]),
        times_faster_for_zero_one_alone=three(taken["mlxtend, 0-1_loss"] / taken["outlearn"]),
        note="mlxtend gives one loss a call and fits anew for each; timed at scikit-learn's default tolerance",
        largest_difference_from_tight_fits=three(
            max(difference(parts.zero_one, exact[0]), difference(parts.squared, exact[1]))
        ),
    )


PARTS: dict[str, Callable[[], None]] = {"pairs": pairs, "labels": labels, "job": job}

if __name__ == "__main__":
    for name in sys.argv[1:] or PARTS:
        if name not in PARTS:
            sys.exit(f"{name!r} is no part of this benchmark; known: {', '.join(PARTS)}.")
        PARTS[name]()
