"""The theory on data that nobody simulated: experiments that read tasks and encode texts, beside those of `theory`.

An experiment is one module and one line in `EXPERIMENTS_ON_DATA`; `outlearn theory` runs it as it runs the others.
"""

from __future__ import annotations

from outlearn.theory.experiments.base import Experiment
from outlearn.theory_on_data.capacity import simulate_capacity
from outlearn.theory_on_data.capacity_settings import RealCapacitySettings

__all__ = ["EXPERIMENTS_ON_DATA", "RealCapacitySettings"]

EXPERIMENTS_ON_DATA: dict[str, Experiment] = {
    experiment.name: experiment
    for experiment in (
        Experiment(
            "real-capacity",
            "Students of growing capacity on real features: who comes to the posterior-mean teacher, and who copies",
            RealCapacitySettings,
            simulate_capacity,
        ),
    )
}
