"""True labels that were drawn by strata, at once or in several draws: means that stay unbiased.

N points fall into strata of N_h points, W_h = N_h / N, of which n_h were drawn at random within the stratum. The mean

    m = sum_h W_h m_h,        m_h the mean over the points drawn of stratum h,

weighs each drawn point by w_i = N_h / n_h, one over its chance to be drawn (Horvitz and Thompson), and is unbiased
whatever the strata are. Over new points, of which the N are a sample themselves, its variance is

    sum_h W_h^2 s_h^2 / n_h + (1 / N) sum_h W_h (m_h - m)^2.

Later draws from the points that are still unknown, by strata of their own, keep it so. Draw k alone gives the unbiased
mean of the points known before it, each for itself, and of its strata of the others; and whatever came before, its
expectation is the mean of the table, so that the draws' errors are uncorrelated. Their mean (a composite estimate of
several frames), draw k by a share a_k in proportion to the labels that it is worth of points drawn evenly,

    1 / sum_h W_h^2 / n_h        (Kish's effective number, which knows no values),

weighs a point of stratum h of draw k by

    w_i = a_k N_h / n_h + (a_{k+1} + ... + a_K),        with sum_i w_i = N,

and its variance over new points is, with M_h = n_h w_i the points that those of a stratum stand for,

    sum_h [ a_k^2 (W_h^2 / n_h - W_h / N) + M_h / N^2 ] s_h^2 + (1 / N) sum_h (M_h / N) (m_h - m)^2:

what each draw adds by itself, without what N points differ from new ones by, and that once for all draws. The mean
is unbiased for given a_k. They hang on the sizes of later strata, and so a little on who was drawn before: that moves
it by a hundredth of its standard error in a table of ten points, and by nothing in one of hundreds.

How many of each are best drawn is in `outlearn.core.labelers.allocation`.

Source: Cochran, Sampling Techniques, 1977, chapters 5 and 5A; Hartley, Multiple frame surveys, 1962, for the mean of
several draws; Kish, Survey Sampling, 1965, section 11.7, for the effective number.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float, Int

from outlearn.core.labelers.influence import SHARE, LinearisedEstimate, mean_estimate
from outlearn.core.labelers.skewed_interval import Unseen
from outlearn.errors import DomainError

__all__ = ["LEAST_DRAWN", "DrawnStrata", "Ends", "mean_of_drawn", "over_all_less_drawn"]

Ends = Sequence[Float[np.ndarray, " points"] | float]  # the least and the largest value of all points, or of each

LEAST_DRAWN = 2  # of a stratum: one point shows no spread


@dataclass(frozen=True, eq=False)
class DrawnStrata:
    """Hold which points of known truth were drawn from which stratum.

    Attributes:
        of_point: the stratum of each point that was drawn, from 0; -1 for all others.
        sizes: points of each stratum, drawn or not; of a later draw, those that no earlier one had drawn.
        draw: which draw each stratum is of, from 0, in order; None: there was one.
    """

    of_point: Int[np.ndarray, " points"]
    sizes: tuple[int, ...]
    draw: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        for h, (size, drawn) in enumerate(zip(self.sizes, self.counts, strict=True)):
            if not LEAST_DRAWN <= drawn <= size:
                raise DomainError(
                    f"stratum {h} has {size:,} points and {drawn} of known truth; expected {LEAST_DRAWN} to {size:,}."
                )
        whole = np.bincount(self.draws, self.sizes) + self._before
        if (whole != whole[0]).any():
            raise DomainError(
                f"the draws are from {whole.astype(int).tolist()} points, those known before counted; expected one "
                "number: all are from the same table."
            )

    @property
    def draws(self) -> Int[np.ndarray, " strata"]:
        """Say which draw each stratum is of, from 0."""
        return np.zeros(len(self.sizes), dtype=np.int64) if self.draw is None else np.array(self.draw)

    @property
    def words(self) -> str:
        """Say how many strata there are, and draws, if several."""
        n_draws = int(self.draws[-1]) + 1
        return f"{len(self.sizes)} strata" + ("" if n_draws == 1 else f" in {n_draws} draws")

    @property
    def within_draw(self) -> Int[np.ndarray, " strata"]:
        """Number the strata of each draw from 0."""
        return np.asarray(np.arange(len(self.sizes)) - np.searchsorted(self.draws, self.draws))

    @property
    def _before(self) -> Int[np.ndarray, " draws"]:
        """Count the points that were known before each draw."""
        of_draw = np.bincount(self.draws, self.counts).astype(np.int64)
        return np.concatenate([[0], np.cumsum(of_draw)[:-1]])

    @property
    def n_points(self) -> int:
        """Count the points of the table."""
        return int(np.array(self.sizes)[self.draws == 0].sum())

    @property
    def shares(self) -> Float[np.ndarray, " strata"]:
        """Give the share a_k by which the draw of each stratum counts."""
        return np.asarray(self._share_of_draw[self.draws])

    @cached_property
    def _share_of_draw(self) -> Float[np.ndarray, " draws"]:
        frame = np.bincount(self.draws, self.sizes)
        within = np.array(self.sizes) / frame[self.draws]
        worth = 1 / np.bincount(self.draws, within**2 / self.counts)
        return np.asarray(worth / worth.sum())

    @property
    def stands_for(self) -> Float[np.ndarray, " strata"]:
        """Say for how many points of the table those drawn of each stratum stand together."""
        later = 1 - np.cumsum(self._share_of_draw)
        # M_h = a_k N_h + n_h (a_{k+1} + ... + a_K)
        return np.asarray(self.shares * self.sizes + later[self.draws] * self.counts)

    def joined(self, of_point: Int[np.ndarray, " points"], sizes: Sequence[int]) -> DrawnStrata:
        """Add a later draw from the points that were not drawn, its strata numbered from 0.

        Examples:
            >>> first = DrawnStrata(np.array([0, 0, -1, -1, -1, -1]), (6,))
            >>> first.joined(np.array([-1, -1, 0, 0, -1, -1]), (4,)).weights
            array([2., 2., 1., 1., 0., 0.])
        """
        n = len(self.sizes)
        last = int(self.draws[-1]) + 1
        return DrawnStrata(
            np.where(of_point >= 0, of_point + n, self.of_point),
            (*self.sizes, *sizes),
            (*self.draws.tolist(), *(last for _ in sizes)),
        )

    @property
    def counts(self) -> tuple[int, ...]:
        """Count the points drawn from each stratum."""
        drawn = self.of_point[self.of_point >= 0]
        return tuple(np.bincount(drawn, minlength=len(self.sizes)).tolist())

    @property
    def weights(self) -> Float[np.ndarray, " points"]:
        """Give each drawn point its weight, N_h / n_h for a single draw, 0 to all others."""
        of_stratum = self.stands_for / np.array(self.counts)
        return np.where(self.of_point >= 0, of_stratum[self.of_point], 0.0)

    def mean(
        self,
        values: Float[np.ndarray, " points"],
        where: Bool[np.ndarray, " points"] | None = None,
        *,
        ends: Ends = SHARE,
    ) -> LinearisedEstimate:
        """Estimate a mean over all points, or over those that `where` marks, from the points drawn.

        Over a part of the points it is the ratio of the two weighted sums. What no point drawn showed is counted in
        each stratum (`Unseen`): one whose points drawn all have the same value is not known to have no other.

        Args:
            values: at the points drawn; what stands elsewhere is not looked at.
            where: marks the points that the mean is over.
            ends: the least and the largest that a value can be, of all points or of each; the same where nothing is
                uncertain.

        Raises:
            DomainError: if no point drawn is marked.

        Examples:
            >>> strata = DrawnStrata(np.array([0, 0, -1, -1, 1, 1, 1, -1]), (4, 4))
            >>> strata.mean(np.array([1.0, 0, 9, 9, 1, 1, 1, 9])).value
            0.75
        """
        n, counts = len(values), np.array(self.counts)
        drawn, mask = self.of_point >= 0, np.ones(len(values), dtype=bool) if where is None else where
        marked = drawn & mask
        if not marked.any():
            raise DomainError("a mean needs at least one point of known truth; none is marked.")
        shares = self.stands_for / self.n_points

        def means(of: np.ndarray) -> np.ndarray:
            return np.bincount(self.of_point[drawn], of[drawn], minlength=len(counts)) / counts

        kept = np.where(marked, values, 0.0)
        part = float(shares @ means(marked.astype(np.float64)))
        value = float(shares @ means(kept)) / part

        # The ratio in linear form: e_i = (v_i - m) / part where marked, else 0; its mean over all points is 0.
        def error(of: np.ndarray | float) -> np.ndarray:
            return np.where(marked, (of - value) / part, 0.0)

        centre = means(error(kept))
        deviation = np.where(drawn, error(kept) - centre[self.of_point], 0.0)
        spread = means(np.square(deviation)) * counts / (counts - 1)
        # Of each point drawn: its deviation within its stratum; and what all of a stratum share, whose squares sum to
        # the part between strata, (M_h / N) (m_h - m)^2 / N.
        of_spread = self._variance_of_spread
        inner = np.sqrt(of_spread / (counts - 1))
        between = shares * np.square(centre) / self.n_points
        shared = np.where(centre < 0, -1.0, 1.0) * np.sqrt(between / counts)
        influence = np.where(drawn, n * (inner[self.of_point] * deviation + shared[self.of_point]), 0.0)
        at_ends = [n * np.sqrt(of_spread / counts) * (means(error(end)) - centre) for end in ends]
        # What was not seen may be in any stratum: of one prior in all, each has its share.
        unseen = [
            Unseen.at(*(float(end[h]) for end in at_ends), share=share) for h, share in enumerate(shares.tolist())
        ]
        parts = of_spread * spread + np.array([each.square for each in unseen]) / n**2
        in_part = np.maximum(np.bincount(self.of_point[marked], minlength=len(counts)), LEAST_DRAWN)
        return LinearisedEstimate(value, influence, 1 + _freedom(parts, in_part), Unseen.of(unseen))

    @property
    def _variance_of_spread(self) -> Float[np.ndarray, " strata"]:
        """Return what s_h^2 is multiplied by in the variance of a mean; W_h^2 / n_h for a single draw."""
        n, within = self.n_points, np.array(self.sizes) / self.n_points
        # a_k^2 (W_h^2 / n_h - W_h / N) + M_h / N^2
        return np.asarray(np.square(self.shares) * (within**2 / self.counts - within / n) + self.stands_for / n**2)


def mean_of_drawn(
    values: Float[np.ndarray, " points"],
    where: Bool[np.ndarray, " points"],
    strata: DrawnStrata | None,
    *,
    ends: Ends = SHARE,
) -> LinearisedEstimate:
    """Estimate a mean from the points that `where` marks: drawn at random from all, or by strata; see `DrawnStrata`."""
    if strata is not None:
        return strata.mean(values, where, ends=ends)
    of_marked = [float(np.broadcast_to(end, len(values))[where].mean()) for end in ends]
    return mean_estimate(values, where, ends=of_marked)


def over_all_less_drawn(
    values: Float[np.ndarray, " points"], known: Bool[np.ndarray, " points"], strata: DrawnStrata | None
) -> Iterator[LinearisedEstimate]:
    """Give the mean of what all points tell less that over the points of known truth: a control, as it estimates 0.

    None with fewer than two such points.

    Args:
        values: nan where nothing is told.
        known: marks the points of known truth.
        strata: how they were drawn; None: at random from all.
    """
    told = ~np.isnan(values)
    if (known & told).sum() >= LEAST_DRAWN:
        yield mean_estimate(values, told) - mean_of_drawn(values, known & told, strata, ends=())


def _freedom(parts: np.ndarray, counts: np.ndarray) -> int:
    """Return Satterthwaite's degrees of freedom of a variance that is a sum over strata; all of them if it is 0."""
    total = float(np.square(parts.sum()))
    if total == 0:
        return int((counts - 1).sum())
    return max(int(total / float((np.square(parts) / (counts - 1)).sum())), 1)
