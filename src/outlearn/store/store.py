"""The store of stages: content-addressed, crash-safe, shared between runs.

A stage's key is the sha256 of canonical JSON of what the stage is computed from: its name, the version of its code,
its own part of the configuration, fingerprints of its data and the keys of its input stages. Nothing is keyed by a
name that a person chose, so a changed weak model can never reuse the old one's labels.

An entry is a folder with `arrays.safetensors` and `meta.json`. It is written beside its place, synced, and renamed: the
folder exists only when it is complete, whatever kills the writer. Two writers of one key write the same content; the
second finds the first's folder and drops its own. Both hashes, of the arrays and of `meta.json`, are checked at each
read, and the settings against the key; a damaged entry is set aside under `damaged/` (never deleted unasked), named in
a warning, and computed again. What cannot be read is no damage: it is an error that says why. Reading writes nothing,
so that a complete store may be read-only.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
import stat
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import save_file

from outlearn.errors import StoreError
from outlearn.results.writing import sync
from outlearn.store.folder_names import aside_name, is_aside_name, is_key, is_writer_name, writer_lives, writer_name
from outlearn.store.integrity import damage, meta_hash, read_meta, remedy, sha256
from outlearn.store.keys import canonical_json, stage_key
from outlearn.store.mapped_arrays import map_arrays
from outlearn.version import versions_of

__all__ = ["Checked", "Collected", "Entry", "Store", "canonical_json", "default_store", "stage_key"]

PACKAGES = ("outlearn", "numpy", "torch", "scikit-learn", "transformers", "tokenizers")

Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class Entry:
    """One stage's result as the store gives it.

    Attributes:
        key: the stage's key.
        arrays: name -> array, read-only; those that were stored before are views of the mapped file, not in memory.
        cached: True if nothing was computed for this.
    """

    key: str
    arrays: Arrays
    cached: bool


@dataclass(frozen=True)
class Checked:
    """What `verify` finds of an entry.

    Attributes:
        folder: the entry's.
        damage: what is wrong with it; it was set aside, unless `failed` says why not.
        failed: why it could not be checked or set aside.
    """

    folder: Path
    damage: str | None = None
    failed: str | None = None


@dataclass(frozen=True)
class Collected:
    """What `gc` did.

    Attributes:
        removed: folders that are gone.
        kept: folder -> why it could not be removed.
    """

    removed: tuple[Path, ...]
    kept: Mapping[Path, str]


def default_store() -> Path:
    """Return $OUTLEARN_STORE, else `.outlearn` in the working folder."""
    return Path(os.environ.get("OUTLEARN_STORE") or ".outlearn")


class Store:
    """A folder of stage results; see the module's text.

    Args:
        root: the folder; made when it does not exist.
        existing: True to make nothing, and to refuse a folder that is no store.

    Raises:
        StoreError: if the folder cannot be made, or is no store where one is expected.
    """

    def __init__(self, root: str | Path, *, existing: bool = False) -> None:
        self.root = Path(root)
        if existing:
            if not (self.root / "objects").is_dir():
                raise StoreError(
                    f"{str(self.root)!r} is not a store of outlearn: it has no folder `objects`. Name the folder that "
                    "runs were given as --store or $OUTLEARN_STORE (else .outlearn where they were started)."
                )
            return
        try:
            for name in ("objects", "tmp"):
                (self.root / name).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            if (self.root / "objects").is_dir():  # it can be read; who writes will be told
                return
            raise StoreError(
                f"the store {str(self.root)!r} cannot be made: {error.strerror}. Choose a writable folder with "
                "--store DIR or $OUTLEARN_STORE."
            ) from error

    def remove_if_empty(self) -> None:
        """Take back the folders of a store in which nothing is; what is written next makes them again."""
        with contextlib.suppress(OSError):
            for folder in (self.root / "tmp", self.root / "objects", self.root):
                folder.rmdir()

    def get_or_compute(
        self,
        stage: str,
        *,
        version: int,
        settings: Mapping[str, Any],
        inputs: Mapping[str, str],
        compute: Callable[[], Arrays],
    ) -> Entry:
        """Return the stored result of a stage, or compute and store it: the only way in and out.

        `compute` is called only when the store has no intact entry; the entry's `cached` says if it was.

        Raises:
            StoreError: if the result cannot be written (disk full, no permission). Nothing half written stays.
        """
        key = stage_key(stage, version, settings, inputs)
        found = self.read(key)
        if found is not None:
            return found
        began = time.perf_counter()
        arrays = {name: np.ascontiguousarray(array) for name, array in compute().items()}
        meta = {
            "key": key,
            "stage": stage,
            "version": version,
            "settings": dict(settings),
            "inputs": dict(inputs),
            "seconds": round(time.perf_counter() - began, 3),
            "created": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "packages": versions_of(PACKAGES),
        }
        self._write(key, arrays, meta)
        for array in arrays.values():
            array.flags.writeable = False
        return Entry(key, arrays, cached=False)

    def entries(self) -> Iterator[tuple[Path, dict[str, Any] | None]]:
        """Yield each entry's folder with its `meta.json`, or None where that is no entry's. In order of keys.

        Raises:
            StoreError: if what is there cannot be read.
        """
        for folder in self._folders():
            try:
                yield folder, read_meta(folder)
            except OSError as error:
                raise _unreadable(folder, error) from error

    def verify(self) -> Iterator[Checked]:
        """Check each entry's hashes; damaged ones are set aside where that is possible."""
        for folder in self._folders():
            try:
                problem = damage(folder)
            except OSError as error:
                yield Checked(folder, None, f"cannot be read: {error.strerror}. {remedy(error)}")
                continue
            if problem is None:
                yield Checked(folder)
                continue
            try:
                self._set_aside(folder)
                yield Checked(folder, problem)
            except StoreError as error:
                yield Checked(folder, problem, str(error))

    def gc(self) -> Collected:
        """Remove what no run can use.

        That is temporary folders whose writer is gone, what was kept for stages that were finished since, and entries
        set aside as damaged. Only folders with names that the store gives are removed.
        """
        stale = [each for each in self._named("tmp", is_writer_name) if not writer_lives(each)]
        stale += [each for each in self._named("unfinished", is_key) if each.name in self]
        stale += self._named("damaged", is_aside_name)
        removed, kept = [], {}
        for folder in stale:
            try:
                shutil.rmtree(folder)
                removed.append(folder)
            except FileNotFoundError:  # another process was faster
                continue
            except OSError as error:
                kept[folder] = error.strerror or str(error)
        return Collected(tuple(removed), kept)

    def _folders(self) -> list[Path]:
        """List the folders of entries, in order of keys."""
        try:
            parts = [part for part in (self.root / "objects").iterdir() if part.is_dir()]
            return sorted(folder for part in parts for folder in part.iterdir() if is_key(folder.name))
        except OSError as error:
            raise _unreadable(Path(error.filename or self.root), error) from error

    def _named(self, part: str, ours: Callable[[str], bool]) -> list[Path]:
        """List the folders in a part of the store whose names the store has given."""
        folder = self.root / part
        try:
            return [path for path in folder.iterdir() if ours(path.name) and path.is_dir()] if folder.is_dir() else []
        except OSError as error:
            raise _unreadable(folder, error) from error

    def __contains__(self, key: str) -> bool:
        """Say whether there is an entry of this key, intact or not."""
        folder = self._folder(key)
        try:
            return folder.is_dir()
        except OSError as error:
            raise _unreadable(folder, error) from error

    def temporary(self, what: str) -> Path:
        """Name a folder that is nobody else's, in `tmp`; its name says who writes, so that gc can tell an orphan."""
        return self.root / "tmp" / writer_name(what)

    def workspace(self, key: str) -> Path:
        """Name the folder in which a stage may keep what it needs to go on after a kill; it need not exist."""
        return self.root / "unfinished" / key

    def _folder(self, key: str) -> Path:
        return self.root / "objects" / key[:2] / key

    def read(self, key: str) -> Entry | None:
        """Return an intact entry, or None; a damaged one is set aside with a warning.

        Raises:
            StoreError: if it is there and cannot be read, or is damaged and cannot be set aside.
        """
        folder = self._folder(key)
        try:
            if not stat.S_ISDIR(folder.stat().st_mode):
                return None
            problem = damage(folder)
            if problem is None:
                return Entry(key, map_arrays(folder / "arrays.safetensors"), cached=True)
        except (FileNotFoundError, NotADirectoryError):  # not there, or set aside by another process meanwhile
            return None
        except OSError as error:
            raise _unreadable(folder, error) from error
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            problem = str(error)
        aside = self._set_aside(folder)
        warnings.warn(
            f"the stored entry {key[:12]} was damaged ({problem}); it is now {aside}, computing again", stacklevel=3
        )
        return None

    def _set_aside(self, folder: Path) -> Path:
        target = self.root / "damaged" / aside_name(folder.name)
        try:
            target.parent.mkdir(exist_ok=True)
            # Another process may have set it aside first.
            with contextlib.suppress(FileNotFoundError):
                folder.rename(target)
        except OSError as error:
            raise StoreError(
                f"the stored entry {folder.name[:12]} is damaged and cannot be set aside as {str(target)!r}: "
                f"{error.strerror}. Run `outlearn store verify` as who may write there, or choose another store with "
                "--store DIR."
            ) from error
        return target

    def _write(self, key: str, arrays: Arrays, meta: dict[str, Any]) -> None:
        temporary = self.temporary(key[:16])
        target = self._folder(key)
        try:
            temporary.mkdir(parents=True)
            save_file(arrays, temporary / "arrays.safetensors")
            meta["sha256"] = sha256(temporary / "arrays.safetensors")
            meta["meta_sha256"] = meta_hash(meta)
            (temporary / "meta.json").write_text(json.dumps(meta, indent=1, sort_keys=True) + "\n")
            # safetensors lets the owner read and nobody else, whatever the umask.
            (temporary / "arrays.safetensors").chmod(stat.S_IMODE((temporary / "meta.json").stat().st_mode))
            for path in (temporary / "arrays.safetensors", temporary / "meta.json", temporary):
                sync(path)
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                temporary.rename(target)
            except OSError as error:
                # Another run finished the same stage first: a non-empty folder is not replaced by rename. A shared
                # folder may not show it yet.
                if error.errno not in (errno.EEXIST, errno.ENOTEMPTY) and not target.is_dir():
                    raise
            else:
                sync(target.parent)
        except (OSError, SafetensorError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise StoreError(
                f"the result of a stage cannot be written to the store {str(self.root)!r}: {reason}. Free some space "
                "or choose another folder with --store DIR; stages that are complete are kept and will be reused."
            ) from error
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def _unreadable(path: Path, error: OSError) -> StoreError:
    return StoreError(f"{str(path)!r} in the store cannot be read: {error.strerror}. {remedy(error)}.")
