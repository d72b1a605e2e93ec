"""Text or arrays to frozen features, cached by content."""

from __future__ import annotations

from outlearn.encoders.encoder import Encoder
from outlearn.encoders.points import Points, Progress
from outlearn.encoders.registry import ENCODERS, get_encoder

__all__ = ["ENCODERS", "Encoder", "Points", "Progress", "get_encoder"]
