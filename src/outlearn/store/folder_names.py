"""What folders of the store are called: entries, damaged ones set aside, and those that somebody writes."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import time
from pathlib import Path
from uuid import uuid4

__all__ = ["aside_name", "is_aside_name", "is_key", "is_writer_name", "writer_lives", "writer_name"]

# A writer on another machine cannot be asked; by the folder's age it is given up after this.
GIVEN_UP_SECONDS = 24 * 3600


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
    """Return what@host@process@random, a name that is nobody else's, for a folder that this process writes."""
    return f"{what}@{_host()}@{os.getpid()}@{uuid4().hex[:8]}"


def is_writer_name(name: str) -> bool:
    """Say whether `writer_name` can have made this name; nothing else in the folder is the store's to remove."""
    return re.fullmatch(r"[^@]+@[^@]+@[0-9]+@[0-9a-f]{8}", name) is not None


def writer_lives(folder: Path) -> bool:
    """Say whether the process that named a folder by `writer_name` may still write it; on another host, for a day."""
    _, host, process, _ = folder.name.split("@")
    try:
        if host != _host():
            return time.time() - folder.stat().st_mtime < GIVEN_UP_SECONDS
        os.kill(int(process), 0)
    except (FileNotFoundError, ProcessLookupError):
        return False
    except PermissionError:  # it lives, and is another user's
        return True
    return True


def _host() -> str:
    """Name where process ids mean something: the host, and on Linux the namespace, of which containers have their own.

    Two containers may share a host name, and neither sees the other's processes.
    """
    with contextlib.suppress(OSError):
        return f"{socket.gethostname()}.{os.stat('/proc/self/ns/pid').st_ino}"
    return socket.gethostname()
