"""Read a GGUF file, as quantised language models are shared, by converting it once to safetensors.

The folder lies in the user's cache and is named by the file's sha256, so that it is found again wherever the file is
moved, and another file never takes its place. It exists only when it is complete: it is written under another name and
renamed. One process converts while others wait for its lock, and what a killed one left is removed by the next.
"""

from __future__ import annotations

import contextlib
import fcntl
import io
import json
import os
import shutil
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from outlearn.encoders.package_files import sha256_of
from outlearn.errors import ConfigError, MissingExtraError, StoreError, first_line
from outlearn.language_models.quiet import without_bars
from outlearn.results.writing import sync

__all__ = ["cache_folder", "converted"]

# Raise it when the same file comes to be converted differently.
VERSION = 1


def cache_folder() -> Path:
    """Return where converted models are kept: $OUTLEARN_CACHE, else outlearn in the user's cache."""
    if own := os.environ.get("OUTLEARN_CACHE"):
        return Path(own).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "outlearn"


def converted(file: Path) -> Path:
    """Return the folder of safetensors that a GGUF file comes to; it is made the first time.

    Weights are dequantised to float32: what the file says, without loss.

    Raises:
        ConfigError: if transformers cannot read the file.
        MissingExtraError: if transformers or gguf is not installed.
        StoreError: if the cache cannot be written to.
    """
    folder = cache_folder() / f"gguf-{sha256_of(file)[:32]}-{VERSION}"
    if folder.is_dir():
        return folder
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _locked(folder.with_name(f"{folder.name}.lock")):
            if not folder.is_dir():  # else another process made it while this one waited
                partial = folder.with_name(f"{folder.name}.partial")
                shutil.rmtree(partial, ignore_errors=True)
                _convert(file, partial)
                partial.rename(folder)
    except OSError as error:
        raise StoreError(
            f"{file.name} cannot be converted into {folder.parent}: {first_line(error)}. It takes about four bytes a "
            "weight; make room, or set OUTLEARN_CACHE to another folder."
        ) from error
    return folder


def _convert(file: Path, folder: Path) -> None:
    """Write model and tokenizer as `save_pretrained` does, and see to it that they are on disk."""
    try:
        import gguf  # noqa: F401 (transformers reads the file with it, and says less when it is missing)
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer
    except ImportError as error:
        raise MissingExtraError(error.name or "gguf", "smollm") from error
    source = {"gguf_file": file.name, "local_files_only": True}
    with without_bars():
        try:
            with contextlib.redirect_stderr(io.StringIO()):  # a bar that asks nobody whether it is wanted
                tokenizer = AutoTokenizer.from_pretrained(file.parent, **source)
                model: Any = AutoModelForCausalLM.from_pretrained(file.parent, dtype=torch.float32, **source)
        except (OSError, ValueError, LookupError, struct.error, NotImplementedError, RuntimeError) as error:
            raise ConfigError(
                f"transformers cannot read {file.name}: {first_line(error)} Give a folder of safetensors, or a whole "
                "file of an architecture that it knows."
            ) from error
        model.hf_quantizer = None  # the weights are plain numbers by now
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    config.pop("quantization_config", None)
    # A fingerprint is of the model, not of who converted it.
    config.pop("transformers_version", None)
    (folder / "config.json").write_text(json.dumps(config, indent=2), encoding="utf-8")
    for path in [*folder.iterdir(), folder]:
        sync(path)


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold a lock that ends with its process, however that ends."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
