"""The tokens of texts between what stands before and behind each: a text is cut, what is around it is not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

__all__ = ["wrapped_texts"]


def wrapped_texts(
    tokenizer: Any, texts: Sequence[str], *, prefix: str, suffix: str, max_length: int, cut: Literal["end", "start"]
) -> list[list[int]]:
    """Tokenise texts between prefix and suffix as a model would read them, whole.

    Args:
        tokenizer: of transformers; a fast one where there is a prefix or a suffix.
        prefix, suffix: around each text.
        max_length: tokens that are kept of a text; without prefix and suffix, special ones among them.
        cut: which end of a longer text is cut.
    """
    tokenizer.truncation_side = "right" if cut == "end" else "left"
    how = {"truncation": True, "max_length": max_length, "padding": False, "return_attention_mask": False}
    found: list[list[int]]
    if not prefix and not suffix:
        found = tokenizer(list(texts), **how)["input_ids"]
        return found
    offsets = tokenizer(list(texts), add_special_tokens=False, return_offsets_mapping=True, **how)["offset_mapping"]
    kept = [text[of[0][0] : of[-1][1]] if of else "" for text, of in zip(texts, offsets, strict=True)]
    found = tokenizer([prefix + text + suffix for text in kept], return_attention_mask=False)["input_ids"]
    return found
