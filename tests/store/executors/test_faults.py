"""After every fault the same command goes on, and ends as a sweep that nothing happened to."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.programs import Programs
from tests.store.executors.conftest import children, lives
from tests.store.executors.runs import config_of, make_task_file, timeless
from tests.store.executors.sweeps import SmallSweep

from outlearn.experiment.config import Config
from outlearn.experiment.pipeline import Run, run
from outlearn.store.store import Store

KILLS = 12  # each starts a program again, three seconds of CPU


@pytest.fixture(scope="module")
def sweep(programs: Programs, tmp_path_factory: pytest.TempPathFactory) -> SmallSweep:
    """Give a sweep of which an unbroken run, in one process, is in `unbroken`."""
    sweep = SmallSweep(programs, tmp_path_factory.mktemp("sweep"), seeds=8)
    sweep.run("unbroken")
    return sweep


@pytest.fixture(scope="module")
def short_sweep(programs: Programs, tmp_path_factory: pytest.TempPathFactory) -> SmallSweep:
    """Give one that is done sooner, for what happens once in it."""
    sweep = SmallSweep(programs, tmp_path_factory.mktemp("short-sweep"), seeds=4)
    sweep.run("unbroken")
    return sweep


def progress(sweep: SmallSweep, name: str) -> int:
    """Count what a sweep has done so far."""
    stages = len(list(sweep.folder.glob(f"{name}-store/objects/*/*")))
    return stages + len(list(sweep.folder.glob(f"{name}/runs/*/results.json")))


def wait_while(condition: Callable[[], bool], seconds: float = 600.0) -> None:
    end = time.monotonic() + seconds
    while condition() and time.monotonic() < end:
        time.sleep(0.005)
    assert not condition()


@pytest.mark.slow
def test_a_driver_killed_at_random_moments_goes_on_to_the_same_results(sweep):
    rng = random.Random(0)
    left = []
    for kill in range(KILLS):
        # Killed after it has done one or two things more, and a little later, so that it falls inside the next. Workers
        # take their time to start: every tenth has some.
        more = progress(sweep, "killed") + rng.randint(1, 2)
        process = sweep.start("killed", *(("--workers", "2") if kill % 10 == 4 else ()))
        wait_while(lambda p=process, n=more: p.poll() is None and progress(sweep, "killed") < n)
        time.sleep(rng.random() * 0.1)
        left.append(children(process.pid))
        process.kill()
        process.communicate()
        assert process.returncode == -signal.SIGKILL, "it was done before it could be killed"
    assert sum(map(len, left)) > 0
    wait_while(lambda: any(lives(child) for below in left for child in below))
    sweep.run("killed")
    assert sweep.results("killed") == sweep.results("unbroken")
    store = Store(sweep.folder / "killed-store")
    store.gc()
    assert [path for name in ("tmp", "unfinished") for path in (store.root / name).glob("*")] == []


@pytest.mark.slow
def test_a_worker_killed_in_the_middle_changes_nothing(short_sweep):
    process = short_sweep.start("worker", "--workers", "2")
    wait_while(lambda: process.poll() is None and not short_sweep.log("worker", "finished"))
    victim = int(short_sweep.log("worker", "finished")[-1]["worker"].split(":")[1])
    os.kill(victim, signal.SIGKILL)
    text, _ = process.communicate()
    assert process.returncode == 0, text
    assert short_sweep.results("worker") == short_sweep.results("unbroken")


@pytest.mark.slow
def test_an_interrupted_sweep_says_how_to_go_on_and_leaves_no_process(programs, tmp_path):
    sweep = SmallSweep(programs, tmp_path, seeds=2, epochs=100_000)
    process = sweep.start("long", "--workers", "2")
    wait_while(lambda: process.poll() is None and len(sweep.log("long", "finished")) < 3)
    below = children(process.pid)
    os.killpg(process.pid, signal.SIGINT)  # as Ctrl-C does: the workers get it too
    text, _ = process.communicate()
    assert process.returncode == 130, text
    assert "the same command goes on" in text
    assert "Traceback" not in text
    assert len(below) >= 2
    wait_while(lambda: any(map(lives, below)))
    assert list((sweep.folder / "long-store" / "tmp").iterdir()) == []


@pytest.mark.slow
def test_two_sweeps_on_one_store_at_once_give_the_same(short_sweep):
    # In one process each: they come to every stage at the same moment.
    both = [short_sweep.start(name, store="shared") for name in ("one", "other")]
    texts = [process.communicate()[0] for process in both]
    assert [process.returncode for process in both] == [0, 0], texts
    results = [short_sweep.results(name, "shared") for name in ("one", "other")]
    assert results[0] == results[1] == short_sweep.results("unbroken")
    assert list((short_sweep.folder / "shared" / "tmp").iterdir()) == []


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Give a folder on a disk of 64 KiB, which can be made larger; only root may."""
    if os.geteuid() != 0:
        pytest.skip("a disk of its own needs root")
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "none", tmp_path], check=False, capture_output=True, text=True
    )
    if made.returncode:
        pytest.skip(f"no disk can be mounted here: {made.stderr.strip()}")
    yield tmp_path
    subprocess.run(["umount", "-l", tmp_path], check=True)


@pytest.mark.slow
def test_a_full_disk_fails_what_does_not_fit_and_the_same_command_goes_on_once_there_is_room(short_sweep, small_disk):
    store = str(small_disk / "store")
    process = short_sweep.start("full", "--workers", "2", store=store)
    text, _ = process.communicate()
    assert process.returncode == 1, text
    assert "No space left on device" in text
    assert "Traceback" not in text
    assert [each for each in Store(store).verify() if each.damage] == []
    subprocess.run(["mount", "-o", "remount,size=64m", small_disk], check=True)
    short_sweep.run("full", store=store)
    assert short_sweep.results("full", store) == short_sweep.results("unbroken")


def truncate(folder: Path) -> None:
    path = folder / "arrays.safetensors"
    path.write_bytes(path.read_bytes()[:-7])


def flip_a_bit(folder: Path) -> None:
    path = folder / "arrays.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def remove_the_arrays(folder: Path) -> None:
    (folder / "arrays.safetensors").unlink()


def remove_meta(folder: Path) -> None:
    (folder / "meta.json").unlink()


def halve_meta(folder: Path) -> None:
    path = folder / "meta.json"
    path.write_text(path.read_text()[:100])


def swap_meta(folder: Path) -> None:
    """Give an entry the meta.json of another."""
    path = folder / "meta.json"
    path.write_text(path.read_text().replace(folder.name, "0" * 64))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Config, Run, Path]:
    """Give a configuration, its run, and the store that the run has filled; tests harm a copy of it."""
    folder = tmp_path_factory.mktemp("whole")
    config = config_of(make_task_file(folder / "task.npz"))
    return config, run(config, store=Store(folder / "store"), out=folder / "run"), folder / "store"


@pytest.mark.medium
@pytest.mark.parametrize("harm", [truncate, flip_a_bit, remove_the_arrays, remove_meta, halve_meta, swap_meta])
def test_every_damaged_entry_is_named_set_aside_and_computed_again(harm, whole, tmp_path):
    config, unharmed, filled = whole
    store = Store(shutil.copytree(filled, tmp_path / "store"))
    keys = {stage.key for stage in unharmed.results.stages.values()}
    for folder, _ in list(store.entries()):
        harm(folder)
    with pytest.warns(UserWarning, match="was damaged") as given:
        again = run(config, store=store, out=tmp_path / "again")
    texts = [str(each.message) for each in given]
    assert all(sum(key[:12] in text for text in texts) == 1 for key in keys)
    assert {path.name.split("-")[0] for path in (store.root / "damaged").iterdir()} == keys
    assert timeless(again.folder) == timeless(unharmed.folder)
    assert [each for each in store.verify() if each.damage] == []
