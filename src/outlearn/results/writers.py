"""Who writes what is not whole yet: names that no other process gives, and by which a writer that died is known."""

from __future__ import annotations

import contextlib
import os
import socket
import time
from pathlib import Path
from uuid import uuid4

__all__ = ["MARK", "writer_lives", "writer_mark"]

MARK = r"[^@/]+@\d+(?:-\d+)?@[0-9a-f]{8}"  # what `writer_mark` returns, as a pattern; older versions wrote no start

# A writer on another machine cannot be asked; by the age of what it writes it is given up after this.
GIVEN_UP_SECONDS = 24 * 3600


def writer_mark() -> str:
    """Return host@process-start@random, which is nobody else's.

    The time at which the process was started belongs to it because the system gives the number of a process that
    ended to another one, soon where there are few numbers; without it that one would be taken for the writer.
    """
    return f"{_host()}@{os.getpid()}-{_started(os.getpid()) or 0}@{uuid4().hex[:8]}"


def writer_lives(path: Path, mark: str) -> bool:
    """Say whether the process with this mark may still write the file or folder; on another host, for a day."""
    host, process, _ = mark.split("@")
    number, _, start = process.partition("-")
    try:
        if host != _host():
            return time.time() - path.stat().st_mtime < GIVEN_UP_SECONDS
        os.kill(int(number), 0)
    except (FileNotFoundError, ProcessLookupError):
        return False
    except PermissionError:  # it lives, and is another user's
        pass
    started = _started(int(number))
    return started is None or started == int(start or 0)


def _started(process: int) -> int | None:
    """Return when a process was started, in ticks since the machine was; 0 if it ended, None where nobody tells."""
    try:
        # Fields 3 (state) and 22 (start) of proc_pid_stat(5); field 2, a name in brackets, may hold anything.
        fields = Path(f"/proc/{process}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
    return 0 if fields[0] in "ZX" else int(fields[19])


def _host() -> str:
    """Name where process ids mean something: the host, and on Linux the namespace, of which containers have their own.

    Two containers may share a host name, and neither sees the other's processes.
    """
    with contextlib.suppress(OSError):
        return f"{socket.gethostname()}.{os.stat('/proc/self/ns/pid').st_ino}"
    return socket.gethostname()
