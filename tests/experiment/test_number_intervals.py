"""Intervals in runs of numbers: those of the student that is kept, and those that labelers give."""

from __future__ import annotations

import csv
from functools import partial

import numpy as np
import pytest

import outlearn as ol
from outlearn.errors import ConfigError
from outlearn.experiment.load_config import load_config
from outlearn.experiment.pipeline import run
from outlearn.report.html import write_report
from outlearn.report.number_findings import number_findings
from outlearn.results.any_run import load_run
from outlearn.store.store import Store
from outlearn.student.held_out import MOST_ERRORS, half_width, kept_errors

ONE_IN_SIX_DIGITS = 2e-6


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Run on a table with a labeler that knows how wrong it is, and one that does not."""
    folder = tmp_path_factory.mktemp("intervals")
    rng = np.random.default_rng(0)
    words = ["good", "bad", "fine", "poor", "great", "dull"]
    worth = {"good": 1.0, "bad": -1.0, "fine": 0.6, "poor": -0.6, "great": 1.5, "dull": -0.4}
    texts = [" ".join(rng.choice(words, 5)) for _ in range(600)]
    y = np.array([sum(worth[w] for w in t.split()) for t in texts]) + 0.5 * rng.normal(size=600)
    spread = 0.3 + rng.random(600)
    ann, bob = (y + spread * rng.normal(size=600) for _ in range(2))
    with (folder / "own.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["id", "text", "label", "ann", "bob", "ann_low", "ann_high", "bob_sd"])
        for i in range(600):
            ends = ann[i] - 1.645 * spread[i], ann[i] + 1.645 * spread[i]
            rows.writerow([f"p{i}", texts[i], y[i], ann[i], bob[i], *ends, 0.2])
    settings = [
        f"data.path={folder / 'own.csv'}", "data.task=regression", "data.labelers=[ann, bob]", "ceiling.models=1",
        "data.interval_level=0.9", "student.encoder={kind: tfidf}",
    ]  # fmt: skip
    return run(load_config(overrides=settings), store=Store(folder / "store"), out=folder / "run")


def test_intervals_of_the_student_hold_new_true_numbers_as_often_as_they_say(made):
    found = made.results.intervals["auto"]
    assert (found.stated, found.segments) == (0.9, ())
    student, test = ol.load_student(made.folder), made.predictions
    texts, true = [point.text for point in test.points], test.target[0]
    n = student.record.held_out.n_points
    for level in (0.5, 0.9):
        low, high = student.predict_interval(texts, level)
        share = np.mean((low <= true) & (true <= high))
        # Four standard errors: of the share on these test points, and of the quantile of these held-out errors.
        assert share == pytest.approx(level, abs=4 * np.sqrt(level * (1 - level) * (1 / n + 1 / len(true))))
    assert found.coverage.mean == pytest.approx(share, abs=0.01)
    assert student.record.held_out.checked == found


def test_intervals_that_labelers_give_are_checked_in_the_run(made):
    ann, bob = made.results.given_intervals
    assert (ann.of, bob.of) == ("ann", "bob")
    assert ann.holds
    assert "too narrow" in bob.sentences[0]
    assert any(sentence.startswith("The 90% intervals of bob hold") for sentence in number_findings(made.results))
    assert load_run(made.folder).results == made.results
    page = write_report([made.folder]).read_text(encoding="utf-8")
    assert "split conformal" in page
    assert "too narrow" in page


def test_the_command_writes_both_ends_and_refuses_what_it_cannot_promise(made, cli, tmp_path):
    (tmp_path / "new.csv").write_text('text\ngood good fine\n""\ndull bad poor\n')
    predict = partial(cli, "predict", made.folder, tmp_path / "new.csv")
    code, out, err = predict("--interval", "0.9")
    assert code == 0, err
    rows = list(csv.DictReader(out.splitlines()))
    half = half_width(ol.load_student(made.folder).record.held_out, 0.9)
    for row in (rows[0], rows[2]):
        assert float(row["high"]) - float(row["number"]) == pytest.approx(half, abs=ONE_IN_SIX_DIGITS)
        assert float(row["number"]) - float(row["low"]) == pytest.approx(half, abs=ONE_IN_SIX_DIGITS)
    assert (rows[1]["low"], rows[1]["high"], rows[1]["flag"]) == ("", "", "empty")
    code, _, err = predict("--interval", "0.999")
    assert code == 2
    allowed = err.split("Ask for ")[1].split(" ")[0]
    assert predict("--interval", allowed)[0] == 0
    assert predict("--interval", "90")[0] == 2
    assert "low" not in predict()[1]


def test_without_true_numbers_there_is_no_interval_and_the_reason_is_given():
    with pytest.raises(ConfigError, match="not from the truth"):
        half_width(None, 0.9)


def test_a_sample_of_many_errors_is_kept():
    errors = np.random.default_rng(0).exponential(size=MOST_ERRORS + 5)
    assert kept_errors(errors[:500], seed=0) == tuple(sorted(errors[:500].tolist()))
    kept = kept_errors(errors, seed=0)
    assert len(kept) == MOST_ERRORS
    assert set(kept) < set(errors.tolist())
