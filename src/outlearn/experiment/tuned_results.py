"""What is measured of named losses that were tuned without true labels, and of `auto` against each of them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float

from outlearn.core.intervals import Interval
from outlearn.core.scales import DIFFERENCE, SHARE
from outlearn.experiment.evaluation import Evaluation
from outlearn.experiment.plan import Plan
from outlearn.experiment.stages.students import fixed_losses
from outlearn.experiment.student_results import PointScores
from outlearn.losses import loss_name
from outlearn.results.measurement import Withheld, mean_of
from outlearn.results.selection import TunedBaseline
from outlearn.selection.choice import recorded
from outlearn.store.store import Entry

__all__ = ["measure_tuned"]


def measure_tuned(
    test: Evaluation, plan: Plan, entries: Mapping[str, Entry], right: PointScores
) -> tuple[TunedBaseline, ...]:
    """Measure each loss at the setting that its own labelers' held-out labels choose, for each source."""
    by_key = {entry.key: entry for entry in entries.values()}
    auto = next((name for name, each in plan.chosen.items() if each.recipe.combines), None)
    level = plan.config.measure.level
    found = []
    for baseline in plan.tuned_baselines:
        grids = baseline.read(by_key)
        for loss in fixed_losses(plan.labeling):
            for grid in grids:
                at = grid.best(loss)
                if at is None:
                    continue
                hits = (grid.hard[at] == test.labels).astype(np.float64)
                found.append(
                    TunedBaseline(
                        loss=loss_name(loss),
                        source=baseline.source,
                        candidate=recorded(grid.candidates[at]),
                        held_out=float(grid.accuracy[at].mean()),
                        accuracy=mean_of(hits, level, np.arange(len(hits)), scale=SHARE),
                        auto_minus=None if auto is None else _minus(right.students[auto], hits, level),
                    )
                )
    return tuple(found)


def _minus(
    auto: Float[np.ndarray, "seeds points"], hits: Float[np.ndarray, "labelers points"], level: float
) -> Interval | Withheld:
    """Compare `auto`, its seeds averaged, with the students of each labeler, point by point: given its choice."""
    return mean_of(auto.mean(axis=0) - hits, level, np.arange(len(hits)), scale=DIFFERENCE)
