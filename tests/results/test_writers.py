"""A writer is known by its mark, and whether it lives is told apart from whether anybody has its number."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from outlearn.results.writers import writer_lives, writer_mark

MARKED = "from outlearn.results.writers import writer_mark; print(writer_mark(), flush=True); input()"


@pytest.fixture
def half(tmp_path) -> Path:
    path = tmp_path / "half"
    path.touch()
    return path


def test_a_writer_lives_while_its_process_does(half):
    assert writer_lives(half, writer_mark())
    with subprocess.Popen(
        [sys.executable, "-c", MARKED], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        mark = other.stdout.readline().strip()
        assert writer_lives(half, mark)
        other.kill()
        other.wait()
        assert not writer_lives(half, mark)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="the system does not say when a process was started")
@pytest.mark.parametrize("start", ["-1", "", "-99999999999"])
def test_who_got_the_number_of_a_writer_that_ended_is_not_taken_for_it(half, start):
    host, _, rest = writer_mark().split("@")
    assert not writer_lives(half, f"{host}@{os.getpid()}{start}@{rest}")


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="the system does not list its threads")
def test_a_thread_with_the_number_of_a_writer_that_ended_is_not_taken_for_it(half):
    """The system numbers threads as it does processes, and a signal reaches either."""
    host, _, rest = writer_mark().split("@")
    done = threading.Event()
    thread = threading.Thread(target=done.wait)
    thread.start()
    try:
        assert thread.native_id is not None
        os.kill(thread.native_id, 0)
        assert not writer_lives(half, f"{host}@{thread.native_id}-1@{rest}")
    finally:
        done.set()
        thread.join()


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="the system does not tell the state of a process")
def test_a_process_that_ended_and_was_not_waited_for_writes_no_more(half):
    with subprocess.Popen(
        [sys.executable, "-c", MARKED], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        mark = other.stdout.readline().strip()
        os.kill(other.pid, signal.SIGKILL)
        os.waitid(os.P_PID, other.pid, os.WEXITED | os.WNOWAIT)  # ended, and still there by number
        os.kill(other.pid, 0)
        assert not writer_lives(half, mark)
