"""Keep transformers from drawing progress bars of its own: progress is the caller's to show."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["without_bars"]


@contextmanager
def without_bars() -> Iterator[None]:
    """Draw no bars inside, and leave things as they were."""
    from transformers.utils import logging as transformers_logging

    logging: Any = transformers_logging  # untyped
    bars = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if bars:
            logging.enable_progress_bar()
