"""Learners: train many models at once from labels, a loss and weights, and predict with all of them."""

from __future__ import annotations

from outlearn.learners.convex import fit_convex
from outlearn.learners.heads import fit_predict
from outlearn.learners.jobs import HeadJob, HeadSettings
from outlearn.learners.registry import LEARNERS, get_learner
from outlearn.learners.trained_heads import FitResult, Heads

__all__ = ["LEARNERS", "FitResult", "HeadJob", "HeadSettings", "Heads", "fit_convex", "fit_predict", "get_learner"]
