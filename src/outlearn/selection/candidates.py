"""What may be chosen: discriminants in closed form; where heads have a hidden layer, trained and distilled heads too.

Heads of many losses, lengths and weight decays beside the discriminants made the answer of a linear student worse: the
criterion ranks some of them among its best that are not (docs/auto.md).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, Protocol

from outlearn.learners.head_randomness import steps_per_epoch
from outlearn.learners.jobs import HeadSettings
from outlearn.learners.self_distillation import round_epochs
from outlearn.losses import Loss, get_loss, loss_config, loss_name

__all__ = [
    "FAMILIES",
    "Candidate",
    "DiscriminantCandidate",
    "Family",
    "HeadCandidate",
    "companion",
    "curved_companion",
    "default_candidates",
    "has_many_points",
    "may_curve",
    "records",
    "trained_candidates",
]

LOSSES = ("forward_ce", "hard_ce", "reverse_ce", "reverse_kl", "symmetric_ce", "cace", "aux_conf", "mae")
DISTILLED = ("forward_ce", "reverse_ce", "reverse_kl", "aux_conf", "mae")
LENGTHS = 5  # each half of the one before
MIN_STEPS = 400  # of the longest: with few points 20 epochs are too few steps for AdamW to leave its start
WEIGHT_DECAYS = (1e-4, 3.0)  # nearly none, and so much that what gets no gradient keeps a sixth in 400 steps
ROUNDS = 5
# Of discriminants. Which is best depends on the task: how many directions of the features tell the classes apart, how
# much the labels err by chance. No value outside was among the best of a development task.
SHRINKAGES = (0.1, 0.3, 1.0, 3.0)
# With many points for each feature, as tables with few columns have them, class means are known well: the covariance
# within classes can be told from that of all points, and there is less to shrink.
MANY_POINTS = 15  # for each feature
FEW_FEATURES = 60  # as many as were tried (docs/auto.md); of texts there are hundreds
HIDDEN = 64  # of the head with a hidden layer
# Of these the most for which it is tried. With 40 it learned what all labelers get wrong alike, and students were in
# more agreement for it; no table of more than 20 gained by it (docs/auto.md).
FEATURES_OF_CURVES = 20
SHRINKAGES_WITHIN = (0.003, 0.03, 0.3, 3.0)
STEPS = (1, 3, 7, 15)  # of expectation-maximisation; later ones change little or collapse
WEAK_SHARES = (0.0, 0.3, 0.5)  # of the weak labels in each step


@dataclass(frozen=True)
class Family:
    """A kind of candidates.

    Attributes:
        name: in results.
        label: for people.
        line: for tables: what they are, and how many.
    """

    name: str
    label: str
    line: str


FAMILIES: dict[str, Family] = {
    each.name: each
    for each in (
        Family(
            "discriminant",
            "discriminant",
            "semi-supervised linear discriminant analysis in closed form: shrinkage of .1, .3, 1 or 3 x no, 1, 3, 7 or "
            "15 steps of expectation-maximisation x 0, .3 or .5 of the weak labels kept in each: 52. With up to 60 "
            "features and 15 points for each or more, covariance within classes and shrinkage of .003, .03, .3 or 3",
        ),
        Family(
            "trained",
            "trained head",
            "where students have a hidden layer: eight losses x five lengths, each half of the one before, x weight "
            "decays of 1e-4 and 3: 80",
        ),
        Family(
            "distilled",
            "self-distilled head",
            "where students have a hidden layer: five of the losses x one to five rounds of self-distillation x both "
            "weight decays: 50",
        ),
    )
}


class Candidate(Protocol):
    """One way to make a student of weak labels."""

    @property
    def family(self) -> str:
        """A name in `FAMILIES`."""

    @property
    def kind(self) -> str:
        """Its loss, or what else it is, in a word: what a figure colours by."""

    def total_epochs(self, n_examples: int, base: HeadSettings) -> float:
        """Return the passes over the examples."""

    def record(self) -> Mapping[str, Any]:
        """Write its settings as plain data, for keys and results."""


@dataclass(frozen=True)
class DiscriminantCandidate:
    """A linear discriminant after some steps of expectation-maximisation; see `fit_discriminants`."""

    steps: int
    weak_share: float = 0.0
    shrinkage: float = 1.0
    within: bool = False
    family: str = field(default="discriminant", init=False)

    @property
    def kind(self) -> str:
        """Its covariance and shrinkage, which decide most."""
        return f"discriminant{' within classes' * self.within}, shrinkage {self.shrinkage:g}"

    def total_epochs(self, n_examples: int, base: HeadSettings) -> float:
        """Return the passes over the examples: one a step, and the first."""
        return 1.0 + self.steps

    def record(self) -> Mapping[str, Any]:
        """Write its settings as plain data, for keys and results."""
        return {
            "steps": self.steps,
            "weak_share": self.weak_share,
            "shrinkage": self.shrinkage,
            "within": self.within,
        }

    def __str__(self) -> str:
        text = self.kind
        text += f", {self.steps} EM step{'s' * (self.steps > 1)}" if self.steps else ""
        return text + (f", {self.weak_share:g} of the weak labels kept" if self.weak_share else "")


@dataclass(frozen=True)
class HeadCandidate:
    """A trained head: the loss, epochs of the first fit, and rounds of self-distillation after it.

    `hidden` is the width of a hidden layer; None leaves it as configured.
    """

    loss: Loss
    epochs: float
    weight_decay: float
    rounds: int = 0
    hidden: int | None = None

    @property
    def family(self) -> str:
        """Whether it learns from its own predictions too."""
        return "distilled" if self.rounds else "trained"

    @property
    def kind(self) -> str:
        """Its loss, and whether it is distilled."""
        return f"{self.loss.name}, distilled" if self.rounds else self.loss.name

    def settings(self, base: HeadSettings) -> HeadSettings:
        """Return the settings of its first fit."""
        hidden = base.hidden if self.hidden is None else self.hidden
        return replace(base, epochs=self.epochs, weight_decay=self.weight_decay, hidden=hidden)

    def total_epochs(self, n_examples: int, base: HeadSettings) -> float:
        """Return the passes over the examples of the first fit and all rounds."""
        return self.epochs + self.rounds * round_epochs(n_examples, self.settings(base))

    def record(self) -> Mapping[str, Any]:
        """Write its settings as plain data, for keys and results."""
        return {
            "loss": loss_config(self.loss),
            "epochs": round(self.epochs, 4),
            "weight_decay": self.weight_decay,
            "rounds": self.rounds,
            **({} if self.hidden is None else {"hidden": self.hidden}),
        }

    def __str__(self) -> str:
        text = f"{loss_name(self.loss)}, {self.epochs:.3g} epochs, weight decay {self.weight_decay:g}"
        text += "" if self.hidden is None else f", a hidden layer of {self.hidden}"
        return text + (f", {self.rounds} rounds of self-distillation" if self.rounds else "")


def trained_candidates(
    losses: Sequence[Loss], n_examples: int, base: HeadSettings, *, weighted: bool = False
) -> tuple[HeadCandidate, ...]:
    """List length x weight decay of some losses: what tuning without true labels would try.

    Lengths are halves of the longest, which is the configured one, or 400 steps where that is fewer.
    """
    longest = _longest(n_examples, base)
    return tuple(
        HeadCandidate(loss, longest / 2**halvings, decay)
        for decay in WEIGHT_DECAYS
        for halvings in range(LENGTHS)
        for loss in losses
        if not (weighted and loss.batch_coupled)
    )


@lru_cache(maxsize=64)  # the runs of a sweep on the same points have the same
def default_candidates(
    n_examples: int, n_features: int, base: HeadSettings, *, weighted: bool = False
) -> tuple[Candidate, ...]:
    """List the candidates for a number of training examples and of features: see `FAMILIES`.

    Discriminants are linear. Where heads have a hidden layer, these may be chosen too; a loss that looks at a whole
    minibatch does not take weighted examples.

    Examples:
        >>> found = default_candidates(2560, 384, HeadSettings(epochs=20))
        >>> len(found), str(found[0])
        (52, 'discriminant, shrinkage 0.1')
        >>> str(found[-1])
        'discriminant, shrinkage 3, 15 EM steps, 0.5 of the weak labels kept'
        >>> str(default_candidates(2560, 10, HeadSettings(epochs=20))[0])
        'discriminant within classes, shrinkage 0.003'
        >>> found = default_candidates(2560, 384, HeadSettings(epochs=20, hidden=16))
        >>> len(found), str(found[-1])
        (182, 'mae, 10 epochs, weight decay 3, 5 rounds of self-distillation')
    """
    within = has_many_points(n_examples, n_features)
    discriminants = tuple(
        DiscriminantCandidate(steps, share, shrinkage, within)
        for shrinkage in (SHRINKAGES_WITHIN if within else SHRINKAGES)
        for share in WEAK_SHARES
        for steps in (0, *STEPS)
        if steps or not share  # before the first step nothing is mixed
    )
    if base.hidden is None:
        return discriminants
    plain = trained_candidates([get_loss(name) for name in LOSSES], n_examples, base, weighted=weighted)
    first = round_epochs(n_examples, replace(base, epochs=_longest(n_examples, base)))
    distilled = [
        HeadCandidate(loss, first, decay, rounds)
        for decay in WEIGHT_DECAYS
        for loss in map(get_loss, DISTILLED)
        for rounds in range(1, ROUNDS + 1)
        if not (weighted and loss.batch_coupled)
    ]
    return (*discriminants, *plain, *distilled)


@lru_cache(maxsize=64)
def records(candidates: tuple[Candidate, ...]) -> list[dict[str, Any]]:
    """Write candidates as plain data, each with its family, for keys: the same list each time, not to be changed.

    Examples:
        >>> records((DiscriminantCandidate(0),))
        [{'family': 'discriminant', 'steps': 0, 'weak_share': 0.0, 'shrinkage': 1.0, 'within': False}]
    """
    return [{"family": each.family, **each.record()} for each in candidates]


def companion(n_examples: int, base: HeadSettings) -> HeadCandidate:
    """Return the trained head that an answer of discriminants is compared with, and in part joined by.

    Examples:
        >>> str(companion(4172, HeadSettings(epochs=20)))
        'reverse_ce, 20 epochs, weight decay 3'
    """
    return HeadCandidate(get_loss("reverse_ce"), _longest(n_examples, base), WEIGHT_DECAYS[-1])


def curved_companion(n_examples: int, base: HeadSettings) -> HeadCandidate:
    """Return the head with a hidden layer that is compared too, where a few features have many points.

    Examples:
        >>> str(curved_companion(4172, HeadSettings(epochs=20)))
        'forward_ce, 20 epochs, weight decay 0.0001, a hidden layer of 64'
    """
    return HeadCandidate(get_loss("forward_ce"), _longest(n_examples, base), WEIGHT_DECAYS[0], hidden=HIDDEN)


def has_many_points(n_examples: int, n_features: int) -> bool:
    """Say whether there are few features and so many examples of each that more than class means can be learned."""
    return n_features <= FEW_FEATURES and n_examples >= MANY_POINTS * n_features


def may_curve(n_examples: int, n_features: int) -> bool:
    """Say whether a head with a hidden layer is tried: features are fewer still, and have as many examples of each."""
    return n_features <= FEATURES_OF_CURVES and has_many_points(n_examples, n_features)


def _longest(n_examples: int, base: HeadSettings) -> float:
    return max(base.epochs, MIN_STEPS / steps_per_epoch(n_examples, base.batch_size))
