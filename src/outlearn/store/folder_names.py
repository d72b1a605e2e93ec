"""What folders of the store are called: entries, damaged ones set aside, and those that somebody writes."""

from __future__ import annotations

import re
from pathlib import Path
from uuid import uuid4

from outlearn.results.writers import MARK, writer_mark
from outlearn.results.writers import writer_lives as lives

__all__ = ["aside_name", "is_aside_name", "is_key", "is_writer_name", "writer_lives", "writer_name"]


def is_key(name: str) -> bool:
    """Say whether the name is a stage's key, which is what an entry's folder is called."""
    return re.fullmatch(r"[0-9a-f]{64}", name) is not None


def aside_name(key: str) -> str:
    """Return key-random, a name under `damaged` that is nobody else's."""
    return f"{key}-{uuid4().hex[:8]}"


def is_aside_name(name: str) -> bool:
    """Say whether `aside_name` can have made this name."""
    return re.fullmatch(r"[0-9a-f]{64}-[0-9a-f]{8}", name) is not None


def writer_name(what: str) -> str:
    """Return what@host@process-start@random, a name that is nobody else's, for a folder that this process writes."""
    return f"{what}@{writer_mark()}"


def is_writer_name(name: str) -> bool:
    """Say whether `writer_name` can have made this name; nothing else in the folder is the store's to remove."""
    return re.fullmatch(rf"[^@]+@{MARK}", name) is not None


def writer_lives(folder: Path) -> bool:
    """Say whether the process that named a folder by `writer_name` may still write it; on another host, for a day."""
    return lives(folder, folder.name.split("@", 1)[1])
