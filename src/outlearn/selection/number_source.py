"""Choose how to combine labelers of numbers without a true number: by what the labeler that was left out says.

For each combination R, leave each labeler m out and see how far R of the others is from it,

    deviation of R at point i = mean over m of |R(t_-m)_i - t_mi|.

Under t_m = Y + e_m with independent symmetric errors, t_mi is as far from the truth for all R, and the nearer R is to
the truth the smaller is the deviation: it ranks combinations by their error without knowing it. An absolute difference,
not its square, since the labelers that a median is for have errors whose squares have no mean. What all labelers share
is on both sides and not seen.

Teachers that were trained here are draws of one procedure, alike by design, and keep their plain mean.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from outlearn.core.labelers.combinations import NUMBER_COMBINATIONS
from outlearn.core.numbers import Numbers

__all__ = ["PLAIN", "SourceChoice", "choose_source", "drawn_in"]

PLAIN = "mean"
BEYOND_NOISE = 2.0  # standard errors over points by which another combination must be nearer than the plain mean


@dataclass(frozen=True)
class SourceChoice:
    """Hold which combination labels students, and how far each is from the labelers that it has not heard.

    Attributes:
        chosen: a key of NUMBER_COMBINATIONS: the plain mean unless another is nearer beyond two standard errors.
        deviations: combination -> mean deviation; empty below three labelers, where nothing can be compared.
    """

    chosen: str
    deviations: Mapping[str, float]


def choose_source(labels: Numbers) -> SourceChoice:
    """Choose among the combinations of numbers by the labelers that each leaves out.

    Args:
        labels: of all labelers on the points that students learn from, gaps allowed.

    Examples:
        >>> rng = np.random.default_rng(0)
        >>> truth = rng.normal(size=400)
        >>> choose_source(Numbers.from_values(truth + rng.normal(size=(5, 400)))).chosen
        'mean'
        >>> wild = np.where(rng.random((5, 400)) < 0.1, 50.0, 0.5) * rng.normal(size=(5, 400))
        >>> choose_source(Numbers.from_values(truth + wild)).chosen
        'median'
    """
    if labels.n_models < 3:
        return SourceChoice(PLAIN, {})
    found = {name: _deviation(labels, name) for name in NUMBER_COMBINATIONS}
    chosen = PLAIN
    for name, deviation in found.items():
        nearer = found[PLAIN] - deviation
        nearer = nearer[np.isfinite(nearer)]
        if len(nearer) < 2 or nearer.mean() <= BEYOND_NOISE * nearer.std(ddof=1) / np.sqrt(len(nearer)):
            continue
        if np.nanmean(deviation) < np.nanmean(found[chosen]):
            chosen = name
    return SourceChoice(chosen, {name: float(np.nanmean(deviation)) for name, deviation in found.items()})


def drawn_in(labels: Numbers) -> Numbers:
    """Draw the outermost labels of each point in: a quarter of them on either side, at least one, is moved inwards.

    Labelers keep to themselves what they say in the middle; what one of them says alone, far out, becomes what the next
    one says (winsorising, Tukey 1962). Criteria that square differences stay finite then.

    Examples:
        >>> drawn_in(Numbers.from_values(np.array([[1.0], [2.0], [3.0], [900.0]]))).values[:, 0]
        array([2., 2., 3., 3.])
    """
    known = labels.known
    count = (~np.isnan(known)).sum(axis=0)
    ordered = np.sort(known, axis=0)  # nan comes last
    moved = np.where(count >= 3, np.maximum(count // 4, 1), 0)
    points = np.arange(labels.n_points)
    low, high = ordered[moved, points], ordered[np.maximum(count - 1 - moved, 0), points]
    return replace(labels, values=np.nan_to_num(np.clip(known, low, high)))


def _deviation(labels: Numbers, name: str) -> Float[np.ndarray, " points"]:
    """Average |R(t_-m) - t_m| over the labelers of each point; nan where no other labeler speaks."""
    apart = np.full((labels.n_models, labels.n_points), np.nan)
    for model in range(labels.n_models):
        others = _without(labels, model)
        said = NUMBER_COMBINATIONS[name].fit(others)(others)
        apart[model] = np.abs(said.known[0] - labels.known[model])
    heard = ~np.isnan(apart)
    total = np.where(heard, apart, 0.0).sum(axis=0)
    return np.where(heard.any(axis=0), total / np.maximum(heard.sum(axis=0), 1), np.nan)


def _without(labels: Numbers, model: int) -> Numbers:
    rest = np.arange(labels.n_models) != model
    answered = None if labels.answered is None else labels.answered[rest]
    return replace(labels, values=labels.values[rest].copy(), teacher_of=None, answered=answered)
