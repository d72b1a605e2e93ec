"""How unlike the training texts a new text is, in the space of its features.

The training features are fitted by probabilistic PCA: a Gaussian with the variances lambda_j along the leading
directions c_j and one noise variance s^2 in all others. The distance of features x from the mean m is that Gaussian's
Mahalanobis distance,

    d^2 = sum_j (c_j . (x - m))^2 / lambda_j + (|x - m|^2 - sum_j (c_j . (x - m))^2) / s^2.

A student has learned nothing about what lies far away. The distance says nothing of a text that lies near and is hard.

Source: Tipping and Bishop, Probabilistic Principal Component Analysis, JRSS B 1999; Lee et al., A Simple Unified
Framework for Detecting Out-of-Distribution Samples, NeurIPS 2018, fit one Gaussian a class with a shared covariance. We
fit one to all points, since the labels of our training points are weak.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.sparse import csr_array

from outlearn.blas_threads import one_blas_thread
from outlearn.core.feature_matrix import FeatureMatrix

__all__ = ["Novelty"]

DIRECTIONS = 64  # leading ones: more are noise with a few thousand texts, and each costs a product for every new text
FITTED_ON = 4096  # points at most: the moments do not get better in a way that a quantile would feel
QUANTILE = 0.99  # of held-out points of the run: one in a hundred of the same kind is flagged
COVARIANCE = 1024  # features at most whose covariance is decomposed whole: beyond, its cube takes longer
FOLDS = 5  # of the training points, where too few others are held out


@dataclass(frozen=True)
class Novelty:
    """Measure distances from the training texts.

    Attributes:
        mean: of the training features, `[features]`.
        directions: orthonormal, `[directions, features]`.
        variances: along them, `[directions]`.
        noise: variance in each other direction, `[1]`.
    """

    mean: np.ndarray
    directions: np.ndarray
    variances: np.ndarray
    noise: np.ndarray

    @classmethod
    def of(cls, features: FeatureMatrix, *, seed: int = 0) -> Novelty:
        """Fit training features; of very many points a random part."""
        points, n = features, features.shape[0]
        if n > FITTED_ON:
            points = points[np.sort(np.random.default_rng(seed).choice(n, FITTED_ON, replace=False))]
        wanted = min(DIRECTIONS, points.shape[1] - 1, points.shape[0] // 4)
        mean, directions, variances, noise = _principal(points.astype(np.float64), max(1, wanted), seed)
        # Features that lie in the span of the directions, or do not vary at all, have no noise to divide by.
        least = np.finfo(np.float32).eps * max(float(variances[0]), 1.0)
        return cls(
            mean.astype(np.float32),
            directions.astype(np.float32),
            np.maximum(variances, least).astype(np.float32),
            np.array([max(noise, least)], np.float32),
        )

    def distance(self, features: FeatureMatrix) -> Float[np.ndarray, " points"]:
        """Return the Mahalanobis distance d of each point."""
        if isinstance(features, csr_array):
            along = features @ self.directions.T - self.directions @ self.mean
            # |x - m|^2 = |x|^2 - 2 x.m + |m|^2
            squares = features.power(2).sum(axis=1) - 2.0 * (features @ self.mean) + self.mean @ self.mean
        else:
            centred = np.asarray(features, dtype=np.float32) - self.mean
            with one_blas_thread(centred.size * len(self.directions)):
                along, squares = centred @ self.directions.T, (centred**2).sum(axis=1)
        rest = np.maximum(squares - (along**2).sum(axis=1), 0.0)
        return np.sqrt((along**2 / self.variances).sum(axis=1) + rest / self.noise[0])

    def threshold(self, held_out: FeatureMatrix) -> float:
        """Return the distance that one in a hundred points of the same kind exceeds."""
        return _beyond(self.distance(held_out))

    @classmethod
    def cross_fitted_threshold(cls, features: FeatureMatrix, *, seed: int = 0) -> float:
        """Return the threshold by training points alone: each one's distance is from a fit that did not see it.

        The points of a fit lie nearer to it than new ones do, the more so the fewer they are: by their own distances
        most new points of the same kind were called unlike.
        """
        n = features.shape[0]
        if n < 2 * FOLDS:
            return cls.of(features, seed=seed).threshold(features)
        fold = np.random.default_rng(seed).permutation(n) % FOLDS
        return _beyond(
            np.concatenate([cls.of(features[fold != k], seed=seed).distance(features[fold == k]) for k in range(FOLDS)])
        )


def _principal(points: FeatureMatrix, q: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """Return mean, leading directions, the variances along them, and Tipping and Bishop's noise.

    That is s^2 = sum_{j > q} lambda_j / (d - q).
    """
    n, d = points.shape
    if d <= COVARIANCE and not isinstance(points, csr_array):
        mean = points.mean(axis=0)
        centred = points - mean
        with one_blas_thread(n * d**2):
            variances, vectors = np.linalg.eigh(centred.T @ centred / (n - 1))  # ascending
        noise = max(float(variances[:-q].sum()), 0.0) / max(d - q, 1)
        return mean, vectors[:, : -q - 1 : -1].T, variances[: -q - 1 : -1], noise
    from sklearn.decomposition import PCA  # a second to import

    solver = "arpack" if isinstance(points, csr_array) else "randomized"  # what is sparse is not spread out
    fitted = PCA(q, svd_solver=solver, random_state=seed).fit(points)
    # Of fewer points than features scikit-learn divides by their number instead, and so measures longer distances the
    # more points there are.
    noise = float(fitted.noise_variance_) * (min(n, d) - q) / max(d - q, 1)
    return fitted.mean_, fitted.components_, fitted.explained_variance_, noise


def _beyond(distances: Float[np.ndarray, " points"]) -> float:
    return float(np.quantile(distances, QUANTILE))
