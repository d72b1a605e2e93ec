"""The hidden states of one layer, for which the layers above need not be run."""

from __future__ import annotations

from typing import Any

from jaxtyping import Float
from torch import Tensor, nn

__all__ = ["HiddenStates"]


class HiddenStates:
    """Read what comes out of a layer of a frozen network.

    Args:
        network: of transformers, without a head.
        layer: 0 for the embedding, k for what layer k gives, -1 for the last; None for the network's own output, which
            a last normalisation may have passed.
    """

    def __init__(self, network: Any, layer: int | None) -> None:
        self.network, self.layer = network, layer
        n_layers = getattr(network.config.get_text_config(), "num_hidden_layers", 0)
        stacks = [m for m in network.modules() if isinstance(m, nn.ModuleList) and len(m) == n_layers]
        number = None if layer is None else layer % (n_layers + 1)
        # Above the last layer a normalisation may follow, which is part of the last hidden state.
        inside = number is not None and 0 < number < n_layers and len(stacks) == 1
        self.ends_at: nn.Module | None = stacks[0][number - 1] if inside and number is not None else None

    def __call__(self, **inputs: Any) -> Float[Tensor, "batch width features"]:
        """Run the network as far as it is needed."""
        if self.ends_at is None:
            output = self.network(**inputs, output_hidden_states=self.layer is not None)
            found: Tensor = output.last_hidden_state if self.layer is None else output.hidden_states[self.layer]
            return found
        handle = self.ends_at.register_forward_hook(_stop)
        try:
            self.network(**inputs)
        except _ReachedError as reached:
            return reached.hidden
        finally:
            handle.remove()
        raise RuntimeError("the network never ran the layer that was asked for")  # its own stack of layers is run


class _ReachedError(Exception):
    """Carry what was computed out of a forward pass."""

    def __init__(self, hidden: Tensor) -> None:
        super().__init__("reached")
        self.hidden = hidden


def _stop(module: nn.Module, inputs: Any, output: Any) -> None:
    raise _ReachedError(output[0] if isinstance(output, tuple) else output)
