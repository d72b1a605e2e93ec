"""Posterior means by cross-fitted regression of the teacher's coordinates on the student's.

At each point the teacher's coordinates are predicted as their mean over other teachers plus a slope times the student's
deviation from the mean of other students, slope shared by all points. Teachers are split into folds; a fold is
predicted from the others only, so that a student never helps to predict its own teacher. Coordinates are dual ones in
order "target_first" and probabilities in "prediction_first": the mean that the order asks for.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Integer

from outlearn.core.generators import BregmanGenerator
from outlearn.core.log_space import log_normalise
from outlearn.core.mean_intervals import cluster_means
from outlearn.errors import DomainError

__all__ = ["cross_fitted_means"]

KEPT_SHARE = 0.1  # of its pooled mean that a predicted probability keeps: a line can leave the simplex
VACUOUS = 1e-10  # unexplained share of the teachers' variation below which the student determines the teacher
NULL_SPACE = 1e-10  # relative size of eigenvalues taken as 0: coordinates of distributions span one dimension less


def cross_fitted_means(
    teacher: Float[np.ndarray, "teachers points classes"],
    student: Float[np.ndarray, "students points classes"],
    own: Integer[np.ndarray, "students"],
    generator: BregmanGenerator,
    order: str,
    folds: int | None,
) -> Float[np.ndarray, "students points classes"]:
    """Predict each student's teacher from the student, fitted on other teachers; dual coordinates in and out.

    Raises:
        DomainError: without folds, with too few teachers in them, for coordinates that are not finite, and where the
            student determines the teacher.
    """
    labels = np.unique(own)
    n_folds = 0 if folds is None else min(folds, len(labels))
    if n_folds < 2 or len(labels) - -(-len(labels) // n_folds) < 3:
        raise DomainError(
            f"method 'regression' is not identified with folds={folds} and {len(labels)} teachers with students: "
            "fitted and measured on the same teachers it explains them by itself. Use at least 2 folds that leave 3 "
            "teachers to fit on."
        )
    y, x = _coordinates(teacher, generator, order), _coordinates(student, generator, order)
    if not (np.isfinite(y).all() and np.isfinite(x).all()):
        raise DomainError(
            "method 'regression' needs finite coordinates, but a prediction has probability 0: its logarithm is -inf. "
            "Pass logits, or mix the predictions with a little of the uniform distribution."
        )
    predicted = np.empty_like(x)
    left, varied = 0.0, 0.0
    fold_of = np.searchsorted(labels, own) % n_folds
    for fold in range(n_folds):
        inside = fold_of == fold
        base, step = _fit_and_predict(y[own], x, own, ~inside, x[inside])
        truth = y[own[inside]]
        left += float(np.square(truth - base - step).sum())
        varied += float(np.square(truth - base).sum())
        simplex = order == "prediction_first" and y.shape[-1] > 1
        predicted[inside] = _stay_in_simplex(base, step) if simplex else base + step
    if left <= VACUOUS * varied:
        raise DomainError(
            "method 'regression' is vacuous here: the student determines its teacher (nothing of the teacher is left "
            "unexplained), so the posterior mean is the teacher itself and the conditional variance 0."
        )
    return _duals(predicted, generator, order)


def _fit_and_predict(
    y: np.ndarray, x: np.ndarray, own: np.ndarray, fitted: np.ndarray, new: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Fit on the `fitted` students; return the base (mean over teachers) and the step of each new student."""
    y_mean = cluster_means(_flat(y[fitted]), own[fitted]).mean(axis=0).reshape(y.shape[1:])
    x_mean = cluster_means(_flat(x[fitted]), own[fitted]).mean(axis=0).reshape(x.shape[1:])
    n_classes = x.shape[-1]
    square, product = np.zeros((n_classes, n_classes)), np.zeros((n_classes, n_classes))
    for s in np.flatnonzero(fitted):
        deviation = x[s] - x_mean
        square += deviation.T @ deviation
        product += deviation.T @ (y[s] - y_mean)
    # Least squares, B = (sum dx dx^T)^+ sum dx dy^T; for Gaussian coordinates E[t | s] is y_mean + (s - x_mean) B
    slope = np.linalg.pinv(square, rcond=NULL_SPACE, hermitian=True) @ product
    return np.broadcast_to(y_mean, new.shape), (new - x_mean) @ slope


def _flat(values: np.ndarray) -> np.ndarray:
    return values.reshape(len(values), -1)


def _coordinates(duals: np.ndarray, generator: BregmanGenerator, order: str) -> np.ndarray:
    if order == "prediction_first":
        return np.asarray(generator.inverse_gradient(duals))
    if generator.dual_is_logits:  # logits are known up to a constant: take it away
        with np.errstate(invalid="ignore"):
            return np.asarray(duals - duals.mean(axis=-1, keepdims=True))
    return duals


def _duals(coordinates: np.ndarray, generator: BregmanGenerator, order: str) -> np.ndarray:
    if order == "prediction_first":
        return np.asarray(generator.gradient(coordinates))
    if generator.dual_is_logits:
        return log_normalise(coordinates)
    generator.inverse_gradient(coordinates)  # raises where a line has left the domain of dual coordinates
    return coordinates


def _stay_in_simplex(base: np.ndarray, step: np.ndarray) -> np.ndarray:
    """Shorten a step so that every class keeps at least a tenth of its base probability."""
    with np.errstate(divide="ignore", invalid="ignore"):
        longest = np.where(step < 0, (1 - KEPT_SHARE) * base / -step, np.inf).min(axis=-1, keepdims=True)
    return np.asarray(base + np.minimum(longest, 1.0) * step)
