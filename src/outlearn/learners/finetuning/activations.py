"""Activation functions whose values are computed again in the backward pass instead of being held.

The matrix behind an activation function needs the function's values for its gradient, and the function itself needs its
input: torch holds both from the forward to the backward pass. In a transformer layer of width H, whose feed-forward
part is 4H wide, that is 8H of the 16H numbers held for a token. The values follow from the input, so the input will do:
12H are left, and the function, which costs little beside the matrices, is computed once more. The gradients are the
same to the last bit.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks

__all__ = ["activation_functions", "values_computed_again"]


def activation_functions(network: nn.Module) -> list[nn.Module]:
    """Find the functions whose gradient reads their input: GELU and SiLU, whatever variant; not ReLU, which reads its
    values, so that nothing would be saved.
    """
    return [module for module in network.modules() if any(kind in type(module).__name__ for kind in ("GELU", "SiLU"))]


@dataclass(frozen=True)
class _Values:
    """Stand for the values of a function, in the shape in which they were to be held."""

    function: nn.Module
    argument: Tensor
    version: int
    autocast: tuple[torch.dtype, bool]
    shape: torch.Size

    def compute(self) -> Tensor:
        if self.argument._version != self.version:
            raise RuntimeError(f"the input of {self.function} was changed in place after it was read.")
        dtype, enabled = self.autocast
        with torch.no_grad(), torch.autocast(self.argument.device.type, dtype, enabled=enabled):
            values: Tensor = self.function.forward(self.argument)
        return values.reshape(self.shape)


@contextmanager
def values_computed_again(functions: Sequence[nn.Module]) -> Iterator[None]:
    """Run a forward pass that holds the inputs of these functions, and not their values.

    Not to be used inside `torch.utils.checkpoint`, whose own hooks would be hidden; a checkpoint inside goes its way.
    """
    # By address. An entry counts while its output lives, as nothing else can then lie there.
    outputs: dict[int, tuple[weakref.ref[Tensor], int, _Values]] = {}

    def note(function: nn.Module, inputs: tuple[Any, ...], output: Tensor) -> None:
        argument = inputs[0].detach()
        if output.is_contiguous() and output.data_ptr() != argument.data_ptr():
            kind = argument.device.type
            autocast = torch.get_autocast_dtype(kind), torch.is_autocast_enabled(kind)
            values = _Values(function, argument, argument._version, autocast, output.shape)
            outputs[output.data_ptr()] = weakref.ref(output), output._version, values

    def hold(tensor: Tensor) -> Tensor | _Values:
        found = outputs.get(tensor.data_ptr())
        if found is None:
            return tensor
        output, version, values = found[0](), found[1], found[2]
        same = output is not None and output._version == version and tensor.dtype == output.dtype
        if not same or tensor.numel() != values.shape.numel() or not tensor.is_contiguous():
            return tensor
        return replace(values, shape=tensor.shape)

    def give(held: Tensor | _Values) -> Tensor:
        return held.compute() if isinstance(held, _Values) else held

    noting = [function.register_forward_hook(note) for function in functions]
    try:
        with saved_tensors_hooks(hold, give):
            yield
    finally:
        for hook in noting:
            hook.remove()
        outputs.clear()  # autograd keeps `hold`, and with it what this keeps
