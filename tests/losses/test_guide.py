"""The guide to losses shows what the code prints, and lists what the code has."""

from __future__ import annotations

import doctest
from dataclasses import fields
from pathlib import Path

import pytest

from outlearn.losses import LOSSES

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "losses.md"


def test_the_examples_of_the_guide_print_what_they_say():
    result = doctest.testfile(str(GUIDE), module_relative=False, optionflags=doctest.ELLIPSIS)
    assert result.attempted > 10
    assert result.failed == 0


@pytest.mark.parametrize("name", LOSSES)
def test_every_loss_has_a_row_with_all_its_parameters(name):
    (row,) = [line for line in GUIDE.read_text(encoding="utf-8").splitlines() if line.startswith(f"| `{name}` |")]
    assert all(field.name in row for field in fields(LOSSES[name]))
