"""Learners: train many models at once from labels, a loss and weights, and predict with all of them."""

from __future__ import annotations

from outlearn.learners.base import FitResult, HeadJob, Heads, HeadSettings
from outlearn.learners.convex import fit_convex
from outlearn.learners.heads import fit_predict

__all__ = ["FitResult", "HeadJob", "HeadSettings", "Heads", "fit_convex", "fit_predict"]
