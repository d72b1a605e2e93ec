"""The law of total variance in any Bregman divergence: how much of the variance is between groups of models.

    target_first:      E D(f*, f)   = E D(f*_Z, f)   [within] + E D(f*, f*_Z)     [between]
    prediction_first:  E D(f, fbar) = E D(f, fbar_Z) [within] + E D(fbar_Z, fbar) [between]

Z is any source of randomness that several models share: the data draw (then within is the seed), or the seed. Bar is
the arithmetic mean, * the dual mean, with a Z of the models that share it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Shaped

from outlearn.core.generators import BregmanGenerator, get_generator
from outlearn.core.numbers import AnyPredictions
from outlearn.core.orders import check_order, dual_centre, spread_about
from outlearn.errors import ShapeError

__all__ = ["TotalVariance", "total_variance"]


@dataclass(frozen=True, eq=False)
class TotalVariance:
    """The variance at each point, `[points]`, split over groups of models: `total = within + between` exactly."""

    total: Float[np.ndarray, " points"]
    within: Float[np.ndarray, " points"]
    between: Float[np.ndarray, " points"]

    @property
    def share_between(self) -> float:
        """Share of the mean variance that lies between groups; nan if nothing varies."""
        total = float(self.total.mean())
        return float(self.between.mean()) / total if total > 0 else float("nan")


def total_variance(
    predictions: AnyPredictions,
    groups: Shaped[np.ndarray, "..."],
    *,
    generator: str | BregmanGenerator | None = None,
    order: str = "target_first",
) -> TotalVariance:
    """Split the variance of models into what varies within groups and what varies between them.

    Plug-in: with R models a group, the part between groups also holds about 1/R of the part within.

    Raises:
        ShapeError: if groups are not one a model, all models are in one group, or every model has its own.
        ConfigError: for an unknown generator or order.
        DomainError: for predictions outside the generator's domain.

    Examples:
        >>> from outlearn import Predictions
        >>> p = Predictions.from_logits(np.array([[[0.0, 0.0]], [[0.0, 1.0]], [[0.0, 3.0]], [[0.0, 4.0]]]))
        >>> v = total_variance(p, np.array([0, 0, 1, 1]))
        >>> bool(np.isclose(v.total, v.within + v.between)[0]), round(v.share_between, 2)
        (True, 0.88)

    Source: the law of total variance for Bregman divergences, as in Adlam et al., Understanding the bias-variance
    tradeoff of Bregman divergences, 2022. Groups are weighted by their size.
    """
    check_order(order)
    chosen = get_generator(generator or predictions.default_generator)
    labels = np.asarray(groups)
    if labels.shape != (predictions.n_models,):
        raise ShapeError(f"groups must have shape ({predictions.n_models},), one for each model, got {labels.shape}.")
    names, inverse = np.unique(labels, return_inverse=True)
    if len(names) in (1, len(labels)):
        raise ShapeError(
            f"{len(labels)} models in {len(names)} group{'s' if len(names) > 1 else ''}: at least two groups, and a "
            "group of at least two models, are needed to tell variance between groups from variance within."
        )
    duals = predictions.duals(chosen, argument="predictions")
    centre = dual_centre(duals, chosen, order, of="predictions")
    within = np.zeros(predictions.n_points)
    between = np.zeros(predictions.n_points)
    for group in range(len(names)):
        members = duals[inverse == group]
        own = dual_centre(members, chosen, order, of="predictions")
        # D(f*_Z, f) | D(f, fbar_Z), then D(f*, f*_Z) | D(fbar_Z, fbar) once for each model of the group
        within += spread_about(own, members, chosen, order, of="predictions").sum(axis=0)
        between += len(members) * spread_about(centre, own[None], chosen, order, of="predictions")[0]
    return TotalVariance(
        total=spread_about(centre, duals, chosen, order, of="predictions").mean(axis=0),
        within=within / len(labels),
        between=between / len(labels),
    )
