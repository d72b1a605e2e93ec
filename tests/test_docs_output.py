"""Pages whose programs are run as they stand, block after block; the text below a block is what it prints."""

from __future__ import annotations

from pathlib import Path

import pytest
from tools.docs_output import blocks, differences, run

DOCS = Path(__file__).parents[1] / "docs"
PAGES = (
    "concepts.md",
    "recipes.md",
    "tutorials/csv-to-production.md",
    "tutorials/reproduce-a-table.md",
    "tutorials/trust-your-judge.md",
)


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES)
def test_the_programs_of_a_page_print_what_the_page_shows(page):
    pytest.importorskip("transformers", reason="some programs train, and encode texts")
    for block, text in zip(blocks(DOCS / page), run(DOCS / page), strict=True):
        if block.shown is not None:
            assert differences(text, block.shown) == []


@pytest.mark.parametrize(
    ("printed", "shown", "wrong"),
    [
        ("a 1.00\nb\n", "a 1.01\nb\n", []),
        ("a 1.00\nb\n", "a 1.50\nb\n", ["a 1.50"]),
        ("a\nb\nc\n", "a\n...\nc\n", []),
        ("a\nb\nc\n", "a\nc\n", ["c"]),
        ("a\nb\n", "b\na\n", ["b", "a"]),
        ("1,000 points\n", "1,020   points\n", []),
        ("p below 0.05", "p above 0.05", ["p above 0.05"]),
    ],
)
def test_what_is_shown_is_held_to_what_is_printed(printed, shown, wrong):
    assert differences(printed, shown) == wrong
