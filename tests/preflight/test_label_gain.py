"""What the next true labels would teach: foreseen where it can be, said on the report, and withheld with a reason."""

from __future__ import annotations

import csv

import numpy as np
import pytest
from typer.testing import CliRunner

import outlearn as ol
from outlearn.cli.app import app
from outlearn.results.label_gain import WAYS, LabelGain
from outlearn.results.measurement import Withheld
from outlearn.results.preflight import load_preflight

pytestmark = pytest.mark.medium


def world(n=500, wrong=0.1, n_true=200, labelers=4, seed=0):
    """Labelers that err by chance, and all at the points where one feature is large: true labels tell of that."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, n)
    x = rng.normal(size=(n, 8)) + 1.2 * y[:, None] * (np.arange(8) < 4)
    said = np.where((rng.random((labelers, n)) < wrong) | (x[:, 7] > 0.2), 1 - y, y)
    return x, said, np.where(rng.permutation(n) < n_true, y, -1), y


def asked(x, said, truth, n_next=50):
    return ol.preflight(said, features=x, true_labels=truth, label_next=n_next)


def test_it_is_foreseen_from_the_true_labels_that_are_there_and_said_in_the_report():
    found = asked(*world()[:3])
    gain = found.label_gain
    assert isinstance(gain, LabelGain)
    assert (gain.use, gain.n_labels, gain.n_next) == ("learn", 200, 50)
    assert gain.brought.low > 0  # labelers share an error that true labels mend
    assert gain.next.low < gain.next.mean < gain.next.high
    assert abs(gain.next.mean) < gain.brought.mean
    assert set(gain.picked) == set(WAYS)
    text = " ".join(str(found).split())
    assert "The 200 true labels, learned from, bring auto +" in text
    assert all(" ".join(each.split()) in text for each in gain.sentences)


def test_it_is_withheld_with_the_reason_where_it_cannot_be_told():
    x, said, truth, _ = world()
    assert "no points to label next" in ol.preflight(said, features=x, true_labels=truth).label_gain.reason
    assert "there are no students" in ol.preflight(said, true_labels=truth, label_next=50).label_gain.reason
    assert "0 points have a true label and 500 none; 50 of both" in asked(x, said, np.full(500, -1)).label_gain.reason
    few = asked(x, said, np.where(np.cumsum(truth >= 0) <= 45, truth, -1))
    assert "45 points have a true label and 455 none; 50 of both" in few.label_gain.reason
    assert "What they would teach a student is not foreseen: 45 points" in " ".join(str(few).split())
    far = asked(x, said, np.where(np.cumsum(truth >= 0) <= 60, truth, -1), n_next=130)
    assert isinstance(far.label_gain.next, Withheld)
    assert "60 true labels tell of at most 120 more, and 130 are meant" in str(far).replace("\n  ", " ")
    assert "two labelers" in asked(x, said[:1], truth, n_next=20).label_gain.reason


def test_gaps_are_no_label_and_the_folder_holds_what_was_found(tmp_path):
    x, said, truth, _ = world(n=400, n_true=120)
    said = np.where(np.random.default_rng(1).random(said.shape) < 0.3, -1, said)
    with (tmp_path / "votes.csv").open("w", newline="") as file:
        rows = ([f"p{i}", *said[:, i], truth[i]] for i in range(400))
        cells = (["" if cell == -1 else cell for cell in row] for row in rows)
        csv.writer(file).writerows([["id", "a", "b", "c", "d", "gold"], *cells])
    np.save(tmp_path / "x.npy", x)
    command = ["preflight", str(tmp_path / "votes.csv"), str(tmp_path / "x.npy"), "--true-column", "gold"]
    command += ["--label-next", "40", "--list", str(tmp_path / "next.csv"), "--out", str(tmp_path / "out")]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0, done.output
    assert " true labels, learned from, bring auto" in " ".join(done.output.split())
    read = load_preflight(tmp_path / "out")
    assert isinstance(read.label_gain, LabelGain)
    assert " ".join(read.label_gain.sentences) in " ".join(str(read).split())
    page = (tmp_path / "out" / "report.html").read_text()
    assert "What true labels bring to auto" in page
