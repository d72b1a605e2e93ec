"""How time grows with students, points, classes and teachers: training heads, and measuring them; one SVG.

Students are linear heads on 64 random features, one loss, 5 epochs of minibatches. One quantity varies at a time, the
others stay at 64 students, 1,000 points, 2 classes, 8 teachers. CPU seconds of one thread, the least of two; on a busy
machine they are longer than on an idle one. Prints one JSON line a size.

    OMP_NUM_THREADS=1 python benchmarks/growth.py docs/images/growth.svg
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from outlearn import Predictions, bias_variance, get_generator, risk_gap
from outlearn.learners import HeadJob, HeadSettings, fit_predict
from outlearn.losses import get_loss

FEATURES = 64
USUAL = {"students": 64, "points": 1000, "classes": 2, "teachers": 8}
SIZES = {
    "students": (16, 64, 256, 1024),
    "points": (250, 1000, 4000),
    "classes": (2, 5, 20),
    "teachers": (2, 8, 32),
}


def least(work: Callable[[], object]) -> float:
    """Return the smaller CPU time of two calls."""
    found = []
    for _ in range(2):
        began = time.process_time()
        work()
        found.append(time.process_time() - began)
    return min(found)


def cost(students: int, points: int, classes: int, teachers: int) -> tuple[float, float]:
    """Time training and measuring."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((points, FEATURES)).astype(np.float32)
    truth = (x @ rng.standard_normal((FEATURES, classes))).argmax(1)
    labels = Predictions.from_logits(rng.standard_normal((teachers, points, classes)) + np.eye(classes)[truth])
    jobs = [HeadJob(s % teachers, get_loss("forward_ce"), seed=s) for s in range(students)]
    settings = HeadSettings(epochs=5)
    fit = fit_predict(x, labels.probs, jobs, {"test": x}, settings=settings)
    made = Predictions.from_logits(fit.logits["test"][-1], teacher_of=np.arange(students) % teachers)
    target, kl = np.eye(classes)[truth], get_generator("negative_entropy")

    def measured() -> None:
        risk_gap(target, teacher=labels, student=made, generator=kl)
        bias_variance(target, made, generator=kl)

    return least(lambda: fit_predict(x, labels.probs, jobs, {"test": x}, settings=settings)), least(measured)


def main() -> None:
    """Measure, print and draw."""
    figure = Figure(figsize=(10, 2.8), layout="constrained")
    for axes, (what, sizes) in zip(figure.subplots(1, 4, sharey=True), SIZES.items(), strict=True):
        found = [cost(**{**USUAL, what: size}) for size in sizes]
        for size, (train, measure) in zip(sizes, found, strict=True):
            print(json.dumps({what: size, "train_s": round(train, 3), "measure_s": round(measure, 3)}), flush=True)
        for name, values, look in zip(("training", "measuring"), zip(*found, strict=True), ("o-", "s--"), strict=True):
            axes.loglog(sizes, values, look, label=name)
        axes.set(xlabel=what)
        axes.grid(visible=True, linewidth=0.4)
    figure.axes[0].set_ylabel("CPU seconds")
    figure.axes[0].legend()
    figure.savefig(Path(sys.argv[1]), metadata={"Date": None})


if __name__ == "__main__":
    main()
