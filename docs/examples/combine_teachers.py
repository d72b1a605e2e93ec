"""Students of combined teachers against students of single teachers, on the same points, with paired intervals.

    python docs/examples/combine_teachers.py FOLDER [--task vader-lexicon | digits | unequal] [--seeds 3]

"unequal" is scikit-learn's digits with eight teachers of very unequal strength: logistic regressions on 20 to 240
labels each, of which `outlearn run` sees the labels only. Everything is kept in FOLDER; a second call goes on there.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression

from outlearn.core.intervals import Interval
from outlearn.core.mean_intervals import point_interval, two_way_interval
from outlearn.core.metrics import accuracy
from outlearn.data.load import load_task
from outlearn.data.splits import make_splits
from outlearn.encoders.array import centre_columns
from outlearn.experiment.load_config import load_config
from outlearn.experiment.pipeline import run
from outlearn.results.run_folder import load_run
from outlearn.store.store import Store

SOURCES = ("mean", "dual_mean", "weighted", "dawid_skene")
LOSSES = ("forward_ce", "reverse_ce", "mae", "aux_conf")
LABELS = (20, 20, 20, 30, 30, 60, 120, 240)  # of the unequal teachers


def unequal_teachers(folder: Path, seed: int) -> tuple[Path, list[str]]:
    """Train the teachers of the task "unequal", and write what they say of every point as tables.

    The task is written too, with its splits: a run whose file names none gives the teacher split to the students, and
    they would learn what teachers have memorised.
    """
    task = load_task(name="digits", seed=seed)
    splits = make_splits(task, teacher=0.35, student=0.35, validation=0.05, test=0.25, seed=seed)
    pixels = task.features[:, centre_columns(64, 16)]
    named = np.full(task.n_points, "teacher", dtype="<U10")
    for name in ("student", "validation", "test"):
        named[getattr(splits, name)] = name
    data = folder / "digits.npz"
    np.savez(data, features=task.features, labels=task.labels, ids=np.array(task.ids), splits=named)
    pool = np.random.default_rng(seed).permutation(splits.teacher)
    paths = []
    for m, own in enumerate(np.split(pool[: sum(LABELS)], np.cumsum(LABELS)[:-1])):
        probs = np.full((task.n_points, task.n_classes), 1e-3)
        fitted = LogisticRegression(max_iter=1000).fit(pixels[own] / 16, task.labels[own])
        probs[:, fitted.classes_] += fitted.predict_proba(pixels / 16)
        path = folder / f"teacher{m}.csv"
        with path.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["id", *task.class_names])
            writer.writerows([task.ids[i], *(p / p.sum())] for i, p in enumerate(probs))
        paths.append(str(path))
    return data, paths


def go(folder: Path, task: str, source: str, seed: int) -> Path:
    """Run one configuration, or find it done."""
    out = folder / f"{task}-{source}-{seed}"
    if (out / "results.json").exists():
        return out
    choices = [f"seed={seed}", f"weak_labels.source={source}", f"student.loss=[{','.join(LOSSES)}]"]
    if task == "unequal":
        tables = folder / f"tables-{seed}"
        tables.mkdir(exist_ok=True)
        data, teachers = unequal_teachers(tables, seed)
        choices += [f"data.path={data}", f"teacher.external=[{','.join(teachers)}]"]
    else:
        choices += [f"data.name={task}"]
    run(load_config(None, choices), store=Store(folder / "store"), out=out)
    return out


def gain(first: Path, second: Path, loss: str) -> Interval:
    """Compare students of one combination with students of single teachers, or of another combination: accuracy.

    The interval is for new teachers and points where the first are students of single teachers, else for new points.
    """
    before, after = (load_run(path).predictions for path in (first, second))
    right = accuracy(after.students[loss], after.labels).mean(axis=0)  # over its seeds
    students = before.students[loss]
    differences = right - accuracy(students, before.labels)
    if before.labelers[loss].n_models == 1:
        return point_interval(differences)
    return two_way_interval(differences, clusters=students.teacher_of)


def written(gains: list[Interval]) -> str:
    """Write differences of accuracy in points."""
    cells = [f"{100 * g.mean:+.1f} [{100 * g.low:+.1f}, {100 * g.high:+.1f}]" for g in gains]
    return "".join(f"{cell:>22}" for cell in cells)


def main() -> None:
    """Run, compare, print."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("folder", type=Path)
    arguments.add_argument("--task", default="vader-lexicon", choices=("vader-lexicon", "digits", "unequal"))
    arguments.add_argument("--seeds", type=int, default=3)
    asked = arguments.parse_args()
    asked.folder.mkdir(parents=True, exist_ok=True)
    for seed in range(asked.seeds):
        each = go(asked.folder, asked.task, "each", seed)
        found = load_run(each)
        print(f"{asked.task}, split and seed {seed}; accuracy in %, differences in points with 95% intervals")
        print(f"  teachers {100 * found.teacher.accuracy.mean:.1f}", end="")
        for name in SOURCES:
            print(f", {name} of them {100 * found.ensembles[name].accuracy.mean:.1f}", end="")
        print("\n  students of" + " " * 12 + "".join(f"{loss:>22}" for loss in LOSSES))
        scores = [found.students[loss].accuracy.mean for loss in LOSSES]
        print(f"    {'single teachers':<19}" + "".join(f"{100 * score:>22.1f}" for score in scores))
        runs = {source: go(asked.folder, asked.task, source, seed) for source in SOURCES}
        for source in SOURCES:
            print(f"    {source:<19}" + written([gain(each, runs[source], loss) for loss in LOSSES]))
        print("  less students of the mean")
        for source in SOURCES[1:]:
            print(
                f"    {source:<19}" + written([gain(runs["mean"], runs[source], loss) for loss in LOSSES]), flush=True
            )


if __name__ == "__main__":
    main()
