"""A scheduler somewhere: workers that cannot take part are named, and a scheduler that is lost is looked for."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.store.executors.conftest import deed, runs_of

from outlearn.errors import WorkerError
from outlearn.store.executors import Done, Outcome, TaskRunner, open_executor
from outlearn.store.store import Store

cluster = pytest.importorskip("outlearn.store.executors.cluster", reason="the extra `cluster` is not installed")

pytestmark = pytest.mark.slow


class Site:
    """A scheduler and workers that are nobody's children."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.address = f"tcp://127.0.0.1:{self.port}"
        self.folder = folder
        self.processes: list[subprocess.Popen[bytes]] = []

    def start(self, what: str, *arguments: str) -> subprocess.Popen[bytes]:
        with (self.folder / f"{what}.log").open("a") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", f"distributed.cli.dask_{what}", *arguments, "--no-dashboard"],
                env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
                cwd=self.folder,
                stdout=subprocess.DEVNULL,
                stderr=log,
                start_new_session=True,
            )
        self.processes.append(process)
        return process

    def scheduler(self) -> subprocess.Popen[bytes]:
        """Start the scheduler, and wait until it listens: how long it imports is no part of any claim here."""
        process = self.start("scheduler", "--host", "127.0.0.1", "--port", str(self.port))
        until = time.monotonic() + 300
        while process.poll() is None and time.monotonic() < until:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    break
            time.sleep(0.05)
        return process

    def worker(self, *arguments: str) -> subprocess.Popen[bytes]:
        local = ("--host", "127.0.0.1", "--local-directory", str(self.folder))
        return self.start("worker", self.address, *local, *(arguments or ("--nthreads", "1")))

    def stop(self) -> None:
        for process in self.processes:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    (tmp_path / "site").mkdir()
    site = Site(tmp_path / "site")
    yield site
    site.stop()


def waits(folder: Path) -> list[object]:
    return [deed("wait_for", name, folder=str(folder), name=name, sign="go") for name in ("a", "b")]


class Background(threading.Thread):
    """Run tasks beside the test, and keep what comes of it."""

    def __init__(self, address: str, folder: Path) -> None:
        super().__init__()
        self.address, self.folder = address, folder
        self.outcomes: dict[str, Outcome] = {}
        self.error: Exception | None = None

    def run(self) -> None:
        try:
            with open_executor(cluster=self.address, store=Store(self.folder / "store")) as executor:
                first = deed("double", number=1)
                executor.run([first, *waits(self.folder)], on_done=self.outcomes.__setitem__)
        except Exception as error:
            self.error = error


def until_workers(executor: TaskRunner, count: int) -> None:
    """Wait until so many workers have found the scheduler."""
    end = time.monotonic() + 300
    while executor.workers.slots() < count and time.monotonic() < end:
        time.sleep(0.05)


def until_started(folder: Path, count: int) -> None:
    """Wait until the waiting tasks have been started so many times."""
    end = time.monotonic() + 300
    while runs_of(folder, "a") + runs_of(folder, "b") < count and time.monotonic() < end:
        time.sleep(0.02)


def test_a_lost_scheduler_that_comes_back_gets_the_unfinished_tasks_again(site, tmp_path):
    scheduler = site.scheduler()
    for _ in range(2):
        site.worker()
    running = Background(site.address, tmp_path)
    running.start()
    until_started(tmp_path, 2)
    scheduler.kill()
    scheduler.wait()
    site.scheduler()
    for _ in range(2):
        site.worker()
    until_started(tmp_path, 4)
    (tmp_path / "go").touch()
    running.join()
    assert running.error is None
    assert sorted(running.outcomes) == ["a", "b", "double"]
    assert all(isinstance(outcome, Done) for outcome in running.outcomes.values())


def test_a_scheduler_that_stays_lost_is_named_with_what_to_do(site, tmp_path, monkeypatch):
    monkeypatch.setattr(cluster, "WAITS", (0.1, 0.1))
    monkeypatch.setattr(cluster, "RECONNECT_SECONDS", 1)
    scheduler = site.scheduler()
    for _ in range(2):
        site.worker()
    running = Background(site.address, tmp_path)
    running.start()
    until_started(tmp_path, 2)
    scheduler.kill()
    running.join()
    assert isinstance(running.error, WorkerError)
    assert str(running.error).startswith(f"the scheduler at '{site.address}' was lost and does not come back")
    assert "kept in the store" in str(running.error)
    assert list(running.outcomes) == ["double"]


def refusal(site: Site) -> str:
    """Open the site's workers, and return the error."""
    with pytest.raises(WorkerError) as caught, open_executor(cluster=site.address):
        pass
    return str(caught.value)


def test_no_scheduler_is_an_error_that_names_the_address(site, monkeypatch):
    monkeypatch.setattr(cluster, "CONNECT_SECONDS", 1)
    assert f"no scheduler answers at {site.address!r}" in refusal(site)


def test_a_scheduler_without_workers_is_an_error_that_says_how_to_start_one(site, monkeypatch):
    monkeypatch.setattr(cluster, "CONNECT_SECONDS", 300)
    monkeypatch.setattr(cluster, "PATIENCE_SECONDS", 0.5)
    site.scheduler()
    assert f"`dask worker {site.address} --nthreads 1`" in refusal(site)


def test_a_worker_with_several_threads_is_refused(site, monkeypatch):
    monkeypatch.setattr(cluster, "CONNECT_SECONDS", 300)
    site.scheduler()
    site.worker("--nthreads", "2")
    assert "has 2 threads; expected 1" in refusal(site)


def test_tasks_that_a_gpu_helps_go_to_the_workers_that_offer_one(site, monkeypatch):
    monkeypatch.setattr(cluster, "CONNECT_SECONDS", 300)
    site.scheduler()
    site.worker()
    site.worker("--nthreads", "1", "--resources", "GPU=1")
    with open_executor(cluster=site.address) as executor:
        until_workers(executor, 2)
        heavy = [replace(deed("double", f"gpu {i}", number=i), gpu=True) for i in range(6)]
        light = [deed("double", f"any {i}", number=i) for i in range(6)]
        outcomes = executor.run([*heavy, *light])
    assert all(isinstance(outcome, Done) for outcome in outcomes.values())
    assert len({outcomes[task.name].worker for task in heavy}) == 1


def test_tasks_that_a_gpu_helps_run_where_none_is_offered(site, monkeypatch):
    monkeypatch.setattr(cluster, "CONNECT_SECONDS", 300)
    site.scheduler()
    site.worker()
    with open_executor(cluster=site.address) as executor:
        assert executor.run([replace(deed("double", number=3), gpu=True)])["double"].result == 6
