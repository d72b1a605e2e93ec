"""The cost of choosing without labels: all default candidates x 8 teachers, 3,000 points, 384 features, two classes.

    python benchmarks/auto.py [--classes 2] [--repeats 3]

Two sides, alternating, each on the features as they are:
- auto: `choose` over all default candidates (training, criteria, hard predictions of 2,000 test points);
- the plain default run after its features: 8 convex teachers, 8 losses x 8 teachers x 3 seeds of students with
  predictions at 4 epochs, 3 ceilings, and measuring everything (`measure`, with its intervals).
The last line is JSON: medians of wall-clock and CPU seconds, and their ratios.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

import outlearn as ol
from outlearn.experiment.pipeline import run
from outlearn.experiment.plan import Plan, make_plan
from outlearn.experiment.stages.students import student_seed
from outlearn.experiment.stages.teachers import teacher_predictions
from outlearn.experiment.stages.weak_labels import weak_labels
from outlearn.learners import HeadSettings
from outlearn.progress import Silent
from outlearn.selection import choose, default_candidates
from outlearn.store.stage import StageRunner
from outlearn.store.store import Store

STUDENT, FEATURES, TEACHER_FEATURES, TEST = 3000, 384, 64, 2000
LABELS = 200
NOT_COUNTED = ("data", "teacher features", "student features", "selection", "total")
LOSSES = ("forward_ce", "hard_ce", "reverse_ce", "reverse_kl", "symmetric_ce", "cace", "aux_conf", "mae")


def write_task(folder: Path, n_classes: int) -> Path:
    """Write points whose class few features show to teachers and all to students."""
    rng = np.random.default_rng(0)
    n = STUDENT * 100 // 35
    labels = rng.integers(0, n_classes, n)
    centres = rng.standard_normal((n_classes, FEATURES)) * 0.12
    mix = rng.standard_normal((FEATURES, FEATURES)) / FEATURES**0.5
    features = centres[labels] + rng.standard_normal((n, FEATURES)) @ mix
    path = folder / "task.npz"
    np.savez(path, features=features.astype(np.float32), labels=labels)
    return path


def plain(overrides: list[str], folder: Path) -> dict[str, float]:
    """Run the plain default, features apart; return seconds of its stages."""
    config = ol.load_config(overrides=[*overrides, f"student.loss=[{', '.join(LOSSES)}]"])
    result = run(config, store=Store(folder / "store"), out=folder / "run")
    return {name: s for name, s in result.results.seconds.items() if name not in NOT_COUNTED}


def prepared(overrides: list[str], store: Store) -> Callable[[], int]:
    """Do what comes before the choice; return what chooses and gives the number of candidates."""
    config = ol.load_config(overrides=overrides)
    plan: Plan = make_plan(config)
    runner = StageRunner(store, Silent())
    teachers = teacher_predictions(runner.result(plan.labeling.teachers), plan.task, plan.splits)
    features = runner.result(plan.stages["student features"]).arrays["features"]
    x = {name: features[getattr(plan.splits, name)] for name in ("student", "validation", "test")}
    base = HeadSettings(bias=True, **config.student.learner.model_dump(exclude={"kind"}))
    candidates = default_candidates(len(x["student"]), base)
    targets = weak_labels(teachers["student"], config.weak_labels, seed=config.seed)

    def work() -> int:
        choose(
            x["student"],
            targets,
            labelers=teachers,
            validation_features=x["validation"],
            candidates=candidates,
            base=base,
            seeds=[student_seed(config, m, 0) for m in range(len(targets))],
            predict={"test": x["test"][:TEST]},
        )
        return len(candidates)

    return work


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Return wall-clock and CPU seconds."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - cpu


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--classes", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        overrides = [
            f"data.path={write_task(folder, options.classes)}",
            f"teacher.encoder={{kind: array, columns: {list(range(TEACHER_FEATURES))}}}",
            "student.encoder={kind: array}",
            "teacher.models=8",
            f"teacher.labels={LABELS}",
        ]
        work = prepared(overrides, Store(folder / "store-auto"))
        n_candidates = 0
        sides: dict[str, list[tuple[float, float]]] = {"auto": [], "plain": []}
        stages: dict[str, float] = {}
        for repeat in range(options.repeats):
            start = time.perf_counter()

            def choosing() -> None:
                nonlocal n_candidates
                n_candidates = work()

            sides["auto"].append(timed(choosing))
            cpu = time.process_time()
            stages = plain(overrides, folder / str(repeat))
            sides["plain"].append((sum(stages.values()), time.process_time() - cpu))
            print(f"repeat {repeat}: {time.perf_counter() - start:.1f} s {sides} {stages}", flush=True)
    median = {
        side: {"wall": statistics.median(w for w, _ in times), "cpu": statistics.median(c for _, c in times)}
        for side, times in sides.items()
    }
    print(
        json.dumps(
            {
                "candidates": n_candidates,
                "students": n_candidates * 8,
                "classes": options.classes,
                "seconds": median,
                "auto / plain": {
                    unit: round(median["auto"][unit] / median["plain"][unit], 2) for unit in ("wall", "cpu")
                },
                "plain stages": stages,
            }
        )
    )


if __name__ == "__main__":
    main()
