"""Runs of numbers whose heads are trained by minibatches: the path, the epoch that counts, the student that is kept."""

from __future__ import annotations

import numpy as np
import pytest

import outlearn as ol
from outlearn.data import load_task, make_splits
from outlearn.experiment.load_config import load_config
from outlearn.experiment.pipeline import run
from outlearn.learners import head_learners
from outlearn.report.html import write_report
from outlearn.results.any_run import load_run
from outlearn.selection.number_tuning import LINKED_PENALTIES
from outlearn.store.store import Store

FLOAT32 = 1e-4


def _counts(folder, n=400):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(n, 6))
    rate = np.exp(3 + 0.4 * x[:, 0] + 0.3 * x[:, 1] - 0.2 * x[:, 4])
    np.savez(folder / "counts.npz", features=x, labels=rng.poisson(rate))
    return folder / "counts.npz"


SETTINGS = [
    "data.task=regression", "teacher.models=3", "teacher.labels=30", "measure.generator=generalized_kl",
    "teacher.encoder={kind: array, columns: [0, 2, 3]}",
    "teacher.learner={kind: adamw, epochs: 100, learning_rate: 0.02}",
    "student.loss=[generalized_kl, itakura_saito]", "student.seeds=2", "student.checkpoints=[2, 20, 60]",
    "student.learner={kind: adamw, epochs: 200, learning_rate: 0.02}", "ceiling.models=1",
]  # fmt: skip


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("heads")
    settings = [f"data.path={_counts(folder)}", *SETTINGS, "student.select=validation"]
    # A count of 0 is no label for Itakura-Saito: teachers of counts predict above 0, and students learn from them.
    return run(load_config(overrides=settings), store=Store(folder / "store"), out=folder / "run")


def test_students_by_minibatches_are_measured_at_every_checkpoint(finished):
    for loss, student in finished.students.items():
        assert [at.epoch for at in student.path] == [2, 20, 60, 200]
        counted = next(at for at in student.path if at.epoch == student.epoch)
        assert counted.mse == pytest.approx(student.mse.mean)
        assert counted.gap == pytest.approx(student.gap.mean)
        for at in student.path:
            assert at.gap == pytest.approx(at.misfit + at.residual)
        assert student.models == 6
        assert (finished.predictions.students[loss].values > 0).all()
    assert finished.results.teacher.mse.mean < finished.results.baseline.mse.mean
    assert load_run(finished.folder).results == finished.results


def test_the_learner_as_it_is_configured_competes_where_true_labels_are_tuned(finished):
    ceiling = finished.results.ceiling
    assert ceiling.tuning.members == len(LINKED_PENALTIES) + 1
    assert ceiling.mse.mean < finished.results.teacher.mse.mean


def test_the_epoch_that_counts_is_the_nearest_to_the_labelers_numbers_of_validation(finished, tmp_path):
    task = load_task(path=finished.config["data"]["path"], task="regression")
    last = run(
        load_config(overrides=[f"data.path={finished.config['data']['path']}", *SETTINGS]),
        store=Store(finished.folder.parent / "store"),
        out=tmp_path / "last",
    )
    assert last.all_cached
    assert {each.epoch for each in last.students.values()} == {200}
    assert len(make_splits(task).validation) > 0
    chosen = finished.students["generalized_kl"]
    # Measured on test points, the epoch chosen on validation is hardly further from the labelers than any other.
    assert min(at.misfit for at in chosen.path) <= chosen.misfit.mean <= 1.5 * min(at.misfit for at in chosen.path)


def test_the_kept_student_is_that_of_the_epoch_and_of_the_link(finished):
    student = ol.load_student(finished.folder)
    task = load_task(path=finished.config["data"]["path"], task="regression")
    expected = finished.predictions.students["generalized_kl"].values.mean(axis=0)
    np.testing.assert_allclose(student.predict(task.features[make_splits(task).test]), expected, rtol=FLOAT32)
    assert student.record.link == "log"
    assert student.record.training.epoch == finished.students["generalized_kl"].epoch


def test_the_page_shows_the_path(finished):
    page = write_report([finished.folder]).read_text(encoding="utf-8")
    assert "Along training" in page
    assert "has less risk than the last" in page


def test_checkpoints_that_are_not_kept_are_predicted_by_their_heads(finished, tmp_path, monkeypatch):
    monkeypatch.setattr(head_learners, "PATH_LOGITS", 0)
    settings = [f"data.path={finished.config['data']['path']}", *SETTINGS, "student.select=validation"]
    again = run(load_config(overrides=settings), store=Store(tmp_path / "store"), out=tmp_path / "run")
    for loss, student in again.students.items():
        for at, other in zip(student.path, finished.students[loss].path, strict=True):
            assert at.mse == pytest.approx(other.mse, rel=FLOAT32)


def test_a_training_that_ends_near_its_start_is_told_with_a_length_that_would_do(tmp_path):
    settings = [
        "data.name=diabetes",
        "student.learner={kind: adamw}",
        "student.loss=[squared_error]",
        "teacher.models=3",
    ]
    short = run(load_config(overrides=settings), store=Store(tmp_path / "store"), out=tmp_path / "short")
    (said,) = (note for note in short.task.caveats if "random start" in note)
    assert "Students make 40 steps" in said
    epochs = said.split("student.learner.epochs to ")[1].rstrip(".")
    longer = load_config(overrides=[*settings, f"student.learner.epochs={epochs}"])
    better = run(longer, store=Store(tmp_path / "store"), out=tmp_path / "long")
    assert not any("random start" in note for note in better.task.caveats)
    assert better.students["squared_error"].mse.mean < short.students["squared_error"].mse.mean
