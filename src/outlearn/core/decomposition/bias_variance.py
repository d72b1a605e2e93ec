"""Bias and variance of predictions in any Bregman divergence, in both orders (theory: Pfau 2013; ours for the second).

The averages are over the models and draws given, so the identities hold exactly (plug-in); `summary` corrects for their
number. Every teacher weighs the same, however many students it has: in the total, in the centre that bias and variance
are about, and in what the correction leaves out. Everything is computed in dual coordinates: from log-probabilities,
never from log(softmax).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float, Shaped

from outlearn.core.generators import BregmanGenerator, get_generator
from outlearn.core.intervals import Interval, level_in_words
from outlearn.core.mean_intervals import cluster_means, pseudo_values, two_way_interval
from outlearn.core.numbers import AnyPredictions, check_models
from outlearn.core.orders import ORDERS, dual_centre, leave_out_centres, mean_risk, spread_about
from outlearn.core.point_models import check_every_answer
from outlearn.core.scales import POSITIVE
from outlearn.core.targets import read_target, target_duals
from outlearn.errors import ConfigError, suggest

__all__ = ["BiasVariance", "BiasVarianceSummary", "bias_variance", "decompose", "variance_pseudo_values"]

CORRECTIONS = ("jackknife", "none")
ONE_MODEL = "one model (or one teacher's models) shows no variance; train at least two"


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
        if correction not in CORRECTIONS:
            raise ConfigError(f"correction is {correction!r}; {suggest(correction, CORRECTIONS)}")
        units = _units(self._models, self._clusters)
        total = cluster_means(mean_risk(self._target, self._models, self.generator, self.order), units)
        noise, noise_at = self._noise(correction, level)
        if len(total) > 1:
            pseudo = variance_pseudo_values(self._models, units, self.generator, self.order)
            variance = two_way_interval(pseudo, level, scale=POSITIVE)
            # The total is unbiased: what the correction adds to the variance it takes from the bias.
            bias = two_way_interval(total - noise_at - pseudo, level)
            if correction == "none":
                plug_in = float(self.variance.mean())
                bias = bias.moved_to(bias.mean + variance.mean - plug_in)
                variance = variance.moved_to(plug_in)
        else:
            variance = bias = Interval.missing(ONE_MODEL, n_models=len(total), n_points=self.n_points, level=level)
        return BiasVarianceSummary(
            total=two_way_interval(total, level, scale=POSITIVE),
            noise=noise,
            bias=bias,
            variance=variance,
            correction=correction,
            generator=self.generator.name,
            order=self.order,
            n_models=self.n_models,
            n_units=len(total),
            n_draws=self.n_draws,
            n_points=self.n_points,
        )

    def _noise(self, correction: str, level: float) -> tuple[Interval, Float[np.ndarray, " points"]]:
        """Return the interval of the noise, and its mean at each point that goes with it."""
        if self.n_draws == 1:
            return Interval(0.0, 0.0, 0.0, 0.0, 1, self.n_points, level), np.zeros(self.n_points)
        draws = np.arange(self.n_draws)
        rows = variance_pseudo_values(self._target, draws, self.generator, self.order, of="target")
        interval = two_way_interval(rows, level, scale=POSITIVE)
        if correction == "none":
            return interval.moved_to(float(self.noise.mean())), self.noise
        return interval, rows.mean(axis=0)


@dataclass(frozen=True)
class BiasVarianceSummary:
    """Means over models and points of total, noise, bias and variance: `total = noise + bias + variance`; print() it.

    Attributes:
        total, noise, bias, variance: means with intervals; nan, with the reason, where models do not show them.
        correction: "jackknife" (bias and variance corrected for the number of models; bias may be negative) or "none".
        generator, order: the names.
        n_models, n_units, n_draws, n_points: what was averaged; units are the independent ones, teachers for students.
    """

    total: Interval
    noise: Interval
    bias: Interval
    variance: Interval
    correction: str
    generator: str
    order: str
    n_models: int
    n_units: int
    n_draws: int
    n_points: int

    def __str__(self) -> str:
        units = "" if self.n_units == self.n_models else f" of {self.n_units} teachers"
        noise = "a single target, noise 0" if self.n_draws == 1 else f"{self.n_draws} draws of the target"
        how = "corrected by the jackknife" if self.correction == "jackknife" else "plug-in, not corrected"
        rows = "\n".join(f"  {name:<9}{getattr(self, name)}" for name in ("total", "noise", "bias", "variance"))
        return (
            f"Bias and variance under {self.generator}, order {self.order}: {ORDERS[self.order]}\n"
            f"{self.n_models} models{units} x {self.n_points} points, {noise}; bias and variance {how}; "
            f"intervals at {level_in_words(self.total.level)}\n{rows}"
        )


def bias_variance(
    target: Shaped[np.ndarray, "..."] | AnyPredictions,
    predictions: AnyPredictions,
    *,
    generator: str | BregmanGenerator | None = None,
    order: str = "target_first",
    draws: bool = False,
) -> BiasVariance:
    """Decompose the risk of predictions into noise, bias and variance at every point.

    target_first:      E D(Y, f) = E D(Y, Ybar) [noise] + D(Ybar, f*) [bias] + E D(f*, f) [variance]
    prediction_first:  E D(f, Y) = E D(Y*, Y) [noise] + D(fbar, Y*) [bias] + E D(f, fbar) [variance]

    Bar is the arithmetic mean, * the dual mean, in dual coordinates (geometric for negative entropy).

    Args:
        target: int labels `[points]`; a distribution `[points, classes]`; or draws of the target, `[draws, points]` int
            (with `draws=True`) or `[draws, points, classes]`. For numbers `[points]`, or draws `[draws, points]`.
        predictions: `[models, points, classes]`, or `Numbers`; models are draws of the training randomness, those of
            one teacher (`teacher_of`) share its weight.
        generator: a name of `GENERATORS` or an instance; None is negative_entropy for distributions, squared_euclidean
            for numbers.
        order: "target_first" measures D(target, prediction) about the dual mean; "prediction_first" measures
            D(prediction, target) about the arithmetic mean.
        draws: say that the first axis of an integer target is draws.

    Returns:
        The parts at each point, `[points]`, in the generator's unit (nats for the entropies); `summary()` averages
        them.

    Raises:
        ConfigError: for an unknown generator or order.
        ShapeError, AlignmentError: for a target that does not fit the predictions or is ambiguous.
        DomainError: for values outside the generator's domain; and for order "prediction_first" with one-hot targets
            under an entropy, where the risk is infinite.

    Examples:
        >>> from outlearn import Predictions
        >>> p = Predictions.from_probs(np.array([[[0.9, 0.1]], [[0.6, 0.4]]]))
        >>> bv = bias_variance(np.array([0]), p)
        >>> [float(part[0].round(4)) for part in (bv.total, bv.noise, bv.bias, bv.variance)]
        [0.3081, 0.0, 0.2407, 0.0674]

    Source: Pfau, A generalized bias-variance decomposition for Bregman divergences, 2013, for order "target_first"; the
    other follows by exchanging the coordinate systems. We average over given models rather than over their law.
    """
    check_models(predictions=predictions)
    chosen = get_generator(generator or predictions.default_generator)
    check_every_answer(predictions)
    read = read_target(target, predictions, draws=draws)
    y = target_duals(read, predictions, chosen, order)
    f = predictions.duals(chosen, argument="predictions")
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
    units = _units(models, clusters)
    f_centre = dual_centre(models, generator, order, of="predictions", weights=_unit_weights(units))
    y_centre = dual_centre(target, generator, order, of="target")
    spread = spread_about(f_centre, models, generator, order, of="predictions")
    # Pfau 2013: the total is the sum of the other three, at every point and for any models and draws.
    return BiasVariance(
        total=cluster_means(mean_risk(target, models, generator, order), units).mean(axis=0),  # E D(Y, f) | E D(f, Y)
        noise=spread_about(y_centre, target, generator, order, of="target").mean(axis=0),  # E D(Y, Ybar) | E D(Y*, Y)
        bias=mean_risk(y_centre[None], f_centre[None], generator, order)[0],  # D(Ybar, f*) | D(fbar, Y*)
        variance=cluster_means(spread, units).mean(axis=0),  # E D(f*, f) | E D(f, fbar)
        generator=generator,
        order=order,
        _target=target,
        _models=models,
        _clusters=clusters,
    )


def _unit_weights(units: Shaped[np.ndarray, " models"]) -> Float[np.ndarray, " models"] | None:
    """Give every unit the same weight, shared by its models: sums to 1; None if that makes all models equal.

    Examples:
        >>> _unit_weights(np.array([0, 0, 1]))
        array([0.25, 0.25, 0.5 ])
    """
    _, inverse, sizes = np.unique(units, return_inverse=True, return_counts=True)
    return None if len(set(sizes.tolist())) == 1 else 1.0 / (len(sizes) * sizes[inverse])


def variance_pseudo_values(
    models: Float[np.ndarray, "models points classes"],
    units: Shaped[np.ndarray, " models"],
    generator: BregmanGenerator,
    order: str,
    *,
    of: str = "predictions",
) -> Float[np.ndarray, "units points"]:
    """Compute the jackknife's pseudo-values of the plug-in variance: their mean over units is the corrected variance.

    `V_J = M V_M - (M - 1) mean_i V_(M-1)^(-i)`, in time linear in the number of models: about any c, the members' mean
    divergence is their variance plus D(centre, c), so V without a unit follows from its centre and its own divergences.
    V averages over the models of a unit, then over units: a unit of many models weighs no more than one of few.

    Args:
        models: in dual coordinates.
        units: for each model what is left out with it: its own number, or its teacher's.
    """
    labels, inverse = np.unique(units, return_inverse=True)
    groups = [np.flatnonzero(inverse == label) for label in range(len(labels))]
    centre = dual_centre(models, generator, order, of=of, weights=_unit_weights(units))
    full = cluster_means(spread_about(centre, models, generator, order, of=of), inverse).mean(axis=0)
    members = [dual_centre(models[group], generator, order, of=of) for group in groups]
    out_centres = leave_out_centres(np.stack(members), generator, order, of=of)
    left_out = np.empty((len(groups), models.shape[1]))
    for index, (group, c) in enumerate(zip(groups, out_centres, strict=True)):
        # mean_m D(c, f_m) = V + D(c, centre) for any c, and likewise with the arguments exchanged (Pfau 2013). So with
        # c the mean without the unit: V_(M-1)^(-i) = (M mean_m D(c, f_m) - the unit's own) / (M - 1).
        about_c = full + spread_about(c, centre[None], generator, order, of=of)[0]
        own = spread_about(c, models[group], generator, order, of=of).mean(axis=0)
        with np.errstate(invalid="ignore"):
            left_out[index] = (len(groups) * about_c - own) / (len(groups) - 1)
        infinite = ~np.isfinite(left_out[index])
        if np.any(infinite):  # a class that only the unit left out lacks: take the average itself at those points
            rest = spread_about(c[infinite], np.delete(models, group, axis=0)[:, infinite], generator, order, of=of)
            left_out[index, infinite] = cluster_means(rest, np.delete(inverse, group)).mean(axis=0)
    return pseudo_values(full, left_out)


def _units(models: np.ndarray, clusters: np.ndarray | None) -> np.ndarray:
    """Return for each model the independent unit that it belongs to: itself, or its teacher."""
    return np.arange(len(models)) if clusters is None else np.asarray(clusters)
