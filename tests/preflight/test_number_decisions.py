"""`preflight` on numbers: its verdict, the points to label next, thresholds, and the intervals that labelers give."""

from __future__ import annotations

import csv
from functools import partial

import numpy as np
import pytest

import outlearn as ol
from outlearn.core.labelers.strata import DrawnStrata
from outlearn.core.scales import SIGNED
from outlearn.data.number_table import NumberTable
from outlearn.data.rated_table import RatedTable
from outlearn.errors import ConfigError
from outlearn.preflight_checks.number_next_labels import _Population
from outlearn.preflight_checks.number_truth import mean_of_true, r2_of_true
from outlearn.preflight_checks.number_verdict import break_even_bias
from outlearn.results.number_preflight import load_number_preflight

FLOAT64_SUM = 1e-10


def labeled(n_labelers=3, n_points=300, *, noise=1.0, shared=0.0, seed=0):
    """Draw numbers that vary by `noise` about an answer that is off by `shared` deviations, features and the truth."""
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(n_points, 5))
    true = features @ np.array([1.0, -1.0, 0.5, 0.0, 0.0])
    answer = true + shared * rng.normal(size=n_points)
    return answer + noise * rng.normal(size=(n_labelers, n_points)), features, true


def test_a_student_that_gains_by_true_numbers_is_a_gain():
    values, features, true = labeled()
    found = ol.preflight_numbers(values, features=features, true_numbers=true)
    assert found.verdict.key == "gain"
    assert found.student.of == "the mean of all"
    assert found.student.true_over_labeler.low > 0
    assert "Train the student" in found.verdict.advice[0]


def test_without_true_numbers_the_same_is_a_gain_unless_shared_bias():
    values, features, _ = labeled()
    found = ol.preflight_numbers(values, features=features)
    assert found.verdict.key == "gain unless shared bias"
    assert "squared shared bias below" in found.verdict.advice[0]
    assert "--label-next" in found.verdict.advice[-1]


def test_a_weak_student_does_not_beat_good_labelers():
    values, _, true = labeled(noise=0.2)
    noise = np.random.default_rng(1).normal(size=(300, 2))
    assert ol.preflight_numbers(values, features=noise, true_numbers=true).verdict.key == "no gain"
    assert ol.preflight_numbers(values, features=noise).verdict.key == "depends on shared bias"


def test_the_mean_of_the_labelers_is_advised_where_it_does_better():
    values, features, true = labeled(8, noise=0.7)
    found = ol.preflight_numbers(values, features=features[:, :2], true_numbers=true)
    assert found.verdict.key == "gain"
    assert "Combine the labels first" in found.verdict.advice[0]


def test_labelers_of_other_things_are_unrelated():
    values = np.random.default_rng(0).normal(size=(3, 300))
    assert ol.preflight_numbers(values).verdict.key == "unrelated labels"


def test_without_texts_nothing_is_said_of_a_student():
    values, _, _ = labeled()
    found = ol.preflight_numbers(values)
    assert found.verdict.key == "no students"
    assert found.student is None


def test_a_gain_towards_the_shared_answer_is_one_below_the_break_even_bias_and_may_be_none_above():
    rng = np.random.default_rng(0)
    a, s = rng.normal(size=500), rng.normal(size=500)
    distance, variance = np.square(s - a).mean(), 3.0
    gain = variance - distance
    even = break_even_bias(gain, distance)
    for times in (0.99, 1.01):
        # The worst truth: y - a along s - a, so that the student errs with it.
        y = a - np.sqrt(times * even / distance) * (s - a)
        b = np.square(a - y).mean()
        true_gain = variance + b - np.square(s - y).mean()
        assert (true_gain > 0) == (times < 1)


def test_means_by_strata_are_unbiased_and_r2_is_their_ratio():
    rng = np.random.default_rng(0)
    stratum = np.repeat([0, 1], [300, 100])
    y = rng.normal(size=400) + 3 * stratum
    squares = np.square(rng.normal(size=400)) * (1 + 4 * stratum)
    means, shares = [], []
    for _ in range(300):
        marked = np.zeros(400, dtype=bool)
        for h, count in enumerate((20, 60)):
            marked[rng.choice(np.flatnonzero(stratum == h), count, replace=False)] = True
        strata = DrawnStrata(np.where(marked, stratum, -1), (300, 100))
        found = mean_of_true(np.where(marked, squares, np.nan), strata, 0.95, SIGNED)
        means.append(found.mean)
        r2 = r2_of_true(np.where(marked, squares, np.nan), np.where(marked, y, np.nan), strata, 0.95)
        shares.append(r2.mean)
    error = np.std(means) / np.sqrt(300)
    assert abs(np.mean(means) - squares.mean()) < 4 * error
    assert np.mean(shares) == pytest.approx(1 - squares.mean() / y.var(), abs=0.05)  # a ratio leans by order 1 / n


@pytest.mark.parametrize("aim", ["error", "gain", "student"])
def test_spreads_in_closed_form_are_those_of_simulated_truth(aim):
    values, features, _ = labeled(n_points=60)
    table = RatedTable(NumberTable(("a", "b", "c"), values, tuple(map(str, range(60)))))
    student = features @ np.array([1.0, -1.0, 0.5, 0.0, 0.0]) + 0.3
    population = _Population(table, student, aim, 0.95)
    mean, deviation = population.guess
    rng = np.random.default_rng(0)
    drawn = np.stack([population.wanted(mean + deviation * rng.normal(size=60)) for _ in range(4000)])
    means, spread = population.moments
    np.testing.assert_allclose(drawn.std(axis=0), spread, rtol=0.12, atol=0.02)  # fourth moments, of 4,000 draws
    np.testing.assert_allclose(drawn.mean(axis=0), means, atol=5 * (spread / np.sqrt(4000)).max())


def test_expected_widths_are_those_that_true_numbers_then_have():
    values, features, true = labeled(n_points=600)
    given = np.where(np.arange(600) < 100, true, np.nan)  # they say that there is no shared bias
    drawn = ol.preflight_numbers(values, features=features, true_numbers=given, label_next=100, aim="gain").next_labels
    assert [at.n_labels for at in drawn.widths] == [50, 100, 200, 400]
    assert drawn.widths[0].random > drawn.widths[-1].random
    given[100:200] = true[100:200]
    then = ol.preflight_numbers(values, features=features, true_numbers=given).student.true_over_labeler
    assert drawn.expected.random == pytest.approx((then.high - then.low) / 2, rel=0.25)


@pytest.fixture
def ratings(cli, tmp_path):
    values, _, true = labeled(2, 200)
    with (tmp_path / "ratings.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["id", "ann", "bob", "ann_low", "ann_high", "bob_sd"])
        for i, (ann, bob) in enumerate(values.T.tolist()):
            rows.writerow([f"p{i}", ann, bob, ann - 1.645, ann + 1.645, 0.5])
    with (tmp_path / "gold.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["id", "label"], *((f"p{i}", y) for i, y in enumerate(true.tolist()))])
    return partial(cli, "preflight", "ratings.csv", "--numbers")


def test_intervals_are_read_by_the_names_of_their_columns_and_checked(ratings, tmp_path):
    code, out, err = ratings("--true", "gold.csv", "--interval-level", "0.9", "--out", "found")
    assert code == 0, err
    found = load_number_preflight(tmp_path / "found")
    assert [each.name for each in found.labelers] == ["ann", "bob"]
    ann, bob = found.intervals
    assert ann.holds
    assert "too narrow" in bob.sentences[0]
    assert str(found) in out
    assert "too narrow" in (tmp_path / "found" / "report.html").read_text()


def test_intervals_without_a_level_are_no_labelers_and_the_advice_works(ratings):
    code, out, err = ratings("--true", "gold.csv")
    assert code == 0, err
    assert "--interval-level 0.9" in out.replace("\n ", "")
    assert "Labelers: 2" in out
    assert ratings("--true", "gold.csv", "--interval-level", "1.9")[0] == 2


@pytest.mark.parametrize(
    ("cells", "said"), [(",2", "without the other end"), ("3,2", "above ann_high"), ("x,2", "expected a number")]
)
def test_what_is_no_interval_is_named_by_its_line(ratings, tmp_path, cells, said):
    lines = (tmp_path / "ratings.csv").read_text().splitlines()
    parts = lines[4].split(",")
    lines[4] = ",".join([*parts[:3], cells, parts[5]])
    (tmp_path / "ratings.csv").write_text("\n".join(lines))
    code, _, err = ratings("--true", "gold.csv", "--interval-level", "0.9")
    assert code == 2
    assert "line 5" in err
    assert said in err


def test_points_to_label_next_are_written_and_read_back(ratings, tmp_path):
    code, out, err = ratings("--label-next", "40", "--list", "next.csv")
    assert code == 0, err
    assert "What to label next: 40 points" in out
    assert ratings("--label-next", "40", "--list", "next.csv")[0] == 2  # never written over
    with (tmp_path / "gold.csv").open() as file:
        true = {row["id"]: row["label"] for row in csv.DictReader(file)}
    with (tmp_path / "next.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 40
    with (tmp_path / "next.csv").open("w", newline="") as file:
        filled = csv.DictWriter(file, rows[0])
        filled.writeheader()
        filled.writerows({**row, "label": true[row["id"]]} for row in rows)
    code, out, err = ratings("--true", "next.csv", "--interval-level", "0.9", "--out", "found")
    assert code == 0, err
    found = load_number_preflight(tmp_path / "found")
    assert found.truth.n_points == 40
    assert found.truth.error.low < 1 < found.truth.error.high
    assert found.intervals == ()
    assert "Intervals are not checked" in " ".join(found.notes)
    again = ("--true", "next.csv", "--interval-level", "0.9", "--label-next", "30", "--list", "more.csv")
    code, out, err = ratings(*again)  # a second draw, joined to the first
    assert code == 0, err
    assert "With the 40 true numbers of earlier draws" in out
    with (tmp_path / "more.csv").open() as file:
        assert [row["draw"] for row in csv.DictReader(file)] == ["1"] * 40 + ["2"] * 30


def test_thresholds_make_the_exit_code(ratings):
    assert ratings("--true", "gold.csv", "--fail-below", "0.2")[0] == 0
    code, out, _ = ratings("--true", "gold.csv", "--interval-level", "0.9", "--fail-below", "coverage=0.8")
    assert code == 1
    assert "FAILS  coverage" in out
    assert ratings("--fail-below", "0.2")[0] == 1  # not known
    code, _, err = ratings("--fail-below", "accuracy=0.2")
    assert code == 2
    assert "r2" in err
    code, _, err = ratings("--fail-below", "5")
    assert code == 2
    assert "expected a number up to 1 for r2 (R2 of a number), such as r2=0.5" in err


def test_an_aim_that_needs_a_student_is_refused_without_one():
    values, _, _ = labeled()
    with pytest.raises(ConfigError, match="--aim error"):
        ol.preflight_numbers(values, label_next=50, aim="gain")
    assert ol.preflight_numbers(values, label_next=50).next_labels.aim == "error"
    with pytest.raises(ConfigError, match="accuracy"):
        ol.preflight_numbers(values, label_next=50, aim="accuracy")


def test_one_labeler_without_true_numbers_may_be_labeled_next():
    values, features, _ = labeled(1)
    found = ol.preflight_numbers(values, features=features, label_next=40)
    assert found.verdict.key == "no students"
    assert len(found.next_labels.points) == 40
