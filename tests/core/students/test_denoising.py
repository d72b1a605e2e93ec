"""The control table: who is compared, what chooses the best teacher, and what the answer says."""

from __future__ import annotations

import numpy as np
import pytest

from outlearn.core.metrics import METRICS
from outlearn.core.predictions import Predictions
from outlearn.core.students.denoising import denoising_control
from outlearn.errors import AlignmentError, DomainError

N = 400


def make(rng, y, strength, n_models, noise=2.0, hard=None):
    logits = strength * np.eye(2)[y] + noise * rng.normal(size=(n_models, len(y), 2))
    return Predictions.from_logits(logits if hard is None else logits + hard)


@pytest.fixture
def setting():
    rng = np.random.default_rng(0)
    y, v = rng.integers(0, 2, N), rng.integers(0, 2, 100)
    return rng, y, v


def control(rng, y, v, student, teacher):
    validation = make(rng, v, 1.0, teacher.n_models)
    logits = validation.log_probs.copy()
    logits[2] = 3 * np.eye(2)[v]  # teacher 2 is perfect on validation, whatever it is on test
    validation = Predictions.from_logits(logits)
    return denoising_control(y, teacher=teacher, student=student, validation_teacher=validation, validation_labels=v)


def test_best_teacher_is_chosen_on_validation_not_on_test(setting):
    rng, y, v = setting
    teacher = make(rng, y, 1.0, 4)
    logits = teacher.log_probs.copy()
    logits[2] = -logits[2]  # the worst on test
    teacher = Predictions.from_logits(logits)
    table = control(rng, y, v, make(rng, y, 1.0, 4), teacher)
    assert table.best_teacher == 2
    rows = {row.name: row for row in table.rows}
    assert rows["best teacher"].accuracy.mean == METRICS["accuracy"](teacher, y)[2].mean()
    assert rows["best teacher"].accuracy.mean == METRICS["accuracy"](teacher, y).mean(1).min()


def test_rows_are_the_metrics_of_each_and_say_what_their_interval_is_over(setting):
    rng, y, v = setting
    teacher, student = make(rng, y, 1.0, 4), make(rng, y, 1.5, 4)
    table = control(rng, y, v, student, teacher)
    rows = {row.name: row for row in table.rows}
    for name, predictions in {
        "teachers": teacher,
        "mean teacher": teacher.mean(),
        "dual-mean teacher": teacher.dual_mean(),
        "students": student,
        "mean student": student.mean(),
    }.items():
        for column in ("accuracy", "log_loss", "brier"):
            assert getattr(rows[name], column).mean == pytest.approx(METRICS[column](predictions, y).mean())
    assert rows["teachers"].accuracy.over == "models and points"
    assert rows["mean teacher"].accuracy.over == "points"
    assert "dual-mean teacher" in str(table)


def test_answer_follows_the_paired_differences(setting):
    rng, y, v = setting
    teacher = make(rng, y, 0.5, 4)
    better = control(rng, y, v, make(rng, y, 6.0, 4), teacher)
    assert better.answer.startswith("Not only denoising")
    assert all(i.low > 0 for i in better.log_loss_below.values())
    ensemble = Predictions.from_logits(np.repeat(teacher.dual_mean().log_probs, 4, axis=0))
    assert control(rng, y, v, ensemble, teacher).answer.startswith("Undecided")
    assert control(rng, y, v, make(rng, y, 0.0, 4), make(rng, y, 3.0, 4)).answer.startswith("Denoising would do")


def test_teachers_certain_of_opposite_classes_have_no_table(setting):
    """The dual mean is one of the two ensembles that the answer compares with."""
    rng, y, v = setting
    certain = make(rng, y, 1.0, 4).probs
    certain[:2, 3] = np.eye(certain.shape[-1])[:2]
    with pytest.raises(DomainError, match="positive probability under all models; at point id 3"):
        control(rng, y, v, make(rng, y, 1.5, 4), Predictions.from_probs(certain))


def test_teachers_of_both_splits_must_be_the_same(setting):
    rng, y, v = setting
    with pytest.raises(AlignmentError, match="the same 4 teachers; got 3"):
        denoising_control(
            y,
            teacher=make(rng, y, 1.0, 4),
            student=make(rng, y, 1.0, 4),
            validation_teacher=make(rng, v, 1.0, 3),
            validation_labels=v,
        )


def test_without_validation_points_the_best_teacher_is_judged_on_the_half_it_was_not_chosen_on(setting):
    rng, y, _ = setting
    teacher, student = make(rng, y, 1.0, 4), make(rng, y, 1.5, 4)
    table = denoising_control(y, teacher=teacher, student=student)
    best = next(row for row in table.rows if row.name == "best teacher")
    assert best.accuracy.n_points == N // 2
    assert {row.accuracy.n_points for row in table.rows if row is not best} == {N}
    few = np.arange(7)
    with pytest.raises(DomainError, match="7 points are too few"):
        denoising_control(y[few], teacher=teacher.select(few), student=student.select(few))
