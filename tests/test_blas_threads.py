"""Threads of NumPy's matrix products: one for small ones, the caller's for large ones and afterwards."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from threadpoolctl import threadpool_info, threadpool_limits

from outlearn.blas_threads import LARGE, one_blas_thread
from outlearn.parallel import one_thread_an_operation


def blas_threads() -> set[int]:
    return {library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"}


@pytest.fixture(autouse=True)
def two_threads():
    with threadpool_limits(2, user_api="blas"):
        yield


def test_small_products_take_one_thread_and_the_callers_number_comes_back():
    with one_blas_thread(LARGE):
        assert blas_threads() == {1}
    assert blas_threads() == {2}


def test_large_products_keep_the_threads_of_the_caller():
    with one_blas_thread(LARGE + 1):
        assert blas_threads() == {2}


def test_threads_come_back_after_an_error():
    def interrupted() -> None:
        with one_thread_an_operation():
            assert (blas_threads(), torch.get_num_threads()) == ({1}, 1)
            raise KeyboardInterrupt

    before = torch.get_num_threads()
    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert (blas_threads(), torch.get_num_threads()) == ({2}, before)


@pytest.mark.parametrize("first_leaves", ["main", "other"])
def test_threads_that_overlap_leave_the_callers_number_behind(first_leaves):
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    entered, leave = threading.Event(), threading.Event()

    def other() -> int:
        with one_thread_an_operation() as allowed:
            entered.set()
            leave.wait(10)
            assert (blas_threads(), torch.get_num_threads()) == ({1}, 1)
        return allowed if torch.get_num_threads() == 2 else 0

    with ThreadPoolExecutor(1) as pool:
        try:
            with one_thread_an_operation():
                pending = pool.submit(other)
                entered.wait(10)
                if first_leaves == "other":
                    leave.set()
                    assert pending.result() == 2
                    assert (blas_threads(), torch.get_num_threads()) == ({1}, 1)
            leave.set()
            assert pending.result() == 2  # what the caller allows, though torch was held at 1 when it came
        finally:
            leave.set()
    with ThreadPoolExecutor(1) as later:
        assert later.submit(torch.get_num_threads).result() == 2
    assert (blas_threads(), torch.get_num_threads()) == ({2}, 2)
    torch.set_num_threads(before)


def test_a_block_inside_of_a_block_has_one_thread():
    with one_thread_an_operation(), one_thread_an_operation() as allowed:
        assert allowed == 1
