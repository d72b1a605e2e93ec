"""The claims of docs/combination.md about unequal teachers hold for what its example prints."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.programs import SCRIPT

EXAMPLE = Path(__file__).resolve().parent.parent / "docs" / "examples" / "combine_teachers.py"


def differences(line: str) -> list[tuple[float, float, float]]:
    """Read mean, low and high of each difference of a printed row."""
    return [tuple(map(float, found)) for found in re.findall(r"(\S+) \[(\S+), (\S+)\]", line)]


@pytest.mark.slow
def test_unequal_teachers_are_better_averaged_first_and_their_dual_mean_is_to_be_avoided(programs, tmp_path):
    printed = programs.run(SCRIPT, EXAMPLE, tmp_path, "--task", "unequal", "--seeds", "1").output()
    against_single, against_mean = printed.split("less students of the mean")
    rows = {line.split()[0]: differences(line) for line in against_single.splitlines() if "[" in line}
    assert all(low > 0 for _, low, _ in rows["mean"])
    assert all(low > 0 for _, low, _ in rows["weighted"])
    beside = {line.split()[0]: differences(line) for line in against_mean.splitlines() if "[" in line}
    assert all(high < 0 for _, _, high in beside["dual_mean"])
    # Weights: at most a little, in either direction.
    assert all(abs(mean) < 4 for mean, _, _ in beside["weighted"])
