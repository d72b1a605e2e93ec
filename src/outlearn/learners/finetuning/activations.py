"""Activation functions whose values are computed again in the backward pass instead of being held.

The matrix behind an activation function needs the function's values for its gradient, and the function itself needs its
input: torch holds both from the forward to the backward pass. The values follow from the input, so the input will do,
and the function, which costs little beside the matrices, is computed once more. The gradients are the same to the last
bit. In a BERT layer of width H, whose feed-forward part is 4H wide, that leaves 12H of 16H numbers for a token. Where
the function is written out in Python (GPT-2) its own steps are held all the same, and in a gated layer (Llama, Qwen)
the product is: there an eighth is saved.
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
    """Find the modules of torch and transformers that compute GELU or SiLU and have no weights.

    Their gradient reads their input. That of ReLU reads its values, so nothing would be saved. Code that comes with a
    model may name anything GELU, and is left alone.
    """
    return [
        module
        for module in network.modules()
        if any(kind in type(module).__name__.lower() for kind in ("gelu", "silu"))
        and type(module).__module__.partition(".")[0] in ("torch", "transformers")
        and not [*module.children(), *module.parameters(), *module.buffers()]
    ]


@dataclass(frozen=True)
class _Values:
    """Hold what a function's values are computed from, and the shape in which they are wanted."""

    function: nn.Module
    argument: Tensor
    version: int
    autocast_dtype: torch.dtype
    autocast: bool
    shape: torch.Size

    def compute(self) -> Tensor:
        _check_version(self.argument, self.version)
        kind = self.argument.device.type
        with torch.no_grad(), torch.autocast(kind, self.autocast_dtype, enabled=self.autocast):
            values: Tensor = self.function.forward(self.argument)
        return values.reshape(self.shape)


@dataclass(frozen=True)
class _Output:
    """Hold a function's output for as long as it lives, to know it when it is to be held."""

    reference: weakref.ref[Tensor]
    version: int
    values: _Values

    def is_in(self, tensor: Tensor) -> bool:
        """Say whether a tensor at the output's address has all its values, in order, as the function gave them."""
        return (
            tensor._version == self.version and tensor.numel() == self.values.shape.numel() and tensor.is_contiguous()
        )


@contextmanager
def values_computed_again(functions: Sequence[nn.Module]) -> Iterator[None]:
    """Run a forward pass that holds the inputs of these functions, and not their values.

    Not to be used inside `torch.utils.checkpoint`, whose own hooks would be hidden.

    Args:
        functions: of one argument, without weights and without randomness; a call of another form, or with other hooks
            on the function, is left alone. None changes nothing.

    Raises:
        RuntimeError: in the backward pass, if a tensor that it needs was changed in place, as torch itself does.
    """
    if not functions:
        yield
        return
    outputs: dict[int, _Output] = {}  # by address: while an output lives nothing else lies there

    def note(function: nn.Module, inputs: tuple[Any, ...], named: dict[str, Any], output: Any) -> None:
        if named or len(inputs) != 1 or not isinstance(inputs[0], Tensor) or not isinstance(output, Tensor):
            return
        hooked = len(function._forward_hooks) > 1 or function._forward_pre_hooks
        if hooked or not output.requires_grad or output.shape != inputs[0].shape or not output.is_contiguous():
            return
        address, argument = output.data_ptr(), inputs[0].detach()
        if address == argument.data_ptr():  # in place
            return
        kind = argument.device.type
        values = _Values(
            function, argument, argument._version, torch.get_autocast_dtype(kind), torch.is_autocast_enabled(kind),
            output.shape,
        )  # fmt: skip

        def forget(reference: weakref.ref[Tensor]) -> None:
            if address in outputs and outputs[address].reference is reference:
                del outputs[address]

        outputs[address] = _Output(weakref.ref(output, forget), output._version, values)

    def hold(tensor: Tensor) -> _Values | tuple[Tensor, int]:
        found = outputs.get(tensor.data_ptr()) if tensor.layout is torch.strided else None
        if found is not None and found.is_in(tensor):
            return replace(found.values, shape=tensor.shape)
        return tensor, tensor._version

    def give(held: _Values | tuple[Tensor, int]) -> Tensor:
        if isinstance(held, _Values):
            return held.compute()
        _check_version(*held)
        return held[0]

    noting = [function.register_forward_hook(note, with_kwargs=True) for function in functions]
    try:
        with saved_tensors_hooks(hold, give):
            yield
    finally:
        for hook in noting:
            hook.remove()


def _check_version(tensor: Tensor, version: int) -> None:
    """Refuse a tensor that is not what it was: torch itself does not look where hooks are."""
    if tensor._version != version:
        raise RuntimeError(
            f"a tensor of shape {tuple(tensor.shape)} that the backward pass needs was changed in place (version "
            f"{tensor._version}, was {version}). Change a copy of it instead."
        )
