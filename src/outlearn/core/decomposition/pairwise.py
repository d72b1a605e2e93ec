"""Divergences between all pairs of two sets of models, such as every student and every teacher."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from outlearn.core.generators import BregmanGenerator, get_generator
from outlearn.core.point_models import check_every_answer, check_same_points
from outlearn.core.predictions import Predictions

__all__ = ["pairwise_divergence"]


def pairwise_divergence(
    first: Predictions, second: Predictions, *, generator: str | BregmanGenerator = "negative_entropy"
) -> Float[np.ndarray, "first second"]:
    """Compute the mean over points of D(first[i], second[j]) for every pair.

    With teachers first and students second this is KL(teacher || student), the misfit of order "prediction_first"; with
    students first, that of "target_first".

    Returns:
        `[first models, second models]`, at least 0, in nats for the entropies; +inf where at some point second is 0 and
        first is not.

    Raises:
        AlignmentError: if the point ids or the numbers of classes differ.
        DomainError: for predictions outside the generator's domain.

    Examples:
        >>> t = Predictions.from_probs(np.array([[[0.5, 0.5]], [[0.9, 0.1]]]))
        >>> pairwise_divergence(t, t).round(4)
        array([[0.    , 0.5108],
               [0.3681, 0.    ]])
    """
    chosen = get_generator(generator)
    check_every_answer(first, second)
    check_same_points(first, second, ("first", "second"))
    u = chosen.dual_from_log_probs(first.log_probs, argument="first")
    v = chosen.dual_from_log_probs(second.log_probs, argument="second")
    # One row at a time: memory grows with the models, not with their pairs.
    return np.stack([chosen.divergence_from_dual(model, v).mean(axis=-1) for model in u])
