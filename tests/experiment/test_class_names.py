"""What the classes are called changes no number of a run, abstaining labelers and ties included."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytestmark = pytest.mark.medium

N = 400
# Times differ, and the label curve is drawn class by class, in their order.
LEFT_OUT = ("stages", "seconds", "equivalents")
TRAINED = 1e-3  # heads trained in float32 on features whose margin has the other sign


def write_votes(path: Path, labels: np.ndarray) -> Path:
    """Write two labelers that are right when they speak; of the class of point 0 they speak of two points in five."""
    rng = np.random.default_rng(1)
    silent = (labels == labels[0]) & (rng.random((2, N)) < 0.6)
    with path.open("w", newline="") as file:
        rows = [[f"p{i}", *np.where(silent[:, i], "", labels[i].astype(str))] for i in range(N)]
        csv.writer(file).writerows([["id", "a", "b"], *rows])
    return path


def numbers(results: Any, path: str = "") -> dict[str, float]:
    """List every number of results.json by its place."""
    if isinstance(results, dict):
        kept = {key: value for key, value in results.items() if key not in LEFT_OUT}
        return {p: v for key, value in kept.items() for p, v in numbers(value, f"{path}/{key}").items()}
    if isinstance(results, list):
        return {p: v for i, value in enumerate(results) for p, v in numbers(value, f"{path}/{i}").items()}
    return {path: results} if isinstance(results, int | float) else {}


@pytest.mark.parametrize("kind", ["soft", "hard"])
def test_renaming_the_classes_changes_no_number_of_a_run(small_run, write_task, tmp_path, kind):
    labels = np.load(write_task(tmp_path / "first.npz"))["labels"]
    write_task(tmp_path / "second.npz", labels=1 - labels)
    first, second = (
        numbers(
            small_run(
                f"teacher.external={write_votes(tmp_path / f'{name}.csv', y)}",
                "teacher.missing=abstain",
                f"weak_labels.kind={kind}",
                "student.loss=[forward_ce, forward_kl]",
                "student.learner={kind: convex}",
                "student.seeds=1",
                "student.checkpoints=[]",
                path=tmp_path / f"{name}.npz",
            ).results.to_json()
        )
        for name, y in (("first", labels), ("second", 1 - labels))
    )
    assert first.keys() == second.keys()
    assert first["/teacher/accuracy/mean"] == 1  # right where they speak: a gap is no wrong answer
    for place, value in first.items():
        assert second[place] == pytest.approx(value, abs=TRAINED, nan_ok=True), place
