"""Averaging probabilities or log-probabilities: what it does to bias and to variance, in both orders.

Real classifiers first: softmax regressions on bootstraps of disjoint small draws of scikit-learn's digits. Their law is
taken as uniform over the classifiers at hand, and all ordered pairs are enumerated, so that means over pairs are exact:
no sampling error hides a bias that moves. Then logits with a Gaussian law, where each number is known as an integral.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit, log_softmax, xlogy

from outlearn.core.decomposition.bias_variance import BiasVariance, bias_variance
from outlearn.core.decomposition.total_variance import total_variance
from outlearn.core.generators import get_generator
from outlearn.core.predictions import Predictions
from outlearn.errors import ConfigError
from outlearn.results.theory import Claim
from outlearn.theory.experiments.base import (
    Findings,
    OnProgress,
    as_columns,
    relative_claim,
    sign_claim,
    worst,
    z_claim,
)
from outlearn.theory.logit_ensembles import dual_ensemble_variance, primal_pair_dual_mean
from outlearn.theory.sampling import interval_columns, mean_interval
from outlearn.theory.scalars import Real
from outlearn.theory.settings import at_least, increasing
from outlearn.theory.softmax_regression import fit_softmax, predict_softmax

__all__ = ["EnsemblesSettings", "simulate_ensembles"]

EXACT = 1e-9  # identities over enumerated pairs, relative
CURVE_DRAWS = 150  # random ensembles of each size on the curve; no claim rests on them
SMOOTHING = 0.02  # of the labels, where they stand second and one-hot targets would be infinite


@dataclass(frozen=True, kw_only=True)
class EnsemblesSettings:
    """How many classifiers, on how much.

    Args:
        data_draws: disjoint training sets.
        bootstraps: classifiers on resamples of each.
        examples: points a training set; data_draws * examples + test_points is at most 1797, all of the digits.
        penalty: of the classifiers' weights.
        test_points: where they are compared.
        members: sizes of the ensembles on the curve, increasing from 1.
        logit_deviation: of the Gaussian logits.
        draws: of the Gaussian logits, and of ensembles on the curve.
    """

    data_draws: int = 6
    bootstraps: int = 4
    examples: int = 60
    penalty: Real = 1e-2
    test_points: int = 200
    members: tuple[int, ...] = (1, 2, 4, 8, 16)
    logit_deviation: Real = 1.5
    draws: int = 1000

    def __post_init__(self) -> None:
        at_least(self, 2, "data_draws", "bootstraps", "test_points")
        at_least(self, 10, "examples")
        at_least(self, 1e-6, "penalty")
        at_least(self, 0.01, "logit_deviation")
        at_least(self, 1, "members")
        at_least(self, 100, "draws")
        increasing(self, "members", length=2)


def simulate_ensembles(settings: EnsemblesSettings, rng: np.random.Generator, progress: OnProgress) -> Findings:
    """Train the classifiers, enumerate their pairs, and integrate the Gaussian logits."""
    log_probs, labels = _train(settings, rng, progress)
    groups = np.repeat(np.arange(settings.data_draws), settings.bootstraps)
    onehot = np.eye(log_probs.shape[-1])[labels]
    smoothed = (1 - SMOOTHING) * onehot + SMOOTHING / log_probs.shape[-1]
    target = {"target_first": labels, "prediction_first": smoothed}
    every = np.indices((len(log_probs), len(log_probs))).reshape(2, -1).T
    pairs = {kind: _ensembles(log_probs, every, dual=kind == "dual") for kind in ("dual", "primal")}
    single = {order: _decompose(target[order], log_probs, order) for order in target}
    paired = {
        (kind, order): _decompose(target[order], values, order) for kind, values in pairs.items() for order in target
    }
    progress(0.7)
    logit_claims, logit_curve = _compare_logits(settings.members, settings.logit_deviation, settings.draws, rng)
    return Findings(
        claims=(*_pair_claims(single, paired), *_other_claims(labels, log_probs, groups), *logit_claims),
        curves={
            "members": _member_curve(settings, rng, log_probs, target),
            "pairs": _pair_curve(single, paired),
            "logits": logit_curve,
        },
        notes=(
            f"{len(log_probs)} classifiers, uniform law; all {len(log_probs) ** 2} ordered pairs enumerated. Under "
            f"order prediction_first the labels are smoothed by {SMOOTHING:g}, as one-hot targets would be infinite.",
        ),
    )


def _train(
    settings: EnsemblesSettings, rng: np.random.Generator, progress: OnProgress
) -> tuple[np.ndarray, np.ndarray]:
    """Return log-probabilities `[models, points, classes]` and labels of the test points."""
    from sklearn.datasets import load_digits

    pixels, digits = load_digits(return_X_y=True)
    order = rng.permutation(len(digits))
    needed = settings.data_draws * settings.examples + settings.test_points
    if needed > len(digits):
        raise ConfigError(
            f"data_draws * examples + test_points is {needed}; there are {len(digits)} digits. Lower one of them."
        )
    test = order[-settings.test_points :]
    models = []
    for draw in range(settings.data_draws):
        own = order[draw * settings.examples : (draw + 1) * settings.examples]
        for _ in range(settings.bootstraps):
            sample = rng.choice(own, settings.examples)
            weights = fit_softmax(pixels[sample] / 16, np.eye(10)[digits[sample]], penalty=settings.penalty)
            models.append(predict_softmax(pixels[test] / 16, weights))
        progress(0.5 * (draw + 1) / settings.data_draws)
    return np.array(models), digits[test]


def _ensembles(log_probs: np.ndarray, members: np.ndarray, *, dual: bool) -> np.ndarray:
    """Average models by log-probability or by probability, as `members`, `[ensembles, size]`, says."""
    total = np.zeros((len(members), *log_probs.shape[1:]))
    for place in members.T:
        total += log_probs[place] if dual else np.exp(log_probs[place])
    return np.asarray(log_softmax(total / members.shape[1], axis=-1)) if dual else np.log(total / members.shape[1])


def _decompose(target: np.ndarray, log_probs: np.ndarray, order: str) -> BiasVariance:
    return bias_variance(target, Predictions.from_logits(log_probs), generator="negative_entropy", order=order)


def _pair_claims(single: dict[str, BiasVariance], paired: dict[tuple[str, str], BiasVariance]) -> list[Claim]:
    claims = []
    for kind, order, way, loss in (
        ("dual", "target_first", "mean log-probability", "D(target, prediction)"),
        ("primal", "prediction_first", "mean probability", "D(prediction, target)"),
    ):
        before, after = single[order], paired[kind, order]
        change = (np.abs(after.bias - before.bias) / np.maximum(before.bias, 1e-6)).max()
        text = f"{loss}: ensembles by {way} keep the bias at every point (largest relative change)"
        claims.append(relative_claim(text, change, 0.0, EXACT, before.bias.size))
        left = after.variance.mean() / before.variance.mean()
        text = f"{loss}: pairs by {way} have less variance, {left:.0%} of a single model's (difference)"
        claims.append(sign_claim(text, mean_interval(before.variance - after.variance), 1.0))
    moved = paired["primal", "target_first"].bias - single["target_first"].bias
    text = (
        f"D(target, prediction): pairs by mean probability move the bias, by {moved.mean():+.4f} nats on average (mean "
        "absolute change)"
    )
    return [*claims, sign_claim(text, np.abs(moved).mean(), 1.0, EXACT, moved.size)]


def _other_claims(labels: np.ndarray, log_probs: np.ndarray, groups: np.ndarray) -> list[Claim]:
    """State what holds for any classifiers: the law of total variance, and Jensen where the divergence is convex."""
    split = total_variance(Predictions.from_logits(log_probs), groups)
    n = len(labels)
    of_labels = log_probs[:, np.arange(n), labels]
    advantage = np.log(np.exp(of_labels).mean(axis=0)) - of_labels.mean(axis=0)
    saito = get_generator("itakura_saito")
    five, nine, mean = (saito.divergence(np.ones((1, 1)), np.array([[value]])).item() for value in (5.0, 9.0, 7.0))
    total = f"Variance within data draws and between them ({split.share_between:.0%}) add up to the whole"
    convex = (
        "Log loss is convex: an ensemble by mean probability is never worse than its members on average (smallest "
        "advantage at a point)"
    )
    other = "Itakura-Saito is not: at target 1, the mean of 5 and 9 is worse than they are on average (advantage)"
    return [
        relative_claim(total, (split.within + split.between).mean(), split.total.mean(), EXACT, n),
        sign_claim(convex, advantage.min(), 1.0, -EXACT, n),
        sign_claim(other, (five + nine) / 2 - mean, -1.0, EXACT),
    ]


def _member_curve(
    settings: EnsemblesSettings, rng: np.random.Generator, log_probs: np.ndarray, target: dict[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Decompose random ensembles of each size, in both orders; members are drawn independently from the classifiers."""
    rows = []
    draws = min(settings.draws, CURVE_DRAWS)
    for size in settings.members:
        members = rng.integers(len(log_probs), size=(draws, size))
        for kind in ("dual", "primal"):
            values = _ensembles(log_probs, members, dual=kind == "dual")
            for order in target:
                found = _decompose(target[order], values, order)
                terms = {"risk": found.total, "bias": found.bias, "variance": found.variance}
                means = {name: float(values.mean()) for name, values in terms.items()}
                rows.append({"members": size, "ensemble": kind, "order": order, **means})
    return as_columns(rows)


def _pair_curve(single: dict[str, BiasVariance], paired: dict[tuple[str, str], BiasVariance]) -> dict[str, np.ndarray]:
    before, dual, primal = single["target_first"], paired["dual", "target_first"], paired["primal", "target_first"]
    return {"single_bias": before.bias, "dual_pair_bias": dual.bias, "primal_pair_bias": primal.bias}


def _compare_logits(
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
