"""The training of one model, step by step, and its way back from a checkpoint."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from outlearn.errors import ConfigError, DomainError
from outlearn.learners.finetuning.batches import Length, MicroBatch, epoch_batches, micro_batches
from outlearn.learners.finetuning.checkpoint import (
    optimiser_tensors,
    read_checkpoint,
    restore_optimiser,
    write_checkpoint,
)
from outlearn.learners.finetuning.model import TextModel
from outlearn.learners.finetuning.probe import start_from_probe
from outlearn.learners.finetuning.settings import FinetuneSettings
from outlearn.learners.finetuning.tokens import Tokens
from outlearn.learners.jobs import HeadJob

__all__ = ["Training"]

Arrays = dict[str, np.ndarray]
# By default a checkpoint a minute; a large model's takes long, and its writing at most about this share of the time.
SAVE_SECONDS, SAVING_SHARE = 60.0, 0.1


class Training:
    """Train one model; see `fit_finetune`.

    Args:
        model: loaded, with its new head.
        tokens: of the training points.
        rows: the training examples as indices of points, repeated where a point counts twice.
        held_out: points that early stopping watches.
        targets: `[points, classes]`.
        job: loss and seed.
        settings: how.
        stops: epochs at which to predict, besides the end.
        folder: of the checkpoint, or None.
        save_seconds: time between checkpoints; None for the default.
        identity: names this training.
        progress: called with the steps done.
        log: called with what happened in each epoch.
    """

    def __init__(
        self,
        model: TextModel,
        tokens: Tokens,
        rows: Int[np.ndarray, " examples"],
        held_out: Int[np.ndarray, " held_out"],
        targets: Float[np.ndarray, "points classes"],
        job: HeadJob,
        settings: FinetuneSettings,
        stops: tuple[float, ...],
        *,
        folder: Path | None = None,
        save_seconds: float | None = None,
        identity: str = "",
        progress: Callable[[int], None] | None = None,
        log: Callable[[Mapping[str, Any]], None] | None = None,
    ) -> None:
        self.model, self.tokens, self.rows, self.held_out = model, tokens, rows, held_out
        self.job, self.settings = job, settings
        self.parameters = model.trainable()
        for parameter in self.parameters.values():
            # Before the first activations, so that these do not lie scattered between gradients when they are freed.
            parameter.grad = torch.zeros_like(parameter)
        self.budget = settings.tokens_on(model.device, pairs=model.pairs)
        self.targets = torch.from_numpy(targets).to(model.head.weight)
        self.folder, self.save_seconds, self.identity = folder, save_seconds, identity
        self.progress, self.log = progress, log
        self.length = Length.of(len(rows), batch_size=settings.batch_size, epochs=settings.epochs)
        self.stops = [self.length.steps(epochs) for epochs in stops]
        self.optimiser = torch.optim.AdamW(
            list(self.parameters.values()),
            lr=settings.learning_rate,
            weight_decay=settings.weight_decay,
            fused=model.device.type in ("cpu", "cuda"),
        )
        self.step = 0
        self.saved_at, self.saving_took = time.monotonic(), 0.0
        self.best_step, self.best_loss, self.waited = 0, math.inf, 0
        self.best: dict[str, Tensor] = {}
        self.predicted: dict[str, Tensor] = {}  # "<index of the stop>/<set>"
        self.epoch_loss = 0.0
        self.curve: list[float] = []

    def run(self, evaluate: Mapping[str, Tokens]) -> Arrays:
        """Train to the end, from the checkpoint if there is one.

        Returns:
            Logits `[checkpoints, points, classes]` of each set; `epoch`, of the weights that made the last of them;
            `loss`, the mean training loss of each epoch.

        Raises:
            DomainError: if the loss is no longer finite.
            ConfigError: if the device has too little memory.
        """
        self._resume()
        devices = [self.model.device] if self.model.device.type == "cuda" else []
        try:
            with torch.random.fork_rng(devices=devices):
                if self.settings.start == "probe" and self.step == 0:
                    start_from_probe(
                        self.model, self.tokens, self.rows, self.targets.cpu().numpy(), self.job,
                        tokens_per_batch=self.budget,
                    )  # fmt: skip
                while self.step < self.length.total and not self._stopped():
                    self._epoch(evaluate)
            if self.best:
                self._load(self.best)
            final = self._predict_all(evaluate)
        except torch.OutOfMemoryError as error:
            raise ConfigError(
                f"{self.model.device} has too little memory for tokens_per_batch {self.budget} and "
                f"texts of up to {int(self.tokens.lengths.max())} tokens. Lower either, or use gradient_checkpointing "
                "or adaptation: lora."
            ) from error
        # A stop that early stopping never reached has the predictions of the weights that were kept.
        stops = range(len(self.stops))
        arrays = {
            name: torch.stack([*(self.predicted.get(f"{i}/{name}", final[name]) for i in stops), final[name]]).numpy()
            for name in evaluate
        }
        last = self.best_step if self.best else self.step
        return {**arrays, "epoch": np.array(last / self.length.per_epoch), "loss": np.array(self.curve)}

    def _epoch(self, evaluate: Mapping[str, Tokens]) -> None:
        """Go from the current step to the end of its epoch."""
        epoch, done = divmod(self.step, self.length.per_epoch)
        began = time.monotonic()
        if done == 0:
            self.epoch_loss = 0.0
        self.model.network.train()
        batches = list(epoch_batches(len(self.rows), self.settings.batch_size, seed=self.job.seed, epoch=epoch))
        for batch in batches[done:]:
            self._save_if_due()
            self.epoch_loss += self._step(self.rows[batch])
            self.step += 1
            self._at_stop(evaluate)
            if self.progress is not None:
                self.progress(self.step)
            if self.step == self.length.total or self._stopped():
                break
        mean = self.epoch_loss / (self.step - epoch * self.length.per_epoch)
        self.curve.append(mean)
        self._log(
            loss=mean,
            learning_rate=self.settings.rate(self.step - 1, self.length.total),
            seconds=round(time.monotonic() - began, 3),
        )

    def _step(self, examples: Int[np.ndarray, " batch"]) -> float:
        """Move the weights once along the gradient of the mean loss over the batch; return that loss."""
        settings, progress = self.settings, self.step / self.length.total
        # The draws of dropout follow from seed and step: a resumed run draws the same.
        torch.manual_seed(int(np.random.SeedSequence([self.job.seed, self.step]).generate_state(1)[0]))
        total = torch.zeros((), device=self.model.device)
        lengths = self.tokens.lengths[examples]
        batches = micro_batches(lengths, tokens=self.budget, overhead=self.model.overhead)
        whole = self._whole_step(examples, batches)
        for batch in batches:
            logits = self.model.logits(self.tokens, examples, batch)
            points = batch.points
            if whole is not None:
                rest = np.setdiff1d(np.arange(len(examples)), points)
                logits, points = torch.cat([logits, whole[rest]]), np.concatenate([points, rest])
            targets = self.targets[torch.from_numpy(examples[points]).to(self.model.device)]
            losses = self.job.loss(logits, targets, progress=progress)[: len(batch.points)]
            loss = losses.sum() / len(examples)
            loss.backward()  # type: ignore[no-untyped-call]
            total += loss.detach()
        value = float(total)
        if not math.isfinite(value):
            raise DomainError(
                f"the loss of {self.job} is {value} at step {self.step} of {self.length.total}. Lower learning_rate, "
                "set clip, or use precision float32."
            )
        if settings.clip is not None:
            torch.nn.utils.clip_grad_norm_(self.parameters.values(), settings.clip)
        for group in self.optimiser.param_groups:
            group["lr"] = settings.rate(self.step, self.length.total)
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=False)  # filling with zeros is faster than new memory from the system
        return value

    def _whole_step(
        self, examples: Int[np.ndarray, " batch"], batches: list[MicroBatch]
    ) -> Float[Tensor, "batch classes"] | None:
        """Predict all examples of a step for a loss that compares them, where they do not fit in one micro-batch.

        Predictions of earlier steps will not do in their place: a model that drifts as a whole leaves them on one side
        of all its new ones, is told that these are of one class, and drifts on until it says nothing else.
        """
        if not self.job.loss.batch_coupled or len(batches) == 1:
            return None
        with torch.no_grad():
            parts = [self.model.logits(self.tokens, examples, batch) for batch in batches]
        whole = parts[0].new_empty(len(examples), parts[0].shape[1])
        for batch, logits in zip(batches, parts, strict=True):
            whole[batch.points] = logits
        return whole

    def _at_stop(self, evaluate: Mapping[str, Tokens]) -> None:
        """Predict where a checkpoint is asked for, and watch the points held out."""
        for i, stop in enumerate(self.stops):
            if stop == self.step:
                self.predicted |= {f"{i}/{name}": logits for name, logits in self._predict_all(evaluate).items()}
        stopping = self.settings.early_stopping
        if stopping is None:
            return
        every = max(1, round(stopping.every * self.length.per_epoch))
        if self.step % every and self.step != self.length.total:
            return
        logits = self._predict(self.tokens, self.held_out)
        targets = self.targets[torch.from_numpy(self.held_out).to(self.model.device)].cpu()
        loss = float(self.job.loss(logits, targets, progress=1.0).mean())
        if loss < self.best_loss:
            self.best_loss, self.best_step, self.waited = loss, self.step, 0
            self.best = {name: p.detach().clone() for name, p in self.parameters.items()}
        else:
            self.waited += 1
        self._log(held_out_loss=loss)

    def _stopped(self) -> bool:
        stopping = self.settings.early_stopping
        return stopping is not None and self.waited >= stopping.patience

    def _predict_all(self, evaluate: Mapping[str, Tokens]) -> dict[str, Tensor]:
        return {name: self._predict(tokens, np.arange(len(tokens.lengths))) for name, tokens in evaluate.items()}

    def _predict(self, tokens: Tokens, points: Int[np.ndarray, " points"]) -> Float[Tensor, "points classes"]:
        return self.model.run(self.model.logits, tokens, points, tokens_per_batch=self.budget)

    def _log(self, **event: float) -> None:
        if self.log is not None:
            self.log({"epoch": round(self.step / self.length.per_epoch, 4), "step": self.step, **event})

    def _save_if_due(self) -> None:
        """Write a checkpoint if the last one is long ago."""
        now, between = time.monotonic(), self.save_seconds
        if between is None:
            between = max(SAVE_SECONDS, self.saving_took / SAVING_SHARE)
        if self.folder is None or now - self.saved_at < between:
            return
        tensors: dict[str, Tensor] = {f"weight/{name}": p for name, p in self.parameters.items()}
        tensors |= {f"best/{name}": t for name, t in self.best.items()}
        tensors |= {f"optimiser/{key}": t for key, t in optimiser_tensors(self.optimiser, self.parameters).items()}
        tensors |= {f"predicted/{key}": t for key, t in self.predicted.items()}
        state = {
            "step": self.step, "best_step": self.best_step, "waited": self.waited, "curve": self.curve,
            "epoch_loss": self.epoch_loss, "best_loss": self.best_loss if self.best else None,
        }  # fmt: skip
        write_checkpoint(self.folder, tensors, state, identity=self.identity)
        self.saved_at = time.monotonic()
        self.saving_took = self.saved_at - now

    def _resume(self) -> None:
        """Go back to where the checkpoint was written, if there is one."""
        found = None if self.folder is None else read_checkpoint(self.folder, identity=self.identity)
        if found is None:
            return
        self._load(found.group("weight/"))
        restore_optimiser(self.optimiser, self.parameters, found.group("optimiser/"))
        self.best = {name: t.to(self.model.device) for name, t in found.group("best/").items()}
        self.predicted = found.group("predicted/")
        self.step, self.best_step, self.waited = (found.state[key] for key in ("step", "best_step", "waited"))
        self.curve, self.epoch_loss = list(found.state["curve"]), float(found.state["epoch_loss"])
        self.best_loss = math.inf if found.state["best_loss"] is None else float(found.state["best_loss"])

    @torch.no_grad()
    def _load(self, tensors: Mapping[str, Tensor]) -> None:
        for name, parameter in self.parameters.items():
            parameter.copy_(tensors[name])
