"""Tiny random language models with a byte-level tokenizer, made on the spot and saved as folders."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

TRAINED_ON = [
    "the film is good", "the film is bad", "a fine day is better than a poor one", "Sentiment: positive",
    "Sentiment: negative", "it sounds like good news", "it sounds like bad news", "First or Second?", "A B",
]  # fmt: skip
CHAT = (
    "{% for m in messages %}<|{{ m['role'] }}|>{{ m['content'] }}\n{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
CONTEXT = 96


@pytest.fixture(scope="session")
def causal_folder(tmp_path_factory) -> Callable[..., Path]:
    """Return a function that writes a tiny model of a kind once and returns its folder."""
    written: dict[tuple[str, bool], Path] = {}

    def folder_of(kind: str = "llama", *, chat: bool = False) -> Path:
        if (kind, chat) not in written:
            written[kind, chat] = save_causal_lm(tmp_path_factory.mktemp(kind), kind, chat=chat)
        return written[kind, chat]

    return folder_of


def save_causal_lm(folder: Path, kind: str, *, chat: bool) -> Path:
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=360, special_tokens=["<s>"], initial_alphabet=pre_tokenizers.ByteLevel.alphabet()
    )
    tokenizer.train_from_iterator(TRAINED_ON, trainer)
    if kind != "gpt2":  # as Llama's does, its tokenizer puts a token before every text
        tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 0)])
    fast = transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>")
    fast.chat_template = CHAT if chat else None
    fast.save_pretrained(folder)
    torch.manual_seed(0)
    size = {"vocab_size": tokenizer.get_vocab_size()}
    blocks = {
        "hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 3, "num_attention_heads": 4,
        "num_key_value_heads": 2, "max_position_embeddings": CONTEXT, **size,
    }  # fmt: skip
    make = {
        "llama": lambda: transformers.LlamaForCausalLM(transformers.LlamaConfig(**blocks)),
        "mistral": lambda: transformers.MistralForCausalLM(transformers.MistralConfig(sliding_window=64, **blocks)),
        "gpt2": lambda: transformers.GPT2LMHeadModel(
            transformers.GPT2Config(n_embd=16, n_layer=3, n_head=2, n_positions=CONTEXT, **size)
        ),
        "mamba": lambda: transformers.MambaForCausalLM(
            transformers.MambaConfig(hidden_size=16, state_size=4, num_hidden_layers=2, **size)
        ),
        "bert": lambda: transformers.BertForMaskedLM(
            transformers.BertConfig(
                hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32, **size
            )
        ),
        "t5": lambda: transformers.T5Model(
            transformers.T5Config(d_model=16, d_kv=8, d_ff=32, num_layers=2, num_heads=2, **size)
        ),
    }
    model = make[kind]()
    if kind not in ("bert", "t5"):
        for parameter in model.parameters():  # so that what it says next differs from text to text
            torch.nn.init.normal_(parameter, std=0.4) if parameter.ndim > 1 else None
    model.save_pretrained(folder)
    return folder
