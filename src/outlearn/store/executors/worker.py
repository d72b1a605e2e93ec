"""What happens inside a worker: check the place, import the function, call it, answer in plain text.

An exception never travels as an object: the answer says what was raised. So a failure of the task and a failure of the
worker cannot be confused, and the driver needs none of the worker's exception classes.
"""

from __future__ import annotations

import json
import os
import socket
import threading
import time
import traceback
import warnings
from importlib import import_module
from pathlib import Path
from typing import Any

from outlearn.errors import OutlearnError, WorkerError
from outlearn.store.store import canonical_json
from outlearn.version import __version__

__all__ = ["answer", "place", "problem_here", "serve_driver"]

POLL_SECONDS = 0.5
PATIENCE_SECONDS = 10.0  # a shared folder may show a new file late


def place() -> str:
    """Name this process as `host:process`."""
    return f"{socket.gethostname()}:{os.getpid()}"


def serve_driver(driver: int) -> None:
    """Tie this process to the driver of this process id, which started it: end with it, however it ends."""

    def watch() -> None:
        # Whoever is orphaned gets another parent.
        while os.getppid() == driver:
            time.sleep(POLL_SECONDS)
        os._exit(1)

    threading.Thread(target=watch, name="outlearn-parent-watch", daemon=True).start()


def problem_here(version: str, token: str) -> str:
    """Say why this worker cannot take part: another version than the driver's, or another store.

    `token` is the path of a file that the driver wrote into the store and that contains its own name; empty to check
    none. Returned is what is wrong and what to do, empty if nothing.
    """
    if version != __version__:
        return (
            f"the worker {place()} has outlearn {__version__}, but the driver has {version}: their results would not "
            "be comparable. Install the same version on both."
        )
    if token and not _appears(Path(token)):
        return (
            f"the worker {place()} does not see the store of this run: {token!r} cannot be read there. Give --store "
            "DIR (or $OUTLEARN_STORE) a folder that every machine has mounted at the same path."
        )
    return ""


def answer(function: str, arguments: str, version: str, token: str) -> str:
    """Run one task and describe what came of it, as JSON.

    Args:
        function: `package.module:function`.
        arguments: its keyword arguments, a JSON object.
        version, token: see `problem_here`.

    Returns:
        JSON with `worker`, `seconds`, `warnings`, and either `result` or `error` with `cause`, `expected`, `traceback`.
    """
    began = time.perf_counter()
    reply: dict[str, Any] = {"worker": place()}
    with warnings.catch_warnings(record=True) as given:
        try:
            problem = problem_here(version, token)
            if problem:
                raise WorkerError(problem)
            module, _, name = function.partition(":")
            result = getattr(import_module(module), name)(**json.loads(arguments))
            canonical_json(result)
            reply["result"] = result
        except Exception as error:
            expected = isinstance(error, OutlearnError)
            cause = str(error) if expected else f"{type(error).__name__}: {error}"
            reply["error"] = {"cause": cause, "expected": expected, "traceback": traceback.format_exc()}
    reply["warnings"] = list(dict.fromkeys(str(each.message) for each in given))
    reply["seconds"] = round(time.perf_counter() - began, 3)
    return json.dumps(reply)


def _appears(token: Path) -> bool:
    """Say whether the file comes to be readable and holds its own name."""
    until = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return token.read_text() == token.name
        except OSError:
            if time.monotonic() > until:
                return False
            time.sleep(0.2)
