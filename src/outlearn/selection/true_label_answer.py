"""An answer from few true labels and many weak ones: three students together, weighed by what true labels say of them.

1. The answer of the best candidates, made again on weak and true labels together. A true label stands where weak ones
   would, weighs one point, and is never changed by a step of expectation-maximisation. More weight costs more than it
   gives: the few points' chance then moves the class means.
2. The answer without true labels, corrected by them (`selection.corrections`).
3. The student of true labels alone. It costs little where the others are better, and where labelers mislead them it
   keeps the answer from falling below what the true labels give.

Each is calibrated in its own way: the first by the students of other labelers, the others by the true labels. None is
cut at the class shares for that: true labels teach these themselves, and better; of a class that no true label shows,
all say what weak labels do. The answer is the dual mean with
weights v, those under which held-out true labels are most probable, drawn towards u as by 3 labels more,

    max over v   sum_i log softmax(sum_j v_j z_j(x_i))_{y_i} + 3 sum_j u_j log v_j,    u = (1 - 2 w / 3, w / 3, w / 3),

w = n / (n + 100): the first has the say with few true labels, of which the others can learn little. In the place of the
first stands the answer without true labels, which is no better. This is stacking (Wolpert 1992) with a prior.

Measured: docs/auto.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float, Int
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax

from outlearn.core.feature_matrix import FeatureMatrix
from outlearn.learners.fitted import Heads
from outlearn.selection.answer import Answer, fit_answer
from outlearn.selection.choice import Choice, trust
from outlearn.selection.class_shares import Comparable
from outlearn.selection.corrections import Corrections
from outlearn.selection.labelers import Labelings
from outlearn.selection.train import Learned, Report, average_heads
from outlearn.selection.true_labels import TrueLabels, with_true_labels

__all__ = ["fit_answer_with_true_labels", "stacking_weights"]

CAUTION = 3.0  # labels' worth of what the weights are before any is held out; 1 to 10 do alike (docs/auto.md)
LEAST_WEIGHT = 1e-3


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
        weak = fit_answer(learned, labelings, choice, {}, models, form=form, progress=progress)
    both = fit_answer(with_true_labels(learned, true), labelings, choice, {}, models, form=form)
    corrections = Corrections.of(true, learned)
    labels, third = true.labels[corrections.rows], trust(len(true)) / 3
    averages = []
    for m in range(weak.heads.n_models):
        answer = weak.heads.select([m])
        corrected, alone = corrections.of_answer(answer), corrections.alone(answer)
        unseen = answer.predict(true.features)[0, corrections.rows]
        weights = stacking_weights(
            np.stack([unseen, corrected.held_out, alone.held_out]), labels, np.array([1 - 2 * third, third, third])
        )
        averages.append(_weighted_mean((both.heads.select([m]), corrected.heads, alone.heads), weights))
    n_trained = weak.n_trained + both.n_trained + len(averages) + 1
    return Answer.of(Heads.joined(averages), learned, points, n_trained, both.calibration, both.of_groups, both.joined)


def stacking_weights(
    logits: Float[np.ndarray, "students points classes"],
    labels: Int[np.ndarray, " points"],
    prior: Float[np.ndarray, " students"],
) -> Float[np.ndarray, " students"]:
    """Find the weights of a dual mean under which labels are most probable, with a prior worth three labels.

    Args:
        logits: of students that have not learned these labels.
        labels: of the points.
        prior: the weights without any label; above 0, of sum 1.

    Examples:
        >>> right, wrong = np.array([[0.5, -0.5]] * 50), np.array([[-0.5, 0.5]] * 50)
        >>> stacking_weights(np.stack([right, wrong]), np.zeros(50, int), np.array([0.2, 0.8])).round(1)
        array([0.9, 0.1])

    Source: Wolpert, Stacked generalization, 1992.
    """
    every = np.arange(len(labels))

    def cost(v: np.ndarray) -> tuple[float, np.ndarray]:
        mean = np.tensordot(v, logits, 1)
        log_probability = log_softmax(mean, axis=-1)[every, labels].sum() + CAUTION * (prior @ np.log(v))
        # d/dv_j log softmax(mean)_y = z_jy - sum_k p_k z_jk
        gained = logits[:, every, labels].sum(axis=1) - np.einsum("jik,ik->j", logits, softmax(mean, axis=-1))
        return -log_probability, -(gained + CAUTION * prior / v)

    found = minimize(
        cost, prior, jac=True, method="SLSQP", bounds=[(LEAST_WEIGHT, 1.0)] * len(prior),
        constraints={"type": "eq", "fun": lambda v: v.sum() - 1, "jac": np.ones_like},
    )  # fmt: skip
    return np.asarray(found.x / found.x.sum())


def _weighted_mean(heads: Sequence[Heads], weights: Float[np.ndarray, " heads"]) -> Heads:
    """Return the weighted dual mean of single heads."""
    nothing = np.zeros((1, heads[0].n_classes))
    times = [Comparable(np.array([len(heads) * weight]), nothing) for weight in weights]  # average_heads is their mean
    return average_heads([(each.on_raw_features(), form) for each, form in zip(heads, times, strict=True)])
