"""What is measured of named losses that were tuned without true labels, and of `auto` against each of them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float

from outlearn.core.intervals import Interval
from outlearn.core.scales import DIFFERENCE, SHARE
from outlearn.experiment.evaluation import Evaluation
from outlearn.experiment.plan import Plan
from outlearn.experiment.stages.tuned_baselines import TUNED_BASELINES
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
    if plan.tuned_baselines is None:
        return ()
    auto = next(name for name, each in plan.chosen.items() if each.recipe.combines)
    level = plan.config.measure.level
    found = []
    for source, students in plan.tuned_baselines.read(entries[TUNED_BASELINES]).items():
        for loss in plan.labeling.fixed_losses:
            at = students.best(loss)
            if at is None:
                continue
            hits = (students.hard[at] == test.labels).astype(np.float64)
            found.append(
                TunedBaseline(
                    loss=loss_name(loss),
                    source=source,
                    candidate=recorded(students.candidates[at]),
                    held_out=float(students.accuracy[at].mean()),
                    accuracy=mean_of(hits, level, np.arange(len(hits)), scale=SHARE),
                    auto_minus=_minus(right.students[auto], hits, level),
                )
            )
    return tuple(found)


def _minus(
    auto: Float[np.ndarray, "seeds points"], hits: Float[np.ndarray, "labelers points"], level: float
) -> Interval | Withheld:
    """Compare `auto`, its seeds averaged, with the students of each labeler, point by point: given its choice."""
    return mean_of(auto.mean(axis=0) - hits, level, np.arange(len(hits)), scale=DIFFERENCE)
