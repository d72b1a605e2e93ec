"""The plan of a configuration, of classes or of numbers: the one place that asks which."""

from __future__ import annotations

from typing import TypeAlias

from outlearn.experiment.config import Config
from outlearn.experiment.number_plan import NumberPlan, make_number_plan
from outlearn.experiment.plan import Plan, SplitTask, make_plan, read_points

__all__ = ["AnyPlan", "plan_of"]

AnyPlan: TypeAlias = Plan | NumberPlan


def plan_of(config: Config, points: SplitTask | None = None) -> AnyPlan:
    """Lay out the stages of a run on its points, which `read_points` gives unless they are given.

    Raises:
        OutlearnError: for data or a configuration of which no run can come.
    """
    found = points or read_points(config)
    return make_number_plan(config, found) if found.task.facts.numeric else make_plan(config, found)
