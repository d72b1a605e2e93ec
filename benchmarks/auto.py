"""The cost of choosing without labels, and how it grows: seconds of CPU and of the clock, features not counted.

    python benchmarks/auto.py [--repeats 3]

One setting is varied at a time around 8 teachers, 3,000 points, 384 features, two classes and the default candidates:
teachers, points, classes, and candidates (all the discriminants, or a half, or these with trained heads as well). Each
line is what `auto` does: choose, then answer for 2,000 further points; `auto_single` is beside it. JSON is last.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import softmax

from outlearn.core.predictions import Predictions
from outlearn.learners import HeadSettings
from outlearn.losses import get_loss
from outlearn.selection import Candidate, Learned, choose, default_candidates, fit_answer, selection_labelings
from outlearn.selection.candidates import LOSSES, trained_candidates

FEATURES, TEST, VALIDATION = 384, 2000, 400


@dataclass(frozen=True)
class Setting:
    """What is varied."""

    teachers: int = 8
    points: int = 3000
    classes: int = 2
    candidates: str = "default"


def settings() -> Iterator[Setting]:
    """Yield the settings, one change at a time."""
    base = Setting()
    yield base
    yield from (replace(base, teachers=n) for n in (2, 4, 16))
    yield from (replace(base, points=n) for n in (1000, 10_000, 30_000))
    yield from (replace(base, classes=k) for k in (10, 50, 150))
    yield from (replace(base, candidates=name) for name in ("half", "with heads"))


def candidates_of(setting: Setting, base: HeadSettings) -> tuple[Candidate, ...]:
    """Return the candidates that a setting names."""
    found = default_candidates(setting.points, base)
    if setting.candidates == "half":
        return found[::2]
    if setting.candidates == "with heads":
        return (*found, *trained_candidates([get_loss(name) for name in LOSSES], setting.points, base))
    return found


def timed(setting: Setting, source: str) -> tuple[float, float, int]:
    """Choose and answer once; return seconds of the clock, of CPU, and the number of students made."""
    rng = np.random.default_rng(0)
    sizes = {"student": setting.points, "validation": VALIDATION, "test": TEST}
    x, labelers = {}, {}
    centres = rng.normal(size=(setting.classes, FEATURES)) * 0.2
    for name, n in sizes.items():
        y = rng.integers(0, setting.classes, n)
        x[name] = (centres[y] + rng.normal(size=(n, FEATURES))).astype(np.float32)
        z = 2 * np.eye(setting.classes)[y] + rng.normal(size=(setting.teachers, n, setting.classes))
        labelers[name] = Predictions.from_probs(softmax(z, axis=-1))
    base = HeadSettings()
    wall, cpu = time.perf_counter(), time.process_time()
    labelings = selection_labelings(labelers, source)
    shares = np.full(setting.classes, 1 / setting.classes)
    learned = Learned(x["student"], labelings.predictions["student"].probs, base, None, shares)
    choice = choose(
        learned,
        labelings,
        validation_features=x["validation"],
        candidates=candidates_of(setting, base),
        seeds=range(len(learned.targets)),
        predict={"test": x["test"]},
    )
    answer = fit_answer(learned, labelings, choice, {"test": x["test"]}, [(m, 0) for m in range(labelings.n_answers)])
    return time.perf_counter() - wall, time.process_time() - cpu, choice.n_trained + answer.n_trained


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=3)
    repeats = parser.parse_args().repeats
    found = []
    print("| teachers | points | classes | candidates | recipe | students | seconds | of CPU |")
    print("|" + "---|" * 8)
    for setting in settings():
        for recipe, source in (("auto", "mean"), ("auto_single", "each")):
            runs = [timed(setting, source) for _ in range(repeats)]
            wall, cpu = (statistics.median(run[i] for run in runs) for i in (0, 1))
            print(
                f"| {setting.teachers} | {setting.points:,} | {setting.classes} | {setting.candidates} | {recipe} | "
                f"{runs[0][2]:,} | {wall:.1f} | {cpu:.1f} |",
                flush=True,
            )
            found.append({**vars(setting), "recipe": recipe, "students": runs[0][2], "wall": wall, "cpu": cpu})
    print(json.dumps(found))


if __name__ == "__main__":
    main()
