"""Does what the next true labels are foreseen to bring to `auto` come true? One JSON line a setting, resumable.

    python benchmarks/label_gain.py gain.jsonl --sst2 SST2/train.txt --clinc150 CLINC150.csv --hh-helpful HH/test.jsonl
    python benchmarks/label_gain.py gain.jsonl --summary

The settings are those of `auto_evidence.py`. Of each, 100 points of the validation split have true labels (all of them
where it has fewer); what 100 more would bring is foreseen as a run foresees it. Then 100 more are taken of the student
split, at random three times over and where each way of `results.label_gain.WAYS` puts them, and the answers that they
teach are judged on the test split.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np

import outlearn as ol
from auto_evidence import settings
from outlearn.core.feature_matrix import FeatureMatrix
from outlearn.core.predictions import Predictions
from outlearn.experiment.plan import Plan, make_plan
from outlearn.experiment.stages.features import read_features
from outlearn.experiment.stages.teachers import teacher_predictions
from outlearn.progress import Silent
from outlearn.results.label_gain import LabelGain
from outlearn.results.measurement import Withheld
from outlearn.selection import (
    Choice,
    Learned,
    TrueLabels,
    choose,
    default_candidates,
    fit_answer_with_true_labels,
    selection_labelings,
)
from outlearn.selection.known_shares import best_known_shares
from outlearn.selection.labelers import Labelings
from outlearn.selection.taught import Teaching
from outlearn.store.stage import StageRunner
from outlearn.store.store import Store
from run_records import add_run, missing_runs, read_runs

N, DRAWS, LEVEL = 100, 3, 0.95
PARTS = ("student", "validation", "test")


class Setting:
    """A task whose teachers and features are made, and the choice for it."""

    def __init__(self, plan: Plan, store: Store, seed: int) -> None:
        runner, auto, self.seed = StageRunner(store, Silent()), plan.chosen["auto"], seed
        rows = {part: getattr(plan.splits, part) for part in PARTS}
        features = read_features(runner.result(auto.frozen.features))
        said = teacher_predictions(runner.result(plan.labeling.teachers), plan.task, plan.splits)
        self.x: dict[str, FeatureMatrix] = {part: features[rows[part]] for part in PARTS}
        self.y = {part: plan.task.labels[rows[part]] for part in PARTS}
        self.labelings: Labelings = selection_labelings({part: said[part] for part in PARTS[:2]}, "mean")
        who, base = self.labelings.predictions["student"], auto.frozen.settings
        taught = plan.labeling.taught
        shares = (
            best_known_shares(taught, [], self.labelings.learned("student"), self.x["student"])
            if auto.frozen.bias
            else None
        )
        self.learned = Learned.by(who, self.x["student"], who.probs, base, shares)
        self.choice: Choice = choose(
            self.learned,
            self.labelings,
            validation_features=self.x["validation"],
            candidates=default_candidates(*self.x["student"].shape, base, weighted=who.answered is not None),
            seeds=[seed] * who.n_models,
        )
        self.teaching = Teaching(self.learned, self.labelings, self.choice, "learn", seed=seed)

    def said(self, part: str, rows: np.ndarray) -> np.ndarray:
        """Return what the labelers say of some points, the mean; nan where nobody says anything."""
        labelers = self.labelings.learned(part)
        probs = labelers.probs[0][rows]
        return probs if labelers.answered is None else np.where(labelers.answered[0][rows][:, None], probs, np.nan)

    def right(self, called: np.ndarray) -> np.ndarray:
        """Mark the test points that are called what they are."""
        return np.asarray(called == self.y["test"], dtype=float)

    def taught_by(self, true: TrueLabels) -> float:
        """Return the accuracy of the answer that these true labels teach."""
        answer = fit_answer_with_true_labels(
            self.learned, self.labelings, self.choice, {}, [(0, self.seed)], true, weak=self.teaching.weak
        )
        return float(self.right(answer.heads.predict(self.x["test"])[0].argmax(axis=-1)).mean())

    def picks(self) -> dict[str, np.ndarray]:
        """Pick points of the student split in the ways that a run compares."""
        x, weak = self.x["student"], self.teaching.weak
        probs = Predictions.from_logits(weak.heads.predict(x)).probs[0]
        first, second = Predictions.from_logits(weak.of_groups.predict(x)).probs
        said = self.said("student", np.arange(len(probs)))
        scores = {
            "suspect": (probs * np.where(np.isnan(said), probs, said)).sum(axis=-1),
            "disagreed": (first * second).sum(axis=-1),
        }
        return {way: np.argsort(score, kind="stable")[:N] for way, score in scores.items()}


def measure(setting: Setting) -> dict[str, Any]:
    """Foresee, then do."""
    rng = np.random.default_rng(setting.seed)
    known = rng.permutation(len(setting.y["validation"]))[:N]
    true = TrueLabels(setting.x["validation"][known], setting.y["validation"][known])
    taught = setting.teaching.by(true, setting.said("validation", known), setting.x["test"])
    right = {way: setting.right(called) for way, called in taught.picked.items()}
    gain = LabelGain.of(
        "learn", setting.right(taught.none), setting.right(taught.quarters), setting.right(taught.whole), right,
        n_learned=len(known), n_labels=len(known), n_next=N, level=LEVEL,
    )  # fmt: skip
    before = float(setting.right(taught.whole).mean())

    def came(rows: np.ndarray) -> float:
        more = (setting.x["student"][rows], setting.y["student"][rows])
        both = [np.concatenate(pair) for pair in zip((true.features, true.labels), more, strict=True)]
        return setting.taught_by(TrueLabels(both[0], both[1])) - before

    foreseen = gain.next
    return {
        "labels": len(known),
        "brought": before - float(setting.right(taught.none).mean()),
        "foreseen": None if isinstance(foreseen, Withheld) else [foreseen.mean, foreseen.low, foreseen.high],
        "came": [came(rng.permutation(len(setting.y["student"]))[:N]) for _ in range(DRAWS)],
        "picked, foreseen": {
            way: None if isinstance(each, Withheld) else each.mean for way, each in gain.picked.items()
        },
        "picked, came": {way: came(rows) for way, rows in setting.picks().items()},
    }


def print_summary(lines: list[dict[str, Any]]) -> None:
    """Print how far foreseen gains are from those that came, in points of accuracy."""
    told = [line for line in lines if line["foreseen"] is not None]
    mean, low, high = 100 * np.array([line["foreseen"] for line in told]).T
    came = 100 * np.array([np.mean(line["came"]) for line in told])
    single = 100 * np.array([line["came"] for line in told])
    print(f"| {len(told)} settings, {len(lines) - len(told)} more withheld | points of accuracy |\n|---|---|")
    print(f"| foreseen, mean | {mean.mean():+.2f} |\n| came, mean | {came.mean():+.2f} |")
    print(f"| off by, root mean square | {np.sqrt(np.square(mean - came).mean()):.1f} |")
    print(f"| the same for a forecast of no gain | {np.sqrt(np.square(came).mean()):.1f} |")
    inside = (low[:, None] <= single) & (single <= high[:, None])
    print(f"| 95% intervals that hold the gain of a draw | {inside.sum()} of {inside.size} |")
    for way in dict.fromkeys(way for line in told for way in line["picked, came"]):
        pairs = [(line["picked, foreseen"].get(way), line["picked, came"][way], np.mean(line["came"])) for line in told]
        seen = 100 * np.mean([each for each, _, _ in pairs if each is not None])
        more = 100 * np.array([after - random for _, after, random in pairs])
        print(f"| {way}, more than random: seen on quarters | {seen:+.1f} |")
        print(f"| {way}, more than random: came | {more.mean():+.1f} (above 0 in {(more > 0).sum()} of {len(more)}) |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path, help="JSON lines: one a setting and seed")
    parser.add_argument("--sst2", type=Path)
    parser.add_argument("--clinc150", type=Path)
    parser.add_argument("--hh-helpful", type=Path)
    parser.add_argument("--tables", type=Path, default=Path("auto-tables"), help="where made tables are written")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--store", type=Path, default=Path(".outlearn"))
    parser.add_argument("--summary", action="store_true", help="measure nothing; print the table")
    options = parser.parse_args()
    if not options.summary:
        wanted = settings(options.sst2, options.clinc150, options.hh_helpful, options.tables)
        for name, seed in missing_runs(options.out, list(wanted), options.seeds):
            config = ol.load_config(overrides=["student.loss=[auto]", *wanted[name], f"seed={seed}"])
            found = measure(Setting(make_plan(config), Store(options.store), seed))
            add_run(options.out, name, seed, found)
            print(f"{name} seed {seed}", flush=True)
    print_summary(read_runs(options.out))


if __name__ == "__main__":
    main()
