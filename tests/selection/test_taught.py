"""Answers taught by parts of the true labels: by which, how many, and refused where there are too few."""

from __future__ import annotations

import numpy as np
import pytest
from tests.selection.test_true_labels import Biased

from outlearn.core.students.foreseen import PARTS
from outlearn.errors import DataError
from outlearn.selection import Teaching, TrueLabels, fit_answer, fit_answer_with_true_labels
from outlearn.selection.answer import fit_answers
from outlearn.selection.taught import _doubt

pytestmark = pytest.mark.medium


def teaching(world: Biased, use: str = "learn") -> Teaching:
    return Teaching(world.learned, world.labelings, world.choose(), use)


def taught(world: Biased, use: str = "learn"):
    said = np.full((len(world.true), 2), np.nan)
    return teaching(world, use).by(world.true, said, world.x[world.test])


def test_none_and_all_are_the_answers_that_are_made_without_parts():
    world = Biased(n_true=80)
    found, points = taught(world), {"test": world.x[world.test]}
    made = (world.learned, world.labelings, world.choose(), points, [(0, 0)])
    weak, both = fit_answer(*made), fit_answer_with_true_labels(*made, world.true)
    np.testing.assert_array_equal(found.none, weak.logits["test"][0].argmax(-1))
    np.testing.assert_array_equal(found.whole, both.logits["test"][0].argmax(-1))
    assert found.n_labels == 80
    assert found.quarters.shape == (PARTS, len(world.labels[world.test]))
    assert set(found.picked) == {"suspect", "disagreed"}


def test_more_of_the_true_labels_teach_more_where_labelers_share_an_error():
    world, labels = Biased(n_true=160), Biased(n_true=160).labels[Biased().test]
    found = taught(world)
    none, quarter, whole = ((each == labels).mean() for each in (found.none, found.quarters, found.whole))
    assert none < quarter < whole


def test_chosen_by_each_part_only_the_ranking_changes():
    world = Biased(n_true=80)
    found = taught(world, "choose")
    weak = fit_answer(world.learned, world.labelings, world.choose(), {"t": world.x[world.test]}, [(0, 0)])
    np.testing.assert_array_equal(found.none, weak.logits["t"][0].argmax(-1))
    chosen = world.choose(world.true)
    ranked = fit_answer(world.learned, world.labelings, chosen, {"t": world.x[world.test]}, [(0, 0)])
    assert (found.whole == ranked.logits["t"][0].argmax(-1)).mean() > 0.98  # kappa is of the answer's students alone


def test_answers_made_together_are_those_made_one_by_one():
    world, points = Biased(), {"t": Biased().x[Biased().test]}
    choices = [world.choose(), world.choose(world.true)]
    assert set(choices[0].members) != set(choices[1].members) or choices[0].order != choices[1].order
    made = fit_answers(world.learned, world.labelings, choices, points, [(0, 0)])
    for answer, choice in zip(made, choices, strict=True):
        alone = fit_answer(world.learned, world.labelings, choice, points, [(0, 0)])
        np.testing.assert_array_equal(answer.logits["t"], alone.logits["t"])
        assert answer.n_trained == alone.n_trained


def test_a_label_is_doubted_as_much_as_the_student_finds_it_improbable():
    probs = np.array([[0.9, 0.1], [0.9, 0.1], [0.5, 0.5]])
    said = np.array([[1.0, 0.0], [0.0, 1.0], [np.nan, np.nan]])
    np.testing.assert_allclose(_doubt(probs, said), [0.1, 0.9, 0.5])


def test_too_few_labels_or_classes_are_refused_with_what_is_needed():
    world = Biased(n_true=30)
    with pytest.raises(DataError, match=r"30 true labels are too few .* 40 are needed"):
        taught(world)
    one = TrueLabels(world.x[600:660], (np.arange(60) < 3).astype(int))
    with pytest.raises(DataError, match="show fewer than 2 classes"):
        teaching(world).by(one, np.full((60, 2), np.nan), world.x[world.test])


def test_a_way_that_picks_points_of_one_class_is_left_out_and_the_others_stay():
    world = Biased(n_true=60)
    made = teaching(world)
    surest = made._probs(made.weak.heads, world.true)[:, 1]
    said = np.where(world.true.labels[:, None] == 1, 1 - np.eye(2)[(surest > 0.5).astype(int)], np.nan)
    found = made.by(world.true, said, world.x[world.test])  # labels that contradict the student, of class 1 alone
    assert set(found.picked) == {"disagreed"}
