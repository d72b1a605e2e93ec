"""Few true labels beside many weak ones: what the choice and the answer make of n of them.

choose: candidates are ranked by

    w kappa + (1 - w) s,    w = n / (n + 100),

kappa that of a candidate's student with the true labels, none of which it has learned, and s its label-free criterion:
with few labels kappa is noise, and s, which is not, has the say.

learn: the answer is a weighted dual mean of three, each at one spread and cut at the class shares, calibrated as
without. The first has weight 1 - 2 w / 3 and the others w / 3 each, the same w: all are equal with many true labels,
and with few, of which the others can learn little, the first has the say.

1. The best candidates, made again on weak and true labels together. A true label stands where weak ones would, weighs
   one point, and is never changed by a step of expectation-maximisation. More weight costs more than it gives: the
   few points' chance then moves the class means.
2. The answer without true labels, z(x), corrected: logistic regression on the true labels alone whose features are
   x and 5 z / sd(z), so that the ridge leaves z nearly free and holds back what is learned beside it,

       min over W, V, b   sum_i CE(y_i, softmax(W'x_i + 5 V'z_i / sd + b)) + (|W|^2 + |V|^2) / (2 C),

   C by the log loss of held-out true labels. With C near 0 it is z, with a large C a student of true labels alone.
3. The same without z: the student of true labels alone. It costs little where the others are better, and where labelers
   mislead them it keeps the answer from falling below what the true labels give.

z has seen no true label, so that what held-out labels say of it is unbiased. Measured: docs/auto.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Int
from scipy.sparse import csr_array, vstack
from scipy.special import log_softmax

from outlearn.core.feature_matrix import FeatureMatrix
from outlearn.core.predictions import Predictions
from outlearn.core.randomness import generator
from outlearn.core.students.agreement import kappa_matrix
from outlearn.errors import DataError
from outlearn.learners.convex_grid import ConvexGrid
from outlearn.learners.fitted import Heads
from outlearn.learners.rows import moments
from outlearn.selection.answer import Answer, fit_answer
from outlearn.selection.choice import Choice, trust
from outlearn.selection.class_shares import comparable
from outlearn.selection.folds import held_out_folds
from outlearn.selection.labelers import Labelings
from outlearn.selection.train import Learned, Report, average_heads

__all__ = ["TrueLabels", "agreement_with", "fit_answer_with_true_labels", "with_true_labels"]

FREEDOM = 5.0  # of the answer's logits beside standardised features: the ridge on them is 25 times as weak
STRENGTHS = (1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0)  # C
LEAST = 2  # true labels of a class: with one of them nothing can be held out


@dataclass(frozen=True, eq=False)
class TrueLabels:
    """Points whose true class is known, none of them in the student split.

    Attributes:
        features: of the points.
        labels: their classes.
        groups: a group's points are held out together; None if each point stands alone.
        seed: of the folds.

    Raises:
        DataError: unless two classes have two labels each.
    """

    features: FeatureMatrix
    labels: Int[np.ndarray, " points"]
    groups: Sequence[str] | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.teaches(np.arange(len(self.labels))):
            raise DataError(
                f"true_labels: the {len(self.labels):,} points with a true label show fewer than {LEAST} classes "
                f"{LEAST} times, and nothing can be learned or held out. Label more points, or use true_labels: none."
            )

    def __len__(self) -> int:
        return len(self.labels)

    def teaches(self, rows: Int[np.ndarray, " rows"]) -> bool:
        """Say whether some of the points are of two classes, with two points each."""
        return bool((np.unique(self.labels[rows], return_counts=True)[1] >= LEAST).sum() >= LEAST)

    def part(self, rows: Int[np.ndarray, " rows"]) -> TrueLabels:
        """Keep some of the points."""
        groups = None if self.groups is None else [self.groups[i] for i in rows.tolist()]
        return TrueLabels(self.features[rows], self.labels[rows], groups, self.seed)


def agreement_with(
    labels: Int[np.ndarray, " points"], hard: Int[np.ndarray, "candidates labelings points"], n_classes: int
) -> Float[np.ndarray, " candidates"]:
    """Measure kappa of each candidate's students with true labels, the mean over labelings."""
    truth = Predictions.from_probs(np.eye(n_classes)[labels][None])
    students = Predictions.from_probs(np.eye(n_classes)[hard.reshape(-1, hard.shape[-1])])
    return np.asarray(kappa_matrix(students, truth)[:, 0].reshape(hard.shape[:2]).mean(axis=1))


def with_true_labels(learned: Learned, true: TrueLabels) -> Learned:
    """Append points with true labels, the same ones to every labeling, held at these."""
    n_labelings, _, n_classes = learned.targets.shape
    one_hot = np.broadcast_to(np.eye(n_classes)[true.labels], (n_labelings, len(true), n_classes))
    weights = learned.weights
    return replace(
        learned,
        features=_stacked(learned.features, true.features),
        targets=np.concatenate([learned.targets, one_hot], axis=1),
        weights=None if weights is None else np.concatenate([weights, np.ones((n_labelings, len(true)))], axis=1),
        n_held=learned.n_held + len(true),
    )


def fit_answer_with_true_labels(
    learned: Learned,
    labelings: Labelings,
    choice: Choice,
    points: Mapping[str, FeatureMatrix],
    models: Sequence[tuple[int, int]],
    true: TrueLabels,
    *,
    form: str = "average",
    weak: Answer | None = None,
    progress: Report | None = None,
) -> Answer:
    """Make the answer from weak and true labels; arguments as for `fit_answer`, and `weak`, what it gives, if known."""
    if weak is None:
        weak = fit_answer(learned, labelings, choice, {}, models, form=form, linear=True, progress=progress)
    both = fit_answer(with_true_labels(learned, true), labelings, choice, {}, models, form=form, linear=True)
    corrected, alone = (_from_true_labels(weak.heads, learned, true, freedom) for freedom in (FREEDOM, 0.0))
    # The mean errs less than the weak answer, so that what calibrates this one is careful enough.
    third = trust(len(true)) / 3
    parts = ((both.heads, 1 - 2 * third), (corrected, third), (alone, third))
    heads = average_heads(
        [
            (each.on_raw_features(), comparable(each.predict(learned.features), learned.shares).times(3 * weight))
            for each, weight in parts
        ]
    )
    n_trained = weak.n_trained + both.n_trained + 2 * heads.n_models
    return Answer.of(heads, learned, points, n_trained, weak.calibration, weak.of_groups, weak.joined)


def _stacked(first: FeatureMatrix, second: FeatureMatrix) -> FeatureMatrix:
    """Put the rows of two tables behind one another."""
    if isinstance(first, csr_array):
        return csr_array(vstack([first, second]).astype(first.dtype))
    return np.concatenate([first, np.asarray(second, first.dtype)])


def _from_true_labels(heads: Heads, learned: Learned, true: TrueLabels, freedom: float) -> Heads:
    """Correct each head by the true labels, or do without it (freedom 0); linear heads come out."""
    raw = heads.on_raw_features()
    mean, scale = moments(learned.features)
    mean = mean if learned.base.bias else np.zeros_like(mean)
    scale = scale if learned.base.standardise else np.ones_like(scale)
    dense = true.features.toarray() if isinstance(true.features, csr_array) else true.features  # few rows
    x = (dense - mean) / scale
    found: dict[bytes, Heads] = {}
    models = []
    for m in range(raw.n_models):
        one = raw.select([m])
        key = one.weight.tobytes()  # students of other seeds are often the same discriminants
        if key not in found:
            found[key] = _corrected(one, x, mean, scale, learned, true, freedom)
        models.append(found[key])
    return Heads.joined(models)


def _corrected(
    head: Heads, x: np.ndarray, mean: np.ndarray, scale: np.ndarray, learned: Learned, true: TrueLabels, freedom: float
) -> Heads:
    own = head.predict(learned.features)[0].astype(np.float64)
    factor = freedom / ((own - own.mean(axis=-1, keepdims=True)).std() or 1.0)
    z = head.predict(true.features)[0].astype(np.float64)
    z = factor * (z - z.mean(axis=-1, keepdims=True))
    weight, bias = _logistic(np.concatenate([x, z], axis=1).astype(np.float32), true, head.n_classes, learned.base.bias)
    of_features, of_logits = weight[: x.shape[1]], factor * weight[x.shape[1] :]
    of_logits = of_logits - of_logits.mean(axis=0)  # z is centred over classes: V and V less its mean give the same
    # (x - mean) / scale W + factor (xU + c - its mean) V + b, a linear function of x
    of_features = of_features / scale[:, None]
    return Heads(
        head.mean,
        head.scale,
        (of_features + head.weight[0].astype(np.float64) @ of_logits)[None].astype(np.float32),
        (bias - mean @ of_features + head.bias[0].astype(np.float64) @ of_logits)[None].astype(np.float32),
    )


def _logistic(
    features: Float[np.ndarray, "points features"], true: TrueLabels, n_classes: int, with_bias: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Fit logistic regression, its strength by the log loss of held-out labels; return weights and intercept."""
    grid = ConvexGrid.of(
        features, np.eye(n_classes)[true.labels], {}, strengths=STRENGTHS, bias=with_bias, standardise=False
    )
    fold = held_out_folds(true.labels, true.groups, generator(true.seed, "true labels"))
    folds = np.unique(fold[fold >= 0])
    held_out = fold == folds[:, None]
    rows = np.arange(len(true))
    parameters = grid.fit(rows, np.concatenate([~held_out, np.ones((1, len(rows)), bool)]).astype(np.float64))
    which, row = np.nonzero(held_out)
    logits = grid.predict(parameters[:-1], rows)[which, :, row]  # [held-out labels, strengths, classes]
    log_loss = -log_softmax(logits, axis=-1)[np.arange(len(row)), :, true.labels[row]].mean(axis=0)
    best = parameters[-1, int(log_loss.argmin())].astype(np.float64)  # [inputs, logits]
    if n_classes == 2:  # one logit, the margin
        best = np.concatenate([-best / 2, best / 2], axis=1)
    return (best[:-1], best[-1]) if with_bias else (best, np.zeros(n_classes))
