"""Linear discriminants of weak labels, sharpened by expectation-maximisation: students in closed form.

With x_i standardised features, q_i the labels that student i learns (at first the weak labels t_i), and d features,

    S     = cov(x) + r tr(cov x) / d I                                   the pooled covariance, shrunk by r
    mu_k  = sum_i q_ik x_i / sum_i q_ik                                  class means
    l_ik  = 3 (x_i - mean x) S^-1 mu_k, centred over classes / sd(l)      M: discriminants, of spread 3
    b     : mean_i softmax(l_i + b) = shares                              offsets that give the class shares
    q_i   <- (1 - w) softmax(l_i + b) + w t_i                             E: the next labels

Step 0 is Fisher's linear discriminant of the weak labels: S^-1 depends on no label, so that label noise enters by the
class means alone, which average over all points. Further steps are expectation-maximisation of a mixture of Gaussians
with one covariance, started at the weak labels (semi-supervised linear discriminant analysis), with the covariance held
at the one that needs no labels and class shares that are known. Many steps with many classes collapse.

`within` takes the between-class part out of S, as the mixture says: S_w = S - sum_k pi_k mu_k mu_k'. With two classes
that changes no direction. With more, S weighs a direction along which class means vary by lambda times the variance
within classes 1 + lambda times too little: of three classes in a row it fits the noise beside the row. S_w needs good
class means, so that it is for many points a feature; with few, S is the safer (docs/auto.md).

r decides most: small r follows directions of little variance, which label noise fills; large r compares class means
only. r = 1 was best on average (docs/auto.md).

Sources: Fisher, The use of multiple measurements in taxonomic problems, 1936; O'Neill, Normal discrimination with
unclassified observations, JASA 1978; Nigam, McCallum, Thrun and Mitchell, Text classification from labeled and
unlabeled documents using EM, Machine Learning 2000; the ridge: Friedman, Regularized discriminant analysis, JASA 1989.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.linalg import cho_factor, cho_solve
from scipy.sparse import csr_array

from outlearn.blas_threads import one_blas_thread
from outlearn.core.class_means import class_offsets
from outlearn.core.feature_matrix import FeatureMatrix
from outlearn.core.ranges import Range
from outlearn.errors import ConfigError
from outlearn.learners.fitted import Heads
from outlearn.learners.rows import moments

__all__ = ["fit_discriminants"]

SPREAD = 3.0  # standard deviation of the discriminants: sure where they are clear, in doubt at the border
NUMBERS = 2**22  # labels of the labelings that are fitted together: 16 MiB
ROWS = 4096  # standardised at once
SHARE_TOLERANCE = 1e-3  # of class shares: far below what an estimate of them is good for


def fit_discriminants(
    features: FeatureMatrix,
    targets: Float[np.ndarray, "labelings examples classes"],
    *,
    steps: Sequence[int],
    weak_share: float,
    shrinkage: float = 1.0,
    within: bool = False,
    n_held: int = 0,
    shares: Float[np.ndarray, " classes"] | None = None,
    weights: Float[np.ndarray, "labelings examples"] | None = None,
    bias: bool = True,
    standardise: bool = True,
) -> dict[int, Heads]:
    """Fit one discriminant for each labeling; see the module's text for what is computed.

    Args:
        features: of the student split, all of it: points without a label enter the covariance, and later steps.
        targets: weak labels.
        steps: numbers of EM steps after which the discriminants are wanted, at least 0.
        weak_share: w, the part of the weak labels in the labels of later steps, at points that have one.
        shrinkage: r, above 0.
        within: take the covariance within classes, S - sum_k pi_k mu_k mu_k', in place of that of all points. With two
            classes, and for pairs, it is the same discriminant.
        n_held: the last so many examples keep their labels in every step, as true labels do (w = 1).
        shares: of the classes among the points; None takes each labeling's own.
        weights: of the examples in each labeling, from 0 to 1: 0 where there is no label.
        bias: False for pairs: neither centre nor offsets, so that exchanging the two turns the answer round.
        standardise: divide each feature by its standard deviation first.

    Returns:
        Number of steps -> heads, one for each labeling.

    Raises:
        ConfigError: for steps or a share out of range.
        DomainError: for a feature too large to square.

    Examples:
        >>> x = np.array([[-2.0], [-1.0], [1.0], [2.0]])
        >>> weak = np.array([[[0.9, 0.1], [0.4, 0.6], [0.2, 0.8], [0.1, 0.9]]])
        >>> heads = fit_discriminants(x, weak, steps=[0, 3], weak_share=0.0, shares=np.array([0.5, 0.5]))
        >>> heads[3].predict(x).argmax(axis=-1)
        array([[0, 0, 1, 1]])
    """
    if not steps:
        raise ConfigError("steps is empty; give at least one number of steps, such as 0.")
    for step in steps:
        Range(0, whole=True).check("steps", step)
    Range(0.0, 1.0).check("weak_share", weak_share)
    Range(0.0, open_low=True).check("shrinkage", shrinkage)
    mean, scale = moments(features)
    mean = mean if bias else np.zeros_like(mean)
    scale = scale if standardise else np.ones_like(scale)
    x = _Standardised.of(features, mean, scale)
    weak = np.asarray(targets, dtype=np.float32)
    known = np.ones(weak.shape[:2], np.float32) if weights is None else np.asarray(weights, np.float32)
    if shares is None:
        shares = (weak * known[..., None]).sum(axis=1) / known.sum(axis=1)[:, None]
    prior = np.broadcast_to(np.asarray(shares, dtype=np.float64), (len(weak), weak.shape[-1]))
    kept = np.float32(weak_share) * (known[..., None] > 0)
    kept[:, weak.shape[1] - n_held :] = 1.0
    within = within and bias
    found: dict[int, list[Heads]] = {step: [] for step in steps}
    n, d = features.shape
    with one_blas_thread(n * d * min(n, d)):
        whitened = _whitener(x, shrinkage, np.float64 if within else np.float32)
        for rows in _blocks(weak.shape):
            labels = weak[rows] * known[rows, :, None]
            offsets = None  # of the step before: a few steps change them little
            for step in range(max(steps) + 1):
                weight, logits = _discriminants(x, labels, whitened, by_class=bias, within=within)
                if bias:
                    offsets = class_offsets(logits, prior[rows], tolerance=SHARE_TOLERANCE, start=offsets)
                else:
                    offsets = np.zeros(prior[rows].shape)
                if step in found:
                    heads = Heads(mean, scale, weight, offsets.astype(np.float32))
                    found[step].append(heads if standardise else heads.on_raw_features())
                if step < max(steps):
                    labels = _next_labels(logits, offsets, weak[rows], kept[rows])
    return {step: Heads.joined(parts) for step, parts in found.items()}


def _blocks(shape: tuple[int, ...]) -> Iterator[slice]:
    """Cut labelings into those fitted together: few large ones in one product each, and no memory beyond a block's."""
    n_labelings, n, n_classes = shape
    together = max(1, NUMBERS // (n * n_classes))
    return (slice(start, start + together) for start in range(0, n_labelings, together))


@dataclass(frozen=True, eq=False)
class _Standardised:
    """Features x = raw / scale - shift, as products: sparse ones are never filled."""

    raw: FeatureMatrix
    shift: np.ndarray

    @classmethod
    def of(cls, features: FeatureMatrix, mean: np.ndarray, scale: np.ndarray) -> _Standardised:
        """Divide by the scale; dense features are centred at once."""
        if isinstance(features, csr_array):
            return cls(csr_array(features.multiply(1 / scale)).astype(np.float32), (mean / scale).astype(np.float32))
        centred = np.empty(features.shape, np.float32)
        for start in range(0, len(features), ROWS):  # float64 on the way: of all rows at once four times the memory
            rows = slice(start, start + ROWS)
            centred[rows] = (features[rows] - mean) / scale
        return cls(centred, np.zeros(len(mean), np.float32))

    def times(self, columns: np.ndarray) -> np.ndarray:
        """Return x v."""
        return np.asarray(self.raw @ columns - self.shift @ columns)

    def transposed_times(self, columns: np.ndarray) -> np.ndarray:
        """Return x' v."""
        return np.asarray(self.raw.T @ columns - np.outer(self.shift, columns.sum(axis=0)))

    def products(self, *, of_rows: bool) -> np.ndarray:
        """Return x x' or x' x."""
        if not isinstance(self.raw, csr_array):
            return np.asarray(self.raw @ self.raw.T if of_rows else self.raw.T @ self.raw)
        if not of_rows:
            return self.transposed_times(self.times(np.eye(self.raw.shape[1], dtype=np.float32)))
        gram = (self.raw @ self.raw.T).toarray()
        along = self.raw @ self.shift
        return np.asarray(gram - along[:, None] - along + self.shift @ self.shift)


def _whitener(x: _Standardised, shrinkage: float, dtype: type[np.floating]) -> Callable[[np.ndarray], np.ndarray]:
    """Return the map v -> S^-1 v for columns v, which costs the square of the smaller of examples and features."""
    n, d = x.raw.shape
    products = x.products(of_rows=d > n).astype(np.float64) / n
    ridge = shrinkage * (float(np.trace(products)) / d or 1.0)
    products[np.diag_indices_from(products)] += ridge
    if d <= n:
        inverse = np.linalg.inv(products).astype(dtype)
        return lambda v: inverse @ v
    gram = cho_factor(products)
    # Woodbury: (X'X / n + r I)^-1 v = (v - X' (XX' / n + r I)^-1 X v / n) / r
    return lambda v: ((v - x.transposed_times(cho_solve(gram, x.times(v)).astype(np.float32)) / n) / ridge).astype(
        np.float32
    )


def _discriminants(
    x: _Standardised,
    labels: np.ndarray,
    whitened: Callable[[np.ndarray], np.ndarray],
    *,
    by_class: bool,
    within: bool,
) -> tuple[np.ndarray, np.ndarray]:
    """Return weights `[labelings, features, classes]` and what they give, both centred over classes."""
    n_labelings, n, n_classes = labels.shape
    sums = x.transposed_times(np.moveaxis(labels, 0, 1).reshape(n, -1))
    mass = labels.sum(axis=1) if by_class else labels.sum(axis=(1, 2))[:, None] / n_classes
    means = np.moveaxis(sums.reshape(-1, n_labelings, n_classes), 1, 0) / np.maximum(mass, 1e-6)[:, None]  # mu_k
    flat = np.moveaxis(means, 1, 0).reshape(len(sums), -1)
    weight = np.moveaxis(whitened(flat).reshape(-1, n_labelings, n_classes), 1, 0)
    if within:
        # Woodbury, M the class means, P = diag(pi): (S - M P M')^-1 M = S^-1 M (I - P M' S^-1 M)^-1. With pi counted
        # among all points, labeled or not, M P M' is below cov(x), so that there is an inverse. Where classes are far
        # apart it takes float64: P M' S^-1 M is nearly 1 there, by r / d.
        between = (mass / n)[..., None] * (np.swapaxes(means, -1, -2) @ weight)
        weight = (weight @ np.linalg.inv(np.eye(n_classes) - between)).astype(np.float32)
    weight = weight - weight.mean(axis=-1, keepdims=True)
    logits = np.moveaxis(x.times(np.moveaxis(weight, 0, 1).reshape(len(sums), -1)).reshape(n, n_labelings, -1), 1, 0)
    spread = logits.std(axis=(1, 2), keepdims=True)
    factor = SPREAD / np.where(spread > 0, spread, 1.0)
    logits *= factor
    return factor * weight, logits


def _next_labels(logits: np.ndarray, offsets: np.ndarray, weak: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """Return (1 - w) softmax(l + b) + w t, where the logits were: with many classes memory costs more than sums."""
    labels = logits
    labels += offsets[:, None].astype(np.float32)
    labels -= labels.max(axis=-1, keepdims=True)
    np.exp(labels, out=labels)
    labels *= (1 - kept) / labels.sum(axis=-1, keepdims=True)
    if kept.any():
        labels += kept * weak
    return labels
