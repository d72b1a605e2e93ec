"""Workers of dask.distributed: processes of a local cluster, or of a scheduler that is there already.

The scheduler is asked how many workers there are, and given no more tasks than that. It starts a task again when a
worker dies, some times (its `allowed-failures`), before it says so. Workers must have one thread: a stage sets the
number of threads of a whole process. Security is dask's own: see docs/cluster.md.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager

from outlearn.errors import MissingExtraError, WorkerError
from outlearn.store.executors.worker import problem_here
from outlearn.store.executors.workers import ConnectionLostError, WorkerDiedError, Workers, interrupts_blocked
from outlearn.version import __version__

try:
    import dask
    from distributed import Client, Nanny, Scheduler, SpecCluster
    from distributed.deploy.cluster import Cluster
    from distributed.scheduler import KilledWorker
except ImportError as error:
    raise MissingExtraError("distributed", "cluster") from error

__all__ = ["QUEUE_SECONDS", "ClusterWorkers", "local_cluster"]

GPU = "GPU"  # dask's usual name for the resource
CONNECT_SECONDS = 30
RECONNECT_SECONDS = 10
CLOSE_SECONDS = 10
WAITS = (0.5, 1.0, 2.0, 4.0, 8.0)  # seconds between attempts to find a lost scheduler
PATIENCE_SECONDS = 60.0  # with a scheduler that has no workers
QUEUE_SECONDS = 24 * 3600.0  # the same, if its workers wait in Slurm's queue


def local_cluster(environments: Sequence[Mapping[str, str]]) -> SpecCluster:
    """Start a scheduler and, for each environment, a worker on this machine, reachable from it alone."""
    here = {"host": "127.0.0.1", "dashboard_address": "127.0.0.1:0"}
    workers = {
        number: {"cls": Nanny, "options": {**here, "nthreads": 1, "memory_limit": 0, "env": dict(environment)}}
        for number, environment in enumerate(environments)
    }
    # A worker that died is replaced, however long that takes on a busy machine; dask reads this when one is lost.
    dask.config.set({"distributed.deploy.lost-worker-timeout": "1 hour"})
    # No second attempt without our knowledge: the loop counts attempts, the same way for all kinds of workers. What is
    # lost we report ourselves; a worker's log of its own start and end would bury it.
    settings = {
        "distributed.scheduler.allowed-failures": 0,
        "distributed.nanny.pre-spawn-environ.DASK_LOGGING__DISTRIBUTED": "critical",
    }
    with interrupts_blocked(), dask.config.set(settings):
        return SpecCluster(
            workers=workers, scheduler={"cls": Scheduler, "options": {**here, "port": 0}}, silence_logs="CRITICAL"
        )


class ClusterWorkers(Workers):
    """Use the workers of a scheduler.

    Args:
        address: `tcp://host:port` or `tls://host:port`.
        at_most: how many of its workers to use at once; None for all.
        token: a file of the store that they must see.
        cluster: what to close in the end, if it was started for this.
        patience: seconds to wait for a worker; PATIENCE_SECONDS if None.

    Raises:
        WorkerError: if there is no scheduler or no worker, or if a worker cannot take part.
    """

    def __init__(
        self,
        address: str,
        *,
        at_most: int | None = None,
        token: str = "",
        cluster: Cluster | None = None,
        patience: float | None = None,
    ) -> None:
        self._address, self._at_most, self._cluster = address, at_most, cluster
        self._patience = PATIENCE_SECONDS if patience is None else patience
        try:
            self._client = self._connected(CONNECT_SECONDS)
        except (OSError, RuntimeError, TypeError, ValueError) as error:
            if cluster is not None:
                cluster.close(timeout=CLOSE_SECONDS)
            raise WorkerError(
                f"no scheduler answers at {address!r} ({error}). Start one with `dask scheduler`, check the address "
                "and the firewall, and for tls:// the certificates in dask's configuration (docs/cluster.md)."
            ) from error
        try:
            self.slots()
            self._check_workers(token)
        except BaseException:
            self.close(at_once=True)
            raise

    def submit(self, function: Callable[..., str], *arguments: str, gpu: bool) -> Future[str]:
        resources = {"resources": {GPU: 1}} if gpu and self._with_gpu() else {}
        with _connection():
            return self._client.get_executor(pure=False, **resources).submit(function, *arguments)

    def error(self, future: Future[str]) -> BaseException | None:
        if future.cancelled():
            return ConnectionLostError("the scheduler is gone")
        error = future.exception()
        if isinstance(error, KilledWorker):
            return WorkerDiedError(f"the last was {error.last_worker.address}", deaths=error.allowed_failures + 1)
        return error

    def slots(self, *, gpu: bool = False) -> int:
        until = time.monotonic() + self._patience
        while not (threads := self._threads()):
            if time.monotonic() > until:
                raise WorkerError(
                    f"the scheduler at {self._address!r} has had no worker for {self._patience:.0f} seconds. Start "
                    f"some with `dask worker {self._address} --nthreads 1`; what is finished is kept in the store."
                )
            time.sleep(0.5)
        wide = [worker for worker, count in threads.items() if count != 1]
        if wide:
            raise WorkerError(
                f"the worker {wide[0]} has {threads[wide[0]]} threads; expected 1. Start workers with `dask worker "
                f"{self._address} --nthreads 1`, as many a machine as you want tasks there at once (--nworkers)."
            )
        count = (len(self._with_gpu()) if gpu else 0) or len(threads)
        return min(count, self._at_most or count)

    def reconnect(self) -> None:
        self._client.close(timeout=CLOSE_SECONDS)
        for wait in WAITS:
            time.sleep(wait)
            try:
                self._client = self._connected(RECONNECT_SECONDS)
            except (OSError, RuntimeError, TypeError, ValueError):
                continue
            return
        raise WorkerError(
            f"the scheduler at {self._address!r} was lost and does not come back (tried {len(WAITS)} times). What is "
            "finished is kept in the store: start the scheduler and its workers, and give the same command again."
        )

    def close(self, *, at_once: bool) -> None:
        """Let go of the workers; those of a scheduler that was there before finish the tasks that they have begun."""
        self._client.close(timeout=CLOSE_SECONDS)
        if self._cluster is not None:
            self._cluster.close(timeout=CLOSE_SECONDS)

    def _connected(self, seconds: float) -> Client:
        return Client(self._address, timeout=seconds, set_as_default=False)

    def _threads(self) -> Mapping[str, int]:
        """Return worker -> number of threads."""
        if self._client.status != "running":
            raise ConnectionLostError(f"the client is {self._client.status}")
        with _connection():
            return dict(self._client.nthreads())

    def _with_gpu(self) -> list[str]:
        """Return the workers that offer a GPU."""
        with _connection():
            workers = self._client.scheduler_info(n_workers=-1)["workers"]
        return [address for address, worker in workers.items() if worker["resources"].get(GPU)]

    def _check_workers(self, token: str) -> None:
        """Raise for the first worker that cannot take part."""
        for worker, reply in self._client.run(problem_here, __version__, token, on_error="return").items():
            if isinstance(reply, Exception):
                raise WorkerError(
                    f"the worker {worker} cannot run outlearn ({type(reply).__name__}: {reply}). Install outlearn "
                    f"{__version__} in the environment that `dask worker` runs in."
                )
            if reply:
                raise WorkerError(reply)


@contextmanager
def _connection() -> Iterator[None]:
    """Turn what dask raises where the scheduler cannot be asked into `ConnectionLostError`."""
    try:
        yield
    except (OSError, RuntimeError, ValueError) as error:
        raise ConnectionLostError(str(error)) from error
