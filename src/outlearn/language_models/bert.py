"""BERT in torch's own encoder: the same layers under other names, read without transformers.

Loading transformers' models takes longer than encoding a thousand words. What is not plainly a BERT (other positions,
another activation, a tokenizer that its settings change) is left to transformers.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, Int
from safetensors import safe_open
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.nn.functional import embedding, layer_norm

__all__ = ["Bert", "BertFiles", "read_bert"]

# What config.json must say, or leave out.
PLAIN = {
    "hidden_act": "gelu",
    "position_embedding_type": "absolute",
    "is_decoder": False,
    "add_cross_attention": False,
}
# What tokenizer_config.json may say otherwise than the normalizer in tokenizer.json, with what it says by silence:
# transformers would let it win.
NORMALIZER = (
    ("do_lower_case", "lowercase", True),
    ("strip_accents", "strip_accents", None),
    ("tokenize_chinese_chars", "handle_chinese_chars", True),
)
# Names of a layer's weights: torch's, and BERT's. Queries, keys and values are one matrix in torch.
ROWS_OF = {"self_attn.in_proj_": ("attention.self.query.", "attention.self.key.", "attention.self.value.")}
SAME_AS = {
    "self_attn.out_proj.": "attention.output.dense.",
    "norm1.": "attention.output.LayerNorm.",
    "linear1.": "intermediate.dense.",
    "linear2.": "output.dense.",
    "norm2.": "output.LayerNorm.",
}
WORDS, POSITIONS, KINDS = (f"embeddings.{name}_embeddings.weight" for name in ("word", "position", "token_type"))


class Bert(nn.Module):
    """Give the hidden states of a BERT.

    Args:
        config: the content of config.json.
        weights: by name, without the prefix "bert.".
        read: which hidden states, 0 the embedding; what is above the last of them is not run.

    Raises:
        KeyError: if a weight is missing.
    """

    def __init__(self, config: dict[str, Any], weights: dict[str, Tensor], read: tuple[int, ...]) -> None:
        super().__init__()
        self.eps: float = config["layer_norm_eps"]
        self.read = read
        self.words = nn.Parameter(weights[WORDS], requires_grad=False)
        # Every text is one segment, of kind 0.
        self.positions = nn.Parameter(weights[POSITIONS] + weights[KINDS][0], requires_grad=False)
        self.norm = nn.ParameterList(
            nn.Parameter(weights[f"embeddings.LayerNorm.{part}"], requires_grad=False) for part in ("weight", "bias")
        )
        self.layers = nn.ModuleList(_layer(config, weights, f"encoder.layer.{i}.") for i in range(max(read)))
        self.eval()

    def forward(
        self, ids: Int[Tensor, "texts width"], padding: Tensor | None = None
    ) -> Float[Tensor, "texts width features"]:
        """Run the layers; several hidden states that are read stand beside one another.

        Args:
            ids: tokens, padded on the right.
            padding: True where a token pads, `[texts, width]`; None if none does.
        """
        x = embedding(ids, self.words) + self.positions[: ids.shape[1]]
        x = layer_norm(x, x.shape[-1:], self.norm[0], self.norm[1], self.eps)
        kept = {0: x} if 0 in self.read else {}  # no others: of a batch each takes as much memory as its features
        for number, layer in enumerate(self.layers, start=1):
            x = layer(x, src_key_padding_mask=padding)
            if number in self.read:
                kept[number] = x
        return kept[self.read[0]] if len(self.read) == 1 else torch.cat([kept[k] for k in self.read], dim=-1)


@dataclass(frozen=True, eq=False)
class BertFiles:
    """What a folder holds.

    Attributes:
        config: the content of config.json.
        weights: by name, without the prefix "bert.".
        tokenizer: of tokenizer.json.
        limits: how many tokens the tokenizer and the network read.
    """

    config: dict[str, Any]
    weights: dict[str, Tensor]
    tokenizer: Tokenizer
    limits: tuple[int | None, int]

    @property
    def n_layers(self) -> int:
        """Count the layers."""
        return int(self.config["num_hidden_layers"])

    def network(self, layers: tuple[int, ...] | None) -> Bert:
        """Build the network as far as these hidden states: 0 is the embedding, -1 or None the last."""
        return Bert(self.config, self.weights, tuple(k % (self.n_layers + 1) for k in layers or (self.n_layers,)))


def read_bert(folder: Path) -> BertFiles | None:
    """Read the files of a BERT, in float32; None where transformers must read them.

    Args:
        folder: of config.json, model.safetensors, tokenizer.json and tokenizer_config.json.
    """
    files = [folder / name for name in ("config.json", "tokenizer_config.json", "tokenizer.json", "model.safetensors")]
    if not all(file.is_file() for file in files):
        return None
    try:
        config, settings, written = (json.loads(file.read_text(encoding="utf-8")) for file in files[:3])
        if not (_is_plain(config) and _has_its_own_tokenizer(settings, written)):
            return None
        with safe_open(files[3], framework="pt") as file:
            weights = {name.removeprefix("bert."): file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118
        limits = (settings.get("model_max_length"), config["max_position_embeddings"])
        found = BertFiles(config, weights, Tokenizer.from_file(str(files[2])), limits)
        found.network(None)  # every weight is there
    except Exception:
        return None
    return found


def _is_plain(config: dict[str, Any]) -> bool:
    return config["model_type"] == "bert" and all(config.get(key, value) == value for key, value in PLAIN.items())


def _has_its_own_tokenizer(settings: dict[str, Any], written: dict[str, Any]) -> bool:
    """Say whether transformers would tokenise as tokenizer.json does."""
    normalizer = written["normalizer"] or {}
    return (
        settings.get("tokenizer_class") in {"BertTokenizer", "BertTokenizerFast"}
        and normalizer.get("type") == "BertNormalizer"
        and all(normalizer[name] == settings.get(key, silent) for key, name, silent in NORMALIZER)
    )


def _layer(config: dict[str, Any], weights: dict[str, Tensor], at: str) -> nn.Module:
    """Make one layer of torch from the weights of one layer of BERT."""
    with torch.device("meta"):  # no random numbers for weights that are there
        layer = nn.TransformerEncoderLayer(
            config["hidden_size"],
            config["num_attention_heads"],
            config["intermediate_size"],
            dropout=0.0,
            activation="gelu",
            layer_norm_eps=config["layer_norm_eps"],
            batch_first=True,
        )
    state = {
        name + part: torch.cat([weights[at + row + part] for row in rows])
        for name, rows in ROWS_OF.items()
        for part in ("weight", "bias")
    }
    state |= {name + part: weights[at + same + part] for name, same in SAME_AS.items() for part in ("weight", "bias")}
    layer.load_state_dict(state, assign=True)
    return layer.requires_grad_(requires_grad=False)
