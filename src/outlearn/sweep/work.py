"""What a worker does for a sweep: compute one stage, or finish one run. Plain data in, plain data out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from outlearn.experiment.config import Config
from outlearn.experiment.pipeline import run
from outlearn.experiment.stage_tasks import compute_stage, inside
from outlearn.learners.memory import working_memory
from outlearn.store.store import Store

__all__ = ["finish_run", "finish_stage"]


def finish_stage(config: dict[str, Any], store: str, folder: str, key: str, memory: int | None) -> str:
    """Compute a stage as `compute_stage` does, with so many bytes for the training of heads; None for the default."""
    with working_memory(memory):
        return compute_stage(config, store, folder, key)


def finish_run(config: Mapping[str, Any], store: str, folder: str, out: str, memory: int | None) -> None:
    """Compute what a run still lacks, measure it and write its folder, `out`."""
    with inside(folder), working_memory(memory):
        run(Config.model_validate(config), store=Store(store), out=Path(out))
