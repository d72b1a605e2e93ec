"""Who labels while candidates are compared: at least two, for a student is judged by labelers that are not its own.

Where the answer learns from one combination of all teachers, these are split into two groups, and each group is
combined as all of them will be: students of the groups compare the candidates, and the answer learns from the
combination of all. A group's labels are somewhat worse than those of all teachers, so the choice errs, if at all,
towards candidates for noisier labels. Where students learn from single teachers, these are compared themselves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Int

from outlearn.core.labelers.combinations import EACH, label_source
from outlearn.core.predictions import Predictions
from outlearn.errors import ConfigError

__all__ = ["Labelings", "check_labelers", "groups_of", "selection_labelings", "together"]


@dataclass(frozen=True, eq=False)
class Labelings:
    """Everybody whose labels candidates learn, and the part that each plays.

    Attributes:
        predictions: split -> what they say; "student" is what is learned from.
        n_compared: how many of the first are compared.
        n_answers: how many of the last the answer learns from; the same ones where students are of single teachers.
    """

    predictions: Mapping[str, Predictions]
    n_compared: int
    n_answers: int

    @property
    def answers(self) -> slice:
        """The rows that the answer learns from."""
        n = self.predictions["student"].n_models
        return slice(n - self.n_answers, n)

    def compared(self, split: str) -> Predictions:
        """Return those that are compared."""
        return _rows(self.predictions[split], slice(0, self.n_compared))

    def learned(self, split: str) -> Predictions:
        """Return those that the answer learns from."""
        return _rows(self.predictions[split], self.answers)


def check_labelers(n_labelers: int) -> None:
    """Raise a ConfigError that says what a second labeler could be, unless there are two to compare."""
    if n_labelers < 2:
        raise ConfigError(
            "loss: auto chooses by how students agree with teachers that did not label them, and there is one teacher "
            "only. Give two teachers or more (two halves of the labels, two annotators, two samples of a language "
            "model), or name a loss, such as reverse_ce."
        )


def groups_of(answered: Bool[np.ndarray, "labelers points"] | None, n_labelers: int) -> list[Int[np.ndarray, " group"]]:
    """Split labelers into two groups that answer about as many points: the busiest first, each to the lighter group.

    Labelers that answer everything take turns: 0, 2, 4, ... and 1, 3, 5, ...

    Examples:
        >>> [group.tolist() for group in groups_of(None, 5)]
        [[0, 2, 4], [1, 3]]
        >>> [g.tolist() for g in groups_of(np.array([[1, 1, 1, 1], [1, 1, 0, 0], [0, 0, 1, 0]], bool), 3)]
        [[0], [1, 2]]
    """
    counts = np.ones(n_labelers, np.int64) if answered is None else answered.sum(axis=1)
    groups: tuple[list[int], list[int]] = ([], [])
    load = [0, 0]
    for labeler in np.argsort(-counts, kind="stable").tolist():
        lighter = int(load[1] < load[0])
        groups[lighter].append(labeler)
        load[lighter] += int(counts[labeler])
    return [np.array(sorted(group)) for group in groups]


def selection_labelings(teachers: Mapping[str, Predictions], source: str) -> Labelings:
    """Lay out who is compared and whom the answer learns from.

    Args:
        teachers: split -> the teachers' predictions; "student" is what a combination estimates its weights on.
        source: "each", or a way to combine teachers, as in `label_source`.

    Raises:
        ConfigError: for one teacher.

    Examples:
        >>> teachers = {"student": Predictions.from_probs(np.array([[[0.9, 0.1]], [[0.6, 0.4]], [[0.7, 0.3]]]))}
        >>> selection_labelings(teachers, "mean").predictions["student"].probs[:, 0].round(3)
        array([[0.8  , 0.2  ],
               [0.6  , 0.4  ],
               [0.733, 0.267]])
    """
    who = teachers["student"]
    check_labelers(who.n_models)
    if source == EACH:
        return Labelings(dict(teachers), who.n_models, who.n_models)
    groups = groups_of(who.answered, who.n_models)
    combined = [
        label_source({split: _rows(each, rows) for split, each in teachers.items()}, source)
        for rows in (*groups, np.arange(who.n_models))
    ]
    everyone = {split: together([labelers[split] for labelers in combined]) for split in teachers}
    return Labelings(everyone, len(groups), 1)


def _rows(labelers: Predictions, rows: slice | Int[np.ndarray, " rows"]) -> Predictions:
    answered = None if labelers.answered is None else labelers.answered[rows]
    return replace(labelers, log_probs=labelers.log_probs[rows], teacher_of=None, answered=answered)


def together(labelers: Sequence[Predictions]) -> Predictions:
    """Put labelers of the same points behind one another."""
    masks = [np.ones(each.log_probs.shape[:2], bool) if each.answered is None else each.answered for each in labelers]
    return replace(
        labelers[0],
        log_probs=np.concatenate([each.log_probs for each in labelers]),
        answered=np.concatenate(masks) if any(each.answered is not None for each in labelers) else None,
    )
