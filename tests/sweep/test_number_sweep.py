"""A sweep of numbers compares by risk, with tables and a page; runs of both kinds are refused."""

from __future__ import annotations

import csv
import html
import re

import numpy as np
import pytest

from outlearn.errors import ConfigError
from outlearn.report.html import write_report
from outlearn.results.sweep import load_sweep
from outlearn.results.sweep_comparison import comparisons
from outlearn.store.store import Store
from outlearn.sweep.planning import plan_sweep
from outlearn.sweep.run_sweep import run_sweep
from outlearn.sweep.sweep_file import parse_sweep

SEEDS, LOSSES, PENALTIES = 3, 2, 2


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    folder = tmp_path_factory.mktemp("numbers")
    rng = np.random.default_rng(0)
    x = rng.normal(size=(240, 5))
    np.savez(folder / "points.npz", features=x, labels=x[:, 0] + 0.7 * x[:, 4] + 0.3 * rng.normal(size=240))
    base = {
        "data": {"path": str(folder / "points.npz"), "task": "regression"},
        "teacher": {"encoder": {"kind": "array", "columns": [0, 1, 2]}, "models": 3, "labels": 20},
        "ceiling": {"models": 1},
    }
    grid = {
        "seed": list(range(SEEDS)),
        "student.loss": ["squared_error", "auto"],
        "student.learner": [{"kind": "ridge"}, {"kind": "ridge", "penalty": 1e5}],
    }
    store, out = Store(folder / "store"), folder / "sweep"
    sweep = parse_sweep({"name": "numbers", "base": base, "grid": grid})
    outcome = run_sweep(plan_sweep(sweep, store=store, out=out), store=store, out=out)
    assert not outcome.failed
    return load_sweep(out)


def test_the_table_has_a_row_for_each_run_and_loss_in_risk(swept):
    with (swept.folder / "results.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == SEEDS * LOSSES * PENALTIES
    first = swept.number_runs[0].run.students[rows[0]["loss"]]
    assert float(rows[0]["risk"]) == pytest.approx(first.risk.mean)
    assert first.risk.mean == pytest.approx(first.mse.mean)  # of the squared error they are one
    assert not any("accuracy" in column for column in rows[0])


def test_treatments_are_compared_split_by_split_and_less_risk_is_better(swept):
    comparison = comparisons(swept)["student.learner"]
    heavy = next(name for name in comparison.treatments if "100000" in name)
    risks = {
        (run.seed, run.value_text("student.learner")): np.mean([s.risk.mean for s in run.run.students.values()])
        for run in swept.number_runs
    }
    base = comparison.baseline
    expected = np.mean([risks[seed, base] - risks[seed, heavy] for seed in range(SEEDS)])
    assert comparison.difference(heavy).mean == pytest.approx(expected)
    assert expected < 0  # shrunk to almost nothing, the student is worse
    assert comparison.mean_ranks.argmin() == comparison.treatments.index(base)


def test_the_page_says_what_does_best_in_risk_and_never_speaks_of_accuracy(swept):
    page = write_report([swept.folder]).read_text(encoding="utf-8")
    words = html.unescape(re.sub(r"<[^>]+>", "", page))
    assert "Risk over all tasks, by student.learner" in words
    assert "Students have less risk than their teachers in" in words
    assert "100.0%" not in words
    assert "accura" not in words.lower()


def test_several_runs_of_numbers_have_a_page(swept, tmp_path):
    runs = [run.run.folder for run in swept.number_runs[:2]]
    words = write_report(runs, tmp_path / "both.html").read_text(encoding="utf-8")
    assert "Comparison of 2 runs of numbers" in words
    assert runs[1].name in words
    with pytest.raises(ConfigError, match="have no score in common"):
        write_report([runs[0], tmp_path], tmp_path / "both.html")


def test_numbers_beside_classes_and_risks_of_two_divergences_are_refused(tmp_path):
    plan = {"store": Store(tmp_path / "store"), "out": tmp_path / "sweep"}
    mixed = {"name": "mixed", "grid": {"data.name": ["digits", "diabetes"]}}
    with pytest.raises(ConfigError, match="Make a sweep of each"):
        plan_sweep(parse_sweep(mixed), **plan)
    base = {"data": {"name": "diabetes"}, "student": {"loss": ["generalized_kl"]}}
    two = {"name": "two", "base": base, "grid": {"measure.generator": ["generalized_kl", "itakura_saito"]}}
    with pytest.raises(ConfigError, match="runs of numbers are compared by risk"):
        plan_sweep(parse_sweep(two), **plan)
