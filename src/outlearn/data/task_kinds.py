"""What kinds of tasks there are: what is predicted, and what follows from it for whoever trains and measures.

A kind knows the loss that true labels are learned by, the divergence that risks are measured in, and its words; nobody
else asks which kind a task is to find these out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["TASK_KINDS", "TaskKind"]


@dataclass(frozen=True)
class TaskKind:
    """Describe one kind of task.

    Attributes:
        name: in `data.task`, files and results.
        label: for people.
        line: one sentence for tables in docs: what a label is.
        numeric: whether a label is a number, and not a class.
        loss: what true labels are learned by.
        generator: the divergence of risks, gaps and misfits, unless another is named.
        part: what splits and draws keep in proportion, as errors call one of them.
    """

    name: str
    label: str
    line: str
    numeric: bool
    loss: str
    generator: str
    part: str = "class"


TASK_KINDS: Mapping[str, TaskKind] = {
    each.name: each
    for each in (
        TaskKind(
            "classification",
            "classification",
            "one of several classes, or a distribution over them",
            numeric=False,
            loss="forward_ce",
            generator="negative_entropy",
        ),
        TaskKind(
            "preference",
            "preference pairs",
            "which of two texts is better",
            numeric=False,
            loss="forward_ce",
            generator="negative_entropy",
        ),
        TaskKind(
            "regression",
            "regression",
            "a number, or the numbers of several raters",
            numeric=True,
            loss="squared_error",
            generator="squared_euclidean",
            part="range of the numbers",
        ),
    )
}
