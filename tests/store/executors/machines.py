"""Two machines in one: network namespaces joined by a cable, each with a host name of its own."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

__all__ = ["Machine", "two_machines"]

AS_HOST = ("unshare", "--uts", "sh", "-c", 'hostname "$0" && exec "$@"')


@dataclass
class Machine:
    """One end of the cable.

    Attributes:
        name: of the namespace and the host.
        address: in the network of the two.
        processes: what was started there.
    """

    name: str
    address: str
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self, *arguments: object, log: Path) -> subprocess.Popen[bytes]:
        """Call Python there, in a process group of its own; its output goes to a file."""
        with log.open("a") as file:
            process = subprocess.Popen(
                ["ip", "netns", "exec", self.name, *AS_HOST, self.name, sys.executable, *map(str, arguments)],
                env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.processes.append(process)
        return process

    def stop(self) -> None:
        """End all that was started there."""
        for process in self.processes:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@contextmanager
def two_machines() -> Iterator[tuple[Machine, Machine]]:
    """Make two machines that see each other and nothing else; skip the test where that is not allowed."""
    if os.geteuid() != 0:
        pytest.skip("two machines are network namespaces here, which only root may make")
    for program in ("ip", "unshare", "hostname"):
        if shutil.which(program) is None:
            pytest.skip(f"two machines are network namespaces here, made by the program {program!r}, which is missing")
    names = [f"ol{end}{os.getpid()}" for end in "ab"]
    try:
        for name in names:
            made = _ip("netns", "add", name, check=False)
            if made.returncode:
                pytest.skip(f"network namespaces cannot be made here: {made.stderr.strip()}")
        _ip("link", "add", f"{names[0]}v", "netns", names[0], "type", "veth", "peer", f"{names[1]}v", "netns", names[1])
        machines = [Machine(name, f"10.98.76.{end + 1}") for end, name in enumerate(names)]
        for machine in machines:
            _ip("-n", machine.name, "addr", "add", f"{machine.address}/24", "dev", f"{machine.name}v")
            _ip("-n", machine.name, "link", "set", f"{machine.name}v", "up")
            _ip("-n", machine.name, "link", "set", "lo", "up")
        try:
            yield machines[0], machines[1]
        finally:
            for machine in machines:
                machine.stop()
    finally:
        for name in names:
            _ip("netns", "del", name, check=False)


def _ip(*arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["ip", *arguments], check=check, capture_output=True, text=True)
