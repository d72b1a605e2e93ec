"""One run on texts and one on pairs, whose students the tests use and do not change."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.student.runs import keep, write_film_pairs, write_films

from outlearn.results.run_folder import Run


@pytest.fixture(scope="session")
def films(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Run on texts, with a student of every loss."""
    folder = tmp_path_factory.mktemp("films")
    return keep(folder, write_films(folder / "films.jsonl"), "student.keep=all")


@pytest.fixture(scope="session")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Run on pairs of texts."""
    folder = tmp_path_factory.mktemp("pairs")
    return keep(folder, write_film_pairs(folder / "pairs.jsonl"))


@pytest.fixture
def copied(films: Run, tmp_path: Path) -> Path:
    """Return a copy of the films' student, to spoil."""
    import shutil

    return Path(shutil.copytree(films.folder / "student", tmp_path / "student"))
