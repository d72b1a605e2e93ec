"""A dask cluster on this machine is closed to others, and leaves nothing behind."""

from __future__ import annotations

import os

import pytest
from tests.store.executors.conftest import children, deed, opened

psutil = pytest.importorskip("psutil", reason="comes with the extra `cluster`")


def listening() -> set[tuple[int, str]]:
    """Return (process, address) of every socket on which this process or one below it waits for others."""
    return {
        (process, connection.laddr.ip)
        for process in children() | {os.getpid()}
        for connection in psutil.Process(process).net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    }


@pytest.mark.slow
def test_a_local_cluster_listens_on_loopback_alone_and_leaves_no_process():
    before = children()
    with opened("dask") as executor:
        assert executor.run([deed("double", number=2)])["double"].result == 4
        addresses = listening()
        assert len({process for process, _ in addresses}) >= 3  # the scheduler here and two workers
        assert {address for _, address in addresses} == {"127.0.0.1"}
    left = [psutil.Process(process).cmdline() for process in children() - before]
    # Python keeps one process that removes shared memory, for as long as this one lives.
    assert [command for command in left if "resource_tracker" not in " ".join(command)] == []


@pytest.mark.slow
def test_a_local_cluster_says_nothing_of_its_own(capfd):
    with opened("dask") as executor:
        assert executor.run([deed("double", number=2)])["double"].result == 4
    assert "distributed" not in capfd.readouterr().err


@pytest.mark.slow
def test_a_local_cluster_leaves_the_environment_of_this_process_as_it_was():
    before = dict(os.environ)
    with opened("dask") as executor:
        assert executor.run([deed("double", number=2)])["double"].result == 4
    # pytest's own variable names the stage of a test.
    assert {**os.environ, "PYTEST_CURRENT_TEST": ""} == {**before, "PYTEST_CURRENT_TEST": ""}
