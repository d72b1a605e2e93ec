"""Ensembles of Gaussian logits, simulated and integrated: the numbers of `theory.logit_ensembles` as claims."""

from __future__ import annotations

import numpy as np
from scipy.special import expit, xlogy

from outlearn.results.theory import Claim
from outlearn.theory.experiments.base import worst, z_claim
from outlearn.theory.logit_ensembles import dual_ensemble_variance, primal_pair_dual_mean
from outlearn.theory.sampling import interval_columns, mean_interval
from outlearn.theory.scalars import Real

__all__ = ["compare_logits"]


def compare_logits(
    sizes: tuple[int, ...], deviation: Real, draws: int, rng: np.random.Generator
) -> tuple[list[Claim], dict[str, np.ndarray]]:
    """Simulate ensembles of each size at nine mean logits; return the claims and a curve over sizes."""
    means, target = np.linspace(-2, 2, 9), 0.7
    claims, variances, exact_variances = [], [], []
    for members in sizes:
        logits = means + deviation * rng.standard_normal((draws, members, means.size))
        dual = logits.mean(axis=1)
        # KL(sigmoid(mean), f) itself, linear term and all: the term has mean 0 but takes most of the spread with it
        divergence = np.logaddexp(0, dual) - np.logaddexp(0, means) - expit(means) * (dual - means)
        exact = float(dual_ensemble_variance(means, deviation, members=members).mean())
        text = f"Gaussian logits: variance of a dual ensemble (worst of {len(sizes)} sizes, {members})"
        claims.append(z_claim(text, divergence.mean(axis=1), exact))
        variances.append(mean_interval(divergence.mean(axis=1)))
        exact_variances.append(exact)
    pair = expit(means + deviation * rng.standard_normal((draws, 2, means.size))).mean(axis=1)
    # z-scores on the dual mean, where the average is; the bias is a smooth function of it
    exact_duals = primal_pair_dual_mean(means, deviation)
    moved = [
        z_claim(
            f"Gaussian logits: the dual mean of primal pairs (worst of {means.size} mean logits, {mean:g}; a dual "
            f"ensemble's is {mean:g})",
            duals,
            float(exact),
        )
        for mean, duals, exact in zip(means, np.log(pair / (1 - pair)).T, exact_duals, strict=True)
    ]
    curve = {
        "members": np.array(sizes),
        **interval_columns("variance", variances),
        "variance_exact": np.array(exact_variances),
        "bias_of_dual": np.full(len(sizes), _binary_kl(target, means).mean()),
        "bias_of_primal_pairs": np.full(len(sizes), _binary_kl(target, exact_duals).mean()),
    }
    return [worst(claims), worst(moved)], curve


def _binary_kl(target: float, logits: np.ndarray) -> np.ndarray:
    entropy = -xlogy(target, target) - xlogy(1 - target, 1 - target)
    return np.asarray(np.logaddexp(0, logits) - target * logits - entropy)
