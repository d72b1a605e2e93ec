"""Learners: train many models at once from labels, a loss and weights, and predict with all of them.

Names are loaded when they are first used: fitted heads predict by NumPy, and whoever predicts needs no torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

# name -> module that defines it
_PUBLIC = {
    "LEARNERS": "outlearn.learners.registry",
    "FitResult": "outlearn.learners.fitted",
    "HeadJob": "outlearn.learners.jobs",
    "HeadSettings": "outlearn.learners.jobs",
    "Heads": "outlearn.learners.fitted",
    "fit_convex": "outlearn.learners.convex",
    "fit_predict": "outlearn.learners.heads",
    "get_learner": "outlearn.learners.registry",
}

__all__ = ["LEARNERS", "FitResult", "HeadJob", "HeadSettings", "Heads", "fit_convex", "fit_predict", "get_learner"]

if TYPE_CHECKING:
    from outlearn.learners.convex import fit_convex as fit_convex
    from outlearn.learners.fitted import FitResult as FitResult
    from outlearn.learners.fitted import Heads as Heads
    from outlearn.learners.heads import fit_predict as fit_predict
    from outlearn.learners.jobs import HeadJob as HeadJob
    from outlearn.learners.jobs import HeadSettings as HeadSettings
    from outlearn.learners.registry import LEARNERS as LEARNERS
    from outlearn.learners.registry import get_learner as get_learner


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'outlearn.learners' has no attribute {name!r}")
    value = getattr(import_module(_PUBLIC[name]), name)
    globals()[name] = value
    return value
