"""The messages of errors: what was expected, what came, what to do."""

import importlib.metadata
import importlib.util
import shlex
import subprocess
import sys

import pytest

from outlearn.errors import ConfigError, MissingExtraError, OutlearnError, suggest


def test_suggest_names_the_closest_match():
    assert 'Did you mean "reverse_ce"?' in suggest("revers_ce", ["forward_ce", "reverse_ce"])


def test_suggest_is_silent_where_nothing_is_close():
    assert suggest("zzz", ["forward_ce"]) == "known: forward_ce."


def test_a_missing_extra_names_the_command_that_installs_it():
    with pytest.raises(MissingExtraError, match=r"pip install 'outlearn\[hf\]'"):
        raise MissingExtraError("transformers", "hf")


def test_the_advice_about_an_extra_works_where_outlearn_was_installed_from_a_clone():
    try:
        importlib.metadata.version("outlearn")
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("outlearn is on the path, and not installed")
    if importlib.util.find_spec("pip") is None or importlib.util.find_spec("torch") is None:
        pytest.skip("pip or torch is not installed")
    advised = shlex.split(str(MissingExtraError("torch", "train")).partition("Install it with: ")[2])
    assert advised[:2] == ["pip", "install"]
    options = ["--no-index", "--dry-run", "--disable-pip-version-check"]  # no index is asked for outlearn
    done = subprocess.run([sys.executable, "-m", *advised, *options], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "already satisfied: torch" in done.stdout


def test_errors_can_be_caught_as_one_kind_and_as_the_builtin_kind():
    assert issubclass(ConfigError, OutlearnError)
    assert issubclass(ConfigError, ValueError)
