"""The store of stages: content-addressed, crash-safe, shared between runs.

A stage's key is the sha256 of canonical JSON of what the stage is computed from: its name, the version of its code,
its own part of the configuration, fingerprints of its data and the keys of its input stages. Nothing is keyed by a
name that a person chose, so a changed weak model can never reuse the old one's labels.

An entry is a folder with `arrays.safetensors` and `meta.json`. It is written beside its place, synced, and renamed: the
folder exists only when it is complete, whatever kills the writer. Two writers of one key write the same content; the
second finds the first's folder and drops its own. The hash of the arrays is checked at each read; a damaged entry is
set aside under `damaged/` (never deleted unasked), named in a warning, and computed again.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import shutil
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
from outlearn.store.integrity import damage, read_meta, sha256
from outlearn.store.mapped_arrays import map_arrays

__all__ = ["Entry", "Store", "canonical_json", "default_store", "stage_key"]

Arrays = dict[str, np.ndarray]


def canonical_json(value: Any) -> str:
    """Write `value` as JSON with one text for each content: sorted keys, no spaces, no NaN.

    Example:
        >>> canonical_json({"b": 1, "a": (2.0, None)})
        '{"a":[2.0,null],"b":1}'
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def stage_key(stage: str, version: int, settings: Mapping[str, Any], inputs: Mapping[str, str]) -> str:
    """Return the key of a stage, 64 hexadecimal digits: sha256 of all that its result depends on, see `Stage`."""
    content = {"stage": stage, "version": version, "settings": settings, "inputs": inputs}
    return hashlib.sha256(canonical_json(content).encode()).hexdigest()


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
            raise StoreError(
                f"the store {str(self.root)!r} cannot be made: {error.strerror}. Choose a writable folder with "
                "--store DIR or $OUTLEARN_STORE."
            ) from error

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
            "packages": _package_versions(),
        }
        self._write(key, arrays, meta)
        for array in arrays.values():
            array.flags.writeable = False
        return Entry(key, arrays, cached=False)

    def entries(self) -> Iterator[tuple[Path, dict[str, Any] | None]]:
        """Yield each entry's folder with its `meta.json`, or None where that is no entry's. In order of keys."""
        for folder in sorted((self.root / "objects").glob("*/*")):
            if is_key(folder.name):
                yield folder, read_meta(folder)

    def verify(self) -> Iterator[tuple[Path, str | None]]:
        """Check each entry's hash; yield its folder with what is wrong, or None. Damaged ones are set aside."""
        for folder, _ in list(self.entries()):
            problem = damage(folder)
            if problem:
                self._set_aside(folder)
            yield folder, problem

    def gc(self) -> list[Path]:
        """Remove what no run can use, and return the folders removed.

        That is temporary folders whose writer is gone, what was kept for stages that were finished since, and entries
        set aside as damaged. Only folders with names that the store gives are removed.
        """
        stale = [each for each in self._named("tmp", is_writer_name) if not writer_lives(each)]
        stale += [each for each in self._named("unfinished", is_key) if each.name in self]
        stale += self._named("damaged", is_aside_name)
        for folder in stale:
            shutil.rmtree(folder, ignore_errors=True)
        return stale

    def _named(self, part: str, ours: Callable[[str], bool]) -> list[Path]:
        """List the folders in a part of the store whose names the store has given."""
        return [path for path in (self.root / part).glob("*") if ours(path.name) and path.is_dir()]

    def __contains__(self, key: str) -> bool:
        """Say whether there is an entry of this key, intact or not."""
        return self._folder(key).is_dir()

    def temporary(self, what: str) -> Path:
        """Name a folder that is nobody else's, in `tmp`; its name says who writes, so that gc can tell an orphan."""
        return self.root / "tmp" / writer_name(what)

    def workspace(self, key: str) -> Path:
        """Name the folder in which a stage may keep what it needs to go on after a kill; it need not exist."""
        return self.root / "unfinished" / key

    def _folder(self, key: str) -> Path:
        return self.root / "objects" / key[:2] / key

    def read(self, key: str) -> Entry | None:
        """Return an intact entry, or None; a damaged one is set aside with a warning."""
        folder = self._folder(key)
        if not folder.is_dir():
            return None
        problem = damage(folder)
        if problem is None:
            try:
                return Entry(key, map_arrays(folder / "arrays.safetensors"), cached=True)
            except (OSError, ValueError, SafetensorError) as error:
                problem = str(error)
        aside = self._set_aside(folder)
        warnings.warn(
            f"the stored entry {key[:12]} was damaged ({problem}); it is now {aside}, computing again", stacklevel=3
        )
        return None

    def _set_aside(self, folder: Path) -> Path:
        target = self.root / "damaged" / aside_name(folder.name)
        target.parent.mkdir(exist_ok=True)
        # Another process may have set it aside first.
        with contextlib.suppress(FileNotFoundError):
            folder.rename(target)
        return target

    def _write(self, key: str, arrays: Arrays, meta: dict[str, Any]) -> None:
        temporary = self.temporary(key[:16])
        target = self._folder(key)
        try:
            temporary.mkdir()
            save_file(arrays, temporary / "arrays.safetensors")
            meta["sha256"] = sha256(temporary / "arrays.safetensors")
            (temporary / "meta.json").write_text(json.dumps(meta, indent=1, sort_keys=True) + "\n")
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


def _package_versions() -> dict[str, str]:
    from importlib.metadata import PackageNotFoundError, version

    versions = {}
    for name in ("outlearn", "numpy", "torch", "scikit-learn", "transformers", "tokenizers"):
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return versions
