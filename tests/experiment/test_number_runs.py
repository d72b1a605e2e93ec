"""Runs whose label is a number: from a table to results, page and predictions, and what they refuse."""

from __future__ import annotations

import csv
import html
import json
import re

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from outlearn.core.number_metrics import NUMBER_METRICS
from outlearn.core.numbers import Numbers
from outlearn.data import load_task, make_splits
from outlearn.errors import ConfigError, DataError, DomainError
from outlearn.experiment.load_config import load_config
from outlearn.experiment.pipeline import run
from outlearn.report.html import write_report
from outlearn.report.number_findings import number_findings, number_verdict
from outlearn.report.number_first_screen import number_first_screen
from outlearn.report.number_summary import number_summary
from outlearn.results.any_run import load_run
from outlearn.results.measurement import Withheld
from outlearn.results.run_folder import load_run as load_class_run
from outlearn.store.store import Store

FLOAT64_SUM = 1e-9


def _points(n=400, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 6))
    return x, x[:, 0] + 0.7 * x[:, 1] - 0.5 * x[:, 4] + 0.3 * rng.normal(size=n)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("numbers")
    x, y = _points()
    np.savez(folder / "points.npz", features=x, labels=y)
    settings = [
        f"data.path={folder / 'points.npz'}", "data.task=regression", "teacher.models=4", "teacher.labels=25",
        "teacher.encoder={kind: array, columns: [0, 2, 3]}",
    ]  # fmt: skip
    return run(load_config(overrides=settings), store=Store(folder / "store"), out=folder / "run")


def test_a_run_measures_everyone_with_intervals_and_the_identity_holds(finished):
    results = finished.results
    for who in (results.teacher, results.ceiling, *results.students.values(), *results.ensembles.values()):
        assert set(who.scores) == set(NUMBER_METRICS)
        assert who.mse.low < who.mse.mean < who.mse.high
    for student in results.students.values():
        assert student.identity_error < FLOAT64_SUM
        assert student.gap.mean == pytest.approx(student.misfit.mean + student.residual.mean)
    assert results.ceiling.mse.mean < results.teacher.mse.mean < results.baseline.mse.mean
    parts = results.teacher_bias_variance
    assert parts.total.mean == pytest.approx(parts.noise.mean + parts.bias.mean + parts.variance.mean)


def test_a_linear_student_whose_features_hold_its_teachers_repeats_it(finished):
    assert finished.results.students["squared_error"].concordance == pytest.approx(1, abs=0.02)


def test_the_ceiling_is_ridge_regression_at_the_penalty_that_it_names(finished):
    task = load_task(path=finished.config["data"]["path"], task="regression")
    splits = make_splits(task)
    x, y = task.features[splits.student].astype(float), task.numbers[splits.student]
    mean, scale = x.mean(0), x.std(0)
    penalty = float(finished.results.ceiling.tuning.chosen[0].split()[-1])
    model = Ridge(alpha=penalty).fit((x - mean) / scale, y)
    predicted = model.predict((task.features[splits.test] - mean) / scale)
    expected = np.square(predicted - task.numbers[splits.test]).mean()
    assert finished.results.ceiling.each["mse"][0] == pytest.approx(expected, rel=0.02)  # the penalty is rounded


def test_the_folder_is_read_back_and_its_predictions_are_what_was_measured(finished):
    again = load_run(finished.folder)
    assert again.results == finished.results
    assert "student: auto" in str(again)
    gap = again.gap("auto")
    assert gap.gap.mean() == pytest.approx(finished.results.students["auto"].gap.mean)
    with pytest.raises(ConfigError, match="no students of 'mae'"):
        again.gap("mae")
    with pytest.raises(DataError, match="outlearn report"):
        load_class_run(finished.folder)  # what compares runs of classes says what to do instead


def test_the_page_and_the_summary_say_who_wins_and_what_true_labels_would_do(finished):
    page = write_report([finished.folder]).read_text(encoding="utf-8")
    words = html.unescape(re.sub(r"<[^>]+>", "", page))
    summary = number_summary(finished.results)
    assert "gap = misfit + residual" in summary
    for sentence in number_findings(finished.results):
        assert sentence in words
    assert "true numbers" in summary or "true labels" in summary
    assert write_report([finished.folder], format="md").read_text(encoding="utf-8").startswith("## ")


def test_the_first_screen_says_what_to_do_in_risk(finished):
    screen = number_first_screen(finished)
    verdict = number_verdict(finished.results)
    assert screen.verdict == verdict.advice
    assert {tile.name for tile in screen.tiles} == {"Teachers", "Student, auto", "True labels alone", "Ceiling"}
    assert "PGR on risk" in screen.tiles[1].note
    words = html.unescape(re.sub(r"<[^>]+>", "", write_report([finished.folder]).read_text(encoding="utf-8")))
    assert screen.because in words
    assert all(step.command in words and step.text in words for step in screen.steps)
    assert not any("accura" in said.lower() for said in (screen.because, screen.figure.finding, *screen.bad_news))


def _table(path, rows, header):
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    return path


def _texts(n=260):
    rng = np.random.default_rng(1)
    words = ["good", "bad", "fine", "poor", "great", "dull"]
    texts = [" ".join(rng.choice(words, 4)) + f" {i}" for i in range(n)]
    worth = {"good": 1, "great": 2, "fine": 0.5, "bad": -1, "poor": -0.7, "dull": -2}
    return texts, [sum(worth.get(word, 0) for word in text.split()) for text in texts]


SMALL = ["data.task=regression", "teacher.encoder={kind: tfidf}", "student.encoder={kind: tfidf}", "ceiling.models=1"]


def test_labelers_from_elsewhere_may_leave_points_out(tmp_path):
    texts, y = _texts()
    rng = np.random.default_rng(2)
    rows = [
        (f"p{i}", text, value, *("" if rng.random() < 0.2 else value + rng.normal() for _ in range(3)))
        for i, (text, value) in enumerate(zip(texts, y, strict=True))
    ]
    table = _table(tmp_path / "own.csv", rows, ["id", "text", "label", "ann", "bob", "cid"])
    config = load_config(overrides=[f"data.path={table}", "data.labelers=[ann, bob, cid]", *SMALL])
    results = run(config, store=Store(tmp_path / "store"), out=tmp_path / "run").results
    assert results.teacher.models == 3
    assert any("ann has no number for" in note for note in results.task.caveats)
    assert results.selection.spread_by == 1  # at their word
    assert results.students["auto"].mse.mean < results.teacher.mse.mean
    assert isinstance(results.teacher_bias_variance.bias, Withheld)


@pytest.mark.parametrize("source", ["each", "mean"])
def test_wild_labelers_teach_by_their_median_unless_a_source_is_named(tmp_path, source):
    texts, y = _texts()
    rng = np.random.default_rng(3)
    wild = np.where(rng.random((5, len(y))) < 0.1, 60.0, 0.4) * rng.normal(size=(5, len(y)))
    rows = [(f"p{i}", text, y[i], *(y[i] + wild[:, i])) for i, text in enumerate(texts)]
    names = ["ann", "bob", "cid", "dan", "eve"]
    table = _table(tmp_path / "own.csv", rows, ["id", "text", "label", *names])
    settings = [f"data.path={table}", f"data.labelers=[{', '.join(names)}]", f"weak_labels.source={source}", *SMALL]
    finished = run(load_config(overrides=settings), store=Store(tmp_path / "store"), out=tmp_path / "run")
    results, said = finished.results, "\n".join(number_findings(finished.results))
    if source == "mean":
        assert (results.selection.source, results.selection.deviations) == ("mean", {})
        return
    assert results.selection.source == "median"
    assert min(results.selection.deviations, key=results.selection.deviations.get) == "median"
    assert "learned from the median of the labelers" in said
    assert results.students["auto"].mse.mean < results.ensembles["mean"].mse.mean / 4


def test_numbers_of_labelers_come_from_a_file_of_their_own_joined_by_id(tmp_path):
    texts, y = _texts()
    own = _table(
        tmp_path / "own.csv", list(zip([f"p{i}" for i in range(260)], texts, y, strict=True)), ["id", "text", "label"]
    )
    weak = [(f"p{i}", y[i] + 0.1 * i % 1, "") for i in reversed(range(260))]
    file = _table(tmp_path / "weak.csv", weak, ["id", "a", "b"])
    settings = [f"data.path={own}", f"teacher.external={file}", *SMALL]
    with pytest.raises(DataError, match="has no number at all"):
        run(load_config(overrides=settings), store=Store(tmp_path / "store"), out=tmp_path / "one")
    file = _table(tmp_path / "weak.csv", [row[:2] for row in weak], ["id", "a"])
    results = run(load_config(overrides=settings), store=Store(tmp_path / "store"), out=tmp_path / "two").results
    assert any(
        "auto was left out" in caveat for caveat in results.task.caveats
    )  # one rater cannot be checked by others
    assert set(results.students) == {"squared_error"}


def test_raters_are_draws_of_the_target_and_their_spread_is_noise(tmp_path):
    texts, y = _texts()
    rng = np.random.default_rng(3)
    ratings = [json.dumps([round(value + rng.normal(), 3) for _ in range(4)]) for value in y]
    table = _table(tmp_path / "rated.csv", list(zip(texts, ratings, strict=True)), ["text", "label"])
    settings = [f"data.path={table}", "measure.target=soft", "teacher.models=3", "teacher.labels=25", *SMALL]
    results = run(load_config(overrides=settings), store=Store(tmp_path / "store"), out=tmp_path / "run").results
    assert results.task.n_raters == 4
    draws = load_run(tmp_path / "run").predictions.target
    assert draws.shape == (4, results.task.n_test)
    # The spread of four raters about their own mean is too small by a quarter: corrected.
    assert results.teacher_bias_variance.noise.mean == pytest.approx(draws.var(axis=0, ddof=1).mean())
    with_gaps = [json.dumps([*json.loads(cell)[:3], None]) for cell in ratings]
    table = _table(tmp_path / "rated.csv", list(zip(texts, with_gaps, strict=True)), ["text", "label"])
    results = run(load_config(overrides=settings), store=Store(tmp_path / "store"), out=tmp_path / "gaps").results
    assert results.teacher_bias_variance.noise.mean == 0
    assert any("Raters leave points out" in note for note in results.task.notes)


def test_counts_are_learned_by_the_divergence_that_they_are_measured_in(tmp_path):
    x, z = _points(300)
    np.savez(tmp_path / "counts.npz", features=x, labels=np.random.default_rng(0).poisson(np.exp(0.5 * z)))
    settings = [
        f"data.path={tmp_path / 'counts.npz'}", "data.task=regression", "measure.generator=generalized_kl",
        "student.loss=[generalized_kl]", "teacher.models=3", "teacher.labels=30",
        "teacher.learner={kind: ridge, penalty: 10}", "student.learner={kind: ridge, penalty: 1}",
    ]  # fmt: skip
    config = load_config(overrides=settings)
    results = run(config, store=Store(tmp_path / "store"), out=tmp_path / "run").results
    student = results.students["generalized_kl"]
    assert student.identity_error < FLOAT64_SUM
    assert (load_run(tmp_path / "run").predictions.students["generalized_kl"].values > 0).all()
    assert results.ceiling.mse.mean < results.baseline.mse.mean
    with pytest.raises(ConfigError, match=r"squared_error may predict any number.*generalized_kl"):
        load_config(overrides=[*settings, "student.loss=[squared_error]"])
    np.savez(tmp_path / "counts.npz", features=x, labels=z)  # some are below 0
    with pytest.raises(DomainError, match=r"generalized_kl needs .*target.* is -.*fit squared_euclidean"):
        run(config, store=Store(tmp_path / "store"), out=tmp_path / "negative")


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ("abc", "is 'abc', expected a number"),
        ("inf", "expected a"),
        ("[1, x]", "expected a number"),
        ("2e200", "a finite number of at most 1e+50"),
        ("[1, -3e60]", "or give all numbers in a larger unit"),
    ],
)
def test_what_is_no_number_is_named_by_its_line(tmp_path, cell, said):
    texts, y = _texts(40)
    rows = [(text, cell if i == 5 else value) for i, (text, value) in enumerate(zip(texts, y, strict=True))]
    table = _table(tmp_path / "bad.csv", rows, ["text", "label"])
    with pytest.raises(DataError, match="line 7, column 'label'") as error:
        load_task(path=table, task="regression")
    assert said in str(error.value)


def test_a_constant_target_is_refused_and_a_float_label_of_classes_says_what_to_set(tmp_path):
    texts, y = _texts(40)
    table = _table(tmp_path / "same.csv", [(text, 2.5) for text in texts], ["text", "label"])
    with pytest.raises(DataError, match=r"every number is 2\.5: a constant target"):
        load_task(path=table, task="regression")
    table = _table(tmp_path / "floats.csv", list(zip(texts, y, strict=True)), ["text", "label"])
    with pytest.raises(DataError, match=r"data\.task: regression"):
        load_task(path=table)
    assert load_task(path=table, task="regression").kind == "regression"  # the advice works


def test_numbers_whose_squares_vanish_are_refused_and_in_another_unit_are_read(tmp_path):
    rows = [[f"text number {i}", f"{i % 7}e-200"] for i in range(60)]
    path = _table(tmp_path / "small.csv", rows, ["text", "label"])
    with pytest.raises(DataError, match=r"too large or too small to compute with\. Give them in another unit"):
        load_task(path=path, task="regression")

    scaled = _table(
        tmp_path / "scaled.csv", [[text, float(number) * 1e200] for text, number in rows], ["text", "label"]
    )
    assert load_task(path=scaled, task="regression").numbers.max() == pytest.approx(6.0)


def test_valence_has_the_splits_of_the_lexicon_and_its_raters():
    pytest.importorskip("vaderSentiment")
    numbers, classes = load_task(name="vader-valence"), load_task(name="vader-lexicon")
    mine, theirs = make_splits(numbers), make_splits(classes)
    for split in ("teacher", "student", "validation", "test"):
        np.testing.assert_array_equal(getattr(mine, split), getattr(theirs, split))
    np.testing.assert_allclose(numbers.ratings.mean(axis=1), numbers.numbers)
    assert numbers.ratings.shape[1] == 10


def test_what_is_of_classes_is_refused_with_what_numbers_have():
    for override, said in (
        ("student.loss=[forward_ce]", "forward_ce is of classes.*squared_error"),
        ("student.learner={kind: convex}", "convex is of classes.*adamw"),
        ("weak_labels.kind=hard", "numbers are taught as they are"),
        ("weak_labels.source=dawid_skene", "mean, median"),
        ("measure.generator=negative_entropy", "squared_euclidean"),
    ):
        with pytest.raises(ConfigError, match=said):
            load_config(overrides=["data.name=diabetes", override])
    rounds = ["data.name=diabetes", "student.learner={kind: adamw}", "student.rounds=1"]
    with pytest.raises(ConfigError, match="probabilities of classes; leave it out"):
        load_config(overrides=rounds)
    load_config(overrides=rounds[:-1])
    with pytest.raises(ConfigError, match=r"ridge is of numbers.*data\.task: regression"):
        load_config(overrides=["data.name=digits", "student.learner={kind: ridge}", "student.seeds=1"])


def test_reliability_gives_back_the_scale_that_noise_took():
    from outlearn.selection.number_choice import reliability

    rng = np.random.default_rng(0)
    y = rng.normal(size=3000)
    teachers = 0.4 * (y + rng.normal(size=(6, 3000)) * 1.2247)  # E[Y | t] = t: 0.4 = 1 / (1 + 1.5)
    assert reliability(Numbers.from_values(teachers)) == pytest.approx(0.4, abs=0.03)
    assert reliability(Numbers.from_values(rng.normal(size=(6, 3000)))) is None
    assert reliability(Numbers.from_values(teachers[:1])) is None


def test_the_kept_student_predicts_numbers_in_python_and_on_the_command_line(finished, tmp_path, capsys, monkeypatch):
    import outlearn as ol
    from outlearn.cli import main

    student = ol.load_student(finished.folder)
    task = load_task(path=finished.config["data"]["path"], task="regression")
    test = make_splits(task).test
    expected = finished.predictions.students["auto"].mean().values[0]
    np.testing.assert_allclose(student.predict(task.features[test]), expected, rtol=1e-4, atol=1e-5)
    np.savez(tmp_path / "new.npz", features=task.features[test])
    monkeypatch.setattr("sys.argv", ["outlearn", "predict", str(finished.folder), str(tmp_path / "new.npz")])
    with pytest.raises(SystemExit) as stop:
        main()
    assert not stop.value.code
    rows = list(csv.DictReader(capsys.readouterr().out.splitlines()))
    np.testing.assert_allclose([float(row["number"]) for row in rows], expected, rtol=1e-4, atol=1e-5)
    student.save(tmp_path / "copy")
    assert ol.load_student(tmp_path / "copy").record == student.record
    damaged = tmp_path / "copy" / "heads.safetensors"
    damaged.write_bytes(damaged.read_bytes()[:-1])
    with pytest.raises(DataError, match="cut off or changed"):
        ol.load_student(tmp_path / "copy").predict(task.features[test])


def test_a_text_without_words_has_the_mean_and_a_flag(tmp_path):
    import outlearn as ol

    texts, y = _texts()
    table = _table(tmp_path / "own.csv", list(zip(texts, y, strict=True)), ["text", "label"])
    config = load_config(overrides=[f"data.path={table}", "teacher.models=3", "teacher.labels=25", *SMALL])
    run(config, store=Store(tmp_path / "store"), out=tmp_path / "run")
    student = ol.load_student(tmp_path / "run")
    found = student.answers(["good good great fine", "", "zzzz"])
    assert found.flags[1:] == ("empty", "unknown")
    assert found.values[1] == student.record.mean
    assert found.values[0] > student.predict(["dull bad poor dull"])[0]
