"""Texts of a column: as they stand, or chat messages joined."""

from __future__ import annotations

from outlearn.data.input_errors import InputErrors
from outlearn.data.label_cells import is_gap
from outlearn.data.raw_table import RawTable
from outlearn.data.wording import kind_of, shortened

__all__ = ["read_texts"]


def read_texts(table: RawTable, column: str, errors: InputErrors) -> list[str]:
    """Read a column of texts; a text keeps its own blanks. Of a list of messages, role and content are joined."""
    texts = []
    for cell, at in table.cells(column):
        text = _conversation(cell) or cell
        if is_gap(text):
            errors.add("is empty. Fill it or drop the record.", at=at, column=column)
        elif not isinstance(text, str):
            errors.add(
                f"is {shortened(text)}, a {kind_of(text)}; expected a text, or messages with role and content.",
                at=at,
                column=column,
            )
        texts.append(text if isinstance(text, str) else "")
    return texts


def _conversation(cell: object) -> str | None:
    """Join the messages of a conversation, a line each, as `role: content`; None if the cell is none.

    Examples:
        >>> print(_conversation([{"role": "user", "content": "How is it?"}, {"role": "assistant", "content": "Fine."}]))
        user: How is it?
        assistant: Fine.
    """
    if not isinstance(cell, list) or not cell:
        return None
    lines = []
    for message in cell:
        if not isinstance(message, dict) or not isinstance(message.get("role"), str):
            return None
        content = message.get("content")
        if isinstance(content, list):  # parts: texts, and images or sounds that no encoder here reads
            content = "\n".join(part["text"] for part in content if isinstance(part, dict) and "text" in part)
        if not isinstance(content, str):
            return None
        lines.append(f"{message['role']}: {content}")
    return "\n".join(lines)
