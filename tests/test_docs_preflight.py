"""The printed text in docs/will-my-student-beat-my-labeler.md is what its commands print on the example's tables."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.programs import OUTLEARN, SCRIPT

from outlearn.results.preflight_parts import VERDICTS

DOCS = Path(__file__).resolve().parent.parent / "docs"
PAGE = (DOCS / "will-my-student-beat-my-labeler.md").read_text(encoding="utf-8")
NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
CLOSE = 0.03  # other versions of torch, BLAS and scikit-learn round otherwise


def test_the_page_says_what_to_do_for_every_verdict():
    rows = re.findall(r"^\| `([a-z ]+)` \|", PAGE, re.MULTILINE)
    assert rows == list(dict.fromkeys(rows))
    assert set(rows) == set(VERDICTS)


@pytest.mark.slow
def test_the_page_shows_what_its_commands_print(programs, tmp_path):
    programs.run(SCRIPT, DOCS / "examples" / "weak_label_tables.py", ".", cwd=tmp_path)
    blocks = re.findall(r"```(console|text)\n(.*?)```", PAGE, re.DOTALL)
    assert blocks[0][1].splitlines() == (tmp_path / "careless.csv").read_text().splitlines()[:4]
    command, checked = "", 0
    for kind, block in blocks[1:]:
        if kind == "console":
            command = block.splitlines()[0].removeprefix("$ outlearn ")
            continue
        compare(block, programs.run(OUTLEARN, *command.split(), cwd=tmp_path).output())
        checked += 1
    assert checked == 4


def compare(shown: str, printed: str) -> None:
    """Hold every line that is shown against one that is printed, words exactly, numbers within rounding."""
    lines = [line.split() for line in printed.splitlines()]
    patterns = [NUMBER.sub("#", " ".join(line)) for line in lines]
    for line in filter(None, map(str.split, shown.splitlines())):
        text = " ".join(line)
        if re.match(r"t\d+:", text):  # which points come first hangs on the last digit
            continue
        pattern = NUMBER.sub("#", text)
        assert pattern in patterns, text
        candidates = [lines[k] for k in range(len(lines)) if patterns[k] == pattern]
        said = [float(number) for number in NUMBER.findall(text)]
        assert any(
            all(
                abs(a - float(b)) <= CLOSE * max(1, abs(a))
                for a, b in zip(said, NUMBER.findall(" ".join(found)), strict=True)
            )
            for found in candidates
        ), (text, candidates)
