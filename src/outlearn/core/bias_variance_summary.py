"""Means of a bias-variance decomposition over points, corrected for the number of models, with intervals.

Every teacher weighs the same, however many students it has: in the total, in the centre that bias and variance are
about, and in what is left out. Models of one teacher share its weight.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Shaped

from outlearn.core.generators import BregmanGenerator
from outlearn.core.intervals import Interval, cluster_means, pseudo_values, two_way_interval
from outlearn.core.orders import dual_centre, leave_out_centres, mean_risk, spread_about
from outlearn.core.targets import ORDERS, check_order
from outlearn.errors import ConfigError, suggest

__all__ = ["BiasVarianceSummary", "summarise", "unit_weights", "variance_pseudo_values"]

CORRECTIONS = ("jackknife", "none")
ONE_MODEL = "one model (or one teacher's models) shows no variance; train at least two"


@dataclass(frozen=True)
class BiasVarianceSummary:
    """Means over models and points of total, noise, bias and variance: `total = noise + bias + variance`; print() it.

    Attributes:
        total, noise, bias, variance: means with intervals; nan, with the reason, where they cannot be told.
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
            f"intervals at {self.total.level:.0%}\n{rows}"
        )


def summarise(
    target: Float[np.ndarray, "draws points classes"],
    models: Float[np.ndarray, "models points classes"],
    clusters: Shaped[np.ndarray, " models"] | None,
    generator: BregmanGenerator,
    order: str,
    correction: str,
    level: float,
) -> BiasVarianceSummary:
    """Summarise the decomposition of models about a target, both in dual coordinates."""
    if correction not in CORRECTIONS:
        raise ConfigError(f"correction is {correction!r}; {suggest(correction, CORRECTIONS)}")
    units = np.arange(len(models)) if clusters is None else np.asarray(clusters)
    total = cluster_means(mean_risk(target, models, generator, check_order(order)), units)
    noise, noise_rows = _noise(target, generator, order, correction, level)
    if len(total) > 1:
        pseudo = variance_pseudo_values(models, units, generator, order)
        variance = two_way_interval(pseudo, level)
        bias = two_way_interval(total - noise_rows.mean(axis=0) - pseudo, level)
        if correction == "none":
            centre = dual_centre(models, generator, order, of="predictions", weights=unit_weights(units))
            plug_in = cluster_means(spread_about(centre, models, generator, order, of="predictions"), units).mean()
            bias = _moved(bias, bias.mean + variance.mean - float(plug_in))
            variance = _moved(variance, float(plug_in))
    else:
        variance = bias = _untold(len(total), total.shape[1], level)
    return BiasVarianceSummary(
        total=two_way_interval(total, level),
        noise=noise,
        bias=bias,
        variance=variance,
        correction=correction,
        generator=generator.name,
        order=order,
        n_models=len(models),
        n_units=len(total),
        n_draws=len(target),
        n_points=total.shape[1],
    )


def unit_weights(units: Shaped[np.ndarray, " models"]) -> Float[np.ndarray, " models"] | None:
    """Give every unit the same weight, shared by its models: sums to 1; None if that makes all models equal.

    Example:
        >>> unit_weights(np.array([0, 0, 1]))
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
    centre = dual_centre(models, generator, order, of=of, weights=unit_weights(units))
    full = cluster_means(spread_about(centre, models, generator, order, of=of), inverse).mean(axis=0)
    members = [dual_centre(models[group], generator, order, of=of) for group in groups]
    out_centres = leave_out_centres(np.stack(members), np.ones(len(groups)), generator, order, of=of)
    left_out = np.empty((len(groups), models.shape[1]))
    for index, (group, c) in enumerate(zip(groups, out_centres, strict=True)):
        about_c = full + spread_about(c, centre[None], generator, order, of=of)[0]
        own = spread_about(c, models[group], generator, order, of=of).mean(axis=0)
        with np.errstate(invalid="ignore"):
            left_out[index] = (len(groups) * about_c - own) / (len(groups) - 1)
        infinite = ~np.isfinite(left_out[index])
        if np.any(infinite):  # a class that only the unit left out lacks: take the average itself at those points
            rest = spread_about(c[infinite], np.delete(models, group, axis=0)[:, infinite], generator, order, of=of)
            left_out[index, infinite] = cluster_means(rest, np.delete(inverse, group)).mean(axis=0)
    return pseudo_values(full, left_out)


def _noise(
    target: np.ndarray, generator: BregmanGenerator, order: str, correction: str, level: float
) -> tuple[Interval, np.ndarray]:
    n_draws, n_points = target.shape[:2]
    if n_draws == 1:
        return Interval(0.0, 0.0, 0.0, 0.0, 1, n_points, level), np.zeros((1, n_points))
    rows = variance_pseudo_values(target, np.arange(n_draws), generator, order, of="target")
    interval = two_way_interval(rows, level)
    if correction == "none":
        centre = dual_centre(target, generator, order, of="target")
        plug_in = spread_about(centre, target, generator, order, of="target")
        return _moved(interval, float(plug_in.mean())), plug_in
    return interval, rows


def _moved(interval: Interval, mean: float) -> Interval:
    shift = mean - interval.mean
    return replace(interval, mean=mean, low=interval.low + shift, high=interval.high + shift)


def _untold(n_units: int, n_points: int, level: float) -> Interval:
    return Interval(math.nan, math.nan, math.nan, math.nan, n_units, n_points, level, ONE_MODEL)
