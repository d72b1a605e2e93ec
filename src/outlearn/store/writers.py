"""Who writes a temporary folder of the store, and whether they may still be at it: the folder's name says."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import time
from pathlib import Path
from uuid import uuid4

__all__ = ["is_writer_name", "writer_lives", "writer_name"]

# A writer on another machine cannot be asked; by the folder's age it is given up after this.
LONGEST_SECONDS = 24 * 3600


def writer_name(what: str) -> str:
    """Return what@host@process@random, a name that is nobody else's, for a folder that this process writes."""
    return f"{what}@{_host()}@{os.getpid()}@{uuid4().hex[:8]}"


def is_writer_name(name: str) -> bool:
    """Say whether `writer_name` can have made this name; nothing else in the folder is the store's to remove."""
    return re.fullmatch(r"[^@]+@[^@]+@[0-9]+@[0-9a-f]{8}", name) is not None


def writer_lives(folder: Path) -> bool:
    """Say whether the process that made a temporary folder may still write it; on another host, for a day."""
    parts = folder.name.split("@")
    if len(parts) == 4 and parts[1] == _host() and parts[2].isdigit():
        try:
            os.kill(int(parts[2]), 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            return True
        return True
    try:
        return time.time() - folder.stat().st_mtime < LONGEST_SECONDS
    except FileNotFoundError:
        return False


def _host() -> str:
    """Name where process ids mean something: the host, and on Linux the namespace, of which containers have their own.

    Two containers may share a host name, and neither sees the other's processes.
    """
    with contextlib.suppress(OSError):
        return f"{socket.gethostname()}.{os.stat('/proc/self/ns/pid').st_ino}"
    return socket.gethostname()
