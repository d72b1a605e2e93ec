"""Executors to run the deeds on."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from outlearn.store.executors import Task, TaskRunner, open_executor
from outlearn.store.store import Store

KINDS = {"in-process": {}, "processes": {"workers": 2}, "dask": {"workers": 2, "cluster": "local"}}


def deed(deed_name: str, called: str | None = None, after: tuple[str, ...] = (), **arguments: object) -> Task:
    return Task(called or deed_name, f"tests.store.executors.deeds:{deed_name}", arguments, after)


def opened(kind: str, store: Store | None = None) -> AbstractContextManager[TaskRunner]:
    if kind == "dask":
        pytest.importorskip("distributed", reason="the extra `cluster` is not installed")
    return open_executor(**KINDS[kind], store=store)


@pytest.fixture(scope="module", params=[pytest.param(kind, marks=pytest.mark.slow) for kind in ("processes", "dask")])
def outside(request: pytest.FixtureRequest) -> Iterator[TaskRunner]:
    """Give workers that are other processes."""
    with opened(request.param) as executor:
        yield executor


@pytest.fixture(
    scope="module",
    params=["in-process", *(pytest.param(k, marks=pytest.mark.slow) for k in KINDS if k != "in-process")],
)
def executor(request: pytest.FixtureRequest) -> Iterator[TaskRunner]:
    """Give workers of each kind."""
    with opened(request.param) as executor:
        yield executor


def runs_of(folder: Path, name: str) -> int:
    """Count how often a deed that notes its name was started."""
    return len(list(folder.glob(f"{name}@*")))


def lives(process: int) -> bool:
    """Say whether a process runs; one that waits to be buried does not."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def children(process: int | None = None) -> set[int]:
    """Return the processes below one, at any depth."""
    parents = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parents[int(folder.name)] = int((folder / "stat").read_text().rsplit(")", 1)[1].split()[1])
        except (FileNotFoundError, ProcessLookupError):
            continue
    found, border = set(), {process or os.getpid()}
    while border:
        border = {child for child, parent in parents.items() if parent in border}
        found |= border
    return found
