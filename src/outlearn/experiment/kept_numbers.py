"""Put the student of a run of numbers together, to be used: heads, encoder, and what a user should know of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import numpy as np
from jaxtyping import Float

from outlearn.core.links import through_link
from outlearn.core.number_metrics import number_scorecard
from outlearn.core.numbers import Numbers
from outlearn.encoders.registry import get_encoder
from outlearn.experiment.kept_facts import (
    encoder_facts,
    finetuned_reads,
    novelty_of,
    reads_of,
    training_of,
    versions,
)
from outlearn.experiment.number_evaluation import NumberEvaluation
from outlearn.experiment.number_intervals import conformal_check, held_out_errors
from outlearn.experiment.number_plan import NumberPlan
from outlearn.experiment.stages.features import learned_of, read_features
from outlearn.experiment.stages.finetuned import LOCATION, SCALE, kept_files, kept_model
from outlearn.experiment.stages.number_auto import AUTO
from outlearn.experiment.stages.students import Students
from outlearn.learners.finetuning.learner import FinetuneLearner
from outlearn.losses import loss_name
from outlearn.results.measurement import means
from outlearn.results.numbers import NumberResults
from outlearn.results.writing import RunWriter
from outlearn.store.stage import Stage
from outlearn.store.store import Entry
from outlearn.student.held_out import HeldOut, kept_errors
from outlearn.student.numbers import KeptNumbers, NumberRecord, NumberScores
from outlearn.student.record import FOLDER, EncoderFacts, Precision, Reads
from outlearn.version import __version__

__all__ = ["keep_numbers"]


def keep_numbers(
    writer: RunWriter,
    plan: NumberPlan,
    stored: Callable[[Stage], Entry],
    students: Sequence[Students],
    evaluations: Mapping[str, NumberEvaluation],
    results: NumberResults,
) -> None:
    """Write `student/`: that of `auto`, else of the first loss; with `keep: all` one folder a loss in `students/`.

    A kept student is the mean of all students of one loss, or of fine-tuned ones the first; see `kept_students`.

    Args:
        stored: gives the entry of a stage of the plan, or of one that those are made of.
    """
    keep = plan.config.student.keep
    if keep == "none":
        return
    kept_of = _finetuned if plan.config.student.learner.reads == "texts" else _heads
    best = next((each for each in students if each.loss == AUTO), students[0])
    for each in students:
        if each is not best and keep != "all":
            continue
        kept = kept_of(plan, stored, each, evaluations, results)
        if each is best:
            kept.write(writer.folder / FOLDER)
        if keep == "all":
            (writer.folder / f"{FOLDER}s").mkdir(exist_ok=True)
            kept.write(writer.folder / f"{FOLDER}s" / each.loss)


def _heads(
    plan: NumberPlan,
    stored: Callable[[Stage], Entry],
    students: Students,
    evaluations: Mapping[str, NumberEvaluation],
    results: NumberResults,
) -> KeptNumbers:
    """Put the heads of one loss together, at the checkpoint that counts."""
    config, task, splits = plan.config, plan.task, plan.splits
    entry = stored(plan.stages["student features"])
    features, checkpoint = read_features(entry), evaluations["test"].chosen[students.loss]
    encoder, heads = get_encoder(config.student.encoder), students.heads[checkpoint]
    novelty, beyond = novelty_of(features, splits, seed=config.seed)
    said = through_link(heads.predict(features[splits.student])[..., 0], students.link).mean(axis=0)
    record = _record(
        plan,
        students,
        results,
        evaluations,
        lambda at: at.students[students.loss].mean(),
        kind="heads",
        reads=reads_of(task, config),
        members=heads.n_models,
        said=said,
        epoch=students.checkpoints[checkpoint],
        unlike_beyond=beyond,
        encoder=encoder_facts(encoder),
    )
    return KeptNumbers(record, heads, learned_of(task, encoder, splits.student, entry), novelty)


def _finetuned(
    plan: NumberPlan,
    stored: Callable[[Stage], Entry],
    students: Students,
    evaluations: Mapping[str, NumberEvaluation],
    results: NumberResults,
) -> KeptNumbers:
    """Take the files of one model; see `kept_jobs`."""
    config, learner = plan.config, plan.config.student.learner
    assert isinstance(learner, FinetuneLearner)  # the learner that reads texts
    losses = [loss_name(loss) for loss in plan.labeling.fixed_losses]
    job = losses.index(students.loss) * len(plan.labeling.models)
    model = stored(kept_model(plan.stages["students"], job, config.student.rounds))
    record = _record(
        plan,
        students,
        results,
        evaluations,
        lambda at: at.at(students.loss, len(students.checkpoints) - 1).only(0),
        kind="finetuned",
        reads=finetuned_reads(plan.task, config, learner),
        members=1,
        said=model.arrays["validation"][-1, :, 0],
        epoch=model.arrays["epoch"].item(),
        location=model.arrays[LOCATION].item(),
        scale=model.arrays[SCALE].item(),
        precision=learner.precision,
    )
    return KeptNumbers(record, files=kept_files(model))


def _record(
    plan: NumberPlan,
    students: Students,
    results: NumberResults,
    evaluations: Mapping[str, NumberEvaluation],
    who: Callable[[NumberEvaluation], Numbers],
    *,
    kind: Literal["heads", "finetuned"],
    reads: Reads,
    members: int,
    said: Float[np.ndarray, " points"],
    epoch: float,
    location: float = 0.0,
    scale: float = 1.0,
    unlike_beyond: float | None = None,
    encoder: EncoderFacts | None = None,
    precision: Precision | None = None,
) -> NumberRecord:
    """Say what a student is, `who` in each split, where it comes from, and how good it is."""
    config, test = plan.config, evaluations["test"]
    scores = means(number_scorecard(who(test), test.truth, config.measure.level))
    return NumberRecord(
        outlearn=__version__,
        kind=kind,
        reads=reads,
        link=students.link,
        location=location,
        scale=scale,
        members=members,
        mean=float(said.mean()),
        low=float(said.min()),
        high=float(said.max()),
        unlike_beyond=unlike_beyond,
        held_out=_held_out(who, evaluations, results, of=students.loss, seed=config.seed),
        encoder=encoder,
        precision=precision,
        training=training_of(plan, students, epoch=epoch, run=results.config_key),
        versions=versions(),
        results=NumberScores(scores=scores, teacher=results.teacher.mse, ceiling=results.ceiling.mse),
    )


def _held_out(
    who: Callable[[NumberEvaluation], Numbers],
    evaluations: Mapping[str, NumberEvaluation],
    results: NumberResults,
    *,
    of: str,
    seed: int,
) -> HeldOut | None:
    """Keep the errors that intervals come from, and check these; None where there are too few."""
    validation, test = evaluations["validation"], evaluations["test"]
    errors = held_out_errors(who(validation), validation.truth)
    level, of = results.measure.level, f"the student of {of}"
    checked = conformal_check(errors, who(test), test.truth, of=of, level=level)
    if checked is None:
        return None
    return HeldOut(
        errors=kept_errors(errors, seed=seed),
        n_points=len(errors),
        n_raters=results.task.n_raters,
        checked=checked,
    )
