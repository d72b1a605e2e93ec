"""Text or arrays to frozen features, cached by content."""

from __future__ import annotations

from outlearn.encoders.base import ENCODERS, Encoder, get_encoder
from outlearn.encoders.points import Points, Progress

__all__ = ["ENCODERS", "Encoder", "Points", "Progress", "get_encoder"]
