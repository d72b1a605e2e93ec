"""Put the student of a run of numbers together, to be used: heads, encoder, and what a user should know of it."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from outlearn.core.links import through_link
from outlearn.encoders.registry import get_encoder
from outlearn.experiment.kept_students import LEAST_HELD_OUT, PACKAGES, encoder_settings, reads_of
from outlearn.experiment.number_plan import NumberPlan
from outlearn.experiment.number_results import NumberEvaluation
from outlearn.experiment.stages.features import learned_of, read_features
from outlearn.experiment.stages.number_auto import AUTO
from outlearn.experiment.stages.students import Students
from outlearn.results.numbers import NumberResults
from outlearn.results.writing import RunWriter
from outlearn.store.store import Entry
from outlearn.student.folder import NAME
from outlearn.student.head_scorer import file_hashes
from outlearn.student.novelty import Novelty
from outlearn.student.numbers import KeptNumbers, NumberRecord, NumberScores
from outlearn.student.record import EncoderFacts, Training
from outlearn.version import __version__, versions_of

__all__ = ["keep_numbers"]


def keep_numbers(
    writer: RunWriter,
    plan: NumberPlan,
    students: Sequence[Students],
    test: NumberEvaluation,
    results: NumberResults,
    entries: Mapping[str, Entry],
) -> None:
    """Write `student/`: that of `auto`, else of the first loss; with `keep: all` one folder a loss in `students/`."""
    keep = plan.config.student.keep
    if keep == "none":
        return
    best = next((each for each in students if each.loss == AUTO), students[0])
    entry = entries["student features"]
    for each in students:
        if each is not best and keep != "all":
            continue
        kept = _kept(plan, each, test.chosen[each.loss], results, entry)
        if each is best:
            kept.write(writer.folder / NAME)
        if keep == "all":
            (writer.folder / f"{NAME}s").mkdir(exist_ok=True)
            kept.write(writer.folder / f"{NAME}s" / each.loss)


def _kept(plan: NumberPlan, students: Students, checkpoint: int, results: NumberResults, entry: Entry) -> KeptNumbers:
    config, task, splits, features = plan.config, plan.task, plan.splits, read_features(entry)
    encoder, heads = get_encoder(config.student.encoder), students.heads[checkpoint]
    novelty = Novelty.of(features[splits.student], seed=config.seed)
    held_out = np.concatenate([splits.teacher, splits.validation])
    beyond = (
        novelty.threshold(features[held_out])
        if len(held_out) >= LEAST_HELD_OUT
        else Novelty.cross_fitted_threshold(features[splits.student], seed=config.seed)
    )
    said = through_link(heads.predict(features[splits.student])[..., 0], students.link).mean(axis=0)
    student = results.students[students.loss]
    record = NumberRecord(
        outlearn=__version__,
        reads=reads_of(task, config),
        link=students.link,
        members=heads.n_models,
        mean=float(said.mean()),
        low=float(said.min()),
        high=float(said.max()),
        unlike_beyond=beyond,
        encoder=EncoderFacts(settings=encoder_settings(encoder), files=file_hashes(encoder)),
        training=Training(
            task=task.name,
            loss=students.loss,
            loss_config=students.config,
            labels_of=students.source,
            teachers=plan.labeling.n_teachers,
            epoch=students.checkpoints[checkpoint],
            points=len(splits.student),
            # A path says nothing to whoever is given the student.
            source=Path(config.data.path).name if config.data.path else task.source,
            licence=task.licence,
            run=results.config_key,
        ),
        versions={"python": platform.python_version(), **versions_of(PACKAGES)},
        results=NumberScores(scores=student.scores, teacher=results.teacher.mse, ceiling=results.ceiling.mse),
    )
    return KeptNumbers(record, heads, learned_of(task, encoder, splits.student, entry), novelty)
