"""A short file becomes Slurm jobs; without Slurm, programs of its names start the jobs here."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.experiment.executors.conftest import deed

from outlearn.errors import ConfigError
from outlearn.experiment.executors import open_executor
from outlearn.experiment.executors.slurm import SlurmJobs, read_slurm, slurm_arguments
from outlearn.experiment.store import Store

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
        ("kind: slurm\njobs: 2\nwalltime: 8:30:00", "walltime is 30600; expected a text, in quotes"),
        ("kind: slurm\njobs: 2\nsetup: module load cuda", "expected a list of texts"),
        ("kind: [", "cannot be read"),
    ],
)
def test_what_is_wrong_in_the_file_is_named(tmp_path, text, message):
    with pytest.raises(ConfigError, match=message):
        read_slurm(write(tmp_path, text))


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


@pytest.mark.slow
def test_tasks_run_in_jobs_and_the_jobs_end_with_the_run(tmp_path, monkeypatch):
    pytest.importorskip("dask_jobqueue", reason="dask-jobqueue is not installed")
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "sbatch").write_text(
        f'#!/bin/sh\ncp "$1" {tmp_path}/$$.sh\nsetsid sh {tmp_path}/$$.sh >{tmp_path}/$$.out 2>&1 </dev/null &\n'
        'echo "Submitted batch job $!"\n'
    )
    (programs / "scancel").write_text(f'#!/bin/sh\necho "$1" >>{tmp_path}/cancelled\nkill -9 -- "-$1"\n')
    for program in programs.iterdir():
        program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
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
