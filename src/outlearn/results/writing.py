"""Write a run folder: what a run leaves for people and for the report. Each file appears whole or not at all."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import json
import os
import re
import shutil
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np

from outlearn.errors import OutlearnError, StoreError
from outlearn.results.array_files import Blocks, array_file
from outlearn.results.serialization import Record
from outlearn.results.writers import MARK, writer_lives, writer_mark

__all__ = [
    "RunWriter", "claim_folder", "foreign_folder", "half_of", "log_event", "missing_folders", "new_run_folder",
    "remove_empty", "remove_halves", "sync", "write_file", "write_folder", "write_json",
    "write_parts",
]  # fmt: skip

HALF = ".outlearn-half"  # how names end of what is not whole yet


def new_run_folder(name: str, parent: Path = Path("runs")) -> Path:
    """Name a folder that does not exist yet: `runs/NAME-DATE-TIME`, numbered where two runs start in one second."""
    stem = f"{name}-{time.strftime('%Y%m%d-%H%M%S')}"
    candidates = (parent / (stem if k == 1 else f"{stem}-{k}") for k in range(1, 1_000_000))
    return next(folder for folder in candidates if not folder.exists())


def foreign_folder(folder: Path, called: str, found: str) -> StoreError:
    """Say that a folder holds something else than what is to be written there."""
    kept = f"the folder {str(folder)!r} is not empty and holds no {called} (found {found!r})"
    return StoreError(f"{kept}. Choose another --out DIR.")


def claim_folder(folder: Path, config_yaml: str) -> None:
    """Make the folder and write its `config.yaml`, before anything is computed; refuse to overwrite anything else.

    A folder that holds the very same configuration is a run that is started again, and is used.

    Raises:
        StoreError: if the folder holds something else, is a file, or cannot be written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        remove_halves(folder)
        present = [path.name for path in folder.iterdir() if not path.name.endswith(HALF)]
        config = folder / "config.yaml"
        if present and not config.is_file():
            raise foreign_folder(folder, "run", min(present))
        if config.is_file() and config.read_text(encoding="utf-8") != config_yaml:
            raise StoreError(
                f"the folder {str(folder)!r} holds a run with another configuration. Choose another --out DIR, or "
                "remove it."
            )
        write_file(config, config_yaml.encode())
    except StoreError:
        raise
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise StoreError(
            f"the folder {str(folder)!r} cannot be used: {reason}. Choose a writable folder with --out DIR."
        ) from error


class RunWriter:
    """Write into a claimed folder; a context that takes back a new folder when its run turns out to be impossible.

    Attributes:
        folder: the run folder.
        hashes: sha256 of each file of predictions that was written, by its path in the folder.

    Raises:
        StoreError: see `claim_folder`.
    """

    def __init__(self, folder: Path, config_yaml: str) -> None:
        self.folder = folder
        self.hashes: dict[str, str] = {}
        self._made = missing_folders(folder)
        self._claimed = not _exists(folder / "config.yaml")
        try:
            claim_folder(folder, config_yaml)
            _make_folder(folder / "predictions")
        except BaseException:
            self._take_back()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        # An interrupted run goes on here later. One that cannot be (bad input, full disk) leaves the folder as it was,
        # unless something is there that the same command can go on from: then its configuration stays too.
        if isinstance(error, OutlearnError) and self._claimed:
            self._take_back()

    def _take_back(self) -> None:
        """Remove what was made, if no result is among it."""
        predictions = self.folder / "predictions"
        with contextlib.suppress(OSError):
            remove_halves(self.folder)
            if self._claimed and not any(predictions.glob("*")):
                ours = {"config.yaml", "log.jsonl", "predictions"}
                if {path.name for path in self.folder.iterdir()} <= ours:
                    for name in ("log.jsonl", "config.yaml"):
                        (self.folder / name).unlink(missing_ok=True)
                    if predictions.is_dir():
                        predictions.rmdir()
        remove_empty(self._made)

    def text(self, name: str, content: str) -> None:
        """Write a text file."""
        write_file(self.folder / name, content.encode())

    def json(self, name: str, record: Record) -> None:
        """Write a record as a JSON file."""
        write_json(self.folder / name, record.to_json())

    def arrays(
        self, name: str, arrays: Mapping[str, np.ndarray | Blocks], metadata: Mapping[str, Sequence[str]]
    ) -> None:
        """Write a safetensors file with lists of names as metadata, and keep its hash."""
        self._hashed(name, array_file(arrays, metadata))

    def lines(self, name: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Write a JSONL file, and keep its hash."""
        self._hashed(name, ((json.dumps(row, ensure_ascii=False) + "\n").encode() for row in rows))

    def _hashed(self, name: str, parts: Iterable[bytes]) -> None:
        digest = hashlib.sha256()

        def read() -> Iterator[bytes]:
            for part in parts:
                digest.update(part)
                yield part

        write_parts(self.folder / name, read())
        self.hashes[name] = digest.hexdigest()

    def log(self, event: str, **details: Any) -> None:
        """Append one event to `log.jsonl`, with the time."""
        log_event(self.folder / "log.jsonl", event, **details)


def log_event(path: Path, event: str, **details: Any) -> None:
    """Append one event to a log of one JSON object a line, with the time; a line is there whole or not at all.

    Raises:
        StoreError: if it cannot be written.
    """
    row = {"time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "event": event, **details}
    whole = None
    try:
        with path.open("ab") as file:
            whole = file.tell()
            file.write((json.dumps(row) + "\n").encode())
    except OSError as error:
        if whole is not None:  # what the system took of the line would spoil the next one
            with contextlib.suppress(OSError):
                os.truncate(path, whole)
        raise StoreError(f"{str(path)!r} cannot be written: {error.strerror}.") from error


def remove_halves(folder: Path) -> None:
    """Remove what a writer that was killed left beside what it was writing; see `write_file` and `write_folder`."""
    for place in (folder, folder / "predictions", folder / "students"):
        for path in place.glob(f".*{HALF}"):
            found = re.search(rf"\.({MARK})" + re.escape(HALF) + "$", path.name)
            if found is not None and writer_lives(path, found[1]):
                continue  # another process is at it, or this one
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)


def write_json(path: Path, content: Any) -> None:
    """Write plain data as a JSON file, whole or not at all; NaN is a mistake of ours and raises."""
    write_file(path, (json.dumps(content, indent=1, allow_nan=False, ensure_ascii=False) + "\n").encode())


def write_file(path: Path, content: bytes) -> None:
    """Write beside, sync, rename: a reader never sees half a file.

    Raises:
        StoreError: if it cannot be written.
    """
    write_parts(path, (content,))


def write_parts(path: Path, parts: Iterable[bytes]) -> None:
    """Do the same with content that is made part by part."""
    beside = half_of(path)
    try:
        with beside.open("wb") as file:
            file.writelines(parts)
        sync(beside)
        beside.replace(path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            beside.unlink(missing_ok=True)
        if not isinstance(error, OSError):
            raise
        raise StoreError(
            f"{str(path)!r} cannot be written: {error.strerror}. Free some space, or choose another --out."
        ) from error


def write_folder(folder: Path, files: Mapping[str, bytes], *, marker: str) -> None:
    """Write a folder beside, sync, rename: it is there whole or not at all.

    Args:
        folder: its place. One that is there is replaced if it holds a file `marker`, or nothing.
        files: path inside the folder -> content.
        marker: the file that tells such a folder from any other.

    Raises:
        StoreError: if it cannot be written, or something else is there.
    """
    beside, aside = half_of(folder), half_of(folder)
    try:
        if folder.is_dir() and any(folder.iterdir()) and not (folder / marker).is_file():
            raise StoreError(f"the folder {str(folder)!r} is not empty and holds no {marker}. Choose another folder.")
        for name, content in files.items():
            path = beside / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            sync(path)
        sync(beside)
        if folder.is_dir():
            folder.rename(aside)
        beside.rename(folder)
        sync(folder.parent)
    except StoreError:
        raise
    except OSError as error:
        raise StoreError(
            f"{str(folder)!r} cannot be written: {error.strerror}. Free some space, or choose another folder."
        ) from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)
        shutil.rmtree(aside, ignore_errors=True)


def half_of(path: Path) -> Path:
    """Name what is not whole yet: hidden, in the same folder, and different for each writer."""
    return path.with_name(f".{path.name[:64]}.{writer_mark()}{HALF}")


def missing_folders(folder: Path) -> list[Path]:
    """List the folders that making this one will make, innermost first."""
    return list(itertools.takewhile(lambda each: not _exists(each), (folder, *folder.parents)))


def remove_empty(folders: Sequence[Path]) -> None:
    """Remove folders, innermost first, that hold nothing."""
    for folder in folders:
        with contextlib.suppress(OSError):
            folder.rmdir()


def _exists(path: Path) -> bool:
    """Say whether something is there; what cannot be looked at is told by who uses it."""
    return os.path.lexists(path)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise StoreError(
            f"the folder {str(folder)!r} cannot be made: {error.strerror}. Free some space, or choose another --out."
        ) from error


def sync(path: Path) -> None:
    """Wait until a file or the entries of a folder are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
