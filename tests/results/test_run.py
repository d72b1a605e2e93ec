"""What `ol.run` returns and `ol.load_run` reads: the same results, predictions, gaps and table."""

import json
import sys

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

import outlearn as ol
from outlearn.errors import ConfigError, MissingExtraError
from outlearn.results.run import RunResults, Student

FLOAT64_SUM = 1e-9  # the same sums in the same precision


@pytest.fixture(params=["from run", "from its folder"])
def run(request, finished):
    return finished if request.param == "from run" else ol.load_run(finished.folder)


def rename(folder, old, new):
    """Call a loss differently, in the results and beside the predictions."""
    results = folder / "results.json"
    content = json.loads(results.read_text())
    content["students"] = {new if name == old else name: value for name, value in content["students"].items()}
    results.write_text(json.dumps(content))
    students = folder / "predictions" / "students.safetensors"
    names = [new if name == old else name for name in ("forward_ce", "reverse_ce")]
    save_file(
        load_file(students), students, metadata={"losses": json.dumps(names), "sources": json.dumps(["each"] * 2)}
    )


def test_a_run_read_again_is_the_run(finished):
    read = ol.load_run(finished.folder)
    assert read.results == finished.results
    assert read.config == finished.config
    assert (read.name, repr(read)) == (finished.name, repr(finished))


def test_the_file_holds_the_results_and_nothing_else(finished):
    content = json.loads((finished.folder / "results.json").read_text())
    assert content == finished.results.to_json()
    assert RunResults.model_validate(content) == finished.results


def test_results_are_asked_by_name(run):
    student = run.students["reverse_ce"]
    assert isinstance(student.accuracy, ol.Interval)
    assert student.accuracy.low <= student.accuracy.mean <= student.accuracy.high
    assert isinstance(student.pgr, ol.Interval | ol.Withheld)
    assert student.gap.mean == pytest.approx(student.misfit.mean + student.residual.mean, abs=FLOAT64_SUM)
    assert run.teacher.models == 3
    assert (run.measure.unit, run.measure.risk_metric) == ("nats", "log_loss")


def test_the_gap_is_the_one_that_was_measured(run):
    for loss, student in run.students.items():
        gap = run.gap(loss)
        assert gap.gap.shape == (student.models, run.task.n_test)
        for term in ("gap", "misfit", "residual"):
            assert getattr(gap, term).mean() == pytest.approx(getattr(student, term).mean, abs=FLOAT64_SUM)
        assert gap.crossed_misfit == pytest.approx(student.crossed_misfit.mean, abs=FLOAT64_SUM)


def test_an_unknown_loss_is_named_with_the_closest_known_one(run):
    with pytest.raises(ConfigError, match=r"no students of 'revers_ce'.*Did you mean \"reverse_ce\""):
        run.gap("revers_ce")


def test_predictions_are_read_once_and_are_of_the_test_points(run):
    found = run.predictions
    assert found is run.predictions
    assert len(found.points) == len(found.labels) == run.task.n_test
    right = found.teachers.log_probs.argmax(axis=-1) == found.labels
    np.testing.assert_allclose(right.mean(axis=1), run.teacher.each["accuracy"])
    assert list(found.students) == list(run.students)


def test_the_table_has_one_row_for_each_of_whom_and_what(run):
    frame = run.frame()
    assert not frame.duplicated(["role", "name", "metric"]).any()
    table = frame.set_index(["role", "name", "metric"])
    for loss, student in run.students.items():
        for metric in ("accuracy", "gap", "misfit", "bias", "agreement"):
            value = student.scores[metric] if metric == "accuracy" else getattr(student, metric)
            row = table.loc["student", loss, metric]
            assert (row["mean"], row["low"], row["high"]) == (value.mean, value.low, value.high)
            assert (row["n_models"], row["n_points"], row["over"]) == (3, run.task.n_test, "models and points")
        paired = student.differences["ceiling"]
        assert table.loc["student", loss, "accuracy_over_ceiling"]["mean"] == paired.mean
    assert table.loc["ensemble", "mean", "accuracy"]["over"] == "points"
    withheld = table.loc["student", "forward_ce", "pgr"]
    assert np.isnan(withheld["mean"]) == isinstance(run.students["forward_ce"].pgr, ol.Withheld)
    assert set(frame["role"]) == {
        "teacher", "labeler", "best_teacher", "ensemble", "student_of_mean", "ceiling", "student",
        "ceiling_untuned", "own_labels", "all_labels",
    }  # fmt: skip


def test_without_pandas_the_table_says_what_to_install(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'outlearn\[pandas\]'"):
        run.frame()


def test_printed_it_names_everybody_and_where_the_report_is(folder):
    text = str(ol.load_run(folder))
    for who in ("teacher ", "ensemble: mean", "student: forward_ce", "student: reverse_ce", "ceiling", "95%"):
        assert who in text
    assert f"Folder: {folder}" in text
    (folder / "report.html").write_text("")
    assert f"Report: {folder / 'report.html'}" in str(ol.load_run(folder))


def test_a_notebook_shows_a_table_in_which_names_are_escaped(folder):
    rename(folder, "reverse_ce", "<script>alert(1)</script>")
    page = ol.load_run(folder)._repr_html_()
    assert "<table>" in page
    assert "<script>" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page


def test_one_teacher_withholds_what_needs_several_and_says_why(small_run):
    run = ol.load_run(small_run("teacher.models=1", "student.seeds=1").folder)
    student = run.students["forward_ce"]
    for value in (student.crossed_misfit, student.variance, run.results.teacher_bias_variance.variance):
        assert isinstance(value, ol.Withheld)
        assert "teacher" in value.reason
    assert student.variance_between_teachers is None
    content = run.results.to_json()
    assert RunResults.model_validate(content).to_json() == content
    assert student.posterior_mean.reason
    assert student.accuracy.over == "points"
    row = run.frame().set_index(["role", "name", "metric"]).loc["student", "forward_ce", "crossed_misfit"]
    assert np.isnan(row["mean"])
    assert row["reason"] == student.crossed_misfit.reason


def test_a_metric_cannot_take_the_name_of_another_result(finished):
    student = finished.students["forward_ce"]
    scores = {**student.scores, "misfit": student.accuracy}
    with pytest.raises(ValueError, match="a metric cannot be called 'misfit'"):
        Student(**{name: getattr(student, name) for name in Student.model_fields} | {"scores": scores})


def test_without_a_gap_to_recover_pgr_is_withheld_with_the_reason(small_run):
    student = ol.load_run(small_run("teacher.labels=40", "student.learner.epochs=1").folder).students["forward_ce"]
    assert isinstance(student.pgr, ol.Withheld)
    assert "ceiling" in student.pgr.reason
    assert student.recovery.value is None
    assert isinstance(student.recovery.gain, ol.Interval)
