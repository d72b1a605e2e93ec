"""Heads in one computation against one at a time: minibatch training and convex optima, 7,000 examples, 384 features.

Sides, each at the better of one and two threads:
- 256 linear heads, four losses, bootstrap weights, batch 128, against one head at a time over a torch DataLoader, and
  against one at a time slicing tensors (fused AdamW, one permuted copy of the data an epoch: the best loop we know);
- 1, 32, 256 and 1,024 linear heads against one wide autograd loop: stacked parameters, one optimiser, one order, on one
  thread, in CPU time. This is what a user who knows torch writes;
- 1,024 convex heads to a certified gap of 1e-5 against scikit-learn in two processes with one BLAS thread each, and one
  head against scikit-learn in this process, lbfgs (its default) and newton-cholesky, in float32, where it is fastest;
- one convex head on labels that the features separate, the hard case, against the same.
The slow sides are extrapolated: from two epochs of one head a loss, and from a few fits; the printed lines say so.
Repetitions alternate between the sides; ratios are medians, of wall-clock time and of CPU time, which is steadier where
other programs run. The last line is JSON: ratios (slow / ours), accuracies, and shares of the matrix-product peak.

    python benchmarks/heads.py [wide] [separable]

With names only those parts run, which take a minute each.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from outlearn.learners import HeadJob, HeadSettings, fit_convex, fit_predict
from outlearn.losses import Loss, get_loss

EXAMPLES, FEATURES, TEST, BATCH, EPOCHS = 7000, 384, 3000, 128, 20
LOSSES = [get_loss(name) for name in ("forward_ce", "reverse_ce", "cace", "mae")]
TEACHERS, BOOTSTRAPS = 32, 32
HEADS = 256
REPEATS = 5
WIDTHS = (8, 16, 32, 64, 128, 256, 512, 1024)

Times = tuple[float, float]  # wall-clock and CPU seconds


def make_data() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Make correlated features, true labels, weak teachers' soft labels, bootstrap weights, and hard weak labels.

    A teacher's margin has a part that no head can learn from the features: it saw other, weaker ones.
    """
    rng = np.random.default_rng(0)
    mix = rng.standard_normal((FEATURES, FEATURES)) * np.arange(1, FEATURES + 1) ** -0.5
    x = rng.standard_normal((EXAMPLES + TEST, FEATURES)) @ mix.T
    x = ((x - x.mean(0)) / x.std(0)).astype(np.float32)
    truth = rng.standard_normal(FEATURES) / FEATURES**0.5
    labels = (x @ truth * 3.0 + rng.logistic(size=len(x)) > 0).astype(np.int64)
    wrong = truth + rng.standard_normal((TEACHERS, FEATURES)) / FEATURES**0.5
    margins = (x[:EXAMPLES] @ wrong.T).T * 1.5 + rng.standard_normal((TEACHERS, EXAMPLES))
    soft = 1.0 / (1.0 + np.exp(-margins))
    counts = rng.multinomial(EXAMPLES, np.full(EXAMPLES, 1.0 / EXAMPLES), size=TEACHERS * BOOTSTRAPS)
    return x, labels, np.stack([1.0 - soft, soft], axis=-1), counts.astype(np.float64), margins > 0


def timed(work: Callable[[], object]) -> Times:
    """Measure one call."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - cpu


def train_by_slices(x: torch.Tensor, t: torch.Tensor, w: torch.Tensor, loss: Loss, epochs: int) -> torch.nn.Linear:
    """Train one head: an epoch's data are permuted once, minibatches are slices."""
    model = torch.nn.Linear(FEATURES, 2)
    optimiser = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=1e-4, fused=True)
    schedule = HeadSettings(epochs=epochs)
    steps, step = epochs * -(-EXAMPLES // BATCH), 0
    for _ in range(epochs):
        order = torch.randperm(EXAMPLES)
        xs, ts, ws = x[order], t[order], w[order]
        for start in range(0, EXAMPLES, BATCH):
            rows = slice(start, start + BATCH)
            optimiser.param_groups[0]["lr"] = schedule.rate(step / steps)
            value = (loss.per_example(model(xs[rows]), ts[rows], step / steps) * ws[rows]).mean()
            optimiser.zero_grad()
            value.backward()
            optimiser.step()
            step += 1
    return model


def train_by_loader(data: torch.utils.data.TensorDataset, loss: Loss) -> None:
    """Train one head for an epoch over a DataLoader."""
    model = torch.nn.Linear(FEATURES, 2)
    optimiser = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=1e-4, fused=True)
    for x, t, w in torch.utils.data.DataLoader(data, batch_size=BATCH, shuffle=True):
        value = (loss.per_example(model(x), t, 0.5) * w).mean()
        optimiser.zero_grad()
        value.backward()
        optimiser.step()


def with_threads(n: int, work: Callable[[], object]) -> Callable[[], object]:
    """Run with this many torch threads."""

    def run() -> object:
        torch.set_num_threads(n)
        return work()

    return run


def faster(work: Callable[[], object]) -> Callable[[], object]:
    """Choose one or two threads by the better of two tries each, after a warm-up."""
    sides = {n: with_threads(n, work) for n in (1, 2)}
    sides[1]()
    wall = {n: min(timed(side)[0] for _ in range(2)) for n, side in sides.items()}
    return sides[min(wall, key=lambda n: wall[n])]


def ratio(slow: list[Times], ours: list[Times], clock: int) -> float:
    """Compute the median over repetitions of slow / ours."""
    return round(statistics.median(s[clock] / o[clock] for s, o in zip(slow, ours, strict=True)), 2)


def minibatch_heads(data: tuple[np.ndarray, ...]) -> dict[str, object]:
    """Time 256 heads against loops, and compare accuracies."""
    x, labels, soft, counts, _ = data
    train, test = x[:EXAMPLES], x[EXAMPLES:]
    jobs = [HeadJob(i // 4 % TEACHERS, LOSSES[i % 4], i // 4 % TEACHERS, seed=i // 4) for i in range(HEADS)]
    tx, tt = torch.from_numpy(train), torch.from_numpy(soft).float()
    tw = torch.from_numpy(counts[:TEACHERS]).float()
    datasets = [torch.utils.data.TensorDataset(tx, tt[i], tw[i]) for i in range(4)]

    def ours() -> np.ndarray:
        settings = HeadSettings(epochs=EPOCHS)
        return fit_predict(train, soft, jobs, {"test": test}, settings=settings, weights=counts[:TEACHERS]).logits[
            "test"
        ]

    def slices() -> None:
        for i, loss in enumerate(LOSSES):
            train_by_slices(tx, tt[i], tw[i], loss, 2)

    def loader() -> None:
        for dataset, loss in zip(datasets, LOSSES, strict=True):
            train_by_loader(dataset, loss)

    sides = {"ours": faster(ours), "slices": faster(slices), "loader": faster(loader)}
    head_epochs = {"ours": HEADS * EPOCHS, "slices": 4 * 2, "loader": 4 * 1}
    times: dict[str, list[Times]] = {name: [] for name in sides}
    for _ in range(REPEATS):
        for name, side in sides.items():
            wall, cpu = timed(side)
            times[name].append((wall / head_epochs[name], cpu / head_epochs[name]))
    for name, rows in times.items():
        note = "" if name == "ours" else f" (extrapolated from {head_epochs[name]} head-epochs)"
        print(f"{name}: {statistics.median(r[0] for r in rows) * 1e3:.3f} ms a head and epoch{note}", flush=True)
    torch.set_num_threads(1)
    predicted = ours()[-1].argmax(-1)
    batched = (predicted == labels[EXAMPLES:]).mean(1).reshape(-1, 4)
    alone = np.empty((4, 4))
    for row in range(4):
        for i, loss in enumerate(LOSSES):
            torch.manual_seed(row)
            model = train_by_slices(tx, tt[row], tw[row], loss, EPOCHS)
            with torch.no_grad():
                alone[row, i] = (model(torch.from_numpy(test)).argmax(-1).numpy() == labels[EXAMPLES:]).mean()
    # The same four teachers' labels and weights; seeds differ.
    same = np.concatenate([batched[:4], batched[TEACHERS : TEACHERS + 4]])
    return {
        "heads_over_loader": ratio(times["loader"], times["ours"], 0),
        "heads_over_loader_cpu": ratio(times["loader"], times["ours"], 1),
        "heads_over_slices": ratio(times["slices"], times["ours"], 0),
        "heads_over_slices_cpu": ratio(times["slices"], times["ours"], 1),
        "accuracy_batched": [round(float(a), 4) for a in same.mean(0)],
        "accuracy_one_by_one": [round(float(a), 4) for a in alone.mean(0)],
        "accuracy_difference_largest": round(float(np.abs(same.mean(0) - alone.mean(0)).max()), 4),
        "accuracy_noise_of_a_seed": round(float(np.abs(batched[:4] - batched[TEACHERS : TEACHERS + 4]).mean()), 4),
    }


STATE: dict[str, np.ndarray] = {}


def start_worker(x: np.ndarray, labels: np.ndarray, weights: np.ndarray) -> None:
    """Give a scikit-learn process its data, and warm it up."""
    STATE.update(x=x, labels=labels, weights=weights)
    LogisticRegression(max_iter=3000).fit(x[:200], labels[0][:200])


def fit_scikit_learn(index: int, solver: str) -> tuple[float, float]:
    """Fit one head; return CPU seconds and the bound |g|^2 / (2 lambda) on its gap."""
    x, y, w = STATE["x"], STATE["labels"][index % 32], STATE["weights"][index]
    start = time.process_time()
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = LogisticRegression(solver=solver, max_iter=3000).fit(x, y, sample_weight=w)
    return time.process_time() - start, gap_bound(model, x, y, w)


def gap_bound(model: LogisticRegression, x: np.ndarray, y: np.ndarray, w: np.ndarray) -> float:
    """Bound the gap of a fitted scikit-learn head as we bound ours (its intercept's gradient taken as 0)."""
    coef = model.coef_[0].astype(np.float64)
    z = x.astype(np.float64) @ coef + float(model.intercept_[0])
    ridge = 1.0 / w.sum()
    gradient = x.T.astype(np.float64) @ (w * (1.0 / (1.0 + np.exp(-z)) - y)) / w.sum() + ridge * coef
    return float(gradient @ gradient / (2.0 * ridge))


def convex_heads(data: tuple[np.ndarray, ...]) -> dict[str, object]:
    """Time 1,024 heads, and one, against scikit-learn."""
    x, labels, _, counts, weak = data
    train, test = x[:EXAMPLES], x[EXAMPLES:]
    hard = np.stack([~weak, weak], axis=-1).astype(np.float64)
    n_heads = TEACHERS * BOOTSTRAPS
    jobs = [HeadJob(i % TEACHERS, get_loss("hard_ce"), i) for i in range(n_heads)]
    results: dict[str, object] = {}
    last = {}

    def ours() -> None:
        last["fit"] = fit_convex(train, hard, jobs, {"test": test}, weights=counts, standardise=False)

    def one() -> None:
        fit_convex(train, hard[:1], jobs[:1], {}, weights=counts[:1], standardise=False)

    many, single = faster(ours), faster(one)
    fits = {"lbfgs": 6, "newton-cholesky": 6}
    times: dict[str, list[Times]] = {name: [] for name in ("many", "one", *fits, *(f"one {s}" for s in fits))}
    bounds: dict[str, list[float]] = {solver: [] for solver in fits}
    STATE.update(x=train, labels=weak, weights=counts.astype(np.float32))
    context = multiprocessing.get_context("spawn")
    arguments = (train, weak, counts.astype(np.float32))
    with ProcessPoolExecutor(2, mp_context=context, initializer=start_worker, initargs=arguments) as pool:
        list(pool.map(fit_scikit_learn, range(4), ["lbfgs"] * 4))
        for repeat in range(REPEATS):
            wall, cpu = timed(many)
            times["many"].append((wall / n_heads, cpu / n_heads))
            for solver, n in fits.items():
                start = time.perf_counter()
                found = list(pool.map(fit_scikit_learn, range(repeat * n, (repeat + 1) * n), [solver] * n))
                # Two processes: CPU seconds are compared with ours, wall-clock seconds too.
                times[solver].append(((time.perf_counter() - start) / n, sum(f[0] for f in found) / n))
                bounds[solver] += [f[1] for f in found]
            times["one"].append(min(timed(single) for _ in range(2)))
            for solver in fits:
                times[f"one {solver}"].append(min(timed(lambda s=solver: fit_scikit_learn(0, s)) for _ in range(2)))
    print(f"convex, ours: {statistics.median(t[0] for t in times['many']) * 1e3:.2f} ms a head", flush=True)
    accuracy = {"ours": (last["fit"].logits["test"][0].argmax(-1) == labels[EXAMPLES:]).mean(1)[:4]}
    models = [LogisticRegression(max_iter=3000).fit(train, weak[i], sample_weight=counts[i]) for i in range(4)]
    accuracy["scikit-learn"] = np.array([(m.predict(test) == labels[EXAMPLES:]).mean() for m in models])
    for solver in fits:
        milliseconds = statistics.median(t[0] for t in times[solver]) * 1e3
        print(
            f"convex, scikit-learn {solver}: {milliseconds:.1f} ms a head in two processes (extrapolated from "
            f"{fits[solver]} fits a repetition); its own gap is bounded by {max(bounds[solver]):.1e} only"
        )
        key = solver.replace("-", "_")
        results[f"convex_over_{key}"] = ratio(times[solver], times["many"], 0)
        results[f"convex_over_{key}_cpu"] = ratio(times[solver], times["many"], 1)
        results[f"one_head_over_{key}"] = ratio(times[f"one {solver}"], times["one"], 0)
    return {
        **results,
        "convex_gap_largest": float(f"{last['fit'].gaps.max():.2g}"),
        "convex_accuracy_difference": round(float(np.abs(accuracy["ours"] - accuracy["scikit-learn"]).max()), 4),
    }


def train_wide(x: torch.Tensor, t: torch.Tensor, w: torch.Tensor, n_heads: int, epochs: int) -> None:
    """Train heads as one wide layer with autograd: the losses of a minibatch are summed over heads, one AdamW."""
    losses = LOSSES[:n_heads]
    model = torch.nn.Linear(FEATURES, 2 * n_heads)
    optimiser = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=1e-4, fused=True)
    schedule = HeadSettings(epochs=epochs)
    labeling_of = torch.arange(n_heads) // 4 % TEACHERS
    of_loss = [torch.arange(i, n_heads, 4) for i in range(len(losses))]
    steps, step = epochs * -(-EXAMPLES // BATCH), 0
    for _ in range(epochs):
        order = torch.randperm(EXAMPLES)
        for rows in order.split(BATCH):
            optimiser.param_groups[0]["lr"] = schedule.rate(step / steps)
            logits = model(x[rows]).view(len(rows), n_heads, 2).transpose(0, 1)
            targets, weights = t[:, rows], w[:, rows]
            values = [
                (loss.per_example(logits[of], targets[labeling_of[of]], step / steps) * weights[labeling_of[of]]).mean(
                    1
                )
                for loss, of in zip(losses, of_loss, strict=True)
            ]
            optimiser.zero_grad()
            torch.cat(values).sum().backward()
            optimiser.step()
            step += 1


def wide_loop(data: tuple[np.ndarray, ...]) -> dict[str, object]:
    """Time ours against the wide loop, an epoch of each in turn, on one thread in CPU time."""
    x, _, soft, counts, _ = data
    torch.set_num_threads(1)
    tx, tt = torch.from_numpy(x[:EXAMPLES]), torch.from_numpy(soft).float()
    tw = torch.from_numpy(counts[:TEACHERS]).float()
    square = torch.randn(1024, 1024)
    found: dict[str, object] = {}
    for width in (1, 32, 256, 1024):
        jobs = [HeadJob(i // 4 % TEACHERS, LOSSES[i % 4], i // 4 % TEACHERS, seed=i // 4) for i in range(width)]

        def ours(jobs: list[HeadJob] = jobs) -> None:
            settings = HeadSettings(epochs=4)
            fit_predict(x[:EXAMPLES], soft, jobs, {}, settings=settings, weights=counts[:TEACHERS])

        def wide(width: int = width) -> None:
            train_wide(tx, tt, tw, width, 1)

        ours(), wide()
        rows = []
        for _ in range(3):
            slow, fast = timed(wide)[1], timed(ours)[1] / 4
            peak = 10 * 2.0 * 1024**3 / timed(lambda: [square @ square for _ in range(10)])[1]
            rows.append((slow / fast, EXAMPLES * width * (FEATURES + 1) * 4.0 / fast / peak, fast))
        ratios, shares, seconds = (statistics.median(column) for column in zip(*rows, strict=True))
        found[str(width)] = {"ratio": round(ratios, 2), "share_of_peak": round(shares, 3)}
        print(f"{width} heads: {seconds:.3f} s an epoch, the wide loop {ratios:.1f} times as long", flush=True)
    return {"wide_loop_over_heads": found}


def one_separable_head(data: tuple[np.ndarray, ...]) -> dict[str, object]:
    """Time one convex head on labels that the features separate, on one thread in CPU time."""
    x = data[0][:EXAMPLES]
    labels = x @ np.random.default_rng(1).standard_normal(FEATURES).astype(np.float32) > 0
    hard = np.stack([~labels, labels], axis=-1).astype(np.float64)[None]
    torch.set_num_threads(1)
    STATE.update(x=x, labels=labels[None], weights=np.ones((1, EXAMPLES), np.float32))
    job = [HeadJob(0, get_loss("hard_ce"))]
    gaps: dict[str, float] = {}

    def ours() -> None:
        gaps["ours"] = float(fit_convex(x, hard, job, {}, standardise=False).gaps[0])

    def theirs(solver: str) -> None:
        gaps[solver] = fit_scikit_learn(0, solver)[1]

    solvers = ("lbfgs", "newton-cholesky")
    ours(), [theirs(solver) for solver in solvers]
    times = [(timed(ours), *(timed(lambda s=s: theirs(s)) for s in solvers)) for _ in range(REPEATS)]
    return {
        **{
            f"separable_over_{s}": ratio([t[k] for t in times], [t[0] for t in times], 1)
            for k, s in enumerate(solvers, 1)
        },
        "separable_seconds": round(statistics.median(t[0][1] for t in times), 3),
        "separable_gaps": {name: float(f"{gap:.1e}") for name, gap in gaps.items()},
    }


def shares_of_peak(data: tuple[np.ndarray, ...]) -> dict[str, float]:
    """Measure the useful products of training, one logit a head, against the peak, on one thread in CPU time."""
    x, _, soft, counts, _ = data
    torch.set_num_threads(1)
    square = torch.randn(1024, 1024)
    out = torch.empty_like(square)
    shares = {}
    for width in WIDTHS:
        jobs = [HeadJob(i // 4 % TEACHERS, LOSSES[i % 4], i // 4 % TEACHERS, seed=i // 4) for i in range(width)]
        epochs = 4
        flops = epochs * EXAMPLES * width * (FEATURES + 1) * 4.0

        def train(jobs: list[HeadJob] = jobs, epochs: int = epochs) -> None:
            settings = HeadSettings(epochs=epochs)
            fit_predict(x[:EXAMPLES], soft, jobs, {}, settings=settings, weights=counts[:TEACHERS])

        rates, peaks = [], []
        train()
        for _ in range(3):
            peaks.append(10 * 2.0 * 1024**3 / timed(lambda: [torch.mm(square, square, out=out) for _ in range(10)])[1])
            rates.append(flops / timed(train)[1])
        shares[str(width)] = round(statistics.median(r / p for r, p in zip(rates, peaks, strict=True)), 3)
    return shares


def main() -> None:
    """Run all comparisons and print the JSON line."""
    data = make_data()
    parts = {"wide": wide_loop, "separable": one_separable_head}
    results: dict[str, object] = {}
    for name in sys.argv[1:] or parts:
        results |= parts[name](data)
    if not sys.argv[1:]:
        results |= minibatch_heads(data)
        results |= convex_heads(data)
        results["share_of_peak"] = shares_of_peak(data)
    results["cores"] = os.cpu_count()
    print(json.dumps(results))


if __name__ == "__main__":
    main()
