"""What a task is: points, splits, labels."""

from __future__ import annotations

from outlearn.data.formats import FORMATS
from outlearn.data.label_table import LabelTable
from outlearn.data.load import DATASETS, load_task
from outlearn.data.splits import Splits, make_splits
from outlearn.data.task import Task, make_task
from outlearn.data.weak_labels import load_weak_labels

__all__ = [
    "DATASETS",
    "FORMATS",
    "LabelTable",
    "Splits",
    "Task",
    "load_task",
    "load_weak_labels",
    "make_splits",
    "make_task",
]
