"""The students that are chosen without labels: one stage ranks candidates, another makes the answer for all seeds."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Int

from outlearn.core.feature_matrix import FeatureMatrix
from outlearn.core.labelers.recipes import Recipe
from outlearn.core.predictions import Predictions
from outlearn.core.students.criteria import check_criterion
from outlearn.errors import ConfigError
from outlearn.experiment.points import EVALUATED, splits_fingerprint
from outlearn.experiment.stages.features import read_features
from outlearn.experiment.stages.fitted_heads import fitted_heads, head_arrays
from outlearn.experiment.stages.frozen import FrozenModel
from outlearn.experiment.stages.students import Labeling, Students, student_seed
from outlearn.experiment.stages.teachers import teacher_predictions
from outlearn.experiment.stages.training_spec import Model
from outlearn.experiment.stages.weak_labels import weak_labels
from outlearn.results import selection as results
from outlearn.results.label_gain import LabelGain
from outlearn.results.measurement import Withheld
from outlearn.selection import (
    Candidate,
    Choice,
    ClassShares,
    Labelings,
    Learned,
    TrueLabels,
    check_labelers,
    choose,
    default_candidates,
    doubts,
    fit_answer,
    fit_answer_with_true_labels,
    selection_labelings,
)
from outlearn.selection.candidates import companion, curved_companion, records
from outlearn.selection.choice import recorded
from outlearn.selection.class_shares import given_shares
from outlearn.selection.companion import Joined
from outlearn.selection.known_shares import best_known_shares, best_source
from outlearn.store.stage import Entries, Stage, Work
from outlearn.store.store import Entry

__all__ = ["AutoStudents"]

CHOICE_VERSION = 13
STUDENTS_VERSION = 20
SHARES, COUNTED, WIDTH = "shares", "counted", "n_features"
WIDTHS = (1, 10**9)  # of features: few and many
MIXED = "pooled_consensus"  # the criterion that true labels are weighed against: both are kappas


@dataclass(frozen=True)
class AutoStudents:
    """Lay out the choice among candidates and the making of the answer, for one recipe.

    Attributes:
        recipe: whose labels the answer learns from.
        labeling: who labels the students' points.
        model: heads on frozen features, trained by AdamW.

    Raises:
        ConfigError: if there is a single teacher, no such criterion, class shares or a use of true labels that do not
            fit, or a model of another kind.
    """

    recipe: Recipe
    labeling: Labeling
    model: Model

    def __post_init__(self) -> None:
        check_labelers(self.labeling.n_teachers)
        student = self.labeling.config.student
        check_criterion(student.criterion)
        if student.learner.head_settings(bias=True) is None:
            raise ConfigError(
                f"loss: {self.recipe.name} chooses losses, lengths and regularisation of heads on frozen features, and "
                f"student.learner.kind is {student.learner.kind}. Use adamw, or name losses."
            )
        if student.class_shares is not None and not self.frozen.bias:
            raise ConfigError("student.class_shares has no meaning for pairs, whose order is arbitrary; leave it out.")
        if student.true_labels != "none" and student.criterion != MIXED:
            raise ConfigError(
                f"student.criterion is {student.criterion}, and true labels are weighed against {MIXED} only; use "
                "that, or student.true_labels: none."
            )
        if student.class_shares is not None:
            given_shares(student.class_shares, self.labeling.task.n_classes)

    @cached_property
    def source(self) -> str:
        """Whose labels the answer learns from."""
        return self.recipe.source(self.labeling.config.weak_labels.source)

    def candidates(self, n_features: int) -> tuple[Candidate, ...]:
        """List what may be chosen for so many features, which are known once points are encoded."""
        n_examples, weighted = len(self.labeling.splits.student), self.labeling.answered is not None
        return default_candidates(n_examples, n_features, self.frozen.settings, weighted=weighted)

    @cached_property
    def models(self) -> list[tuple[int, int]]:
        """List (labeling, seed) of the answer's students; discriminants alone are the same for every seed."""
        labelings = 1 if self.recipe.combines else self.labeling.n_teachers
        random = any(each.family != "discriminant" for each in self.candidates(1))
        return [(m, r) for m in range(labelings) for r in range(self.labeling.config.student.seeds if random else 1)]

    @cached_property
    def choice_stage(self) -> Stage:
        """Make every candidate's students and rank candidates.

        No true label is read but the teachers' class shares, and where `student.true_labels` says so those of the
        validation split.

        Its arrays: those of `Choice.arrays`, with hard predictions on the test split to judge the choice by afterwards;
        `shares` of the classes, none for pairs, and how many labels were `counted` for them; `n_features`, which
        candidates depend on.
        """
        config, model = self.labeling.config, self.frozen

        def compute(entries: Entries, work: Work) -> dict[str, np.ndarray]:
            labelings = self.labelings(entries)
            shares = self._shares(labelings.learned("student"), self.rows(entries, "student"))
            learned = self.learned(entries, labelings, shares)
            n, width = len(learned.targets), learned.features.shape[1]
            candidates = self.candidates(width)
            with work.progress.bar(f"{self.recipe.name}: {len(candidates)} candidates × {n} labelings") as advance:
                choice = choose(
                    learned,
                    labelings,
                    validation_features=self.rows(entries, "validation"),
                    candidates=candidates,
                    seeds=[student_seed(config, m, 0) for m in range(n)],
                    criterion=config.student.criterion,
                    predict={"test": self.rows(entries, "test")},
                    true=self.true_labels(entries),
                    progress=advance,
                )
            values, counted = (np.empty(0), math.inf) if shares is None else (shares.values, shares.counted)
            return {**choice.arrays(), SHARES: values, COUNTED: np.array([counted]), WIDTH: np.array([width])}

        return Stage(
            f"{self.recipe.name} choice",
            CHOICE_VERSION,
            {
                **self.labeling.settings,
                "recipe": self.recipe.name,
                "class_shares": config.student.class_shares,
                "true_labels": self.used_labels,
                "learner": model.learner.model_dump(mode="json"),
                "bias": model.bias,
                "candidates": [each for width in WIDTHS for each in records(self.candidates(width))],
            },
            self.inputs,
            compute,
        )

    @cached_property
    def students_stage(self) -> Stage:
        """Make the answer: the best candidates together, for every labeling and seed.

        Its arrays: for each split that is evaluated, float32 logits `[1, models, points, classes]`; the heads;
        `called`, the share of the student split that each gives each class; `calibration`, factor and offsets;
        `trained`, how many students were made.
        """
        config = self.labeling.config

        def compute(entries: Entries, work: Work) -> dict[str, np.ndarray]:
            labelings = self.labelings(entries)
            learned = self.learned(entries, labelings, self.class_shares(entries["choice"]))
            choice, points = self.choice(entries["choice"]), {name: self.rows(entries, name) for name in EVALUATED}
            models = [(m, student_seed(config, m, r)) for m, r in self.models]
            true = self.true_labels(entries) if config.student.true_labels == "learn" else None
            with work.progress.bar(f"students of {self.recipe.name}") as advance:
                if true is None:
                    answer = fit_answer(
                        learned, labelings, choice, points, models, form=config.student.answer, progress=advance
                    )
                else:
                    answer = fit_answer_with_true_labels(
                        learned, labelings, choice, points, models, true, form=config.student.answer, progress=advance
                    )
            return {
                **{name: logits[None] for name, logits in answer.logits.items()},
                **head_arrays([answer.heads]),
                "called": answer.called,
                "calibration": np.array([answer.calibration.factor, *answer.calibration.offsets]),
                "trained": np.array([answer.n_trained]),
                "companion": np.empty(0) if answer.joined is None else _companion_numbers(answer.joined),
            }

        return Stage(
            f"{self.recipe.name} students",
            STUDENTS_VERSION,
            {
                "criterion": config.student.criterion,
                "seeds": config.student.seeds,
                "answer": config.student.answer,
                "true_labels": config.student.true_labels,
            },
            {**self.inputs, "choice": self.choice_stage},
            compute,
        )

    @property
    def stages(self) -> dict[str, Stage]:
        """Both, by name, in their order."""
        return {stage.name: stage for stage in (self.choice_stage, self.students_stage)}

    def choice(self, entry: Entry) -> Choice:
        """Read what was chosen."""
        candidates = self.candidates(entry.arrays[WIDTH].item())
        return Choice.from_arrays(candidates, self.labeling.config.student.criterion, entry.arrays)

    def read(self, students: Entry, choice: Choice) -> Students:
        """Read the answer's students, as those of one loss with one checkpoint: the passes of all members together."""
        n = len(self.labeling.splits.student)
        epochs = sum(each.total_epochs(n, self.frozen.settings) for each in choice.members)
        labeling_of, seed_of = np.array(self.models, dtype=np.int64).T
        logits = {name: students.arrays[name] for name in EVALUATED}
        config = {"kind": self.recipe.name, "answer": self.labeling.config.student.answer}
        heads = fitted_heads(students)
        kept = () if heads is None else (heads,)
        return Students(self.recipe.name, config, (epochs,), logits, {}, labeling_of, seed_of, self.source, kept)

    def selection(
        self,
        chosen: Entry,
        students: Entry,
        labels: Int[np.ndarray, " points"],
        label_gain: LabelGain | Withheld | None = None,
    ) -> results.Selection:
        """Write what was chosen, from what, and how good that was by the true labels of the test points.

        Args:
            chosen: the entry of the choice.
            students: the entry of the answer.
            labels: true classes of the test points.
            label_gain: what true labels bring, if they are used.
        """
        config, choice = self.labeling.config.student, self.choice(chosen)
        shares, calibration = self.class_shares(chosen), students.arrays["calibration"].tolist()
        companion, called = self._companion(students), students.arrays["called"]
        members_answer = companion is None or companion.weight < 1
        right = float((students.arrays["test"][0].argmax(axis=-1) == labels).mean())
        return results.Selection(
            recipe=self.recipe.name,
            source=self.source,
            form=config.answer,
            criterion=choice.ranked_by,
            alignment=choice.alignment,
            true_labels=results.TrueLabelsUsed(use=config.true_labels, n=choice.n_true),
            label_gain=label_gain,
            shares=results.Shares(
                source="" if shares is None else shares.source,
                values=() if shares is None else tuple(shares.values.tolist()),
                weak_labels=tuple(choice.facts.weak_shares.tolist()),
            ),
            calibration=results.CrossedCalibration(factor=calibration[0], offsets=tuple(calibration[1:])),
            chosen=recorded(choice.chosen),
            members=tuple(map(recorded, choice.members[:1] if config.answer == "best" else choice.members)),
            companion=companion,
            candidates=choice.tried(),
            judged=choice.judged(labels, right),
            warnings=doubts(choice, shares, called, self.labeling.task.class_names, members_answer=members_answer),
            students_trained=choice.n_trained + int(students.arrays["trained"].item()),
        )

    def _companion(self, students: Entry) -> results.Companion | None:
        """Write what the trained head was worth beside the candidates."""
        if not len(kept := students.arrays["companion"]):
            return None
        weight, alone, answer, own, curved = kept.tolist()
        made = curved_companion if curved else companion
        head = recorded(made(len(self.labeling.splits.student), self.frozen.settings))
        return results.Companion(
            **head.model_dump(),
            weight=weight,
            consensus=results.CompanionConsensus(without=alone, answer=answer, own=own),
        )

    @property
    def frozen(self) -> FrozenModel:
        """The students' model."""
        assert isinstance(self.model, FrozenModel)  # checked at the start
        return self.model

    @property
    def inputs(self) -> dict[str, Stage | str]:
        """What all stages of the recipe read."""
        return {
            "teachers": self.labeling.teachers,
            "features": self.frozen.features,
            "splits": splits_fingerprint(self.labeling.splits),
        }

    def labelings(self, entries: Entries) -> Labelings:
        """Gather who labels."""
        labeling = self.labeling
        return selection_labelings(
            teacher_predictions(entries["teachers"], labeling.task, labeling.splits), self.source
        )

    def class_shares(self, chosen: Entry) -> ClassShares | None:
        """Read the class shares that students are brought to, from the entry of the choice."""
        values, given = chosen.arrays[SHARES], self.labeling.config.student.class_shares
        if not len(values):
            return None
        source = "given" if given is not None else best_source(self.labeling.taught, self.used_labels)
        return ClassShares(values, source, chosen.arrays[COUNTED].item())

    def learned(self, entries: Entries, labelings: Labelings, shares: ClassShares | None) -> Learned:
        """Gather what candidates learn, cut at these class shares."""
        who, config = labelings.predictions["student"], self.labeling.config
        return Learned.by(
            who,
            self.rows(entries, "student"),
            weak_labels(who, config.weak_labels, seed=config.seed),
            self.frozen.settings,
            shares,
        )

    @property
    def used_labels(self) -> list[int]:
        """The true labels of the validation split, if they are used."""
        if self.labeling.config.student.true_labels == "none":
            return []
        return self.labeling.task.labels[self.labeling.splits.validation].tolist()

    def true_labels(self, entries: Entries) -> TrueLabels | None:
        """Gather the points whose true labels are used."""
        labeling = self.labeling
        if labeling.config.student.true_labels == "none":
            return None
        rows, task = labeling.splits.validation, labeling.task
        return TrueLabels(
            self.rows(entries, "validation"), task.labels[rows], task.groups_of(rows), labeling.config.seed
        )

    def _shares(self, learned_from: Predictions, features: FeatureMatrix) -> ClassShares | None:
        """Return the class shares that students are brought to: none for pairs, whose order is arbitrary."""
        labeling, given = self.labeling, self.labeling.config.student.class_shares
        if not self.frozen.bias:
            return None
        if given is not None:
            return given_shares(given, labeling.task.n_classes)
        task = labeling.task
        # Splits keep the classes in proportion, but for those that a file names and for points without a label.
        drawn = task.assigned is not None or not bool(task.labeled[labeling.splits.student].all())
        return best_known_shares(labeling.taught, self.used_labels, learned_from, features, drawn=drawn)

    def rows(self, entries: Entries, split: str) -> FeatureMatrix:
        """Read the students' features of a split."""
        return read_features(entries["features"])[getattr(self.labeling.splits, split)]


def _companion_numbers(made: Joined) -> np.ndarray:
    """Keep the head's weight, the consensus without it, of the answer and of it alone, and if it has a hidden layer."""
    consensus = (made.consensus[weight] for weight in (0.0, made.weight, 1.0))
    return np.array([made.weight, *consensus, made.candidate.hidden is not None])
