"""What may be chosen: loss x length x weight decay, and self-distillation of some losses for several rounds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from outlearn.learners.head_randomness import steps_per_epoch
from outlearn.learners.jobs import HeadSettings
from outlearn.learners.self_distillation import round_epochs
from outlearn.losses import Loss, get_loss, loss_config, loss_name

__all__ = ["Candidate", "default_candidates"]

LOSSES = ("forward_ce", "hard_ce", "reverse_ce", "reverse_kl", "symmetric_ce", "cace", "aux_conf", "mae")
DISTILLED = ("forward_ce", "reverse_ce", "reverse_kl", "aux_conf", "mae")
LENGTHS = 5  # each half of the one before
MIN_STEPS = 400  # of the longest: with few points 20 epochs are too few steps for AdamW to leave its start
WEIGHT_DECAYS = (1e-4, 3.0)  # nearly none, and so much that what gets no gradient keeps a sixth in 400 steps
ROUNDS = 5


@dataclass(frozen=True)
class Candidate:
    """One way to train a student: the loss, epochs of the first fit, and rounds of self-distillation after it."""

    loss: Loss
    epochs: float
    weight_decay: float
    rounds: int = 0

    def settings(self, base: HeadSettings) -> HeadSettings:
        """Return the settings of its first fit."""
        return replace(base, epochs=self.epochs, weight_decay=self.weight_decay)

    def total_epochs(self, n_examples: int, base: HeadSettings) -> float:
        """Return the passes over the examples of the first fit and all rounds."""
        return self.epochs + self.rounds * round_epochs(n_examples, self.settings(base))

    def record(self) -> Mapping[str, Any]:
        """Write it as plain data, for keys and results."""
        return {
            "loss": loss_config(self.loss),
            "epochs": round(self.epochs, 4),
            "weight_decay": self.weight_decay,
            "rounds": self.rounds,
            "name": str(self),
        }

    def __str__(self) -> str:
        text = f"{loss_name(self.loss)}, {self.epochs:.3g} epochs, weight decay {self.weight_decay:g}"
        return text + (f", {self.rounds} rounds of self-distillation" if self.rounds else "")


def default_candidates(n_examples: int, base: HeadSettings, *, weighted: bool = False) -> tuple[Candidate, ...]:
    """List the candidates for a number of training examples: 80 plain, 50 of self-distillation.

    Lengths are halves of the longest, which is the configured one, or 400 steps where that is fewer.
    A loss that looks at a whole minibatch does not take weighted examples.

    Example:
        >>> found = default_candidates(2560, HeadSettings(epochs=20))
        >>> len(found), str(found[0])
        (130, 'forward_ce, 20 epochs, weight decay 0.0001')
        >>> str(found[-1])
        'mae, 10 epochs, weight decay 3, 5 rounds of self-distillation'
    """
    longest = max(base.epochs, MIN_STEPS / steps_per_epoch(n_examples, base.batch_size))
    plain = [
        Candidate(get_loss(name), longest / 2**halvings, decay)
        for decay in WEIGHT_DECAYS
        for halvings in range(LENGTHS)
        for name in LOSSES
    ]
    first = round_epochs(n_examples, replace(base, epochs=longest))
    distilled = [
        Candidate(get_loss(name), first, decay, rounds)
        for decay in WEIGHT_DECAYS
        for name in DISTILLED
        for rounds in range(1, ROUNDS + 1)
    ]
    return tuple(each for each in (*plain, *distilled) if not (weighted and each.loss.batch_coupled))
