"""Mutated files of every kind that is read: each is taken or refused in lines, and nothing else may happen.

Files begin as good ones and are changed as disks, editors and strangers change them: bits, truncations, parts repeated,
swapped or taken from another file, and words that mean something to a reader. A student whose bytes changed must be
refused, or predict what it did.
"""

from __future__ import annotations

import json
import random
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from outlearn.data import load_task
from outlearn.errors import OutlearnError
from outlearn.experiment.load_config import load_config
from outlearn.results.run_folder import load_run
from outlearn.student.model import load_student

__all__ = ["Found", "fuzz"]

WORDS = (
    b"nan", b"-1", b"1e999", b"9" * 400, b"null", b"true", b"[" * 50, b"{}", b'"', b"\\ud800", b"\x00", b"\xff\xfe",
    b"&a", b"*a", b"!!python/object:os.system", b"label", b"id", b"text", b"chosen", b"=1+1", b"\n", b",", b"\t",
    b"0x10", b"1_000",
)  # fmt: skip
ROWS = [{"id": f"p{i}", "text": f"word{i % 7} and {i}", "label": ("no", "yes")[i % 2]} for i in range(40)]


@dataclass
class Found:
    """What became of the inputs: how many of each kind were taken and refused, and what must not happen."""

    taken: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)

    @property
    def inputs(self) -> int:
        return self.taken.total() + self.refused.total() + len(self.broken)


def fuzz(run_folder: Path, work: Path, *, seconds: float, seed: int = 0) -> Found:
    """Mutate for so long; `run_folder` is a finished run whose features are arrays."""
    rng, found = random.Random(seed), Found()
    readers = _readers(run_folder, work)
    originals = {name: path.read_bytes() for name, (path, _) in readers.items()}
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        name = rng.choice(list(readers))
        path, read = readers[name]
        content = mutated(originals[name], rng, rng.choice(list(originals.values())))
        path.write_bytes(content)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                read(path)
            found.taken[name] += 1
        except OutlearnError as error:
            found.refused[name] += 1
            if not str(error).strip() or "Traceback" in str(error):
                found.broken.append(f"{name}: an error without words, of {content[:200]!r}")
        except (Exception, RecursionError) as error:
            frame = traceback.extract_tb(error.__traceback__)[-1]
            where = f"{Path(frame.filename).name}:{frame.lineno}"
            found.broken.append(f"{name}: {type(error).__name__}: {str(error)[:200]} at {where}, of {content[:300]!r}")
        path.write_bytes(originals[name])
    return found


def mutated(content: bytes, rng: random.Random, other: bytes) -> bytes:
    """Change a file in one to four places."""
    changed = bytearray(content)
    for _ in range(rng.choice((1, 1, 2, 4))):
        place = rng.randrange(len(changed) + 1)
        length = rng.choice((1, 2, 8, 64))
        kind = rng.randrange(7)
        if kind == 0 and place < len(changed):
            changed[place] ^= 1 << rng.randrange(8)
        elif kind == 1:
            del changed[place:]
        elif kind == 2:
            del changed[place : place + length]
        elif kind == 3:
            changed[place:place] = changed[place : place + length] * rng.choice((1, 2, 100))
        elif kind == 4:
            changed[place:place] = rng.choice(WORDS)
        elif kind == 5:
            changed[place : place + length] = rng.choice(WORDS)
        else:
            start = rng.randrange(len(other) + 1)
            changed[place : place + length] = other[start : start + length]
    return bytes(changed)


def _readers(run_folder: Path, work: Path) -> dict[str, tuple[Path, Callable[[Path], object]]]:
    """Write one good file of each kind, and say how it is read."""
    work.mkdir(parents=True, exist_ok=True)
    tables = {
        "table.csv": ("id,text,label\n" + "".join(",".join(row.values()) + "\n" for row in ROWS)).encode(),
        "table.tsv": ("id\ttext\tlabel\n" + "".join("\t".join(row.values()) + "\n" for row in ROWS)).encode(),
        "table.jsonl": "".join(json.dumps(row) + "\n" for row in ROWS).encode(),
        "table.json": json.dumps(ROWS).encode(),
        "lines.txt": "".join(f"{i % 2} {row['text']}\n" for i, row in enumerate(ROWS)).encode(),
    }
    for name, content in tables.items():
        (work / name).write_bytes(content)
    pq.write_table(pa.Table.from_pylist(ROWS), work / "table.parquet")
    rng = np.random.default_rng(0)
    np.savez(work / "arrays.npz", features=rng.normal(size=(40, 3)).astype(np.float32), labels=np.arange(40) % 2)
    (work / "config.yaml").write_bytes((run_folder / "config.yaml").read_bytes())
    readers: dict[str, tuple[Path, Callable[[Path], object]]] = {
        name: (work / name, lambda path: load_task(path=path)) for name in (*tables, "table.parquet", "arrays.npz")
    }
    readers["config.yaml"] = (work / "config.yaml", load_config)
    x = rng.normal(size=(8, 6)).astype(np.float32)
    expected = load_student(run_folder).predict_proba(x)

    def same_student(_: Path) -> None:
        np.testing.assert_array_equal(load_student(run_folder).predict_proba(x), expected)

    for path in sorted(path for path in (run_folder / "student").iterdir() if path.is_file() and path.suffix != ".md"):
        readers[f"student/{path.name}"] = (path, same_student)
    for path in (run_folder / "results.json", *sorted((run_folder / "predictions").iterdir())):
        readers[str(path.relative_to(run_folder))] = (path, lambda _: load_run(run_folder).predictions)
    return readers
