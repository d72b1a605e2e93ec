"""What a closed-form gradient is: what it reads of the targets, prepared once, and how it is written each step.

Hot loops are class-major, `[classes, examples, models]`, the models innermost, so that each operation runs along long
rows. For two classes every loss depends on the logits through the margin m = z_1 - z_0 only, so dL/dz_1 = dL/dm =
-dL/dz_0: half the work, and a head with one logit suffices; parts are then `[1, examples, models]`.

p is the student's softmax over axis 0, s = sigmoid(m) the probability of class 1, J(p) = diag(p) - p p^T. Most losses
are one formula with different coefficients, a `Mixture`; the others have a form of their own beside the loss.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias, final

from outlearn.lazy_torch import Tensor, torch
from outlearn.losses.distributions import project

__all__ = ["ClassStudent", "ClosedForm", "EntropyAdded", "MarginStudent", "Mixture", "OfTargets", "Parts"]

# By name, `[1 or classes, examples, models]`; the models axis may have length 1 and broadcast.
Parts: TypeAlias = Mapping[str, Tensor]


@final
class ClassStudent:
    """Hold a student's logits and what is computed from them, each at most once."""

    def __init__(self, logits: Tensor) -> None:
        self.logits = logits

    @cached_property
    def p(self) -> Tensor:
        """Return the probabilities."""
        return self.logits.softmax(0)

    @cached_property
    def log_p(self) -> Tensor:
        """Return the log-probabilities."""
        return self.logits.log_softmax(0)


@final
class MarginStudent:
    """Hold the margin of a student and what is computed from it, each at most once."""

    def __init__(self, margin: Tensor) -> None:
        self.margin = margin

    @cached_property
    def s(self) -> Tensor:
        """Return the probability of class 1."""
        return self.margin.sigmoid()

    @cached_property
    def slope(self) -> Tensor:
        """Return s (1 - s)."""
        return torch.addcmul(self.s, self.s, self.s, value=-1.0)


class ClosedForm(ABC):
    """Compute the gradient of one loss for many models at once, without a graph.

    Parts are what does not change during training; a minibatch is their rows on axis 1.
    """

    @abstractmethod
    def class_parts(self, t: Tensor) -> dict[str, Tensor]:
        """Prepare from the targets `[classes, examples, models]` what `write` reads."""

    @abstractmethod
    def margin_parts(self, t: Tensor) -> dict[str, Tensor]:
        """Prepare from the targets `[2, examples, models]` what `write_margin` reads."""

    @abstractmethod
    def write(self, student: ClassStudent, parts: Parts, progress: float, out: Tensor) -> None:
        """Write dL/dz, `[classes, examples, models]`."""

    @abstractmethod
    def write_margin(self, student: MarginStudent, parts: Parts, progress: float, out: Tensor) -> None:
        """Write dL/dm, `[examples, models]`."""


class OfTargets(ClosedForm):
    """A closed form that reads the targets as they are."""

    @final
    def class_parts(self, t: Tensor) -> dict[str, Tensor]:
        """Keep the targets."""
        return {"target": t}

    @final
    def margin_parts(self, t: Tensor) -> dict[str, Tensor]:
        """Keep the row of class 1."""
        return {"target": t[1:]}


@final
@dataclass(frozen=True)
class Mixture(ClosedForm):
    """Pull towards a target, plus the gradient of a linear cost and of a multiple of the student's negative entropy.

        g = pull (p - target) + J(p) (tilt cost + log_weight log p)

    and for two classes, with cost = cost_1 - cost_0,

        dL/dm = pull (s - target_1) + s (1 - s) (tilt cost + log_weight m).

    Its parts are `target` and `cost`, weights multiplied in, so that heads of different losses can share one table of
    coefficients.

    Args:
        pull: the weight of p - target.
        target: targets `[classes, examples, models]` -> what is pulled towards; None for the targets themselves.
        tilt: the weight of the cost.
        cost: targets -> the cost of each class; None for none.
        log_weight: the weight of J(p) log p.
        share: targets -> a weight w in [0, 1] for each example, `[1, examples, models]`: pull is multiplied by w and
            tilt by 1 - w. None for neither.
    """

    pull: float = 0.0
    target: Callable[[Tensor], Tensor] | None = None
    tilt: float = 1.0
    cost: Callable[[Tensor], Tensor] | None = None
    log_weight: float = 0.0
    share: Callable[[Tensor], Tensor] | None = None

    @property
    def is_cross_entropy(self) -> bool:
        """Tell whether the gradient is p - target: a cross-entropy up to a constant, convex in the logits."""
        return self.pull == 1.0 and self.cost is None and self.share is None and self.log_weight == 0.0

    def pull_of(self, parts: Parts) -> Tensor | float:
        """Return the pull of every example, `[1, examples, models]`, or one number for all."""
        return parts.get("pull", self.pull)

    def class_parts(self, t: Tensor) -> dict[str, Tensor]:
        """Prepare target and cost, and pull where examples differ in it."""
        return self._parts(t, lambda target: target, lambda cost: cost)

    def margin_parts(self, t: Tensor) -> dict[str, Tensor]:
        """Prepare the same for the margin, one row each."""
        return self._parts(t, lambda target: target[1:], lambda cost: cost[1:] - cost[:1])

    def _parts(
        self, t: Tensor, target_rows: Callable[[Tensor], Tensor], cost_rows: Callable[[Tensor], Tensor]
    ) -> dict[str, Tensor]:
        parts: dict[str, Tensor] = {}
        pull: Tensor | float = self.pull
        tilt: Tensor | float = self.tilt
        if self.share is not None:
            share = self.share(t)
            pull, tilt = self.pull * share, self.tilt * (1.0 - share)
            parts["pull"] = pull
        if self.pull:
            parts["target"] = pull * target_rows(t if self.target is None else self.target(t))
        if self.cost is not None:
            parts["cost"] = tilt * cost_rows(self.cost(t))
        return parts

    def write(self, student: ClassStudent, parts: Parts, progress: float, out: Tensor) -> None:
        """Write the formula for any number of classes."""
        tilt = parts.get("cost")
        if self.log_weight:
            log_p = self.log_weight * student.log_p
            tilt = log_p if tilt is None else log_p.add_(tilt)
        if tilt is None:
            out.zero_()
        else:
            project(student.p, tilt, out)
        if self.pull:
            out.add_(student.p * self.pull_of(parts)).sub_(parts["target"])

    def write_margin(self, student: MarginStudent, parts: Parts, progress: float, out: Tensor) -> None:
        """Write the formula for the margin."""
        out.zero_()
        if "cost" in parts:
            torch.mul(student.slope, parts["cost"][0], out=out)
        if self.log_weight:
            out.addcmul_(student.slope, student.margin, value=self.log_weight)
        if self.pull:
            pull = self.pull if self.share is None else parts["pull"][0]
            out.add_(student.s * pull).sub_(parts["target"][0])


@final
@dataclass(frozen=True)
class EntropyAdded(ClosedForm):
    """Add c H(s) to a loss that is no mixture: the gradient of the term is -c J(p) log p, and -c s (1 - s) m."""

    inner: ClosedForm
    weight: float

    def class_parts(self, t: Tensor) -> dict[str, Tensor]:
        """Prepare what the inner loss reads: the entropy reads nothing from the targets."""
        return self.inner.class_parts(t)

    def margin_parts(self, t: Tensor) -> dict[str, Tensor]:
        """Prepare what the inner loss reads."""
        return self.inner.margin_parts(t)

    def write(self, student: ClassStudent, parts: Parts, progress: float, out: Tensor) -> None:
        """Write the inner gradient and add the term."""
        self.inner.write(student, parts, progress, out)
        term = torch.empty_like(out)
        project(student.p, student.log_p, term)
        out.sub_(term, alpha=self.weight)

    def write_margin(self, student: MarginStudent, parts: Parts, progress: float, out: Tensor) -> None:
        """Write the inner derivative and add the term."""
        self.inner.write_margin(student, parts, progress, out)
        out.addcmul_(student.slope, student.margin, value=-self.weight)
