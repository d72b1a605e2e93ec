"""A short file becomes Slurm jobs; without Slurm, programs of its names start the jobs here."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.store.executors.conftest import deed, lives

from outlearn.errors import ConfigError, WorkerError
from outlearn.store.executors import open_executor
from outlearn.store.executors.slurm import SlurmJobs, read_slurm, slurm_arguments
from outlearn.store.store import Store

FULL = """
kind: slurm
jobs: 8
cores: 4
memory: 32GB
gpus: 1
walltime: "08:00:00"
queue: gpu
account: lab
interface: ib0
directives: ["--exclude=node7"]
setup: [module load cuda, source venv/bin/activate]
logs: logs
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "slurm.yaml"
    path.write_text(text)
    return path


def test_every_key_of_the_file_is_read(tmp_path):
    jobs = read_slurm(write(tmp_path, FULL))
    assert jobs == SlurmJobs(
        jobs=8,
        cores=4,
        memory="32GB",
        gpus=1,
        walltime="08:00:00",
        queue="gpu",
        account="lab",
        interface="ib0",
        directives=("--exclude=node7",),
        setup=("module load cuda", "source venv/bin/activate"),
        logs="logs",
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("jobs: 3", "`kind: slurm`"),
        ("[1, 2]", "`kind: slurm`"),
        ("kind: slurm", "jobs is missing"),
        ("kind: slurm\njobs: 0", "jobs is 0; expected a number >= 1"),
        ("kind: slurm\njobs: true", "jobs is True"),
        ("kind: slurm\njobs: 2\ngpu: 1", "unknown key 'gpu'.*Did you mean \"gpus\""),
        ("kind: slurm\njobs: 2\nwalltime: 30600", "walltime is 30600; expected a text, in quotes"),
        ("kind: slurm\njobs: 2\nsetup: module load cuda", "expected a list of texts"),
        ("kind: [", "not valid YAML at line 1"),
    ],
)
def test_what_is_wrong_in_the_file_is_named(tmp_path, text, message):
    with pytest.raises(ConfigError, match=message):
        read_slurm(write(tmp_path, text))


def test_a_time_of_day_is_a_text_with_quotes_and_without(tmp_path):
    for written in ("8:30:00", '"8:30:00"'):
        assert read_slurm(write(tmp_path, f"kind: slurm\njobs: 2\nwalltime: {written}")).walltime == "8:30:00"


def test_a_worker_has_one_thread_of_dask_and_all_its_cores_for_products(tmp_path):
    arguments = slurm_arguments(read_slurm(write(tmp_path, FULL)))
    assert arguments["cores"] == arguments["processes"] == 1
    assert arguments["job_cpu"] == 4
    assert arguments["job_script_prologue"][0] == "export OMP_NUM_THREADS=4"


def test_the_job_script_asks_for_what_the_file_says(tmp_path):
    jobqueue = pytest.importorskip("dask_jobqueue", reason="dask-jobqueue is not installed")
    arguments = {**slurm_arguments(read_slurm(write(tmp_path, FULL))), "interface": "lo"}
    with jobqueue.SLURMCluster(**arguments, scheduler_options={"dashboard_address": "127.0.0.1:0"}) as cluster:
        script = cluster.job_script()
    for line in (
        "-p gpu",
        "-A lab",
        "--cpus-per-task=4",
        "--mem=30G",
        "-t 08:00:00",
        "--gres=gpu:1",
        "--exclude=node7",
    ):
        assert f"#SBATCH {line}\n" in script
    assert script.index("module load cuda") < script.index("dask_worker") < script.index("--nthreads 1")


SBATCH = """#!/bin/sh
if [ "$1" = --test-only ]; then
  grep -q "SBATCH -A nobody" "$2" && echo "Invalid account" >&2 && exit 1
  exit 0
fi
cp "$1" {folder}/$$.sh
setsid sh {folder}/$$.sh >{folder}/$$.out 2>&1 </dev/null &
echo "Submitted batch job $!"
"""
SCANCEL = '#!/bin/sh\nkill -9 -- "-$1"\n'


@pytest.fixture
def _slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put programs of Slurm's names on the path, that start and end jobs here."""
    pytest.importorskip("dask_jobqueue", reason="dask-jobqueue is not installed")
    programs = tmp_path / "programs"
    programs.mkdir()
    for name, text in (("sbatch", SBATCH.format(folder=tmp_path)), ("scancel", SCANCEL)):
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")


def test_without_slurm_the_missing_program_is_named(tmp_path, monkeypatch):
    pytest.importorskip("distributed", reason="the extra `cluster` is not installed")
    monkeypatch.setenv("PATH", str(tmp_path))
    path = write(tmp_path, "kind: slurm\njobs: 1")
    with pytest.raises(WorkerError, match="no program `sbatch`"), open_executor(cluster=str(path)):
        pass


REFUSED = """
import signal, sys
from pathlib import Path
from outlearn.errors import WorkerError
from outlearn.store.executors.slurm import open_slurm, read_slurm
try:
    open_slurm(read_slurm(Path(sys.argv[1])))
except WorkerError:
    print(signal.getsignal(signal.SIGINT) is signal.default_int_handler)
"""


@pytest.mark.usefixtures("_slurm")
def test_ctrl_c_still_interrupts_where_slurm_gives_the_workers(tmp_path):
    path = write(tmp_path, "kind: slurm\njobs: 1\naccount: nobody\ninterface: lo")
    said = subprocess.run([sys.executable, "-c", REFUSED, str(path)], check=True, capture_output=True, text=True).stdout
    assert said == "True\n"


@pytest.mark.slow
@pytest.mark.usefixtures("_slurm")
def test_jobs_that_slurm_does_not_take_are_an_error_in_its_words(tmp_path):
    path = write(tmp_path, "kind: slurm\njobs: 1\naccount: nobody\ninterface: lo")
    with (
        pytest.raises(WorkerError, match="no such jobs: Invalid account"),
        open_executor(cluster=str(path)),
    ):
        pass


@pytest.mark.slow
@pytest.mark.usefixtures("_slurm")
def test_tasks_run_in_jobs_and_the_jobs_end_with_the_run(tmp_path):
    path = write(tmp_path, "kind: slurm\njobs: 2\ncores: 3\nmemory: 2GB\ninterface: lo\n")
    with open_executor(cluster=str(path), store=Store(tmp_path / "store")) as executor:
        outcomes = executor.run(
            [
                deed("environment", names=["OMP_NUM_THREADS"]),
                *(deed("double", str(i), number=i) for i in range(4)),
            ]
        )
    assert outcomes["environment"].result == {"OMP_NUM_THREADS": "3"}
    assert [outcomes[str(i)].result for i in range(4)] == [0, 2, 4, 6]
    jobs = {int(outcomes[name].worker.split(":")[1]) for name in outcomes}
    end = time.monotonic() + 300
    while any(map(lives, jobs)) and time.monotonic() < end:
        time.sleep(0.05)
    assert not any(map(lives, jobs))
