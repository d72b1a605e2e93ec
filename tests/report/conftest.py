"""Made-up run folders, written once for all tests of the report."""

import pytest
from tests.report.made_up import made_up_run

KINDS = {
    "plain": {},
    "hostile": {"hostile": True, "n_points": 60},
    "one-teacher": {"n_teachers": 1},
    "ten-classes": {"n_classes": 10, "n_points": 120},
    "preference": {"kind": "preference"},
    "one-loss": {"losses": ("forward_ce",)},
}


@pytest.fixture(scope="session")
def folder_of(tmp_path_factory):
    """Return a function that gives the folder of a kind of made-up run. Tests must not write into it."""
    place = tmp_path_factory.mktemp("runs")

    def folder(kind):
        path = place / kind
        return path if path.exists() else made_up_run(path, name=kind, **KINDS[kind])

    return folder
