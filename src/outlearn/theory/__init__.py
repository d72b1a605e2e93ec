"""Closed forms and simulations of weak-to-strong generalization, in NumPy and SciPy only.

`run_theory` runs what `EXPERIMENTS` holds; each compares formulas with simulation and can fail. The modules
beside it hold the formulas: `random_features` and `equivalents` (random-features ridge, at finite and at large sizes),
`noise_posterior`, `plain_ridge`, `subspace`, `projections`, `logit_ensembles`, `sharpening`. Two are tools for real
data: `correlation_dimension` (how many directions two feature sets share) and `RidgePath` (many penalties at once).
"""

from outlearn.results.theory import Claim, TheoryResult
from outlearn.theory.correlation_dimension import CorrelationDimension, correlation_dimension, effective_dimension
from outlearn.theory.equivalents import RidgeLaw, ridge_equivalent
from outlearn.theory.experiments import EXPERIMENTS, Experiment
from outlearn.theory.logit_ensembles import dual_ensemble_variance, primal_pair_dual_mean
from outlearn.theory.noise_posterior import noise_posterior_mean
from outlearn.theory.plain_ridge import compensation_threshold, marchenko_pastur_law, spectrum_law
from outlearn.theory.projections import closest_softmax_linear, project_on_half_space, project_on_m_flat
from outlearn.theory.random_features import (
    StudentMoments,
    fit_random_features,
    minimum_norm_moments,
    minimum_norm_noise,
    posterior_projection,
)
from outlearn.theory.ridge_solver import RidgePath
from outlearn.theory.run import run_theory
from outlearn.theory.sharpening import best_power, sharpen, sharpening_gain, slope_by_complex_step
from outlearn.theory.subspace import SubspaceVariances, subspace_variances

__all__ = [
    "EXPERIMENTS", "Claim", "CorrelationDimension", "Experiment", "RidgeLaw", "RidgePath", "StudentMoments",
    "SubspaceVariances", "TheoryResult", "best_power", "closest_softmax_linear", "compensation_threshold",
    "correlation_dimension", "dual_ensemble_variance", "effective_dimension", "fit_random_features",
    "marchenko_pastur_law", "minimum_norm_moments", "minimum_norm_noise", "noise_posterior_mean",
    "posterior_projection", "primal_pair_dual_mean", "project_on_half_space", "project_on_m_flat", "ridge_equivalent",
    "run_theory", "sharpen", "sharpening_gain", "slope_by_complex_step", "spectrum_law", "subspace_variances",
]  # fmt: skip
