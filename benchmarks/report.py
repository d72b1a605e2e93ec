"""Time the report: writing and opening the page of one run, writing and opening a comparison of many; print JSON.

The page is that of the offline default (run it first: `outlearn run --out DIR`), or of any run folder given. The many
runs are made up: copies of that run whose numbers are shifted at random, each in a folder of its own with its own
names. Opening is from the start of loading the file to the last figure drawn, in headless Chromium, the median of
several; sorting and filtering are from the key or choice to the table's new rows.

Run: OMP_NUM_THREADS=1 python benchmarks/report.py DIR [--runs 500]
Needs playwright and a Chromium on the path for the timings of opening; without them these are null.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from outlearn.report.html import write_report

REPEATS = 5
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
SORT = """() => { const start = performance.now();
  document.querySelectorAll('.grid th button')[3].click(); return performance.now() - start; }"""
FILTER = """() => { const select = document.querySelectorAll('.grid select')[0], start = performance.now();
  select.selectedIndex = 1; select.dispatchEvent(new Event('change')); return performance.now() - start; }"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--runs", type=int, default=500)
    choices = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        found: dict[str, Any] = {}
        page = folder / "one.html"
        found["one_written_s"] = timed(lambda: write_report([choices.run], page))
        found |= {f"one_{key}": value for key, value in opened(page).items()}
        runs = many(choices.run, folder / "runs", choices.runs)
        page = folder / "many.html"
        found["runs"] = len(runs)
        found["many_written_s"] = timed(lambda: write_report(runs, page))
        found["many_megabytes"] = round(page.stat().st_size / 1e6, 1)
        found |= {f"many_{key}": value for key, value in opened(page).items()}
    print(json.dumps(found))


def timed(work: Any) -> float:
    start = time.perf_counter()
    work()
    return round(time.perf_counter() - start, 2)


def many(source: Path, place: Path, count: int) -> list[Path]:
    """Write copies of a run's results and configuration with every mean shifted a little; return their folders."""
    rng = np.random.default_rng(0)
    text = (source / "results.json").read_text(encoding="utf-8")
    folders = []
    for number in range(count):
        results = json.loads(text)
        results["task"]["name"] = f"task {number % 25}"
        for record in results["students"].values():
            for estimate in (record["accuracy"], record["gap"], record["misfit"], record["differences"]["teacher"]):
                shift = float(rng.normal(scale=0.02))
                for key in ("mean", "low", "high"):
                    estimate[key] = None if estimate[key] is None else estimate[key] + shift
        folder = place / f"run-{number:04d}"
        folder.mkdir(parents=True)
        (folder / "results.json").write_text(json.dumps(results), encoding="utf-8")
        shutil.copy(source / "config.yaml", folder)
        folders.append(folder)
    return folders


def opened(page: Path) -> dict[str, float | None]:
    """Return the seconds until every figure is drawn, and milliseconds of sorting and filtering the long table."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    names = ("drawn_s", "sort_ms", "filter_ms")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        chromium = None
    if chromium is None:
        return dict.fromkeys(names)
    turns = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        for _ in range(REPEATS):
            tab = browser.new_page(viewport={"width": 1200, "height": 900})
            start = time.perf_counter()
            tab.goto(page.resolve().as_uri())
            tab.wait_for_selector("html[data-figures=drawn]", state="attached")
            turns.append((time.perf_counter() - start, tab.evaluate(SORT), tab.evaluate(FILTER)))
            tab.close()
        browser.close()
    medians = [round(statistics.median(values), 2) for values in zip(*turns, strict=True)]
    return dict(zip(names, medians, strict=True))


if __name__ == "__main__":
    main()
