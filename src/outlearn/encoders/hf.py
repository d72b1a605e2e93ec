"""Frozen hidden states of a Hugging Face model: the strong encoder, and any other.

Texts are tokenised once, sorted by length and batched by a budget of tokens, so that little is spent on padding. The
batch is padded here, on the right, with an explicit mask: position 0 is the first real token for every model, causal or
not, and nothing depends on which token id a tokenizer pads with, or whether it has one.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
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
from outlearn.language_models.token_batches import token_batches
from outlearn.language_models.wrapped_texts import wrapped_texts

if TYPE_CHECKING:  # it loads torch
    from outlearn.language_models.hidden_states import HiddenStates

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
            Layers above it are not run.
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
    layer: int | None = None
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
        tokenizer, model = self.read()

        def encode(task: Points, points: Rows, *, progress: Progress | None = None) -> Features:
            return encode_points(task, points, lambda texts: self._encode_texts(texts, tokenizer, model, progress))

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
        limits = [tokenizer.model_max_length, getattr(model.config, "max_position_embeddings", None)]
        limit = min(value for value in [*limits, 10**9] if isinstance(value, int) and value > 0)
        around = len(tokenizer(self.prefix + self.suffix)["input_ids"]) if self.prefix + self.suffix else 0
        if self.max_length + around > limit:
            and_more = f" and its prefix and suffix take {around}" if around else ""
            raise ConfigError(
                f"encoder.max_length is {self.max_length}{and_more}, but {self.model!r} reads {limit} tokens at most."
            )
        n_layers = getattr(model.config, "num_hidden_layers", None)
        if self.layer is not None and n_layers is not None and not -n_layers - 1 <= self.layer <= n_layers:
            raise ConfigError(f"encoder.layer is {self.layer}, but {self.model!r} has layers 0 to {n_layers}.")
        return tokenizer, model.eval().to(device_of(self.device, key="encoder.device"))

    def _encode_texts(self, texts: list[str], tokenizer: Any, model: Any, progress: Progress | None) -> Features:
        import torch

        tokens = self._tokens(texts, tokenizer)
        lengths = np.array([len(ids) for ids in tokens])
        if not lengths.all():
            raise DataError(
                f"the text {texts[int(lengths.argmin())]!r} has no token in {self.model!r}. Drop this point."
            )
        features: np.ndarray | None = None
        done = 0
        with torch.inference_mode():
            for batch, pooled in self._pooled(tokens, lengths, tokenizer, model):
                if features is None:
                    features = np.empty((len(texts), pooled.shape[1]), dtype=np.float32)
                features[batch] = pooled
                done += len(batch)
                if progress is not None:
                    progress(done, len(texts))
        if features is None:
            raise ConfigError("there are no points to encode.")
        bad = np.flatnonzero(~np.isfinite(features).all(1))
        if len(bad):
            raise DataError(
                f"{self.model!r} gives features that are not finite for {len(bad)} texts, first {texts[bad[0]]!r}."
            )
        return features

    def _tokens(self, texts: list[str], tokenizer: Any) -> list[list[int]]:
        """Tokenise texts between prefix and suffix, as the model would read them: whole."""
        return wrapped_texts(
            tokenizer, texts, prefix=self.prefix, suffix=self.suffix, max_length=self.max_length, cut=self.cut
        )

    def _pooled(
        self, tokens: list[list[int]], lengths: np.ndarray, tokenizer: Any, model: Any
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield batches of texts with their features, the longest texts first."""
        from outlearn.language_models.hidden_states import HiddenStates
        from outlearn.language_models.prefix import attends_backwards, can_cache, prompt_batches

        hidden = HiddenStates(model, self.layer)
        # Where later positions see what comes before them alone, what texts share need not be run again.
        if self.prefix and self.pooling == "last" and can_cache(model) and attends_backwards(model):
            for batch in prompt_batches(model, tokens, tokens_per_batch=self.tokens_per_batch):
                yield batch.points, batch.at_end(hidden(**batch.inputs())).cpu().numpy()
            return
        pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else 0
        for points in token_batches(lengths, self.tokens_per_batch):
            yield points, self._pool(hidden, [tokens[i] for i in points], pad, model.device).cpu().numpy()

    def _pool(self, hidden: HiddenStates, rows: list[list[int]], pad: int, device: Any) -> Any:
        """Run one batch of token ids and pool its hidden states to `[texts, features]`."""
        import torch

        lengths = torch.tensor([len(row) for row in rows])
        width = int(lengths.max())
        ids = torch.tensor([row + [pad] * (width - len(row)) for row in rows], device=device)
        mask = (torch.arange(width) < lengths[:, None]).to(device)
        found = hidden(input_ids=ids, attention_mask=mask.long(), return_dict=True)
        if self.pooling == "cls":
            return found[:, 0]
        if self.pooling == "last":
            return found[torch.arange(len(rows), device=found.device), lengths.to(found.device) - 1]
        weights = mask.to(found.dtype)[:, :, None]
        return (found * weights).sum(1) / weights.sum(1)
