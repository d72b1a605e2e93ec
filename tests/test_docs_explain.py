"""The printed text in docs/explain.md is what its example prints."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.programs import SCRIPT

DOCS = Path(__file__).resolve().parent.parent / "docs"
NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e-\d+)?")
# Other versions of torch and BLAS round otherwise, and an order of points or the last digit may change.
CLOSE = 0.1


def sections(text: str) -> dict[str, str]:
    """Split a text at blank lines, by the first three words of each part."""
    return {" ".join(part.split()[:3]): part for part in re.split(r"\n\s*\n", text.strip())}


@pytest.mark.slow
def test_the_page_shows_what_the_example_prints(programs, tmp_path):
    example = DOCS / "examples" / "careless_or_wrong.py"
    output = programs.run(SCRIPT, example, "careless_or_wrong", cwd=tmp_path).output()
    printed = output.split("=== careless teachers ===")[1].split("=== wrong teachers ===")
    shown = re.findall(r"```text\n(.*?)```", (DOCS / "explain.md").read_text(encoding="utf-8"), re.DOTALL)
    assert len(shown) == len(printed) == 2
    for page, part_printed in zip(shown, printed, strict=True):
        real = sections(part_printed)
        for title, part in sections(page).items():
            if title.startswith(("Points where", "Slices by teacher")):
                assert title in real  # which points lie at an edge may change with the rounding
                continue
            found = real[title][: len(part)] if title.startswith("Is this") else real[title]
            assert NUMBER.sub("#", part).split() == NUMBER.sub("#", found).split()[: len(part.split())]
            for said, true in zip(NUMBER.findall(part), NUMBER.findall(found), strict=False):
                assert float(said) == pytest.approx(float(true), abs=CLOSE)
