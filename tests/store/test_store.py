"""The store keeps what is complete, names what is damaged, and never confuses two contents."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from outlearn.errors import StoreError
from outlearn.store.store import Entry, Store, canonical_json, stage_key


def put(store: Store, value: float = 1.0, **settings: object) -> Entry:
    return store.get_or_compute(
        "toy",
        version=1,
        settings=settings,
        inputs={"data": "abc"},
        compute=lambda: {"x": np.full((2, 3), value)},
    )


def never() -> dict[str, np.ndarray]:
    raise AssertionError("computed though it was stored")


def test_what_was_computed_once_is_read_back_bit_for_bit(tmp_path):
    array = np.random.default_rng(0).normal(size=(5, 7)).astype(np.float32)
    arguments = {"version": 1, "settings": {"a": 1}, "inputs": {}}
    first = Store(tmp_path).get_or_compute("s", **arguments, compute=lambda: {"x": array})
    second = Store(tmp_path).get_or_compute("s", **arguments, compute=never)
    assert (first.cached, second.cached) == (False, True)
    assert second.arrays["x"].dtype == np.float32
    np.testing.assert_array_equal(first.arrays["x"], second.arrays["x"])


@pytest.mark.parametrize(
    "changed",
    [
        {"stage": "other"},
        {"version": 2},
        {"settings": {"loss": "reverse_ce"}},
        {"inputs": {"data": "abd"}},
        {"inputs": {"data": "abc", "more": ""}},
    ],
)
def test_a_key_changes_with_everything_that_the_result_depends_on(changed):
    base = {"stage": "s", "version": 1, "settings": {"loss": "ce"}, "inputs": {"data": "abc"}}
    assert stage_key(**base) != stage_key(**{**base, **changed})


def test_a_key_does_not_depend_on_the_order_of_settings():
    assert canonical_json({"a": 1, "b": 2}) == canonical_json({"b": 2, "a": 1})


def truncate(folder: Path) -> None:
    path = folder / "arrays.safetensors"
    path.write_bytes(path.read_bytes()[:-3])


def flip_a_byte(folder: Path) -> None:
    path = folder / "arrays.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def drop(name: str):
    def act(folder: Path) -> None:
        (folder / name).unlink()

    act.__name__ = f"drop {name}"
    return act


def spoil_meta(folder: Path) -> None:
    (folder / "meta.json").write_text("{")


def swap_key(folder: Path) -> None:
    meta = json.loads((folder / "meta.json").read_text())
    (folder / "meta.json").write_text(json.dumps({**meta, "key": "0" * 64}))


def meta_of(content: str):
    def act(folder: Path) -> None:
        (folder / "meta.json").write_text(content)

    act.__name__ = f"meta.json is {content}"
    return act


def drop_stage(folder: Path) -> None:
    meta = json.loads((folder / "meta.json").read_text())
    (folder / "meta.json").write_text(json.dumps({name: value for name, value in meta.items() if name != "stage"}))


BAD_METAS = [spoil_meta, drop_stage, *map(meta_of, ["{}", "[]", "null", '"stage"', "NaN"])]
DAMAGES = [truncate, flip_a_byte, drop("meta.json"), drop("arrays.safetensors"), swap_key, *BAD_METAS]


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda act: act.__name__)
def test_a_damaged_entry_is_named_set_aside_and_computed_again(tmp_path, damage):
    store = Store(tmp_path)
    entry = put(store)
    damage(next((tmp_path / "objects").glob("*/*")))
    with pytest.warns(UserWarning, match=f"{entry.key[:12]} was damaged"):
        again = put(store)
    assert not again.cached
    assert put(store).cached
    assert len(list((tmp_path / "damaged").iterdir())) == 1


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda act: act.__name__)
def test_verify_finds_the_damaged_entry_and_only_that(tmp_path, damage):
    store = Store(tmp_path)
    put(store)
    intact = put(store, other=1)
    damage(store.root / "objects" / put(store).key[:2] / put(store).key)
    problems = {each.folder: each.damage for each in store.verify()}
    assert [folder.name for folder, problem in problems.items() if problem is None] == [intact.key]
    assert len(problems) == 2


def test_a_failing_computation_leaves_nothing(tmp_path):
    store = Store(tmp_path)

    def fail() -> dict[str, np.ndarray]:
        raise RuntimeError("no")

    with pytest.raises(RuntimeError):
        store.get_or_compute("s", version=1, settings={}, inputs={}, compute=fail)
    assert list(store.entries()) == []
    assert list((tmp_path / "tmp").iterdir()) == []


def test_a_full_disk_is_an_error_that_names_the_remedy_and_leaves_nothing(tmp_path, monkeypatch):
    store = Store(tmp_path)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("outlearn.store.store.save_file", full)
    with pytest.raises(StoreError, match=r"No space left on device.*--store"):
        put(store)
    assert list((tmp_path / "tmp").iterdir()) == []
    assert list(store.entries()) == []


def test_a_store_that_cannot_be_made_is_an_error_that_names_the_remedy(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="--store"):
        Store(tmp_path / "file")


def test_the_second_of_two_writers_keeps_the_first_ones_entry(tmp_path):
    store = Store(tmp_path)

    def meanwhile_another_finishes() -> dict[str, np.ndarray]:
        put(store)
        return {"x": np.full((2, 3), 1.0)}

    entry = store.get_or_compute(
        "toy", version=1, settings={}, inputs={"data": "abc"}, compute=meanwhile_another_finishes
    )
    assert not entry.cached
    assert len(list(store.entries())) == 1
    assert list((tmp_path / "tmp").iterdir()) == []


KILLED_WRITER = """
import os, signal, sys
import numpy as np
from outlearn.store import store as module
real = module.sync
calls = 0
def dying(path):
    global calls
    calls += 1
    if calls > int(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)
    real(path)
module.sync = dying
module.Store(sys.argv[1]).get_or_compute("s", version=1, settings={}, inputs={}, compute=lambda: {"x": np.ones(3)})
"""


@pytest.mark.parametrize("at", range(4))
def test_a_writer_killed_at_any_step_leaves_no_damaged_entry_and_gc_removes_its_rest(tmp_path, at):
    done = subprocess.run([sys.executable, "-c", KILLED_WRITER, str(tmp_path), str(at)], check=False)
    assert done.returncode == -signal.SIGKILL
    store = Store(tmp_path)
    assert all(each.damage is None for each in store.verify())
    store.gc()
    assert list((tmp_path / "tmp").iterdir()) == []
    entry = store.get_or_compute("s", version=1, settings={}, inputs={}, compute=lambda: {"x": np.ones(3)})
    np.testing.assert_array_equal(entry.arrays["x"], np.ones(3))


def test_gc_leaves_a_writer_at_work_alone(tmp_path):
    store = Store(tmp_path)
    store.temporary("abc").mkdir()
    elsewhere = tmp_path / "tmp" / "abc@another-host@1@12345678"
    elsewhere.mkdir()
    assert store.gc().removed == ()
    os.utime(elsewhere, (0, 0))  # nobody writes for so long
    assert store.gc().removed == (elsewhere,)


def test_gc_leaves_a_writer_in_another_container_alone(tmp_path):
    store = Store(tmp_path)
    mine = store.temporary("abc").name
    # The same host name, and a process of which this one knows nothing.
    what, host, _, rest = mine.split("@")
    theirs = tmp_path / "tmp" / f"{what}@{host.rsplit('.', 1)[0]}.1@999999999-1@{rest}"
    theirs.mkdir()
    assert store.gc().removed == ()


def test_gc_removes_what_was_kept_for_a_stage_that_is_finished_and_only_that(tmp_path):
    store = Store(tmp_path)
    finished, unfinished = store.workspace(put(store).key), store.workspace("0" * 64)
    for folder in (finished, unfinished):
        folder.mkdir(parents=True)
    assert store.gc().removed == (finished,)
    assert unfinished.is_dir()


def test_an_entry_that_a_shared_folder_does_not_show_yet_is_not_written_twice(tmp_path, monkeypatch):
    store, really = Store(tmp_path), Path.is_dir

    def meanwhile_another_finishes() -> dict[str, np.ndarray]:
        entry = put(store)
        monkeypatch.setattr(Path, "is_dir", lambda path: path.name != entry.key and really(path))
        return {"x": np.full((2, 3), 1.0)}

    settings = {"version": 1, "settings": {}, "inputs": {"data": "abc"}}
    assert not store.get_or_compute("toy", **settings, compute=meanwhile_another_finishes).cached
    monkeypatch.undo()
    assert store.get_or_compute("toy", **settings, compute=never).cached


def test_gc_removes_no_folder_with_a_name_that_the_store_does_not_give(tmp_path):
    store = Store(tmp_path)
    put(store)
    for part in ("tmp", "damaged", "unfinished"):
        for name in ("thesis", "a@b@1", "12345678", f"{'0' * 64}x"):
            (tmp_path / part / name).mkdir(parents=True)
            os.utime(tmp_path / part / name, (0, 0))
    assert store.gc().removed == ()


def test_what_the_store_sets_aside_is_known_to_gc(tmp_path):
    store = Store(tmp_path)
    put(store)
    truncate(next((tmp_path / "objects").glob("*/*")))
    assert all(each.damage for each in store.verify())
    assert len(store.gc().removed) == 1
    assert list((tmp_path / "damaged").iterdir()) == []


def test_a_folder_that_is_no_entry_is_neither_listed_nor_set_aside(tmp_path):
    theirs = tmp_path / "objects" / "ab" / "cdef"
    theirs.mkdir(parents=True)
    assert list(Store(tmp_path).verify()) == []
    assert theirs.is_dir()


@pytest.mark.parametrize("damage", BAD_METAS, ids=lambda act: act.__name__)
def test_an_entry_whose_meta_is_no_entrys_is_listed_without_it(tmp_path, damage):
    store = Store(tmp_path)
    put(store)
    intact = put(store, other=1)
    damage(store.root / "objects" / put(store).key[:2] / put(store).key)
    found = {folder.name: meta for folder, meta in store.entries()}
    assert found[intact.key]["stage"] == "toy"
    assert [name for name, meta in found.items() if meta is None] == [put(Store(tmp_path / "other")).key]
