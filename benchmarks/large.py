"""The default run on many classes and many rows: CPU seconds, peak memory, size of the store.

    python benchmarks/large.py clinc150 CLINC150.csv [--teachers tfidf | wordllama]
    python benchmarks/large.py rows [--n 200000] [--features 2000]
    python benchmarks/large.py classes [--n 20000 --classes 1000]

Each is `outlearn run` with `auto` beside two losses, in a process and a store of its own. The last two make texts up:
words of a class among words that all use, drawn by Zipf's law. Their students see WordLlama features, since encoding
200,000 texts by a language model says nothing of this package.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

SHARED_WORDS, WORDS_OF_A_CLASS, LENGTH = 30_000, 30, 12


def made_up(path: Path, n: int, classes: int) -> Path:
    """Write texts of which a third of the words tell the class."""
    rng = np.random.default_rng(0)
    shares = 1 / np.arange(1, SHARED_WORDS + 1)
    labels = rng.integers(0, classes, n)
    common = rng.choice(SHARED_WORDS, (n, LENGTH), p=shares / shares.sum())
    own = rng.integers(0, WORDS_OF_A_CLASS, (n, LENGTH))
    telling = rng.random((n, LENGTH)) < 1 / 3
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("text", "label"))
        for i, label in enumerate(labels.tolist()):
            words = (f"c{label}w{own[i, k]}" if telling[i, k] else f"word{common[i, k]}" for k in range(LENGTH))
            writer.writerow((" ".join(words), f"class {label}"))
    return path


def measure(overrides: list[str], folder: Path) -> dict[str, object]:
    """Run once, and return what it cost."""
    sets = [part for override in overrides for part in ("--set", override)]
    command = ["run", "--out", str(folder / "run"), "--store", str(folder / "store"), *sets]
    program = f"import sys; sys.argv = {['outlearn', *command]!r}; from outlearn.cli import main; main()"
    start = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", program], env={**os.environ, "OMP_NUM_THREADS": "1"})
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    found: dict[str, object] = {
        "exit code": done.returncode,
        "CPU, s": round(used.ru_utime + used.ru_stime, 1),
        "clock, s": round(time.perf_counter() - start, 1),
        "peak, GiB": round(used.ru_maxrss / 2**20, 2),
        "store, MiB": round(sum(f.stat().st_size for f in (folder / "store").rglob("*") if f.is_file()) / 2**20),
    }
    if done.returncode == 0:
        results = json.loads((folder / "run" / "results.json").read_text())
        found["seconds"] = {name: round(value, 1) for name, value in results["seconds"].items()}
        found["accuracy"] = {name: round(s["accuracy"]["mean"], 3) for name, s in results["students"].items()}
        found["teacher"] = round(results["teacher"]["accuracy"]["mean"], 3)
        found["ceiling"] = round(results["ceiling"]["accuracy"]["mean"], 3)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("task", choices=("clinc150", "rows", "classes"))
    parser.add_argument("file", nargs="?", type=Path, help="CLINC150 as a table with the columns text and label")
    parser.add_argument("--teachers", choices=("tfidf", "wordllama"), default="tfidf")
    parser.add_argument("--n", type=int)
    parser.add_argument("--classes", type=int, default=1000)
    parser.add_argument("--features", type=int, help="TF-IDF features of the teachers, of words and pairs of words")
    options = parser.parse_args()
    words = "" if options.features is None else f", max_features: {options.features}, ngram: [1, 2]"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        overrides = [
            "student.loss=[forward_ce, reverse_ce, auto]",
            f"teacher.encoder={{kind: {options.teachers}{words}}}",
        ]
        if options.task == "clinc150":
            overrides.append(f"data.path={options.file}")
        else:
            n, classes = (options.n or 200_000, 2) if options.task == "rows" else (options.n or 20_000, options.classes)
            overrides.append(f"data.path={made_up(folder / 'made_up.csv', n, classes)}")
            overrides.append("student.encoder={kind: wordllama}")
        print(json.dumps(measure(overrides, folder)), flush=True)


if __name__ == "__main__":
    main()
