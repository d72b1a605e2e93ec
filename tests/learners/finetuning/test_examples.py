"""The three ways to use a loss elsewhere run as documented, on a tiny random model."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[3] / "docs" / "examples"


def run(name, *arguments):
    return subprocess.run([sys.executable, EXAMPLES / name, *arguments], capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_the_trainer_learns_soft_labels(tiny_model):
    done = run("trainer.py", "--model", tiny_model("bert"))
    assert done.returncode == 0, done.stderr[-2000:]
    assert re.search(r"^8 steps, mean loss \S+ at first", done.stdout, re.MULTILINE)


@pytest.mark.slow
def test_the_plain_loop_trains_a_student_for_each_loss():
    done = run("plain_loop.py")
    assert done.returncode == 0, done.stderr[-2000:]
    found = dict(re.findall(r"^(.*): accuracy (\S+)$", done.stdout, re.MULTILINE))
    assert list(found) == ["teacher", *(f"student of {x}" for x in ("forward_ce", "reverse_ce", "Quan_CACE_5", "aux"))]
    assert all(float(accuracy) > 0.7 for accuracy in found.values())


@pytest.mark.slow
def test_the_reward_trainer_says_what_is_missing_or_learns_soft_preferences(tiny_model):
    done = run("trl_reward.py", "--model", tiny_model("bert"))
    if importlib.util.find_spec("trl") is None:
        assert done.returncode == 1
        assert done.stderr.strip() == (
            "this example needs the package trl, which is not installed. Install it with: pip install trl"
        )
    else:
        assert done.returncode == 0, done.stderr[-2000:]
        assert re.search(r"^16 steps, mean loss \S+ at first", done.stdout, re.MULTILINE)
