"""What measuring costs, a student: scores with intervals, paired differences, decompositions, the path.

A run with more and more seeds fills a store in a temporary folder; then its measures are taken again from what is
stored, `REPEATS` times, on one thread. The digits of scikit-learn, 10 classes, need no extra; `--data vader-lexicon`
has two classes and more points. Prints one JSON line a size: the median of the CPU seconds in all, and milliseconds a
student.

    OMP_NUM_THREADS=1 python benchmarks/measure.py [--data vader-lexicon] [--seeds 1 4 16]
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from outlearn.experiment import pipeline, results
from outlearn.experiment.load_config import load_config
from outlearn.store.store import Store

REPEATS = 3
SEEDS = (1, 4)
LOSSES = "[forward_ce, reverse_ce, cace, mae]"


def main() -> None:
    """Print one JSON line a size."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", default="digits")
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS)
    asked = parser.parse_args()
    measure = results.measure
    spent: list[float] = []

    def timed(*args: Any, **kwargs: Any) -> Any:
        for _ in range(REPEATS):
            began = time.process_time()
            found = measure(*args, **kwargs)
            spent.append(time.process_time() - began)
        return found

    pipeline.measure = timed
    with tempfile.TemporaryDirectory() as place:
        for seeds in asked.seeds:
            settings = [f"data.name={asked.data}", f"student.seeds={seeds}", f"student.loss={LOSSES}"]
            spent.clear()
            config = load_config(None, settings)
            run = pipeline.run(config, store=Store(Path(place) / "store"), out=Path(place) / f"run{seeds}")
            students = sum(student.models for student in run.results.students.values())
            seconds = statistics.median(spent)
            task = run.results.task
            line = {"data": asked.data, "students": students, "points": task.n_test, "classes": task.n_classes}
            cost = {"cpu_seconds": round(seconds, 2), "ms_a_student": round(1e3 * seconds / students, 1)}
            print(json.dumps({"benchmark": "measure", **line, **cost}), flush=True)


if __name__ == "__main__":
    main()
