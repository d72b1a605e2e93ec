"""The hidden states of one layer, or of several beside one another; the layers above them are not run."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

__all__ = ["hidden_states", "states_of"]


@contextmanager
def hidden_states(
    network: Any, layers: tuple[int, ...] | None
) -> Iterator[Callable[..., Float[Tensor, "batch width features"]]]:
    """Give a function that reads what comes out of layers of a frozen network, in any thread.

    Args:
        network: of transformers, without a head.
        layers: 0 for the embedding, k for what layer k gives, -1 for the last; None for the network's own output, which
            a last normalisation may have passed. With the last one the whole network is run, and keeps what every
            layer gives while it runs; else it is run as far as the highest that is asked for, and keeps no other.
    """
    stack, numbers = _stack(network), layers and tuple(k % (_n_layers(network) + 1) for k in layers)
    # Above the last layer a normalisation may follow, which is part of the last hidden state.
    if stack is None or not numbers or max(numbers) == len(stack):
        yield lambda **inputs: states_of(network(**inputs, output_hidden_states=layers is not None), layers)
        return
    reading = threading.local()  # others may run the network to its end meanwhile, to read a prefix

    def keep(number: int, hidden: Tensor) -> None:
        if (found := getattr(reading, "found", None)) is not None:
            found[number] = hidden
            if len(found) == len(set(numbers)):
                raise _ReachedError

    def run(**inputs: Any) -> Tensor:
        """Run the network as far as it is needed."""
        found: dict[int, Tensor] = {}
        reading.found = found
        try:
            network(**inputs)
        except _ReachedError:
            return torch.cat([found[number] for number in numbers], dim=-1)
        finally:
            reading.found = None
        raise RuntimeError("the network never ran the layer that was asked for")  # its own stack of layers is run

    hooks = [_call_with_states(stack, number, partial(keep, number)) for number in set(numbers)]
    try:
        yield run
    finally:
        for hook in hooks:
            hook.remove()


def states_of(output: Any, layers: tuple[int, ...] | None) -> Float[Tensor, "batch width features"]:
    """Read hidden states from what a network of transformers gives; several are put beside one another."""
    if layers is None:
        found: Tensor = output.last_hidden_state
        return found
    return torch.cat([output.hidden_states[k] for k in layers], dim=-1)


def _n_layers(network: Any) -> int:
    return int(getattr(network.config.get_text_config(), "num_hidden_layers", 0))


def _stack(network: Any) -> nn.ModuleList | None:
    """Find the layers; None where it is not plain which modules these are."""
    stacks = [m for m in network.modules() if isinstance(m, nn.ModuleList) and len(m) == _n_layers(network) > 0]
    return stacks[0] if len(stacks) == 1 else None


def _call_with_states(stack: nn.ModuleList, number: int, call: Callable[[Tensor], None]) -> RemovableHandle:
    """Call with what layer `number` gives, or for 0 with what the first layer is given."""
    if number == 0:
        return stack[0].register_forward_pre_hook(
            lambda module, args, named: call(args[0] if args else named["hidden_states"]), with_kwargs=True
        )
    return stack[number - 1].register_forward_hook(
        lambda module, inputs, output: call(output[0] if isinstance(output, tuple) else output)
    )


class _ReachedError(Exception):
    """Leave a forward pass that has given what is needed."""
