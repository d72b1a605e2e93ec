"""Choosing without labels against every fixed loss, over tasks and teacher strengths: one JSON line a run, resumable.

    python benchmarks/auto_evidence.py auto.jsonl --data SST2/train.txt      # 12 settings x 3 seeds, 5 minutes or more
    python benchmarks/auto_evidence.py auto.jsonl --summary --svg docs/images/auto-scatter.svg

Without --data the settings on SST-2 are left out and the rest is offline. --settings FILE.json measures others: a
mapping of names to lists of overrides, as `outlearn run --set` takes them. A run that is in the file is not done again.

Each run: eight teachers on disjoint labels, one student for each teacher and candidate, and one for each teacher and
fixed loss at the default length. The criteria see the student and validation splits and no true label; accuracies are
of the test split, and nothing is chosen by them but what is called hindsight.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np

import outlearn as ol
from auto_summary import print_summary, write_scatter
from outlearn.core.predictions import Predictions
from outlearn.core.students.criteria import CRITERIA
from outlearn.core.students.recovery import performance_gap_recovered
from outlearn.experiment.plan import Plan, make_plan
from outlearn.experiment.stages.students import student_seed
from outlearn.experiment.stages.teachers import teacher_predictions
from outlearn.experiment.stages.weak_labels import weak_labels
from outlearn.learners import HeadSettings
from outlearn.losses import get_loss
from outlearn.losses.registry import LOSSES
from outlearn.progress import Silent
from outlearn.selection import choose, default_candidates, selection_labelers
from outlearn.selection.candidates import Candidate
from outlearn.selection.train import fit_candidates
from outlearn.store.stage import StageRunner
from outlearn.store.store import Store

# All that have default parameters; forward_kl has the gradient of forward_ce.
FIXED = tuple(name for name in LOSSES if name not in ("forward_kl", "regularised"))
# Strength: dimensions of the teachers' encoder x labels of each, or pixels x labels.
WORDS = ("256x200", "64x100", "64x290", "256x50")
PIXELS = ("8x75", "4x75", "16x75", "64x40")


def settings(sst2: Path | None) -> dict[str, list[str]]:
    """Name the tasks and teacher strengths of the report."""
    found = {}
    for task, source in (("vader", "data.name=vader-lexicon"), ("sst2", f"data.path={sst2}")):
        for strength in WORDS if task == "vader" or sst2 else ():
            dim, labels = strength.split("x")
            encoder = "{kind: wordllama}" if dim == "256" else f"{{kind: wordllama, dim: {dim}}}"
            found[f"{task}/{strength}"] = [source, f"teacher.encoder={encoder}", f"teacher.labels={labels}"]
    for strength in PIXELS:
        pixels, labels = strength.split("x")
        encoder = "{kind: array}" if pixels == "64" else f"{{kind: array, columns: 'centre:{pixels}'}}"
        found[f"digits/{strength}"] = [
            "data.name=digits",
            "teacher.models=8",
            f"teacher.encoder={encoder}",
            f"teacher.labels={labels}",
        ]
    return found


def measure(overrides: list[str], seed: int, store: Store) -> dict[str, Any]:
    """Choose on one task, teacher strength and seed, and compare with what a fixed choice gives."""
    config = ol.load_config(overrides=[*overrides, f"seed={seed}"])
    plan = make_plan(config)
    runner = StageRunner(store, Silent())
    teachers = teacher_predictions(runner.result(plan.labeling.teachers), plan.task, plan.splits)
    features = runner.result(plan.stages["student features"]).arrays["features"]
    ceilings = runner.result(plan.stages["ceilings"]).arrays["test"][-1]
    labels = plan.task.labels[plan.splits.test]
    base = HeadSettings(bias=True, **config.student.learner.model_dump(exclude={"kind"}))
    who = selection_labelers(teachers, config.weak_labels.source)
    targets = weak_labels(who["student"], config.weak_labels, seed=seed)
    seeds = [student_seed(config, m, 0) for m in range(len(targets))]
    x = {name: features[getattr(plan.splits, name)] for name in ("student", "validation", "test")}
    start = time.perf_counter()
    choice = choose(
        x["student"],
        targets,
        labelers=who,
        validation_features=x["validation"],
        candidates=default_candidates(len(x["student"]), base),
        base=base,
        seeds=seeds,
        predict={"test": x["test"]},
    )
    seconds = time.perf_counter() - start
    fixed = [Candidate(get_loss(name), base.epochs, base.weight_decay) for name in FIXED]
    students = {
        candidate: logits["test"]
        for candidate, logits in fit_candidates(
            x["student"], targets, {"test": x["test"]}, fixed, base=base, seeds=seeds
        )
    }
    return {
        **_room(plan, teachers["test"], students[fixed[0]], ceilings, labels),
        "seconds": round(seconds, 1),
        "fixed": {
            name: float((students[candidate].argmax(-1) == labels).mean())
            for name, candidate in zip(FIXED, fixed, strict=True)
        },
        "candidates": [candidate.record() for candidate in choice.candidates],
        "criteria": list(CRITERIA),
        "values": np.round(choice.values, 6).tolist(),
        "accuracy": np.round(choice.judged(labels).accuracy, 6).tolist(),
    }


def _room(
    plan: Plan, teachers: Predictions, students: np.ndarray, ceilings: np.ndarray, labels: np.ndarray
) -> dict[str, Any]:
    """Measure teachers and ceilings, and say whether PGR can be given."""
    found = performance_gap_recovered(
        labels,
        teacher=teachers,
        student=Predictions.from_logits(students, point_ids=teachers.point_ids, teacher_of=np.arange(len(students))),
        ceiling=Predictions.from_logits(ceilings, point_ids=teachers.point_ids),
    )
    return {
        "splits": str(plan.splits),
        "teacher": float((teachers.log_probs.argmax(-1) == labels).mean()),
        "ensemble": float((teachers.mean().log_probs.argmax(-1) == labels).mean()),
        "ceiling": float((ceilings.argmax(-1) == labels).mean()),
        "withheld": found.reason,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path, help="JSON lines: one a run")
    parser.add_argument("--data", type=Path, help="a file of SST-2, train.txt of the tree bank's binary task")
    parser.add_argument("--settings", type=Path, help="JSON: name -> overrides, in place of the report's settings")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--store", type=Path, default=Path(".outlearn"))
    parser.add_argument("--summary", action="store_true", help="measure nothing; print tables")
    parser.add_argument("--svg", type=Path, help="with --summary: write the scatter of criterion against accuracy")
    options = parser.parse_args()
    if not options.summary:
        wanted = json.loads(options.settings.read_text()) if options.settings else settings(options.data)
        done = {(run["setting"], run["seed"]) for run in _lines(options.out)}
        for seed in options.seeds:
            for name, overrides in wanted.items():
                if (name, seed) not in done:
                    run = {"setting": name, "seed": seed, **measure(overrides, seed, Store(options.store))}
                    with options.out.open("a") as file:
                        file.write(json.dumps(run) + "\n")
                    print(f"{name} seed {seed}: {run['seconds']} s", flush=True)
    runs = _lines(options.out)
    print_summary(runs)
    if options.svg:
        write_scatter(runs, options.svg)


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


if __name__ == "__main__":
    main()
