"""However a driver ends, its workers end with it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.store.executors.conftest import KINDS, children, lives

from outlearn.store.store import Store

ROOT = Path(__file__).resolve().parents[3]
PATIENCE = 300.0  # seconds that a busy machine may take; none is asserted

pytestmark = pytest.mark.slow


def until(condition: Callable[[], bool]) -> bool:
    """Wait for a condition; say whether it came true."""
    end = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


@pytest.fixture(params=["processes", "dask"])
def driver(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Give a driver whose two tasks run, in a process group of its own as a terminal would start it."""
    if request.param == "dask":
        pytest.importorskip("distributed", reason="the extra `cluster` is not installed")
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.store.executors.driver", tmp_path, *map(str, KINDS[request.param].values())],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert until(lambda: len(list(tmp_path.glob("[ab]@*"))) == 2 or process.poll() is not None)
    assert process.poll() is None, process.communicate()[1]
    yield process
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def test_a_driver_killed_leaves_no_process_and_gc_removes_what_it_left_in_the_store(driver, tmp_path):
    below = children(driver.pid)
    assert len(below) >= 2
    driver.kill()
    driver.wait()
    assert until(lambda: not any(map(lives, below)))
    store = Store(tmp_path / "store")
    assert len(store.gc().removed) == 1
    assert list((store.root / "tmp").iterdir()) == []


def test_a_driver_interrupted_ends_at_once_with_its_workers(driver, tmp_path):
    below = children(driver.pid)
    os.killpg(driver.pid, signal.SIGINT)  # as Ctrl-C does: the workers get it too
    _, text = driver.communicate(timeout=PATIENCE)
    assert driver.returncode == -signal.SIGINT
    assert text.rstrip().endswith("KeyboardInterrupt")
    assert until(lambda: not any(map(lives, below)))
    assert list((tmp_path / "store" / "tmp").iterdir()) == []


def test_a_driver_that_is_asked_to_end_leaves_no_process(driver):
    below = children(driver.pid)
    driver.terminate()
    driver.wait(timeout=PATIENCE)
    assert until(lambda: not any(map(lives, below)))
