"""Shares of points as people read them: turned around, and within what a share can be."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TypeVar

from outlearn.core.intervals import Interval, Withheld

__all__ = ["one_minus", "within_ends"]

Share = TypeVar("Share", Interval, Withheld, Interval | Withheld)


def one_minus(share: Interval) -> Interval:
    """Turn a share around: of those that are wrong, those that are right.

    Examples:
        >>> print(one_minus(Interval(0.1, 0.05, 0.2, 0.03, 1, 100)))
        0.9000 [0.8000, 0.9500]
    """
    return replace(share, mean=1 - share.mean, low=1 - share.high, high=1 - share.low)


def within_ends(share: Share) -> Share:
    """Move an estimate beyond what a share can be, as a difference of shares may be, to the end of its interval.

    Examples:
        >>> print(within_ends(Interval(1.02, 0.97, 1.0, 0.03, 1, 100)))
        1.0000 [0.9700, 1.0000]
    """
    if isinstance(share, Withheld) or math.isnan(share.low):
        return share
    return replace(share, mean=min(max(share.mean, share.low), share.high))
