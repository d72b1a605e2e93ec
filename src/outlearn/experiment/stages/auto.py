"""The students of `loss: auto`: one stage chooses a candidate without labels, another trains it for all seeds."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from outlearn.core.feature_matrix import FeatureMatrix
from outlearn.core.predictions import Predictions
from outlearn.core.students.criteria import check_criterion
from outlearn.errors import ConfigError
from outlearn.experiment.config import AUTO
from outlearn.experiment.points import EVALUATED, splits_fingerprint
from outlearn.experiment.stages.features import read_features
from outlearn.experiment.stages.fitted_heads import head_arrays
from outlearn.experiment.stages.frozen import FrozenModel
from outlearn.experiment.stages.students import Labeling, Students, student_seed, students_of
from outlearn.experiment.stages.teachers import teacher_predictions
from outlearn.experiment.stages.training_spec import Model
from outlearn.experiment.stages.weak_labels import weak_labels
from outlearn.selection import (
    Candidate,
    Choice,
    check_labelers,
    choose,
    default_candidates,
    fit_chosen,
    selection_labelers,
)
from outlearn.store.stage import Entries, Stage, Work
from outlearn.store.store import Entry

__all__ = ["AutoStudents"]

CHOICE_VERSION = 2
STUDENTS_VERSION = 5


@dataclass(frozen=True)
class AutoStudents:
    """Lay out the choice of a candidate and the training of its students.

    Attributes:
        labeling: who labels the students' points.
        model: heads on frozen features, trained by AdamW.

    Raises:
        ConfigError: if there is a single teacher, no such criterion, or a model of another kind.
    """

    labeling: Labeling
    model: Model

    def __post_init__(self) -> None:
        check_labelers(self.labeling.n_teachers)
        check_criterion(self.labeling.config.student.criterion)
        learner = self.labeling.config.student.learner
        if learner.head_settings(bias=True) is None:
            raise ConfigError(
                "loss: auto chooses losses, lengths and regularisation of heads on frozen features, and "
                f"student.learner.kind is {learner.kind}. Use adamw, or name losses."
            )

    @cached_property
    def candidates(self) -> tuple[Candidate, ...]:
        """What may be chosen."""
        n_examples, weighted = len(self.labeling.splits.student), self.labeling.answered is not None
        return default_candidates(n_examples, self._frozen.settings, weighted=weighted)

    @cached_property
    def choice_stage(self) -> Stage:
        """Train every candidate for every teacher and choose; no true label is read.

        Its arrays: those of `Choice.arrays`, with hard predictions on the test split to judge the choice by afterwards.
        """
        labeling, model, config = self.labeling, self._frozen, self.labeling.config

        def compute(entries: Entries, work: Work) -> dict[str, np.ndarray]:
            teachers = teacher_predictions(entries["teachers"], labeling.task, labeling.splits)
            who = selection_labelers(teachers, config.weak_labels.source)
            targets = weak_labels(who["student"], config.weak_labels, seed=config.seed)
            with work.progress.bar(f"choosing: {len(self.candidates)} candidates × {len(targets)} teachers") as advance:
                choice = choose(
                    self._rows(entries, "student"),
                    targets,
                    labelers=who,
                    validation_features=self._rows(entries, "validation"),
                    candidates=self.candidates,
                    base=model.settings,
                    seeds=[student_seed(config, m, 0) for m in range(len(targets))],
                    criterion=config.student.criterion,
                    weights=_weights(who["student"]),
                    predict={"test": self._rows(entries, "test")},
                    progress=advance,
                )
            return choice.arrays()

        return Stage(
            "choice",
            CHOICE_VERSION,
            {
                **labeling.settings,
                "learner": model.learner.model_dump(mode="json"),
                "bias": model.bias,
                "candidates": [candidate.record() for candidate in self.candidates],
            },
            self._inputs,
            compute,
        )

    @cached_property
    def students_stage(self) -> Stage:
        """Train the chosen candidate for every labeling and seed."""
        labeling, config = self.labeling, self.labeling.config
        models = [*labeling.models, *labeling.control_models]

        def compute(entries: Entries, work: Work) -> dict[str, np.ndarray]:
            choice = self.choice(entries["choice"])
            with work.progress.bar(f"students of {choice.chosen}") as advance:
                fit = fit_chosen(
                    self._rows(entries, "student"),
                    labeling.targets(entries),
                    {name: self._rows(entries, name) for name in EVALUATED},
                    candidate=choice.chosen,
                    base=self._frozen.settings,
                    labeling_of=[m for m, _ in models],
                    seeds=[student_seed(config, m, r) for m, r in models],
                    weights=labeling.weights,
                    progress=advance,
                )
            # One checkpoint: the end.
            return {**fit.logits, **head_arrays(fit.path)}

        return Stage(
            "auto students",
            STUDENTS_VERSION,
            {"criterion": config.student.criterion, "seeds": config.student.seeds},
            {**self._inputs, "choice": self.choice_stage},
            compute,
        )

    def choice(self, entry: Entry) -> Choice:
        """Read what was chosen."""
        return Choice.from_arrays(self.candidates, self.labeling.config.student.criterion, entry.arrays)

    def read(self, students: Entry, choice: Choice) -> Students:
        """Read the students of the chosen candidate, as those of one loss with one checkpoint."""
        epochs = choice.chosen.total_epochs(len(self.labeling.splits.student), self._frozen.settings)
        return students_of(AUTO, {"kind": AUTO, **choice.chosen.record()}, (epochs,), students, self.labeling)

    @property
    def _frozen(self) -> FrozenModel:
        assert isinstance(self.model, FrozenModel)  # checked at the start
        return self.model

    @property
    def _inputs(self) -> dict[str, Stage | str]:
        return {
            "teachers": self.labeling.teachers,
            "features": self._frozen.features,
            "splits": splits_fingerprint(self.labeling.splits),
        }

    def _rows(self, entries: Entries, split: str) -> FeatureMatrix:
        return read_features(entries["features"])[getattr(self.labeling.splits, split)]


def _weights(labelers: Predictions) -> np.ndarray | None:
    """Weigh the points that each labels: 0 where it says nothing."""
    return None if labelers.answered is None else labelers.answered.astype(np.float64)
