"""Workers as Slurm jobs, through dask-jobqueue: one job a worker, described by a short file.

The scheduler runs in the driver, which may sit on a login node; each job starts one worker with one dask thread and its
share of cores, memory and GPUs. Where dask's configuration names TLS certificates they are used (docs/cluster.md).
"""

from __future__ import annotations

import dataclasses
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from outlearn.core.yaml_text import parse_yaml
from outlearn.errors import ConfigError, MissingExtraError, WorkerError, suggest
from outlearn.store.executors.workers import THREAD_VARIABLES

__all__ = ["SlurmJobs", "open_slurm", "read_slurm", "slurm_arguments"]

KIND = "slurm"


@dataclass(frozen=True)
class SlurmJobs:
    """Say what to ask Slurm for.

    Attributes:
        jobs: how many workers.
        cores: of each; a stage uses as many threads.
        memory: of each, such as `16GB`.
        gpus: of each.
        walltime: of each, `hours:minutes:seconds`; a worker that runs out of it loses its task to another.
        queue, account: Slurm's partition and account, if it wants them.
        interface: the network interface that workers and driver share, such as `ib0`; the default one if None.
        directives: more lines for `#SBATCH`.
        setup: lines of shell before the worker starts: `module load ...`, `source venv/bin/activate`.
        logs: folder for the jobs' output.
    """

    jobs: int
    cores: int = 1
    memory: str = "8GB"
    gpus: int = 0
    walltime: str = "01:00:00"
    queue: str | None = None
    account: str | None = None
    interface: str | None = None
    directives: tuple[str, ...] = ()
    setup: tuple[str, ...] = ()
    logs: str | None = None


def read_slurm(path: Path) -> SlurmJobs:
    """Read a file of `kind: slurm` and the attributes of `SlurmJobs`.

    Raises:
        ConfigError: if the file cannot be read, or a key or value is not allowed.
    """
    try:
        if path.exists() and not path.is_file():
            raise ValueError("is a folder, a pipe or a device; give a YAML file")
        content = parse_yaml(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"the cluster file {str(path)!r} cannot be read: {error}") from error
    except ValueError as error:
        raise ConfigError(f"the cluster file {str(path)!r} {error}") from error
    if not isinstance(content, dict) or content.pop("kind", None) != KIND:
        raise ConfigError(f"the cluster file {str(path)!r} must hold keys and values, among them `kind: {KIND}`.")
    kinds = {field.name: str(field.type) for field in dataclasses.fields(SlurmJobs)}
    for key, value in content.items():
        if key not in kinds:
            raise ConfigError(f"{path}: unknown key {key!r}; {suggest(key, kinds)}")
        _check(path, key, value, kinds[key])
    if "jobs" not in content:
        raise ConfigError(f"{path}: jobs is missing; give the number of workers.")
    lists = {key: tuple(value) for key, value in content.items() if kinds[key].startswith("tuple")}
    return SlurmJobs(**{**content, **lists})


def _check(path: Path, key: str, value: object, kind: str) -> None:
    least = 0 if key == "gpus" else 1
    if kind == "int":
        right = isinstance(value, int) and not isinstance(value, bool) and value >= least
        wanted = f"a number >= {least}"
    elif kind.startswith("tuple"):
        right, wanted = isinstance(value, list) and all(isinstance(line, str) for line in value), "a list of texts"
    else:
        right, wanted = isinstance(value, str) or (value is None and "None" in kind), "a text, in quotes"
    if not right:
        raise ConfigError(f"{path}: {key} is {value!r}; expected {wanted}.")


def slurm_arguments(jobs: SlurmJobs) -> dict[str, Any]:
    """Return what dask-jobqueue's `SLURMCluster` is called with.

    Examples:
        >>> slurm_arguments(SlurmJobs(jobs=8, cores=4, gpus=1))["job_extra_directives"]
        ['--gres=gpu:1']
    """
    threads = [f"export {name}={jobs.cores}" for name in THREAD_VARIABLES]
    return {
        "queue": jobs.queue,
        "account": jobs.account,
        "cores": 1,  # threads of dask: a stage has the process to itself
        "processes": 1,
        "job_cpu": jobs.cores,
        "memory": jobs.memory,
        "walltime": jobs.walltime,
        "interface": jobs.interface,
        "job_extra_directives": [*([f"--gres=gpu:{jobs.gpus}"] if jobs.gpus else []), *jobs.directives],
        "job_script_prologue": [*threads, *jobs.setup],
        "log_directory": jobs.logs,
    }


def open_slurm(jobs: SlurmJobs) -> Any:
    """Start a scheduler here, a `SLURMCluster`, and ask Slurm for the workers.

    Raises:
        MissingExtraError: without dask-jobqueue.
        WorkerError: if Slurm does not take such jobs.
    """
    if shutil.which("sbatch") is None:
        raise WorkerError("there is no program `sbatch` here, which gives jobs to Slurm; go to a login node.")
    try:
        import dask
        from distributed import Security

        with _ctrl_c_as_it_is():
            from dask_jobqueue import SLURMCluster
    except ImportError as error:
        raise MissingExtraError("dask-jobqueue", "cluster") from error
    certified = dask.config.get("distributed.comm.tls.ca-file")
    tls = {"protocol": "tls://", "security": Security()} if certified else {}
    cluster = SLURMCluster(**slurm_arguments(jobs), **tls, scheduler_options={"dashboard_address": "127.0.0.1:0"})
    try:
        _check_script(cluster.job_script())
    except BaseException:
        cluster.close()
        raise
    cluster.scale(jobs=jobs.jobs)
    return cluster


@contextmanager
def _ctrl_c_as_it_is() -> Iterator[None]:
    """Let an import leave the handler of Ctrl-C alone: dask_jobqueue puts one in its place that ends with 0."""
    handler = signal.getsignal(signal.SIGINT)
    try:
        yield
    finally:
        if signal.getsignal(signal.SIGINT) is not handler:
            signal.signal(signal.SIGINT, handler)


def _check_script(script: str) -> None:
    """Let Slurm look at a job without queueing it: dask-jobqueue submits in the background and tells nobody."""
    with tempfile.NamedTemporaryFile("w", suffix=".sh") as file:
        file.write(script)
        file.flush()
        done = subprocess.run(["sbatch", "--test-only", file.name], check=False, capture_output=True, text=True)
    if done.returncode:
        raise WorkerError(f"Slurm takes no such jobs: {(done.stderr or done.stdout).strip()}")
