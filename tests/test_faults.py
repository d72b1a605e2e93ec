"""Every write of a run and of a sweep fails once: one line says so, and the same command ends as unbroken.

A fault is an error of the system, raised in place of one call that opens a file for writing, syncs, renames, makes a
folder or sets a mode; a call that writes leaves half of its bytes. What a stage computes is remembered by its key, so
that trying takes the time of the writes. `OUTLEARN_FAULT_EVERY=1` tries every call; without it, every 37th.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import IO, Any, AnyStr

import numpy as np
import pytest
from tests.small_runs import SMALL, make_task_file
from tests.store.executors.runs import timeless

from outlearn.errors import OutlearnError
from outlearn.experiment.load_config import load_config
from outlearn.experiment.pipeline import run
from outlearn.store import store as store_module
from outlearn.store.keys import stage_key
from outlearn.store.store import Arrays, Entry, Store
from outlearn.sweep.planning import plan_sweep
from outlearn.sweep.run_sweep import run_sweep
from outlearn.sweep.sweep_file import parse_sweep

EVERY = int(os.environ.get("OUTLEARN_FAULT_EVERY", 37))
NUMBERS = (errno.ENOSPC, errno.EACCES, errno.EIO)
TINY = (*SMALL, "teacher.models=2", "student.seeds=1", "student.learner.epochs=1", "student.checkpoints=[]")


class Writes:
    """Count the writes of this process, and let one of them fail."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.done, self.failing, self.number = 0, -1, errno.ENOSPC
        for owner, name in ((Path, "mkdir"), (Path, "rename"), (Path, "replace"), (Path, "chmod"), (os, "fsync")):
            patch.setattr(owner, name, self._counted(getattr(owner, name)))
        opened, saved = Path.open, store_module.save_file

        def open_to_write(path: Path, mode: str = "r", *args: object, **kwargs: object) -> object:
            if mode[:1] not in ("a", "w"):
                return opened(path, mode, *args, **kwargs)
            self._count(path)
            return HalfWriting(opened(path, mode, *args, **kwargs), self)

        def save_file(arrays: Mapping[str, np.ndarray], path: Path) -> None:
            try:
                self._count(path)
            except OSError:
                path.write_bytes(b"half a file")
                raise
            saved(arrays, path)

        patch.setattr(Path, "open", open_to_write)
        patch.setattr(store_module, "save_file", save_file)

    def start(self, *, failing: int = -1, number: int = errno.ENOSPC) -> None:
        self.done, self.failing, self.number = 0, failing, number

    def write(self, file: IO[AnyStr], content: AnyStr) -> int:
        try:
            self._count(file.name)
        except OSError:
            file.write(content[: len(content) // 2])
            raise
        return file.write(content)

    def _counted(self, really: Callable[..., object]) -> Callable[..., object]:
        def act(*args: object, **kwargs: object) -> object:
            self._count(args[0])
            return really(*args, **kwargs)

        return act

    def _count(self, where: object) -> None:
        self.done += 1
        if self.done - 1 == self.failing:
            raise OSError(self.number, os.strerror(self.number), str(where))


class HalfWriting:
    """A file opened for writing, of which one write may end after half of its bytes."""

    def __init__(self, file: IO[Any], writes: Writes) -> None:
        self._file, self._writes = file, writes

    def write(self, content: Any) -> int:
        return self._writes.write(self._file, content)

    def writelines(self, parts: Iterable[Any]) -> None:
        self.write(b"".join(parts))

    def __enter__(self) -> HalfWriting:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


def remember_what_stages_compute(patch: pytest.MonkeyPatch) -> None:
    """Compute each stage once, whatever the store: the same key is the same arrays."""
    computed: dict[str, Arrays] = {}
    really = Store.get_or_compute

    def get_or_compute(store: Store, stage: str, *, compute: Callable[[], Arrays], **what: Any) -> Entry:
        key = stage_key(stage, *what.values())

        def once() -> Arrays:
            if key not in computed:
                computed[key] = compute()
            return computed[key]

        return really(store, stage, **what, compute=once)

    patch.setattr(Store, "get_or_compute", get_or_compute)


Work = Callable[[Path, Path], str]


def run_once(task: Path) -> Work:
    config = load_config(overrides=[f"data.path={task}", *TINY])

    def work(store: Path, out: Path) -> str:
        run(config, store=Store(store), out=out)
        return ""

    return work


def sweep_once(task: Path) -> Work:
    """Return what runs a sweep of two runs, and says why one of them failed."""
    config = load_config(overrides=[f"data.path={task}", *TINY]).model_dump(mode="json")
    sweep = parse_sweep({"name": "two", "base": config, "grid": {"seed": [0, 1]}})

    def work(store: Path, out: Path) -> str:
        where = Store(store)
        return "; ".join(run_sweep(plan_sweep(sweep, store=where, out=out), store=where, out=out).failed.values())

    return work


WORK = {"run": run_once, "sweep": sweep_once}


@pytest.mark.slow
@pytest.mark.parametrize("kind", WORK)
@pytest.mark.usefixtures("shapes_unchecked")
def test_work_of_which_one_write_fails_says_so_and_the_same_command_ends_as_unbroken(tmp_path, monkeypatch, kind):
    remember_what_stages_compute(monkeypatch)
    work, writes = WORK[kind](make_task_file(tmp_path / "task.npz", n_points=160)), Writes(monkeypatch)
    work(tmp_path / "store", tmp_path / "unbroken")
    count, expected = writes.done, found_in(tmp_path / "unbroken")
    assert count > 50
    tried, silent = range(0, count, EVERY), 0
    for failing in tried:
        place = tmp_path / f"at{failing}"
        writes.start(failing=failing, number=NUMBERS[failing % len(NUMBERS)])
        try:
            said = work(place / "store", place / "out" / kind)
        except OutlearnError as error:
            said = str(error)
            assert "\n" not in said
        silent += not said  # what was lost is of no consequence, such as a folder for temporary ones
        assert not said or os.strerror(writes.number) in said
        writes.start()
        assert halves(place) == []
        out = place / "out" / kind
        if out.exists():
            assert {path.name for path in out.iterdir()} == set() or (out / NAMED[kind]).is_file()
        assert work(place / "store", out) == ""
        assert found_in(out) == expected
        assert halves(place) == []
        assert all(each.damage is None and each.failed is None for each in Store(place / "store").verify())
        assert all(json.loads(line) for log in place.rglob("log.jsonl") for line in log.read_text().splitlines())
        shutil.rmtree(place)
    print(f"{kind}: {len(tried)} of {count} writes failed once, {silent} of them without consequence")
    assert silent <= 0.1 * len(tried) + 1


NAMED = {"run": "config.yaml", "sweep": "sweep.yaml"}


def found_in(out: Path) -> dict[str, object]:
    """Return what is to be the same of every run in a folder, and the tables of a sweep."""
    tables = {path.name: path.read_text() for path in out.glob("*.csv")} if (out / "sweep.yaml").exists() else {}
    return tables | {str(path.parent.relative_to(out)): timeless(path.parent) for path in out.rglob("results.json")}


def halves(place: Path) -> list[str]:
    """List what is not whole: of run folders, and temporary folders of the store."""
    return [str(path) for path in place.rglob("*") if ".outlearn-half" in path.name or path.parent.name == "tmp"]
