"""Leave a student that can be used: which one, made of whom, how good, and how far from the training texts it may go.

A kept student is the dual mean of all students of one loss, over teachers and seeds: it has the bias of a single one
and less variance, so that under log loss it is at least as good as they are on average, and no true label chooses it.
It is that of auto, or of another recipe, if the run has one, else of the first loss named.

Of models that were fine-tuned an ensemble would be as large as all of them: one is kept, the first labeler's with the
first seed. Which one that is was settled before any was trained.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Literal

import numpy as np

from outlearn.core.labelers.recipes import RECIPES
from outlearn.core.metrics import accuracy, scorecard
from outlearn.core.predictions import Predictions
from outlearn.data.task import Task
from outlearn.encoders.registry import get_encoder
from outlearn.experiment.evaluation import Evaluation
from outlearn.experiment.kept_facts import (
    encoder_facts,
    finetuned_reads,
    novelty_of,
    reads_of,
    training_of,
    versions,
)
from outlearn.experiment.plan import Plan
from outlearn.experiment.stages.features import learned_of, read_features
from outlearn.experiment.stages.finetuned import kept_files, kept_model
from outlearn.experiment.stages.students import Students, kept_jobs
from outlearn.learners.finetuning.learner import FinetuneLearner
from outlearn.results.measurement import means, number
from outlearn.results.run import RunResults
from outlearn.results.writing import RunWriter
from outlearn.store.stage import Stage
from outlearn.store.store import Entry
from outlearn.student.folder import write_student
from outlearn.student.kept import FLAGS, Answers, Kept, answers_of_heads
from outlearn.student.record import FOLDER, EncoderFacts, Flagged, KeptScores, Precision, Reads, StudentRecord
from outlearn.version import __version__

__all__ = ["keep_students"]


def keep_students(
    writer: RunWriter,
    plan: Plan,
    stored: Callable[[Stage], Entry],
    students: Sequence[Students],
    test: Evaluation,
    results: RunResults,
) -> None:
    """Write `student/`, and with `keep: all` one folder for every loss in `students/`.

    Args:
        stored: gives the entry of a stage of the plan, or of one that those are made of.
    """
    if plan.config.student.keep == "none":
        return
    found = _finetuned if plan.config.student.learner.reads == "texts" else _heads
    losses = [each.loss for each in students]
    best = next((loss for loss in losses if loss in RECIPES), losses[0])
    kept_losses = losses if plan.config.student.keep == "all" else [best]
    for loss, kept in found(plan, stored, [each for each in students if each.loss in kept_losses], test, results):
        if loss == best:
            write_student(writer.folder / FOLDER, kept)
        if plan.config.student.keep == "all":
            (writer.folder / f"{FOLDER}s").mkdir(exist_ok=True)
            write_student(writer.folder / f"{FOLDER}s" / loss, kept)


def _heads(
    plan: Plan,
    stored: Callable[[Stage], Entry],
    students: Sequence[Students],
    test: Evaluation,
    results: RunResults,
) -> Iterator[tuple[str, Kept]]:
    """Put the heads of each loss together; a learner of somebody else may have given none."""
    config, splits = plan.config, plan.splits
    entry = stored(plan.stages["student features"])
    features, encoder = read_features(entry), get_encoder(config.student.encoder)
    learned = learned_of(plan.task, encoder, splits.student, entry)
    novelty, beyond = novelty_of(features, splits, seed=config.seed)
    for each in students:
        if not each.heads:
            continue
        checkpoint = test.chosen[each.loss]
        heads = each.heads[checkpoint]
        on_test, on_training = (
            answers_of_heads(heads, features[points], novelty, beyond) for points in (splits.test, splits.student)
        )
        record = _record(
            plan,
            each,
            on_test,
            test,
            results,
            kind="heads",
            reads=reads_of(plan.task, config),
            members=heads.n_models,
            class_shares=_shares(on_training),
            unlike_beyond=beyond,
            encoder=encoder_facts(encoder),
            epoch=each.checkpoints[checkpoint],
        )
        yield each.loss, Kept(record, heads, learned, novelty)


def _finetuned(
    plan: Plan,
    stored: Callable[[Stage], Entry],
    students: Sequence[Students],
    test: Evaluation,
    results: RunResults,
) -> Iterator[tuple[str, Kept]]:
    """Take the files of one model of each loss; see `kept_jobs`."""
    learner = plan.config.student.learner
    assert isinstance(learner, FinetuneLearner)  # the learner that reads texts
    for job, each in zip(kept_jobs(plan.labeling), students, strict=True):
        model = stored(kept_model(plan.stages["students"], job, plan.config.student.rounds))
        files = kept_files(model)
        files["config.json"] = _with_class_names(files["config.json"], plan.task)
        on_test, on_validation = (
            Answers(Predictions.from_logits(model.arrays[split][-1]).log_probs[0], ("",) * model.arrays[split].shape[1])
            for split in ("test", "validation")
        )
        record = _record(
            plan,
            each,
            on_test,
            test,
            results,
            kind="finetuned",
            reads=finetuned_reads(plan.task, plan.config, learner),
            members=1,
            class_shares=_shares(on_validation),
            precision=learner.precision,
            epoch=model.arrays["epoch"].item(),
        )
        yield each.loss, Kept(record, files=files)


def _record(
    plan: Plan,
    students: Students,
    on_test: Answers,
    test: Evaluation,
    results: RunResults,
    *,
    kind: Literal["heads", "finetuned"],
    reads: Reads,
    members: int,
    class_shares: tuple[float, ...],
    epoch: float,
    unlike_beyond: float | None = None,
    encoder: EncoderFacts | None = None,
    precision: Precision | None = None,
) -> StudentRecord:
    """Say what a student is, where it comes from, and how good it is."""
    task, config = plan.task, plan.config
    return StudentRecord(
        outlearn=__version__,
        kind=kind,
        task=task.kind,
        class_names=task.class_names,
        reads=reads,
        members=members,
        class_shares=class_shares,
        unlike_beyond=unlike_beyond,
        encoder=encoder,
        precision=precision,
        training=training_of(plan, students, epoch=epoch, run=results.config_key),
        versions=versions(),
        results=_scores(on_test, test, students.loss, results, config.measure.level),
    )


def _shares(answers: Answers) -> tuple[float, ...]:
    """Average the probabilities of each class."""
    return tuple(np.exp(answers.log_probs).mean(axis=0).tolist())


def _with_class_names(config: np.ndarray, task: Task) -> np.ndarray:
    """Name the classes in the configuration of a model of transformers; a model of preferences has one score."""
    content = json.loads(config.tobytes())
    if task.pairs is None:
        content["id2label"] = {str(k): name for k, name in enumerate(task.class_names)}
        content["label2id"] = {name: k for k, name in enumerate(task.class_names)}
    return np.frombuffer(json.dumps(content, indent=2).encode(), np.uint8)


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
