"""The three ways to use a loss elsewhere run as documented, on a tiny random model."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest
from tests.programs import SCRIPT, Programs

pytestmark = pytest.mark.medium

EXAMPLES = Path(__file__).resolve().parents[3] / "docs" / "examples"


def run(programs: Programs, name: str, *arguments: object) -> tuple[int, str, str]:
    """Return exit code, standard output and standard error of an example."""
    program = programs.start(SCRIPT, EXAMPLES / name, *arguments, imports=("transformers.trainer", "peft"))
    out, err = program.communicate()
    return program.wait(), out, err


@pytest.mark.slow
def test_the_trainer_learns_soft_labels(programs, tiny_model):
    code, out, err = run(programs, "trainer.py", "--model", tiny_model("bert"))
    assert code == 0, err[-2000:]
    assert re.search(r"^8 steps, mean loss \S+ at first", out, re.MULTILINE)


@pytest.mark.slow
def test_the_plain_loop_trains_a_student_for_each_loss(programs):
    code, out, err = run(programs, "plain_loop.py")
    assert code == 0, err[-2000:]
    found = dict(re.findall(r"^(.*): accuracy (\S+)$", out, re.MULTILINE))
    assert list(found) == ["teacher", *(f"student of {x}" for x in ("forward_ce", "reverse_ce", "Quan_CACE_5", "aux"))]
    assert all(float(accuracy) > 0.7 for accuracy in found.values())


@pytest.mark.slow
def test_the_reward_trainer_says_what_is_missing_or_learns_soft_preferences(programs, tiny_model):
    code, out, err = run(programs, "trl_reward.py", "--model", tiny_model("bert"))
    if importlib.util.find_spec("trl") is None:
        assert code == 1
        assert err.strip() == (
            "this example needs the package trl, which is not installed. Install it with: pip install trl"
        )
    else:
        assert code == 0, err[-2000:]
        assert re.search(r"^16 steps, mean loss \S+ at first", out, re.MULTILINE)
