"""Choosing: that the choice does not depend on order, what is stored, how it is judged, and errors."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import spearmanr

from outlearn.core.predictions import Predictions
from outlearn.core.students.criteria import CRITERIA
from outlearn.errors import AlignmentError, ConfigError
from outlearn.learners import HeadSettings
from outlearn.losses import get_loss
from outlearn.results.selection import Selection
from outlearn.selection import (
    Candidate,
    Choice,
    choose,
    default_candidates,
    fit_candidates,
    fit_chosen,
    selection_labelers,
)
from outlearn.selection.choice import best_of

BASE = HeadSettings(batch_size=32)
ROUNDING = 1e-3  # of values: heads trained beside others differ by rounding, and a hard label may flip
CANDIDATES = (
    Candidate(get_loss("reverse_ce"), 10, 1e-4),
    Candidate(get_loss("forward_ce"), 10, 1e-4),
    Candidate(get_loss("forward_ce"), 0.4, 1e-4),
    Candidate(get_loss("reverse_ce"), 5, 1e-4, rounds=2),
    Candidate(get_loss("reverse_ce"), 5, 1e-4, rounds=1),
)


class World:
    """Points of two classes in 20 dimensions, and labelers that see few of them."""

    def __init__(self, n_labelers: int = 4, *, n: int = 320, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        self.labels = rng.integers(0, 2, n)
        self.x = (rng.normal(size=(n, 20)) + 0.6 * (2 * self.labels[:, None] - 1)).astype(np.float32)
        noise = rng.normal(size=(n_labelers, n)) * 1.6
        logits = (2 * self.labels - 1) + noise
        self.predictions = Predictions.from_logits(np.stack([-logits / 2, logits / 2], axis=-1))
        self.parts = {"student": slice(0, 160), "validation": slice(160, 220), "test": slice(220, n)}

    def labelers(self, order: np.ndarray | None = None) -> dict[str, Predictions]:
        logs = self.predictions.log_probs if order is None else self.predictions.log_probs[order]
        return {name: Predictions.from_logits(logs[:, part]) for name, part in self.parts.items()}

    def choose(
        self, *, order: np.ndarray | None = None, candidates: tuple[Candidate, ...] = CANDIDATES, **more
    ) -> Choice:
        who = self.labelers(order)
        n = who["student"].n_models
        seeds = np.arange(n) if order is None else order
        arguments = {
            "labelers": who,
            "validation_features": self.x[self.parts["validation"]],
            "candidates": candidates,
            "base": BASE,
            "seeds": [int(s) for s in seeds],
            "predict": {"test": self.x[self.parts["test"]]},
            **more,
        }
        return choose(self.x[self.parts["student"]], who["student"].probs, **arguments)


@pytest.fixture(scope="module")
def world() -> World:
    return World()


@pytest.fixture(scope="module")
def choice(world: World) -> Choice:
    return world.choose()


def test_every_candidate_is_trained_as_it_is_alone(world):
    x, part = world.x, world.parts["student"]
    targets = world.labelers()["student"].probs
    found = dict(fit_candidates(x[part], targets, {"test": x}, CANDIDATES, base=BASE, seeds=[0, 1, 2, 3]))
    assert set(found) == set(CANDIDATES)
    for candidate in CANDIDATES:
        alone = fit_chosen(x[part], targets, {"test": x}, candidate, base=BASE, labeling_of=[2, 0], seeds=[2, 0])
        np.testing.assert_allclose(
            found[candidate]["test"][[2, 0]], alone.logits["test"][-1], atol=2e-3, err_msg=str(candidate)
        )


def test_the_chosen_candidate_does_not_depend_on_the_order_of_candidates(world, choice):
    order = [3, 1, 4, 0, 2]
    other = world.choose(candidates=tuple(CANDIDATES[i] for i in order))
    assert other.chosen == choice.chosen
    np.testing.assert_allclose(other.values, choice.values[order], atol=ROUNDING, rtol=ROUNDING)


def test_the_chosen_candidate_does_not_depend_on_the_order_of_labelers(world, choice):
    other = world.choose(order=np.array([2, 3, 1, 0]))
    assert other.chosen == choice.chosen
    np.testing.assert_allclose(other.values, choice.values, atol=ROUNDING, rtol=ROUNDING)


def test_the_choice_beats_an_untrained_head_and_the_labelers(world, choice):
    judged = choice.judged(world.labels[world.parts["test"]])
    labelers = world.labelers()["test"].log_probs.argmax(-1) == world.labels[world.parts["test"]]
    assert choice.chosen != CANDIDATES[2]
    assert judged.chosen_accuracy > labelers.mean()


def test_test_points_do_not_enter_the_choice(world, choice):
    other = world.choose(predict={"test": world.x[world.parts["test"]] * 0 + 7})
    np.testing.assert_array_equal(other.values, choice.values)


def test_a_stored_choice_comes_back_and_another_criterion_can_be_asked(choice):
    again = Choice.from_arrays(CANDIDATES, "consensus", choice.arrays())
    assert (again.index, again.tried()) == (choice.index, choice.tried())
    np.testing.assert_array_equal(again.hard["test"], choice.hard["test"])
    other = Choice.from_arrays(CANDIDATES, "crossed_misfit", choice.arrays())
    assert other.chosen == CANDIDATES[best_of(choice.values, "crossed_misfit")]
    assert other.index == int(choice.values[:, list(CRITERIA).index("crossed_misfit")].argmin())


def test_judged_equals_scipy_and_numpy(world, choice):
    labels = world.labels[world.parts["test"]]
    judged = choice.judged(labels)
    accuracy = np.array([(hard == labels).mean() for hard in choice.hard["test"]])
    np.testing.assert_allclose(judged.accuracy, accuracy)
    assert judged.regret == pytest.approx(accuracy.max() - accuracy[choice.index])
    assert judged.best.accuracy == accuracy.max()
    for i, (name, criterion) in enumerate(CRITERIA.items()):
        sign = 1 if criterion.higher_is_better else -1
        expected = spearmanr(sign * choice.values[:, i], accuracy).statistic
        assert judged.by_criterion[name].rank_correlation == pytest.approx(expected)
    assert min(each.accuracy for each in judged.by_criterion.values()) >= accuracy.min()


def test_a_selection_is_read_from_json_as_it_was_written(world, choice):
    selection = choice.selection(world.labels[world.parts["test"]])
    assert Selection.model_validate(json.loads(json.dumps(selection.to_json(), allow_nan=False))) == selection


@pytest.mark.parametrize("n_labelers", [2, 3])
def test_few_labelers_are_enough(n_labelers):
    found = World(n_labelers).choose()
    assert np.isfinite(found.values).all()


def test_without_validation_points_the_student_split_serves_alone(world):
    found = world.choose(validation_features=None)
    told = dict(zip(CRITERIA, np.isfinite(found.values).all(axis=0), strict=True))
    assert told == {name: name != "weak_label_validation" for name in CRITERIA}
    assert found.judged(world.labels[world.parts["test"]]).by_criterion.keys() == told.keys() - {
        "weak_label_validation"
    }


def test_labelers_that_abstain_somewhere_do_not_break_the_choice(world):
    who = world.labelers()
    probs = who["student"].probs
    probs[0, ::2] = 0.5
    found = world.choose(labelers={**who, "student": Predictions.from_probs(probs)})
    assert np.isfinite(found.values).all()


def test_groups_of_teachers_are_combined_like_all_of_them(world):
    who = world.labelers()
    groups = selection_labelers(who, "mean")
    assert groups.keys() == who.keys()
    np.testing.assert_allclose(groups["test"].probs[1], who["test"].probs[[1, 3]].mean(axis=0))
    assert selection_labelers(who, "each")["test"] is who["test"]
    for source in ("dual_mean", "weighted", "dawid_skene"):
        assert selection_labelers(World(9).labelers(), source)["student"].n_models == 2
    assert selection_labelers(World(12).labelers(), "mean")["student"].n_models == 3


@pytest.mark.parametrize("source", ["each", "mean"])
def test_one_teacher_is_an_error_that_says_what_to_do(source):
    with pytest.raises(ConfigError, match="two teachers or more"):
        selection_labelers(World(1).labelers(), source)
    with pytest.raises(ConfigError, match="two teachers or more"):
        World(1).choose()


def test_errors_name_what_is_wrong(world):
    with pytest.raises(ConfigError, match="consensus"):
        world.choose(criterion="concensus")
    with pytest.raises(ConfigError, match="needs validation points"):
        world.choose(criterion="weak_label_validation", validation_features=None)
    with pytest.raises(ConfigError, match="repeat"):
        world.choose(candidates=(CANDIDATES[0], CANDIDATES[0]))
    with pytest.raises(ConfigError, match="none"):
        world.choose(candidates=())
    with pytest.raises(ConfigError, match="predict names student"):
        world.choose(predict={"student": world.x})
    with pytest.raises(AlignmentError, match="3 seeds for 4"):
        world.choose(seeds=[0, 1, 2])
    with pytest.raises(AlignmentError, match="no predictions on 'validation'"):
        world.choose(labelers={"student": world.labelers()["student"]})
    with pytest.raises(AlignmentError, match="on 60 points"):
        world.choose(labelers={**world.labelers(), "validation": world.labelers()["test"]})


def test_a_criterion_without_any_value_is_an_error(choice):
    arrays = {**choice.arrays(), "values": np.full_like(choice.values, np.nan)}
    with pytest.raises(ConfigError, match="no value for any candidate"):
        Choice.from_arrays(CANDIDATES, "consensus", arrays)


@pytest.mark.parametrize("n_examples", [60, 640, 100_000])
def test_default_candidates_are_different_at_least_80_and_none_is_longer_than_configured(n_examples):
    base = HeadSettings(epochs=20)
    found = default_candidates(n_examples, base)
    assert len(set(found)) == len(found) >= 80
    assert len({str(candidate) for candidate in found}) == len(found)
    longest = max(candidate.epochs for candidate in found)
    assert longest == 20 or longest * -(-n_examples // 128) == pytest.approx(400)
    assert all(
        candidate.settings(base) == replace(base, epochs=candidate.epochs, weight_decay=candidate.weight_decay)
        for candidate in found
    )


def test_total_epochs_count_the_first_fit_and_every_round():
    candidate = Candidate(get_loss("mae"), 10.0, 1e-4, rounds=3)
    assert candidate.total_epochs(128 * 200, HeadSettings()) == 10 + 3 * 5  # 5 epochs a round, from 40 minibatches on


def test_thresholds_are_settled_on_the_labels_that_are_learned_from():
    """A label of weight 0 moves no student, by its place in a quantile neither."""
    world, cace = World(2), Candidate(get_loss({"kind": "cace", "quantile": 0.3}), 4, 1e-4)
    x, labels = world.x[world.parts["student"]], world.labelers()["student"].probs
    weights = np.ones(labels.shape[:2])
    weights[:, :80] = 0.0
    other = np.where(weights[..., None] > 0, labels, [1.0, 0.0])

    def fits(targets):
        seeds = [0, 1]
        chosen = fit_chosen(x, targets, {"x": x}, cace, base=BASE, labeling_of=[0, 1], seeds=seeds, weights=weights)
        ((_, found),) = fit_candidates(x, targets, {"x": x}, [cace], base=BASE, seeds=seeds, weights=weights)
        return chosen.logits["x"][-1], found["x"]

    for first, second in zip(fits(labels), fits(other), strict=True):
        np.testing.assert_array_equal(first, second)
