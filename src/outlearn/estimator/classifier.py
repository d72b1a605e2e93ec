"""Weak-to-strong learning as a scikit-learn classifier: few labels, weak teachers, strong students of their labels.

Each teacher learns from a bootstrap of the labeled points and labels points that it has not seen: the unlabeled ones
(y = -1), or, where all are labeled, those outside its bootstrap. Students learn from these labels only, all of them in
one computation. Predictions are the students' dual mean.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from jaxtyping import Float, Shaped
from sklearn.base import ClassifierMixin
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import _safe_indexing
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_consistent_length, validate_data

from outlearn.core.generators import BregmanGenerator
from outlearn.core.labelers.combinations import label_source
from outlearn.core.predictions import Predictions
from outlearn.data.label_arrays import is_unlabeled, labels_given, refuse_what_is_no_class, with_gaps_marked
from outlearn.data.label_table import UNLABELED
from outlearn.errors import ConfigError, DataError, ShapeError, suggest
from outlearn.estimator.arguments import check_any_scored, check_count, check_one_label, seeded
from outlearn.estimator.bagged_teachers import LARGEST_SEED, bagged_teachers, teacher_probs
from outlearn.estimator.partial_labels import class_codes, given_labels, weak_labels_and_weights
from outlearn.estimator.points_intake import TakesPoints
from outlearn.estimator.text_encoding import dense
from outlearn.explanation import PointwiseExplanation, explain, smoothed

if TYPE_CHECKING:
    from outlearn.losses import Loss

__all__ = ["WeakToStrongClassifier"]

TRUE_LABELS = ("none", "choose", "learn")
NAMED = 30  # classes that a note names: beyond, it is longer than the slices that it explains
EPOCHS, LEAST_STEPS = 20, 400  # with fewer steps AdamW at 3e-3 has hardly left its random start


class WeakToStrongClassifier(ClassifierMixin, TakesPoints):  # type: ignore[misc]
    """Learn a classifier from few labels and many unlabeled points, by students that outlearn their weak teachers.

    Every point of `y` that is -1 is unlabeled (in an array of text also "-1", which is what NumPy makes of it), so -1
    cannot be a class: rename it. None, NaN, pandas.NA, an empty text and a masked element are unlabeled too. Students
    never see a label of `y`; they see what teachers say of points that these have not learned from. Without an
    unlabeled point, a teacher labels the points outside its own bootstrap.

    Args:
        teacher: any scikit-learn classifier with `predict_proba`; a clone is trained for each teacher. None is a
            standardised logistic regression: weak, calibrated, and quick to train many times.
        n_teachers: number of teachers. With 8 all intervals of `explain` can be given (the overfit covariance needs 6).
        teacher_features: the weak view: columns of X that teachers see, as indices, names or a mask. None is all: then
            teachers are weak by their few labels only.
        loss: of the students, a name or a loss of `outlearn.losses`. "reverse_ce" was the most accurate where teachers
            are weak (docs/estimator.md); "forward_ce" is better where they are nearly as good as their students. "auto"
            chooses without labels, and learns from the mean of all teachers; "auto_single", from single teachers.
        true_labels: what "auto" makes of the labels of y: nothing if "none"; "choose" ranks candidates by them too;
            "learn" also learns from them. Use it with weak labels from elsewhere: teachers that were trained here know
            the labels of y already.
        n_seeds: students of each teacher. One is enough to average; more tell a student's seed from its teacher's draw.
        hidden: width of one hidden layer of the students; None is a linear head, which gains most from weak labels.
        epochs: passes over the weak labels. None is 20, and more for few points, until 400 steps are made. Longer
            training copies the individual teacher.
        batch_size, learning_rate, weight_decay: of AdamW, as measured on the package's own tasks (docs/heads.md).
        encoder: turns X into features, if X is a list of texts: a kind of `ENCODERS` ("tfidf", "wordllama", "hf"), a
            mapping with its kind and parameters, or a scikit-learn transformer such as `TfidfVectorizer`. It learns
            from all texts of `fit`, without labels; teachers see its features too. None: X are features.
        random_state: seed of the bootstraps and students.

    Attributes:
        classes_: `[classes]`, as in y.
        encoder_: the fitted encoder, if there is one.
        teachers_: the fitted teachers; empty if weak labels were given.
        heads_: the fitted students.
        teacher_of_: `[students]`, the teacher of each; for "auto" 0, the mean of all.
        source_: whose labels students learned from: "each" teacher's, or the "mean" of all.
        loss_: the loss, its thresholds settled; None where losses were chosen.
        choice_: for "auto" what was chosen, `choice_.members`, from what; else None.
        warnings_: for "auto", where its assumptions look broken, in sentences.
        n_weak_labels_: points that students learned from.
        n_labelers_: teachers that labeled them.
        n_features_in_, feature_names_in_: of X.

    Examples:
        >>> from sklearn.datasets import load_breast_cancer
        >>> X, y = load_breast_cancer(return_X_y=True)
        >>> seen = np.where(np.arange(len(y)) < 100, y, -1)            # 100 labels, 469 points without
        >>> model = WeakToStrongClassifier(teacher_features=[0, 1, 2], random_state=0).fit(X[:400], seen[:400])
        >>> teachers = [t.score(X[400:, :3], y[400:]) for t in model.teachers_]
        >>> bool(model.score(X[400:], y[400:]) > max(teachers))
        True

    Source: weak-to-strong generalization as in Burns et al. 2023, with ensembles and losses of Xu et al. 2025.
    """

    def __init__(
        self,
        *,
        teacher: Any = None,
        n_teachers: int = 8,
        teacher_features: Any = None,
        loss: str | Mapping[str, object] | Loss = "reverse_ce",
        rounds: int = 0,
        true_labels: str = "none",
        n_seeds: int = 1,
        hidden: int | None = None,
        epochs: float | None = None,
        batch_size: int = 128,
        learning_rate: float = 3e-3,
        weight_decay: float = 1e-4,
        encoder: Any = None,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.teacher = teacher
        self.n_teachers = n_teachers
        self.teacher_features = teacher_features
        self.loss = loss
        self.rounds = rounds
        self.true_labels = true_labels
        self.n_seeds = n_seeds
        self.hidden = hidden
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.encoder = encoder
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None, *, weak_labels: Any = None) -> Self:
        """Train teachers on the labeled points and students on the teachers' labels of the others.

        Args:
            X: `[points, features]`, an array, a frame or a sparse matrix; or with an encoder, a text a point.
            y: `[points]`, -1 where unlabeled. With weak labels it may be None.
            weak_labels: of teachers from elsewhere: distributions `[teachers, points, classes]`, classes in the sorted
                order of y's, or numbered from 0 if y has no label; or votes `[teachers, points]`, classes by name, -1
                where a teacher abstains: its students do not learn from that point. No teacher is trained then, and
                students learn from the unlabeled points' weak labels (of all points, if none is unlabeled).

        Returns:
            The fitted classifier.

        Raises:
            ConfigError, DataError, DomainError, ShapeError: all ValueErrors, for unusable parameters or labels.
        """
        from outlearn.estimator.weak_students import WeakLabels, fit_weak_students
        from outlearn.learners.jobs import HeadSettings

        for name in ("n_teachers", "n_seeds"):
            check_count(name, getattr(self, name))
        if self.true_labels not in TRUE_LABELS:
            raise ConfigError(f"true_labels is {self.true_labels!r}; {suggest(str(self.true_labels), TRUE_LABELS)}")
        settings = HeadSettings(
            hidden=self.hidden,
            epochs=EPOCHS if self.epochs is None else self.epochs,
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
            weight_decay=self.weight_decay,
        )
        rng = seeded(self.random_state)
        X = self._encoded(X)
        if y is None and weak_labels is not None:
            X = validate_data(self, X, dtype="numeric", accept_sparse="csr")
            y = np.full(X.shape[0], UNLABELED)
        else:
            check_one_label(y)
            y = None if y is None else with_gaps_marked(y)
            X, y = validate_data(self, X, y, dtype="numeric", accept_sparse="csr", ensure_min_samples=2)
        X = dense(X)
        refuse_what_is_no_class(y)
        unlabeled = is_unlabeled(y)
        known = labels_given(y)
        learned = unlabeled if unlabeled.any() else np.ones(len(X), dtype=bool)
        if weak_labels is None:
            labels, weights = self._train_teachers(X, known, unlabeled, learned, rng)
        else:
            check_classification_targets(known)
            self.teachers_: list[Any] = []
            self.classes_, labels, weights = weak_labels_and_weights(weak_labels, np.unique(known), learned)
        self.n_weak_labels_, self.n_labelers_ = int(learned.sum()), len(labels)
        if self.epochs is None:
            per_epoch = -(-self.n_weak_labels_ // self.batch_size)
            settings = replace(settings, epochs=max(EPOCHS, LEAST_STEPS / per_epoch))
        counts = (known[:, None] == self.classes_).sum(axis=0) if weak_labels is None else None
        weak = WeakLabels(
            X[learned],
            labels,
            weights,
            counts,
            bool(unlabeled.any()),
            tuple(map(str, self.classes_.tolist())),
            self.true_labels,
            X[~unlabeled],
            np.searchsorted(self.classes_, known),
        )
        students = fit_weak_students(
            weak, self.loss, rounds=self.rounds, n_seeds=self.n_seeds, settings=settings, rng=rng
        )
        self.heads_, self.teacher_of_, self.source_ = students.heads, students.teacher_of, students.source
        self.loss_, self.choice_, self.warnings_ = students.loss, students.choice, students.warnings
        return self

    def predict_proba(self, X: Any) -> Float[np.ndarray, "points classes"]:
        """Predict probabilities: the dual (normalised geometric) mean of the students.

        That mean has the bias of a single student, no more, and less variance, so what `explain` says of the students'
        bias holds for it under log loss. The arithmetic mean would change the bias too.
        """
        return np.asarray(np.exp(self.predict_log_proba(X)))

    def predict_log_proba(self, X: Any) -> Float[np.ndarray, "points classes"]:
        """Predict log-probabilities; see `predict_proba`."""
        return np.asarray(self._students(self._checked(X)).dual_mean().log_probs[0])

    def predict(self, X: Any) -> Shaped[np.ndarray, " points"]:
        """Predict the most probable class."""
        chosen = self.predict_log_proba(X).argmax(axis=-1)
        return np.asarray(self.classes_[chosen])

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the accuracy over the points of y that have a label, so that gaps do not spoil cross-validation.

        Raises:
            DataError: if no point has one. ValueError: if y is not as long as X.
        """
        truth = with_gaps_marked(y)
        check_consistent_length(X, truth, sample_weight)
        scored = np.flatnonzero(~is_unlabeled(truth))
        check_any_scored(len(scored), len(truth))
        weights = None if sample_weight is None else np.asarray(sample_weight)[scored]
        return float(super().score(_safe_indexing(X, scored), labels_given(truth), weights))

    def explain(
        self,
        X: Any,
        y: Any,
        *,
        weak_labels: Any = None,
        generator: str | BregmanGenerator = "negative_entropy",
        order: str = "target_first",
        level: float = 0.95,
        smoothing: float = 0.0,
    ) -> PointwiseExplanation:
        """Say where the students' gain over their teachers comes from, on labeled points that none has seen.

        Args:
            X: `[points, features]`, or with an encoder, a text a point.
            y: true labels `[points]`, or distributions `[points, classes]` as floats.
            weak_labels: what the teachers say of these points, as for `fit`, if they were not trained.
            generator, order, level: as for `outlearn.risk_gap`.
            smoothing: share of the uniform distribution to mix into teachers and students, for teachers that say 0.

        Returns:
            Risk gap, bias and variance, posterior-mean teacher, controls and slices; print() it.
        """
        values = self._checked(X)
        if weak_labels is None:
            if not self.teachers_:
                raise DataError(
                    "the teachers were not trained here: pass weak_labels, what they say of these points, [teachers, "
                    "points, classes]."
                )
            probs = self._teacher_probs(values)
        else:
            probs, answered = given_labels(weak_labels, self.classes_, np.ones(len(values), dtype=bool))
            if not answered.all():
                raise DataError(
                    f"weak_labels leave out {int((~answered).any(axis=0).sum()):,} of {len(values):,} points, where a "
                    "teacher abstains: it is neither right nor wrong there. Explain the points that every teacher "
                    "labels: weak_labels[:, kept], X[kept], y[kept]."
                )
            if len(probs) != self.n_labelers_:
                raise ShapeError(
                    f"weak_labels are of {len(probs)} teachers; expected the {self.n_labelers_} given to fit."
                )
        soft = np.ndim(y) == 2
        target = np.asarray(y, dtype=np.float64) if soft else class_codes(y, self.classes_, len(values))
        return explain(
            target,
            teacher=smoothed(
                label_source({"student": Predictions.from_probs(probs)}, self.source_)["student"], smoothing
            ),
            student=smoothed(self._students(values), smoothing),
            generator=generator,
            order=order,
            level=level,
            notes=_note_on_classes(self.classes_),
        )

    def _students(self, X: np.ndarray) -> Predictions:
        return Predictions.from_logits(self.heads_.predict(X), teacher_of=self.teacher_of_)

    def _train_teachers(
        self, X: np.ndarray, known: np.ndarray, unlabeled: np.ndarray, learned: np.ndarray, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """Train every teacher on its bootstrap; return their labels, and which of them each student may see."""
        check_classification_targets(known)
        self.classes_, codes = np.unique(known, return_inverse=True)
        if len(self.classes_) < 2:
            raise DataError(
                f"the labeled points are of {len(self.classes_)} class: {self.classes_.tolist()}. Give labels of at "
                "least two classes (-1 marks a point without a label)."
            )
        self.teacher_columns_ = self._columns(self.teacher_features, X, "teacher_features")
        prototype = make_pipeline(StandardScaler(), LogisticRegression()) if self.teacher is None else self.teacher
        self.teachers_, counts = bagged_teachers(
            prototype,
            X[~unlabeled][:, self.teacher_columns_],
            codes,
            n_teachers=self.n_teachers,
            seed=int(rng.integers(LARGEST_SEED)),
        )
        labels = self._teacher_probs(X[learned])
        if unlabeled.any():
            return labels, None
        outside = (counts == 0).astype(np.float64)
        if not outside.any(axis=1).all():
            raise DataError(
                f"{len(codes)} labeled points are too few: a teacher learns from all of them and has none left to "
                "label. Give more points, or unlabeled ones (y = -1)."
            )
        return labels, outside

    def _teacher_probs(self, X: np.ndarray) -> np.ndarray:
        view = X[:, self.teacher_columns_]
        return np.stack([teacher_probs(teacher, view, len(self.classes_)) for teacher in self.teachers_])


def _note_on_classes(classes: np.ndarray) -> tuple[str, ...]:
    """Say which class a number is, where numbers are not the classes themselves."""
    names = list(map(str, classes.tolist()))
    if names == [str(number) for number in range(len(names))]:
        return ()
    named = ", ".join(f"{number} {name}" for number, name in enumerate(names[:NAMED]))
    more = "" if len(names) <= NAMED else ", ... (classes_)"
    return (f"Classes are numbered in their sorted order: {named}{more}.",)
