"""A scheduler that speaks TLS is reached with certificates from dask's configuration, and not without."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.store.executors.conftest import deed

from outlearn.errors import WorkerError
from outlearn.store.executors import open_executor

pytestmark = pytest.mark.slow

cluster = pytest.importorskip("outlearn.store.executors.cluster", reason="the extra `cluster` is not installed")
dask = pytest.importorskip("dask")


@pytest.fixture
def certificates(tmp_path: Path) -> dict[str, str]:
    """Make an authority and one certificate for all, as docs/cluster.md says; return dask's settings."""
    if shutil.which("openssl") is None:
        pytest.skip("certificates are made by the program openssl, which is missing")
    ca, key, asked, cert = (str(tmp_path / name) for name in ("ca.pem", "key.pem", "asked.pem", "cert.pem"))
    ca_key = str(tmp_path / "ca-key.pem")
    for arguments in (
        ("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", ca_key, "-out", ca, "-subj", "/CN=authority"),
        ("req", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", asked, "-subj", "/CN=outlearn"),
        ("x509", "-req", "-in", asked, "-CA", ca, "-CAkey", ca_key, "-CAcreateserial", "-out", cert),
    ):
        subprocess.run(["openssl", *arguments], check=True, capture_output=True)
    roles = {
        f"distributed.comm.tls.{role}.{part}": file
        for role in ("client", "scheduler", "worker")
        for part, file in (("cert", cert), ("key", key))
    }
    return {"distributed.comm.tls.ca-file": ca, **roles}


@pytest.fixture
def address(certificates: dict[str, str], tmp_path: Path) -> Iterator[str]:
    """Start a scheduler and a worker that take nothing but TLS; give their address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    address = f"tls://127.0.0.1:{port}"
    names = {f"DASK_{key.upper().replace('.', '__').replace('-', '_')}": value for key, value in certificates.items()}
    environment = {**os.environ, **names, "PYTHONPATH": os.pathsep.join(sys.path)}
    processes = []
    for arguments in (
        ("scheduler", "--host", "127.0.0.1", "--port", str(port), "--protocol", "tls"),
        ("worker", address, "--host", "127.0.0.1", "--protocol", "tls", "--nthreads", "1"),
    ):
        with (tmp_path / f"{arguments[0]}.log").open("w") as log:
            processes.append(
                subprocess.Popen(
                    [sys.executable, "-m", f"distributed.cli.dask_{arguments[0]}", *arguments[1:], "--no-dashboard"],
                    env=environment,
                    cwd=tmp_path,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
            )
    yield address
    for process in processes:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def test_tasks_run_over_tls_with_certificates_from_the_configuration(address, certificates, monkeypatch):
    monkeypatch.setattr(cluster, "CONNECT_SECONDS", 60)
    with dask.config.set(certificates), open_executor(cluster=address) as executor:
        assert executor.run([deed("double", number=4)])["double"].result == 8


def test_without_certificates_the_error_names_the_address_and_where_they_belong(address, monkeypatch):
    monkeypatch.setattr(cluster, "CONNECT_SECONDS", 1)
    with (
        pytest.raises(WorkerError, match="certificates in dask's configuration") as caught,
        open_executor(cluster=address),
    ):
        pass
    assert address in str(caught.value)
