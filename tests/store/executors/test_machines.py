"""A sweep over two machines, of which one loses its worker in the middle, is the sweep in one process."""

from __future__ import annotations

import os
import signal
import time

import pytest
from tests.programs import OUTLEARN
from tests.store.executors.machines import two_machines
from tests.store.executors.sweeps import SmallSweep

pytest.importorskip("distributed", reason="the extra `cluster` is not installed")

PORT = 8786
RUNS = 12
PRELOADED = "outlearn.sweep.work"


@pytest.mark.slow
def test_a_sweep_over_two_machines_of_which_one_loses_its_worker_gives_what_one_process_gives(programs, tmp_path):
    # Long enough that a worker is in the middle of a run when it is killed.
    sweep = SmallSweep(programs, tmp_path, seeds=RUNS // 2, epochs=400)
    with two_machines() as (here, there):
        scheduler = ("-m", "distributed.cli.dask_scheduler", "--host", here.address, "--port", PORT)
        here.start(*scheduler, "--no-dashboard", log=tmp_path / "scheduler.log")
        address = f"tcp://{here.address}:{PORT}"
        for machine in (here, there):
            worker = ("-m", "distributed.cli.dask_worker", address, "--host", machine.address, "--nthreads", 1)
            scratch = ("--no-dashboard", "--local-directory", tmp_path / machine.name)
            # Loaded beforehand, or the first machine to have it loaded would do everything.
            machine.start(*worker, *scratch, "--preload", PRELOADED, log=tmp_path / f"{machine.name}.log")
        while not all("Registered to" in (tmp_path / f"{m.name}.log").read_text() for m in (here, there)):
            assert all(process.poll() is None for m in (here, there) for process in m.processes)
            time.sleep(0.1)
        driver = here.start("-c", OUTLEARN, *sweep.arguments("two", "--cluster", address), log=tmp_path / "driver.log")

        def finished_by(name: str) -> list[int]:
            """Return the process of each task that a machine has finished."""
            workers = [row["worker"].split(":") for row in sweep.log("two", "finished")]
            return [int(process) for host, process in workers if host == name]

        while driver.poll() is None and not finished_by(there.name):
            time.sleep(0.02)
        time.sleep(0.2)  # it has been given its next task by now
        assert driver.poll() is None, (tmp_path / "driver.log").read_text()
        done = len(sweep.log("two", "finished"))
        assert done < 2 * RUNS - 4, "too late to be in the middle"  # shared stages and runs
        os.kill(finished_by(there.name)[-1], signal.SIGKILL)
        assert driver.wait() == 0, (tmp_path / "driver.log").read_text()
        assert len(sweep.log("two", "finished")) > done
        assert finished_by(here.name)
        assert "killed by signal 9" in (tmp_path / f"{there.name}.log").read_text()
    sweep.run("one")
    assert sweep.results("two") == sweep.results("one")
