"""Bias and variance of predictions in any Bregman divergence, in both orders (theory: Pfau 2013; ours for the second).

    target_first:      E D(Y, f) = E D(Y, Ybar) [noise] + D(Ybar, fdual) [bias] + E D(fdual, f) [variance]
    prediction_first:  E D(f, Y) = E D(Ydual, Y) [noise] + D(fbar, Ydual) [bias] + E D(f, fbar) [variance]

Bar is the arithmetic mean, dual the mean in dual coordinates (for negative entropy the normalised geometric mean). The
averages are over the models and draws given, so the identities hold exactly (plug-in); `summary` corrects for their
number. Everything is computed in dual coordinates: from log-probabilities, never from log(softmax).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float, Shaped

from outlearn.core.bias_variance_summary import BiasVarianceSummary, summarise, unit_weights
from outlearn.core.generators import BregmanGenerator, get_generator
from outlearn.core.intervals import cluster_means
from outlearn.core.orders import dual_centre, mean_risk, spread_about
from outlearn.core.predictions import Predictions
from outlearn.core.targets import read_target, target_duals

__all__ = ["BiasVariance", "bias_variance", "decompose"]


@dataclass(frozen=True, eq=False)
class BiasVariance:
    """Risk of a model drawn at random, point by point: `total = noise + bias + variance` exactly.

    Where students were grouped by teacher (`teacher_of`), a teacher is drawn first, then one of its students: every
    teacher weighs the same, however many students it has.

    Attributes:
        total: `[points]`, E D over draws of the target and models, in nats for the entropies.
        noise: `[points]`, the spread of the target's draws; 0 where it is a single distribution.
        bias: `[points]`, the divergence between the means of target and predictions.
        variance: `[points]`, the spread of the models about their mean; 0 for one model, whose variance is not seen.
        generator: the Bregman generator.
        order: "target_first", D(target, prediction), or "prediction_first", D(prediction, target).
        n_models, n_draws: what was averaged.
    """

    total: Float[np.ndarray, " points"]
    noise: Float[np.ndarray, " points"]
    bias: Float[np.ndarray, " points"]
    variance: Float[np.ndarray, " points"]
    generator: BregmanGenerator
    order: str
    _target: Float[np.ndarray, "draws points classes"] = field(repr=False)
    _models: Float[np.ndarray, "models points classes"] = field(repr=False)
    _clusters: Shaped[np.ndarray, " models"] | None = field(repr=False)

    @property
    def n_models(self) -> int:
        """Number of models averaged."""
        return len(self._models)

    @property
    def n_draws(self) -> int:
        """Number of draws of the target averaged."""
        return len(self._target)

    @property
    def n_points(self) -> int:
        """Number of points."""
        return len(self.total)

    def summary(self, *, correction: str = "jackknife", level: float = 0.95) -> BiasVarianceSummary:
        """Average over points, with intervals for new models and new points.

        The plug-in variance of M models is too small by 1 part in M and the bias too large by as much. The jackknife
        removes that, leaving out one model (or one teacher with all its students) at a time; the noise of several draws
        likewise. A corrected bias may be negative: it is reported as it is.

        Args:
            correction: "jackknife", or "none" for the plug-in means.
            level: coverage of the intervals.

        Returns:
            Means and intervals of total, noise, bias and variance, adding up; text by print(). Bias and variance are
            nan, with the reason, for a single model.

        Raises:
            ConfigError: for another correction or a level outside (0, 1).

        Source: Quenouille 1956 for the jackknife; Pfau 2013 for the decomposition.
        """
        return summarise(self._target, self._models, self._clusters, self.generator, self.order, correction, level)


def bias_variance(
    target: Shaped[np.ndarray, "..."] | Predictions,
    predictions: Predictions,
    *,
    generator: str | BregmanGenerator = "negative_entropy",
    order: str = "target_first",
    draws: bool = False,
) -> BiasVariance:
    """Decompose the risk of predictions into noise, bias and variance at every point.

    Args:
        target: int labels `[points]`; a distribution `[points, classes]`; or draws of the target, `[draws, points]` int
            (with `draws=True`) or `[draws, points, classes]`.
        predictions: `[models, points, classes]`; models are draws of the training randomness, those of one teacher
            (`teacher_of`) share its weight.
        generator: a name of `GENERATORS` or an instance.
        order: "target_first" measures D(target, prediction) about the dual mean; "prediction_first" measures
            D(prediction, target) about the arithmetic mean.
        draws: say that the first axis of an integer target is draws.

    Returns:
        The parts at each point; `summary()` averages them.

    Raises:
        ConfigError: for an unknown generator or order.
        ShapeError, AlignmentError: for a target that does not fit the predictions or is ambiguous.
        DomainError: for values outside the generator's domain; and for order "prediction_first" with one-hot targets
            under an entropy, where the risk is infinite.

    Example:
        >>> p = Predictions.from_probs(np.array([[[0.9, 0.1]], [[0.6, 0.4]]]))
        >>> bv = bias_variance(np.array([0]), p)
        >>> [float(part[0].round(4)) for part in (bv.total, bv.noise, bv.bias, bv.variance)]
        [0.3081, 0.0, 0.2407, 0.0674]

    Source: Pfau, A generalized bias-variance decomposition for Bregman divergences, 2013, for order "target_first"; the
    other follows by exchanging the coordinate systems. We average over given models rather than over their law.
    """
    chosen = get_generator(generator)
    read = read_target(target, predictions, draws=draws)
    y = target_duals(read, predictions, chosen, order)
    f = chosen.dual_from_log_probs(predictions.log_probs, argument="predictions")
    return decompose(y, f, chosen, order, clusters=predictions.teacher_of)


def decompose(
    target: Float[np.ndarray, "draws points classes"],
    models: Float[np.ndarray, "models points classes"],
    generator: BregmanGenerator,
    order: str,
    *,
    clusters: Shaped[np.ndarray, " models"] | None = None,
) -> BiasVariance:
    """Decompose the risk of models, everything given in dual coordinates; as `bias_variance` otherwise.

    Args:
        clusters: for each model the index of its teacher, whose models share its weight and are left out together;
            None if independent.
    """
    units = np.arange(len(models)) if clusters is None else clusters
    f_centre = dual_centre(models, generator, order, of="predictions", weights=unit_weights(units))
    y_centre = dual_centre(target, generator, order, of="target")
    spread = spread_about(f_centre, models, generator, order, of="predictions")
    return BiasVariance(
        total=cluster_means(mean_risk(target, models, generator, order), units).mean(axis=0),
        noise=spread_about(y_centre, target, generator, order, of="target").mean(axis=0),
        bias=mean_risk(y_centre[None], f_centre[None], generator, order)[0],
        variance=cluster_means(spread, units).mean(axis=0),
        generator=generator,
        order=order,
        _target=target,
        _models=models,
        _clusters=clusters,
    )
