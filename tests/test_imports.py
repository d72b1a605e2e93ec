"""What is loaded when: `import outlearn` and every `--help` stay light, and the public names are all there."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import suppress

import numpy as np
import pytest

import outlearn
from outlearn.results.run_folder import load_run

HEAVY = ("torch", "transformers", "sklearn", "matplotlib", "pandas", "datasets", "peft")


def loaded_by(code: str) -> set[str]:
    probe = f"import sys\ntry:\n    {code}\nexcept SystemExit:\n    pass\nprint('LOADED', *sys.modules)"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    return set(done.stdout.split("LOADED")[-1].split())


def test_importing_outlearn_loads_nothing_heavy():
    assert not loaded_by("import outlearn").intersection(HEAVY)


@pytest.mark.parametrize("command", ["", "run", "predict", "explain", "report", "theory", "store", "store ls"])
def test_help_loads_nothing_heavy(command):
    arguments = ["outlearn", *command.split(), "--help"]
    code = f"import sys; sys.argv = {arguments!r}; from outlearn.cli import main; main()"
    assert not loaded_by(code).intersection(HEAVY)


def test_a_run_waits_for_no_import_that_it_does_not_use():
    code = "import outlearn.experiment.load_config, outlearn.experiment.pipeline, outlearn.report.html"
    unused = {"scipy.stats", "joblib", "sklearn", "transformers", "matplotlib", "pandas", "huggingface_hub"}
    assert not loaded_by(code).intersection(unused)


def test_measuring_loads_no_torch():
    code = "from outlearn import Predictions, risk_gap, bias_variance, posterior_mean, get_generator"
    assert not loaded_by(code).intersection({"torch", "transformers"})


WITHOUT_TORCH = "import sys; sys.modules['torch'] = None; "
MAIN = "from outlearn.cli import main; main()"


@pytest.fixture
def labels(tmp_path):
    votes = "".join(f"p{i},{i % 2},{i % 2 if i % 9 else 0}\n" for i in range(60))
    (tmp_path / "labels.csv").write_text(f"id,a,b\n{votes}")
    rng = np.random.default_rng(0)
    np.save(tmp_path / "t.npy", rng.normal(size=(4, 60, 2)))
    np.save(tmp_path / "y.npy", rng.integers(0, 2, 60))
    return tmp_path


@pytest.mark.parametrize(
    "command", ["doctor labels.csv", "explain --teacher t.npy --student t.npy --target y.npy", "theory ridge --help"]
)
def test_what_trains_nothing_needs_no_torch(command, labels):
    code = f"{WITHOUT_TORCH}sys.argv = ['outlearn', *{command.split()!r}]; {MAIN}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=labels, check=False)
    assert done.returncode == 0, done.stderr


def test_a_run_of_which_all_is_stored_needs_no_torch(small_run, tmp_path):
    trained = small_run("student.loss=[forward_ce, auto]")
    again = ["outlearn", "run", f"{trained.folder}/config.yaml", "--store", f"{tmp_path}/store"]
    code = f"{WITHOUT_TORCH}sys.argv = {[*again, '--out', f'{tmp_path}/again']!r}; {MAIN}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Nothing was trained" in done.stdout
    assert load_run(tmp_path / "again").results.students == trained.results.students


@pytest.mark.parametrize("command", ["run --set data.name=digits", "sweep sweep.yaml"])
def test_what_trains_says_which_extra_it_needs(command, labels):
    (labels / "sweep.yaml").write_text("base: {data: {name: digits}}\ngrid: {seed: [0, 1]}\n")
    code = f"{WITHOUT_TORCH}sys.argv = ['outlearn', *{command.split()!r}]; {MAIN}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=labels, check=False)
    assert done.returncode == 2, done.stderr
    assert "pip install 'outlearn[train]'" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("command", ["run --set data.name=digits", "sweep sweep.yaml"])
def test_a_terminal_shows_the_first_line_before_torch_is_imported(command, labels):
    (labels / "sweep.yaml").write_text("base: {data: {name: digits}}\ngrid: {seed: [0, 1]}\n")
    code = f"{WITHOUT_TORCH}sys.argv = ['outlearn', *{command.split()!r}]; {MAIN}"
    ours, theirs = os.openpty()
    with subprocess.Popen([sys.executable, "-c", code], stderr=theirs, cwd=labels):
        os.close(theirs)
        shown = ""
        with suppress(OSError):  # what reading says at the end of a terminal
            while part := os.read(ours, 2**12):
                shown += part.decode(errors="replace")
    os.close(ours)
    assert shown.index("reading settings") < shown.index("pip install 'outlearn[train]'")


@pytest.mark.parametrize("name", sorted(outlearn.__all__))
def test_every_public_name_exists(name):
    assert getattr(outlearn, name) is not None


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = outlearn.nonsense


def test_the_command_is_a_module_too():
    run = subprocess.run([sys.executable, "-m", "outlearn", "--version"], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == outlearn.__version__
