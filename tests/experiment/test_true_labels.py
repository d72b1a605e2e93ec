"""What true labels would have done stands beside every run: ceilings at their best, controls, equivalents."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from outlearn.core.intervals import Interval
from outlearn.data import make_splits, make_task
from outlearn.experiment.stages.controls import curve_sizes
from outlearn.report.findings import findings
from outlearn.report.html import write_report
from outlearn.report.summary import summary_text
from outlearn.results.run import NotTrained, TrueLabelModels
from outlearn.results.run_folder import Run, load_run

pytestmark = pytest.mark.medium

N = 400
SPLIT = np.array(["teacher", "student", "student", "validation", "test"] * 80)
ROWS = ("control, own labels", "control, all labels", "ceiling, untuned", "ceiling, true labels")


def write_votes(path: Path, labels: np.ndarray, share: float) -> Path:
    """Write what two labelers say, right at this share of the points."""
    votes = np.where(np.random.default_rng(1).random((2, N)) < share, labels, 1 - labels)
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([["id", "a", "b"], *([f"p{i}", *votes[:, i]] for i in range(N))])
    return path


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Run:
    from tests.small_runs import SMALL, make_task_file

    from outlearn.experiment.load_config import load_config
    from outlearn.experiment.pipeline import run
    from outlearn.store.store import Store

    folder = tmp_path_factory.mktemp("run")
    config = load_config(overrides=[f"data.path={make_task_file(folder / 'task.npz')}", *SMALL])
    return run(config, store=Store(folder / "store"), out=folder / "out")


def test_controls_learn_from_what_the_teachers_had(finished):
    own, every = finished.controls["own_labels"], finished.controls["all_labels"]
    assert isinstance(own, TrueLabelModels)
    assert isinstance(every, TrueLabelModels)
    assert (own.models, own.labels, every.models, every.labels) == (3, 20, 1, 60)
    assert finished.ceiling.labels == finished.results.ceiling_untuned.labels == finished.task.n_student
    assert finished.ceiling.tuning.members == 21
    assert own.tuning.members == 9
    for file, scored in (("own_labels", own), ("all_labels", every), ("ceilings", finished.ceiling)):
        log_probs = load_file(finished.folder / "predictions" / f"{file}.safetensors")["test.log_probs"]
        right = log_probs.argmax(axis=-1) == finished.predictions.labels
        assert right.mean() == pytest.approx(scored.accuracy.mean)


def test_students_are_compared_with_the_control_of_their_own_teacher(finished):
    student = finished.students["reverse_ce"]
    own = load_file(finished.folder / "predictions" / "own_labels.safetensors")["test.log_probs"].argmax(axis=-1)
    found = finished.predictions
    right = found.students["reverse_ce"].log_probs.argmax(axis=-1) == found.labels
    paired = right.astype(float) - (own == found.labels)[found.students["reverse_ce"].teacher_of]
    assert student.differences["own_labels"].mean == pytest.approx(paired.mean())
    assert student.differences["own_labels"].n_models == 3


def test_the_equivalent_is_read_from_a_curve_that_ends_with_all_labels(finished):
    found = finished.equivalents
    assert [at.labels for at in found.curve] == [25, 50, finished.task.n_student]
    smoothed = [at.smoothed for at in found.curve]
    assert smoothed == sorted(smoothed)
    assert found.teacher_labels == 20
    assert set(found.worth) == set(finished.students)


def test_summary_and_page_show_them_and_the_folder_holds_them(finished):
    text = summary_text(finished.results)
    assert all(row in text for row in ROWS)
    assert "The strong model trained on each teacher's own 20 true labels gets" in text
    page = write_report([finished.folder], finished.folder / "report.html").read_text()
    assert "What true labels would have done" in page
    assert "Chosen for the ceiling among 21" in re.sub(r"<[^>]+>", "", page)  # words are explained in marks
    assert load_run(finished.folder).results == finished.results


def test_a_ceiling_below_the_students_is_called_none_in_the_first_line_and_pgr_is_withheld(
    small_run, write_task, tmp_path
):
    """True labels that are mostly wrong, and labelers that are right: what learns from the former is no ceiling."""
    labels = np.load(write_task(tmp_path / "a.npz", splits=SPLIT))["labels"]
    wrong = np.where(SPLIT == "teacher", np.random.default_rng(2).permutation(labels), labels)
    path = write_task(tmp_path / "b.npz", splits=SPLIT, labels=np.where(SPLIT == "student", -1, wrong))
    run = small_run(f"teacher.external={write_votes(tmp_path / 'votes.csv', labels, 0.95)}", path=path)
    assert {"ensemble_mean"} <= set(run.ceiling.exceeded_by)
    assert all(isinstance(value, Interval) and value.low > 0 for value in run.ceiling.exceeded_by.values())
    first = findings(run.results)[0]
    assert first.startswith("The ceiling is none: ")
    assert "no PGR is given" in first
    for student in run.students.values():
        assert student.recovery.value is None
        assert "ceiling" in student.recovery.reason


def test_labels_from_elsewhere_leave_no_point_idle_and_no_control_of_their_makers(small_run, write_task, tmp_path):
    labels = np.load(write_task(tmp_path / "a.npz"))["labels"]
    votes = write_votes(tmp_path / "votes.csv", labels, 0.75)
    run = small_run(f"teacher.external={votes}", path=tmp_path / "a.npz")
    assert (run.task.n_teacher, run.task.n_student) == (0, 280)
    own = run.controls["own_labels"]
    assert isinstance(own, NotTrained)
    assert "labels come from elsewhere" in own.reason
    assert run.equivalents.teacher_labels is None
    assert "own_labels" not in run.students["reverse_ce"].differences
    assert "The control of own labels was not trained" in write_report(
        [run.folder], run.folder / "report.html"
    ).read_text().replace("&#39;", "'")
    few = np.where(np.arange(N) < 60, labels, -1)
    run = small_run(f"teacher.external={votes}", path=write_task(tmp_path / "few.npz", labels=few))
    assert isinstance(run.equivalents, NotTrained)
    assert "too few for a curve" in run.equivalents.reason


def test_the_curve_starts_where_every_class_can_be_seen():
    assert curve_sizes(np.arange(1000) % 100).tolist() == [200, 400, 1000]
    rare = np.array([0] * 980 + [1] * 20)
    assert curve_sizes(rare).tolist()[0] == 100  # two of the rare class
    assert curve_sizes(np.zeros(1000, dtype=int)).tolist() == []
    assert curve_sizes(np.arange(30) % 2).tolist() == []


def test_points_of_no_teacher_are_the_students_unless_the_file_names_splits():
    words = [f"w{i}" for i in range(200)]
    labels = [i % 2 for i in range(200)]
    task = make_task(name="t", class_names=["n", "y"], texts=words, labels=labels)
    splits = make_splits(task, teachers_learn=False)
    assert splits.sizes() == {"teacher": 0, "student": 140, "validation": 10, "test": 50}
    assert any("No teacher is trained here" in note for note in splits.notes)
    named = make_task(name="t", class_names=["n", "y"], texts=words, labels=labels, assigned=list(SPLIT[:200]))
    assert make_splits(named, teachers_learn=False).sizes()["teacher"] == 40
