"""Combinations of teachers: what they estimate comes from the student split alone, and reaches every split."""

from __future__ import annotations

import numpy as np
import pytest
from safetensors.numpy import load_file

from outlearn.core.labelers.combinations import COMBINATIONS, combined, label_source
from outlearn.core.metrics import accuracy
from outlearn.core.predictions import Predictions
from outlearn.experiment.load_config import load_config
from outlearn.experiment.plan import make_plan
from outlearn.experiment.stages.teachers import teacher_predictions
from outlearn.progress import Silent
from outlearn.store.stage import StageRunner
from outlearn.store.store import Store

SPLITS = ("student", "validation", "test")


def teachers(seed=0, n_teachers=4):
    rng = np.random.default_rng(seed)
    strength = np.array([3.0, 1.0, 0.5, 0.5])[:n_teachers, None, None]
    splits = {}
    for name in SPLITS:
        truth = rng.normal(size=(1, 200, 3))
        splits[name] = Predictions.from_logits(strength * truth + rng.normal(size=(n_teachers, 200, 3)))
    return splits


def test_each_teacher_labels_for_itself():
    given = teachers()
    assert label_source(given, "each") == given


@pytest.mark.parametrize("name", COMBINATIONS)
def test_a_combination_is_one_labeler_on_every_split(name):
    found = label_source(teachers(), name)
    assert set(found) == set(SPLITS)
    assert all(each.n_models == 1 and each.n_points == 200 for each in found.values())


@pytest.mark.parametrize("name", COMBINATIONS)
def test_labels_of_students_do_not_depend_on_validation_or_test(name):
    first, other = teachers(), teachers(seed=1)
    mixed = {"student": first["student"], "validation": other["validation"], "test": other["test"]}
    np.testing.assert_array_equal(
        combined(first, name)["student"].log_probs, combined(mixed, name)["student"].log_probs
    )


@pytest.mark.parametrize("name", ["weighted", "dawid_skene"])
def test_what_is_estimated_on_the_student_split_decides_on_the_others(name):
    first, other = teachers(), teachers(seed=1)
    mixed = {**first, "student": Predictions.from_logits(other["student"].log_probs[::-1])}
    assert not np.allclose(combined(first, name)["test"].log_probs, combined(mixed, name)["test"].log_probs)


@pytest.mark.parametrize("name", COMBINATIONS)
def test_one_teacher_is_its_own_combination(name):
    given = teachers(n_teachers=1)
    found = combined(given, name)["test"]
    np.testing.assert_array_equal(found.log_probs.argmax(axis=-1), given["test"].log_probs.argmax(axis=-1))


def test_a_run_writes_down_what_its_combination_said_and_the_report_reads_it(small_run):
    done = small_run("weak_labels.source=weighted")
    measured = done.predictions
    labeler = next(iter(measured.labelers.values()))
    assert labeler.n_models == 1
    assert done.labeler.accuracy.mean == pytest.approx(accuracy(labeler, measured.labels).mean())


def test_beside_each_teacher_the_control_learns_from_their_plain_mean(small_run, tmp_path):
    plan = make_plan(load_config(small_run().folder / "config.yaml"))
    stored = StageRunner(Store(tmp_path / "store"), Silent())
    entries = {name: stored.result(stage) for name, stage in plan.stages.items()}
    taught = plan.labeling.targets(entries)
    teachers = teacher_predictions(entries["teachers"], plan.task, plan.splits)["student"]
    np.testing.assert_array_equal(taught[:-1], teachers.probs)
    np.testing.assert_allclose(taught[-1], taught[:-1].mean(axis=0), atol=1e-12)


def test_the_control_is_held_against_the_students_of_each_teacher_point_by_point(small_run):
    done = small_run()
    arrays = load_file(done.folder / "predictions" / "control.safetensors")
    for k, (loss, student) in enumerate(done.students.items()):
        right = arrays["test.log_probs"][arrays["loss_of"] == k].argmax(axis=-1) == done.predictions.labels
        control = done.results.controls.student_of_mean[loss].accuracy
        assert control.mean == pytest.approx(right.mean())
        assert control.over == "points"  # its seeds are no new teachers
        difference = student.differences["student_of_mean"]
        assert difference.mean == pytest.approx(student.accuracy.mean - right.mean())
        assert difference.over == "models and points"


@pytest.mark.parametrize("override", ["weak_labels.source=mean", "teacher.models=1"])
def test_there_is_no_control_where_students_learn_from_one_labeler_anyway(small_run, override):
    done = small_run(override)
    assert done.results.controls.student_of_mean == {}
    assert not (done.folder / "predictions" / "control.safetensors").exists()
    for student in done.students.values():
        assert "student_of_mean" not in student.differences


def test_every_combination_is_shown_beside_the_students_in_every_run(small_run):
    done = small_run()
    assert list(done.ensembles) == list(COMBINATIONS)
    for student in done.students.values():
        assert {f"ensemble_{name}" for name in COMBINATIONS} <= set(student.differences)
