"""How often each labeler misses the answer that the labelers share, and how often that answer is itself wrong.

The model, "even noise": at every point there is one answer c that the labelers share. Labeler j gives it with
probability 1 - rate_j, else any other of K classes, equally likely; misses are independent between labelers and do not
depend on the point. With the skill r_j = 1 - rate_j K / (K - 1), agreement corrected for chance is a product,

    q_ij = (K P(L_i = L_j) - 1) / (K - 1) = r_i r_j,

so that agreement alone identifies the skills from three labelers on, or from one labeler asked twice (q = r^2). The
true answer y is one more view of c: with any pattern of shared mistakes P(c != y) = bias,

    q_jy = r_j r_y,   r_y = 1 - bias K / (K - 1),

because the noise of labeler j is independent of y given c. No agreement between labelers depends on r_y: **shared bias
is not identifiable without true labels**. That holds in any model in which labelers see c alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from outlearn.core.labelers.alike_pairs import fit_pairs
from outlearn.core.labelers.influence import LinearisedEstimate, average, summed, weighted_average
from outlearn.core.labelers.labeler_agreement import PairTable

__all__ = [
    "Skills",
    "miss_rate",
    "shared_bias",
    "skills_of_draws",
    "skills_of_labelers",
    "skills_of_two",
    "unrelated",
]

CONFIDENT = 2.0  # standard errors by which an agreement must exceed chance before its logarithm is taken


@dataclass(frozen=True)
class Skills:
    """Hold the skill of each labeler for the shared answer.

    Attributes:
        each: for a labeler its skill, 1 if it always gives the shared answer, 0 if it guesses; absent if not estimated.
        left_out: labelers that agree with others no more than chance.
        alike: pairs that agree more than their skills explain, with the excess of log q in standard errors: they share
            errors that the others do not. From five labelers on the skills are those without these pairs. Of four, the
            pair of the other two is named with it, and both are kept: which of the two shares the errors is not
            identified, and skills are a little too high.
        assumption: under which this is right, beyond even noise.
        others: for a labeler its skill by other accounts of who shares errors (`alike_pairs`).
    """

    each: Mapping[int, LinearisedEstimate]
    left_out: tuple[int, ...] = ()
    alike: Mapping[tuple[int, int], float] = field(default_factory=dict)
    assumption: str = ""
    others: Mapping[int, tuple[LinearisedEstimate, ...]] = field(default_factory=dict)

    @property
    def mean(self) -> LinearisedEstimate:
        """Average the skills that were estimated."""
        return average(list(self.each.values()))

    @property
    def other_means(self) -> list[LinearisedEstimate]:
        """Average them by each other account."""
        by_account = zip(*self.others.values(), strict=True)
        return [average(skills) for skills in by_account]


def miss_rate(skill: LinearisedEstimate, n_classes: int) -> LinearisedEstimate:
    """Turn a skill into how often the shared answer is missed: (1 - r)(K - 1) / K."""
    return (1.0 - skill) * ((n_classes - 1) / n_classes)


def unrelated(product: LinearisedEstimate) -> bool:
    """Say whether the agreement of two labelings cannot be told apart from chance (or is below it)."""
    return not product.value > CONFIDENT * product.standard_error


def skills_of_draws(products: PairTable, n_draws: int) -> Skills:
    """Estimate the one skill of a labeler asked several times: the square root of the mean of q over pairs of draws.

    A pair weighs as much as it shares points.

    Returns:
        The same skill for every draw; none if the draws agree no more than chance.

    Examples:
        >>> from outlearn.core.labelers.labeler_agreement import chance_corrected, pair_table
        >>> labels = np.array([[0] * 10 + [1] * 10, [0] * 9 + [1] * 10 + [0]])
        >>> q = {pair: chance_corrected(a, 2) for pair, a in pair_table(labels).items()}
        >>> skill = skills_of_draws(q, 2).each[0]
        >>> round(skill.value, 4), round(miss_rate(skill, 2).value, 4)
        (0.8944, 0.0528)
    """
    mean = weighted_average(list(products.values()))
    if unrelated(mean):
        return Skills({}, tuple(range(n_draws)))
    skill = (mean.log() * 0.5).exp()  # q = r^2
    return Skills(dict.fromkeys(range(n_draws), skill), assumption="the columns are one labeler, asked independently")


def skills_of_two(product: LinearisedEstimate, ratio: LinearisedEstimate | None = None) -> Skills:
    """Split the one product r_0 r_1 of two labelers.

    Args:
        product: q_01.
        ratio: r_0 / r_1 from elsewhere, such as from how well students that saw neither label of a point agree with
            each; None takes both as equally good.

    Examples:
        >>> from outlearn.core.labelers.influence import mean_estimate
        >>> q = mean_estimate(np.array([1.0] * 18 + [-1.0] * 2))
        >>> [round(r.value, 4) for r in skills_of_two(q, q / q * 0.8).each.values()]
        [0.8, 1.0]
    """
    if unrelated(product):
        return Skills({}, (0, 1))
    if ratio is None:
        skill = (product.log() * 0.5).exp()  # q_01 = r^2
        return Skills({0: skill, 1: skill}, assumption="both labelers are equally good")
    # r_0^2 = q_01 (r_0 / r_1), r_1^2 = q_01 / (r_0 / r_1)
    both = [((product.log() + ratio.log() * sign) * 0.5).exp() for sign in (1.0, -1.0)]
    return Skills(
        dict(enumerate(both)), assumption="students err independently of the labels of the points they did not see"
    )


def skills_of_labelers(products: PairTable, n_labelers: int) -> Skills:
    """Estimate the skills of three or more labelers: log q_ij = log r_i + log r_j, least squares over all pairs.

    Labelers whose agreement with the others cannot be told apart from chance are left out, one after the other.

    Returns:
        The skills; none if fewer than three labelers are left. With four or more, pairs that agree more than their
        skills explain are named, and with five or more kept out.

    Examples:
        >>> from outlearn.core.labelers.influence import mean_estimate
        >>> def fixed(q):  # 1,000 points whose mean is q
        ...     return mean_estimate(np.where(np.arange(1000) < 500 * (1 + q), 1.0, -1.0))
        >>> q = {(0, 1): fixed(0.72), (0, 2): fixed(0.54), (1, 2): fixed(0.48)}
        >>> [round(r.value, 4) for r in skills_of_labelers(q, 3).each.values()]
        [0.9, 0.8, 0.6]

    Source: the agreement equations of Platanios, Blum and Mitchell, Estimating accuracy from unlabeled data, 2014, and
    the rank-one off-diagonal of Parisi et al., Ranking and combining multiple predictors without labeled data, 2014.
    We solve in logarithms by least squares, which has a closed form, and read the answer as the shared one, not as the
    truth.
    """
    kept, left_out = list(range(n_labelers)), []
    while len(kept) >= 3:
        bad = {i: sum(_missing(products, i, j) for j in kept if j != i) for i in kept}
        worst = max(kept, key=lambda i: (bad[i], -_mean_product(products, i, kept)))
        if not bad[worst]:
            break
        kept.remove(worst)
        left_out.append(worst)
    if len(kept) < 3:
        return Skills({}, tuple(sorted(left_out)))
    # Platanios, Blum and Mitchell 2014: log q_ij = a_i + a_j
    fit = fit_pairs({pair: q.log() for pair, q in products.items() if set(pair) <= set(kept)})
    return Skills(
        {i: log.exp() for i, log in fit.logs.items()},
        tuple(sorted(left_out)),
        fit.alike,
        "labelers miss the shared answer independently of each other",
        {i: tuple(other[i].exp() for other in fit.others) for i in fit.logs},
    )


def shared_bias(truth_products: Mapping[int, LinearisedEstimate], skills: Skills, n_classes: int) -> LinearisedEstimate:
    """Estimate how often the shared answer is wrong, from the labelers' agreement with true labels.

    bias = (1 - r_y)(K - 1) / K with r_y = sum_j q_jy / sum_j r_j. Not cut at 0.

    Examples:
        >>> from outlearn.core.labelers.influence import mean_estimate
        >>> q = mean_estimate(np.array([1.0] * 8 + [-1.0] * 2))
        >>> round(shared_bias({0: q}, Skills({0: q / q}), 2).value, 4)
        0.2
    """
    # q_jy = r_j r_y for every labeler j: r_y is the ratio of the sums, and bias = (1 - r_y)(K - 1) / K
    known = [i for i in skills.each if i in truth_products]
    ratio = summed([truth_products[i] for i in known]) / summed([skills.each[i] for i in known])
    return miss_rate(ratio, n_classes)


def _missing(products: PairTable, i: int, j: int) -> bool:
    q = products.get((min(i, j), max(i, j)))
    return q is None or unrelated(q)


def _mean_product(products: PairTable, i: int, kept: Sequence[int]) -> float:
    found = [products[min(i, j), max(i, j)].value for j in kept if j != i and (min(i, j), max(i, j)) in products]
    return float(np.mean(found)) if found else -1.0
