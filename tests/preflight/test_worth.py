"""What weak labels are worth in true ones: against heads trained one by one, and where it is withheld."""

from __future__ import annotations

import csv

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from typer.testing import CliRunner

import outlearn as ol
from outlearn.cli.app import app
from outlearn.preflight_checks.worth import _heads
from outlearn.results.measurement import Withheld
from outlearn.results.preflight import load_preflight

pytestmark = pytest.mark.medium


def world(n=500, wrong=0.3, n_true=200, labelers=4, seed=0):
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, n)
    x = rng.normal(size=(n, 10)) + 0.9 * y[:, None] * (np.arange(10) < 4)
    said = np.where(rng.random((labelers, n)) < wrong, 1 - y, y)
    truth = np.where(rng.permutation(n) < n_true, y, -1)
    return x, said, truth, y


def asked(x, said, truth, **more):
    return ol.preflight(said, features=x, true_labels=truth, **more)


def test_many_good_labels_are_worth_many_true_ones_and_bad_ones_few():
    good, bad = (asked(*world(wrong=wrong)[:3]).worth for wrong in (0.1, 0.45))
    assert good.n_true == bad.n_true == 200
    assert good.student > bad.student
    assert good.labels.beyond == "more" or good.labels.labels > 80
    assert bad.labels.beyond == "fewer" or bad.labels.labels < 60
    assert good.sizes == (10, 20, 40, 80, 160)
    assert list(good.accuracy) == sorted(good.accuracy)


def test_heads_are_those_that_scikit_learn_trains_on_each_set_alone():
    x, _, _, y = world(n=120)
    weights = np.stack([np.arange(90) < 30, np.arange(90) < 80]).astype(float)
    ours = _heads(x[:90].astype(np.float32), y[:90], weights, x[90:].astype(np.float32), 2)[-1]
    for k, size in enumerate((30, 80)):
        z = (x - x[:size].mean(0)) / x[:size].std(0)
        theirs = LogisticRegression(C=1.0).fit(z[:size], y[:size]).decision_function(z[90:])
        assert ((ours[k, :, 1] > ours[k, :, 0]) == (theirs > 0)).mean() > 0.95


def test_it_is_withheld_with_the_reason_where_it_cannot_be_told():
    x, said, truth, _ = world()
    assert "0 true labels; 50" in asked(x, said, np.full(500, -1)).worth.reason
    few = np.where(np.cumsum(truth >= 0) <= 40, truth, -1)
    assert "40 true labels; 50" in asked(x, said, few).worth.reason
    assert isinstance(ol.preflight(said, true_labels=truth).worth, Withheld)


def test_the_report_says_it_and_the_command_keeps_it(tmp_path):
    x, said, truth, _ = world()
    np.save(tmp_path / "x.npy", x)
    names = ["ann", "bob", "cid", "dan"]
    rows = [
        [str(i), *map(str, votes), "" if true < 0 else str(true)]
        for i, (votes, true) in enumerate(zip(said.T, truth, strict=True))
    ]
    with (tmp_path / "t.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["id", *names, "true"], *rows])
    asked_for = ["preflight", str(tmp_path / "t.csv"), str(tmp_path / "x.npy"), "--true-column", "true"]
    done = CliRunner().invoke(app, [*asked_for, "--labelers", ",".join(names), "--out", str(tmp_path / "out")])
    assert done.exit_code == 0, done.output
    assert "worth of these labels to the student" in done.output
    kept = load_preflight(tmp_path / "out")
    assert kept.worth.n_true == 200
    assert str(kept.worth) in str(kept)
