"""Every write of a run fails once: it says so in one line, and the same command then ends as an unbroken run does.

A fault is an error of the system, raised in place of one call that opens a file for writing, writes it, syncs, renames
or makes a folder. `OUTLEARN_ALL_FAULTS=1` tries every call; without it, every 61st.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.small_runs import SMALL, make_task_file
from tests.store.executors.runs import timeless

from outlearn.errors import OutlearnError
from outlearn.experiment.config import Config
from outlearn.experiment.load_config import load_config
from outlearn.experiment.pipeline import run
from outlearn.store import store as store_module
from outlearn.store.store import Store

EVERY = 1 if os.environ.get("OUTLEARN_ALL_FAULTS") else 61
NUMBERS = (errno.ENOSPC, errno.EACCES, errno.EIO)
TINY = (*SMALL, "teacher.models=2", "student.seeds=1", "student.learner.epochs=1", "student.checkpoints=[]")


class Writes:
    """Count the writes of this process, and let one of them fail."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.done, self.failing, self.number = 0, -1, errno.ENOSPC
        for owner, name in (
            (Path, "write_bytes"), (Path, "write_text"), (Path, "mkdir"), (Path, "rename"), (Path, "replace"),
            (os, "fsync"), (store_module, "save_file"),
        ):  # fmt: skip
            patch.setattr(owner, name, self._counted(getattr(owner, name)))
        opened = Path.open

        def open_to_write(path: Path, mode: str = "r", *args: object, **kwargs: object) -> object:
            if mode[:1] in ("a", "w"):
                self._count(path)
            return opened(path, mode, *args, **kwargs)

        patch.setattr(Path, "open", open_to_write)

    def start(self, *, failing: int = -1, number: int = errno.ENOSPC) -> None:
        self.done, self.failing, self.number = 0, failing, number

    def _counted(self, really: Callable[..., object]) -> Callable[..., object]:
        def act(*args: object, **kwargs: object) -> object:
            self._count(args[0])
            return really(*args, **kwargs)

        return act

    def _count(self, where: object) -> None:
        self.done += 1
        if self.done - 1 == self.failing:
            raise OSError(self.number, os.strerror(self.number), str(where))


@pytest.fixture
def config(tmp_path: Path) -> Config:
    task = make_task_file(tmp_path / "task.npz", n_points=160)
    return load_config(overrides=[f"data.path={task}", *TINY])


@pytest.mark.slow
@pytest.mark.usefixtures("shapes_unchecked")
def test_a_run_of_which_one_write_fails_says_so_and_the_same_command_ends_as_an_unbroken_one(
    tmp_path, monkeypatch, config
):
    writes = Writes(monkeypatch)
    run(config, store=Store(tmp_path / "store"), out=tmp_path / "unbroken")
    count, expected = writes.done, timeless(tmp_path / "unbroken")
    assert count > 50
    silent = 0
    for failing in range(0, count, EVERY):
        place = tmp_path / f"at{failing}"
        writes.start(failing=failing, number=NUMBERS[failing % len(NUMBERS)])
        said = ""
        try:
            run(config, store=Store(place / "store"), out=place / "out" / "run")
        except OutlearnError as error:
            said = str(error)
        silent += not said  # what was lost is of no consequence, such as a folder for temporary ones
        assert not said or (os.strerror(writes.number) in said and "\n" not in said)
        writes.start()
        assert halves(place) == []
        out = place / "out" / "run"
        if out.exists():
            assert {path.name for path in out.iterdir()} == set() or (out / "config.yaml").is_file()
        run(config, store=Store(place / "store"), out=out)
        assert timeless(out) == expected
        assert halves(place) == []
        assert all(each.damage is None and each.failed is None for each in Store(place / "store").verify())
    assert silent <= 0.1 * count / EVERY + 1


def halves(place: Path) -> list[str]:
    """List what is not whole: of run folders, and temporary folders of the store."""
    return [str(path) for path in place.rglob("*") if ".outlearn-half" in path.name or path.parent.name == "tmp"]
