"""What true labels teach by themselves: a correction of an answer that learned none of them, and a student without it.

The correction is logistic regression on the true labels whose features are x and 5 z / sd(z), z the answer's logits, so
that the ridge leaves z nearly free and holds back what is learned beside it,

    min over W, V, b   sum_i CE(y_i, softmax(W'x_i + 5 V'z_i / sd + b)) + (|W|^2 + |V|^2) / (2 C),

C by the log loss of held-out true labels. With C near 0 it is z, with a large C a student of true labels alone. Without
z it is that student. What either says of a label that was held out is kept: the label has taught it nothing.

Few labels may show some classes only, the set C. Logistic regression would take that for proof that there are no
others, and held-out labels, which are of C too, would bear it out. So it tells those of C apart, and of any other
class k both say what the answer does, less what that says of C,

    z_k - mean_{c in C} z_c,    where the logits of C have mean 0.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.sparse import csr_array
from scipy.special import log_softmax

from outlearn.core.randomness import generator
from outlearn.learners.convex_grid import ConvexGrid
from outlearn.learners.fitted import Heads
from outlearn.learners.rows import moments
from outlearn.selection.class_shares import Comparable
from outlearn.selection.folds import held_out_folds
from outlearn.selection.train import Learned, average_heads
from outlearn.selection.true_labels import TrueLabels

__all__ = ["Correction", "Corrections"]

FREEDOM = 5.0  # of the answer's logits beside standardised features: the ridge on them is 25 times as weak
STRENGTHS = tuple(10.0**e for e in range(-6, 2))  # C; above 1 for tables with few columns
UNTOLD = 5  # of these, 0.1, where no label can be held out: each class is of one group


@dataclass(frozen=True, eq=False)
class Correction:
    """A student of true labels.

    Attributes:
        heads: one model.
        held_out: logits of the labels in `Corrections.rows`, from the other folds.
    """

    heads: Heads
    held_out: Float[np.ndarray, "held_out classes"]


@dataclass(frozen=True, eq=False)
class Corrections:
    """True labels with their folds, which are the same for all that is made of them.

    Attributes:
        true: the labels.
        learned: what the corrected answer learned from: its moments standardise the features.
        is_held_out: which labels each fold holds out.
    """

    true: TrueLabels
    learned: Learned
    is_held_out: Bool[np.ndarray, "folds true_points"]

    @classmethod
    def of(cls, true: TrueLabels, learned: Learned) -> Corrections:
        """Draw the folds."""
        fold = held_out_folds(true.labels, true.groups, generator(true.seed, "true labels"))
        return cls(true, learned, fold == np.unique(fold[fold >= 0])[:, None])

    @property
    def rows(self) -> Int[np.ndarray, " held_out"]:
        """The labels that are held out, fold after fold."""
        return np.nonzero(self.is_held_out)[1]

    def alone(self, answer: Heads) -> Correction:
        """Give the student of true labels alone; of classes that these do not show, it says what an answer does."""
        weight, bias, held_out = self._alone
        return self._beside(answer.on_raw_features(), self._of_others, weight, bias, held_out)

    def of_answer(self, answer: Heads) -> Correction:
        """Correct an answer, one head."""
        x, _, _ = self._standardised
        raw = answer.on_raw_features()
        own = raw.predict(self.learned.features)[0].astype(np.float64)
        factor = FREEDOM / ((own - own.mean(axis=-1, keepdims=True)).std() or 1.0)
        z = raw.predict(self.true.features)[0].astype(np.float64)
        z = factor * (z - z.mean(axis=-1, keepdims=True))
        weight, bias, held_out = self._logistic(np.concatenate([x, z], axis=1))
        of_logits = factor * weight[x.shape[1] :]
        of_logits = of_logits - of_logits.mean(axis=0)  # z is centred over classes: V and V less its mean give the same
        return self._beside(raw, of_logits + self._of_others, weight[: x.shape[1]], bias, held_out)

    @cached_property
    def _alone(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        return self._logistic(self._standardised[0])

    @cached_property
    def _of_others(self) -> Float[np.ndarray, "classes classes"]:
        """Turn an answer's logits into what is said of the classes that no true label shows, and 0 of the others."""
        shown = np.unique(self.true.labels)
        turn = np.eye(self._n_classes)
        turn[shown] = -1 / len(shown)
        turn[:, shown] = 0
        return turn

    def _beside(
        self,
        answer: Heads,
        turn: Float[np.ndarray, "classes classes"],
        weight: Float[np.ndarray, "features classes"],
        bias: Float[np.ndarray, " classes"],
        held_out: Float[np.ndarray, "held_out classes"],
    ) -> Correction:
        """Put what standardised features say beside the logits of an answer, turned so."""
        _, mean, scale = self._standardised
        weight = weight / scale[:, None]
        n, b = len(weight), bias - mean @ weight
        heads = Heads(np.zeros(n), np.ones(n), weight[None].astype(np.float32), b[None].astype(np.float32))
        if turn.any():
            turned = replace(
                answer,
                weight=(answer.weight.astype(np.float64) @ turn).astype(np.float32),
                bias=(answer.bias.astype(np.float64) @ turn).astype(np.float32),
            )
            # T'z + W'(x - mean) / scale + b: a sum, twice the mean of both
            twice = Comparable(np.array([2.0]), np.zeros((1, answer.n_classes)))
            heads = average_heads([(turned, twice), (heads, twice)])
        unseen = answer.predict(self.true.features)[0, self.rows]
        return Correction(heads, held_out + unseen @ self._of_others)

    @property
    def _n_classes(self) -> int:
        return self.learned.targets.shape[-1]

    @cached_property
    def _standardised(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the features of the true labels as the students' own are standardised, and their mean and scale."""
        mean, scale = moments(self.learned.features)
        mean = mean if self.learned.base.bias else np.zeros_like(mean)
        scale = scale if self.learned.base.standardise else np.ones_like(scale)
        raw = self.true.features
        dense = raw.toarray() if isinstance(raw, csr_array) else raw  # few rows
        return (dense - mean) / scale, mean, scale

    def _logistic(self, features: Float[np.ndarray, "points inputs"]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Fit logistic regression at the strength that held-out labels choose.

        Returns:
            Weight and intercept, and the logits of the held-out labels; 0 for classes that no true label shows, and of
            mean 0 over the others.
        """
        shown, labels = np.unique(self.true.labels, return_inverse=True)
        bias = self.learned.base.bias
        grid = ConvexGrid.of(
            features.astype(np.float32), np.eye(len(shown))[labels], {}, strengths=STRENGTHS, bias=bias,
            standardise=False,
        )  # fmt: skip
        every = np.arange(len(labels))
        kept = np.concatenate([~self.is_held_out, np.ones((1, len(labels)), bool)])
        parameters = grid.fit(every, kept.astype(np.float64))
        which, row = np.nonzero(self.is_held_out)
        logits = grid.predict(parameters[:-1], every)[which, :, row]  # [held-out labels, strengths, classes]
        strength = UNTOLD
        if len(row):
            log_loss = -log_softmax(logits, axis=-1)[np.arange(len(row)), :, labels[row]].mean(axis=0)
            strength = int(log_loss.argmin())
        best = parameters[-1, strength].astype(np.float64)  # [inputs, logits]
        if len(shown) == 2:  # one logit, the margin
            best = np.concatenate([-best / 2, best / 2], axis=1)
        weight, intercept = (best[:-1], best[-1]) if bias else (best, np.zeros(len(shown)))

        def of_all(of_shown: np.ndarray) -> np.ndarray:
            found = np.zeros((*of_shown.shape[:-1], self._n_classes))
            found[..., shown] = of_shown - of_shown.mean(axis=-1, keepdims=True)
            return found

        return of_all(weight), of_all(intercept), of_all(logits[:, strength])
