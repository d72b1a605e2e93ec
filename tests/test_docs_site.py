"""The site shows every public name, each once."""

from __future__ import annotations

import re
from pathlib import Path

import outlearn
from outlearn import encoders, learners, losses

REFERENCE = Path(__file__).parents[1] / "docs" / "reference"


def test_the_reference_has_every_public_name_and_no_other():
    shown = [name for page in REFERENCE.glob("*.md") for name in re.findall(r"^::: (\S+)$", page.read_text(), re.M)]
    public = [f"outlearn.{name}" for name in outlearn.__all__ if name != "__version__"]
    public += [f"{room.__name__}.{name}" for room in (losses, learners, encoders) for name in room.__all__]
    assert sorted(shown) == sorted(public)


def test_every_benchmark_is_told_of():
    root = Path(__file__).parents[1]
    page = (root / "docs" / "benchmarks.md").read_text(encoding="utf-8")
    assert sorted(re.findall(r"`(\w+\.py)`", page)) == sorted(path.name for path in root.glob("benchmarks/*.py"))
