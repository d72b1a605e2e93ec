"""The parameters of one order group, and the wide products that carry its minibatches forward and back.

All heads of a group see the same minibatch X, `[examples, features]`, which is read once: the linear head multiplies
it by the weights of all heads side by side, `[features, classes x heads]`. With a hidden layer the first product is
the same and the second is a batched one over heads. Two classes need one logit, the margin m = z_1 - z_0: training both
logits with AdamW moves m exactly as one logit with twice the learning rate and half the weight decay (their gradients
differ only in sign, hence their moments do), so the products are half as large. A number is one output as it is.

Parameters, gradients and moments live in flat buffers that a trainer owns; everything is written in place.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np

from outlearn.lazy_torch import Tensor, torch
from outlearn.learners.rows import Rows

__all__ = ["Block", "HiddenBlock", "LinearBlock", "computed_logits", "padded"]

# A product with 2 to 15 columns falls off the library's fast path and takes longer than one with 16.
NARROWEST = 16

Layers = list[tuple[np.ndarray, np.ndarray]]


def computed_logits(n_outputs: int) -> int:
    """Return the number of logits to compute for a head: two classes need one, a number is one."""
    return 1 if n_outputs == 2 else n_outputs


def padded(n_heads: int, n_logits: int) -> int:
    """Return the number of heads to compute so that the product is not slower than a wider one."""
    if n_heads * n_logits in (1, *range(NARROWEST, n_heads * n_logits + 1)):
        return n_heads
    return -(-NARROWEST // n_logits)


class Block(ABC):
    """Hold the heads of an order group.

    Attributes:
        logits: of the last minibatch, `[batch_size, logits, heads]`.
        gradient: of the loss with respect to them; the rules write it.
    """

    logits: Tensor
    gradient: Tensor

    @abstractmethod
    def forward(self, x: Tensor) -> None:
        """Compute the logits of a minibatch into `self.logits[:len(x)]`."""

    @abstractmethod
    def backward(self, x: Tensor) -> None:
        """Write the parameter gradients of the mean loss from `self.gradient[:len(x)]`."""

    @abstractmethod
    def load(self, layers: Sequence[Layers]) -> None:
        """Set the parameters, one entry for each head: (weight, bias) of each layer, for all outputs."""

    @abstractmethod
    def layers(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """Return (weight `[heads, inputs, outputs]`, bias `[heads, outputs]`) of each layer, for all outputs."""

    @abstractmethod
    def predict(self, x: Rows, start: int, stop: int) -> Tensor:
        """Compute the raw outputs of some rows, `[points, logits, heads]`; sparse rows are not spread out."""

    @abstractmethod
    def finite(self) -> np.ndarray:
        """Say for each head whether all its parameters are finite."""


class LinearBlock(Block):
    """Linear heads: one product forward, one back."""

    def __init__(
        self, weight: Tensor, weight_gradient: Tensor, *, n_heads: int, n_outputs: int, batch_size: int, bias: bool
    ) -> None:
        """Take views `[inputs (+ 1), logits x padded heads]` of the parameters and of their gradient."""
        self.weight, self.weight_gradient = weight, weight_gradient
        self.n_heads, self.n_outputs, self.bias = n_heads, n_outputs, bias
        self.n_logits = n_logits = computed_logits(n_outputs)
        width = weight.shape[1] // n_logits
        self.flat_logits = weight.new_zeros(batch_size, weight.shape[1])
        self.flat_gradient = weight.new_zeros(batch_size, weight.shape[1])  # padding keeps a gradient of 0
        self.logits = self.flat_logits.view(batch_size, n_logits, width)
        self.gradient = self.flat_gradient.view(batch_size, n_logits, width)

    def forward(self, x: Tensor) -> None:
        """Compute X W."""
        torch.mm(x, self.weight, out=self.flat_logits[: x.shape[0]])

    def backward(self, x: Tensor) -> None:
        """Compute X^T g / examples."""
        out = self.weight_gradient
        n = x.shape[0]
        torch.addmm(out, x.t(), self.flat_gradient[:n], beta=0.0, alpha=1.0 / n, out=out)

    def load(self, layers: Sequence[Layers]) -> None:
        """Write the initial weights; the last row is the bias."""
        weight = self.weight.view(self.weight.shape[0], self.n_logits, -1)
        values = np.stack([np.vstack([w, b[None]] if self.bias else [w]) for ((w, b),) in layers], axis=2)
        weight[:, :, : self.n_heads] = torch.from_numpy(_to_margin(values, axis=1, n_outputs=self.n_outputs))

    def layers(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """Return the one layer."""
        weight = self.weight.view(self.weight.shape[0], self.n_logits, -1)[:, :, : self.n_heads]
        return [_split(_from_margin(weight.permute(2, 0, 1).numpy(), self.n_outputs), self.bias)]

    def predict(self, x: Rows, start: int, stop: int) -> Tensor:
        """Compute X W."""
        out = self.weight.new_empty(stop - start, self.weight.shape[1])
        x.product(start, stop, self.weight, out)
        return out.view(len(out), self.n_logits, -1)[:, :, : self.n_heads]

    def finite(self) -> np.ndarray:
        """Check the columns."""
        good = self.weight.isfinite().all(0).view(self.n_logits, -1).all(0)
        return good[: self.n_heads].numpy()


class HiddenBlock(Block):
    """Heads with one hidden layer of rectified linear units: a wide product, then a batched one."""

    def __init__(
        self,
        first: Tensor,
        first_gradient: Tensor,
        second: Tensor,
        second_gradient: Tensor,
        *,
        n_outputs: int,
        batch_size: int,
        bias: bool,
    ) -> None:
        """Take views `[inputs (+ 1), heads x hidden]` and `[heads, hidden + 1, logits]` (last row: bias) of both."""
        self.first, self.first_gradient = first, first_gradient
        self.second, self.second_gradient = second, second_gradient
        self.n_heads, hidden_and_bias, self.n_logits = second.shape
        self.n_hidden, self.n_outputs, self.bias = hidden_and_bias - 1, n_outputs, bias
        self.hidden = first.new_empty(batch_size, first.shape[1])
        self.hidden_gradient = torch.empty_like(self.hidden)
        self.outputs = first.new_empty(self.n_heads, batch_size, self.n_logits)
        self.output_gradient = torch.empty_like(self.outputs)
        self.logits = first.new_empty(batch_size, self.n_logits, self.n_heads)
        self.gradient = torch.empty_like(self.logits)

    def _by_head(self, wide: Tensor) -> Tensor:
        """View `[examples, heads x hidden]` as `[heads, examples, hidden]`."""
        return wide.view(len(wide), self.n_heads, self.n_hidden).transpose(0, 1)

    def forward(self, x: Tensor) -> None:
        """Compute relu(X W1) W2 + b2."""
        n = len(x)
        hidden, outputs = self.hidden[:n], self.outputs[:, :n]
        torch.mm(x, self.first, out=hidden)
        hidden.clamp_(min=0.0)
        torch.baddbmm(self.second[:, -1:], self._by_head(hidden), self.second[:, :-1], out=outputs)
        self.logits[:n] = outputs.permute(1, 2, 0)

    def backward(self, x: Tensor) -> None:
        """Compute the gradients of both layers."""
        n = len(x)
        hidden, g = self.hidden[:n], self.output_gradient[:, :n]
        by_head = self._by_head(hidden)
        g.copy_(self.gradient[:n].permute(2, 0, 1))
        g /= n
        second = self.second_gradient[:, :-1]
        torch.baddbmm(second, by_head.transpose(1, 2), g, beta=0.0, out=second)
        if self.bias:
            torch.sum(g, 1, out=self.second_gradient[:, -1])
        back = self.hidden_gradient[:n]
        torch.bmm(g, self.second[:, :-1].transpose(1, 2), out=self._by_head(back))
        back.mul_(hidden.sign_())  # the derivative of the rectifier: 1 where it is above 0
        torch.mm(x.T, back, out=self.first_gradient)

    def load(self, layers: Sequence[Layers]) -> None:
        """Write the initial weights."""
        first = np.stack([np.vstack([w, b[None]] if self.bias else [w]) for (w, b), _ in layers], axis=1)
        self.first.view(len(first), self.n_heads, self.n_hidden).copy_(torch.from_numpy(first))
        second = np.stack([np.vstack([w, b[None]]) for _, (w, b) in layers])
        self.second.copy_(torch.from_numpy(_to_margin(second, axis=2, n_outputs=self.n_outputs)))

    def layers(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """Return both layers."""
        first = self.first.view(self.first.shape[0], self.n_heads, self.n_hidden).transpose(0, 1).numpy()
        return [_split(first, self.bias), _split(_from_margin(self.second.numpy(), self.n_outputs), True)]

    def predict(self, x: Rows, start: int, stop: int) -> Tensor:
        """Compute relu(X W1) W2 + b2, head after head: the hidden units of all heads are many."""
        out = self.first.new_empty(stop - start, self.n_logits, self.n_heads)
        hidden = self.first.new_empty(stop - start, self.n_hidden)
        for head in range(self.n_heads):
            columns = slice(head * self.n_hidden, (head + 1) * self.n_hidden)
            x.product(start, stop, self.first[:, columns], hidden)
            hidden.clamp_(min=0.0)
            out[:, :, head] = torch.addmm(self.second[head, -1], hidden, self.second[head, :-1])
        return out

    def finite(self) -> np.ndarray:
        """Check both layers."""
        first = self.first.isfinite().all(0).view(self.n_heads, self.n_hidden).all(1)
        return (first & self.second.isfinite().all(2).all(1)).numpy()


def _to_margin(weights: np.ndarray, *, axis: int, n_outputs: int) -> np.ndarray:
    """Replace two classes on `axis` by their difference: one logit stands for them."""
    return np.diff(weights, axis=axis) if n_outputs == 2 else weights


def _from_margin(weights: np.ndarray, n_outputs: int) -> np.ndarray:
    """Return weights for all outputs, the last axis: of two classes half the margin to each side."""
    return np.concatenate([-0.5 * weights, 0.5 * weights], axis=-1) if n_outputs == 2 else weights.copy()


def _split(weights: np.ndarray, bias: bool) -> tuple[np.ndarray, np.ndarray]:
    """Split the last row off as the bias."""
    weights = np.ascontiguousarray(weights)
    if bias:
        return weights[:, :-1].copy(), weights[:, -1].copy()
    return weights, np.zeros((weights.shape[0], weights.shape[2]), dtype=weights.dtype)
