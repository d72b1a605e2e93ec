"""Models that are fine-tuned as a whole: one stage each, so that a kill costs part of one, and workers share them."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from outlearn.core.predictions import Predictions
from outlearn.data.splits import Splits
from outlearn.data.task import Task
from outlearn.encoders.model_folder import ALIASES, PINNED, model_folder, model_hashes
from outlearn.errors import ConfigError
from outlearn.experiment.points import splits_fingerprint
from outlearn.experiment.stages.training_spec import TrainingSpec
from outlearn.learners.finetuning.learner import FinetuneLearner
from outlearn.learners.finetuning.settings import FinetuneSettings
from outlearn.learners.jobs import HeadJob, settled
from outlearn.learners.self_distillation import distillation_targets
from outlearn.losses import NumberLoss, loss_config
from outlearn.store.stage import Entries, Stage, Work
from outlearn.store.store import Entry

__all__ = ["LOCATION", "SCALE", "FinetunedModel", "kept_files", "kept_model"]

VERSION = 3
TRAINING_POINTS = "own"  # predictions of the points that a model learned from, for the next round
LOCATION, SCALE = "location", "scale"  # of a model's output, where it learns numbers
FILE = "file:"  # how the names of arrays begin that hold files of a model that is kept
# These decide where and in which pieces a model is computed, not what it is.
NOT_IN_KEY = {"kind", "model", "sha256", "revision", "local_files_only", "tokens_per_batch", "gradient_checkpointing"}


@dataclass(frozen=True)
class FinetunedModel:
    """A pretrained model, and how it is fine-tuned.

    Attributes:
        task, splits: the points, which need texts or pairs of texts.
        learner: the model and the settings.

    Raises:
        ConfigError: if the task has no texts, or the model cannot be found.
    """

    task: Task
    splits: Splits
    learner: FinetuneLearner

    def __post_init__(self) -> None:
        if self.task.texts is None and self.task.pairs is None:
            raise ConfigError(
                f"learner.kind: finetune needs texts, and task {self.task.name!r} has none. Use learner.kind: adamw on "
                "its features."
            )

    @cached_property
    def folder(self) -> Path:
        """Where the model is."""
        return model_folder(
            ALIASES.get(self.learner.model, self.learner.model),
            expected_sha256=self.learner.sha256 or PINNED.get(self.learner.model),
            revision=self.learner.revision,
            local_files_only=self.learner.local_files_only,
        )

    @cached_property
    def fingerprint(self) -> str:
        """Name the model by its files."""
        return hashlib.sha256(json.dumps(model_hashes(self.folder), sort_keys=True).encode()).hexdigest()

    def train(self, spec: TrainingSpec) -> Stage:
        """Describe the stage that gathers the models, each of which is a stage; so is each round of one.

        Its arrays: for each split to predict, float32 logits `[checkpoints, models, points, classes]`; `checkpoints` in
        epochs; for each model `epochs` that its last predictions have learned from and `training_loss`,
        `[models, epochs]` in nats, the mean over each epoch (of numbers, in the units of its labels). Numbers stand in
        the place of logits, `[checkpoints, models, points, 1]`.
        """
        rounds = range(spec.rounds + 1)
        stages: dict[str, Stage | str] = {}
        for k, job in enumerate(spec.jobs):
            before = None
            for r in rounds:
                # After every round: then a run of more rounds finds those before as they are.
                stages[_model_name(k, r)] = before = self._model_stage(spec, job, before, kept=k in spec.kept)

        def compute(entries: Entries, work: Work) -> dict[str, np.ndarray]:
            found = [[entries[_model_name(k, r)].arrays for r in rounds] for k in range(len(spec.jobs))]
            logits = {
                name: np.stack([np.concatenate([each[name] for each in model]) for model in found], axis=1)
                for name in spec.predict
            }
            return {
                **logits,
                "checkpoints": np.concatenate([r * self.learner.epochs + found[0][r]["checkpoints"] for r in rounds]),
                "epochs": np.array([model[-1]["epoch"] for model in found]),
                "training_loss": _ragged([np.concatenate([each["training_loss"] for each in m]) for m in found]),
            }

        return Stage(spec.name, spec.version, {}, stages, compute, alone=True)

    def _model_stage(self, spec: TrainingSpec, job: HeadJob, before: Stage | None, *, kept: bool) -> Stage:
        """Describe the stage of one model; `before` is the model from whose predictions it distils.

        Of one that is `kept` the files that `save_pretrained` writes are stored too; see `kept_files`.
        """
        predict = (*spec.predict, *((TRAINING_POINTS,) if spec.rounds else ()))
        weights = None if job.weighting is None or spec.weights is None else spec.weights[job.weighting]

        def compute(entries: Entries, work: Work) -> dict[str, np.ndarray]:
            targets = spec.targets(entries)[job.labeling][None]
            if before is not None:
                own_before = Predictions.from_logits(entries["before"].arrays[TRAINING_POINTS][-1][None])
                targets = distillation_targets(targets, own_before.probs)
            (own,) = settled(
                [replace(job, labeling=0, weighting=None if weights is None else 0)],
                targets,
                None if weights is None else weights[None],
            )
            from outlearn.learners.finetuning.fit import fit_finetune  # with torch, which a stored model does without

            with work.progress.bar(f"{_singular(spec)}: {job}") as advance:
                fitted = fit_finetune(
                    self._texts(spec.split),
                    targets,
                    [own],
                    {name: self._texts(spec.split if name == TRAINING_POINTS else name) for name in predict},
                    model=self.folder,
                    settings=self.settings(),
                    weights=None if weights is None else weights[None],
                    checkpoints=self._stops(spec),
                    folder=work.workspace,
                    save_to=work.workspace / "kept" if kept else None,
                    progress=advance,
                )
            return {
                **(_file_arrays(work.workspace / "kept" / "0") if kept else {}),
                **{name: logits[:, 0] for name, logits in fitted.logits.items()},
                "checkpoints": np.array(fitted.checkpoints),
                "epoch": fitted.epochs[0],
                "training_loss": fitted.losses[0],
                **({LOCATION: fitted.location, SCALE: fitted.scale} if isinstance(job.loss, NumberLoss) else {}),
            }

        return Stage(
            _singular(spec),
            VERSION + 100 * spec.version,
            {
                **spec.settings,
                "learner": self.learner.model_dump(mode="json", exclude=NOT_IN_KEY),
                "loss": loss_config(job.loss),
                "labelling": job.labeling,
                "seed": job.seed,
                "checkpoints": self._stops(spec),
                "predict": predict,
                **({"kept": True} if kept else {}),
                "weights": None if weights is None else hashlib.sha256(weights.tobytes()).hexdigest(),
            },
            {
                **spec.inputs,
                **({} if before is None else {"before": before}),
                "model": self.fingerprint,
                "task": self.task.fingerprint,
                "splits": splits_fingerprint(self.splits),
            },
            compute,
            alone=True,
        )

    def settings(self) -> FinetuneSettings:
        """Return the learner's settings."""
        given: dict[str, Any] = self.learner.model_dump(
            exclude={"kind", "model", "sha256", "revision", "local_files_only", "early_stopping", "classes"}
        )
        words = self.learner.words(self.task.kind, self.task.class_names)
        return FinetuneSettings(**given, early_stopping=self.learner.early_stopping, words=words)

    def _stops(self, spec: TrainingSpec) -> tuple[float, ...]:
        return tuple(epoch for epoch in spec.checkpoints if epoch < self.learner.epochs)

    def _texts(self, split: str) -> list[tuple[str, ...]]:
        rows = getattr(self.splits, split).tolist()
        if self.task.pairs is not None:
            return [self.task.pairs[i] for i in rows]
        return [(self.task.texts[i],) for i in rows] if self.task.texts is not None else []


def kept_model(students: Stage, job: int, rounds: int) -> Stage:
    """Find the stage of one model among those that a stage gathers, after its last round."""
    return students.parents[_model_name(job, rounds)]


def kept_files(entry: Entry) -> dict[str, np.ndarray]:
    """Read the files of a model that was kept: name -> content, uint8."""
    return {name.removeprefix(FILE): array for name, array in entry.arrays.items() if name.startswith(FILE)}


def _file_arrays(folder: Path) -> dict[str, np.ndarray]:
    """Read the files of a folder for the store, which holds arrays."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {FILE + path.relative_to(folder).as_posix(): np.fromfile(path, np.uint8) for path in files}


def _model_name(model: int, after: int) -> str:
    """Name the stage of one model after some rounds of self-distillation."""
    return f"model {model}" + (f", round {after}" if after else "")


def _singular(spec: TrainingSpec) -> str:
    """Name one of the models: "students" are made of each "student"."""
    return spec.name.removesuffix("s")


def _ragged(rows: list[np.ndarray]) -> np.ndarray:
    """Stack rows of different lengths, nan where a training stopped before."""
    filled = np.full((len(rows), max(map(len, rows))), np.nan)
    for row, values in zip(filled, rows, strict=True):
        row[: len(values)] = values
    return filled
