"""A store that others share, that cannot be written to, or of which something cannot be read."""

from __future__ import annotations

import errno
import json
import os
import shutil
import stat
from pathlib import Path

import numpy as np
import pytest

from outlearn.errors import StoreError
from outlearn.store.executors import open_executor
from outlearn.store.store import Store

FAULTS = {
    errno.EACCES: "let you read it",
    errno.EMFILE: "ulimit -n",
    errno.EIO: "Check the disk",
    errno.ESTALE: "run the same command again",
}


def put(store: Store, **settings: object):
    return store.get_or_compute(
        "toy", version=1, settings=settings, inputs={}, compute=lambda: {"x": np.arange(6.0).reshape(2, 3)}
    )


def entry_of(store: Store) -> Path:
    return next(folder for folder, _ in store.entries())


@pytest.fixture
def unreadable(monkeypatch):
    """Let reading a file of this name fail with this number."""

    def act(name: str, number: int) -> None:
        really = Path.open

        def opened(path: Path, mode: str = "r", *args, **kwargs):
            if path.name == name and "r" in mode:
                raise OSError(number, os.strerror(number), str(path))
            return really(path, mode, *args, **kwargs)

        monkeypatch.setattr(Path, "open", opened)

    return act


def test_what_is_stored_can_be_read_by_whom_the_umask_allows(tmp_path):
    for umask, mode in ((0o002, 0o664), (0o027, 0o640)):
        before = os.umask(umask)
        try:
            store = Store(tmp_path / f"{umask}")
            put(store)
        finally:
            os.umask(before)
        assert {stat.S_IMODE(path.stat().st_mode) for path in entry_of(store).iterdir()} == {mode}


@pytest.mark.parametrize("name", ["arrays.safetensors", "meta.json"])
@pytest.mark.parametrize("number", FAULTS, ids=errno.errorcode.get)
def test_what_cannot_be_read_is_an_error_that_says_why_and_stays_where_it_is(tmp_path, unreadable, name, number):
    store = Store(tmp_path)
    folder = tmp_path / "objects" / put(store).key[:2]
    unreadable(name, number)
    with pytest.raises(StoreError, match=f"cannot be read: {os.strerror(number)}.*{FAULTS[number]}"):
        put(store)
    checked = list(store.verify())
    assert [(each.damage, FAULTS[number] in each.failed) for each in checked] == [(None, True)]
    assert folder.is_dir()
    assert not (tmp_path / "damaged").exists()


def test_a_complete_store_needs_no_writing(tmp_path, monkeypatch):
    put(Store(tmp_path))

    def refused(path: Path, *_: object, **__: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))

    for writing in ("mkdir", "write_text", "write_bytes", "rename", "touch"):
        monkeypatch.setattr(Path, writing, refused)
    store = Store(tmp_path)
    with open_executor(store=store) as executor:
        assert executor.run([]) == {}
    assert put(store).cached
    assert store.gc().removed == ()
    with pytest.raises(StoreError, match="Read-only"):
        put(store, other=1)


def test_what_is_damaged_and_cannot_be_set_aside_is_said(tmp_path):
    store = Store(tmp_path)
    put(store)
    (entry_of(store) / "arrays.safetensors").write_bytes(b"x")
    (tmp_path / "damaged").write_text("a file where the folder should be")
    with pytest.raises(StoreError, match="is damaged and cannot be set aside"):
        put(store)
    [checked] = store.verify()
    assert (checked.damage, "cannot be set aside" in checked.failed) == ("the arrays do not match their hash", True)
    assert store.gc().removed == ()


def test_gc_says_what_it_could_not_remove(tmp_path, monkeypatch):
    store = Store(tmp_path)
    stale = tmp_path / "damaged" / f"{'0' * 64}-01234567"
    stale.mkdir(parents=True)

    def refused(folder: Path, **_: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(folder))

    monkeypatch.setattr(shutil, "rmtree", refused)
    found = store.gc()
    assert (found.removed, found.kept) == ((), {stale: "Permission denied"})


def test_an_entry_under_the_key_of_another_is_found_whatever_its_meta_says(tmp_path):
    store = Store(tmp_path)
    first, second = put(store), put(store, other=1)
    folder = {key: tmp_path / "objects" / key[:2] / key for key in (first.key, second.key)}
    shutil.rmtree(folder[first.key])
    shutil.copytree(folder[second.key], folder[first.key])
    meta = folder[first.key] / "meta.json"
    meta.write_text(meta.read_text().replace(second.key, first.key))
    with pytest.warns(UserWarning, match="meta.json does not match its hash"):
        assert not put(store).cached


@pytest.mark.parametrize("field", ["stage", "seconds", "created", "settings"])
def test_a_changed_word_of_meta_is_damage(tmp_path, field):
    store = Store(tmp_path)
    put(store, other=1)
    meta = entry_of(store) / "meta.json"
    content = json.loads(meta.read_text())
    content[field] = {"stage": "toys", "seconds": 9.5, "created": "never", "settings": {}}[field]
    meta.write_text(json.dumps(content))
    assert [each.damage for each in store.verify()] == ["meta.json does not match its hash"]
