"""Who writes what is not whole yet: names that no other process gives, and by which a writer that died is known."""

from __future__ import annotations

import contextlib
import os
import socket
import time
from pathlib import Path
from uuid import uuid4

__all__ = ["writer_lives", "writer_mark"]

# A writer on another machine cannot be asked; by the age of what it writes it is given up after this.
GIVEN_UP_SECONDS = 24 * 3600


def writer_mark() -> str:
    """Return host@process@random, which is nobody else's."""
    return f"{_host()}@{os.getpid()}@{uuid4().hex[:8]}"


def writer_lives(path: Path, mark: str) -> bool:
    """Say whether the process with this mark may still write the file or folder; on another host, for a day."""
    host, process, _ = mark.split("@")
    try:
        if host != _host():
            return time.time() - path.stat().st_mtime < GIVEN_UP_SECONDS
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
