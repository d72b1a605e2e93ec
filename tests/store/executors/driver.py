"""A driver to be interrupted and killed: two tasks that run until a file appears, on workers of one kind."""

from __future__ import annotations

import sys

from outlearn.store.executors import Task, open_executor
from outlearn.store.store import Store


def main(folder: str, workers: str, *cluster: str) -> None:
    names = ("a", "b")
    arguments = {name: {"folder": folder, "name": name, "sign": "go"} for name in names}
    tasks = [Task(name, "tests.store.executors.deeds:wait_for", arguments[name]) for name in names]
    with open_executor(int(workers), *cluster, store=Store(f"{folder}/store")) as executor:
        executor.run(tasks)


if __name__ == "__main__":
    main(*sys.argv[1:])
