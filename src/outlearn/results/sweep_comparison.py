"""Compare the losses of a sweep, or the values of a varied key, over its runs: paired differences, ranks, win rates.

A treatment is a loss, or a value of one key; a block is everything else that a run is: all treatments met the same
data there. Blocks that lack a treatment are left out of its comparison. The unit is a split (task and
seed), its blocks averaged: other encoders on the same test points are no independent witnesses. Tasks are the unit of
what is said about other tasks.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from outlearn.core.across_tasks.block_means import over_clusters, over_splits, win_rate
from outlearn.core.across_tasks.ranking import block_ranks
from outlearn.core.intervals import Interval
from outlearn.core.mean_intervals import cluster_means
from outlearn.core.verdict import excludes_zero
from outlearn.results.numbers import NumberStudent
from outlearn.results.run import Student
from outlearn.results.sweep import Sweep, Swept

__all__ = ["MINIMUM_UNITS", "Comparison", "compare_losses", "compare_values", "compared_keys", "comparisons"]

BASELINES = ("forward_ce", "squared_error")  # what everybody does; where none was tried, the first loss
MINIMUM_UNITS = 3  # splits, for ranks
MAX_PARTS = 6
# Keys that say which points a block has: blocks differ in them, nobody compares them.
POINTS = ("seed", "data")


@dataclass(frozen=True)
class Comparison:
    """Scores of treatments over blocks.

    Attributes:
        what: what the treatments are: "loss", or a dotted key.
        treatments: their names, in the order of the sweep.
        baseline: the one that the others are compared with.
        scores: metric -> `[blocks, treatments]`; treatments are compared by the first, in which more is better:
            accuracy, or of numbers the risk with its sign turned, of several tasks relative to that of always saying
            the mean label, since their units differ. The log loss of classes stands beside it.
        task_of: name of each block's task.
        setting_of: each block's task with the values of all other keys, but the seed.
        seed_of: seed of each block's split.
        shared: for each block test points over training points; see `over_splits`.
        level: of all intervals.
    """

    what: str
    treatments: tuple[str, ...]
    baseline: str
    scores: Mapping[str, np.ndarray]
    task_of: tuple[str, ...]
    setting_of: tuple[str, ...]
    seed_of: tuple[Any, ...]
    shared: np.ndarray
    level: float

    @property
    def metric(self) -> str:
        """What treatments are compared by."""
        return next(iter(self.scores))

    def named(self, treatment: str) -> str:
        """Return a treatment as a sentence calls it: a loss by its name, a value with its key."""
        return treatment if self.what == "loss" else f"{self.what} {treatment}"

    @cached_property
    def tasks(self) -> tuple[str, ...]:
        """The tasks, in order of appearance."""
        return tuple(dict.fromkeys(self.task_of))

    @cached_property
    def parts(self) -> tuple[str, ...]:
        """The settings, if there are few, else the tasks: what is shown apart."""
        settings = tuple(dict.fromkeys(self.setting_of))
        return settings if len(settings) <= MAX_PARTS else self.tasks

    @cached_property
    def _task_index(self) -> np.ndarray:
        return _numbered(self.task_of)

    @cached_property
    def _split_index(self) -> np.ndarray:
        return _numbered(tuple(zip(self.task_of, self.seed_of, strict=True)))

    @property
    def n_units(self) -> int:
        """The number of splits."""
        return int(self._split_index.max()) + 1

    @cached_property
    def units(self) -> np.ndarray:
        """The score of each treatment on each split, its blocks averaged, `[splits, treatments]`."""
        return cluster_means(self.scores[self.metric], self._split_index)

    @cached_property
    def mean_ranks(self) -> np.ndarray:
        """Mean rank of each treatment over the splits; 1 is best."""
        return block_ranks(self.units).mean(axis=0)

    def task_score(self, treatment: str) -> float:
        """Return the mean over tasks of a treatment's score; every task weighs the same."""
        of_tasks = cluster_means(self.scores[self.metric], self._task_index)
        return float(of_tasks[:, self.treatments.index(treatment)].mean())

    def difference(
        self, treatment: str, metric: str | None = None, *, part: str | None = None, against: str | None = None
    ) -> Interval:
        """Return treatment minus baseline, or another, over these tasks or one part, for new draws of their points."""
        values = self._paired(treatment, metric, against)
        names = self.setting_of if part in self.setting_of else self.task_of
        mine = np.array([part is None or name == part for name in names])
        return over_splits(values[mine], self._task_index[mine], self._split_index[mine], self.shared[mine], self.level)

    def difference_for_new_tasks(self, treatment: str) -> Interval:
        """Return treatment minus baseline in score, for tasks that were not tried."""
        return over_clusters(self._paired(treatment), self._task_index, self.level)

    def wins(self, treatment: str) -> Interval:
        """Return how often the treatment's score is above the baseline's; tasks are the unit."""
        place, base = self.treatments.index(treatment), self.treatments.index(self.baseline)
        scores = self.scores[self.metric]
        return win_rate(scores[:, place], scores[:, base], clusters=self._task_index, level=self.level)

    @cached_property
    def apart(self) -> np.ndarray:
        """Which pairs are told apart by the interval of their difference, `[treatments, treatments]`."""
        found = [
            [first != other and excludes_zero(self.difference(first, against=other)) for other in self.treatments]
            for first in self.treatments
        ]
        return np.array(found)

    def _paired(self, treatment: str, metric: str | None = None, against: str | None = None) -> np.ndarray:
        scores = self.scores[metric or self.metric]
        other = self.treatments.index(against or self.baseline)
        return scores[:, self.treatments.index(treatment)] - scores[:, other]


def comparisons(sweep: Sweep) -> dict[str, Comparison]:
    """Compare the losses of a sweep, then the values of each varied key, as far as they met.

    Returns:
        "loss" or a dotted key -> its comparison.
    """
    found = {"loss": compare_losses(sweep)} | {key: compare_values(sweep, key) for key in compared_keys(sweep)}
    return {what: comparison for what, comparison in found.items() if comparison is not None}


def compare_losses(sweep: Sweep) -> Comparison | None:
    """Compare the losses; a block is a run. None for fewer than two losses that meet in some run."""
    losses = tuple(dict.fromkeys(loss for run in sweep.every for loss in run.run.students))
    keys = compared_keys(sweep)
    return _compare(
        sweep,
        "loss",
        losses,
        next((loss for loss in (*BASELINES, *losses) if loss in losses), ""),
        treatment=lambda run, loss: loss,
        block=lambda run, loss: run.label,
        setting=lambda run: ", ".join([run.task, *map(run.setting_text, keys)]),
    )


def compared_keys(sweep: Sweep) -> tuple[str, ...]:
    """Return the varied keys whose values are compared: those that do not choose the points."""
    return tuple(key for key in sweep.keys if key.split(".")[0] not in POINTS)


def compare_values(sweep: Sweep, key: str) -> Comparison | None:
    """Compare the values of a key; a block is a loss with the values of all other keys. None if they never meet."""
    values = sweep.values_of(key)
    others = [other for other in sweep.keys if other != key]
    return _compare(
        sweep,
        key,
        values,
        next(iter(values), ""),
        treatment=lambda run, loss: run.value_text(key),
        block=lambda run, loss: (loss, *map(run.value_text, others)),
        setting=lambda run: run.task,
    )


def _compare(
    sweep: Sweep,
    what: str,
    treatments: tuple[str, ...],
    baseline: str,
    *,
    treatment: Callable[[Swept, str], str],
    block: Callable[[Swept, str], Hashable],
    setting: Callable[[Swept], str],
) -> Comparison | None:
    """Gather the complete blocks: those in which every treatment was measured."""
    blocks: dict[Hashable, dict[str, tuple[Swept, Mapping[str, float]]]] = {}
    scale = _baseline_risks(sweep)
    for run in sweep.every:
        for loss, student in run.run.students.items():
            scores = _scores(student, scale.get(run.task))
            if scores is not None:
                blocks.setdefault(block(run, loss), {})[treatment(run, loss)] = (run, scores)
    complete = [found for found in blocks.values() if len(found) == len(treatments)]
    if len(treatments) < 2 or not complete:
        return None
    firsts = [found[treatments[0]][0] for found in complete]
    tasks = [run.run.task for run in firsts]
    return Comparison(
        what=what,
        treatments=treatments,
        baseline=baseline,
        scores={
            metric: np.array([[found[name][1][metric] for name in treatments] for found in complete])
            for metric in complete[0][treatments[0]][1]
        },
        task_of=tuple(task.name for task in tasks),
        setting_of=tuple(map(setting, firsts)),
        seed_of=tuple(str(run.seed) for run in firsts),
        shared=np.array([task.n_test / task.n_student for task in tasks]),
        level=firsts[0].run.measure.level,
    )


def _baseline_risks(sweep: Sweep) -> dict[str, float]:
    """Return task -> mean risk of always saying the mean label, of several tasks of numbers; empty for one."""
    found: dict[str, list[float]] = {}
    for run in sweep.number_runs:
        for student in run.run.students.values():
            over = student.differences["baseline"]  # risk of the baseline - risk of the student
            if isinstance(student.risk, Interval) and isinstance(over, Interval):
                found.setdefault(run.task, []).append(student.risk.mean + over.mean)
    return {task: float(np.mean(each)) for task, each in found.items()} if len(found) > 1 else {}


def _scores(student: Student | NumberStudent, scale: float | None) -> Mapping[str, float] | None:
    """Return what a student is compared by, more is better in the first; None where it was not measured."""
    if isinstance(student, NumberStudent):
        if not isinstance(student.risk, Interval):
            return None
        return {"risk": -student.risk.mean} if scale is None else {"relative risk": -student.risk.mean / scale}
    accuracy, log_loss = student.accuracy, student.log_loss
    if isinstance(accuracy, Interval) and isinstance(log_loss, Interval):
        return {"accuracy": accuracy.mean, "log_loss": log_loss.mean}
    return None


def _numbered(names: Sequence[Hashable]) -> np.ndarray:
    """Number names in order of appearance."""
    numbers = {name: number for number, name in enumerate(dict.fromkeys(names))}
    return np.array([numbers[name] for name in names])
