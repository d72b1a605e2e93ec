"""Differences in accuracy between the students of two runs, for each loss, paired by teacher and test point.

    python benchmarks/paired_students.py RUN BASELINE

Both are run folders of the same points and teachers, such as fine-tuned students and heads (configs/finetuned). Seeds
are averaged first: the unit is the teacher with all its students, and the intervals are for new teachers and new test
points; the ceilings' are for new points only. Prints one JSON line a loss, and one for the ceilings; in percent.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
from jaxtyping import Float
from safetensors import safe_open

from outlearn.core.mean_intervals import point_interval, two_way_interval

Right = Float[np.ndarray, "models points"]


def right(folder: Path, who: str) -> tuple[Right, dict[str, np.ndarray], list[str]]:
    """Say where each model of a run is right on the test points, which model is which, and the names of the losses."""
    points = [json.loads(line) for line in (folder / "predictions" / "points.jsonl").read_text().splitlines()]
    labels = np.array([point["label"] for point in points if point["split"] == "test"])
    with safe_open(folder / "predictions" / f"{who}.safetensors", "numpy") as file:
        correct = file.get_tensor("test.log_probs").argmax(-1) == labels
        index = {name: file.get_tensor(name) for name in file.keys() if name.endswith("_of")}  # noqa: SIM118
        return correct.astype(float), index, json.loads((file.metadata() or {}).get("losses", "[]"))


def by_teacher(correct: Right, index: dict[str, np.ndarray], loss: int) -> Right:
    """Average the students of each teacher."""
    chosen = index["loss_of"] == loss
    teachers = np.unique(index["teacher_of"][chosen])
    return np.stack([correct[chosen & (index["teacher_of"] == m)].mean(0) for m in teachers])


def main(run: Path, baseline: Path) -> None:
    """Print the differences."""
    (correct, index, losses), (other, other_index, other_losses) = right(run, "students"), right(baseline, "students")
    for name in losses:
        mine = by_teacher(correct, index, losses.index(name))
        theirs = by_teacher(other, other_index, other_losses.index(name))
        found = two_way_interval(100 * (mine - theirs))
        print(line(name, mine, theirs, found.mean, found.low, found.high))
    mine, theirs = right(run, "ceilings")[0], right(baseline, "ceilings")[0]
    found = point_interval(100 * (mine.mean(0) - theirs.mean(0))[None])
    print(line("ceiling", mine, theirs, found.mean, found.low, found.high))


def line(name: str, mine: Right, theirs: Right, mean: float, low: float, high: float) -> str:
    """Write one comparison."""
    accuracies = {"accuracy": round(100 * float(mine.mean()), 1), "baseline": round(100 * float(theirs.mean()), 1)}
    return json.dumps({"student": name, **accuracies, "difference": [round(float(x), 1) for x in (mean, low, high)]})


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
