"""Open workers for a run: here, in processes of this machine, or on a cluster."""

from __future__ import annotations

import contextlib
import os
import shutil
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from outlearn.errors import ConfigError
from outlearn.store.executors.runner import TaskRunner
from outlearn.store.executors.workers import THREAD_VARIABLES, InProcess, Workers
from outlearn.store.store import Store

__all__ = ["check_workers", "open_executor"]

ADDRESSES = ("tcp://", "tls://")
JOB_FILES = (".yaml", ".yml")


@contextmanager
def open_executor(
    workers: int | None = None, cluster: str | None = None, *, store: Store | None = None
) -> Iterator[TaskRunner]:
    """Open workers, and close them in the end; on an error or Ctrl-C end them at once.

    Args:
        workers: how many tasks to run at once, each in a process of its own with its share of the cores; for a cluster,
            at most how many. None runs everything in this process, or on all workers of the cluster.
        cluster: `local` for a dask cluster on this machine; the address of a scheduler, `tcp://host:port` or
            `tls://host:port`; a YAML file that describes Slurm jobs (`SlurmJobs`); None for no dask.
        store: the store of the run, which every worker must see.

    Yields:
        What runs tasks.

    Raises:
        ConfigError: for a number of workers or an address that cannot be.
        MissingExtraError: for a cluster without dask.distributed.
        WorkerError: if the scheduler or its workers cannot be used.

    Examples:
        >>> from outlearn.store.executors.task import Task
        >>> with open_executor() as executor:
        ...     outcomes = executor.run([Task("quote", "textwrap:indent", {"text": "a line", "prefix": "> "})])
        >>> outcomes["quote"].result
        '> a line'
    """
    check_workers(workers, cluster)
    with warnings.catch_warnings(), _environment_kept(), _token(store) as token:
        # A worker that has grown is replaced by loky when its task has ended, which is no reason to warn.
        warnings.filterwarnings("ignore", message="A worker stopped while some jobs were given")
        opened = _opened(workers, cluster, token)
        try:
            yield TaskRunner(opened, token=token)
        except BaseException:
            opened.close(at_once=True)
            raise
        opened.close(at_once=False)


@contextmanager
def _environment_kept() -> Iterator[None]:
    """Take back what dask sets in this process for the workers that it starts: threads, hash seed, what they log."""
    before = dict(os.environ)
    try:
        yield
    finally:
        for name in os.environ.keys() - before.keys():
            del os.environ[name]
        os.environ.update(before)


def check_workers(workers: int | None, cluster: str | None) -> None:
    """Refuse a number of workers or an address that cannot be, before anything is made.

    Raises:
        ConfigError: see `open_executor`.
    """
    if workers is not None and (isinstance(workers, bool) or not isinstance(workers, int) or workers < 1):
        raise ConfigError(f"workers is {workers!r}; expected a number of processes, at least 1.")
    if not (cluster is None or cluster == "local" or cluster.startswith(ADDRESSES) or cluster.endswith(JOB_FILES)):
        raise ConfigError(
            f"cluster is {cluster!r}; expected 'local', the address of a dask scheduler such as 'tcp://10.0.0.1:8786' "
            "or 'tls://10.0.0.1:8786', or a .yaml file that describes Slurm jobs."
        )


def _opened(workers: int | None, cluster: str | None, token: str) -> Workers:
    """Start or find the workers."""
    if cluster is None and workers is None:
        return InProcess()
    environments = _environments(workers or cpu_count())
    if cluster is None:
        from outlearn.store.executors.processes import Processes

        return Processes(environments)
    from outlearn.store.executors.cluster import QUEUE_SECONDS, ClusterWorkers, local_cluster

    if cluster.startswith(ADDRESSES):
        return ClusterWorkers(cluster, at_most=workers, token=token)
    if cluster == "local":
        local = local_cluster(environments)
        return ClusterWorkers(local.scheduler_address, token=token, cluster=local)
    from outlearn.store.executors.slurm import open_slurm, read_slurm

    slurm = open_slurm(read_slurm(Path(cluster)))
    return ClusterWorkers(slurm.scheduler_address, at_most=workers, token=token, cluster=slurm, patience=QUEUE_SECONDS)


def _environments(workers: int) -> list[dict[str, str]]:
    """Return the variables of each worker: its share of the cores, and one GPU each where there are some."""
    share = max(1, cpu_count() // workers)
    limits = {name: int(text) for name in THREAD_VARIABLES if (text := os.environ.get(name, "")).isdigit()}
    threads = {name: str(min(share, limits.get(name) or share)) for name in THREAD_VARIABLES}
    gpus = _gpus()
    return [
        {**threads, **({"CUDA_VISIBLE_DEVICES": gpus[worker % len(gpus)]} if gpus else {})} for worker in range(workers)
    ]


def cpu_count() -> int:
    """Count the cores that this process may use, in a container too."""
    import joblib  # a tenth of a second to import, which a run without workers need not wait

    return int(joblib.cpu_count())


def _gpus() -> list[str]:
    """Name the GPUs that this process may use."""
    import torch

    if not torch.cuda.is_available():
        return []
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    return visible.split(",") if visible else [str(gpu) for gpu in range(torch.cuda.device_count())]


@contextmanager
def _token(store: Store | None) -> Iterator[str]:
    """Write a file into the store by which a worker knows it again; `store gc` removes it after a kill.

    A store that cannot be written to may be complete, so that no worker is asked anything: the first that has to write
    a result says what is wrong.
    """
    if store is None:
        yield ""
        return
    name = uuid4().hex
    folder = store.temporary("workers").resolve()
    try:
        folder.mkdir(parents=True)
        (folder / name).write_text(name)
        token = str(folder / name)
    except OSError:
        token = ""
    try:
        yield token
    finally:
        with contextlib.suppress(OSError):
            shutil.rmtree(folder)
