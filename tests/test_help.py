"""Every command explains itself: -h is --help, and examples name commands and options that there are."""

from __future__ import annotations

import re

import click
import pytest
import typer

from outlearn.cli.app import app

ROOT = typer.main.get_command(app)


def commands(group: click.Group, path: tuple[str, ...] = ()) -> dict[tuple[str, ...], click.Command]:
    found: dict[tuple[str, ...], click.Command] = {}
    for name, command in group.commands.items():
        inner = getattr(command, "commands", None) is not None
        found |= commands(command, (*path, name)) if inner else {(*path, name): command}
    return found


COMMANDS = commands(ROOT)


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_help_has_examples_whose_options_exist(path):
    command = COMMANDS[path]
    examples = re.findall(r"^\s*(?:cat \S+ \| )?outlearn (.*)$", command.help or "", re.MULTILINE)
    assert examples, "no example"
    options = {name for parameter in command.params for name in parameter.opts}
    for example in examples:
        words = example.split()
        assert tuple(words[: len(path)]) == path
        assert {word for word in words if word.startswith("--")} <= options


def test_h_is_help_and_the_shell_can_complete(cli):
    for command in ((), ("run",), ("store", "ls")):
        code, short, err = cli(*command, "-h")
        assert code == 0, err
        assert short == cli(*command, "--help")[1]
    assert "--install-completion" in cli("--help")[1]


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_a_help_says_what_an_option_takes_and_breaks_no_example(path, cli):
    """`<str>` tells a reader nothing; an example that is broken at its hyphens cannot be copied."""
    out = cli(*path, "--help")[1]
    assert not re.search(r"^ +--.*<(?:str|path|int|float|list)", out, re.MULTILINE)
    shown = {line.strip() for line in out.splitlines()}
    meant = re.findall(r"^\s*((?:cat \S+ \| )?outlearn .*)$", COMMANDS[path].help or "", re.MULTILINE)
    assert set(meant) <= shown
