"""Writing a report: what is refused, and that nothing else in the folder changes."""

import pytest
from tests.report.made_up import make_up

from outlearn.errors import ConfigError, StoreError
from outlearn.report.html import write_report


@pytest.fixture
def folder(tmp_path):
    return make_up(n_points=24, n_teachers=2, losses=("forward_ce", "mae")).write(tmp_path / "run")


def test_the_report_refuses_what_it_cannot_do(folder, tmp_path):
    with pytest.raises(ConfigError, match="--format is 'pdf'"):
        write_report([folder], format="pdf")
    with pytest.raises(ConfigError, match="no run folder"):
        write_report([])
    with pytest.raises(ConfigError, match="one folder"):
        write_report([folder, folder], figures=tmp_path / "figures")
    with pytest.raises(StoreError, match="--out"):
        write_report([folder], tmp_path / "absent" / "report.html")


def test_writing_a_report_changes_nothing_else_and_gives_the_same_bytes_twice(folder):
    before = {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    first = write_report([folder]).read_bytes()
    assert write_report([folder]).read_bytes() == first
    assert {p: p.read_bytes() for p in folder.rglob("*") if p.is_file() and p.name != "report.html"} == before
