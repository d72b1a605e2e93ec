"""The tiny models, each written once, and the heavy imports, done before a test is timed."""

from __future__ import annotations

import gc
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.learners.finetuning.tiny import PADDED, save_tiny_model


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Return a function that writes a tiny model of a family once and returns its folder.

    `pad` says whether the tokenizer has a padding token; by default only where the family always has one.
    """
    written: dict[tuple[str, bool], Path] = {}

    def folder_of(family: str, *, pad: bool | None = None) -> Path:
        key = (family, family in PADDED if pad is None else pad)
        if key not in written:
            written[key] = save_tiny_model(tmp_path_factory.mktemp("model"), family, pad=key[1])
        return written[key]

    return folder_of


@pytest.fixture(scope="session", autouse=True)
def warm(tiny_model) -> None:
    """Import transformers, its Trainer and peft, which takes seconds, and run each once."""
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    pytest.importorskip("peft")
    from tests.learners.finetuning.tiny import fit

    from outlearn.learners.finetuning.settings import FinetuneSettings

    assert transformers.Trainer
    assert transformers.Qwen2ForSequenceClassification
    for family in ("bert", "gpt2"):
        fit(tiny_model(family), FinetuneSettings(epochs=0.01, max_length=32, adaptation="lora"))
    torch.manual_seed(0)
    # The Trainer collects garbage after each training: of what imports made, that is half a second and finds nothing.
    gc.collect()
    gc.freeze()
