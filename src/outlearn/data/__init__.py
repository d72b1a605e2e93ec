"""What a task is: points, splits, labels."""

from __future__ import annotations

from outlearn.data.task import Task, make_task

__all__ = ["Task", "make_task"]
