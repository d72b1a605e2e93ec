"""Leave a student that can be used: which one, made of whom, how good, and how far from the training texts it may go.

A kept student is the dual mean of all students of one loss, over teachers and seeds: it has the bias of a single one
and less variance, so that under log loss it is at least as good as they are on average, and no true label chooses it.
It is that of auto, or of another recipe, if the run has one, else of the first loss named.
"""

from __future__ import annotations

import dataclasses
import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from outlearn.core.feature_matrix import FeatureMatrix
from outlearn.core.labelers.recipes import RECIPES
from outlearn.core.metrics import accuracy, scorecard
from outlearn.core.predictions import Predictions
from outlearn.data.task import Task
from outlearn.encoders.encoder import Encoder
from outlearn.encoders.registry import get_encoder
from outlearn.experiment.config import Config
from outlearn.experiment.evaluation import Evaluation
from outlearn.experiment.plan import Plan
from outlearn.experiment.stages.features import read_features
from outlearn.experiment.stages.students import Students
from outlearn.learners.fitted import Heads
from outlearn.results.measurement import means, number
from outlearn.results.run import RunResults
from outlearn.results.writing import RunWriter
from outlearn.store.store import Entry
from outlearn.student.folder import NAME, write_student
from outlearn.student.head_scorer import file_hashes
from outlearn.student.kept import FLAGS, Answers, Kept, answers_of_heads
from outlearn.student.novelty import Novelty
from outlearn.student.record import EncoderFacts, Flagged, KeptScores, Reads, StudentRecord, Training
from outlearn.version import __version__

__all__ = ["keep_students"]

LEAST_HELD_OUT = 100  # points, of which one in a hundred can be found
PACKAGES = ("numpy", "scikit-learn", "tokenizers", "torch", "transformers")


def keep_students(
    writer: RunWriter,
    plan: Plan,
    entries: Mapping[str, Entry],
    students: Sequence[Students],
    test: Evaluation,
    results: RunResults,
) -> None:
    """Write `student/`, and with `keep: all` one folder for every loss in `students/`."""
    if plan.config.student.keep == "none":
        return
    by_loss = {each.loss: each for each in students if each.heads}
    if not by_loss:
        return
    best = next((loss for loss in by_loss if loss in RECIPES), next(iter(by_loss)))
    kept_losses = list(by_loss) if plan.config.student.keep == "all" else [best]
    frame = _Frame(plan, read_features(entries["student features"]))
    for loss in kept_losses:
        kept = frame.keep(by_loss[loss], test, results)
        if loss == best:
            write_student(writer.folder / NAME, kept)
        if plan.config.student.keep == "all":
            (writer.folder / f"{NAME}s").mkdir(exist_ok=True)
            write_student(writer.folder / f"{NAME}s" / loss, kept)


class _Frame:
    """What the kept students of a run share: the encoder and the distances from the training points."""

    def __init__(self, plan: Plan, features: FeatureMatrix) -> None:
        config, splits = plan.config, plan.splits
        self.plan, self.features = plan, features
        self.encoder = get_encoder(config.student.encoder)
        self.learned = self.encoder.learn(plan.task, splits.student)
        self.novelty = Novelty.of(features[splits.student], seed=config.seed)
        held_out = np.concatenate([splits.teacher, splits.validation])
        self.unlike_beyond = self.novelty.threshold(
            features[held_out if len(held_out) >= LEAST_HELD_OUT else splits.student]
        )

    def keep(self, students: Students, test: Evaluation, results: RunResults) -> Kept:
        """Put the students of one loss together."""
        plan, loss = self.plan, students.loss
        task, splits, config = plan.task, plan.splits, plan.config
        heads = students.heads[test.chosen[loss]]
        on_test = self._answers(heads, splits.test)
        record = StudentRecord(
            outlearn=__version__,
            kind="heads",
            task=task.kind,
            class_names=task.class_names,
            reads=_reads(task, config),
            members=heads.n_models,
            class_shares=tuple(np.exp(self._answers(heads, splits.student).log_probs).mean(axis=0).tolist()),
            unlike_beyond=self.unlike_beyond,
            encoder=EncoderFacts(
                settings=_settings(self.encoder),
                fingerprint=self.encoder.fingerprint,
                files=file_hashes(self.encoder),
            ),
            precision=None,
            training=Training(
                task=task.name,
                loss=loss,
                loss_config=students.config,
                labels_of=students.source,
                teachers=plan.labeling.n_teachers,
                epoch=students.checkpoints[test.chosen[loss]],
                points=len(splits.student),
                # A path says nothing to whoever is given the student.
                source=Path(config.data.path).name if config.data.path else task.source,
                licence=task.licence,
                run=results.config_key,
            ),
            versions=_versions(),
            results=_scores(on_test, test, loss, results, config.measure.level),
        )
        return Kept(record, heads, self.learned, self.novelty)

    def _answers(self, heads: Heads, points: np.ndarray) -> Answers:
        return answers_of_heads(heads, self.features[points], self.novelty, self.unlike_beyond)


def _scores(on_test: Answers, test: Evaluation, loss: str, results: RunResults, level: float) -> KeptScores:
    """Measure a kept student on the test points; whoever it is compared with was measured before."""
    predictions = Predictions.from_logits(on_test.log_probs)
    right = accuracy(predictions, test.labels)[0]
    flags = np.array(on_test.flags)
    return KeptScores(
        scores=means(scorecard(predictions, test.labels, level)),
        members=results.students[loss].accuracy,
        teacher=results.teacher.accuracy,
        ceiling=results.ceiling.accuracy,
        flagged={
            name: Flagged(
                share=float((flags == name).mean()),
                accuracy=number(right[flags == name].mean()) if (flags == name).any() else None,
            )
            for name in FLAGS
        },
    )


def _reads(task: Task, config: Config) -> Reads:
    """Say what the student reads, and in which columns."""
    data = config.data
    if task.pairs is not None:
        given = {"first": data.chosen_column, "second": data.rejected_column}
        return Reads(what="pair", **{name: column for name, column in given.items() if column is not None})
    reads_texts = task.features is None
    return Reads(what="text" if reads_texts else "numbers", text=data.text_column or "text")


def _settings(encoder: Encoder) -> dict[str, Any]:
    """Write an encoder as a configuration names it; where it ran is no part of it."""
    parameters = dataclasses.asdict(encoder)  # type: ignore[call-overload]
    return {"kind": encoder.kind, **parameters, **({"device": None} if "device" in parameters else {})}


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
