"""`outlearn predict` against its encoder alone: texts a second, the first answer, and memory over many rows.

A student of MiniLM features is trained on sentences of SST-2. Then, each printed as one JSON line:

- throughput: CPU time of one thread to encode `TEXTS` texts, the encoder loaded, in one call; and to read the same
  texts from a CSV file, answer and write them. Best of `REPEATS`.
- first answer: seconds of wall time to the first row of the command, and CPU time of the whole command; the model's
  files are in the page cache.
- memory: peak resident set after `ROWS[0]` and after `ROWS[1]` rows, of a student of TF-IDF features.

    OMP_NUM_THREADS=1 python benchmarks/predict.py
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from outlearn.data.row_chunks import row_chunks
from outlearn.encoders.points import Texts
from outlearn.encoders.registry import get_encoder
from outlearn.experiment.load_config import load_config
from outlearn.experiment.pipeline import run
from outlearn.store.store import Store
from outlearn.student.answer_files import answer_file
from outlearn.student.model import load_student
from outlearn.student.predict_table import Tally, predict_chunks

SENTENCES = Path(__file__).resolve().parents[2] / "shared" / "data" / "sst2" / "train.txt"
TEXTS = 2112  # a first small chunk, and a large one
REPEATS = 3
ROWS = (100_000, 1_000_000)
SMALL = (
    "teacher.models=2",
    "teacher.labels=100",
    "data.limit=1500",
    "student.seeds=1",
    "student.loss=[reverse_ce]",
    "ceiling.models=1",
)
MEASURED = """
import resource, sys
from outlearn.cli import main
try:
    main()
except SystemExit:
    pass
use = resource.getrusage(resource.RUSAGE_SELF)
print(use.ru_maxrss / 1024, use.ru_utime + use.ru_stime, file=sys.stderr)
"""


def keep(folder: Path, name: str, *overrides: str) -> Path:
    """Train and keep a student."""
    config = load_config(overrides=[f"data.path={SENTENCES}", *SMALL, *overrides])
    return run(config, store=Store(folder / "store"), out=folder / name).folder


def write_csv(path: Path, n_rows: int) -> list[str]:
    """Write sentences, again and again, as a table of one column; return them."""
    lines = SENTENCES.read_text(encoding="utf-8").splitlines()
    texts = [line.partition(" ")[2].replace('"', "") for line in lines]
    rows = [texts[i % len(texts)] for i in range(n_rows)]
    path.write_text("text\n" + "".join(f'"{text}"\n' for text in rows), encoding="utf-8")
    return rows


def best(work: Callable[[], object]) -> float:
    """Return the least CPU time of `REPEATS` runs."""
    seconds = []
    for _ in range(REPEATS):
        start = time.process_time()
        work()
        seconds.append(time.process_time() - start)
    return min(seconds)


def throughput(student: Path, folder: Path) -> dict[str, object]:
    """Compare the whole command, without its start, with the encoder alone."""
    texts = write_csv(folder / "new.csv", TEXTS)
    who = load_student(student)
    who.predict(["ready"])
    facts = who.record.encoder
    assert facts is not None
    encoder = get_encoder(facts.settings)
    encode = encoder.load(encoder.learn(Texts("none", ()), np.arange(0)))
    points = Texts("new", tuple(texts))

    def answer() -> None:
        with answer_file(folder / "answers.csv") as file:
            for chunk in predict_chunks(who, row_chunks(folder / "new.csv"), id_column="id", tally=Tally()):
                file.write(chunk)

    alone, whole = best(lambda: encode(points, np.arange(len(texts)))), best(answer)
    return {"texts": TEXTS, "encoder": TEXTS / alone, "predict": TEXTS / whole, "share": alone / whole}


def command(student: Path, new: Path | str, *arguments: str) -> list[str]:
    """Return the command line that predicts and then says what it took."""
    return [sys.executable, "-c", MEASURED, "predict", str(student), str(new), *arguments]


def first_answer(student: Path) -> dict[str, object]:
    """Time the command to its first row, twice: the first time reads the model's files into the page cache."""
    found = {}
    for _ in range(2):
        start = time.perf_counter()
        with subprocess.Popen(
            command(student, "-"), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as program:
            assert program.stdin is not None
            assert program.stdout is not None
            assert program.stderr is not None
            program.stdin.write("text\na fine film\n")
            program.stdin.close()
            program.stdout.readline()
            program.stdout.readline()
            found = {"seconds": time.perf_counter() - start, "cpu_seconds": float(program.stderr.read().split()[-1])}
    return found


def memory(student: Path, folder: Path) -> dict[str, object]:
    """Measure peak memory over many rows."""
    peak = []
    for n_rows in ROWS:
        write_csv(folder / "many.csv", n_rows)
        arguments = command(student, folder / "many.csv", "--out", str(folder / "many_answers.csv"))
        done = subprocess.run(arguments, capture_output=True, text=True, check=True)
        peak.append(float(done.stderr.split()[-2]))
    return {"rows": ROWS, "peak_MiB": peak}


def main() -> None:
    """Measure, and print one line each."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        student = keep(folder, "minilm", "student.encoder={kind: hf, model: minilm}")
        print(json.dumps({"first answer": first_answer(student)}), flush=True)
        print(json.dumps({"throughput": throughput(student, folder)}), flush=True)
        words = keep(folder, "words", "student.encoder={kind: tfidf}")
        print(json.dumps({"memory": memory(words, folder)}), flush=True)


if __name__ == "__main__":
    main()
