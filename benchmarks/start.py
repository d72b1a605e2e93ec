"""What a person waits for before anything is computed, and for a run whose stages are all there.

Each command runs in a process of its own, once untimed, which writes byte code as a user's first call does, and then
`REPEATS` times; seconds are medians, of wall-clock time and of CPU time. The run is the default one on the digits of
scikit-learn, which need no extra; give `--default` for the default task. The first run fills the store, is timed once,
and is printed with its stages (wall-clock seconds); the first line is what a terminal shows of the run when it is
started again. Prints one JSON line a question. To compare two versions, alternate with the other's `src` on PYTHONPATH.

    python benchmarks/start.py [--default]
"""

from __future__ import annotations

import argparse
import json
import math
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from outlearn.results.run_folder import load_run

REPEATS = 3
# Where byte code may not be written, each process compiles every module again: not what a user waits for.
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
COMMAND = (sys.executable, "-c", "from outlearn.cli import main; main()")
# What a command imports, beside what it computes.
IMPORTS = {
    "import outlearn": "import outlearn",
    "what `run` imports": "import outlearn.experiment.load_config, outlearn.experiment.pipeline, outlearn.report.html",
    "numpy": "import numpy",
    "torch": "import torch",
}


def seconds(command: Sequence[str]) -> tuple[float, float]:
    """Run a command to its end: wall-clock and CPU seconds."""
    before, began = os.times(), time.perf_counter()
    subprocess.run(command, check=True, env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    after = os.times()
    spent = after.children_user + after.children_system - before.children_user - before.children_system
    return time.perf_counter() - began, spent


def first_line(command: Sequence[str]) -> float:
    """Run a command on a terminal to its end: wall-clock seconds until it shows the first word."""
    ours, theirs = os.openpty()
    began, shown = time.perf_counter(), math.nan
    with subprocess.Popen(command, env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=theirs):
        os.close(theirs)
        with suppress(OSError):  # what reading says at the end of a terminal
            while part := os.read(ours, 4096):
                if math.isnan(shown) and re.search(rb"[a-z]{3}", part):
                    shown = time.perf_counter() - began
    os.close(ours)
    return shown


def median(command: Sequence[str], repeats: int = REPEATS, *, warm: bool = True) -> dict[str, float]:
    """Return the medians of several runs, after an untimed one if `warm`."""
    if warm:
        seconds(command)
    wall, cpu = zip(*(seconds(command) for _ in range(repeats)), strict=True)
    return {"wall": round(statistics.median(wall), 2), "cpu": round(statistics.median(cpu), 2)}


def main() -> None:
    """Print one JSON line a question."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--default", action="store_true")
    task = ["vader-lexicon" if parser.parse_args().default else "digits"]
    for what, code in IMPORTS.items():
        print(json.dumps({"benchmark": "start", "what": what, **median([sys.executable, "-c", code])}), flush=True)
    print(json.dumps({"benchmark": "start", "what": "outlearn --help", **median([*COMMAND, "--help"])}), flush=True)
    with tempfile.TemporaryDirectory() as place:
        run = [*COMMAND, "run", "--set", f"data.name={task[0]}", "--store", f"{place}/store", "--out", f"{place}/run"]
        first = median(run, repeats=1, warm=False)
        stages = load_run(Path(place) / "run").results.seconds
        print(json.dumps({"benchmark": "start", "what": "run", "task": task[0], **first, "stages": stages}), flush=True)
        shown = round(statistics.median(first_line(run) for _ in range(REPEATS)), 2)
        print(json.dumps({"benchmark": "start", "what": "the first line", "wall": shown}), flush=True)
        again = median(run)
        print(json.dumps({"benchmark": "start", "what": "the same run again", "task": task[0], **again}), flush=True)


if __name__ == "__main__":
    main()
