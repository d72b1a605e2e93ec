"""The hidden states of one layer, for which the layers above need not be run, or of several beside one another."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

__all__ = ["hidden_states", "states_of"]


@contextmanager
def hidden_states(
    network: Any, layers: tuple[int, ...] | None
) -> Iterator[Callable[..., Float[Tensor, "batch width features"]]]:
    """Give a function that reads what comes out of a layer of a frozen network, in any thread.

    Args:
        network: of transformers, without a head.
        layers: 0 for the embedding, k for what layer k gives, -1 for the last; None for the network's own output, which
            a last normalisation may have passed. For several the whole network is run.
    """
    ends_at = _last_module(network, layers)
    inside = threading.local()  # others may run the network to its end meanwhile, to read a prefix

    def stop(module: nn.Module, inputs: Any, output: Any) -> None:
        if getattr(inside, "run", False):
            raise _ReachedError(output[0] if isinstance(output, tuple) else output)

    def run(**inputs: Any) -> Tensor:
        """Run the network as far as it is needed."""
        if ends_at is None:
            output = network(**inputs, output_hidden_states=layers is not None)
            return states_of(output, layers)
        inside.run = True
        try:
            network(**inputs)
        except _ReachedError as reached:
            return reached.hidden
        finally:
            inside.run = False
        raise RuntimeError("the network never ran the layer that was asked for")  # its own stack of layers is run

    handle = None if ends_at is None else ends_at.register_forward_hook(stop)
    try:
        yield run
    finally:
        if handle is not None:
            handle.remove()


def states_of(output: Any, layers: tuple[int, ...] | None) -> Float[Tensor, "batch width features"]:
    """Read hidden states from what a network of transformers gives; several are put beside one another."""
    if layers is None:
        found: Tensor = output.last_hidden_state
        return found
    return torch.cat([output.hidden_states[k] for k in layers], dim=-1)


def _last_module(network: Any, layers: tuple[int, ...] | None) -> nn.Module | None:
    """Find the module whose output is the hidden state; None if the whole network must be run."""
    n_layers = getattr(network.config.get_text_config(), "num_hidden_layers", 0)
    stacks = [m for m in network.modules() if isinstance(m, nn.ModuleList) and len(m) == n_layers]
    number = layers[0] % (n_layers + 1) if layers is not None and len(layers) == 1 else None
    # Above the last layer a normalisation may follow, which is part of the last hidden state.
    inside = number is not None and 0 < number < n_layers and len(stacks) == 1
    return stacks[0][number - 1] if inside and number is not None else None


class _ReachedError(Exception):
    """Carry what was computed out of a forward pass."""

    def __init__(self, hidden: Tensor) -> None:
        super().__init__("reached")
        self.hidden = hidden
