"""What is said of every kept student, of classes or of numbers: what it reads, what taught it, how far it goes."""

from __future__ import annotations

import dataclasses
import platform
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from outlearn.data.splits import Splits
from outlearn.data.task import Task
from outlearn.encoders.encoder import Encoder
from outlearn.encoders.random_features import RandomFeatures
from outlearn.experiment.config import Config
from outlearn.experiment.number_plan import NumberPlan
from outlearn.experiment.plan import Plan
from outlearn.experiment.stages.students import Students
from outlearn.learners.finetuning.learner import FinetuneLearner
from outlearn.student.head_scorer import file_hashes
from outlearn.student.novelty import Novelty
from outlearn.student.record import EncoderFacts, Reads, Training
from outlearn.version import versions_of

__all__ = ["encoder_facts", "finetuned_reads", "novelty_of", "reads_of", "training_of", "versions"]

LEAST_HELD_OUT = 100  # points, of which one in a hundred can be found
PACKAGES = ("numpy", "scikit-learn", "tokenizers", "torch", "transformers")


def reads_of(task: Task, config: Config) -> Reads:
    """Say what the student reads, and in which columns."""
    data = config.data
    if task.pairs is not None:
        given = {"first": data.chosen_column, "second": data.rejected_column}
        return Reads(what="pair", **{name: column for name, column in given.items() if column is not None})
    reads_texts = task.features is None
    return Reads(what="text" if reads_texts else "numbers", text=data.text_column or "text")


def finetuned_reads(task: Task, config: Config, learner: FinetuneLearner) -> Reads:
    """Say how a fine-tuned student reads besides: within how many tokens, in which template."""
    return reads_of(task, config).model_copy(
        update={"max_length": learner.max_length, "cut": learner.cut, "template": learner.template}
    )


def encoder_facts(encoder: Encoder) -> EncoderFacts:
    """Say which encoder a student reads through, and which files that is made of."""
    return EncoderFacts(settings=_settings(encoder), files=file_hashes(encoder))


def _settings(encoder: Encoder) -> dict[str, Any]:
    """Write an encoder as a configuration names it; where it ran is no part of it."""
    parameters = {field.name: getattr(encoder, field.name) for field in dataclasses.fields(encoder)}  # type: ignore[arg-type]
    if isinstance(encoder, RandomFeatures):
        parameters["of"] = _settings(encoder.of)
    return {"kind": encoder.kind, **parameters, **({"device": None} if "device" in parameters else {})}


def novelty_of(features: Float[np.ndarray, "points features"], splits: Splits, *, seed: int) -> tuple[Novelty, float]:
    """Learn which points a student has seen the like of, and how unlike those a point must be to be flagged.

    The threshold is that of points that the student never saw where there are enough, else of its own in turn.
    """
    seen = features[splits.student]
    novelty = Novelty.of(seen, seed=seed)
    held_out = np.concatenate([splits.teacher, splits.validation])
    if len(held_out) >= LEAST_HELD_OUT:
        return novelty, novelty.threshold(features[held_out])
    return novelty, Novelty.cross_fitted_threshold(seen, seed=seed)


def training_of(plan: Plan | NumberPlan, students: Students, *, epoch: float, run: str) -> Training:
    """Say what taught a student; `run` is the key of the run's configuration."""
    config, task = plan.config, plan.task
    return Training(
        task=task.name,
        loss=students.loss,
        loss_config=students.config,
        labels_of=students.source,
        teachers=plan.labeling.n_teachers,
        epoch=epoch,
        points=len(plan.splits.student),
        # A path says nothing to whoever is given the student.
        source=Path(config.data.path).name if config.data.path else task.source,
        licence=task.licence,
        run=run,
    )


def versions() -> dict[str, str]:
    """Name the versions of what a student's answers can depend on."""
    return {"python": platform.python_version(), **versions_of(PACKAGES)}
