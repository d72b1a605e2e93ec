"""A stage: a part of a run that costs time, is stored, and is known by its key before anything is computed.

Stages form a graph: the inputs of a stage are stages, or fingerprints of data. The key of each follows from its own
settings and the keys of its inputs, so a plan can say what is there and what is to be done without training, and any
process that rebuilds the graph from the configuration finds the same keys.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from outlearn.errors import StoreError
from outlearn.progress import Progress
from outlearn.store.store import Entry, Store, stage_key

__all__ = ["Entries", "Stage", "StageRunner", "Work", "upstream"]

Entries = Mapping[str, Entry]


@dataclass(frozen=True)
class Work:
    """What a stage has at hand while it is computed.

    Attributes:
        progress: where to report.
        workspace: a folder of this stage's own that outlives a kill, for checkpoints; made by who uses it, removed once
            the result is stored.
    """

    progress: Progress
    workspace: Path


@dataclass(frozen=True, eq=False)
class Stage:
    """Describe one stage; `StageRunner` computes it.

    Attributes:
        name: what it is, for people and for the key.
        version: of its code; raise it when the same settings come to mean another result.
        settings: the part of the configuration that it depends on, JSON-able.
        inputs: what it reads: other stages, or fingerprints of data.
        compute: (entries of those inputs that are stages, work) -> arrays to store.
        alone: True if it fills the machine by itself, or takes memory that leaves no room for another beside it.
    """

    name: str
    version: int
    settings: Mapping[str, Any]
    inputs: Mapping[str, Stage | str]
    compute: Callable[[Entries, Work], dict[str, np.ndarray]]
    alone: bool = False

    @cached_property
    def input_keys(self) -> dict[str, str]:
        """The inputs by key or fingerprint."""
        return {name: each.key if isinstance(each, Stage) else each for name, each in self.inputs.items()}

    @cached_property
    def key(self) -> str:
        """The store's key; see `stage_key`."""
        return stage_key(self.name, self.version, self.settings, self.input_keys)

    @property
    def parents(self) -> dict[str, Stage]:
        """The inputs that are stages."""
        return {name: each for name, each in self.inputs.items() if isinstance(each, Stage)}


def upstream(*stages: Stage) -> Iterator[Stage]:
    """Yield these stages and all that they need, each once, inputs first."""
    seen: set[str] = set()

    def walk(stage: Stage) -> Iterator[Stage]:
        if stage.key in seen:
            return
        seen.add(stage.key)
        for parent in stage.parents.values():
            yield from walk(parent)
        yield stage

    for stage in stages:
        yield from walk(stage)


class StageRunner:
    """Give the results of stages: from memory, from the store, or computed, inputs first."""

    def __init__(self, store: Store, progress: Progress) -> None:
        self._store = store
        self._progress = progress
        self._seen: dict[str, Entry] = {}

    def result(self, stage: Stage) -> Entry:
        """Return the entry of a stage; `cached` says whether it was computed by this runner.

        Raises:
            OutlearnError: for anything that makes the stage impossible; what was complete before is kept.
        """
        if stage.key not in self._seen:
            self._seen[stage.key] = self._store.read(stage.key) or self._computed(stage)
        return self._seen[stage.key]

    def _computed(self, stage: Stage) -> Entry:
        # Inputs first, so that their time is not counted as this stage's.
        entries = {name: self.result(parent) for name, parent in stage.parents.items()}
        work = Work(self._progress, self._store.workspace(stage.key))
        try:
            entry = self._store.get_or_compute(
                stage.name,
                version=stage.version,
                settings=stage.settings,
                inputs=stage.input_keys,
                compute=lambda: stage.compute(entries, work),
            )
        except StoreError:
            # Another process may have finished the same stage, and removed the workspace that both wrote to.
            stored = self._store.read(stage.key)
            if stored is None:
                raise
            entry = stored
        shutil.rmtree(work.workspace, ignore_errors=True)
        return entry
