"""Texts as token ids, and batches of them padded on the right with an explicit mask.

A point is one text, or the two texts of a preference pair. Every point keeps its row whatever the tokenizer makes of
it: longer texts are cut, a text without any token gets one, none is dropped. So teacher and student learn from the same
rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from outlearn.errors import DataError
from outlearn.language_models.wrapped_texts import wrapped_texts

__all__ = ["TokenBatch", "Tokens", "tokenise"]


@dataclass(frozen=True)
class TokenBatch:
    """Hold one padded batch.

    Attributes:
        input_ids, attention_mask: `[texts, longest]`.
        last: position of each text's last token, `[texts]`.
        pad: the id in the padding.
    """

    input_ids: Tensor
    attention_mask: Tensor
    last: Tensor
    pad: int


@dataclass(frozen=True)
class Tokens:
    """Hold the token ids of points; each distinct text is held once, 4 bytes a token.

    Attributes:
        ids: of all distinct texts, one after another, `[tokens]`.
        starts: where each text begins in `ids`, and the end, `[texts + 1]`.
        text_of: which text stands in each slot of each point, `[points, slots]`; two slots for pairs.
        lengths: tokens of each text of each point, `[points, slots]`.
        pad: the tokenizer's id of padding; None if it has none.
        vocabulary: number of ids.
    """

    ids: Int[np.ndarray, " tokens"]
    starts: Int[np.ndarray, " texts_and_end"]
    text_of: Int[np.ndarray, "points slots"]
    lengths: Int[np.ndarray, "points slots"]
    pad: int | None
    vocabulary: int

    @property
    def pairs(self) -> bool:
        """Whether a point is a pair of texts."""
        return self.text_of.shape[1] == 2

    def batch(self, texts: Int[np.ndarray, " texts"], device: torch.device) -> TokenBatch:
        """Pad some texts to the longest of them.

        Padding stands on the right, so position 0 is the first token for every model. The id in the padding never
        reaches a real token: the mask hides it. But decoders look for the last id that is not padding; if the
        tokenizer has no padding, or a text ends in that id, a free id takes its place.
        """
        first, lengths = self.starts[texts], np.diff(self.starts)[texts]
        ends = set(self.ids[first + lengths - 1].tolist())
        pad = self.pad
        if pad is None or pad in ends:
            pad = next(i for i in range(self.vocabulary) if i not in ends)
        positions = np.arange(lengths.max())
        mask = positions < lengths[:, None]
        ids = np.where(mask, self.ids[np.where(mask, first[:, None] + positions, 0)], pad)

        def tensor(array: np.ndarray) -> Tensor:
            return torch.from_numpy(array.astype(np.int64)).to(device)

        return TokenBatch(tensor(ids), tensor(mask), tensor(lengths - 1), pad)


def tokenise(
    tokenizer: Any,
    points: Sequence[tuple[str, ...]],
    *,
    max_length: int,
    cut: Literal["end", "start"],
    around: tuple[str, str] = ("", ""),
) -> Tokens:
    """Turn points of one text or two into token ids, special ones among the `max_length` kept; one row a point.

    What stands `around` each text, before and behind, is never cut, and not counted.

    Raises:
        DataError: if points differ in their number of texts, or have another number than one or two.
    """
    n_slots = len(points[0]) if points else 1
    if n_slots not in (1, 2) or any(len(point) != n_slots for point in points):
        raise DataError(
            "points must have one text each, or two each for preference pairs; expected one number for all."
        )
    distinct: dict[str, int] = {}
    text_of = [[distinct.setdefault(text, len(distinct)) for text in point] for point in points]
    encoded: list[list[int]] = []
    if distinct:
        before, behind = around
        encoded = wrapped_texts(tokenizer, list(distinct), prefix=before, suffix=behind, max_length=max_length, cut=cut)
    special = (tokenizer.eos_token_id, tokenizer.bos_token_id, tokenizer.unk_token_id, tokenizer.pad_token_id)
    stand_in = next((i for i in special if i is not None), 0)
    rows = [row or [stand_in] for row in encoded]
    lengths = np.array([len(row) for row in rows], dtype=np.int64)
    texts = np.array(text_of, dtype=np.int64).reshape(len(points), n_slots)
    return Tokens(
        ids=np.array([i for row in rows for i in row], dtype=np.int32),
        starts=np.concatenate([[0], np.cumsum(lengths)]),
        text_of=texts,
        lengths=lengths[texts],
        pad=tokenizer.pad_token_id,
        vocabulary=len(tokenizer),
    )
