"""A run killed with kill -9 at any moment, and started again, ends as an unbroken one."""

from __future__ import annotations

import random
import signal
import time
from pathlib import Path

import pytest
from tests.programs import OUTLEARN
from tests.store.executors.runs import timeless

from outlearn.store.store import Store

SETTINGS = (
    "teacher.models=2",
    "teacher.labels=20",
    "student.seeds=2",
    "student.learner.epochs=30",
    "student.loss=[forward_ce, reverse_ce]",
    "student.checkpoints=[1]",
)


def arguments(task_file: Path, store: Path, out: Path) -> list[str]:
    overrides = [part for item in (f"data.path={task_file}", *SETTINGS) for part in ("--set", item)]
    return ["run", "--store", str(store), "--out", str(out), *overrides]


@pytest.mark.slow
def test_a_run_killed_at_any_moment_goes_on_to_the_same_results(programs, tmp_path, task_file):
    unbroken = tmp_path / "unbroken"
    programs.run(OUTLEARN, *arguments(task_file, tmp_path / "store", unbroken))
    rng = random.Random(0)
    # Kill after so many stages are stored, a little later each time, so that the kill falls inside the next stage.
    for stages in range(5):
        store, out = tmp_path / f"store{stages}", tmp_path / f"out{stages}"
        broken = programs.start(OUTLEARN, *arguments(task_file, store, out))
        while broken.poll() is None and len(list(store.glob("objects/*/*"))) < stages:
            time.sleep(0.002)
        time.sleep(rng.random() * 0.1)
        broken.kill()
        broken.wait()
        assert all(each.damage is None for each in Store(store).verify())
        programs.run(OUTLEARN, *arguments(task_file, store, out))
        assert timeless(out) == timeless(unbroken)
        Store(store).gc()
        assert list(store.glob("tmp/*")) == []
        assert [path.name for path in out.iterdir() if path.name.startswith(".")] == []


@pytest.mark.slow
def test_an_interrupted_run_says_how_to_go_on(programs, tmp_path, task_file):
    long = [part.replace("epochs=30", "epochs=100000") for part in arguments(task_file, tmp_path / "s", tmp_path / "o")]
    running = programs.start(OUTLEARN, *long)
    while running.poll() is None and len(list((tmp_path / "s").glob("objects/*/*"))) < 2:
        time.sleep(0.01)
    running.send_signal(signal.SIGINT)
    _, err = running.communicate(timeout=60)
    assert running.returncode == 130
    assert "goes on from there" in err
    assert "Traceback" not in err
