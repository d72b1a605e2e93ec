"""Compare the losses of a sweep, or the values of a varied key, over its runs: paired differences, ranks, win rates.

A treatment is a loss, or a value of one key; a block is everything else that a run is: all treatments met the same
data there. Blocks that lack a treatment are left out of its comparison. The unit of the tests is a split (task and
seed), its blocks averaged: other encoders on the same test points are no independent witnesses. Tasks are the unit of
what is said about other tasks.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from outlearn.core.across_tasks.block_means import over_clusters, over_splits
from outlearn.core.across_tasks.ranking import (
    FriedmanTest,
    PairwiseTests,
    block_ranks,
    cluster_scores,
    friedman_test,
    nemenyi_difference,
    wilcoxon_holm,
)
from outlearn.core.across_tasks.win_rates import win_rate
from outlearn.core.intervals import Interval
from outlearn.errors import DomainError
from outlearn.report.cells import Estimate
from outlearn.report.sweep_folder import SweepFolder, SweptRun
from outlearn.report.tables import loss_names, student_estimate

__all__ = ["Comparison", "as_estimate", "compare_losses", "compare_values", "compared_keys"]

FORWARD = "forward_ce"
FEWEST_UNITS = 3  # splits, for ranks and tests
MOST_PARTS = 6
# Keys that say which points a block has: blocks differ in them, nobody compares them.
POINTS = ("seed", "data")


@dataclass(frozen=True)
class Comparison:
    """Scores of treatments over blocks.

    Attributes:
        what: what the treatments are: "loss", or a dotted key.
        treatments: their names, in the order of the sweep.
        baseline: the one that the others are compared with.
        accuracy, log_loss: `[blocks, treatments]`.
        task_of: name of each block's task.
        setting_of: each block's task with the values of all other keys, but the seed.
        seed_of: seed of each block's split.
        shared: for each block test points over training points; see `over_splits`.
        level: of all intervals.
    """

    what: str
    treatments: tuple[str, ...]
    baseline: str
    accuracy: np.ndarray
    log_loss: np.ndarray
    task_of: tuple[str, ...]
    setting_of: tuple[str, ...]
    seed_of: tuple[Any, ...]
    shared: np.ndarray
    level: float

    @cached_property
    def tasks(self) -> tuple[str, ...]:
        """The tasks, in order of appearance."""
        return tuple(dict.fromkeys(self.task_of))

    @cached_property
    def parts(self) -> tuple[str, ...]:
        """The settings, if there are few, else the tasks: what is shown apart."""
        settings = tuple(dict.fromkeys(self.setting_of))
        return settings if len(settings) <= MOST_PARTS else self.tasks

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
        """Accuracy of each treatment on each split, its blocks averaged, `[splits, treatments]`."""
        return cluster_scores(self.accuracy, self._split_index)

    @cached_property
    def mean_ranks(self) -> np.ndarray:
        """Mean rank of each treatment over the splits; 1 is best."""
        return block_ranks(self.units).mean(axis=0)

    def task_accuracy(self, treatment: str) -> float:
        """Return the mean over tasks of a treatment's accuracy; every task weighs the same."""
        return float(cluster_scores(self.accuracy, self._task_index)[:, self.treatments.index(treatment)].mean())

    def difference(self, treatment: str, metric: str = "accuracy", *, part: str | None = None) -> Interval:
        """Return treatment minus baseline over these tasks (or in one part), for new draws of their points."""
        values = self._paired(treatment, metric)
        names = self.setting_of if part in self.setting_of else self.task_of
        mine = np.array([part is None or name == part for name in names])
        return over_splits(values[mine], self._task_index[mine], self._split_index[mine], self.shared[mine], self.level)

    def difference_for_new_tasks(self, treatment: str) -> Interval:
        """Return treatment minus baseline in accuracy, for tasks that were not tried."""
        return over_clusters(self._paired(treatment, "accuracy"), self._task_index, self.level)

    def wins(self, treatment: str) -> Interval:
        """Return how often the treatment's accuracy is above the baseline's; tasks are the unit."""
        place, base = self.treatments.index(treatment), self.treatments.index(self.baseline)
        scores = self.accuracy
        return win_rate(scores[:, place], scores[:, base], clusters=self._task_index, level=self.level)

    @cached_property
    def friedman(self) -> FriedmanTest | None:
        """The test that all rank alike over the splits; None for too few splits, or where all tie."""
        if self.n_units < FEWEST_UNITS:
            return None
        try:
            return friedman_test(self.units)
        except DomainError:
            return None

    @cached_property
    def pairs(self) -> PairwiseTests | None:
        """Wilcoxon's test of every pair over the splits; None for too few."""
        return wilcoxon_holm(self.units) if self.n_units >= FEWEST_UNITS else None

    @property
    def critical_difference(self) -> float | None:
        """The difference of mean ranks from which on Nemenyi's test tells two apart; None for too few splits."""
        if self.n_units < FEWEST_UNITS:
            return None
        return nemenyi_difference(len(self.treatments), self.n_units, level=self.level)

    def _paired(self, treatment: str, metric: str) -> np.ndarray:
        scores = {"accuracy": self.accuracy, "log_loss": self.log_loss}[metric]
        return scores[:, self.treatments.index(treatment)] - scores[:, self.treatments.index(self.baseline)]


def as_estimate(interval: Interval) -> Estimate:
    """Return an interval as a cell of a table."""
    low, high = (None if value != value else value for value in (interval.low, interval.high))
    return Estimate(interval.mean, low, high, interval.reason, interval.n_models, interval.n_points)


def compare_losses(sweep: SweepFolder) -> Comparison | None:
    """Compare the losses; a block is a run. None for fewer than two losses that meet in some run."""
    losses = tuple(dict.fromkeys(loss for run in sweep.runs for loss in loss_names(run.run.results)))
    cells = [(run, loss) for run in sweep.runs for loss in loss_names(run.run.results)]
    baseline = FORWARD if FORWARD in losses else losses[0] if losses else ""
    keys = compared_keys(sweep)

    def setting(run: SweptRun) -> str:
        return ", ".join([run.task, *(str(run.values.get(key)) for key in keys)])

    return _compare(
        "loss",
        losses,
        baseline,
        cells,
        treatment=lambda run, loss: loss,
        block=lambda run, loss: run.label,
        setting=setting,
    )


def compared_keys(sweep: SweepFolder) -> tuple[str, ...]:
    """Return the varied keys whose values are compared: those that do not choose the points."""
    return tuple(key for key in sweep.keys if key.split(".")[0] not in POINTS)


def compare_values(sweep: SweepFolder, key: str) -> Comparison | None:
    """Compare the values of a key; a block is a loss with the values of all other keys. None if they never meet."""
    values = tuple(dict.fromkeys(str(run.values.get(key)) for run in sweep.runs))
    cells = [(run, loss) for run in sweep.runs for loss in loss_names(run.run.results)]

    def block(run: SweptRun, loss: str) -> Hashable:
        return (loss, *((other, str(run.values.get(other))) for other in sweep.keys if other != key))

    return _compare(
        key,
        values,
        values[0] if values else "",
        cells,
        treatment=lambda run, loss: str(run.values.get(key)),
        block=block,
        setting=lambda run: run.task,
    )


def _compare(
    what: str,
    treatments: tuple[str, ...],
    baseline: str,
    cells: Sequence[tuple[SweptRun, str]],
    *,
    treatment: Callable[[SweptRun, str], str],
    block: Callable[[SweptRun, str], Hashable],
    setting: Callable[[SweptRun], str],
) -> Comparison | None:
    """Gather the complete blocks."""
    blocks: dict[Hashable, dict[str, tuple[SweptRun, str]]] = {}
    for run, loss in cells:
        blocks.setdefault(block(run, loss), {})[treatment(run, loss)] = (run, loss)
    complete = [found for found in blocks.values() if len(found) == len(treatments) and _are_numbers(found.values())]
    if len(treatments) < 2 or not complete:
        return None

    def scores(metric: str) -> np.ndarray:
        return np.array([[_score(*found[name], metric) for name in treatments] for found in complete])

    firsts = [found[treatments[0]][0] for found in complete]
    return Comparison(
        what=what,
        treatments=treatments,
        baseline=baseline,
        accuracy=scores("accuracy"),
        log_loss=scores("log_loss"),
        task_of=tuple(run.task for run in firsts),
        setting_of=tuple(map(setting, firsts)),
        seed_of=tuple(str(run.seed) for run in firsts),
        shared=np.array([_shared(run) for run in firsts]),
        level=_level(firsts[0]),
    )


def _score(run: SweptRun, loss: str, metric: str) -> float:
    mean = student_estimate(run.run.results, loss, metric).mean
    return float("nan") if mean is None else mean


def _are_numbers(found: Any) -> bool:
    return all(not np.isnan(_score(run, loss, metric)) for run, loss in found for metric in ("accuracy", "log_loss"))


def _shared(run: SweptRun) -> float:
    """Return test points over the points that students learn from: what over_splits corrects for."""
    task = run.run.results["task"]
    try:
        return float(task["n_test"]) / float(task["n_student"])
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return 1.0


def _level(run: SweptRun) -> float:
    level = (run.run.results.get("measure") or {}).get("level")
    return float(level) if isinstance(level, int | float) and 0 < level < 1 else 0.95


def _numbered(names: Sequence[Hashable]) -> np.ndarray:
    """Number names in order of appearance."""
    numbers = {name: place for place, name in enumerate(dict.fromkeys(names))}
    return np.array([numbers[name] for name in names])
