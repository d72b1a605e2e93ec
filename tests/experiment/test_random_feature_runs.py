"""Runs whose students read random features: of numbers and of classes, and the students that they keep."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
import yaml
from tests.experiment.test_configs import CONFIGS
from tests.student.runs import keep, write_film_pairs, write_films

import outlearn as ol
from outlearn.data import load_task, make_splits
from outlearn.errors import ConfigError
from outlearn.experiment.load_config import load_config
from outlearn.experiment.pipeline import run
from outlearn.report.html import write_report
from outlearn.results.ladder import read_ladder
from outlearn.results.sweep import load_sweep
from outlearn.store.store import Store
from outlearn.sweep.expansion import expand
from outlearn.sweep.planning import plan_sweep
from outlearn.sweep.run_sweep import run_sweep
from outlearn.sweep.sweep_file import parse_sweep, read_sweep

FLOAT32_SUM = 1e-4
UNITS = "student.encoder={kind: random_features, width: 40, of: %s}"


def test_ridge_on_random_features_of_numbers_runs_and_its_student_predicts_without_the_run(tmp_path):
    settings = ["data.name=diabetes", UNITS % "{kind: array}", "student.loss=[squared_error]", "ceiling.models=1"]
    finished = run(load_config(overrides=settings), store=Store(tmp_path / "store"), out=tmp_path / "run")
    assert finished.results.students["squared_error"].misfit.mean > 0
    expected = finished.predictions.students["squared_error"].mean().values[0]
    shutil.move(tmp_path / "run" / "student", tmp_path / "student")
    shutil.rmtree(tmp_path / "run")
    shutil.rmtree(tmp_path / "store")
    task = load_task(name="diabetes")
    found = ol.load_student(tmp_path / "student").predict(task.features[make_splits(task).test])
    np.testing.assert_allclose(found, expected, rtol=FLOAT32_SUM)


def test_two_texts_are_compared_by_rewards_over_random_features(tmp_path):
    pairs = write_film_pairs(tmp_path / "pairs.jsonl")
    student = ol.load_student(keep(tmp_path, pairs, UNITS % "{kind: tfidf}").folder)
    first, second = ["a fine film", "a dull film"], ["a grey film", "a warm film"]
    log_odds = np.diff(student.predict_log_proba(list(zip(first, second, strict=True))), axis=1)[:, 0]
    np.testing.assert_allclose(student.reward(second) - student.reward(first), log_odds, atol=FLOAT32_SUM)


def test_the_model_below_may_lie_elsewhere_and_one_that_reads_none_is_named(tmp_path):
    films = write_films(tmp_path / "films.jsonl")
    finished = keep(tmp_path, films, UNITS % "{kind: tfidf}")
    with pytest.raises(ConfigError, match="encoder 'tfidf' reads no model from disk; leave --model out"):
        ol.load_student(finished.folder, model="somewhere").predict(["a fine film"])


def test_the_ladder_of_widths_runs(tmp_path):
    file = CONFIGS / "sweeps" / "width.yaml"
    widths = [member.values["student.encoder.width"] for member in expand(read_sweep(file))]
    assert widths == sorted(widths)
    content = yaml.safe_load(file.read_text(encoding="utf-8"))
    content["base"]["data"] |= {"limit": 500, "limit_seed": 0}
    content["base"]["teacher"] |= {"models": 3, "labels": 30}
    content["base"]["ceiling"] = {"models": 1}
    content["grid"] = {"student.encoder.width": [4, 16], "seed": [0, 1]}
    store, out = Store(tmp_path / "store"), tmp_path / "sweep"
    outcome = run_sweep(plan_sweep(parse_sweep(content), store=store, out=out), store=store, out=out)
    assert outcome.failed == {}
    ladder = read_ladder(load_sweep(out))
    assert ladder.students == ("4", "16")
    assert {rung.accuracy.n_models for rung in ladder.rungs.values()} == {2}  # splits
    assert "student.encoder.width" in write_report([out]).read_text(encoding="utf-8")
