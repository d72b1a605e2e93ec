"""A few true labels beside the weak ones, against the strong model on the true labels alone: JSON lines, resumable.

    python benchmarks/true_labels.py true.jsonl --sst2 SST2/train.txt --clinc150 CLINC150.csv --hh-helpful HH/test.jsonl
    python benchmarks/true_labels.py true.jsonl --summary

The settings are those of `auto_evidence.py`, and tables of `auto_tables.py` whose annotators err on their own, or are
all misled at two points in five beside. The true labels are of points that no teacher learned from and that no student
has weak labels of: the validation split and what teachers left of theirs. Alone they are learned as the controls are,
tuned by cross-validation within the true labels. Without the files their settings are left out.
"""

from __future__ import annotations

import argparse
import warnings
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

import outlearn as ol
from auto_evidence import settings
from auto_summary import with_interval
from auto_tables import TABLES, annotators
from outlearn.core.feature_matrix import FeatureMatrix
from outlearn.core.mean_intervals import two_way_interval
from outlearn.data.draws import stratified_order
from outlearn.encoders.registry import get_encoder
from outlearn.estimator.classifier import EPOCHS, LEAST_STEPS
from outlearn.estimator.weak_students import WeakLabels, fit_weak_students
from outlearn.experiment.plan import make_plan
from outlearn.experiment.stages.ceilings import CEILINGS
from outlearn.experiment.stages.features import read_features
from outlearn.experiment.stages.teachers import teacher_draws, teacher_predictions
from outlearn.learners import HeadSettings
from outlearn.progress import Silent
from outlearn.selection import (
    Answer,
    Choice,
    Learned,
    TrueLabels,
    choose,
    default_candidates,
    fit_answer,
    fit_answer_with_true_labels,
    selection_labelings,
)
from outlearn.selection.known_shares import best_known_shares
from outlearn.selection.true_labels import agreement_with
from outlearn.selection.tuning import Grid, tune
from outlearn.store.stage import StageRunner
from outlearn.store.store import Store
from run_records import add_run, missing_runs, read_runs

SIZES, DRAWS, LEVEL = (40, 100, 200), 3, 0.95
ALONE, USES = "true labels alone", ("choose", "learn")
PARTS = ("student", "validation")
# Tables of enough points that 200 of them can be labeled and half are still new.
MISLED = 0.4  # of the points
LARGE = ("digits", "digits, odd or even", "moons", "four levels of a score", "20 columns", "classes of 90:10")


@dataclass(frozen=True, eq=False)
class Points:
    """Features and true labels of some points; groups are held out together."""

    x: FeatureMatrix
    y: np.ndarray
    groups: list[str] | None = None

    def known(self, rows: np.ndarray, seed: int) -> TrueLabels:
        """Tell the true labels of some."""
        groups = None if self.groups is None else [self.groups[i] for i in rows.tolist()]
        return TrueLabels(self.x[rows], self.y[rows], groups, seed)


class Run:
    """A setting of `auto_evidence.py` whose teachers and features are made."""

    def __init__(self, overrides: list[str], seed: int, store: Store) -> None:
        config = ol.load_config(overrides=["student.loss=[auto]", *overrides, f"seed={seed}"])
        plan, runner = make_plan(config), StageRunner(store, Silent())
        auto, task, splits, self.seed = plan.chosen["auto"], plan.task, plan.splits, seed
        features = read_features(runner.result(auto.frozen.features))
        said = teacher_predictions(runner.result(plan.labeling.teachers), task, splits)
        self.labelings = selection_labelings({part: said[part] for part in PARTS}, "mean")
        self.base, self.taught, self.n_classes = auto.frozen.settings, plan.labeling.taught, task.n_classes
        self.standardise = not get_encoder(config.student.encoder).common_scale
        left = splits.teacher
        if self.taught is not None:
            left = left[~teacher_draws(task, splits, config.teacher, seed=seed).any(axis=0)]
        rows = {part: getattr(splits, part) for part in (*PARTS, "test")}
        rows["pool"] = np.concatenate([splits.validation, left])
        self.of = {name: Points(features[at], task.labels[at], task.groups_of(at)) for name, at in rows.items()}
        truth = self.of["test"].y
        votes = said["test"]
        right = votes.probs.argmax(axis=-1) == truth
        self.labeler = float(right[np.ones(right.shape, bool) if votes.answered is None else votes.answered].mean())
        ceilings = runner.result(plan.tuned[CEILINGS].stage).arrays["test"]
        self.ceiling = float((ceilings[0].argmax(axis=-1) == truth).mean())

    def learned(self, true: TrueLabels | None) -> Learned:
        """Gather what candidates learn; the true labels are asked for class shares only, where teachers have none."""
        who, known = self.labelings.predictions["student"], np.empty(0, int) if true is None else true.labels
        shares = (
            best_known_shares(self.taught, known, self.labelings.learned("student"), self.of["student"].x)
            if self.base.bias
            else None
        )
        return Learned.by(who, self.of["student"].x, who.probs, self.base, shares)

    def choice(self, learned: Learned) -> Choice:
        """Choose without true labels, and see what all candidates say of the points that have one."""
        (n, d), who = learned.features.shape, self.labelings.predictions["student"]
        return choose(
            learned,
            self.labelings,
            validation_features=self.of["validation"].x,
            candidates=default_candidates(n, d, self.base, weighted=who.answered is not None),
            seeds=[self.seed] * who.n_models,
            predict={"pool": self.of["pool"].x},
        )

    @cached_property
    def without(self) -> tuple[Learned, Choice]:
        """What there is without true labels."""
        learned = self.learned(None)
        return learned, self.choice(learned)

    def called(self, rows: np.ndarray | None, uses: tuple[str, ...] = USES) -> dict[str, np.ndarray]:
        """Say what each way calls the test points."""
        learned, choice = self.without
        if rows is None:
            return {"none": self._called(fit_answer(learned, self.labelings, choice, {}, [(0, self.seed)]))}
        true = self.of["pool"].known(rows, self.seed)
        if self.taught is None:
            learned = self.learned(true)
            choice = self.choice(learned)
        kappa = agreement_with(true.labels, choice.hard["pool"][:, :, rows], self.n_classes)
        how = (learned, self.labelings, replace(choice, truth=kappa, n_true=len(true)), {}, [(0, self.seed)])
        made = {"choose": lambda: fit_answer(*how), "learn": lambda: fit_answer_with_true_labels(*how, true)}
        return {use: self._called(made[use]()) for use in uses}

    def _called(self, answer: Answer) -> np.ndarray:
        return answer.heads.predict(self.of["test"].x)[0].argmax(axis=-1)


class Table:
    """A table of `auto_tables.py` with annotators, as the estimator takes it."""

    standardise = True

    def __init__(self, name: str, seed: int, *, misled: bool) -> None:
        x, y = TABLES[name](seed)
        rng = np.random.default_rng([seed, 17])
        order, n, x = rng.permutation(len(x)), len(x), x.astype(np.float32)
        parts = dict(zip(("student", "pool", "test"), np.split(order, [2 * n // 5, 2 * n // 5 + 240]), strict=True))
        self.of = {part: Points(x[rows], y[rows]) for part, rows in parts.items()}
        self.seed, self.n_classes = seed, int(y.max()) + 1
        seen = self.of["student"].y
        if misled:  # where a direction of the features is large, all annotators take a class for the next one
            along = self.of["student"].x @ np.random.default_rng(1).normal(size=x.shape[1]).astype(np.float32)
            seen = np.where(along > np.quantile(along, 1 - MISLED), (seen + 1) % self.n_classes, seen)
        self.labels = annotators(seen, rng)
        self.labeler = float((self.labels.own.argmax(axis=-1) == self.of["student"].y)[self.labels.weights > 0].mean())
        ones = np.ones((1, len(parts["student"])))
        self.ceiling = float((alone(self, self.of["student"], ones)[0] == self.of["test"].y).mean())

    def called(self, rows: np.ndarray | None, uses: tuple[str, ...] = USES) -> dict[str, np.ndarray]:
        """Say what each way calls the test points."""
        return {use: self._called(use, rows) for use in (("none",) if rows is None else uses)}

    def _called(self, use: str, rows: np.ndarray | None) -> np.ndarray:
        known = np.empty(0, int) if rows is None else rows
        weak = WeakLabels(
            self.of["student"].x, self.labels.own, self.labels.weights, None, False,
            tuple(map(str, range(self.n_classes))), use, self.of["pool"].x[known], self.of["pool"].y[known],
        )  # fmt: skip
        base = HeadSettings(epochs=max(EPOCHS, LEAST_STEPS / -(-len(weak.features) // 128)))
        rng = np.random.default_rng(self.seed)
        made = fit_weak_students(weak, "auto", rounds=0, n_seeds=1, settings=base, rng=rng)
        return made.heads.predict(self.of["test"].x)[0].argmax(axis=-1)


def alone(world: Run | Table, points: Points, sets: np.ndarray) -> np.ndarray:
    """Say what the strong model calls the test points, tuned within each set of true labels as the controls are."""
    tuned = tune(
        points.x,
        points.y,
        {"test": world.of["test"].x},
        n_classes=world.n_classes,
        sets=list(sets),
        grid=Grid.of(world.n_classes, standardise=world.standardise),
        seeds=list(range(len(sets))),
        groups=points.groups,
        bias=getattr(world, "base", HeadSettings()).bias,
    )
    return tuned.logits["test"].argmax(axis=-1)


def measure(world: Run | Table, draws: int) -> dict[str, Any]:
    """Compare the ways on the test points, for each number of true labels."""
    pool, truth = world.of["pool"], world.of["test"].y
    none = (world.called(None)["none"] == truth).mean()
    found: dict[str, Any] = {"labeler": world.labeler, "ceiling": world.ceiling, "none": float(none), "sizes": {}}
    for n in (n for n in SIZES if n <= len(pool.y)):
        picked = [stratified_order(pool.y, np.random.default_rng([world.seed, n, draw]))[:n] for draw in range(draws)]
        sets = np.zeros((draws, len(pool.y)))
        for row, rows in zip(sets, picked, strict=True):
            row[rows] = 1.0
        called = [world.called(rows) for rows in picked]
        right = {way: np.stack([each[way] for each in called]) == truth for way in called[0]}
        right[ALONE] = alone(world, pool, sets) == truth
        found["sizes"][n] = {way: float(each.mean()) for way, each in right.items()}
        for way in ("choose", "learn"):
            more = two_way_interval(right[way].astype(float) - right[ALONE], LEVEL)
            found["sizes"][n][f"{way}, minus alone"] = [more.mean, more.low, more.high]
    return found


def print_summary(lines: list[dict[str, Any]]) -> None:
    """Print accuracy of each way and paired differences, with intervals over settings, and then every setting."""
    ways = ("none", "choose", "learn", ALONE)
    print(f"| settings | true labels | {' | '.join(ways)} | learn minus alone | the same, PGR | lowest | below |")
    print("|---|---|" + "---|" * (len(ways) + 4))
    for kind in dict.fromkeys(_kind(line) for line in lines):
        for n in map(str, SIZES):
            told = [line for line in lines if _kind(line) == kind and n in line["sizes"]]
            if not told:
                continue
            of = [{"none": line["none"], **line["sizes"][n]} for line in told]
            cells = [f"{100 * np.mean([each[way] for each in of]):.1f}" for way in ways]
            more = np.array([each["learn"] - each[ALONE] for each in of])
            room = np.array([line["ceiling"] - line["labeler"] for line in told])
            surely = sum(each["learn, minus alone"][2] < 0 for each in of)
            apart = [with_interval(100 * more, "+", 1), with_interval(more / room, "+", 2)]
            cells += [*apart, f"{100 * more.min():+.1f}", f"{surely} of {len(of)}"]
            print(f"| {len(told)} {kind} | {n} | {' | '.join(cells)} |")
    head = " | ".join(f"{n}: choose, learn, alone | learn minus alone" for n in SIZES)
    print(f"\n| setting | labeler | ceiling | none | {head} |\n|{'---|' * (4 + 2 * len(SIZES))}")
    for line in lines:
        cells = [f"{100 * line[key]:.1f}" for key in ("labeler", "ceiling", "none")]
        for n in map(str, SIZES):
            found = line["sizes"].get(n)
            cells.append("" if found is None else ", ".join(f"{100 * found[way]:.1f}" for way in ways[1:]))
            apart = None if found is None else 100 * np.array(found["learn, minus alone"])
            cells.append("" if apart is None else "{:+.1f} [{:+.1f}, {:+.1f}]".format(*apart))
        print(f"| {line['setting']}, {line['seed']} | {' | '.join(cells)} |")


def _kind(line: dict[str, Any]) -> str:
    kind, _, name = line["setting"].partition(": ")
    return (
        {"table": "tables", "misled": "tables, annotators misled"}[kind] if name else "settings of `auto_evidence.py`"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path, help="JSON lines: one a setting and seed")
    parser.add_argument("--sst2", type=Path)
    parser.add_argument("--clinc150", type=Path)
    parser.add_argument("--hh-helpful", type=Path)
    parser.add_argument("--tables", type=Path, default=Path("auto-tables"), help="where made tables are written")
    parser.add_argument("--only", nargs="+", help="settings by name")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--draws", type=int, default=DRAWS)
    parser.add_argument("--store", type=Path, default=Path(".outlearn"))
    parser.add_argument("--summary", action="store_true", help="measure nothing; print the tables")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    if not options.summary:
        runs = settings(options.sst2, options.clinc150, options.hh_helpful, options.tables)
        names = [*(f"{kind}: {name}" for kind in ("table", "misled") for name in LARGE), *runs]
        for name, seed in missing_runs(options.out, options.only or names, options.seeds):
            kind, _, table = name.partition(": ")
            made = name in runs
            world = Run(runs[name], seed, Store(options.store)) if made else Table(table, seed, misled=kind == "misled")
            found = measure(world, options.draws)
            add_run(options.out, name, seed, found)
            print(f"{name} seed {seed}: {found['sizes']}", flush=True)
    print_summary(read_runs(options.out))


if __name__ == "__main__":
    main()
