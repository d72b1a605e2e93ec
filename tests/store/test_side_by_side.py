"""Stages side by side: those that need each other never, others at once, with the same results and one error."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch
from tests.store.test_stage import adding, diamond

from outlearn.errors import DataError
from outlearn.learners.memory import allowed_memory, working_memory
from outlearn.progress import Silent
from outlearn.store.side_by_side import compute_in_order
from outlearn.store.stage import Stage, StageRunner, Work, upstream
from outlearn.store.store import Entry, Store

LONG = 10.0  # seconds after which a test that waits for something has failed


@pytest.fixture(params=[1, 2])
def threads(request) -> Iterator[int]:
    """What torch may use: stages run one after another with one thread, and side by side with two."""
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


two_threads = pytest.mark.parametrize("threads", [2], indirect=True)


def named(*stages: Stage) -> dict[str, Stage]:
    return {stage.name: stage for each in stages for stage in upstream(each)}


def doing(name: str, work: Callable[[Work], float], *, alone: bool = False) -> Stage:
    return Stage(name, 1, {}, {}, lambda entries, at_hand: {"x": np.array(work(at_hand))}, alone=alone)


def reporting_until_stopped(work: Work) -> float:
    with work.progress.bar("long") as advance:
        for done in range(int(LONG / 0.01)):
            assert advance is not None
            advance(done, done + 1)
            time.sleep(0.01)
    pytest.fail("the stage was not stopped")


def nothing(name: str, entry: Entry, seconds: float) -> None:
    pass


def test_every_stage_comes_after_its_inputs_and_once(tmp_path, threads):
    log: list[str] = []
    told: dict[str, Entry] = {}
    stages = named(diamond(10.0, log))
    compute_in_order(stages, Store(tmp_path), Silent(), on_done=lambda name, entry, _: told.update({name: entry}))
    assert sorted(log) == ["base", "left", "right", "top"]
    assert (log[0], log[-1]) == ("base", "top")
    assert told["top"].arrays["x"] == (10 + 2) + (10 + 3) + 1
    assert not any(entry.cached for entry in told.values())


@two_threads
def test_two_stages_that_do_not_need_each_other_run_at_once(tmp_path, threads):
    both = threading.Barrier(2, timeout=LONG)
    stages = named(*(doing(name, lambda work: float(both.wait() >= 0)) for name in ("a", "b")))
    compute_in_order(stages, Store(tmp_path), Silent(), on_done=nothing)


def test_a_stage_alone_has_nothing_beside_it_and_all_threads(tmp_path, threads):
    running: set[str] = set()
    allowed = {}

    def alone(work: Work) -> float:
        allowed["alone"] = torch.get_num_threads()
        assert not running
        return 1.0

    def beside(name: str) -> Callable[[Work], float]:
        def work(_: Work) -> float:
            running.add(name)
            time.sleep(0.02)
            running.remove(name)
            return 1.0

        return work

    order = [doing(name, beside(name)) for name in "ab"]
    order += [doing("alone", alone, alone=True), *(doing(name, beside(name)) for name in "cd")]
    compute_in_order(named(*order), Store(tmp_path), Silent(), on_done=nothing)
    assert allowed == {"alone": threads}


def test_the_error_of_a_stage_ends_the_others_and_what_was_complete_is_kept(tmp_path, threads):
    store = Store(tmp_path)
    started = threading.Event()

    def fail(work: Work) -> float:
        assert threads == 1 or started.wait(LONG)
        raise DataError("these labels teach nothing")

    def long(work: Work) -> float:
        started.set()
        return reporting_until_stopped(work)

    complete, failing, other = adding("complete", 1.0), doing("failing", fail), doing("long", long)
    after = adding("after", 1.0, failing)
    told: list[str] = []
    with pytest.raises(DataError, match="these labels teach nothing"):
        compute_in_order(
            named(complete, failing, after, other), store, Silent(), on_done=lambda name, *_: told.append(name)
        )
    assert told == ["complete"]
    assert complete.key in store
    assert not any(stage.key in store for stage in (failing, other, after))


@two_threads
def test_ctrl_c_ends_all_stages_at_once(request, tmp_path, threads):
    first = threading.Event()

    def press(work: Work) -> float:
        assert first.wait(LONG)
        signal.raise_signal(signal.SIGINT)
        return reporting_until_stopped(work)

    def long(work: Work) -> float:
        first.set()
        return reporting_until_stopped(work)

    stages = named(doing("press", press), doing("long", long))
    usual = signal.signal(signal.SIGINT, signal.default_int_handler)  # dask_jobqueue puts one that exits in its place
    request.addfinalizer(lambda: signal.signal(signal.SIGINT, usual))
    with pytest.raises(KeyboardInterrupt):
        compute_in_order(stages, Store(tmp_path), Silent(), on_done=nothing)
    for thread in threading.enumerate():
        if thread.name.startswith("ThreadPool"):  # one that was being started as the signal came is not waited for
            thread.join(LONG / 2)
            assert not thread.is_alive()
    assert torch.get_num_threads() == threads


def test_stages_may_use_the_memory_that_the_caller_allows(tmp_path, threads):
    stages = named(*(doing(name, lambda work: float(allowed_memory())) for name in "ab"))
    told: dict[str, Entry] = {}
    with working_memory(2**21):
        compute_in_order(stages, Store(tmp_path), Silent(), on_done=lambda name, entry, _: told.update({name: entry}))
    assert {entry.arrays["x"].item() for entry in told.values()} == {2.0**21}


def test_two_names_of_one_stage_compute_it_once(tmp_path, threads):
    log: list[str] = []
    stages = {
        "teacher features": adding("features", 1.0, log=log),
        "student features": adding("features", 1.0, log=log),
    }
    runner = compute_in_order(stages, Store(tmp_path), Silent(), on_done=nothing)
    assert isinstance(runner, StageRunner)
    assert log == ["features"]
