"""Tiny random models with a word-level tokenizer, saved as folders."""

from __future__ import annotations

from pathlib import Path

import pytest

from outlearn.data import Task, make_task

VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *(f"w{i}" for i in range(40))]
TEXTS = tuple(" ".join(f"w{(7 * i + j) % 40}" for j in range(1 + (5 * i) % 11)) for i in range(24))
HIDDEN = 16
LAYERS = 3


@pytest.fixture(scope="session")
def text_task() -> Task:
    """Return a task of 24 texts of 1 to 11 words, in mixed order of length."""
    return make_task(name="texts", class_names=["a", "b"], texts=TEXTS, labels=[i % 2 for i in range(len(TEXTS))])


@pytest.fixture(scope="session")
def pair_task() -> Task:
    """Return a task of 12 pairs of texts."""
    pairs = list(zip(TEXTS[:12], TEXTS[12:], strict=True))
    return make_task(name="pairs", kind="preference", class_names=["a", "b"], pairs=pairs, labels=[0, 1] * 6)


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory):
    """Return a function that writes a tiny model once and returns its folder."""
    written: dict[tuple, Path] = {}

    def folder_of(kind: str, *, pad: bool = True, side: str = "right") -> Path:
        key = (kind, pad, side)
        if key not in written:
            written[key] = save_model(tmp_path_factory.mktemp(kind), kind, pad=pad, side=side)
        return written[key]

    return folder_of


def save_model(folder: Path, kind: str, *, pad: bool, side: str) -> Path:
    """Write a BERT, GPT-2 or T5 of 16 dimensions, and a tokenizer with or without a padding token."""
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    words = {word: i for i, word in enumerate(VOCABULARY)}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    if kind == "bert":
        tokenizer.post_processor = processors.TemplateProcessing(
            single="[CLS] $A [SEP]", special_tokens=[("[CLS]", words["[CLS]"]), ("[SEP]", words["[SEP]"])]
        )
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        unk_token="[UNK]",
        pad_token="[PAD]" if pad else None,
        padding_side=side,
        model_max_length=64,
    ).save_pretrained(folder)
    torch.manual_seed(0)
    size = {"vocab_size": len(VOCABULARY)}
    if kind == "bert":
        config = transformers.BertConfig(
            hidden_size=HIDDEN,
            num_hidden_layers=LAYERS,
            num_attention_heads=2,
            intermediate_size=32,
            max_position_embeddings=64,
            **size,
        )
        model = transformers.BertModel(config)
    elif kind == "gpt2":
        config = transformers.GPT2Config(n_embd=HIDDEN, n_layer=LAYERS, n_head=2, n_positions=64, **size)
        model = transformers.GPT2Model(config)
    else:
        config = transformers.T5Config(d_model=HIDDEN, d_kv=8, d_ff=32, num_layers=LAYERS, num_heads=2, **size)
        model = transformers.T5Model(config)
    model.save_pretrained(folder)
    return folder
