"""Fine-tune pretrained models on soft labels or numbers, one after another, in full or by LoRA, with any of our losses.

A loop of our own rather than the Trainer, for two reasons. A step's batch is cut into micro-batches by a budget of
padded tokens, which a data loader of fixed sizes cannot; and a killed training goes on bitwise where it was, from
safetensors alone, where the Trainer pickles its optimiser. For several devices use the Trainer with `hf_loss`: the
gradients are the same (docs/finetune.md).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int

from outlearn.errors import ConfigError, ShapeError
from outlearn.learners.checked_inputs import check_labeling
from outlearn.learners.finetuning.batches import Length
from outlearn.learners.finetuning.checkpoint import remove_checkpoint
from outlearn.learners.finetuning.head_start import start_head
from outlearn.learners.finetuning.loading import load_text_model, load_tokenizer
from outlearn.learners.finetuning.settings import FinetuneSettings
from outlearn.learners.finetuning.tokens import Tokens, tokenise
from outlearn.learners.finetuning.training import Training
from outlearn.learners.jobs import HeadJob, settled, through_links
from outlearn.learners.units import units_of
from outlearn.losses import loss_config

__all__ = ["FinetuneResult", "Points", "fit_finetune"]

Points = Sequence[tuple[str, ...]]
"""One text a point, or the two texts of a preference pair."""


@dataclass(frozen=True)
class FinetuneResult:
    """Hold the predictions of fine-tuned models.

    Attributes:
        logits: for each name in `evaluate`, `[checkpoints, models, points, classes]`, models as the jobs, or numbers
            `[checkpoints, models, points, 1]`; float32, or float64 where the precision is.
        checkpoints: in epochs, increasing; the last is the end of the training.
        epochs: of the weights that made the last predictions, `[models]`; less than all where training stopped early.
        losses: mean training loss of each epoch, one array a model; of numbers, in the units of its labels.
        location, scale: of models of numbers, `[models]`: from what a model gives, z', to its output z = location +
            scale z'; see `units`. Of classes 0 and 1.
    """

    logits: Mapping[str, np.ndarray]
    checkpoints: tuple[float, ...]
    epochs: Float[np.ndarray, " models"]
    losses: tuple[np.ndarray, ...]
    location: Float[np.ndarray, " models"]
    scale: Float[np.ndarray, " models"]


def fit_finetune(
    points: Points,
    targets: Float[np.ndarray, "labelings examples classes"],
    jobs: Sequence[HeadJob],
    evaluate: Mapping[str, Points],
    *,
    model: Path,
    settings: FinetuneSettings | None = None,
    weights: Float[np.ndarray, "weightings examples"] | None = None,
    checkpoints: Sequence[float] = (),
    device: str | None = None,
    folder: Path | None = None,
    save_seconds: float | None = None,
    save_to: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
    log: Callable[[Mapping[str, Any]], None] | None = None,
) -> FinetuneResult:
    """Fine-tune one model for each job, and predict the points with all of them.

    The gradient of a step is that of the mean of the losses over its `batch_size` examples. Results depend on a job's
    own fields, the data and the settings; on one machine with one number of threads they are bitwise the same again,
    also after a kill.

    Args:
        points: the training examples: one text each, or for preferences two each (slot a, slot b).
        targets: teacher distributions, soft or one-hot. Of pairs: P(a preferred), P(b preferred). For losses of
            numbers, numbers `[labelings, examples, 1]`: a model has one output, and learns in units of its own labels.
        jobs: the models to train. A job's weighting counts how often each example is there. A loss that has a quantile
            settles it from the job's labels.
        evaluate: named sets of points to predict.
        model: folder with config.json and safetensors: an encoder or a decoder of transformers.
        settings: the defaults are those of `FinetuneSettings`, which also says how much memory it takes.
        weights: whole numbers of at least 0.
        checkpoints: epochs at which to predict too, in (0, epochs]; rounded to whole steps.
        device: where to run; None takes a GPU if there is one.
        folder: where unfinished models keep their checkpoints; None for none. A finished model's is removed.
        save_seconds: time between checkpoints; None for a minute, or more where writing takes more than a tenth of it.
        save_to: write each model's weights, configuration and tokenizer to `save_to/<index of the job>`.
        progress: called with (steps done, all steps).
        log: called with what happens: one mapping for each epoch of each model, and for each look at held-out points.

    Returns:
        Predictions at each checkpoint and at the end.

    Raises:
        ShapeError, DomainError, ConfigError, DataError: an argument is wrong; the message says which.
        MissingExtraError: the extra `hf` is not installed.
        StoreError: a checkpoint cannot be written.
    """
    settings = settings or FinetuneSettings()
    checked, counts, _ = check_labeling(targets, jobs, weights, n_examples=len(points), dtype=torch.float64)
    targets = checked.numpy()
    _check_texts(points, evaluate, n_classes=targets.shape[2])
    units = units_of(targets, jobs, counts)
    jobs = settled(jobs, targets, counts)
    stops = _stops(checkpoints, settings.epochs)
    chosen = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    texts = _Texts(points, evaluate, model, settings)
    rows = [_split(_rows(job, counts, len(points)), settings, job.seed) for job in jobs]
    ends = np.cumsum(
        [Length.of(len(train), batch_size=settings.batch_size, epochs=settings.epochs).total for train, _ in rows]
    )
    found = []
    for k, (job, (train, held_out)) in enumerate(zip(jobs, rows, strict=True)):
        labels = targets[job.labeling] if units is None else units.labels[units.row[k]][:, None]
        own, identity = None, ""
        if folder is not None:
            content = {
                "model": texts.model_hash,
                "settings": {**asdict(settings), "precision": settings.precision_on(chosen)},
                "loss": loss_config(job.loss),
                "seed": job.seed,
                "stops": stops,
                "texts": texts.hash,
                "targets": hashlib.sha256(labels.tobytes() + train.tobytes() + held_out.tobytes()).hexdigest(),
            }
            identity = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
            own = folder / identity[:16]
        network = load_text_model(
            model, labels.shape[1], settings, pairs=texts.train.pairs, seed=job.seed, device=chosen
        )
        start_head(network, model, settings)

        def report(done: int, before: int = int(ends[k - 1]) if k else 0) -> None:
            if progress is not None:
                progress(before + done, int(ends[-1]))

        def tell(event: Mapping[str, Any], k: int = k) -> None:
            if log is not None:
                log({"model": k, "of": len(jobs), **event})

        training = Training(
            network, texts.train, train, held_out, labels, job, settings, stops,
            folder=own, save_seconds=save_seconds, identity=identity, progress=report, log=tell,
        )  # fmt: skip
        found.append(training.run(texts.evaluate))
        if save_to is not None:
            network.save(save_to / str(k), texts.tokenizer)
        remove_checkpoint(own)
        report(training.length.total)
    logits = {name: np.stack([arrays[name] for arrays in found], axis=1) for name in evaluate}
    location, scale = (np.zeros(len(jobs)), np.ones(len(jobs))) if units is None else (units.location, units.scale)
    if units is not None:
        for outputs in logits.values():
            outputs *= scale[:, None, None]
            outputs += location[:, None, None]
        through_links(logits.values(), jobs)
    return FinetuneResult(
        logits=logits,
        checkpoints=(*stops, float(settings.epochs)),
        epochs=np.array([float(arrays["epoch"]) for arrays in found]),
        losses=tuple(arrays["loss"] for arrays in found),
        location=location,
        scale=scale,
    )


class _Texts:
    """Tokenise all points once, and name texts and model by their content when a checkpoint wants to know."""

    def __init__(self, points: Points, evaluate: Mapping[str, Points], model: Path, settings: FinetuneSettings) -> None:
        self.sets = {"train": points, **{f"evaluate/{name}": part for name, part in evaluate.items()}}
        self.model = model
        self.tokenizer = load_tokenizer(
            model, max_length=settings.max_length, around=settings.around, trust_remote_code=settings.trust_remote_code
        )

        def tokens(part: Points) -> Tokens:
            return tokenise(
                self.tokenizer, part, max_length=settings.max_length, cut=settings.cut, around=settings.around
            )

        self.train = tokens(points)
        self.evaluate = {name: tokens(part) for name, part in evaluate.items()}

    @cached_property
    def hash(self) -> str:
        content = {name: [list(point) for point in part] for name, part in self.sets.items()}
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    @cached_property
    def model_hash(self) -> str:
        digest = hashlib.sha256()
        for path in sorted({*self.model.glob("*.json"), *self.model.glob("*.safetensors")}):
            with path.open("rb") as file:
                digest.update(path.name.encode() + hashlib.file_digest(file, "sha256").digest())
        return digest.hexdigest()


def _check_texts(points: Points, evaluate: Mapping[str, Points], *, n_classes: int) -> None:
    """Raise unless all points have as many texts, and pairs two classes."""
    if not len(points):
        raise ShapeError("there are no training points; expected at least one.")
    if len(points[0]) == 2 and n_classes != 2:
        raise ShapeError(f"targets have {n_classes} classes; expected 2 for pairs of texts: a and b preferred.")
    for name, part in evaluate.items():
        if len(part) and len(part[0]) != len(points[0]):
            raise ShapeError(
                f"points of {name!r} have {len(part[0])} texts, training points {len(points[0])}; expected the same."
            )


def _stops(checkpoints: Sequence[float], epochs: float) -> tuple[float, ...]:
    """Return the checkpoints before the end, increasing."""
    for value in checkpoints:
        if not 0 < value <= epochs:
            raise ConfigError(
                f"checkpoints contain {value!r}; expected epochs above 0 and up to {epochs:g}, the length."
            )
    return tuple(sorted({float(value) for value in checkpoints if value < epochs}))


def _rows(job: HeadJob, counts: np.ndarray | None, n_examples: int) -> Int[np.ndarray, " rows"]:
    """Return the examples of a job, each as often as its weighting says."""
    if job.weighting is None or counts is None:
        return np.arange(n_examples)
    row = counts[job.weighting]
    if (row != np.round(row)).any():
        raise ConfigError(
            f"weighting {job.weighting} has fractions; expected whole numbers: how often each example is there."
        )
    return np.repeat(np.arange(n_examples), row.astype(np.int64))


def _split(
    rows: Int[np.ndarray, " rows"], settings: FinetuneSettings, seed: int
) -> tuple[Int[np.ndarray, " train"], Int[np.ndarray, " held_out"]]:
    """Set aside the points that early stopping watches; copies of one point stay together."""
    if settings.early_stopping is None:
        return rows, rows[:0]
    points = np.unique(rows)
    size = round(settings.early_stopping.share * len(points))
    if not 0 < size < len(points):
        raise ConfigError(
            f"early_stopping.share {settings.early_stopping.share:g} of {len(points)} points holds out {size}; "
            "expected at least one, and one left to train on."
        )
    held_out = np.random.default_rng([seed, 2**32]).permutation(points)[:size]
    return rows[~np.isin(rows, held_out)], np.sort(held_out)
