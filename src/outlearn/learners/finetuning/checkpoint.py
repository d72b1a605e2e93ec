"""Everything that a training needs to go on after a kill, in one safetensors file that is there whole or not at all.

The file holds the trained weights, the optimiser's moments, and the predictions made so far; its JSON header holds the
counters and what the training is. The order of the examples and the draws of dropout follow from the seed and the step,
so no generator has a state to keep.
"""

from __future__ import annotations

import contextlib
import json
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from outlearn.errors import StoreError
from outlearn.results.writing import sync

__all__ = [
    "Checkpoint",
    "optimiser_tensors",
    "read_checkpoint",
    "remove_checkpoint",
    "restore_optimiser",
    "write_checkpoint",
]

NAME = "checkpoint.safetensors"


@dataclass(frozen=True)
class Checkpoint:
    """Hold what was read.

    Attributes:
        tensors: by name.
        state: the counters.
    """

    tensors: Mapping[str, Tensor]
    state: Mapping[str, Any]

    def group(self, prefix: str) -> dict[str, Tensor]:
        """Return the tensors whose name starts so, without the prefix."""
        return {name.removeprefix(prefix): t for name, t in self.tensors.items() if name.startswith(prefix)}


def write_checkpoint(folder: Path, tensors: Mapping[str, Tensor], state: Mapping[str, Any], *, identity: str) -> None:
    """Write beside, sync, rename: whatever kills the writer, the folder holds the last whole checkpoint.

    No two tensors may share memory. The identity names the training, so that another one does not go on from here.

    Raises:
        StoreError: if it cannot be written.
    """
    beside = folder / f".{uuid4().hex}.{NAME}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        plain = {name: t.detach().cpu().contiguous() for name, t in tensors.items()}
        save_file(plain, beside, {"identity": identity, "state": json.dumps(dict(state))})
        sync(beside)
        beside.replace(folder / NAME)
        sync(folder)
    except (OSError, SafetensorError) as error:
        beside.unlink(missing_ok=True)
        raise StoreError(
            f"the checkpoint in {str(folder)!r} cannot be written: {getattr(error, 'strerror', None) or error}. Free "
            "some space; the last whole checkpoint is kept."
        ) from error


def read_checkpoint(folder: Path, *, identity: str) -> Checkpoint | None:
    """Read the checkpoint of this very training, or None: there is none, it is damaged, or it is of another training.

    The last two are warned of; the training then starts anew and overwrites it.
    """
    path = folder / NAME
    if not path.is_file():
        return None
    try:
        with safe_open(path, "pt") as file:
            header = file.metadata() or {}
            if header.get("identity") != identity:
                warnings.warn(f"{str(path)!r} is of another training; this one starts anew", stacklevel=2)
                return None
            return Checkpoint({name: file.get_tensor(name) for name in file.keys()}, json.loads(header["state"]))  # noqa: SIM118
    except (OSError, SafetensorError, ValueError, KeyError) as error:
        warnings.warn(f"{str(path)!r} is damaged ({error}); the training starts anew", stacklevel=2)
        return None


def remove_checkpoint(folder: Path | None) -> None:
    """Remove the checkpoint of a training whose result is safe, what killed writers left, and the folder."""
    if folder is None or not folder.is_dir():
        return
    for path in folder.glob(f"*{NAME}"):
        path.unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # not empty: another writer is at work
        folder.rmdir()


def optimiser_tensors(optimiser: torch.optim.Optimizer, parameters: Mapping[str, nn.Parameter]) -> dict[str, Tensor]:
    """Return the optimiser's tensors by the names of the parameters."""
    return {
        f"{kind}/{name}": torch.as_tensor(value)
        for name, parameter in parameters.items()
        for kind, value in optimiser.state[parameter].items()
    }


def restore_optimiser(
    optimiser: torch.optim.Optimizer, parameters: Mapping[str, nn.Parameter], tensors: Mapping[str, Tensor]
) -> None:
    """Give the optimiser back what `optimiser_tensors` took."""
    for key, tensor in tensors.items():
        kind, _, name = key.partition("/")
        parameter = parameters[name]
        # The step counter of the fused AdamW lives where the parameter does.
        optimiser.state[parameter][kind] = tensor.to(parameter.device).clone()
