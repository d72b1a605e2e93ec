"""Criteria against independent references, and in simulated worlds where the students' accuracy is known."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn.metrics import cohen_kappa_score, log_loss

from outlearn.core.predictions import Predictions
from outlearn.core.students.agreement import kappa_matrix
from outlearn.core.students.criteria import CRITERIA, measure_agreement
from outlearn.selection.choose import criterion_values

FLOAT64 = 1e-12
NAMES = list(CRITERIA)


def measure(name: str, labelers: Predictions, students: Predictions) -> float:
    return CRITERIA[name].read(measure_agreement(labelers, students))


def some(n_models: int, *, n: int = 200, n_classes: int = 3, seed: int = 0) -> Predictions:
    logits = np.random.default_rng(seed).normal(size=(n_models, n, n_classes)) + np.linspace(0, 1, n)[:, None] * [
        3,
        0,
        1,
    ]
    return Predictions.from_logits(logits, teacher_of=np.arange(n_models))


def erring(truth: np.ndarray, rates: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return hard labels of models that err at `rates[model]`, independently, evenly over the wrong classes (of 3)."""
    wrong = rng.random((len(rates), len(truth))) < rates[:, None]
    return np.where(wrong, (truth + rng.integers(1, 3, (len(rates), len(truth)))) % 3, truth)


def votes(labels: np.ndarray, confidence: float = 0.9) -> Predictions:
    probs = np.full((*labels.shape, 3), (1 - confidence) / 2)
    np.put_along_axis(probs, labels[..., None], confidence, axis=-1)
    return Predictions.from_probs(probs, teacher_of=np.arange(len(labels)))


def test_kappas_equal_those_of_scikit_learn():
    labelers, students = some(4), some(4, seed=1)
    t, s = labelers.log_probs.argmax(-1), students.log_probs.argmax(-1)
    crossed = np.mean([cohen_kappa_score(s[i], t[j]) for i, j in itertools.permutations(range(4), 2)])
    among = np.mean([cohen_kappa_score(s[i], s[j]) for i, j in itertools.permutations(range(4), 2)])
    assert measure("crossed_kappa", labelers, students) == pytest.approx(crossed, abs=FLOAT64)
    assert measure("student_kappa", labelers, students) == pytest.approx(among, abs=FLOAT64)
    assert measure("consensus", labelers, students) == pytest.approx(np.sqrt(crossed * among), abs=FLOAT64)


def test_a_pair_is_compared_where_neither_abstains():
    labelers, students = some(2), some(2, seed=1)
    probs = labelers.probs
    probs[0, :120] = 1 / 3
    abstaining = Predictions.from_probs(probs)
    t, s = labelers.log_probs.argmax(-1), students.log_probs.argmax(-1)
    expected = np.mean([cohen_kappa_score(s[0], t[1]), cohen_kappa_score(s[1][120:], t[0][120:])])
    assert measure("crossed_kappa", abstaining, students) == pytest.approx(expected, abs=FLOAT64)


def test_pairs_that_never_answer_both_have_kappa_0():
    probs = np.full((2, 4, 2), 0.5)
    probs[0, :2], probs[1, 2:] = [0.9, 0.1], [0.1, 0.9]
    p = Predictions.from_probs(probs)
    assert kappa_matrix(p, p)[0, 1] == 0


def test_weak_label_validation_equals_log_loss_on_hard_labels_and_leaves_abstentions_out():
    labelers, students = some(2), some(2, seed=1)
    hard = np.eye(3)[labelers.log_probs.argmax(-1)]
    expected = np.mean([log_loss(hard[m].argmax(-1), students.probs[m], labels=[0, 1, 2]) for m in range(2)])
    assert measure("weak_label_validation", Predictions.from_probs(hard), students) == pytest.approx(expected, abs=1e-9)
    partly = hard.copy()
    partly[:, 100:] = 1 / 3
    expected = np.mean(
        [log_loss(hard[m, :100].argmax(-1), students.probs[m, :100], labels=[0, 1, 2]) for m in range(2)]
    )
    assert measure("weak_label_validation", Predictions.from_probs(partly), students) == pytest.approx(
        expected, abs=1e-9
    )
    assert np.isnan(measure("weak_label_validation", Predictions.from_probs(np.full((2, 200, 3), 1 / 3)), students))


def test_crossed_misfit_and_overfit_covariance_equal_a_loop_over_pairs():
    labelers, students = some(3), some(3, seed=1)
    kl = np.array([[(s * (np.log(s) - np.log(t))).sum(-1).mean() for t in labelers.probs] for s in students.probs])
    crossed = kl[~np.eye(3, dtype=bool)].mean()
    assert measure("crossed_misfit", labelers, students) == pytest.approx(crossed, abs=FLOAT64)
    found = measure("overfit_covariance", labelers, students)
    assert found == pytest.approx(crossed - np.trace(kl) / 3, abs=FLOAT64)


def test_pooled_consensus_needs_a_pool_and_weighs_it_twice():
    found = measure_agreement(some(3), some(3, seed=1))
    assert np.isnan(found.pooled_consensus)
    kx, ks = found.consensus.crossed_kappa, found.consensus.student_kappa
    assert replace(found, pool_kappa=0.25).pooled_consensus == pytest.approx((kx * ks * 0.25**2) ** 0.25)
    assert replace(found, pool_kappa=-0.25).pooled_consensus == 0


def test_weak_label_accuracy_is_how_often_a_student_says_what_its_own_labeler_does():
    labelers, students = some(3), some(3, seed=1)
    expected = (labelers.log_probs.argmax(-1) == students.log_probs.argmax(-1)).mean()
    assert measure("weak_label_accuracy", labelers, students) == pytest.approx(expected)
    partly = replace(labelers, answered=np.arange(200) < np.array([[50], [100], [200]]))
    mask = partly.answered
    expected = (labelers.log_probs.argmax(-1) == students.log_probs.argmax(-1))[mask].mean()
    assert measure("weak_label_accuracy", partly, students) == pytest.approx(expected)


@pytest.mark.parametrize("name", NAMES)
def test_order_of_the_labelers_does_not_matter(name):
    labelers, students = some(4), some(4, seed=1)
    order = np.array([2, 0, 3, 1])
    moved = [Predictions.from_logits(p.log_probs[order], teacher_of=np.arange(4)) for p in (labelers, students)]
    assert measure(name, *moved) == pytest.approx(measure(name, labelers, students), abs=1e-9, nan_ok=True)


@pytest.mark.parametrize("name", ["consensus", "crossed_kappa", "student_kappa"])
def test_students_that_err_independently_are_ranked_by_accuracy(name):
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 3, 3000)
    labelers = votes(erring(truth, np.full(4, 0.35), rng))
    rates = np.linspace(0.05, 0.5, 8)
    values = [measure(name, labelers, votes(erring(truth, np.full(4, rate), rng))) for rate in rates]
    assert spearmanr(values, 1 - rates).statistic == 1


def test_crossed_kappa_prefers_the_labelers_common_error_where_they_share_one():
    """The failing case: labelers call class 2 class 1; a student that repeats it beats one that is always right."""
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 3, 3000)
    labelers = votes(erring(np.where(truth == 2, 1, truth), np.full(4, 0.1), rng))
    biased = votes(np.broadcast_to(np.where(truth == 2, 1, truth), (4, 3000)))
    right = votes(np.broadcast_to(truth, (4, 3000)))
    assert measure("crossed_kappa", labelers, biased) > measure("crossed_kappa", labelers, right)


def test_students_that_always_give_one_class_are_worth_nothing():
    labelers = some(3)
    constant = votes(np.zeros((3, 200), dtype=int))
    assert measure("consensus", labelers, constant) == 0


def test_a_candidate_is_measured_by_the_mean_of_both_sets_and_held_out_criteria_on_validation_only():
    labelers = {"student": some(3, n=50), "validation": some(3, n=30, seed=1)}
    logits = {"student": some(3, n=50, seed=2).log_probs, "validation": some(3, n=30, seed=3).log_probs}
    seen = {
        split: measure_agreement(labelers[split], Predictions.from_logits(z, teacher_of=np.arange(3)))
        for split, z in logits.items()
    }
    values = dict(zip(CRITERIA, criterion_values(seen), strict=True))
    each = {
        split: {
            name: measure(name, labelers[split], Predictions.from_logits(logits[split], teacher_of=np.arange(3)))
            for name in CRITERIA
        }
        for split in logits
    }
    assert values["consensus"] == pytest.approx((each["student"]["consensus"] + each["validation"]["consensus"]) / 2)
    assert values["weak_label_validation"] == pytest.approx(each["validation"]["weak_label_validation"])
    assert values["weak_label_accuracy"] == pytest.approx(each["validation"]["weak_label_accuracy"])
    alone = criterion_values({"student": seen["student"]})
    assert np.isnan(alone[NAMES.index("weak_label_validation")])
