"""Text for people: words stay whole, columns are kept, and a user's text neither becomes HTML nor moves the cursor."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from outlearn.core.text import preformatted, printable, wrapped

WORDS = st.lists(st.text("abc-é漢", min_size=1, max_size=30), min_size=1, max_size=40)


@given(words=WORDS)
def test_wrapping_keeps_every_word_whole_and_lines_short(words):
    lines = wrapped(" ".join(words), first="- ", rest="  ", width=20).splitlines()
    assert " ".join(line[2:] for line in lines).split() == words
    assert all(len(line) <= 20 or len(line.split()[-1]) > 18 - 2 for line in lines)
    assert lines[0].startswith("- ")


def test_control_characters_move_no_cursor():
    assert printable("a\x1b[31mb\nc") == "a [31mb c"
    assert wrapped("a\x1b\rb") == "a  b"


@given(text=st.text(max_size=20), width=st.integers(1, 10))
def test_a_name_fits_its_column(text, width):
    shown = printable(text, width=width)
    assert len(shown) <= width
    assert shown == printable(text) or shown.endswith("…")


@given(text=st.text("<>&a'\""))
def test_html_of_a_text_holds_no_tag_of_it(text):
    inside = preformatted(text).removeprefix("<pre>").removesuffix("</pre>")
    assert "<" not in inside
    assert ">" not in inside
