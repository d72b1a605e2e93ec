"""Tiny random models of four families with a word-level tokenizer, saved as folders."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *(f"w{i}" for i in range(40))]
FAMILIES = ("bert", "gpt2", "llama", "qwen2")
ROPE = {
    "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "num_key_value_heads": 1,
    "intermediate_size": 32, "max_position_embeddings": 64, "vocab_size": len(WORDS), "pad_token_id": None,
}  # fmt: skip
TinyModel = Callable[..., Path]


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> TinyModel:
    """Return a function that writes a tiny model of a family once and returns its folder."""
    written: dict[tuple[str, bool], Path] = {}

    def folder_of(family: str, *, pad: bool = True) -> Path:
        key = (family, pad)
        if key not in written:
            written[key] = save_tiny_model(tmp_path_factory.mktemp(f"{family}{pad}"), family, pad=pad)
        return written[key]

    return folder_of


def save_tiny_model(folder: Path, family: str, *, pad: bool) -> Path:
    """Write a body of 16 dimensions and two layers; the tokenizer of GPT-2 and Llama may have no padding."""
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    if family == "qwen2":
        # transformers gives a Qwen model a Qwen tokenizer whatever the folder says: bytes, and our words as added ones.
        letters = {"<|endoftext|>": 0, **{c: i + 1 for i, c in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}}
        own = transformers.Qwen2Tokenizer(vocab=letters, merges=[], model_max_length=64)
        own.add_tokens(WORDS)
        own.save_pretrained(folder)
        torch.manual_seed(0)
        size = {**ROPE, "vocab_size": len(own)}
        transformers.Qwen2Model(transformers.Qwen2Config(**size)).save_pretrained(folder)
        return folder
    ids = {word: i for i, word in enumerate(WORDS)}
    tokenizer = Tokenizer(models.WordLevel(ids, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    if family == "bert":
        tokenizer.post_processor = processors.TemplateProcessing(
            single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
        )
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, unk_token="[UNK]", pad_token="[PAD]" if pad else None, model_max_length=64
    ).save_pretrained(folder)
    torch.manual_seed(0)
    if family == "bert":
        config = transformers.BertConfig(**{**ROPE, "pad_token_id": 0})
        body = transformers.BertModel(config)
    elif family == "gpt2":
        config = transformers.GPT2Config(n_embd=16, n_layer=2, n_head=2, n_positions=64, vocab_size=len(WORDS))
        body = transformers.GPT2Model(config)
    else:
        body = transformers.LlamaModel(transformers.LlamaConfig(**ROPE))
    body.save_pretrained(folder)
    return folder
