"""A trained head beside the discriminants, with a say where it surely makes students of different labelers agree more.

Discriminants compare class means. With many classes these are noisy, and where classes are no clouds about a mean (each
a pair of digits, say) they fail altogether. One head of reverse cross-entropy is therefore trained for each labeling.
The answer is the weighted dual mean of both at one spread. The head's weight w is the one of 0, 1/4, 1/2, 3/4 and 1
with the largest lower bound on what it adds to the consensus c of students (`core.students.agreement`),

    c(w) - c(0) - 2 se(c(w) - c(0)),

which is 0 at w = 0. Students of any mixture agree more or less by chance, and the best of four often a little more.

Discriminants are fitted to the class shares in each step. A trained head says shares of its own, and is moved towards
the known ones as far as sampling does not explain the difference (`selection.class_shares.reconciled_shares`): cut at
shares of which each was counted on thirty labels, it lost up to 7 points with a hundred classes (docs/auto.md).

Where there are many points for each feature, as in tables with few columns, a class may lie around or between others,
and no line tells it. There a head with a hidden layer, of forward cross-entropy, is tried in the same way, and taken if
the consensus is higher by 0.03.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float
from scipy.special import softmax

from outlearn.core.predictions import Predictions
from outlearn.core.students.agreement import consensus, consensus_without
from outlearn.learners.fitted import Heads
from outlearn.selection.candidates import HeadCandidate, companion, curved_companion, may_curve
from outlearn.selection.class_shares import Comparable, comparable, reconciled_shares
from outlearn.selection.labelers import Labelings
from outlearn.selection.train import Learned, average_heads

__all__ = ["Joined", "joined"]

MARGIN = 0.03  # of consensus, by which a head with a hidden layer is to be better: it also follows shared errors more
WEIGHTS = (0.0, 0.25, 0.5, 0.75, 1.0)  # of the head: of equally good ones the first
STANDARD_ERRORS = 2.0  # of a gain in consensus, taken off: its lower bound at about 95%
N_BLOCKS = 10  # of points, one left out at a time, for the standard error


@dataclass(frozen=True, eq=False)
class Joined:
    """What was made of discriminants and the trained head.

    Attributes:
        heads: the averages, one a model.
        candidate: the trained head.
        weight: of the trained head.
        consensus: weight -> the consensus of the students of that answer.
    """

    heads: Heads
    candidate: HeadCandidate
    weight: float
    consensus: dict[float, float]

    @property
    def agreed(self) -> float:
        """The consensus of the answer's students."""
        return self.consensus[self.weight]


def joined(
    averages: Heads,
    learned: Learned,
    labelings: Labelings,
    train: Callable[[HeadCandidate], Heads],
    first_compared: int,
    *,
    linear: bool,
) -> Joined:
    """Train the heads for each model, and give one of them the weight that surely adds most to consensus.

    Args:
        averages: of the discriminants, one a model.
        learned: what they learned from.
        labelings: who is compared.
        train: makes a trained head for each model, those of the compared labelings last.
        first_compared: where these begin.
        linear: whether the answer must be a linear head.
    """
    mixtures = _Mixtures(averages, learned, labelings, train, first_compared)
    n_examples, n_features = learned.features.shape
    straight = mixtures.with_head(companion(n_examples, learned.base))
    # Pairs need answers that turn round when the two are exchanged, as those of a hidden layer do not.
    if linear or not learned.base.bias or not may_curve(n_examples, n_features):
        return straight
    curved = mixtures.with_head(curved_companion(n_examples, learned.base))
    return curved if curved.agreed > straight.agreed + MARGIN else straight


@dataclass(frozen=True, eq=False)
class _Mixtures:
    """What discriminants are mixed with, and by whose agreement a mixture is judged; attributes as for `joined`."""

    averages: Heads
    learned: Learned
    labelings: Labelings
    train: Callable[[HeadCandidate], Heads]
    first_compared: int

    def with_head(self, candidate: HeadCandidate) -> Joined:
        """Train one head for each model, and give it the weight of the largest lower bound on the gain in consensus."""
        trained = self.train(candidate)
        head = _at_reconciled_shares(trained.predict(self.learned.features), self.learned)
        answers = {0.0: self.averages}
        for weight in WEIGHTS[1:]:
            # average_heads is the mean of two: twice the weights make it the weighted one
            parts = [(self.averages, self._comparable.times(2 * (1 - weight))), (trained, head.times(2 * weight))]
            answers[weight] = average_heads(parts)
        said = {0.0: self._discriminants, **{weight: self._students(answers[weight]) for weight in WEIGHTS[1:]}}
        agreed = {weight: consensus(self._who, students).consensus for weight, students in said.items()}
        better = {weight: students for weight, students in said.items() if agreed[weight] > agreed[0.0]}
        bounds = {0.0: 0.0}
        for weight, error in _standard_errors(self._who, better, self._discriminants).items():
            bounds[weight] = agreed[weight] - agreed[0.0] - STANDARD_ERRORS * error
        weight = max(bounds, key=lambda weight: bounds[weight])
        return Joined(answers[weight], candidate, weight, agreed)

    @cached_property
    def _who(self) -> Predictions:
        return self.labelings.compared("student")

    @cached_property
    def _comparable(self) -> Comparable:
        return comparable(self.averages.predict(self.learned.features), self.learned.shares)

    @cached_property
    def _discriminants(self) -> Predictions:
        return self._students(self.averages)

    def _students(self, heads: Heads) -> Predictions:
        """Return what the compared models answer at the points that are labeled; those of known truth come after."""
        points = self.learned.features[: self._who.n_points]
        logits = heads.select(slice(self.first_compared, None)).predict(points)
        return Predictions.from_logits(logits, point_ids=self._who.point_ids, teacher_of=np.arange(len(logits)))


def _standard_errors(
    who: Predictions, better: Mapping[float, Predictions], discriminants: Predictions
) -> dict[float, float]:
    """Measure by the jackknife over blocks of points how far chance moves each gain in consensus over discriminants.

    se^2 = (b - 1) / b sum_j (g_j - mean g)^2, with g_j the gain without block j of b.
    """
    if not better:
        return {}
    n_blocks = min(N_BLOCKS, who.n_points)
    blocks = np.arange(who.n_points) % n_blocks
    without = consensus_without(who, discriminants, blocks)
    gains = {weight: consensus_without(who, students, blocks) - without for weight, students in better.items()}
    return {weight: float(np.sqrt((n_blocks - 1) * np.var(each))) for weight, each in gains.items()}


def _at_reconciled_shares(logits: Float[np.ndarray, "models points classes"], learned: Learned) -> Comparable:
    """Bring trained heads to one spread, and from their own class shares towards the known ones."""
    own = comparable(logits, None)
    if learned.shares is None:
        return own
    said = softmax(own.logits(logits), axis=-1).mean(axis=1)
    return comparable(logits, reconciled_shares(said, learned.shares, learned.counted, logits.shape[1]))
