"""What is installed is all that is needed: a wheel in a fresh environment goes from a table to predictions.

The environment sees the packages that the wheel depends on, and nothing of this checkout, so that no network is needed.
"""

from __future__ import annotations

import csv
import os
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest
from tests.experiment.test_one_table import rows, write

pytest.importorskip("hatchling", reason="what builds the wheel is not installed")
pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parent.parent
QUICK = ("student.encoder={kind: tfidf}", "student.seeds=1", "student.loss=[forward_ce]", "student.learner.epochs=3")


def go(*command: object, cwd: Path) -> str:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "OUTLEARN"))}
    done = subprocess.run(list(map(str, command)), cwd=cwd, env=clean, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the source distribution, and the wheel from it alone."""
    folder = tmp_path_factory.mktemp("built")
    go(sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", folder, cwd=ROOT)
    (archive,) = folder.glob("*.tar.gz")
    with tarfile.open(archive) as file:
        file.extractall(folder, filter="data")
    (source,) = (path for path in folder.iterdir() if path.is_dir())
    go(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder, cwd=source)
    return folder


def test_the_source_distribution_holds_what_tests_and_docs_need(built):
    (source,) = (path for path in built.iterdir() if path.is_dir())
    for name in ("src/outlearn/py.typed", "tests/conftest.py", "configs/sweeps/offline.yaml", "tools/bootstrap.py"):
        assert (source / name).is_file(), name
    for name in ("README.md", "LICENSE", "CHANGELOG.md", "CITATION.cff", "Makefile", "requirements.lock"):
        assert (source / name).is_file(), name


def test_the_wheel_holds_the_package_its_presets_and_the_examples(built):
    (wheel,) = built.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    sources = {path.relative_to(ROOT / "src").as_posix() for path in (ROOT / "src").rglob("*") if path.is_file()}
    wanted = {name for name in sources if "__pycache__" not in name and not name.endswith(".pyc")}
    assert wanted <= names
    assert {f"outlearn/configs/{p.relative_to(ROOT / 'configs').as_posix()}" for p in ROOT.glob("configs/*/*")} <= names


def test_a_fresh_environment_goes_from_a_table_to_predictions_in_a_few_lines(built, tmp_path):
    (wheel,) = built.glob("*.whl")
    venv.create(tmp_path / "env", with_pip=False)
    python = tmp_path / "env" / "bin" / "python"
    (site,) = (tmp_path / "env" / "lib").glob("python*/site-packages")
    # Files of paths are not followed from here, so that this checkout stays out of sight.
    (site / "others.pth").write_text(sysconfig.get_path("purelib") + "\n")
    install = (sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-index", "--target", site, wheel)
    go(*install, cwd=tmp_path)
    work = tmp_path / "work"
    work.mkdir()
    outlearn = (python, "-c", "from outlearn.cli import main; main()")
    where = go(python, "-c", "import outlearn; print(outlearn.__file__)", cwd=work)
    assert Path(where.strip()).is_relative_to(site)
    assert "seed:" in go(*outlearn, "init", "--example", "sweeps/offline", "--out", "-", cwd=work)

    write(work / "tickets.csv", rows())
    new = [{"ticket_id": f"N{i}", "body": row["body"]} for i, row in enumerate(rows()[:30])]
    write(work / "new.csv", new, ("ticket_id", "body"))
    assert "What was found" in go(
        *outlearn,
        "run",
        "tickets.csv",
        "--out",
        "first",
        *(part for each in QUICK for part in ("--set", each)),
        cwd=work,
    )
    go(*outlearn, "predict", "first", "new.csv", "--out", "predictions.csv", cwd=work)
    with (work / "predictions.csv").open(newline="") as file:
        assert len(list(csv.DictReader(file))) == len(new)
