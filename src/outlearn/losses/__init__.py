"""Training losses between a teacher's distribution and a student's logits (torch)."""

from __future__ import annotations

from outlearn.losses.base import Loss
from outlearn.losses.cross_entropy import ForwardCE, ForwardKL, HardCE, ReverseCE, ReverseKL, SymmetricCE

__all__ = ["ForwardCE", "ForwardKL", "HardCE", "Loss", "ReverseCE", "ReverseKL", "SymmetricCE"]
