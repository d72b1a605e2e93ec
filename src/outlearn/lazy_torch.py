"""torch, imported when it is first used: over a second that naming a loss, planning and reading a store do without.

    from outlearn.lazy_torch import Tensor, no_grad, torch

is what `lazy import torch` will be in Python 3.15 (PEP 810). Modules that a run reads whether or not it computes
anything take torch from here; those that are read for computing alone import it themselves.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from outlearn.errors import MissingExtraError

__all__ = ["Tensor", "no_grad", "require_torch", "torch"]

if TYPE_CHECKING:
    import torch as torch
    from torch import Tensor as Tensor
else:

    class _Torch:
        """Stand for torch, and keep what was asked for, so that it is looked up once."""

        def __getattr__(self, name: str) -> Any:
            try:
                value = getattr(import_module("torch"), name)
            except ModuleNotFoundError as error:
                if error.name != "torch":
                    raise
                raise MissingExtraError("torch", "train") from error
            setattr(self, name, value)
            return value

    torch = _Torch()

    class _TensorType(type):
        def __instancecheck__(cls, value: object) -> bool:
            return isinstance(value, torch.Tensor)

    class Tensor(metaclass=_TensorType):
        """Stand for `torch.Tensor` in annotations; tests check shapes by them."""


@contextmanager
def no_grad() -> Iterator[None]:
    """Compute without an autograd graph inside: `torch.no_grad`, also as a decorator of functions."""
    with torch.no_grad():
        yield


def require_torch() -> None:
    """Say at once what each of many tasks would fail by.

    Raises:
        MissingExtraError: if torch is not installed.
    """
    if find_spec("torch") is None:
        raise MissingExtraError("torch", "train")
