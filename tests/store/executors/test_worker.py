"""A worker takes part only if it runs the driver's version and sees the driver's store."""

from __future__ import annotations

import json

import pytest

from outlearn.store.executors import worker
from outlearn.store.executors.worker import answer, problem_here
from outlearn.version import __version__


@pytest.fixture(autouse=True)
def _impatient(monkeypatch):
    monkeypatch.setattr(worker, "PATIENCE_SECONDS", 0.0)


def test_a_worker_of_the_same_version_that_sees_the_store_takes_part(tmp_path):
    (tmp_path / "token").write_text("token")
    assert problem_here(__version__, str(tmp_path / "token")) == ""


def test_another_version_is_named_with_both_numbers(tmp_path):
    problem = problem_here("9.9.9", "")
    assert f"has outlearn {__version__}, but the driver has 9.9.9" in problem


def test_a_store_that_a_shared_folder_shows_late_is_waited_for(tmp_path, monkeypatch):
    monkeypatch.setattr(worker, "PATIENCE_SECONDS", 60.0)
    monkeypatch.setattr(worker.time, "sleep", lambda seconds: (tmp_path / "token").write_text("token"))
    assert problem_here(__version__, str(tmp_path / "token")) == ""


@pytest.mark.parametrize("content", [None, "another"])
def test_a_store_that_is_not_there_or_is_another_is_named(tmp_path, content):
    if content is not None:
        (tmp_path / "token").write_text(content)
    problem = problem_here(__version__, str(tmp_path / "token"))
    assert f"does not see the store of this run: '{tmp_path}/token'" in problem
    assert "--store" in problem


def test_a_worker_that_cannot_take_part_runs_no_task(tmp_path):
    deed = "tests.store.executors.deeds:touch"
    reply = json.loads(answer(deed, json.dumps({"folder": str(tmp_path), "name": "done"}), "9.9.9", ""))
    assert reply["error"]["expected"]
    assert "9.9.9" in reply["error"]["cause"]
    assert not (tmp_path / "done").exists()
