"""Stages: keys before results, inputs before outputs, each computed once, workspaces kept until they are not needed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from outlearn.errors import StoreError
from outlearn.experiment.load_config import load_config
from outlearn.experiment.plan import make_plan
from outlearn.progress import Silent
from outlearn.store.stage import Stage, StageRunner, upstream
from outlearn.store.store import Store


def adding(name: str, amount: float, *parents: Stage, log: list[str] | None = None) -> Stage:
    """A stage whose array is the sum of its parents' plus an amount."""

    def compute(entries, work):
        if log is not None:
            log.append(name)
        return {"x": np.array(sum(entry.arrays["x"] for entry in entries.values()) + amount)}

    return Stage(name, 1, {"amount": amount}, {parent.name: parent for parent in parents}, compute)


def diamond(root: float, log: list[str] | None = None) -> Stage:
    base = adding("base", root, log=log)
    return adding("top", 1.0, adding("left", 2.0, base, log=log), adding("right", 3.0, base, log=log), log=log)


def test_a_result_is_computed_from_its_inputs_each_once_and_inputs_first(tmp_path):
    log: list[str] = []
    stage = diamond(10.0, log)
    entry = StageRunner(Store(tmp_path), Silent()).result(stage)
    assert entry.arrays["x"] == (10 + 2) + (10 + 3) + 1
    assert log == ["base", "left", "right", "top"]
    assert [each.name for each in upstream(stage)] == log


def test_a_second_runner_computes_nothing_and_reads_no_input_of_what_is_there(tmp_path):
    StageRunner(Store(tmp_path), Silent()).result(diamond(10.0))
    log: list[str] = []
    entry = StageRunner(Store(tmp_path), Silent()).result(diamond(10.0, log))
    assert entry.cached
    assert not log


def test_a_change_at_the_root_changes_every_key_below_it_and_no_computation_is_needed_to_know():
    old, new = (list(upstream(diamond(root))) for root in (10.0, 11.0))
    assert not {stage.key for stage in old} & {stage.key for stage in new}
    again = list(upstream(diamond(10.0)))
    assert [stage.key for stage in again] == [stage.key for stage in old]


def test_a_workspace_outlives_a_failure_and_not_a_success(tmp_path):
    store = Store(tmp_path)
    seen: list[Path] = []
    fail = True

    def compute(entries, work):
        seen.append(work.workspace)
        work.workspace.mkdir(parents=True, exist_ok=True)
        (work.workspace / "step").write_text("7")
        if fail:
            raise RuntimeError("killed")
        return {"x": np.zeros(1)}

    stage = Stage("long", 1, {}, {}, compute)
    with pytest.raises(RuntimeError):
        StageRunner(store, Silent()).result(stage)
    assert (seen[0] / "step").read_text() == "7"
    fail = False
    StageRunner(store, Silent()).result(stage)
    assert seen[1] == seen[0]
    assert not seen[0].exists()


def test_a_stage_that_another_process_finishes_meanwhile_does_not_fail_without_its_workspace(tmp_path):
    store = Store(tmp_path)
    other = Stage("long", 1, {}, {}, lambda entries, work: {"x": np.ones(1)})

    def compute(entries, work):
        StageRunner(store, Silent()).result(other)
        raise StoreError("the workspace is gone")

    entry = StageRunner(store, Silent()).result(Stage("long", 1, {}, {}, compute))
    np.testing.assert_array_equal(entry.arrays["x"], np.ones(1))


def test_the_plan_of_a_run_names_the_stages_that_the_run_then_stores(small_run, task_file, tmp_path):
    finished = small_run()
    plan = make_plan(load_config(finished.folder / "config.yaml"))
    assert {name: stage.key for name, stage in plan.stages.items()} == {
        name: record.key for name, record in finished.results.stages.items()
    }
    assert all(stage.key in Store(tmp_path / "store") for stage in plan.stages.values())


def test_inputs_of_each_stage_of_a_plan_come_before_it(small_run):
    plan = make_plan(load_config(small_run().folder / "config.yaml"))
    before: set[str] = set()
    for stage in plan.stages.values():
        assert {parent.key for parent in stage.parents.values()} <= before
        before.add(stage.key)
