"""Workers on one machine share its cores and its GPUs."""

from __future__ import annotations

import sys

import pytest
from tests.store.executors.conftest import deed

from outlearn.store.executors import open_executor

opening = sys.modules[open_executor.__module__]  # the package has the function under the module's name


@pytest.fixture
def eight_cores_and_two_gpus(monkeypatch):
    monkeypatch.setattr(opening, "cpu_count", lambda: 8)
    monkeypatch.setattr(opening, "_gpus", lambda: ["3", "5"])
    for name in opening.THREAD_VARIABLES:
        monkeypatch.delenv(name, raising=False)


@pytest.mark.usefixtures("eight_cores_and_two_gpus")
@pytest.mark.parametrize(("workers", "threads"), [(1, "8"), (3, "2"), (8, "1"), (20, "1")])
def test_each_worker_has_its_share_of_the_cores_and_never_none(workers, threads):
    environments = opening._environments(workers)
    assert len(environments) == workers
    assert {environment["OMP_NUM_THREADS"] for environment in environments} == {threads}


@pytest.mark.usefixtures("eight_cores_and_two_gpus")
def test_fewer_threads_asked_for_are_kept_and_more_are_not(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("MKL_NUM_THREADS", "64")
    (environment,) = opening._environments(1)
    assert environment["OMP_NUM_THREADS"] == "1"
    assert environment["MKL_NUM_THREADS"] == "8"


@pytest.mark.usefixtures("eight_cores_and_two_gpus")
def test_gpus_go_round():
    assert [each["CUDA_VISIBLE_DEVICES"] for each in opening._environments(3)] == ["3", "5", "3"]


def test_without_gpus_no_worker_is_told_of_any(monkeypatch):
    monkeypatch.setattr(opening, "_gpus", list)
    assert "CUDA_VISIBLE_DEVICES" not in opening._environments(1)[0]


@pytest.mark.slow
@pytest.mark.usefixtures("eight_cores_and_two_gpus")
@pytest.mark.parametrize("cluster", [None, "local"])
def test_workers_find_their_own_variables(cluster, tmp_path):
    if cluster:
        pytest.importorskip("distributed", reason="the extra `cluster` is not installed")
    names = ["CUDA_VISIBLE_DEVICES", "OMP_NUM_THREADS"]
    with open_executor(2, cluster) as executor:
        # Each waits until the other has started, so that both workers have one.
        folder = str(tmp_path)
        outcomes = executor.run(
            [
                deed("meet", name, folder=folder, name=name, other=other, names=names)
                for name, other in (("a", "b"), ("b", "a"))
            ]
        )
    found = [outcome.result for outcome in outcomes.values()]
    assert sorted(each["CUDA_VISIBLE_DEVICES"] for each in found) == ["3", "5"]
    assert [each["OMP_NUM_THREADS"] for each in found] == ["4", "4"]
