"""A run whose stages are computed by workers is the run whose stages are computed here."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from tests.store.executors.conftest import opened
from tests.store.executors.runs import config_of, hashes, make_task_file, timeless

from outlearn.errors import WorkerError
from outlearn.experiment.pipeline import run
from outlearn.experiment.plan import make_plan
from outlearn.experiment.stage_tasks import compute_stages, raise_failures, stage_tasks
from outlearn.store.executors import Done, Failed, open_executor
from outlearn.store.store import Store

pytestmark = pytest.mark.medium


@pytest.fixture
def config(tmp_path):
    return config_of(make_task_file(tmp_path / "task.npz"))


def test_there_is_a_task_for_each_stage_that_is_not_there_and_it_comes_after_its_inputs(tmp_path, config):
    store, plan = Store(tmp_path / "store"), make_plan(config)
    tasks = {task.name: task for task in stage_tasks([plan], store)}
    for name in ("teachers", "students", "ceilings"):
        stage = plan.stages[name]
        after = {f"{parent.name} {parent.key[:12]}" for parent in stage.parents.values()}
        assert set(tasks[f"{stage.name} {stage.key[:12]}"].after) == after
    run(config, store=store, out=tmp_path / "out")
    assert stage_tasks([plan], store) == []


def test_stages_that_plans_share_are_computed_once(tmp_path, config):
    store = Store(tmp_path / "store")
    other = config_of(tmp_path / "task.npz", "student.seeds=3")
    alone = [stage_tasks([make_plan(each)], store) for each in (config, other)]
    together = stage_tasks([make_plan(config), make_plan(other)], store)
    assert {task.name for task in together} == {task.name for tasks in alone for task in tasks}
    assert len(together) < sum(len(tasks) for tasks in alone)


def test_a_task_is_plain_text_for_any_configuration(tmp_path, config):
    for task in stage_tasks([make_plan(config)], Store(tmp_path / "store")):
        assert json.loads(json.dumps(task.arguments)) == task.arguments


@pytest.mark.parametrize(
    "kind", ["in-process", *(pytest.param(k, marks=pytest.mark.slow) for k in ("processes", "dask"))]
)
def test_a_run_on_workers_gives_what_a_run_without_gives(kind, tmp_path, config):
    run(config, store=Store(tmp_path / "here"), out=tmp_path / "a")
    store = Store(tmp_path / "there")
    with opened(kind, store=store) as executor:
        done = run(config, store=store, out=tmp_path / "b", executor=executor)
        assert not any(stage.cached for stage in done.results.stages.values())
        assert run(config, store=store, out=tmp_path / "c", executor=executor).all_cached
    assert timeless(tmp_path / "b") == timeless(tmp_path / "a")
    assert hashes(tmp_path / "here") == hashes(tmp_path / "there")
    assert list((tmp_path / "there" / "tmp").iterdir()) == []


def test_a_worker_with_other_data_says_so_and_computes_nothing(tmp_path, config):
    store, path = Store(tmp_path / "store"), tmp_path / "task.npz"
    tasks = stage_tasks([make_plan(config)], store)
    make_task_file(path, seed=1)
    with open_executor() as executor:
        outcomes = executor.run(tasks)
    first = outcomes[tasks[0].name]
    assert isinstance(first, Failed)
    assert "differ from the driver's" in first.cause
    assert first.expected
    assert list(store.entries()) == []


def test_data_that_changed_between_runs_of_one_process_is_seen(tmp_path, config):
    store, path = Store(tmp_path / "store"), tmp_path / "task.npz"
    with open_executor() as executor:
        run(config, store=store, out=tmp_path / "a", executor=executor)
        make_task_file(path, seed=1)
        changed = run(config, store=store, out=tmp_path / "b", executor=executor)
    assert not changed.all_cached


def test_relative_paths_of_a_configuration_hold_on_workers(tmp_path, config, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tasks = stage_tasks([make_plan(config_of(Path("task.npz")))], Store("store"))
    monkeypatch.chdir("/")
    with open_executor() as executor:
        assert all(isinstance(outcome, Done) for outcome in executor.run(tasks).values())
    assert Path.cwd() == Path("/")


def test_a_stage_that_fails_is_named_with_its_cause_and_the_others_are_kept(tmp_path):
    path = make_task_file(tmp_path / "task.npz")
    config = config_of(path, "student.learner.learning_rate=1e30")
    store = Store(tmp_path / "store")
    with open_executor() as executor:
        outcomes = compute_stages([make_plan(config)], store=store, executor=executor)
    with pytest.raises(WorkerError, match=r"the stage students.* failed: .*diverged"):
        raise_failures(outcomes)
    kept = {meta["stage"] for _, meta in store.entries()}
    assert {"features", "teachers"} <= kept


def test_a_damaged_input_is_named_and_computed_again_by_the_worker(tmp_path, config):
    store = Store(tmp_path / "store")
    whole = run(config, store=store, out=tmp_path / "a")
    for folder, meta in store.entries():
        if meta["stage"] == "students":
            shutil.rmtree(folder)
        elif meta["stage"] == "teachers":
            (folder / "arrays.safetensors").write_bytes(b"")
    with open_executor() as executor, pytest.warns(UserWarning, match="was damaged"):
        again = run(config, store=store, out=tmp_path / "b", executor=executor)
    assert timeless(again.folder) == timeless(whole.folder)
