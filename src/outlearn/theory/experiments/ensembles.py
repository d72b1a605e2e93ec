"""Averaging probabilities or log-probabilities: what it does to bias and to variance, in both orders.

Real classifiers first: softmax regressions on bootstraps of disjoint small draws of scikit-learn's digits. Their law is
taken as uniform over the classifiers at hand, and all ordered pairs are enumerated, so that means over pairs are exact:
no sampling error hides a bias that moves. Then logits with a Gaussian law, where each number is known as an integral.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import log_softmax

from outlearn.core.decomposition.bias_variance import BiasVariance, bias_variance
from outlearn.core.decomposition.total_variance import total_variance
from outlearn.core.generators import get_generator
from outlearn.core.predictions import Predictions
from outlearn.errors import ConfigError
from outlearn.results.theory import Claim
from outlearn.theory.experiments.base import Z_TOLERANCE, Findings, OnProgress, as_columns
from outlearn.theory.experiments.logit_ensembles import compare_logits
from outlearn.theory.sampling import mean_interval
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
    pairs = {"dual": _ensembles(log_probs, _all_pairs(len(log_probs)), dual=True)}
    pairs["primal"] = _ensembles(log_probs, _all_pairs(len(log_probs)), dual=False)
    single = {order: _decompose(target[order], log_probs, order) for order in target}
    paired = {
        (kind, order): _decompose(target[order], values, order) for kind, values in pairs.items() for order in target
    }
    progress(0.7)
    logit_claims, logit_curve = compare_logits(settings.members, settings.logit_deviation, settings.draws, rng)
    return Findings(
        claims=(
            *_pair_claims(single, paired),
            *_other_claims(labels, log_probs, groups),
            *logit_claims,
        ),
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


def _all_pairs(models: int) -> np.ndarray:
    return np.array(np.meshgrid(np.arange(models), np.arange(models))).reshape(2, -1).T


def _ensembles(log_probs: np.ndarray, members: np.ndarray, *, dual: bool) -> np.ndarray:
    """Average models by log-probability or by probability, as `members`, `[ensembles, size]`, says."""
    total = np.zeros((len(members), *log_probs.shape[1:]))
    for place in members.T:
        total += log_probs[place] if dual else np.exp(log_probs[place])
    return np.asarray(log_softmax(total / members.shape[1], axis=-1)) if dual else np.log(total / members.shape[1])


def _decompose(target: np.ndarray, log_probs: np.ndarray, order: str) -> BiasVariance:
    return bias_variance(target, Predictions.from_logits(log_probs), generator="negative_entropy", order=order)


def _pair_claims(single: dict[str, BiasVariance], paired: dict[tuple[str, str], BiasVariance]) -> tuple[Claim, ...]:
    kept = (("dual", "target_first", "mean log-probability"), ("primal", "prediction_first", "mean probability"))
    claims = []
    for kind, order, way in kept:
        before, after = single[order], paired[kind, order]
        loss = "D(target, prediction)" if order == "target_first" else "D(prediction, target)"
        claims.append(
            Claim(
                text=f"{loss}: ensembles by {way} keep the bias at every point (largest relative change)",
                measured=float((np.abs(after.bias - before.bias) / np.maximum(before.bias, 1e-6)).max()),
                predicted=0.0,
                statistic="relative error",
                tolerance=EXACT,
                count=before.bias.size,
            )
        )
        cut = mean_interval(before.variance - after.variance)
        claims.append(
            Claim(
                text=f"{loss}: pairs by {way} have less variance, "
                f"{after.variance.mean() / before.variance.mean():.0%} of a single model's (difference)",
                measured=cut.mean,
                predicted=1.0,
                statistic="sign",
                tolerance=Z_TOLERANCE,
                standard_error=cut.standard_error,
                count=cut.n_points,
            )
        )
    before, after = single["target_first"], paired["primal", "target_first"]
    moved = after.bias - before.bias
    claims.append(
        Claim(
            text=f"D(target, prediction): pairs by mean probability move the bias, by {moved.mean():+.4f} nats on "
            "average (mean absolute change)",
            measured=float(np.abs(moved).mean()),
            predicted=1.0,
            statistic="sign",
            tolerance=EXACT,
            count=moved.size,
        )
    )
    return tuple(claims)


def _other_claims(labels: np.ndarray, log_probs: np.ndarray, groups: np.ndarray) -> list[Claim]:
    """State what holds for any classifiers: the law of total variance, and Jensen where the divergence is convex."""
    split = total_variance(Predictions.from_logits(log_probs), groups)
    points = np.arange(len(labels))
    losses = -log_probs[:, points, labels]
    ensemble_loss = -np.log(np.exp(log_probs)[:, points, labels].mean(axis=0))
    saito = get_generator("itakura_saito")
    target, members = np.ones((2, 1)), np.array([[5.0], [9.0]])
    excess = saito.divergence(target, members).mean() - saito.divergence(
        np.ones((1, 1)), members.mean(0, keepdims=True)
    )
    return [
        Claim(
            text=f"Variance within data draws and between them ({split.share_between:.0%}) add up to the whole",
            measured=float((split.within + split.between).mean()),
            predicted=float(split.total.mean()),
            statistic="relative error",
            tolerance=EXACT,
            count=len(labels),
        ),
        Claim(
            text="Log loss is convex: an ensemble by mean probability is never worse than its members on average "
            "(smallest advantage at a point)",
            measured=float((losses.mean(axis=0) - ensemble_loss).min()),
            predicted=1.0,
            statistic="sign",
            tolerance=-EXACT,
            count=len(labels),
        ),
        Claim(
            text="Itakura-Saito is not: at target 1, the mean of 5 and 9 is worse than they are on average (advantage)",
            measured=float(excess[0]),
            predicted=-1.0,
            statistic="sign",
            tolerance=EXACT,
        ),
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
                rows.append(
                    {
                        "members": size,
                        "ensemble": kind,
                        "order": order,
                        "risk": float(found.total.mean()),
                        "bias": float(found.bias.mean()),
                        "variance": float(found.variance.mean()),
                    }
                )
    return as_columns(rows)


def _pair_curve(single: dict[str, BiasVariance], paired: dict[tuple[str, str], BiasVariance]) -> dict[str, np.ndarray]:
    before, dual, primal = single["target_first"], paired["dual", "target_first"], paired["primal", "target_first"]
    return {"single_bias": before.bias, "dual_pair_bias": dual.bias, "primal_pair_bias": primal.bias}
