"""What docs/regression.md shows of a run, of predict and of preflight is what its commands print."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest
from tests.programs import OUTLEARN, SCRIPT
from tools.docs_output import differences

PAGE = (Path(__file__).resolve().parent.parent / "docs" / "regression.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(\w*)\n(.*?)```", PAGE, re.DOTALL)


def _block(*words: str, language: str = "") -> str:
    """Return the first block with these words in it."""
    return next(block for kind, block in BLOCKS if kind == language and all(word in block for word in words))


def _sentences(text: str) -> str:
    """Put sentences back on one line: where they are cut hangs on the last digit; parts are shown without the rest."""
    lines = re.sub(r"\n  (?=\S)", " ", text.replace("\n\n", "\n...\n"))
    return f"...\n{lines}"


def _held(printed: str, shown: str) -> None:
    """Hold every line that is shown, sentence or row of a table, against what is printed."""
    plain = re.sub(r"\n  (?=\S)", " ", printed)
    assert differences(plain, _sentences(shown)) == []


@pytest.mark.slow
def test_the_page_shows_what_its_commands_print(programs, tmp_path):
    pytest.importorskip("transformers", reason="the student sees a sentence encoder")
    pytest.importorskip("vaderSentiment", reason="the words and their ratings come with it")

    def outlearn(*command: str) -> str:
        return programs.run(OUTLEARN, *command, cwd=tmp_path).output()

    _held(outlearn("run", "--set", "data.name=vader-valence", "--out", "runs/vader-valence"), _block("What was found"))
    with (tmp_path / "new.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["text"], ["wonderful"], ["awful"], ["mediocre"], [" "]])
    for header, options in (("row,number,flag", ()), ("row,number,low", ("--interval", "0.9"))):
        shown = _block("$ outlearn predict", header).split("\n", 1)[1]
        assert differences(outlearn("predict", "runs/vader-valence", "new.csv", *options), shown) == []
    (tmp_path / "tables.py").write_text(_block("raters.csv", language="python"))
    programs.run(SCRIPT, tmp_path / "tables.py", cwd=tmp_path).output()
    of_raters = outlearn("preflight", "raters.csv", "--numbers", "--encoder", "wordllama")
    _held(of_raters, _block("In short", "departs from the labelers'"))
    of_teachers = outlearn("preflight", "teachers.csv", "--numbers", "--true-column", "gold", "--encoder", "wordllama")
    _held(of_teachers, _block("In short", "measured with true"))
