"""What every loaded model must be: its own weights, on a device that is there."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from outlearn.errors import ConfigError, DataError

if TYPE_CHECKING:
    import torch

__all__ = ["device_of", "refuse_missing_weights"]


def refuse_missing_weights(model: str, missing: Iterable[str]) -> None:
    """Refuse a model whose files lack weights: transformers fills them with random numbers.

    Args:
        model: as the configuration names it.
        missing: names of the weights that were not found. A pooler may be among them: no hidden state goes through it,
            and fine-tuning trains it with the head.

    Raises:
        DataError: if any other is missing; it names the first.
    """
    lacking = sorted(name for name in missing if "pooler" not in name)
    if lacking:
        raise DataError(
            f"the model {model!r} lacks {len(lacking)} of its weights, first {lacking[0]!r}; random numbers would take "
            "their place. Copy its *.safetensors again, complete, and of the model that config.json describes."
        )


def device_of(name: str | None, *, key: str) -> torch.device:
    """Return the device of this name; None takes a GPU if there is one.

    Raises:
        ConfigError: if there is no such device; `key` is what the configuration calls it.
    """
    import torch

    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if name is None:
        return torch.device("cuda" if gpus else "cpu")
    there = ["cpu", *(["cuda"] if gpus else []), *(f"cuda:{gpu}" for gpu in range(gpus))]
    try:
        device = torch.device(name)
        if device.type != "cuda" or (gpus and (device.index or 0) < gpus):
            torch.empty(1, device=device)
            return device
    except (RuntimeError, AssertionError, NotImplementedError):
        pass
    raise ConfigError(f"{key} is {name!r}; this machine has {', '.join(there)}. Leave it out to let it be chosen.")
