"""Ensembles of Gaussian logits, simulated and integrated: the numbers of `theory.logit_ensembles` as claims."""

from __future__ import annotations

import numpy as np
from scipy.special import expit, xlogy

from outlearn.theory.experiments.base import Z_TOLERANCE, worst
from outlearn.theory.logit_ensembles import dual_ensemble_variance, primal_pair_dual_mean
from outlearn.theory.result import Claim
from outlearn.theory.sampling import mean_estimate
from outlearn.theory.scalars import Real

__all__ = ["compare_logits"]


def compare_logits(
    sizes: tuple[int, ...], deviation: Real, draws: int, rng: np.random.Generator
) -> tuple[list[Claim], dict[str, np.ndarray]]:
    """Simulate ensembles of each size at nine mean logits; return the claims and a curve over sizes."""
    means, target = np.linspace(-2, 2, 9), 0.7
    claims, rows = [], []
    for members in sizes:
        logits = means + deviation * rng.standard_normal((draws, members, means.size))
        dual = logits.mean(axis=1)
        # KL(sigmoid(mean), f) itself, linear term and all: the term has mean 0 but takes most of the spread with it
        divergence = np.logaddexp(0, dual) - np.logaddexp(0, means) - expit(means) * (dual - means)
        variance = mean_estimate(divergence.mean(axis=1))
        exact = float(dual_ensemble_variance(means, deviation, members=members).mean())
        claims.append(
            Claim(
                text=f"Gaussian logits: variance of a dual ensemble (worst of {len(sizes)} sizes, {members})",
                measured=variance.value,
                predicted=exact,
                statistic="z",
                tolerance=Z_TOLERANCE,
                standard_error=variance.standard_error,
                count=draws,
            )
        )
        rows.append((members, variance.value, variance.low, variance.high, exact))
    pair = expit(means + deviation * rng.standard_normal((draws, 2, means.size))).mean(axis=1)
    # z-scores on the dual mean, where the average is; the bias is a smooth function of it
    duals = [mean_estimate(column) for column in np.log(pair / (1 - pair)).T]
    exact_duals = primal_pair_dual_mean(means, deviation)
    moved = [
        Claim(
            text=f"Gaussian logits: the dual mean of primal pairs (worst of {means.size} mean logits, {mean:g}; a dual "
            f"ensemble's is {mean:g})",
            measured=dual.value,
            predicted=float(exact),
            statistic="z",
            tolerance=Z_TOLERANCE,
            standard_error=dual.standard_error,
            count=draws,
        )
        for mean, dual, exact in zip(means, duals, exact_duals, strict=True)
    ]
    names = ("members", "variance", "variance_low", "variance_high", "variance_exact")
    curve = {name: np.array(column) for name, column in zip(names, zip(*rows, strict=True), strict=True)}
    curve["bias_of_dual"] = np.full(len(rows), _binary_kl(target, means).mean())
    curve["bias_of_primal_pairs"] = np.full(len(rows), _binary_kl(target, exact_duals).mean())
    return [worst(claims), worst(moved)], curve


def _binary_kl(target: float, logits: np.ndarray) -> np.ndarray:
    entropy = -xlogy(target, target) - xlogy(1 - target, 1 - target)
    return np.asarray(np.logaddexp(0, logits) - target * logits - entropy)
