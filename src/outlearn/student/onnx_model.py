"""Write heads and the model under them as one ONNX graph: token ids in, logits out.

Any pooling, layer and head goes into the graph, so what no architecture of transformers holds can be served too.
torch's own exporter writes it; it needs the packages onnx and onnxscript, and whoever runs the graph onnxruntime.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from outlearn.encoders.hf import HuggingFace
from outlearn.encoders.registry import get_encoder
from outlearn.errors import ConfigError, MissingExtraError
from outlearn.language_models.hidden_states import states_of
from outlearn.language_models.quiet import without_bars
from outlearn.learners.fitted import Heads
from outlearn.student.kept import Kept

__all__ = ["export_onnx"]

INPUTS = ("input_ids", "attention_mask")


def export_onnx(kept: Kept, folder: Path, *, model: str | None = None) -> None:
    """Write `model.onnx` and the tokenizer.

    Inputs are `input_ids` and `attention_mask`, `[texts, tokens]`, padded on the right and cut to the encoder's
    `max_length`; the output is `logits`, `[texts, classes]`, whose softmax are the student's probabilities. Of
    preferences it is one reward a text.

    Raises:
        ConfigError: if the student's encoder is no model of transformers.
        MissingExtraError: if the extra `onnx` is not installed.
    """
    try:
        import onnxscript  # noqa: F401 - torch's exporter needs it, and says so at length
    except ImportError as error:
        raise MissingExtraError("onnxscript", "onnx") from error
    facts, heads = kept.record.encoder, kept.heads
    if facts is None or heads is None:
        raise ConfigError("this student is a fine-tuned model: export its folder as any other of transformers.")
    encoder = get_encoder({**facts.settings, **({} if model is None else {"model": model}), "device": "cpu"})
    if not isinstance(encoder, HuggingFace):
        raise ConfigError(f"the encoder {encoder.kind!r} is no model of transformers, and has no graph to export.")
    if kept.record.task == "preference" and heads.hidden_weight is not None:
        raise ConfigError("a student of preferences with a hidden layer compares two texts and gives no reward to one.")
    with without_bars():
        tokenizer, network = encoder.read()
    network.config.use_cache = False
    graph = _Graph(network, encoder, heads.dual_mean().on_raw_features(), reward=kept.record.task == "preference")
    ids = torch.ones(3, 5, dtype=torch.long)
    # With padding: of a mask of ones transformers makes none, and the graph would not read it.
    mask = (torch.arange(5) < torch.tensor([[5], [3], [1]])).long()
    axes = {0: torch.export.Dim("texts"), 1: torch.export.Dim("tokens", max=encoder.max_length)}
    folder.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # the exporter's own, of what it leaves out
        torch.onnx.export(
            graph.eval(),
            (ids, mask),
            folder / "model.onnx",
            input_names=list(INPUTS),
            output_names=["logits"],
            dynamic_shapes=dict.fromkeys(INPUTS, axes),
            dynamo=True,
            external_data=False,
            verbose=False,
        )
    tokenizer.save_pretrained(folder)


class _Graph(nn.Module):
    """Encode, pool and score, in one."""

    def __init__(self, network: Any, encoder: HuggingFace, head: Heads, *, reward: bool) -> None:
        super().__init__()
        self.network, self.layers, self.pooling = network, encoder.layers, encoder.pooling
        layers = [(head.weight[0], head.bias[0])]
        if head.hidden_weight is not None and head.hidden_bias is not None:
            layers.insert(0, (head.hidden_weight[0], head.hidden_bias[0]))
        if reward:
            layers = [(weight[:, :1] - weight[:, 1:], bias[:1] - bias[1:]) for weight, bias in layers]
        self.weights = nn.ParameterList(torch.from_numpy(weight.copy()) for weight, _ in layers)
        self.biases = nn.ParameterList(torch.from_numpy(bias.copy()) for _, bias in layers)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Compute `[texts, classes]`."""
        output = self.network(
            input_ids=input_ids, attention_mask=attention_mask, output_hidden_states=self.layers is not None
        )
        x = self._pooled(states_of(output, self.layers), attention_mask)
        for at, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            x = (torch.relu(x) if at else x) @ weight + bias
        return x

    def _pooled(self, states: Tensor, mask: Tensor) -> Tensor:
        if self.pooling == "cls":
            return states[:, 0]
        if self.pooling == "last":
            return states[torch.arange(states.shape[0]), mask.sum(dim=1) - 1]
        weights = mask.to(states.dtype)[:, :, None]
        return (states * weights).sum(dim=1) / weights.sum(dim=1)
