"""One small run for all tests of results, and a copy of its folder for those that damage it."""

import shutil

import pytest
from tests.small_runs import SMALL, make_task_file

from outlearn.experiment.load_config import load_config
from outlearn.experiment.pipeline import run
from outlearn.store.store import Store


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """Return a finished run. Tests must not write into its folder."""
    place = tmp_path_factory.mktemp("finished")
    config = load_config(overrides=[f"data.path={make_task_file(place / 'task.npz')}", *SMALL])
    return run(config, store=Store(place / "store"), out=place / "run")


@pytest.fixture
def folder(finished, tmp_path):
    return shutil.copytree(finished.folder, tmp_path / "run")
