"""What executors run, and what becomes of it: plain data both ways.

A task is a function's import path and JSON-able arguments; its result is JSON-able and small (keys of the store, never
arrays). Nothing else crosses to a worker, so a task can be read in a log, and no file of ours holds pickled objects.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from outlearn.errors import ConfigError
from outlearn.store.store import canonical_json

__all__ = ["Done", "Failed", "Outcome", "Skipped", "Task"]


@dataclass(frozen=True)
class Task:
    """Describe one piece of work that can be done anywhere and any number of times.

    Attributes:
        name: what people and outcomes call it; unique in a run.
        function: `package.module:function`, a function at the top of a module that workers can import.
        arguments: keyword arguments for it, JSON-able.
        after: names of the tasks that must be done before this one starts.
        gpu: whether a GPU helps; on a cluster of which some workers offer one, the task goes to those.

    Examples:
        >>> Task("shout", "builtins:print", {"end": "!"}).after
        ()
    """

    name: str
    function: str
    arguments: Mapping[str, Any]
    after: tuple[str, ...] = ()
    gpu: bool = False

    def __post_init__(self) -> None:
        module, _, function = self.function.partition(":")
        if not module or not function.isidentifier():
            raise ConfigError(
                f"the task {self.name!r} has the function {self.function!r}; expected 'package.module:function'."
            )
        try:
            canonical_json(dict(self.arguments))
        except (TypeError, ValueError) as error:
            raise ConfigError(
                f"the task {self.name!r} has arguments that are not JSON ({error}); give numbers, strings, lists and "
                "mappings only."
            ) from error


@dataclass(frozen=True)
class Done:
    """A task that ended well.

    Attributes:
        result: what its function returned.
        seconds: how long the function ran.
        worker: `host:process` that ran it.
        attempts: how often it was started; more than 1 if workers died under it.
        warnings: texts of the warnings that it gave.
    """

    result: Any
    seconds: float
    worker: str
    attempts: int = 1
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Failed:
    """A task that cannot be done.

    Attributes:
        cause: one or a few lines for people.
        attempts: how often it was started.
        expected: True if the cause is an error that the user can act on (`OutlearnError`), whose text says how.
        traceback: where it was raised; empty if the worker died.
        worker: `host:process` that ran it, where known.
        warnings: texts of the warnings that it gave before.
    """

    cause: str
    attempts: int = 1
    expected: bool = False
    traceback: str = ""
    worker: str = ""
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Skipped:
    """A task that was not started.

    Attributes:
        because: names of the failed or skipped tasks that it comes after.
    """

    because: tuple[str, ...]

    @property
    def cause(self) -> str:
        return f"not started, because {', '.join(self.because)} failed"


Outcome = Done | Failed | Skipped
