"""Say which points have the same content, so that no text can be in two splits."""

from __future__ import annotations

import hashlib
import unicodedata

from outlearn.data.task import Task

__all__ = ["normalise", "point_contents", "text_keys"]


def normalise(text: str) -> str:
    """Remove what does not make a text another text: Unicode form, case, and the length of blanks.

    Example:
        >>> normalise("  A fine\\n FILM ")
        'a fine film'
    """
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def text_keys(task: Task) -> list[tuple[str, ...]]:
    """List the hashes of each point's texts (one, or the two of a pair), or of its row of features."""
    if task.pairs is not None:
        return [(_digest(a), _digest(b)) for a, b in task.pairs]
    if task.texts is not None:
        return [(_digest(text),) for text in task.texts]
    if task.features is None:  # make_task refuses it
        raise AssertionError("a task has texts, pairs or features")
    return [(hashlib.sha256(row.tobytes()).hexdigest(),) for row in task.features]


def point_contents(keys: list[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Name the content of each point: a pair is the same pair when its slots are swapped."""
    return [tuple(sorted(key)) for key in keys]


def _digest(text: str) -> str:
    return hashlib.sha256(normalise(text).encode()).hexdigest()
