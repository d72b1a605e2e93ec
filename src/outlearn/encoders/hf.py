"""Frozen hidden states of a Hugging Face model: the strong encoder, and any other.

Texts are tokenised once, sorted by length and batched by a budget of tokens, so that little is spent on padding. The
batch is padded here, on the right, with an explicit mask: position 0 is the first real token for every model, causal or
not, and nothing depends on which token id a tokenizer pads with, or whether it has one.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from safetensors import SafetensorError

from outlearn.core.ranges import Whole, check_fields
from outlearn.encoders.encoder import Encode, Learned
from outlearn.encoders.model_folder import ALIASES, PINNED, model_files, model_folder, model_hashes
from outlearn.encoders.points import Features, Points, Progress, Rows, encode_points
from outlearn.errors import ConfigError, DataError, MissingExtraError, first_line
from outlearn.language_models.loaded_weights import device_of, refuse_missing_weights

if TYPE_CHECKING:  # they load torch
    import torch

    from outlearn.encoders.text_models import TextModel

__all__ = ["HuggingFace"]

# The fields that decide the features, beside the files of the model.
DECIDING = ("prefix", "suffix", "layer", "pooling", "max_length", "cut", "trust_remote_code")


@dataclass(frozen=True)
class HuggingFace:
    """Encode texts as pooled hidden states.

    Args:
        model: a folder, a GGUF file, a model's name on the hub, "package:NAME" for a model inside an installed package,
            "minilm" or "smollm2".
        prefix, suffix: put before and after each text. A decoder reads the suffix last, so with `pooling: last` it is
            the question that the feature answers; what all texts have before is then computed once.
        layer: which hidden state: 0 is the embedding, 1 the first layer's output, -1 the last; None the model's output.
            Layers above it are not run. Several, such as [4, 5, 6], are read in one pass and put beside one another:
            so many times the features.
        pooling: "mean" over the text's tokens, "cls" the first token, "last" the last one.
        max_length: keep this many tokens of each text, prefix and suffix not counted. Longer texts are cut, never
            dropped.
        cut: which end of a longer text is cut. "start" keeps a dialogue's last turn.
        tokens_per_batch: upper limit of texts times longest text in a batch; a text beyond it is a batch by itself.
        sha256: what model.safetensors must hash to; None for no check. "minilm" has its own.
        revision: branch, tag or commit, for a model on the hub.
        local_files_only: look for a hub model in the local cache only.
        trust_remote_code: run code that comes with the model.
        device: where to run; None takes a GPU if there is one.
    """

    model: str = "minilm"
    prefix: str = ""
    suffix: str = ""
    layer: int | tuple[int, ...] | None = None
    pooling: Literal["mean", "cls", "last"] = "mean"
    max_length: Whole = 256
    cut: Literal["end", "start"] = "end"
    tokens_per_batch: Whole = 1024
    sha256: str | None = None
    revision: str | None = None
    local_files_only: bool = True
    trust_remote_code: bool = False
    device: str | None = None

    kind: ClassVar[str] = "hf"
    label: ClassVar[str] = "hidden states of a model"
    line: ClassVar[str] = "hidden states of any Hugging Face model, pooled over a text"
    extra: ClassVar[str] = "hf"
    fits: ClassVar[bool] = False
    common_scale: ClassVar[bool] = False

    def __post_init__(self) -> None:
        check_fields(self, "encoder.")
        if self.layers is not None and len(set(self.layers)) < max(len(self.layers), 1):
            raise ConfigError(f"encoder.layer is {list(self.layers)}; give each layer once, and at least one.")

    @property
    def layers(self) -> tuple[int, ...] | None:
        """The hidden states that are read, one or several; None for the model's output."""
        return (self.layer,) if isinstance(self.layer, int) else self.layer

    @cached_property
    def fingerprint(self) -> str:
        """Hash what decides the features: the parameters, and every file of the model.

        Where it runs and how texts are batched do not enter.

        Raises:
            ConfigError, DataError, MissingExtraError: as `encode`, if the model cannot be found or has another sha256.
        """
        folder = self.folder()
        parameters = {key: asdict(self)[key] for key in DECIDING}
        files = model_hashes(folder)
        return hashlib.sha256(json.dumps([self.kind, parameters, files], sort_keys=True).encode()).hexdigest()

    def encode(
        self, task: Points, points: Rows, fit_on: Rows | None = None, *, progress: Progress | None = None
    ) -> Features:
        """Pool the hidden states of each text.

        Raises:
            ConfigError: if the task has no texts, the model cannot be found, or the layer or length does not exist.
            DataError: if the weights are not the pinned ones, a text has no token, or a feature is not finite.
            MissingExtraError: if transformers, or the package that holds the model, is not installed.
        """
        return self.load(Learned())(task, points, progress=progress)

    def learn(self, task: Points, fit_on: Rows | None = None) -> Learned:
        """Learn nothing: the model is frozen."""
        return Learned()

    def load(self, learned: Learned) -> Encode:
        """Read tokenizer and model; errors as for `encode`."""
        try:
            from outlearn.encoders.text_models import encode_tokens
        except ImportError as error:
            raise MissingExtraError("transformers", "hf") from error
        device = device_of(self.device, key="encoder.device")
        model = self._text_model(device)

        def encode_texts(texts: list[str], progress: Progress | None) -> Features:
            if not texts:
                raise ConfigError("there are no points to encode.")
            tokens = model.tokens(texts)
            empty = next((text for text, ids in zip(texts, tokens, strict=True) if not ids), None)
            if empty is not None:
                raise DataError(f"the text {empty!r} has no token in {self.model!r}. Drop this point.")
            features = encode_tokens(model, tokens, progress, side_by_side=device.type == "cpu")
            bad = np.flatnonzero(~np.isfinite(features).all(1))
            if len(bad):
                raise DataError(
                    f"{self.model!r} gives features that are not finite for {len(bad)} texts, first {texts[bad[0]]!r}."
                )
            return features

        def encode(task: Points, points: Rows, *, progress: Progress | None = None) -> Features:
            return encode_points(task, points, lambda texts: encode_texts(texts, progress))

        return encode

    def files(self) -> dict[str, Path]:
        """List the files of the model; errors as for `fingerprint`."""
        return {file.name: file for file in model_files(self.folder())}

    def folder(self) -> Path:
        """Find the model on disk; errors as for `fingerprint`."""
        expected = self.sha256 or PINNED.get(self.model)
        return model_folder(
            ALIASES.get(self.model, self.model),
            expected_sha256=expected,
            revision=self.revision,
            local_files_only=self.local_files_only,
        )

    def read(self) -> tuple[Any, Any]:
        """Read tokenizer and model from their folder, in float32, ready to infer."""
        try:
            import torch
            from transformers import AutoModel, AutoTokenizer
            from transformers.utils import logging as transformers_logging
        except ImportError as error:
            raise MissingExtraError("transformers", "hf") from error

        folder = self.folder()
        logging: Any = transformers_logging  # untyped
        bars = logging.is_progress_bar_enabled()
        verbosity = logging.get_verbosity()
        logging.disable_progress_bar()  # progress is the caller's to show
        logging.set_verbosity_error()  # what is missing is said in one line
        try:
            tokenizer = AutoTokenizer.from_pretrained(
                folder, local_files_only=True, trust_remote_code=self.trust_remote_code
            )
            model, report = AutoModel.from_pretrained(
                folder,
                local_files_only=True,
                trust_remote_code=self.trust_remote_code,
                use_safetensors=True,
                dtype=torch.float32,
                output_loading_info=True,
            )
        except (OSError, ValueError, KeyError, TypeError, AttributeError, SafetensorError) as error:
            raise ConfigError(
                f"encoder.model {self.model!r} cannot be loaded by transformers: {first_line(error)}"
            ) from error
        finally:
            logging.set_verbosity(verbosity)
            if bars:
                logging.enable_progress_bar()
        refuse_missing_weights(self.model, report["missing_keys"])
        if model.config.is_encoder_decoder:
            model = model.get_encoder()
        around = len(tokenizer(self.prefix + self.suffix)["input_ids"]) if self.prefix + self.suffix else 0
        self._refuse_what_the_model_lacks(
            [tokenizer.model_max_length, getattr(model.config, "max_position_embeddings", None)],
            getattr(model.config, "num_hidden_layers", None),
            around,
        )
        return tokenizer, model.eval().to(device_of(self.device, key="encoder.device"))

    def _text_model(self, device: torch.device) -> TextModel:
        """Read the model, without transformers where that gives the same."""
        from outlearn.encoders.text_models import BertTexts, TransformersTexts
        from outlearn.language_models.bert import read_bert

        folder = self.folder()
        plain = not (self.prefix or self.suffix or self.trust_remote_code) and device.type == "cpu"
        bert = read_bert(folder) if plain else None
        if bert is None:
            tokenizer, network = self.read()
            return TransformersTexts(
                tokenizer,
                network,
                self.layers,
                self.pooling,
                self.prefix,
                self.suffix,
                self.max_length,
                self.cut,
                self.tokens_per_batch,
            )
        self._refuse_what_the_model_lacks(bert.limits, bert.n_layers)
        bert.tokenizer.no_padding()  # which tokenizer.json may ask for
        bert.tokenizer.enable_truncation(self.max_length, direction="right" if self.cut == "end" else "left")
        return BertTexts(bert.tokenizer, bert.network(self.layers), self.pooling, self.tokens_per_batch)

    def _refuse_what_the_model_lacks(self, limits: Sequence[Any], n_layers: int | None, around: int = 0) -> None:
        """Refuse a length or a layer that this model has not."""
        limit = min(value for value in [*limits, 10**9] if isinstance(value, int) and value > 0)
        if self.max_length + around > limit:
            and_more = f" and its prefix and suffix take {around}" if around else ""
            raise ConfigError(
                f"encoder.max_length is {self.max_length}{and_more}, but {self.model!r} reads {limit} tokens at most. "
                "Set max_length so that it fits: longer texts are cut there."
            )
        for layer in self.layers or ():
            if n_layers is not None and not -n_layers - 1 <= layer <= n_layers:
                raise ConfigError(f"encoder.layer is {layer}, but {self.model!r} has layers 0 to {n_layers}.")
