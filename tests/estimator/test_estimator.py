"""`WeakToStrongClassifier` keeps scikit-learn's contract, never shows a label to a student, and explains itself."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.svm import LinearSVC
from sklearn.utils.estimator_checks import check_classifiers_predictions, parametrize_with_checks

import outlearn as ol
from outlearn.errors import ConfigError, DataError, DomainError, OutlearnError, ShapeError
from outlearn.estimator.classifier import WeakToStrongClassifier

pytestmark = pytest.mark.medium

EXPECTED_FAILURES = {
    # The check uses the classes -1 and 1, and -1 marks an unlabeled point here, as in scikit-learn's own
    # semi-supervised classifiers, which the check knows by name and leaves out. Its other half is tested below.
    "check_classifiers_classes": "the class -1 is the mark of an unlabeled point",
}


@parametrize_with_checks([WeakToStrongClassifier()], expected_failed_checks=lambda _: EXPECTED_FAILURES)
def test_scikit_learn_contract(estimator, check):
    check(estimator)


@pytest.mark.parametrize("names", [["one", "two", "three"], ["one", "two"]])
@pytest.mark.parametrize("dtype", ["U", "O"])
def test_classes_may_be_text(names, dtype):
    X, y = make_classification(90, 5, n_informative=4, n_redundant=0, n_classes=len(names), random_state=0)
    y = np.array(names)[y].astype(dtype)
    check_classifiers_predictions(X, y, "WeakToStrongClassifier", WeakToStrongClassifier(n_teachers=3))


@pytest.fixture(scope="module")
def task():
    X, y = make_classification(500, 12, n_informative=6, random_state=0)
    return X[:300], np.where(np.arange(300) < 60, y[:300], -1), X[300:], y[300:]


@pytest.fixture(scope="module")
def fitted(task):
    X, seen, _, _ = task
    return WeakToStrongClassifier(teacher_features=[0, 1, 2, 3, 4, 5], random_state=0).fit(X, seen)


class Recorder(LogisticRegression):
    """Keep what each teacher was trained on."""

    seen: list[tuple[np.ndarray, np.ndarray]] = []  # noqa: RUF012

    def fit(self, X, y, sample_weight=None):
        Recorder.seen.append((X, y))
        return super().fit(X, y, sample_weight)


def test_teachers_see_labeled_points_and_their_own_columns_only(task):
    X, seen, _, _ = task
    Recorder.seen.clear()
    WeakToStrongClassifier(teacher=Recorder(), n_teachers=3, teacher_features=[1, 4], random_state=0).fit(X, seen)
    assert len(Recorder.seen) == 3
    labeled = {tuple(row): label for row, label in zip(X[:60, [1, 4]], seen[:60], strict=True)}
    for rows, labels in Recorder.seen:
        assert [labeled[tuple(row)] for row in rows] == labels.tolist()


def test_students_never_see_a_label_of_y(task):
    """The same weak labels with other true labels at the labeled points give the same students."""
    X, seen, X_test, _ = task
    weak = np.random.default_rng(0).dirichlet([1, 1], size=(2, len(X)))
    first, second = (
        WeakToStrongClassifier(random_state=0).fit(X, labels, weak_labels=weak).predict_proba(X_test)
        for labels in (seen, np.where(seen == -1, -1, 1 - seen))
    )
    np.testing.assert_array_equal(first, second)


def test_without_unlabeled_points_a_student_learns_outside_its_teachers_bootstrap(task):
    """A teacher that repeats what it has seen and is blank elsewhere teaches nothing: no label leaks to its student."""
    X, _, X_test, _ = task

    class Parrot(LogisticRegression):
        def fit(self, X, y, sample_weight=None):
            self.known = {tuple(row): label for row, label in zip(X, y, strict=True)}
            self.classes_ = np.unique(y)
            return self

        def predict_proba(self, X):
            known = [self.known.get(tuple(row)) for row in X]
            return np.array([[0.5, 0.5] if k is None else np.eye(2)[k] for k in known])

    y = (X[:, 0] > 0).astype(int)
    model = WeakToStrongClassifier(teacher=Parrot(), loss="forward_ce", random_state=0).fit(X, y)
    np.testing.assert_allclose(model.predict_proba(X_test), 0.5, atol=0.2)
    # The same teacher's labels on points it has seen are a leak that a student would follow.
    leaked = WeakToStrongClassifier(loss="forward_ce", random_state=0).fit(X, weak_labels=np.eye(2)[y][None])
    assert leaked.score(X_test, (X_test[:, 0] > 0).astype(int)) > 0.9


def test_predictions_are_the_dual_mean_of_the_students(fitted, task):
    X_test = task[2]
    logits = fitted.heads_.predict(X_test)
    expected = ol.Predictions.from_logits(logits).dual_mean().probs[0]
    np.testing.assert_allclose(fitted.predict_proba(X_test), expected, atol=1e-12)
    np.testing.assert_allclose(np.exp(fitted.predict_log_proba(X_test)), expected, atol=1e-12)


def test_explain_is_the_risk_gap_of_its_own_teachers_and_students(fitted, task):
    _, _, X_test, y_test = task
    found = fitted.explain(X_test, y_test)
    teacher = ol.Predictions.from_probs(np.stack([t.predict_proba(X_test[:, :6]) for t in fitted.teachers_]))
    student = ol.Predictions.from_logits(fitted.heads_.predict(X_test))
    gap = ol.risk_gap(y_test, teacher=teacher, student=student)
    np.testing.assert_allclose(found.gap.gap, gap.gap, atol=1e-12)
    assert "KL(student || teacher)" in str(found)


def test_explain_takes_soft_targets_text_labels_and_other_orders(task):
    X, seen, X_test, y_test = task
    names = np.array(["no", "yes", "-1"])  # -1 is the last
    model = WeakToStrongClassifier(n_teachers=4, random_state=0).fit(X, names[seen])
    assert model.classes_.tolist() == ["no", "yes"]
    assert model.n_weak_labels_ == 240
    found = model.explain(X_test, names[y_test])
    soft = 0.98 * np.eye(2)[y_test] + 0.01
    other = model.explain(X_test, soft, order="prediction_first")
    assert "KL(teacher || student)" in str(other)
    assert found.ledger.target_class.tolist() == y_test.tolist()


def test_teachers_that_say_zero_need_smoothing_to_be_explained(task):
    X, seen, X_test, y_test = task
    model = WeakToStrongClassifier(teacher=RandomForestClassifier(5), n_teachers=4, random_state=0).fit(X, seen)
    with pytest.raises(DomainError, match="infinite"):
        model.explain(X_test, y_test)
    assert np.isfinite(model.explain(X_test, y_test, smoothing=0.02).summary.gap.mean)


@pytest.mark.parametrize("mark", [np.array(["a", "b", "-1"] * 40), np.array(["a", "b", -1] * 40, dtype=object)])
def test_text_labels_mark_unlabeled_points_by_minus_one(mark):
    X = np.random.default_rng(0).normal(size=(120, 3))
    model = WeakToStrongClassifier(n_teachers=2, random_state=0).fit(X, mark)
    assert model.classes_.tolist() == ["a", "b"]
    assert model.n_weak_labels_ == 40


def test_the_same_seed_gives_the_same_model_and_another_seed_another(task):
    X, seen, X_test, _ = task
    first, again, other = (
        WeakToStrongClassifier(teacher=RandomForestClassifier(3), n_teachers=2, random_state=seed)
        .fit(X, seen)
        .predict_proba(X_test)
        for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_several_seeds_are_several_students_of_each_teacher(task):
    X, seen, X_test, y_test = task
    model = WeakToStrongClassifier(n_teachers=3, n_seeds=2, random_state=0).fit(X, seen)
    assert model.teacher_of_.tolist() == [0, 0, 1, 1, 2, 2]
    assert model.explain(X_test, y_test).summary.n_students == 6


def test_a_pickled_model_predicts_the_same(fitted, task):
    again = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(again.predict_proba(task[2]), fitted.predict_proba(task[2]))


def test_columns_of_the_weak_view_may_be_a_mask_or_names(task):
    pandas = pytest.importorskip("pandas")
    X, seen, _, _ = task
    frame = pandas.DataFrame(X, columns=[f"c{k}" for k in range(12)])
    mask = np.arange(12) < 2
    views = [([0, 1], X), (mask, X), (["c0", "c1"], frame)]
    found = [
        WeakToStrongClassifier(n_teachers=2, teacher_features=columns, random_state=0).fit(data, seen).heads_.weight
        for columns, data in views
    ]
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], found[2])


def test_students_outlearn_teachers_of_a_noisy_view():
    """Teachers see every column through noise that their students, who see the columns themselves, cannot repeat."""
    rng = np.random.default_rng(0)
    clean = rng.normal(size=(900, 6))
    y = (clean.sum(axis=1) > 0).astype(int)
    X = np.hstack([clean, clean + 1.5 * rng.normal(size=clean.shape)])
    seen = np.where(np.arange(500) < 100, y[:500], -1)
    model = WeakToStrongClassifier(teacher_features=np.arange(6, 12), random_state=0).fit(X[:500], seen)
    found = model.explain(X[500:], y[500:])
    assert found.summary.gap.low > 0
    assert "Students beat" in str(found)


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"n_teachers": 0}, ConfigError, "n_teachers"),
        ({"n_seeds": 1.5}, ConfigError, "n_seeds"),
        ({"loss": "revers_ce"}, ConfigError, 'Did you mean "reverse_ce"'),
        ({"batch_size": 0}, ConfigError, "batch_size"),
        ({"epochs": -1}, ConfigError, "epochs"),
        ({"teacher_features": []}, ConfigError, "teacher_features"),
        ({"teacher_features": [0, 12]}, ConfigError, "teacher_features"),
        ({"teacher_features": ["c0"]}, ConfigError, "not named"),
        ({"teacher_features": np.zeros(12, dtype=bool)}, ConfigError, "at least one column"),
        ({"teacher": LinearSVC()}, ConfigError, "predict_proba"),
    ],
)
def test_a_bad_parameter_is_refused_by_fit(task, parameters, error, message):
    X, seen, _, _ = task
    with pytest.raises(error, match=message):
        clone(WeakToStrongClassifier(n_teachers=2)).set_params(**parameters).fit(X, seen)


def test_labels_of_one_class_or_none_are_refused(task):
    X, seen, _, _ = task
    for labels in (np.where(seen == 1, 1, -1), np.full(len(X), -1)):
        with pytest.raises(DataError, match="two classes"):
            WeakToStrongClassifier().fit(X, labels)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (["a", "b", ("c",)], "hold .'c',.; .*replace it with -1"),
        (["a", 1, -1], "text and numbers"),
        (["a", "A", "b"], "'A', where another label is a"),
        (["a", "b", "nan"], "'nan', which is no class. Write -1"),
    ],
    ids=["a tuple", "mixed", "two spellings", "nan as text"],
)
def test_labels_that_are_no_classes_are_refused_with_what_to_write(task, labels, message):
    X = task[0]
    y = np.empty(len(X), dtype=object)
    y[:] = labels * (len(X) // 3)
    with pytest.raises(DataError, match=message):
        WeakToStrongClassifier().fit(X, y)
    with pytest.raises(DataError, match=message):
        WeakToStrongClassifier().fit(X, weak_labels=np.stack([y, y]))


def gaps_of_every_container():
    """Write one set of labels, of which every third is missing, as each container does."""
    pandas = pytest.importorskip("pandas")
    names = np.array([None if i % 3 == 2 else ["no", "yes"][i % 2] for i in range(300)], dtype=object)
    numbers = np.array([-1 if name is None else int(name == "yes") for name in names])
    return {
        "None": names,
        "NaN among names": np.where(names == None, np.nan, names),  # noqa: E711
        "empty text": np.where(numbers < 0, "", names.astype(str)),
        "pandas.NA": pandas.Series(names, dtype="string"),
        "nullable integers": pandas.Series(numbers).mask(numbers < 0).astype("Int64"),
        "NaN among numbers": np.where(numbers < 0, np.nan, numbers),
        "masked": np.ma.masked_array(np.abs(numbers), mask=numbers < 0),
    }, numbers


@pytest.mark.parametrize("where", ["y", "weak_labels"])
def test_a_gap_is_a_gap_in_every_container(task, where):
    X = task[0]
    containers, numbers = gaps_of_every_container()

    def heads(labels):
        if where == "weak_labels":
            two = np.ma.stack([labels, labels]) if isinstance(labels, np.ma.MaskedArray) else [labels, labels]
            return WeakToStrongClassifier(random_state=0).fit(X, weak_labels=two).heads_.weight
        return WeakToStrongClassifier(n_teachers=2, random_state=0).fit(X, labels).heads_.weight

    expected = heads(numbers)
    for name, labels in containers.items():
        np.testing.assert_array_equal(heads(labels), expected, err_msg=name)


def test_a_row_of_nan_is_a_gap_among_distributions():
    X, votes, X_test, _ = votes_of_annotators(2)
    gaps = np.where(np.arange(400) % 3 == 0, -1, votes)
    soft = np.where((gaps < 0)[..., None], np.nan, np.eye(2)[votes])
    found, expected = (
        WeakToStrongClassifier(random_state=0).fit(X, weak_labels=labels).predict_proba(X_test)
        for labels in (soft, gaps)
    )
    np.testing.assert_array_equal(found, expected)


def test_votes_as_floats_and_teachers_that_never_vote_are_refused_by_name(task):
    X = task[0]
    votes = np.arange(3 * len(X)).reshape(3, -1) % 2
    with pytest.raises(ShapeError, match=r"float64.*votes\.astype\(int\)"):
        WeakToStrongClassifier().fit(X, weak_labels=votes.astype(float))
    votes[1] = -1
    with pytest.raises(DataError, match=r"teacher 1.*abstains at all"):
        WeakToStrongClassifier().fit(X, weak_labels=votes)


@pytest.mark.parametrize(
    ("weak", "error"),
    [
        (np.full((300, 2), 0.5), ShapeError),
        (np.full((2, 299, 2), 0.5), ShapeError),
        (np.full((2, 300, 3), 1 / 3), ShapeError),
        (np.full((2, 300, 2), 0.6), DomainError),
        (np.full((2, 300, 2), np.nan), DataError),
        (np.dstack([np.full((2, 300), np.nan), np.full((2, 300), 0.5)]), DomainError),
    ],
)
def test_weak_labels_that_do_not_fit_are_refused(task, weak, error):
    X, seen, _, _ = task
    with pytest.raises(error):
        WeakToStrongClassifier().fit(X, seen, weak_labels=weak)


def test_weak_labels_from_elsewhere_are_explained_with_what_they_say_of_the_test_points(task):
    X, seen, X_test, y_test = task
    weak = np.random.default_rng(0).dirichlet([1, 1], size=(3, len(X)))
    model = WeakToStrongClassifier(random_state=0).fit(X, seen, weak_labels=weak)
    with pytest.raises(DataError, match="weak_labels"):
        model.explain(X_test, y_test)
    with pytest.raises(ShapeError, match="3 given"):
        model.explain(X_test, y_test, weak_labels=weak[:2, : len(X_test)])
    assert model.explain(X_test, y_test, weak_labels=weak[:, : len(X_test)]).summary.gap.n_models == 3
    gaps = weak[:, : len(X_test)].copy()
    gaps[1, ::4] = np.nan
    with pytest.raises(DataError, match=r"leave out 50 of 200 points.* weak_labels\[:, kept\]"):
        model.explain(X_test, y_test, weak_labels=gaps)
    kept = ~np.isnan(gaps).any(axis=(0, 2))
    assert model.explain(X_test[kept], y_test[kept], weak_labels=gaps[:, kept]).summary.gap.n_points == 150


@pytest.mark.parametrize("labels", [np.full(200, -1), np.full(200, 7), np.zeros(5, dtype=int), np.full((200, 3), 0.1)])
def test_an_explanation_needs_true_labels(fitted, task, labels):
    with pytest.raises(OutlearnError):
        fitted.explain(task[2], labels)


def test_classes_by_name_are_told_apart_in_an_explanation(fitted, task):
    X, seen, X_test, y_test = task
    names = np.array(["ja", "nein", "-1"])
    named = clone(fitted).fit(X, names[seen]).explain(X_test, names[y_test])
    assert "- Classes are numbered in their sorted order: 0 ja, 1 nein." in str(named)
    assert "Classes are numbered" not in str(fitted.explain(X_test, y_test))


@pytest.mark.parametrize("mark", [-1, None, ""])
def test_points_without_a_label_are_not_scored(fitted, task, mark):
    X, y = task[2:]
    names = np.array(["no", "yes"], dtype=object)[y]
    gaps = np.where(np.arange(len(y)) % 2 == 0, mark, names)
    model = clone(fitted).fit(task[0], np.array(["no", "yes", -1], dtype=object)[task[1]])
    assert model.score(X, gaps) == model.score(X[1::2], names[1::2])
    with pytest.raises(DataError, match=r"none of the 200 points to score has a label\. Split labeled points evenly"):
        model.score(X, np.full(len(y), mark, dtype=object))


def test_partly_labeled_points_are_cross_validated_on_their_labels(task):
    X, _, _, _ = task
    y = np.where(np.arange(300) % 2 == 0, (X[:, 0] > 0).astype(int), -1)
    assert (cross_val_score(WeakToStrongClassifier(n_teachers=2, random_state=0), X, y, cv=3) > 0.6).all()


def votes_of_annotators(n_labelers: int = 4, *, seed: int = 0):
    """Make points of two classes and annotators that err at three in ten, each point by chance."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, 700)
    X = rng.normal(size=(700, 10)) + 0.7 * (2 * y[:, None] - 1)
    votes = np.where(rng.random((n_labelers, 400)) < 0.3, 1 - y[:400], y[:400])
    return X[:400], votes, X[400:], y[400:]


@pytest.fixture(scope="module")
def chosen():
    X, votes, _, _ = votes_of_annotators()
    return WeakToStrongClassifier(loss="auto", n_seeds=2, random_state=0).fit(X, weak_labels=votes)


def test_auto_learns_from_votes_alone_and_beats_the_annotators(chosen):
    _, _, X_test, y_test = votes_of_annotators()
    assert chosen.choice_.chosen in chosen.choice_.candidates
    assert chosen.loss_ is None
    assert (chosen.source_, chosen.teacher_of_.tolist()) == ("mean", [0, 0])
    assert chosen.warnings_ == ()
    assert chosen.score(X_test, y_test) > 0.9 > 0.75 > 1 - 0.3


def test_students_of_a_combination_are_explained_against_it(chosen):
    _, _, X_test, y_test = votes_of_annotators()
    rng = np.random.default_rng(1)
    votes = np.where(rng.random((4, 300)) < 0.3, 1 - y_test, y_test)
    found = chosen.explain(X_test, y_test, weak_labels=votes, smoothing=0.01)
    assert found.gap.gap.shape == (2, 300)
    with pytest.raises(ShapeError, match="expected the 4 given to fit"):
        chosen.explain(X_test, y_test, weak_labels=votes[:2], smoothing=0.01)


def test_auto_single_learns_from_single_teachers():
    X, votes, X_test, y_test = votes_of_annotators()
    model = WeakToStrongClassifier(loss="auto_single", epochs=4, random_state=0).fit(X, weak_labels=votes)
    assert (model.source_, model.teacher_of_.tolist()) == ("each", [0, 1, 2, 3])
    assert model.score(X_test, y_test) > 0.75


def test_auto_chooses_among_students_of_teachers_trained_here(task):
    X, seen, X_test, y_test = task
    settings = {"loss": "auto", "n_teachers": 3, "epochs": 4, "random_state": 0}
    model = WeakToStrongClassifier(**settings).fit(X, seen)
    assert len(model.choice_.values) == 52
    assert model.score(X_test, y_test) > 0.7


def test_auto_takes_points_that_some_teachers_may_not_show(task):
    """Everything is labeled: a student sees only points outside its teacher's bootstrap, also while choosing."""
    _, _, X, y = task
    model = WeakToStrongClassifier(loss="auto", n_teachers=3, epochs=4, random_state=0).fit(X, y)
    assert np.isfinite(model.choice_.values[:, 0]).all()
    assert not any("aux_conf" in candidate.kind for candidate in model.choice_.candidates)


@pytest.mark.parametrize("dtype", [int, "U", object])
def test_votes_are_distributions_of_0_and_1_with_classes_by_name(dtype):
    X, votes, X_test, _ = votes_of_annotators()
    names = np.array(["no", "yes"])[votes] if dtype is not int else votes
    by_name = WeakToStrongClassifier(random_state=0).fit(X, weak_labels=names.astype(dtype))
    by_probability = WeakToStrongClassifier(random_state=0).fit(X, weak_labels=np.eye(2)[votes])
    np.testing.assert_array_equal(by_name.predict_proba(X_test), by_probability.predict_proba(X_test))
    assert by_name.classes_.tolist() == ([0, 1] if dtype is int else ["no", "yes"])


def test_a_point_that_a_teacher_leaves_out_is_not_learned_from():
    X, votes, X_test, _ = votes_of_annotators(2)
    gaps = votes.copy()
    gaps[:, 100:] = -1
    gaps[1, 50:] = -1
    one, other = X.copy(), X.copy()
    found = WeakToStrongClassifier(random_state=0, rounds=0).fit(one, weak_labels=gaps)
    changed = votes.copy()
    changed[:, 100:] = 1 - changed[:, 100:]
    changed[gaps == -1] = -1
    again = WeakToStrongClassifier(random_state=0).fit(other, weak_labels=changed)
    np.testing.assert_array_equal(found.predict_proba(X_test), again.predict_proba(X_test))
    chosen = WeakToStrongClassifier(loss="auto", epochs=4, random_state=0).fit(X, weak_labels=gaps)
    assert np.isfinite(chosen.choice_.values[:, 0]).all()


def test_rounds_are_those_of_self_distillation(task):
    X, seen, X_test, _ = task
    plain, later = (
        WeakToStrongClassifier(n_teachers=2, rounds=rounds, random_state=0).fit(X, seen).predict_proba(X_test)
        for rounds in (0, 2)
    )
    assert np.abs(plain - later).max() > 0.01


def test_votes_that_do_not_fit_are_refused(task):
    X, votes, _, _ = votes_of_annotators()
    with pytest.raises(ShapeError, match="transposed"):
        WeakToStrongClassifier().fit(X, weak_labels=votes.T)
    with pytest.raises(DomainError, match="abstains"):
        WeakToStrongClassifier().fit(X, np.where(np.arange(400) < 4, np.arange(400) % 2, -1), weak_labels=votes + 1)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"n_teachers": 1}, "two teachers or more"),
        ({"rounds": 1}, "leave rounds at 0"),
        ({"rounds": -1}, "rounds is -1"),
    ],
)
def test_what_auto_cannot_do_is_refused(task, parameters, message):
    X, seen, _, _ = task
    with pytest.raises(ConfigError, match=message):
        WeakToStrongClassifier(loss="auto").set_params(**parameters).fit(X, seen)


def test_a_threshold_is_a_quantile_of_the_labels_that_students_learn_from_and_not_of_gaps():
    rng = np.random.default_rng(0)
    X, said = rng.normal(size=(60, 5)), rng.dirichlet([1, 1], size=(2, 60))
    said[:, :30] = np.nan
    model = WeakToStrongClassifier(loss={"kind": "cace", "quantile": 0.3}, random_state=0).fit(X, weak_labels=said)
    assert model.loss_.threshold == pytest.approx(np.quantile(said[:, 30:].max(axis=-1), 0.3))
