"""Tiny random models of five families with a word-level tokenizer, and texts whose label they can find."""

from __future__ import annotations

import gc
from pathlib import Path

import numpy as np
import pytest

from outlearn.learners.finetuning.fit import fit_finetune
from outlearn.learners.finetuning.settings import FinetuneSettings
from outlearn.learners.jobs import HeadJob
from outlearn.losses import get_loss

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *(f"w{i}" for i in range(40))]
FAMILIES = ("bert", "roberta", "gpt2", "llama", "qwen2")
# Their tokenizers always have padding; those of GPT-2 and Llama may have none.
PADDED = ("bert", "roberta", "qwen2")
SIZE = {
    "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32,
    "max_position_embeddings": 64, "vocab_size": len(WORDS),
}  # fmt: skip

RNG = np.random.default_rng(0)
TEXTS = [(" ".join(f"w{RNG.integers(40)}" for _ in range(n)),) for n in RNG.integers(1, 20, 48)]
PAIRS = [(a[0], b[0]) for a, b in zip(TEXTS[:24], TEXTS[24:], strict=True)]
# The label is whether the first word is in the first half: a rule that a tiny model finds.
SOFT = 0.8 * np.eye(2)[[int(int(text.split()[0][1:]) < 20) for (text,) in TEXTS]] + 0.1
SETTINGS = FinetuneSettings(epochs=2, batch_size=8, learning_rate=3e-3, dropout=0.0, max_length=32)
CE = get_loss("forward_ce")


def fit(folder, settings=SETTINGS, *, points=TEXTS, targets=SOFT[None], jobs=None, **how):
    """Train on the points and predict them."""
    jobs = jobs or [HeadJob(0, CE, seed=1)]
    return fit_finetune(points, targets, jobs, {"test": points}, model=folder, settings=settings, device="cpu", **how)


def logits_of(result):
    """Return the last logits of the first model."""
    return result.logits["test"][-1, 0]


def bytes_after(call):
    """Run a call and return its result, with the bytes of tensors that live on."""
    import torch

    gc.collect()
    gc.disable()  # what others left would be counted as freed here
    try:
        with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True) as profile:
            result = call()
    finally:
        gc.enable()
    return result, sum(event.self_cpu_memory_usage for event in profile.key_averages())


def save_tiny_model(folder: Path, family: str, *, pad: bool) -> Path:
    """Write a body of 16 dimensions and two layers, and its tokenizer."""
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    torch.manual_seed(0)
    decoder = {**SIZE, "num_key_value_heads": 1, "pad_token_id": None}
    if family == "qwen2":
        # transformers gives a Qwen model a Qwen tokenizer whatever the folder says: bytes, and our words as added ones.
        letters = {"<|endoftext|>": 0, **{c: i + 1 for i, c in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}}
        own = transformers.Qwen2Tokenizer(vocab=letters, merges=[], model_max_length=64)
        own.add_tokens(WORDS)
        own.save_pretrained(folder)
        body = transformers.Qwen2Model(transformers.Qwen2Config(**{**decoder, "vocab_size": len(own)}))
        body.save_pretrained(folder)
        return folder
    ids = {word: i for i, word in enumerate(WORDS)}
    tokenizer = Tokenizer(models.WordLevel(ids, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    if family in ("bert", "roberta"):
        tokenizer.post_processor = processors.TemplateProcessing(
            single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
        )
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, unk_token="[UNK]", pad_token="[PAD]" if pad else None, model_max_length=60
    ).save_pretrained(folder)
    if family == "bert":
        body = transformers.BertModel(transformers.BertConfig(**SIZE, pad_token_id=0))
    elif family == "roberta":
        body = transformers.RobertaModel(transformers.RobertaConfig(**SIZE, pad_token_id=0))
    elif family == "gpt2":
        config = transformers.GPT2Config(n_embd=16, n_layer=2, n_head=2, n_positions=64, vocab_size=len(WORDS))
        body = transformers.GPT2Model(config)
    else:
        body = transformers.LlamaModel(transformers.LlamaConfig(**decoder))
    body.save_pretrained(folder)
    return folder
