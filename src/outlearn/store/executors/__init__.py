"""Run tasks here, in processes of this machine, or on a cluster: one loop over the interface of concurrent.futures."""

from outlearn.store.executors.open_executor import open_executor
from outlearn.store.executors.runner import TaskRunner
from outlearn.store.executors.task import Done, Failed, Outcome, Skipped, Task

__all__ = ["Done", "Failed", "Outcome", "Skipped", "Task", "TaskRunner", "open_executor"]
