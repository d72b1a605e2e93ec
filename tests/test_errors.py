"""The messages of errors: what was expected, what came, what to do."""

import pytest

from outlearn.errors import ConfigError, MissingExtraError, OutlearnError, suggest


def test_suggest_names_the_closest_match():
    assert 'Did you mean "reverse_ce"?' in suggest("revers_ce", ["forward_ce", "reverse_ce"])


def test_suggest_is_silent_where_nothing_is_close():
    assert suggest("zzz", ["forward_ce"]) == "known: forward_ce."


def test_a_missing_extra_names_the_command_that_installs_it():
    with pytest.raises(MissingExtraError, match=r"pip install 'outlearn\[hf\]'"):
        raise MissingExtraError("transformers", "hf")


def test_errors_can_be_caught_as_one_kind_and_as_the_builtin_kind():
    assert issubclass(ConfigError, OutlearnError)
    assert issubclass(ConfigError, ValueError)
