"""Who labels while candidates are compared: at least two, for a student is judged by labelers that are not its own.

Where students learn from one combination of all teachers, there is one labeling only. Then the teachers are split into
groups, and each group is combined as all of them will be: students of the groups compare the candidates, and the chosen
one is trained on the combination of all. A group's labels are somewhat worse than those of all teachers, so the choice
errs, if at all, towards candidates for noisier labels.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from outlearn.core.labelers.combinations import EACH, label_source
from outlearn.core.predictions import Predictions
from outlearn.errors import ConfigError

__all__ = ["check_labelers", "selection_labelers"]

GROUP = 4  # teachers in a group, where there are enough for two groups


def check_labelers(n_labelers: int) -> None:
    """Raise a ConfigError that says what a second labeler could be, unless there are two to compare."""
    if n_labelers < 2:
        raise ConfigError(
            "loss: auto chooses by how students agree with teachers that did not label them, and there is one teacher "
            "only. Give two teachers or more (two halves of the labels, two annotators, two samples of a language "
            "model), or name a loss, such as reverse_ce."
        )


def selection_labelers(teachers: Mapping[str, Predictions], source: str) -> dict[str, Predictions]:
    """Return two labelers or more, on each split: every teacher, or groups of teachers, each combined.

    Teachers take turns in max(2, teachers // 4) groups: 0, 2, 4, ... and 1, 3, 5, ...

    Args:
        teachers: split -> the teachers' predictions; "student" is what a combination estimates its weights on.
        source: "each", or a way to combine teachers, as in `label_source`.

    Raises:
        ConfigError: for one teacher.

    Example:
        >>> teachers = {"student": Predictions.from_probs(np.array([[[0.9, 0.1]], [[0.6, 0.4]], [[0.7, 0.3]]]))}
        >>> selection_labelers(teachers, "mean")["student"].probs[:, 0]
        array([[0.8, 0.2],
               [0.6, 0.4]])
    """
    n_teachers = teachers["student"].n_models
    check_labelers(n_teachers)
    if source == EACH:
        return dict(teachers)
    n_groups = max(2, n_teachers // GROUP)

    def group(each: Predictions, start: int) -> Predictions:
        answered = None if each.answered is None else each.answered[start::n_groups]
        return replace(each, log_probs=each.log_probs[start::n_groups], teacher_of=None, answered=answered)

    groups = [
        label_source({split: group(each, start) for split, each in teachers.items()}, source)
        for start in range(n_groups)
    ]
    return {split: _together([combined[split] for combined in groups]) for split in teachers}


def _together(labelers: list[Predictions]) -> Predictions:
    masks = [np.ones(each.log_probs.shape[:2], bool) if each.answered is None else each.answered for each in labelers]
    return replace(
        labelers[0],
        log_probs=np.concatenate([each.log_probs for each in labelers]),
        answered=np.concatenate(masks) if any(each.answered is not None for each in labelers) else None,
    )
