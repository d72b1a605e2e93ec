"""Order, failures and faults are the same on workers of every kind."""

from __future__ import annotations

import os
import signal
import threading
import time

import pytest
from tests.store.executors.conftest import deed, lives, runs_of

from outlearn.errors import ConfigError
from outlearn.store.executors import Done, Failed, Skipped, Task, open_executor
from outlearn.store.executors.runner import RETRIES


def test_every_task_has_an_outcome_in_the_order_given(executor):
    outcomes = executor.run([deed("double", f"{i}", number=i) for i in range(5)])
    assert list(outcomes) == ["0", "1", "2", "3", "4"]
    assert [outcome.result for outcome in outcomes.values()] == [0, 2, 4, 6, 8]


def test_a_task_starts_after_those_it_names(executor, tmp_path):
    tasks = [
        deed("note", "last", ("middle", "first"), folder=str(tmp_path), name="last"),
        deed("note", "middle", ("first",), folder=str(tmp_path), name="middle"),
        deed("note", "first", folder=str(tmp_path), name="first"),
    ]
    outcomes = executor.run(tasks)
    assert outcomes["first"].result == []
    assert outcomes["middle"].result == ["first"]
    assert outcomes["last"].result == ["first", "middle"]


def test_a_task_that_raises_fails_once_and_the_others_finish(executor, tmp_path):
    outcomes = executor.run([deed("fail"), deed("refuse"), deed("double", number=1)])
    assert outcomes["fail"].cause == "ValueError: nothing to be done"
    assert "raise ValueError" in outcomes["fail"].traceback
    assert not outcomes["fail"].expected
    assert outcomes["refuse"].cause == "the file is empty; give another"
    assert outcomes["refuse"].expected
    assert outcomes["fail"].attempts == outcomes["refuse"].attempts == 1
    assert outcomes["double"].result == 2


def test_what_comes_after_a_failed_task_is_skipped_at_any_distance_and_nothing_else(executor):
    outcomes = executor.run(
        [
            deed("double", "far", ("near",), number=1),
            deed("double", "near", ("fail", "double"), number=1),
            deed("fail"),
            deed("double", number=3),
            deed("double", "apart", ("double",), number=4),
        ]
    )
    assert outcomes["near"] == Skipped(("fail",))
    assert outcomes["far"] == Skipped(("near",))
    assert outcomes["far"].cause == "not started, because near failed"
    assert isinstance(outcomes["apart"], Done)


def test_a_result_that_is_not_plain_data_is_a_failure(executor):
    outcome = executor.run([deed("unspeakable")])["unspeakable"]
    assert isinstance(outcome, Failed)
    assert "not JSON" in outcome.cause


@pytest.mark.filterwarnings("default")  # here they would be errors
def test_warnings_come_back_with_the_outcome(executor):
    outcome = executor.run([deed("warn", text="mind the gap")])["warn"]
    assert outcome.warnings == ("mind the gap",)


def test_each_outcome_is_told_as_it_comes(executor):
    told = []
    outcomes = executor.run(
        [deed("double", "b", ("a",), number=1), deed("fail", "a")], on_done=lambda *each: told.append(each)
    )
    assert told == [("a", outcomes["a"]), ("b", outcomes["b"])]


def test_no_tasks_are_no_outcomes(executor):
    assert executor.run([]) == {}


@pytest.mark.parametrize(
    ("tasks", "message"),
    [
        ([deed("fail"), deed("fail")], "'fail' comes 2 times"),
        ([deed("fail", after=("lost",))], "'lost', which is not among the tasks"),
        ([deed("fail", "a", ("b",)), deed("fail", "b", ("a",))], "wait for each other"),
    ],
)
def test_tasks_that_cannot_be_ordered_are_refused_before_any_runs(tasks, message):
    with open_executor() as executor, pytest.raises(ConfigError, match=message):
        executor.run(tasks)


@pytest.mark.parametrize(
    ("function", "arguments", "message"),
    [
        ("print", {}, "expected 'package.module:function'"),
        ("a:b", {"x": {1}}, "not JSON"),
        ("a:b", {"x": float("nan")}, "not JSON"),
    ],
)
def test_a_task_is_plain_data(function, arguments, message):
    with pytest.raises(ConfigError, match=message):
        Task("t", function, arguments)


@pytest.mark.parametrize("given", [{"workers": 0}, {"workers": True}, {"workers": 1.5}, {"cluster": "10.0.0.1:8786"}])
def test_impossible_workers_are_refused(given):
    with pytest.raises(ConfigError, match="expected"), open_executor(**given):
        pass


def test_a_task_whose_worker_was_killed_runs_again(outside, tmp_path):
    outcome = outside.run([deed("die_once", folder=str(tmp_path), name="a")])["die_once"]
    assert outcome.result == "lived"
    assert outcome.attempts == 2


def test_a_poisoned_task_is_given_up_and_the_others_finish(outside, tmp_path):
    folder = str(tmp_path)
    outcomes = outside.run(
        [
            deed("die", "poison", folder=folder, name="poison"),
            *(deed("note", f"good {i}", folder=folder, name=f"good {i}") for i in range(6)),
            deed("double", "after", ("poison",), number=1),
        ]
    )
    assert isinstance(outcomes["poison"], Failed)
    assert "workers died while running it" in outcomes["poison"].cause
    assert outcomes["poison"].attempts == runs_of(tmp_path, "poison") == RETRIES + 1
    assert outcomes["after"] == Skipped(("poison",))
    assert all(isinstance(outcomes[f"good {i}"], Done) for i in range(6))


def test_a_task_that_runs_beside_a_poisoned_one_is_started_once(tmp_path):
    with open_executor(workers=2) as executor:
        outcomes = executor.run(
            [
                deed("wait_for", "good", folder=str(tmp_path), name="good", sign="go"),
                deed("die", "poison", folder=str(tmp_path), name="poison"),
                deed("touch", "sign", folder=str(tmp_path), name="go"),
            ]
        )
    assert isinstance(outcomes["poison"], Failed)
    assert outcomes["good"].attempts == runs_of(tmp_path, "good") == 1


def test_a_worker_killed_from_outside_costs_its_task_one_attempt(outside, tmp_path):
    def kill() -> None:
        """Kill the worker of `a`, then let `a` and `b` end."""
        until = time.monotonic() + 300
        while not (started := list(tmp_path.glob("a@*"))) and time.monotonic() < until:
            time.sleep(0.01)
        victim = int(started[0].name.split("@")[1])
        os.kill(victim, signal.SIGKILL)
        while lives(victim) and time.monotonic() < until:
            time.sleep(0.01)
        (tmp_path / "go").touch()

    killer = threading.Thread(target=kill)
    killer.start()
    outcomes = outside.run([deed("wait_for", name, folder=str(tmp_path), name=name, sign="go") for name in ("a", "b")])
    killer.join()
    assert all(isinstance(outcome, Done) for outcome in outcomes.values())
    assert outcomes["a"].attempts == runs_of(tmp_path, "a") == 2
