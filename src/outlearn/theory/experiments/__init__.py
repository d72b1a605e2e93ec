"""The table of theory experiments: closed forms held against simulation, each in seconds.

An experiment is one module and one line in `EXPERIMENTS`. Its claims can fail; what it found is a `TheoryResult`.
"""

from __future__ import annotations

from outlearn.theory.experiments.base import Experiment, OnProgress
from outlearn.theory.experiments.convex import ConvexSettings, simulate_convex
from outlearn.theory.experiments.ensembles import EnsemblesSettings, simulate_ensembles
from outlearn.theory.experiments.entropy import EntropySettings, simulate_entropy
from outlearn.theory.experiments.random_features import simulate_random_features
from outlearn.theory.experiments.random_features_settings import RandomFeaturesSettings
from outlearn.theory.experiments.ridge import RidgeSettings, simulate_ridge
from outlearn.theory.experiments.subspace import SubspaceSettings, simulate_subspace

__all__ = [
    "EXPERIMENTS", "ConvexSettings", "EnsemblesSettings", "EntropySettings", "Experiment", "OnProgress",
    "RandomFeaturesSettings", "RidgeSettings", "SubspaceSettings",
]  # fmt: skip

EXPERIMENTS: dict[str, Experiment] = {
    experiment.name: experiment
    for experiment in (
        Experiment(
            "random-features",
            "Random-features ridge: misfit, residual and distance to the posterior-mean teacher against student width",
            RandomFeaturesSettings,
            simulate_random_features,
        ),
        Experiment(
            "ridge",
            "A student that compensates an under-regularised teacher, and the penalty at which its gain turns to loss",
            RidgeSettings,
            simulate_ridge,
        ),
        Experiment(
            "subspace",
            "The variance a student inherits through the directions that its features share with its teacher's",
            SubspaceSettings,
            simulate_subspace,
        ),
        Experiment(
            "ensembles",
            "Ensembles by mean probability and by mean log-probability: bias kept or moved, variance cut",
            EnsemblesSettings,
            simulate_ensembles,
        ),
        Experiment(
            "convex",
            "Misfit and gain: equal for linear classes, a bound for convex ones, neither without convexity",
            ConvexSettings,
            simulate_convex,
        ),
        Experiment(
            "entropy",
            "When sharpening a student helps: the sign of H(s) - CE(y, s) on real predictions",
            EntropySettings,
            simulate_entropy,
        ),
    )
}
