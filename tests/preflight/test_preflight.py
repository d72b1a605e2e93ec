"""Preflight on labelers of known bias and variance: what it recovers, what it refuses to say, what it warns of."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import math
import sys
from pathlib import Path

import numpy as np
import pytest

import outlearn as ol
from outlearn.core.labelers.agreement_coefficients import class_counts
from outlearn.core.labelers.difficulty import fit_difficulty, patterns_of
from outlearn.errors import ConfigError, DataError, ShapeError
from outlearn.results.measurement import Withheld
from outlearn.results.preflight import PREFLIGHTS, load_preflight
from outlearn.results.preflight_parts import VERDICTS

BENCHMARK = Path(__file__).resolve().parents[2] / "benchmarks" / "preflight.py"
MANY = 4.0  # standard errors


def world(n: int = 800, rates: tuple[float, ...] = (0.2, 0.25, 0.3), bias: float = 0.0, seed: int = 0):
    """Points of 6 features, two classes; where feature 2 is large, the answer that labelers share is wrong."""
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(n, 6)).astype(np.float32)
    truth = (features[:, 0] + features[:, 1] > 0).astype(int)
    shared = np.where(features[:, 2] > np.quantile(features[:, 2], 1 - bias), 1 - truth, truth) if bias else truth
    labels = np.array([np.where(rng.random(n) < rate, 1 - shared, shared) for rate in rates])
    sample = np.full(n, -1)
    known = rng.permutation(n)[:200]
    sample[known] = truth[known]
    return features, truth, labels, sample


def benchmark():
    spec = importlib.util.spec_from_file_location("preflight_benchmark", BENCHMARK)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
@pytest.mark.usefixtures("shapes_unchecked")
def test_the_grid_of_the_benchmark_in_small_is_recovered_and_its_sign_foreseen():
    """A part of benchmarks/preflight.py: careless against wrong, three designs, one run a cell."""
    grid = benchmark()
    cells = [
        cell
        for cell in grid.cells()
        if cell.careless in (0.1, 0.2) and cell.bias in (0.0, 0.2) and cell.sees_all and cell.region == "learnable"
    ]
    results = {cell: [grid.run(cell, seed)] for seed, cell in enumerate(cells)}
    runs = [result for found in results.values() for result in found]
    assert len(runs) == 12
    for name in ("missed", "shared_bias", "true_gain", "bounds"):
        assert np.mean([r[name] for r in runs]) >= 0.75, name  # 95% of 12: below 9 once in 5,000
    sign = grid.sign(cells, results)
    assert sign["away_from_zero"] == 12
    assert sign["predicted"] == sign["predicted_true"] == 1.0
    assert sign["verdict_wrong"] == sign["verdict_true_wrong"] == 0


def test_labels_alone_say_nothing_of_shared_bias_and_the_report_says_so():
    features, _, labels, _ = world(bias=0.2)
    report = ol.preflight(labels, features=features)
    assert isinstance(report.truth, Withheld)
    assert "not identifiable without true labels" in str(report)
    assert any("calibrate" in line for line in report.verdict.advice)


def test_the_same_labels_with_another_truth_differ_in_nothing_that_is_said_without_truth():
    features, truth, labels, sample = world()
    known = np.flatnonzero(sample >= 0)
    other = sample.copy()
    other[known] = 1 - truth[known]
    a, b = (ol.preflight(labels, features=features, true_labels=y) for y in (sample, other))
    assert a.missed == b.missed
    assert a.student.gain == b.student.gain
    assert a.truth.shared_bias.mean < 0.2 < 0.8 < b.truth.shared_bias.mean


def test_true_labels_say_how_far_off_the_prediction_was():
    features, _, labels, sample = world(n=1500)
    report = ol.preflight(labels, features=features, true_labels=sample)
    assert report.verdict.key == "gain"
    student = report.student
    assert student.off.mean == pytest.approx(student.true_gain.mean - student.gain.mean)
    assert abs(student.off.mean) < MANY * student.off.standard_error  # there is no shared bias here


def test_carelessness_is_told_from_agreement_alone_however_often_or_by_whom():
    _, _, labels, _ = world(n=4000, rates=(0.2, 0.2))
    twice = ol.preflight(labels, asked_twice=True)
    assert abs(twice.missed.mean - 0.2) < MANY * twice.missed.standard_error
    _, _, labels, _ = world(n=4000, rates=(0.1, 0.2, 0.3))
    three = ol.preflight(labels)
    for row, rate in zip(three.labelers, (0.1, 0.2, 0.3), strict=True):
        assert abs(row.missed.mean - rate) < MANY * row.missed.standard_error


def test_two_different_labelers_are_told_apart_by_students_and_only_so():
    features, _, labels, _ = world(n=4000, rates=(0.05, 0.3))
    without, with_students = ol.preflight(labels), ol.preflight(labels, features=features)
    assert without.labelers[0].missed == without.labelers[1].missed
    assert any("equally good" in line for line in without.assumptions)
    for row, rate in zip(with_students.labelers, (0.05, 0.3), strict=True):
        assert abs(row.missed.mean - rate) < MANY * row.missed.standard_error


def test_uneven_noise_leaves_the_estimate_but_not_the_bounds():
    rng = np.random.default_rng(0)
    shared = rng.integers(0, 2, 4000)
    hard = np.arange(4000) % 4 == 0
    rate = np.where(hard, 0.5, 0.02)
    labels = np.where(rng.random((2, 4000)) < rate, 1 - shared, shared)
    report = ol.preflight(labels, asked_twice=True)
    mean = rate.mean()
    assert not report.missed.low <= mean <= report.missed.high
    assert report.missed_bounds.low <= mean <= report.missed_bounds.high


def test_habits_that_students_learn_are_warned_of_and_keep_two_labelers_from_a_student_of_both():
    features, _, labels, _ = world(n=2000, rates=(0.1, 0.1))
    assert len(ol.preflight(labels, features=features).students) == 2
    own = np.array([np.where(features[:, 3 + j] > 0.8, 1, labels[j]) for j in range(2)])
    report = ol.preflight(own, features=features)
    assert any("habits" in line for line in report.warnings)
    assert [student.name for student in report.students] == ["of one labeler"]


def test_a_labeler_that_guesses_is_named_and_the_rest_is_told():
    features, _, labels, _ = world(n=2000, rates=(0.1, 0.2, 0.2, 0.5))
    report = ol.preflight(labels, features=features, names=["ann", "bob", "cy", "coin"])
    assert any(line.startswith("coin:") for line in report.warnings)
    assert "no more than chance" in report.labelers[3].missed.reason
    assert abs(report.labelers[0].missed.mean - 0.1) < MANY * report.labelers[0].missed.standard_error


def test_of_three_labelers_one_of_which_guesses_the_other_two_are_judged_as_two():
    features, _, labels, _ = world(n=2000, rates=(0.1, 0.2, 0.5))
    report = ol.preflight(labels, features=features)
    assert math.isnan(report.labelers[2].missed.mean)
    for row, rate in zip(report.labelers[:2], (0.1, 0.2), strict=True):
        assert abs(row.missed.mean - rate) < MANY * row.missed.standard_error


def test_labels_without_relation_end_there():
    labels = np.random.default_rng(0).integers(0, 2, (3, 300))
    report = ol.preflight(labels, features=np.random.default_rng(1).normal(size=(300, 4)).astype(np.float32))
    assert report.verdict.key == "unrelated labels"
    assert report.students == ()
    assert math.isnan(report.missed.mean)
    assert "nan" not in str(report)


def test_true_labels_judge_labelers_that_agree_no_more_than_chance():
    features, _, labels, sample = world(n=1200, rates=(0.15, 0.5))
    report = ol.preflight(labels, features=features, true_labels=sample, names=["ann", "coin"])
    assert report.verdict.key not in ("unrelated labels", "no students")
    assert report.labelers[0].error.high < 0.5 < report.labelers[1].error.high
    assert report.students[0].true_accuracy.low > 0.5
    assert any("ann is right more often than a guess, coin not" in line for line in report.warnings)
    assert "nan" not in str(report)
    kept = ol.preflight(labels[:1], features=features, true_labels=sample)  # as is advised
    assert kept.student.true_gain.low > 0


def test_true_labels_that_no_labeler_meets_leave_labels_unrelated():
    rng = np.random.default_rng(3)
    report = ol.preflight(
        rng.integers(0, 2, (2, 300)), features=rng.normal(size=(300, 4)), true_labels=rng.integers(0, 2, 300)
    )
    assert report.verdict.key == "unrelated labels"
    assert report.students == ()


def test_labels_that_always_agree_make_a_report_without_variance():
    features, truth, _, sample = world(n=400)
    report = ol.preflight(np.array([truth, truth, truth]), features=features, true_labels=sample)
    assert report.missed.mean == 0
    assert report.truth.shared_bias.mean == 0
    assert report.truth.shared_bias.high > 0  # 200 of 200 right is not known to be all
    assert "nan" not in str(report)


def test_points_to_calibrate_are_a_random_sample_without_known_truth_and_suspects_are_wrong_more_often():
    features, truth, labels, sample = world(n=2000, rates=(0.25, 0.25, 0.25))
    report = ol.preflight(labels, features=features, true_labels=sample)
    kinds = {
        kind: [p for p in report.points_to_check if p.kind == kind] for kind in ("calibrate", "suspect", "mistake")
    }
    assert len(kinds["calibrate"]) == 100
    assert all(sample[p.index] == -1 for p in [*kinds["calibrate"], *kinds["suspect"]])
    vote_is_wrong = (labels.sum(axis=0) >= 2) != (truth == 1)
    assert vote_is_wrong[[p.index for p in kinds["suspect"]]].mean() > 2 * vote_is_wrong.mean()
    assert all(vote_is_wrong[p.index] for p in kinds["mistake"])
    assert [p.id for p in report.points_to_check] != [
        p.id for p in ol.preflight(labels, features=features, seed=1).points_to_check
    ]


def test_the_order_of_labelers_and_of_classes_does_not_matter():
    features, _, labels, _ = world()
    report, turned = ol.preflight(labels, features=features), ol.preflight(labels[::-1], features=features)
    flipped = ol.preflight(1 - labels, features=features)
    for other in (turned, flipped):
        assert other.missed.mean == pytest.approx(report.missed.mean)
        assert other.student.gain.mean == pytest.approx(report.student.gain.mean, abs=0.01)  # ties of rounded heads
    assert [row.missed.mean for row in turned.labelers] == pytest.approx(
        [row.missed.mean for row in report.labelers[::-1]]
    )


def test_the_same_seed_gives_the_same_report():
    features, _, labels, sample = world(n=300)
    first, second = (ol.preflight(labels, features=features, true_labels=sample, seed=3) for _ in range(2))
    assert str(first) == str(second)
    with pytest.raises(dataclasses.FrozenInstanceError):
        first.seed = 4


def test_labelers_may_abstain():
    features, _, labels, _ = world(n=3000)
    labels[np.random.default_rng(3).random(labels.shape) < 0.3] = -1
    report = ol.preflight(labels, features=features)
    assert 1900 < report.labelers[0].n_labels < 2300
    for row, rate in zip(report.labelers, (0.2, 0.25, 0.3), strict=True):
        assert abs(row.missed.mean - rate) < MANY * row.missed.standard_error
    assert report.student.gain.low > 0


def test_four_classes_are_handled_as_two_are():
    rng = np.random.default_rng(0)
    features = rng.normal(size=(2000, 6)).astype(np.float32)
    shared = features[:, :4].argmax(axis=1)
    labels = np.array(
        [np.where(rng.random(2000) < 0.3, (shared + rng.integers(1, 4, 2000)) % 4, shared) for _ in "abc"]
    )
    report = ol.preflight(labels, features=features)
    assert abs(report.missed.mean - 0.3) < MANY * report.missed.standard_error
    assert report.student.gain.low > 0.1
    assert report.verdict.key in VERDICTS


def test_more_points_and_more_labelers_help_where_they_do():
    features, _, labels, _ = world(n=1500, rates=(0.35, 0.35, 0.35, 0.35))
    report = ol.preflight(labels, features=features)
    sizes, accuracies = zip(*((at.n_points, at.accuracy) for at in report.more_labels), strict=True)
    assert sizes == (300, 600, 1200)
    assert accuracies[-1].mean > accuracies[0].mean
    assert report.pooling.mean > 0
    odd = [at.accuracy for at in report.vote_curve if at.n_labelers % 2]
    assert odd == sorted(odd)
    assert report.noise.model == "even"


def test_points_that_differ_in_difficulty_are_noticed_and_votes_foreseen_without_even_noise():
    rng = np.random.default_rng(0)
    rate = rng.choice([0.02, 0.4], 2000)
    report = ol.preflight((rng.random((6, 2000)) < rate).astype(int))
    assert report.noise.model == "difficulty"
    assert report.missed.low < rate.mean() < report.missed.high
    assert all(row.missed.low < rate.mean() < row.missed.high for row in report.labelers)
    three = report.vote_curve[2]
    truth = np.mean(rate**3 + 3 * rate**2 * (1 - rate))
    assert abs(1 - truth - three.accuracy) < 0.02
    assert three.measured.low < three.agreement < three.measured.high
    assert "points differ in difficulty" in str(report)


def test_where_even_noise_is_not_rejected_the_interval_holds_what_the_other_model_says():
    """Half of the labels are missing: the test often passes though points differ, and even noise is then too low."""
    passed = 0
    for seed in range(3):
        rng = np.random.default_rng(seed)
        answer, rate = rng.integers(0, 2, 1000), rng.beta(0.6, 2.4, 1000)
        labels = np.where(rng.random((5, 1000)) < rate, 1 - answer, answer)
        labels[rng.random(labels.shape) < 0.5] = -1
        report = ol.preflight(labels, class_names=["no", "yes"])
        if report.noise.model == "even":
            passed += 1
            found = patterns_of(class_counts(labels, 2).astype(int))
            other = fit_difficulty(found.counts, found.times, seed=0).missed
            assert report.missed.low < other < report.missed.high
            assert abs(other - report.missed.mean) < report.missed.standard_error
    assert passed >= 2


def test_of_three_labelers_a_vote_has_bounds_for_even_noise_cannot_be_tested():
    rng = np.random.default_rng(0)
    rate = rng.choice([0.02, 0.4], 2000)
    report = ol.preflight((rng.random((3, 2000)) < rate).astype(int))
    assert report.noise.model == "not tested"
    for at in report.vote_curve[::2]:
        wins = np.mean([(rng.random((at.n_labelers, 2000)) < rate).mean(axis=0) < 0.5 for _ in range(20)])
        assert at.least < wins < at.accuracy


def test_texts_are_encoded_by_counting_words_unless_told_otherwise():
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 2, 300)
    texts = [f"{('bad', 'good')[y]} word{rng.integers(5)}" for y in truth]
    labels = np.where(rng.random((3, 300)) < 0.2, 1 - truth, truth)
    report = ol.preflight(labels, texts=texts)
    assert "tfidf" in report.encoder
    assert report.student.gain.low > 0
    assert "char_wb" in ol.preflight(labels, texts=texts, encoder={"kind": "tfidf", "analyzer": "char_wb"}).encoder
    same = ol.preflight(labels, texts=["the same text"] * 300)
    assert same.verdict.key != "gain"


def test_a_report_that_is_read_back_prints_what_was_printed_and_equals_it(tmp_path):
    features, _, labels, sample = world(n=300)
    for number, arguments in enumerate(
        (
            {"labels": labels, "features": features},
            {"labels": labels, "features": features, "true_labels": sample, "names": ["<a>", "b\tc", "d" * 40]},
            {"labels": labels[:2], "asked_twice": True},
            {"labels": labels[:, :30]},
            {"labels": np.random.default_rng(0).integers(0, 2, (3, 300)), "features": features},
        )
    ):
        report = ol.preflight(arguments.pop("labels"), **arguments)
        folder = tmp_path / str(number)
        PREFLIGHTS.claim(folder)
        PREFLIGHTS.write(folder, report, inputs={}, text=str(report), table=[])
        read = load_preflight(folder)
        assert str(read) == str(report)
        assert repr(read) == repr(report)  # as nan is not equal to itself


def test_a_notebook_shows_the_text_escaped():
    report = ol.preflight(world(n=100)[2], names=["<script>", "b", "c"])
    assert report._repr_html_().startswith("<pre>Will my student beat my labeler?\n")
    assert "&lt;script&gt;" in report._repr_html_()
    assert "<script>" not in report._repr_html_()


# Name: (what is done to the content of results.json, what the message must say).
DAMAGED = {
    "an explanation": ({"kind": "explanation"}, "holds no preflight report: its kind is 'explanation'"),
    "older": ({"schema": 1}, "has schema 1.*reads schema 5"),
    "no verdict": ({"verdict": None}, "verdict"),
    "a half verdict": ({"verdict": {"key": "gain"}}, r"verdict\.answer is missing"),
    "a word for a number": ({"n_points": "many"}, "n_points: .*integer"),
    "a labeler less": ({"labelers": [{"name": "ann"}]}, r"labelers\.0\.n_labels"),
    "no interval": ({"missed": 0.2}, "missed: "),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_a_damaged_or_foreign_file_is_named_with_field_and_remedy(tmp_path, name):
    changes, message = DAMAGED[name]
    report = ol.preflight(world(n=100)[2])
    PREFLIGHTS.write(tmp_path, report, inputs={}, text=str(report), table=[])
    path = tmp_path / "results.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    with pytest.raises(DataError, match=message) as refused:
        load_preflight(tmp_path)
    assert str(path) in str(refused.value)
    assert "outlearn preflight ... --out DIR" in str(refused.value)


BAD = {
    "one labeler": (lambda w: {"labels": w[2][:1]}, DataError, "1 labeler"),
    "two points": (lambda w: {"labels": w[2][:, :2]}, DataError, "2 points"),
    "constant": (lambda w: {"labels": np.array([w[2][0], np.zeros(800, dtype=int)])}, DataError, "always says '0'"),
    "no label": (lambda w: {"labels": np.array([w[2][0], np.full(800, -1)])}, DataError, "no label at all"),
    "floats": (lambda w: {"labels": w[2] * 0.5}, ShapeError, "whole numbers"),
    "one axis": (lambda w: {"labels": w[2][0]}, ShapeError, "labelers, points"),
    "below -1": (lambda w: {"labels": w[2] - 2}, DataError, "label -2"),
    "no pair": (
        lambda w: {"labels": np.array([np.where(np.arange(800) % 2 == j, w[2][j], -1) for j in range(2)])},
        DataError,
        "two labelers",
    ),
    "texts": (lambda w: {"labels": w[2], "texts": ["a"] * 3}, ShapeError, "3 texts for 800"),
    "features": (lambda w: {"labels": w[2], "features": w[0][:5]}, ShapeError, "800 points"),
    "nan": (lambda w: {"labels": w[2], "features": np.full((800, 2), np.nan)}, DataError, "nan"),
    "truth": (lambda w: {"labels": w[2], "true_labels": w[3][:5]}, ShapeError, "5 true_labels"),
    "names": (lambda w: {"labels": w[2], "names": ["a"]}, ShapeError, "1 names"),
    "level": (lambda w: {"labels": w[2], "level": 95}, ConfigError, "level"),
    "bias": (lambda w: {"labels": w[2], "largest_bias": 0.5}, ConfigError, "shared bias"),
    "encoder": (lambda w: {"labels": w[2], "texts": ["a b"] * 800, "encoder": {"kind": "tfdif"}}, ConfigError, "tfidf"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_arguments_are_refused_with_what_to_do(name):
    make, error, message = BAD[name]
    arguments = make(world())
    with pytest.raises(error, match=message):
        ol.preflight(arguments.pop("labels"), **arguments)


def test_a_labeler_with_eight_labels_leaves_the_verdict_and_the_rates_of_the_others_as_they_are():
    features, truth, labels, sample = world(rates=(0.2, 0.25))
    silent = np.full(len(truth), -1)
    silent[:8] = 1 - truth[:8]
    two, three = (
        ol.preflight(np.stack(rows), features=features, true_labels=sample) for rows in ([*labels], [*labels, silent])
    )
    assert three.verdict.key == two.verdict.key == "gain"
    assert abs(three.disagreement.mean - two.disagreement.mean) < 0.02
    assert three.disagreement.high - three.disagreement.low < 1.2 * (two.disagreement.high - two.disagreement.low)
    said = [line for line in three.warnings if line.startswith("labeler 3")]
    assert "fewer than 20 labels" in said[0]
    assert not any("no more agreement" in line for line in three.warnings)


def test_one_labeler_with_true_labels_gets_a_verdict_and_its_error(capsys):
    features, truth, labels, sample = world(rates=(0.25,))
    report = ol.preflight(labels, features=features, true_labels=sample)
    assert report.verdict.key == "gain"
    rate = float((labels[0] != truth).mean())
    assert report.truth.error.low < rate < report.truth.error.high
    assert report.student.true_gain.low > 0
    assert isinstance(report.student.off, Withheld)
    assert math.isnan(report.missed.mean)
    text = str(report)
    assert "one labeler" not in text or "nan" not in text
    assert "a second labeler of the same points would tell" in text


@pytest.mark.parametrize("way", ["true labels", "a second labeler"])
def test_one_labeler_alone_is_refused_and_what_the_error_advises_works(way):
    features, _, labels, sample = world(rates=(0.2, 0.2))
    few = np.where(np.cumsum(sample >= 0) <= 19, sample, -1)
    with pytest.raises(DataError, match=r"1 labeler .* and 19 true labels .*expected 20 of them.*second labeler"):
        ol.preflight(labels[:1], features=features, true_labels=few)
    if way == "true labels":
        enough = np.where(np.cumsum(sample >= 0) <= 20, sample, -1)
        assert ol.preflight(labels[:1], features=features, true_labels=enough).truth.n_labels == 20
    else:
        assert ol.preflight(labels, features=features, true_labels=few).labelers


def test_one_labeler_can_be_kept_and_read_back(tmp_path):
    features, _, labels, sample = world(rates=(0.2,))
    report = ol.preflight(labels, features=features, true_labels=sample)
    (tmp_path / "out").mkdir()
    PREFLIGHTS.write(tmp_path / "out", report, inputs={}, text=str(report), table=[["id"]])
    assert str(load_preflight(tmp_path / "out")) == str(report)


def segmented(seed: int = 0):
    rng = np.random.default_rng(seed)
    segments = rng.choice(["mail", "mobile", "web"], 3000, p=[0.2, 0.3, 0.5])
    truth = (rng.random(3000) < np.where(segments == "web", 0.3, 0.5)).astype(int)
    missed = np.where(segments == "mail", 0.3, 0.1)
    labels = np.array([np.where(rng.random(3000) < missed, 1 - truth, truth) for _ in range(3)])
    sample = np.full(3000, -1)
    known = rng.permutation(3000)[:300]
    sample[known] = truth[known]
    return segments, truth, labels, sample


def test_rates_are_corrected_also_by_segment_and_a_labeler_worse_in_one_is_named():
    segments, truth, labels, sample = segmented()
    report = ol.preflight(labels, true_labels=sample, segments=segments, class_names=["fine", "toxic"])
    wrong, _, toxic = report.rates.rates
    assert wrong.corrected.low < (labels != truth).mean() < wrong.corrected.high
    assert toxic.corrected.low < truth.mean() < toxic.corrected.high
    assert toxic.rogan_gladen.low < truth.mean() < toxic.rogan_gladen.high
    assert toxic.corrected.standard_error < 0.7 * toxic.true_alone.standard_error
    assert [segment.name for segment in report.rates.segments] == ["web", "mobile", "mail"]
    test = report.rates.tests[0]
    assert test.p_value < 0.01
    assert test.worst == "mail"
    assert "not off alike" in str(report)


def test_without_true_labels_and_segments_nothing_is_said_of_rates():
    _, _, labels, sample = segmented()
    assert "0 true labels" in ol.preflight(labels).rates.reason
    assert ol.preflight(labels, true_labels=sample).rates.segments == ()
    asked = ol.preflight(labels, true_labels=sample, rate=["1"])
    assert asked.rates.rates[-1].corrected == asked.rates.rates[-2].corrected
    for wrong in (["2"], ["0", "1"]):
        with pytest.raises(ConfigError, match="the rate is to be of"):
            ol.preflight(labels, true_labels=sample, rate=wrong)


def test_a_student_inherits_the_mistake_that_it_can_learn_and_not_the_one_that_it_cannot():
    rng = np.random.default_rng(0)
    features = rng.normal(size=(2000, 4)).astype(np.float32)
    truth = (features[:, 0] > 0).astype(int)
    shared = (0.8 * features[:, 0] + 0.6 * features[:, 1] > 0).astype(int)  # a fifth is wrong, and feature 1 says which
    labels = np.array([np.where(rng.random(2000) < 0.1, 1 - shared, shared) for _ in range(3)])
    sample = np.where(rng.random(2000) < 0.15, truth, -1)
    seen = ol.preflight(labels, features=features, true_labels=sample).inheritance
    blind = ol.preflight(labels, features=features[:, [0, 2, 3]], true_labels=sample).inheritance
    assert seen.repeated_share.low > 0.8 > 0.3 > blind.repeated_share.high
    assert blind.not_repeated.low > 0
    for found in (seen, blind):
        parts = found.variance.mean + found.repeated.mean + found.not_repeated.mean
        assert parts == pytest.approx(found.error.mean)
        assert found.error.low < (labels != truth).mean() < found.error.high
    free = ol.preflight(labels, features=features).inheritance
    assert "0 true labels" in free.repeated.reason
    assert free.variance == seen.variance


def test_one_labeler_with_true_labels_is_told_what_its_student_repeats():
    features, _, labels, sample = world(n=1500, bias=0.2, rates=(0.1,))
    report = ol.preflight(labels, features=features, true_labels=sample)
    found = report.inheritance
    assert found.repeated.low < 0.04 < 0.15 < found.error.low  # the mistake is beyond a linear student
    assert "no point has labels of two" in found.variance.reason
    assert "a second labeler would tell" in str(report)


def distributions(n: int = 600, seed: int = 0):
    features, _, labels, sample = world(n=n, seed=seed)
    rng = np.random.default_rng(seed)
    sure = rng.uniform(0.55, 0.95, labels.shape)
    return features, np.where(np.eye(2)[labels] == 1, sure[..., None], 1 - sure[..., None]), labels, sample


def test_distributions_count_as_votes_and_beside_them_in_nats():
    features, probs, labels, sample = distributions()
    votes = ol.preflight(labels, features=features, true_labels=sample)
    soft = ol.preflight(probs, features=features, true_labels=sample)
    assert soft.missed == votes.missed
    assert soft.verdict.key == votes.verdict.key
    assert soft.label_variance.nats.mean > soft.label_variance.nats_plug_in.mean
    assert soft.label_variance.bias.mean < soft.label_variance.log_loss.mean
    assert soft.inheritance.variance.mean == pytest.approx(soft.label_variance.squared.mean)
    assert soft.inheritance.error.mean < votes.inheritance.error.mean  # doubt is nearer to the truth than a wrong vote
    assert votes.label_variance.reason == "the labels are votes"
    assert "corrected for their number" in str(soft)


def test_a_tie_and_a_gap_are_no_vote():
    _, probs, labels, _ = distributions()
    probs[0, :50] = 0.5
    probs[0, 50:80] = np.nan
    assert [row.n_labels for row in ol.preflight(probs).labelers] == [520, 600, 600]
    assert [row.n_labels for row in ol.preflight(labels).labelers] == [600, 600, 600]


def test_distributions_that_do_not_sum_and_true_labels_of_other_points_are_refused():
    _, probs, labels, _ = distributions()
    wrong = probs.copy()
    wrong[1, 7] *= 1.1
    with pytest.raises(DataError, match=r"1 distributions do not sum.*labeler 1, point 7.*Divide"):
        ol.preflight(wrong)
    assert ol.preflight(wrong / wrong.sum(axis=2, keepdims=True)).n_points == 600  # what it advises
    labels[:, :100] = -1
    truth = np.where(np.arange(600) < 100, 0, -1)
    with pytest.raises(DataError, match="100 true labels, and none is of a point that a labeler labeled"):
        ol.preflight(labels, true_labels=truth)


def test_a_student_has_not_seen_the_copies_of_a_text_that_it_answers():
    rng = np.random.default_rng(0)
    texts = [" ".join(f"w{k}" for k in rng.integers(0, 400, 6)) for _ in range(80)]  # that say nothing of the labels
    labels = np.where(rng.random((3, 80)) < 0.1, 1, rng.integers(0, 2, 80) * np.ones((3, 1), dtype=int))
    thrice = ol.preflight(np.tile(labels, 3), texts=texts * 3)
    assert thrice.students[0].accuracy.mean < 0.7  # 0.9 and more, if learned by heart
    assert "160 points repeat the text of an earlier one" in thrice.warnings[0]
