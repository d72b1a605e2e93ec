"""What the tests of executors let workers do; imported by the workers."""

from __future__ import annotations

import os
import signal
import time
import warnings
from pathlib import Path

from outlearn.errors import DataError


def double(number: int) -> int:
    return 2 * number


def note(folder: str, name: str) -> list[str]:
    """Write down that this ran, and return what ran before."""
    before = sorted(path.name.split("@")[0] for path in Path(folder).glob("*@*"))
    (Path(folder) / f"{name}@{os.getpid()}@{time.monotonic_ns()}").touch()
    return before


def fail() -> None:
    raise ValueError("nothing to be done")


def refuse() -> None:
    raise DataError("the file is empty; give another")


def unspeakable() -> object:
    return object()


def environment(names: list[str]) -> dict[str, str | None]:
    return {name: os.environ.get(name) for name in names}


def torch_threads() -> int:
    import torch

    return torch.get_num_threads()


def die(folder: str, name: str) -> None:
    """Kill the worker each time."""
    note(folder, name)
    os.kill(os.getpid(), signal.SIGKILL)


def die_once(folder: str, name: str) -> str:
    """Kill the worker the first time, as one that lost its machine."""
    if not note(folder, name).count(name):
        os.kill(os.getpid(), signal.SIGKILL)
    return "lived"


def wait_for(folder: str, name: str, sign: str) -> int:
    """Run until a file of this name appears."""
    note(folder, name)
    until = time.monotonic() + 300
    while not (Path(folder) / sign).exists():
        if time.monotonic() > until:
            raise TimeoutError(sign)
        time.sleep(0.01)
    return os.getpid()


def warn(text: str) -> None:
    warnings.warn(text, stacklevel=1)


def touch(folder: str, name: str) -> None:
    (Path(folder) / name).touch()


def meet(folder: str, name: str, other: str, names: list[str]) -> dict[str, str | None]:
    """Wait for another deed that waits for this one, and return some variables of the environment."""
    touch(folder, name)
    wait_for(folder, f"{name} waits", other)
    return environment(names)
