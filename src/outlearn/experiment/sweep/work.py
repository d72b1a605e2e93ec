"""What a worker does for a sweep: compute one stage, or finish one run. Plain data in, plain data out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from outlearn.errors import StoreError
from outlearn.experiment.config import Config
from outlearn.experiment.pipeline import run
from outlearn.experiment.plan import make_plan
from outlearn.experiment.progress import Silent
from outlearn.experiment.stage import StageRunner, upstream
from outlearn.experiment.store import Store

__all__ = ["compute_stage", "finish_run"]


def compute_stage(config: Mapping[str, Any], key: str, store: str) -> dict[str, Any]:
    """Compute a stage of a run and leave it in the store.

    Args:
        config: of the run, as `Config.model_dump` gives it.
        key: of the stage.
        store: folder of the store.

    Returns:
        The key, whether it was there already, and the seconds that it took.

    Raises:
        StoreError: if the run has no such stage here: the data differ from those of whoever planned it.
    """
    plan = make_plan(Config.model_validate(config))
    for stage in upstream(*plan.stages.values()):
        if stage.key == key:
            entry = StageRunner(Store(store), Silent()).result(stage)
            return {"key": key, "cached": entry.cached, "seconds": entry.seconds}
    raise StoreError(
        f"the run has no stage {key[:12]} here: its data or models differ from those that the sweep was planned with. "
        "Give every worker the same files, and leave them alone while a sweep runs."
    )


def finish_run(config: Mapping[str, Any], store: str, out: str) -> dict[str, Any]:
    """Compute what a run still lacks, measure it and write its folder.

    Returns:
        The seconds of each part of the run, as results.json has them.
    """
    finished = run(Config.model_validate(config), store=Store(store), out=Path(out))
    return {"seconds": finished.results["seconds"]}
