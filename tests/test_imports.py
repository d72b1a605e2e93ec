"""What is loaded when: `import outlearn` and every `--help` stay light, and the public names are all there."""

from __future__ import annotations

import subprocess
import sys

import pytest

import outlearn

HEAVY = ("torch", "transformers", "sklearn", "plotly", "pandas", "datasets", "peft")


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


def test_measuring_loads_no_torch():
    code = "from outlearn import Predictions, risk_gap, bias_variance, posterior_mean, get_generator"
    assert not loaded_by(code).intersection({"torch", "transformers"})


@pytest.mark.parametrize("name", sorted(outlearn.__all__))
def test_every_public_name_exists(name):
    assert getattr(outlearn, name) is not None


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = outlearn.nonsense
