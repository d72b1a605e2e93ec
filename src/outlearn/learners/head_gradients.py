"""Gradients of many heads with different losses at once: most losses are one formula with different coefficients.

With p = softmax(z) and J(p) = diag(p) - p p^T, the gradient of the cross-entropies, the divergences between them, CACE
and MAE is

    g = pull p - target + J(p) (cost + log_weight log p),

and for two classes, in the margin m = z_1 - z_0 and s = sigmoid(m),

    dL/dm = pull s - target + s (1 - s) (cost + log_weight m).

`outlearn.losses.prepare` already holds pull, target and cost for each example. Here they become the columns of one
table, sample weights multiplied in, so that a step gathers the rows of its minibatch once and evaluates one formula,
however many losses and weightings its heads have. Other losses take their own closed form, one call for each loss.

A group's logits are `[examples, classes, heads]`, heads innermost; for two classes `[examples, 1, heads]`, the margin.
Numbers are `[examples, 1, heads]` too: the derivative of their loss is a formula of the output and the label.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

from outlearn.errors import ConfigError
from outlearn.lazy_torch import Tensor, torch
from outlearn.learners.blocks import Block, computed_logits
from outlearn.learners.checked_inputs import Inputs
from outlearn.learners.jobs import HeadJob
from outlearn.losses import Loss, logit_gradient, margin_gradient, prepare
from outlearn.losses.closed_forms import Mixture
from outlearn.losses.numbers import NumberLoss

__all__ = ["Rule", "Span", "arrange", "build_rules", "table_columns"]


class Rule(ABC):
    """Write the gradient of some columns of a group, times the sample weights."""

    @abstractmethod
    def write(self, rows: Tensor, progress: float) -> None:
        """Write into the block's gradient, from its logits; the first `len(rows)` are of the examples `rows`."""


@dataclass(frozen=True)
class Span:
    """Name a run of heads that share a rule: positions in the group, and the loss of each distinct run."""

    kind: str  # "mixed", "mixed_log", or "other"
    losses: tuple[tuple[Loss, list[int]], ...]  # each loss with its heads' job indices, in column order

    @property
    def jobs(self) -> list[int]:
        """Return the job indices in column order."""
        return [job for _, jobs in self.losses for job in jobs]


def arrange(jobs: Sequence[HeadJob], members: Sequence[int]) -> list[Span]:
    """Order the heads of a group so that those with one rule, and within it one loss, are neighbours."""
    by_kind: dict[str, dict[Loss, list[int]]] = {"mixed": {}, "mixed_log": {}}
    others: dict[Loss, list[int]] = {}
    for index in members:
        loss = jobs[index].loss
        mixture = _mixture(loss)
        if mixture is None:
            others.setdefault(loss, []).append(index)
        else:
            by_kind["mixed_log" if mixture.log_weight else "mixed"].setdefault(loss, []).append(index)
    spans = [Span(kind, tuple(losses.items())) for kind, losses in by_kind.items() if losses]
    return spans + [Span("other", ((loss, indices),)) for loss, indices in others.items()]


def table_columns(n_outputs: int) -> int:
    """Return how many numbers an example and a head take in the largest table."""
    return 4 if n_outputs == 2 else 2 * n_outputs + 2


def build_rules(jobs: Sequence[HeadJob], spans: Sequence[Span], data: Inputs, block: Block) -> list[Rule]:
    """Build the rules of a group; the spans follow each other in its columns."""
    rules: list[Rule] = []
    start = 0
    for span in spans:
        columns = slice(start, start + len(span.jobs))
        start = columns.stop
        logits, gradient = block.logits[:, :, columns], block.gradient[:, :, columns]
        if span.kind == "other":
            loss, indices = span.losses[0]
            weights = _weights(jobs, indices, data)
            if isinstance(loss, NumberLoss):
                rules.append(NumberRule(loss, logits, gradient, _numbers(indices, data), weights))
                continue
            if loss.batch_coupled and weights is not None:
                raise ConfigError(
                    f"jobs[{indices[0]}] ({jobs[indices[0]]}): this loss compares the examples of a minibatch with "
                    "each other, so sample weights would need weighted thresholds, which it does not have. "
                    "Train it on the examples you want, without a weighting."
                )
            rules.append(OtherRule(loss, logits, gradient, _targets(jobs, indices, data), weights))
        else:
            kind = MarginRule if data.n_outputs == 2 else ClassRule
            rules.append(kind(_table(jobs, span, data), logits, gradient, log=span.kind == "mixed_log"))
    return rules


class MarginRule(Rule):
    """Evaluate the two-class formula; its table is `[examples, 3 or 4, heads]`: a quadratic in s, and the log's part.

    pull s - target + s (1 - s) cost = -target + s ((pull + cost) - cost s).
    """

    def __init__(self, table: Tensor, logits: Tensor, gradient: Tensor, *, log: bool) -> None:
        self.table, self.log = table, log
        self.gathered = table.new_empty(len(logits), *table.shape[1:])
        self.coefficients = self.gathered.unbind(1)
        self.margin, self.gradient = logits[:, 0], gradient[:, 0]
        self.s, self.bend = torch.empty_like(self.margin), torch.empty_like(self.margin)
        self.views: dict[int, list[Tensor]] = {}

    def write(self, rows: Tensor, progress: float) -> None:
        """Write dL/dm."""
        n = rows.shape[0]
        if n not in self.views:  # two sizes occur: the minibatch and the last of an epoch
            buffers = [self.gathered, self.margin, self.gradient, self.s, self.bend, *self.coefficients]
            self.views[n] = [buffer[:n] for buffer in buffers]
        gathered, margin, gradient, s, bend, *coefficients = self.views[n]
        torch.index_select(self.table, 0, rows, out=gathered)
        torch.sigmoid(margin, out=s)
        torch.addcmul(coefficients[1], coefficients[2], s, out=bend)
        torch.addcmul(coefficients[0], bend, s, out=gradient)
        if self.log:
            torch.addcmul(s, s, s, value=-1.0, out=bend)
            gradient.addcmul_(bend.mul_(margin), coefficients[3])


class ClassRule(Rule):
    """Evaluate the formula for any number of classes; its table is `[examples, 2 classes + 1 or 2, heads]`."""

    def __init__(self, table: Tensor, logits: Tensor, gradient: Tensor, *, log: bool) -> None:
        self.table, self.log = table, log
        k = logits.shape[1]
        self.gathered = table.new_empty(len(logits), *table.shape[1:])
        self.coefficients = torch.split(self.gathered, [k, k, *[1] * (table.shape[1] - 2 * k)], dim=1)
        self.logits, self.gradient = logits, gradient
        self.p, self.work, self.inner = torch.empty_like(logits), torch.empty_like(logits), logits[:, :1].clone()
        self.views: dict[int, list[Tensor]] = {}

    def write(self, rows: Tensor, progress: float) -> None:
        """Write dL/dz."""
        n = rows.shape[0]
        if n not in self.views:
            buffers = [self.gathered, self.logits, self.gradient, self.p, self.work, self.inner, *self.coefficients]
            self.views[n] = [buffer[:n] for buffer in buffers]
        gathered, logits, gradient, p, work, inner, target, cost, pull, *log_weight = self.views[n]
        torch.index_select(self.table, 0, rows, out=gathered)
        torch.softmax(logits, 1, out=p)
        if self.log:
            torch.log_softmax(logits, 1, out=work)
            cost.addcmul_(work, log_weight[0])
        torch.mul(p, cost, out=work)
        torch.sum(work, 1, keepdim=True, out=inner)
        cost.sub_(inner).add_(pull)
        torch.addcmul(target, p, cost, out=gradient)  # target carries its minus sign


class OtherRule(Rule):
    """Call the closed form of one loss, or autograd where it has none; allocates a few small tensors a step."""

    def __init__(self, loss: Loss, logits: Tensor, gradient: Tensor, targets: Tensor, weights: Tensor | None) -> None:
        self.loss, self.logits, self.gradient, self.weights = loss, logits, gradient, weights
        self.prepared = prepare(loss, targets)

    def write(self, rows: Tensor, progress: float) -> None:
        """Write the gradient that `outlearn.losses` computes."""
        batch = self.prepared.take(rows)
        z, g = self.logits[: len(rows)], self.gradient[: len(rows)]
        if self.prepared.n_classes == 2:
            margin_gradient(self.loss, z[:, 0], batch, progress=progress, out=g[:, 0])
        else:
            logit_gradient(self.loss, z.transpose(0, 1), batch, progress=progress, out=g.transpose(0, 1))
        if self.weights is not None:
            g.mul_(self.weights.index_select(0, rows)[:, None])


class NumberRule(Rule):
    """Write the derivative of a loss of numbers, its labels in the units that each head learns in."""

    def __init__(
        self, loss: NumberLoss, logits: Tensor, gradient: Tensor, labels: Tensor, weights: Tensor | None
    ) -> None:
        self.loss, self.outputs, self.gradient = loss, logits[:, 0], gradient[:, 0]
        self.labels, self.weights = labels, weights

    def write(self, rows: Tensor, progress: float) -> None:
        """Write dL/dz."""
        n = len(rows)
        slope = self.loss.slope(self.outputs[:n], self.labels.index_select(0, rows))
        if self.weights is not None:
            slope *= self.weights.index_select(0, rows)
        self.gradient[:n] = slope


def _mixture(loss: Loss) -> Mixture | None:
    """Return the coefficients of a loss that follows the formula, else None."""
    form = loss.closed_form()
    return form if isinstance(form, Mixture) else None


def _targets(jobs: Sequence[HeadJob], indices: Sequence[int], data: Inputs) -> Tensor:
    """Return the class-major targets of these jobs, `[classes, examples, heads]`."""
    return data.targets[[jobs[i].labeling for i in indices]].permute(2, 1, 0).contiguous()


def _numbers(indices: Sequence[int], data: Inputs) -> Tensor:
    """Return the labels of these jobs in their units, `[examples, heads]`."""
    assert data.units is not None  # of numbers
    labels = data.units.labels[data.units.row[list(indices)]]
    return torch.from_numpy(labels).to(data.targets.dtype).T.contiguous()


def _weights(jobs: Sequence[HeadJob], indices: Sequence[int], data: Inputs) -> Tensor | None:
    """Return the sample weights of these jobs, `[examples, heads]`, or None if all are 1."""
    chosen = [jobs[i].weighting for i in indices]
    if data.weights is None or all(w is None for w in chosen):
        return None
    weights = torch.ones(len(indices), data.n_examples, dtype=data.targets.dtype)
    for row, weighting in enumerate(chosen):
        if weighting is not None:
            weights[row] = data.weights[weighting]
    return weights.T.contiguous()


def _table(jobs: Sequence[HeadJob], span: Span, data: Inputs) -> Tensor:
    """Write the coefficients of every example and head, weights multiplied in."""
    k = computed_logits(data.n_outputs)
    log = span.kind == "mixed_log"
    table = torch.zeros(data.n_examples, (3 if k == 1 else 2 * k + 1) + log, len(span.jobs), dtype=data.targets.dtype)
    start = 0
    for loss, indices in span.losses:
        columns = table[:, :, start : start + len(indices)]
        start += len(indices)
        prepared = prepare(loss, _targets(jobs, indices, data))
        mixture = prepared.closed_form
        if not isinstance(mixture, Mixture):  # `arrange` gave this loss a rule of its own
            raise ConfigError(f"{loss} does not follow the shared formula.")
        pull = mixture.pull_of(prepared.parts)
        target, cost = prepared.parts.get("target"), prepared.parts.get("cost")
        if target is not None:
            columns[:, :k] = -target.transpose(0, 1)
        if k == 1:
            margin_cost = 0.0 if cost is None else cost[0]
            columns[:, 1] = pull + margin_cost
            columns[:, 2] = -margin_cost
        else:
            if cost is not None:
                columns[:, k : 2 * k] = cost.transpose(0, 1)
            columns[:, 2 * k] = pull
        if log:
            columns[:, -1] = mixture.log_weight
    weights = _weights(jobs, span.jobs, data)
    if weights is not None:
        table *= weights[:, None]
    return table
