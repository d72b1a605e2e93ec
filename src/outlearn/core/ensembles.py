"""What an ensemble does to bias and variance, and how the two ways of averaging differ.

The dual ensemble (softmax of the mean log-probability, for negative entropy) leaves the dual mean where it is: under
order "target_first" its bias is the members' exactly, and its variance not larger. The primal ensemble (mean
probability) moves the dual mean, so it changes that bias, either way; under "prediction_first" the two change roles.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Shaped

from outlearn.core.bias_variance import BiasVariance, decompose
from outlearn.core.generators import BregmanGenerator, get_generator
from outlearn.core.predictions import Predictions
from outlearn.core.targets import ORDERS, read_target, target_duals
from outlearn.errors import ConfigError

__all__ = ["EnsembleComparison", "compare_ensembles"]


@dataclass(frozen=True, eq=False)
class EnsembleComparison:
    """Decompositions of single models, and of ensembles of `size` of them averaged in either way; print() it.

    Attributes:
        single: of the models themselves.
        mean: of ensembles by arithmetic mean.
        dual_mean: of ensembles by dual mean.
        size: models an ensemble.
    """

    single: BiasVariance
    mean: BiasVariance
    dual_mean: BiasVariance
    size: int

    def __str__(self) -> str:
        order = self.single.order
        rows = [("single models", self.single), ("mean ensembles", self.mean), ("dual-mean ensembles", self.dual_mean)]
        lines = [
            f"{name:<21}{bv.n_models:>5}{bv.total.mean():>10.4f}{bv.bias.mean():>10.4f}{bv.variance.mean():>10.4f}"
            for name, bv in rows
        ]
        return (
            f"Ensembles of {self.size} under {self.single.generator.name}, order {order}: {ORDERS[order]}\n"
            f"{'(plug-in)':<21}{'n':>5}{'risk':>10}{'bias':>10}{'variance':>10}\n" + "\n".join(lines)
        )


def compare_ensembles(
    target: Shaped[np.ndarray, "..."] | Predictions,
    predictions: Predictions,
    *,
    generator: str | BregmanGenerator = "negative_entropy",
    order: str = "target_first",
    size: int | None = None,
    draws: bool = False,
) -> EnsembleComparison:
    """Compare single models with ensembles of them by arithmetic and by dual mean.

    Args:
        target, predictions, generator, order, draws: as for `bias_variance`.
        size: models an ensemble, a divisor of their number; consecutive models go together. All of them if None.

    Returns:
        The three decompositions.

    Raises:
        ConfigError: if size does not divide the number of models.
        ShapeError, AlignmentError, DomainError: as for `bias_variance`.

    Example:
        >>> p = Predictions.from_probs(np.array([[[0.9, 0.1]], [[0.4, 0.6]]]))
        >>> both = compare_ensembles(np.array([0]), p)
        >>> [float(x.total[0].round(4)) for x in (both.single, both.mean, both.dual_mean)]
        [0.5108, 0.4308, 0.3423]

    Source: Gupta et al., Ensembles of classifiers: a bias-variance perspective, 2022.
    """
    chosen = get_generator(generator)
    read = read_target(target, predictions, draws=draws)
    y = target_duals(read, predictions, chosen, order)
    f = chosen.dual_from_log_probs(predictions.log_probs, argument="predictions")
    members = len(f) if size is None else size
    if members < 1 or len(f) % members:
        raise ConfigError(
            f"size must divide the number of models, {len(f)}, so that every ensemble is full; got {size}."
        )
    blocks = f.reshape(len(f) // members, members, *f.shape[1:])
    return EnsembleComparison(
        single=decompose(y, f, chosen, order),
        mean=decompose(y, chosen.mean_from_dual(blocks, axis=1), chosen, order),
        dual_mean=decompose(y, chosen.dual_mean_from_dual(blocks, axis=1), chosen, order),
        size=members,
    )
