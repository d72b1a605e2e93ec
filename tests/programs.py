"""Programs as a shell starts them, forked from a process that has imported already what takes seconds to import.

What is forked runs as `python -c CODE ARGUMENTS` would: in a session of its own, with its own output and environment,
and to its own end, so that it can be interrupted, killed and waited for like any other. Before the fork there were
imports and nothing else.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

__all__ = ["OUTLEARN", "SCRIPT", "Cli", "Program", "Programs"]

OUTLEARN = "from outlearn.cli import main; main()"
# Its first argument is the script's file, the others are the script's.
SCRIPT = "import runpy, sys; del sys.argv[0]; runpy.run_path(sys.argv[0], run_name='__main__')"
Cli = Callable[..., tuple[int, str, str]]
# Of what `outlearn run` imports, what takes time.
IMPORTS = (
    *(
        "torch",
        "scipy.stats",
        "sklearn.linear_model",
        "sklearn.feature_extraction.text",
        "jinja2",
        "matplotlib",
        "joblib",
    ),
    *("outlearn.cli", "outlearn.experiment.pipeline"),
)


class Program:
    """A program that was started: what `subprocess.Popen` offers, as far as the tests need it."""

    def __init__(self, programs: Programs, pid: int, out: Path, err: Path) -> None:
        self._programs, self.pid, self._out, self._err = programs, pid, out, err
        self.returncode: int | None = None
        for file in (out, err):  # the program may not have come so far as to open them
            file.touch()

    def poll(self) -> int | None:
        if self.returncode is None:
            self.returncode = self._programs.ask(poll=self.pid)
        return self.returncode

    def wait(self, timeout: float = 600.0) -> int:
        end = time.monotonic() + timeout
        while self.poll() is None:
            if time.monotonic() > end:
                self.kill()
                raise subprocess.TimeoutExpired(str(self.pid), timeout)
            time.sleep(0.005)
        assert self.returncode is not None
        return self.returncode

    def output(self) -> str:
        """Return what it has printed so far."""
        return self._out.read_text()

    def communicate(self, timeout: float = 600.0) -> tuple[str, str]:
        """Wait for the end, and return standard output and standard error."""
        self.wait(timeout)
        return self.output(), self._err.read_text()

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)


class Programs:
    """Start programs. Those of one object share the imports, each test process has its own object."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._server = subprocess.Popen(
            [sys.executable, "-c", "from tests.programs import serve; serve()"],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def start(
        self,
        code: str,
        *arguments: object,
        cwd: Path | None = None,
        imports: tuple[str, ...] = (),
        merged: bool = False,
    ) -> Program:
        """Start `python -c code arguments`.

        Args:
            code: what is run.
            arguments: the rest of its `sys.argv`.
            cwd: the folder that it starts in; this process's by default.
            imports: modules that it needs beside those of `outlearn run`; imported before the fork, once for all.
            merged: whether standard error goes where standard output goes.
        """
        folder = Path(tempfile.mkdtemp(dir=self._folder))
        out, err = folder / "out", folder / ("out" if merged else "err")
        order = {
            "code": code,
            "argv": ["-c", *map(str, arguments)],
            "env": {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            "cwd": str(cwd or Path.cwd()),
            "out": str(out),
            "err": str(err),
            "imports": [*IMPORTS, *imports],
        }
        return Program(self, self.ask(**order), out, err)

    def run(self, code: str, *arguments: object, **how: Any) -> Program:
        """Run a program to its end, which is to be a good one."""
        program = self.start(code, *arguments, **how)
        _, text = program.communicate()
        assert program.returncode == 0, text
        return program

    def ask(self, **order: Any) -> Any:
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.write(json.dumps(order) + "\n")
        self._server.stdin.flush()
        return json.loads(self._server.stdout.readline())

    def close(self) -> None:
        self._server.communicate()


def serve() -> None:
    """Answer orders, one JSON object a line, until there are no more; a forked program runs here, to its end."""
    while line := sys.stdin.readline():
        order = json.loads(line)
        if "poll" in order:
            pid, status = os.waitpid(order["poll"], os.WNOHANG)
            answer = os.waitstatus_to_exitcode(status) if pid else None
        else:
            for module in order["imports"]:
                importlib.import_module(module)
            answer = os.fork()
            if answer == 0:
                _become(order)
                return
        print(json.dumps(answer), flush=True)
    os._exit(0)  # all that there is to clean up is what was imported, which takes seconds


def _become(order: dict[str, Any]) -> None:
    os.setsid()
    streams = (os.devnull, os.O_RDONLY), (order["out"], os.O_WRONLY), (order["err"], os.O_WRONLY)
    for number, (path, how) in enumerate(streams):
        file = os.open(path, how | os.O_CREAT | os.O_APPEND)
        os.dup2(file, number)
        os.close(file)
    os.environ.clear()
    os.environ.update(order["env"])
    os.chdir(order["cwd"])
    sys.argv = order["argv"]
    exec(order["code"], sys.modules["__main__"].__dict__)


@pytest.fixture(scope="session")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Programs]:
    """Give what starts programs."""
    programs = Programs(tmp_path_factory.mktemp("programs"))
    yield programs
    programs.close()


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Cli:
    """Return a function that runs one command here, in an empty folder: (exit code, stdout, stderr)."""
    from outlearn.cli import main

    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OUTLEARN_STORE", raising=False)

    def go(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["outlearn", *map(str, arguments)])
        code: int | str | None = 0
        try:
            main()
        except SystemExit as stop:
            code = stop.code
        out, err = capsys.readouterr()
        return int(code or 0), out, err

    return go
