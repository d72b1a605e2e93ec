"""Write and read the folder of a kept student: data only, every file with its hash in manifest.json.

    student.json          what it is, and how good
    README.md             the model card
    heads.safetensors     the members' heads; heads.arrays() by name
    encoder.json          terms, and
    encoder.safetensors   numbers, that an encoder learned
    novelty.safetensors   distances from the training texts
    config.json, ...      of a fine-tuned model: a folder that `save_pretrained` wrote
    manifest.json         name, size and sha256 of every other file

Nothing is a pickle, and nothing in it runs.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from outlearn.encoders.encoder import Learned
from outlearn.errors import DataError
from outlearn.learners.fitted import Heads
from outlearn.results.serialization import read_json, read_record
from outlearn.results.writing import write_folder
from outlearn.student.card import card_text
from outlearn.student.kept import Kept
from outlearn.student.novelty import Novelty
from outlearn.student.record import AGAIN, FOLDER, RECORD, SCHEMA, StudentRecord
from outlearn.student.stored_arrays import heads_of, novelty_of

__all__ = ["copy_student", "find_student", "read_parts", "read_student", "write_parts", "write_student"]

FORMAT = "outlearn student"
MANIFEST, HEADS = "manifest.json", "heads.safetensors"
TERMS, ENCODER, NOVELTY = "encoder.json", "encoder.safetensors", "novelty.safetensors"


def write_student(folder: Path, kept: Kept) -> None:
    """Write a student; the folder is there whole or not at all, and replaces one that was there before.

    Raises:
        StoreError: if it cannot be written.
    """
    record, learned = kept.record, kept.learned
    write_parts(
        folder, record.to_json(), card_text(record), kept.heads, learned, kept.novelty,
        outlearn=record.outlearn, files={name: content.tobytes() for name, content in kept.files.items()},
    )  # fmt: skip


def write_parts(
    folder: Path,
    record: Mapping[str, Any],
    card: str,
    heads: Heads | None,
    learned: Learned,
    novelty: Novelty | None,
    *,
    outlearn: str,
    files: Mapping[str, bytes] | None = None,
) -> None:
    """Write the folder of a student of any kind: its record, its card, and what it is made of.

    Raises:
        StoreError: if it cannot be written.
    """
    files = {**(files or {}), RECORD: _json(record), "README.md": card.encode()}
    if heads is not None:
        files[HEADS] = _arrays(heads.arrays())
    if learned.terms:
        files[TERMS] = _json({"terms": list(learned.terms)})
    if learned.arrays:
        files[ENCODER] = _arrays(learned.arrays)
    if novelty is not None:
        files[NOVELTY] = _arrays(vars(novelty))
    hashes = {name: {"bytes": len(c), "sha256": hashlib.sha256(c).hexdigest()} for name, c in sorted(files.items())}
    files[MANIFEST] = _json({"format": FORMAT, "schema": SCHEMA, "outlearn": outlearn, "files": hashes})
    write_folder(folder, files, marker=MANIFEST)


def copy_student(source: Path, target: Path) -> None:
    """Copy a student to another folder, checked as it is read."""
    files = _checked_files(source)
    content = {name: (source / name).read_bytes() for name in (*files, MANIFEST)}
    write_folder(target, content, marker=MANIFEST)


def find_student(path: Path) -> Path:
    """Find the student of a run folder; a student's own folder is returned as it is.

    Raises:
        DataError: if there is none.
    """
    if not path.is_dir():
        what = "is a file" if path.exists() else "does not exist"
        raise DataError(f"{str(path)!r} {what}; give the folder of a run, such as one below runs/, or its student/.")
    if (path / MANIFEST).is_file():
        return path
    if (path / FOLDER / MANIFEST).is_file():
        return path / FOLDER
    if (path / "results.json").is_file():
        raise DataError(
            f"the run in {str(path)!r} kept no student: it had student.keep: none, or is of a learner or a version of "
            f"outlearn that keeps none. Run it again with --keep best."
        )
    raise DataError(
        f"{str(path)!r} holds no student: it has no {MANIFEST}. Give the folder of a run, such as one below runs/, or "
        "its student/."
    )


def read_student(path: Path) -> Kept:
    """Read a student from its folder or that of its run, every file checked against its hash.

    Raises:
        DataError: if a file is missing, foreign, truncated or altered, or of another format or version.
    """
    folder = find_student(path)
    heads, learned, novelty = read_parts(folder)
    content = read_json(folder / RECORD, again=AGAIN)
    record = read_record(StudentRecord, content, folder / RECORD, schema=SCHEMA, again=AGAIN)
    _check_heads(heads, record, folder / HEADS)
    return Kept(record, heads, learned, novelty, folder=folder)


def read_parts(folder: Path) -> tuple[Heads | None, Learned, Novelty | None]:
    """Read what a student is made of, every file checked against its hash; a fine-tuned one has no heads.

    Raises:
        DataError: if a file is missing, foreign, truncated or altered.
    """
    files = _checked_files(folder)
    terms = _terms(folder / TERMS) if TERMS in files else []
    arrays = _read_arrays(folder / ENCODER) if ENCODER in files else {}
    novelty, heads = (folder / name if name in files else None for name in (NOVELTY, HEADS))
    return (
        None if heads is None else heads_of(_read_arrays(heads), heads, again=AGAIN),
        Learned(tuple(terms), arrays),
        None if novelty is None else novelty_of(_read_arrays(novelty), novelty, again=AGAIN),
    )


def _checked_files(folder: Path) -> Mapping[str, Any]:
    """Compare every file with the manifest."""
    manifest = read_json(folder / MANIFEST, again=AGAIN)
    ours = isinstance(manifest, dict) and {"format", "schema", "files"} <= manifest.keys()
    if not ours or manifest["format"] != FORMAT:
        raise DataError(f"{str(folder / MANIFEST)!r} is not that of a student of outlearn. {AGAIN}")
    if manifest["schema"] != SCHEMA:
        raise DataError(
            f"the student in {str(folder)!r} has format {manifest['schema']!r}, and this version reads {SCHEMA}. "
            f"Install the outlearn that wrote it ({manifest.get('outlearn', 'unknown')}). {AGAIN}"
        )
    files: Mapping[str, Any] = manifest["files"]
    if not isinstance(files, dict) or not all(map(_is_size_and_hash, files.values())):
        raise DataError(f"{str(folder / MANIFEST)!r} was altered: a file has no size or hash. Copy it again. {AGAIN}")
    present = {str(each.relative_to(folder)) for each in folder.rglob("*") if each.is_file()}
    hidden = {name for name in present if name.startswith(".")}  # .gitattributes, .cache of a hub
    foreign = sorted(present - files.keys() - {MANIFEST} - hidden)
    missing = sorted(files.keys() - present)
    if missing:
        raise DataError(f"the student in {str(folder)!r} lacks {', '.join(missing)}. Copy it whole. {AGAIN}")
    if foreign:
        raise DataError(
            f"the student in {str(folder)!r} has files that are not its own: {', '.join(foreign)}. Remove them."
        )
    for name, expected in files.items():
        path = folder / name
        size = path.stat().st_size
        if size != expected["bytes"]:
            raise DataError(
                f"{str(path)!r} has {size:,} bytes, and {expected['bytes']:,} were written: it was cut off or changed. "
                f"Copy it again. {AGAIN}"
            )
        with path.open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != expected["sha256"]:
                raise DataError(
                    f"{str(path)!r} was altered: its sha256 is not the one in {MANIFEST}. Copy it again. {AGAIN}"
                )
    return files


def _terms(path: Path) -> list[str]:
    content = read_json(path, again=AGAIN)
    terms = content.get("terms") if isinstance(content, dict) else None
    if not isinstance(terms, list) or not all(isinstance(term, str) for term in terms) or len(set(terms)) < len(terms):
        raise DataError(f"{str(path)!r} was altered: it holds no list of different terms. {AGAIN}")
    return terms


def _is_size_and_hash(entry: object) -> bool:
    if not isinstance(entry, dict):
        return False
    return type(entry.get("bytes")) is int and isinstance(entry.get("sha256"), str)


def _check_heads(heads: Heads | None, record: StudentRecord, path: Path) -> None:
    if record.kind != "heads":
        return
    if heads is None:
        raise DataError(f"{str(path)!r} is missing, and {RECORD} says that the student is made of heads. {AGAIN}")
    if heads.n_classes != len(record.class_names) or heads.n_models != record.members:
        raise DataError(
            f"{str(path)!r} holds {heads.n_models} heads of {heads.n_classes} classes, and {RECORD} says "
            f"{record.members} of {len(record.class_names)} ({', '.join(record.class_names)}). {AGAIN}"
        )


def _json(content: Any) -> bytes:
    return (json.dumps(content, indent=1, allow_nan=False, ensure_ascii=False) + "\n").encode()


def _arrays(arrays: Mapping[str, np.ndarray]) -> bytes:
    return save({name: np.ascontiguousarray(array) for name, array in arrays.items()})


def _read_arrays(path: Path) -> dict[str, np.ndarray]:
    try:
        with safe_open(path, framework="numpy") as file:
            return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
    except (SafetensorError, OSError) as error:
        raise DataError(f"{str(path)!r} is damaged: {error}. {AGAIN}") from error
