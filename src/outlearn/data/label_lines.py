"""Read lines of a label and a text; where tabs separate them, the label may also stand last."""

from __future__ import annotations

from pathlib import Path

from outlearn.data.input_errors import InputErrors
from outlearn.data.raw_table import RawTable
from outlearn.data.text_files import read_text

__all__ = ["read_label_lines"]


def read_label_lines(path: Path) -> RawTable:
    """Read lines of a label, a blank, and a text; the columns are `label` and `text`.

    The label is the first word, unless the last words look like labels and the first do not: they are fewer, and of
    letters and digits alone. Then the label is what follows each line's last tab, and without tabs the file is refused.

    Raises:
        DataError: if a line has no text, or the label cannot be told from the text.
    """
    errors = InputErrors(str(path))
    # Not splitlines(): a text may hold U+2028 and other characters that it takes for ends of lines.
    lines = [(number, line.strip()) for number, line in enumerate(read_text(path).split("\n"), start=1)]
    lines = [(number, line) for number, line in lines if line]
    for number, line in lines:
        if len(line.split(maxsplit=1)) < 2:
            errors.add(f"is {line!r}; expected a label, a space and a text, such as: 1 a fine film", at=number)
    if not lines:
        errors.add("holds only blank lines; expected at least one record.")
    errors.raise_if_any()
    pairs = [line.split(maxsplit=1) for _, line in lines]
    notes: tuple[str, ...] = ()
    if _label_comes_last([line for _, line in lines]):
        if not all("\t" in line for _, line in lines):
            first, last = ({words[at] for words in (line.split() for _, line in lines)} for at in (0, -1))
            errors.fail(
                f"{len(first)} different words begin a line and only {len(last)} end one ({', '.join(sorted(last)[:5])}"
                "), so the label seems to come last. Write it first, or put a tab before it."
            )
        pairs = [line.rsplit("\t", 1)[::-1] for _, line in lines]
        notes = (f"{path}: the label is what follows the last tab of a line.",)
    columns = {"label": [label.strip() for label, _ in pairs], "text": [text.strip() for _, text in pairs]}
    return RawTable(str(path), columns, [number for number, _ in lines], notes=notes)


def _label_comes_last(lines: list[str]) -> bool:
    """Say whether lines end, and do not begin, with one of a few words of letters and digits that repeat."""
    words = [line.replace("\t", " \t ").split() for line in lines]
    first, last = {each[0] for each in words}, {each[-1] for each in words}
    return 2 <= len(last) < len(first) and len(lines) >= 2 * len(last) and all(word.isalnum() for word in last)
