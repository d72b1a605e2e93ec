"""Everybody's numbers on one split, gathered: what the results of a run of numbers are measured from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from outlearn.core.gaps import over_answered
from outlearn.core.generators import get_generator
from outlearn.core.labelers.combinations import EACH, NUMBER_COMBINATIONS, combined, label_source
from outlearn.core.numbers import Numbers
from outlearn.experiment.config import Config
from outlearn.experiment.number_plan import NumberPlan
from outlearn.experiment.points import point_ids
from outlearn.experiment.stages.ceilings import CEILINGS
from outlearn.experiment.stages.controls import ALL_LABELS, LABEL_CURVE, OWN_LABELS
from outlearn.experiment.stages.students import CONTROL, Students
from outlearn.store.store import Entry

__all__ = ["NumberEvaluation", "evaluate_numbers"]


@dataclass(frozen=True, eq=False)
class NumberEvaluation:
    """Everybody's numbers on one split, with what is true there.

    Attributes:
        split: its name.
        truth: the numbers, `[points]`.
        target: what divergences are measured against, `[draws, points]`: the raters' numbers, or the one.
        teachers, source, ensembles, ceilings, own_labels, all_labels, curve: as of classes.
        students: loss -> its predictions; `labelers` whose numbers they learned, `details` the rest of them.
        control: loss -> students of the plain mean of the teachers, at their own checkpoint that counts.
        chosen: loss -> the checkpoint that counts.
    """

    split: str
    truth: Float[np.ndarray, " points"]
    target: Float[np.ndarray, "draws points"]
    teachers: Numbers
    source: Numbers
    ensembles: Mapping[str, Numbers]
    ceilings: Numbers
    own_labels: Numbers | None
    all_labels: Numbers | None
    curve: Numbers | None
    students: Mapping[str, Numbers]
    labelers: Mapping[str, Numbers]
    details: Mapping[str, Students]
    control: Mapping[str, Numbers]
    chosen: Mapping[str, int]

    def at(self, loss: str, checkpoint: int) -> Numbers:
        """Predict by the students of a loss at a checkpoint."""
        by = self.details[loss]
        return _numbers(by.at(self.split, checkpoint), self.teachers.point_ids, by.labeling_of)


def evaluate_numbers(
    split: str,
    plan: NumberPlan,
    teachers: Mapping[str, Numbers],
    students: Sequence[Students],
    entries: Mapping[str, Entry],
) -> NumberEvaluation:
    """Gather the predictions on one split; teachers are by split."""
    task, points = plan.task, getattr(plan.splits, split)
    assert task.numbers is not None  # a plan of numbers
    ids = point_ids(task, points)
    given = plan.config.weak_labels.source
    source, ensembles = label_source(teachers, given), {name: combined(teachers, name) for name in NUMBER_COMBINATIONS}
    by_source = {**ensembles, EACH: teachers, given: source}

    def of_stage(name: str) -> Numbers | None:
        return (
            _numbers(entries[name].arrays[split][-1], ids)
            if name in entries and split in entries[name].arrays
            else None
        )

    ceilings = of_stage(CEILINGS)
    assert ceilings is not None  # every plan has them
    truth = task.numbers[points]
    draws = task.ratings[points].T if task.ratings is not None and plan.config.measure.target == "soft" else truth[None]
    chosen = {each.loss: _epoch_that_counts(each, by_source[each.source], plan.config) for each in students}
    controls = {each.loss: each.control for each in students if each.control is not None}
    return NumberEvaluation(
        split=split,
        truth=truth,
        # Raters with gaps have no common draws: their mean is the target then.
        target=draws if np.isfinite(draws).all() else truth[None],
        teachers=teachers[split],
        source=source[split],
        ensembles={name: each[split] for name, each in ensembles.items()},
        ceilings=ceilings,
        own_labels=of_stage(OWN_LABELS),
        all_labels=of_stage(ALL_LABELS),
        curve=of_stage(LABEL_CURVE),
        students={each.loss: _numbers(each.at(split, chosen[each.loss]), ids, each.labeling_of) for each in students},
        labelers={each.loss: by_source[each.source][split] for each in students},
        details={each.loss: each for each in students},
        control={
            loss: _numbers(each.at(split, _epoch_that_counts(each, by_source[CONTROL], plan.config)), ids)
            for loss, each in controls.items()
        },
        chosen=chosen,
    )


def _epoch_that_counts(students: Students, source: Mapping[str, Numbers], config: Config) -> int:
    """Return the last checkpoint, or the one that is nearest to its labelers' numbers of the validation split."""
    last = len(students.checkpoints) - 1
    if config.student.select == "last" or last == 0:
        return last
    labels, of = source["validation"], students.labeling_of
    heard = None if labels.answered is None else labels.answered[of]
    measured_in = get_generator(config.measure.generator)

    def distance(checkpoint: int) -> float:
        said = students.at("validation", checkpoint).astype(np.float64)
        return float(over_answered(measured_in.divergence(labels.coordinates()[of], said), heard).mean())

    return int(np.argmin([distance(at) for at in range(last + 1)]))


def _numbers(outputs: np.ndarray, ids: np.ndarray, teacher_of: np.ndarray | None = None) -> Numbers:
    return Numbers(np.array(outputs[..., 0], dtype=np.float64), ids, teacher_of)
