"""Weak-to-strong learning as a scikit-learn regressor: few numbers, weak teachers, strong students of what they say.

Each teacher learns from a bootstrap of the labeled points and labels points that it has not seen: the unlabeled ones
(y is nan), or, where all are labeled, those outside its bootstrap. Students are ridge heads, one a teacher, at the
penalty that other teachers' labels speak for (`selection.number_choice`). Predictions are the students' mean. Of
labelers from elsewhere, who differ in precision and may be wild, a combination labels one student where it is nearer to
the labelers that it leaves out than their plain mean is (`selection.number_source`).
"""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from jaxtyping import Float
from sklearn.base import RegressorMixin
from sklearn.linear_model import RidgeCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import _safe_indexing
from sklearn.utils.validation import check_consistent_length, column_or_1d, validate_data

from outlearn.core.decomposition.risk_gap import RiskGap, risk_gap
from outlearn.core.labelers.combinations import EACH, NUMBER_COMBINATIONS
from outlearn.core.numbers import Numbers
from outlearn.data.number_task import strata_of
from outlearn.errors import ConfigError, DataError, DomainError, ShapeError, suggest
from outlearn.estimator.arguments import check_any_scored, check_count, check_one_label, seeded
from outlearn.estimator.bagged_teachers import LARGEST_SEED, bagged_teachers
from outlearn.estimator.points_intake import TakesPoints
from outlearn.estimator.text_encoding import dense
from outlearn.learners.ridge_heads import RidgeHeads, fit_ridge
from outlearn.selection.number_choice import NUMBER_CRITERIA, NumberChoice, choose_penalty, reliability
from outlearn.selection.number_source import PLAIN, choose_source, drawn_in
from outlearn.selection.number_tuning import TUNED_PENALTIES, held_out_predictions

__all__ = ["WeakToStrongRegressor"]

LEAST_LEFT = 3  # points of a teacher outside each fold, below which its own leave-one-out has to do


class WeakToStrongRegressor(RegressorMixin, TakesPoints):  # type: ignore[misc]
    """Learn a regressor from few numbers and many unlabeled points, by students that outlearn their weak teachers.

    Every point of `y` that is nan is unlabeled. Students never see a number of `y`; they see what teachers say of
    points that these have not learned from. Without an unlabeled point, a teacher labels those outside its bootstrap.

    Args:
        teacher: any scikit-learn regressor; a clone is trained for each teacher. None is a standardised ridge
            regression whose penalty is chosen by leave-one-out.
        n_teachers: number of teachers; with one there is no other to choose a penalty by, and the student's own
            leave-one-out has to do.
        teacher_features: the weak view: columns of X that teachers see, as indices, names or a mask. None is all: then
            teachers are weak by their few labels only.
        student_features: the strong view, in the same way. None is all: but a linear student that sees the columns of
            linear teachers repeats them, whatever else it sees.
        criterion: what penalties are compared by, a key of `NUMBER_CRITERIA`: "concordance" or "crossed_misfit".
        spread: whether predictions are moved away from their mean by one over the teachers' reliability; for teachers
            that were trained here and label the same points.
        encoder: turns X into features, if X is a list of texts; as for `WeakToStrongClassifier`.
        random_state: seed of the bootstraps and folds.

    Attributes:
        teachers_: the fitted teachers; empty if weak labels were given.
        heads_: the fitted students.
        penalty_: of the students; nan where each has its own.
        combine_: makes one labeler of several, as `source_` says; None for "each".
        choice_: what was chosen, from what; None where students chose for themselves.
        source_: whose numbers students learned: "each" labeler's, which predicts as the student of their mean does, or
            of labelers from elsewhere the "median" or the "weighted" mean.
        spread_by_: what predictions were moved away from their mean by; 1 for nothing.
        n_weak_labels_: points that students learned from.
        n_labelers_: teachers that labeled them.
        n_features_in_, feature_names_in_: of X.

    Examples:
        >>> from sklearn.datasets import load_diabetes
        >>> X, y = load_diabetes(return_X_y=True)
        >>> seen = np.where(np.arange(len(y)) < 60, y, np.nan)         # 60 numbers, the others without
        >>> model = WeakToStrongRegressor(teacher_features=[0, 1, 2], random_state=0).fit(X[:300], seen[:300])
        >>> teachers = [t.score(X[300:, :3], y[300:]) for t in model.teachers_]
        >>> bool(model.score(X[300:], y[300:]) > np.mean(teachers))
        True
    """

    def __init__(
        self,
        *,
        teacher: Any = None,
        n_teachers: int = 8,
        teacher_features: Any = None,
        student_features: Any = None,
        criterion: str = "concordance",
        spread: bool = True,
        encoder: Any = None,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.teacher = teacher
        self.n_teachers = n_teachers
        self.teacher_features = teacher_features
        self.student_features = student_features
        self.criterion = criterion
        self.spread = spread
        self.encoder = encoder
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None, *, weak_labels: Any = None) -> Self:
        """Train teachers on the labeled points and students on the teachers' numbers for the others.

        Args:
            X: `[points, features]`, an array, a frame or a sparse matrix; or with an encoder, a text a point.
            y: `[points]`, nan where unlabeled. With weak labels it may be None.
            weak_labels: of labelers from elsewhere: numbers `[labelers, points]`, nan where one says nothing. No
                teacher is trained then, and students learn from the unlabeled points' weak labels (of all points, if
                none is unlabeled).

        Returns:
            The fitted regressor.

        Raises:
            ConfigError, DataError, DomainError, ShapeError: all ValueErrors, for unusable parameters or labels.
        """
        check_count("n_teachers", self.n_teachers)
        if self.criterion not in NUMBER_CRITERIA:
            raise ConfigError(f"criterion is {self.criterion!r}; {suggest(str(self.criterion), NUMBER_CRITERIA)}")
        rng = seeded(self.random_state)
        X = self._encoded(X)
        X = dense(validate_data(self, X, dtype="numeric", accept_sparse="csr", ensure_min_samples=2))
        if y is None and weak_labels is None:
            raise ValueError(f"This {type(self).__name__} estimator requires y to be passed, but the target y is None.")
        numbers = np.full(len(X), np.nan) if y is None else _numbers(y, X)
        unlabeled = np.isnan(numbers)
        learned = unlabeled if unlabeled.any() else np.ones(len(X), dtype=bool)
        if weak_labels is None:
            labels = self._train_teachers(X, numbers, unlabeled, learned, rng)
            source = EACH
        else:
            self.teachers_: list[Any] = []
            labels = _given(weak_labels, len(X))[:, learned]
            chosen = choose_source(Numbers.from_values(labels)).chosen
            source = EACH if chosen == PLAIN else chosen  # ridge is linear: the mean of students is the mean's student
        self.student_columns_ = self._columns(self.student_features, X, "student_features")
        self.n_weak_labels_, self.n_labelers_ = int(learned.sum()), len(labels)
        self._fit_students(
            X[learned][:, self.student_columns_],
            Numbers.from_values(labels),
            source,
            seed=int(rng.integers(LARGEST_SEED)),
        )
        return self

    def predict(self, X: Any) -> Float[np.ndarray, " points"]:
        """Predict numbers: the mean of the students."""
        return np.asarray(self._students(self._checked(X)).mean(axis=0))

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return R2 over the points of y that have a number, so that gaps do not spoil cross-validation.

        Raises:
            DataError: if no point has one. ValueError: if y is not as long as X.
        """
        truth = np.asarray(y, dtype=np.float64)
        check_consistent_length(X, truth, sample_weight)
        scored = np.flatnonzero(~np.isnan(truth))
        check_any_scored(len(scored), len(truth))
        weights = None if sample_weight is None else np.asarray(sample_weight)[scored]
        return float(super().score(_safe_indexing(X, scored), truth[scored], weights))

    def explain(self, X: Any, y: Any, *, weak_labels: Any = None, order: str = "target_first") -> RiskGap:
        """Say where the students' gain over their teachers comes from, on labeled points that none has seen.

        Args:
            X: `[points, features]`, or with an encoder, a text a point.
            y: true numbers `[points]`, or of several raters `[raters, points]`.
            weak_labels: what the labelers say of these points, as for `fit`, if they were not trained.
            order: as for `outlearn.risk_gap`.

        Returns:
            Gap = misfit + residual for every student and point; print() it.

        Raises:
            DataError: if the teachers were not trained here and `weak_labels` are not given.
            AlignmentError, DomainError, ShapeError: as `outlearn.risk_gap`.
        """
        values = self._checked(X)
        if weak_labels is None and not self.teachers_:
            raise DataError(
                "the teachers were not trained here: pass weak_labels, what they say of these points, [labelers, "
                "points]."
            )
        said = Numbers.from_values(
            self._said(values) if weak_labels is None else np.asarray(weak_labels, dtype=np.float64)
        )
        labelers = said if self.combine_ is None else self.combine_(said)
        students = Numbers(self._students(values), np.arange(len(values)), np.arange(labelers.n_models))
        return risk_gap(np.asarray(y, dtype=np.float64), teacher=labelers, student=students, order=order)

    def _train_teachers(
        self, X: np.ndarray, numbers: np.ndarray, unlabeled: np.ndarray, learned: np.ndarray, rng: np.random.Generator
    ) -> Float[np.ndarray, "teachers learned"]:
        """Train every teacher on its bootstrap; return what it says of points that it has not seen, else nan."""
        known = numbers[~unlabeled]
        strata, _ = strata_of(known, type(self).__name__)
        self.teacher_columns_ = self._columns(self.teacher_features, X, "teacher_features")
        plain = make_pipeline(StandardScaler(), RidgeCV(alphas=np.logspace(-2, 6, 9)))
        self.teachers_, counts = bagged_teachers(
            plain if self.teacher is None else self.teacher,
            X[~unlabeled][:, self.teacher_columns_],
            strata,
            n_teachers=self.n_teachers,
            seed=int(rng.integers(LARGEST_SEED)),
            targets=known,
        )
        labels = self._said(X[learned])
        if unlabeled.any():
            return labels
        if not (counts == 0).any(axis=1).all():
            raise DataError(
                f"{len(known)} labeled points are too few: a teacher learns from all of them and has none left to "
                "label. Give more points, or unlabeled ones (y = nan)."
            )
        return np.where(counts == 0, labels, np.nan)

    def _fit_students(self, X: np.ndarray, labels: Numbers, source: str, *, seed: int) -> None:
        self.source_ = source
        self.combine_ = None if source == EACH else NUMBER_COMBINATIONS[source].fit(labels)
        answer = labels if self.combine_ is None else self.combine_(labels)
        compared = drawn_in(labels) if source == "median" else labels
        heard, told = (each.heard.astype(np.float64) for each in (compared, answer))
        self.choice_: NumberChoice | None = None
        if labels.n_models > 1 and heard.sum(axis=1).min() >= 2 * LEAST_LEFT and len(X) >= 2 * LEAST_LEFT:
            nothing = np.zeros(len(X), dtype=np.int64)  # strata of true numbers are none of the students' business
            try:
                held_out = held_out_predictions(X, compared.values, heard, nothing, groups=None, seed=seed)
                self.choice_ = choose_penalty(compared, held_out, self.criterion)
            except DomainError:  # a teacher labels no point outside a fold
                self.choice_ = None
        if self.choice_ is None:
            heads = fit_ridge(X, answer.values, TUNED_PENALTIES, weights=told, standardise=True, held_out=True)
            heads = heads.at(heads.best())
        else:
            penalty = TUNED_PENALTIES[self.choice_.chosen]
            heads = fit_ridge(X, answer.values, [penalty], weights=told, standardise=True)
        self.penalty_ = float(heads.penalties[0])
        shared = reliability(labels) if self.spread and self.teachers_ else None
        self.spread_by_ = 1.0 if shared is None else 1 / shared
        centre = float(heads.predict(X).mean())
        bias = centre + self.spread_by_ * (heads.bias - centre)
        self.heads_ = RidgeHeads(heads.penalties, self.spread_by_ * heads.weight, bias)

    def _students(self, X: np.ndarray) -> Float[np.ndarray, "students points"]:
        return self.heads_.predict(X[:, self.student_columns_])[0]

    def _said(self, X: np.ndarray) -> Float[np.ndarray, "teachers points"]:
        view = X[:, self.teacher_columns_]
        return np.stack([np.asarray(teacher.predict(view), dtype=np.float64) for teacher in self.teachers_])


def _numbers(y: Any, X: np.ndarray) -> Float[np.ndarray, " points"]:
    """Read y: numbers, nan where there is none.

    Raises:
        DataError: for text, infinity, or no number at all.
    """
    check_one_label(y)
    given = column_or_1d(y, warn=True)
    try:
        numbers = np.asarray(given, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"y holds what is no number ({error}). Give numbers, and nan where there is none.") from error
    check_consistent_length(X, numbers)
    if np.isinf(numbers).any():
        raise DataError(
            f"Input y contains infinity, first at point {int(np.flatnonzero(np.isinf(numbers))[0])}; expected finite "
            "numbers, or nan where there is none."
        )
    if np.isnan(numbers).all():
        raise DataError("every number of y is nan: there is nothing to train teachers on. Give some, or weak_labels.")
    return numbers


def _given(weak_labels: Any, n_points: int) -> Float[np.ndarray, "labelers points"]:
    """Read weak labels from elsewhere: one row a labeler.

    Raises:
        ShapeError: for another shape. DataError: for a labeler that says nothing.
    """
    values = np.atleast_2d(np.asarray(weak_labels, dtype=np.float64))
    if values.ndim != 2 or values.shape[1] != n_points:
        raise ShapeError(f"weak_labels have shape {values.shape}; expected [labelers, {n_points} points].")
    if np.isnan(values).all(axis=1).any():
        raise DataError("a labeler says nothing at all (a row of nan). Leave it out.")
    return values
