"""What the options of `outlearn label` mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import yaml
from pydantic import ValidationError

from outlearn.data.task import PAIR_NAMES
from outlearn.errors import ConfigError
from outlearn.learners.prompting import PromptLearner

__all__ = ["prompt_learner", "read_classes", "read_pair"]


def read_pair(text: str | None) -> tuple[str, str] | None:
    """Read the names of two columns."""
    if text is None:
        return None
    names = [name.strip() for name in text.split(",")]
    if len(names) != 2 or not all(names):
        raise ConfigError(f"--pair is {text!r}; expected two columns, such as chosen,rejected.")
    return names[0], names[1]


def read_classes(text: str | None, *, pairs: bool) -> tuple[tuple[str, ...], dict[str, str] | None]:
    """Read the classes, and the words that stand for them if they are given; of a pair they are A and B by default.

    Examples:
        >>> read_classes("no, yes", pairs=False), read_classes("{no: ' false', yes: ' true'}", pairs=False)
        ((('no', 'yes'), None), (('no', 'yes'), {'no': ' false', 'yes': ' true'}))
    """
    words: dict[str, str] | None = None
    if text is None and pairs:
        return PAIR_NAMES, dict(zip(PAIR_NAMES, (" A", " B"), strict=True))
    if text is not None and text.lstrip().startswith("{"):
        try:
            read = yaml.load(text, Loader=yaml.BaseLoader)  # all is text: no and yes are names
        except yaml.YAMLError:
            read = None
        if not isinstance(read, dict):
            raise ConfigError(f"--classes is {text!r}; expected names, or {{name: ' word', other: ' word'}}.")
        words = {str(name): str(word) for name, word in read.items()}
        names = tuple(words)
    else:
        names = tuple(name.strip() for name in (text or "").split(",") if name.strip())
    if len(set(names)) < 2 or len(set(names)) < len(names):
        raise ConfigError(f"--classes is {text!r}; expected two different names or more, such as negative,positive.")
    if pairs:
        if len(names) != 2 or words is None:
            raise ConfigError(
                f"--classes is {text!r}; of pairs it says what the model answers for the first text and the second: "
                "{first: ' A', second: ' B'}."
            )
        return PAIR_NAMES, dict(zip(PAIR_NAMES, words.values(), strict=True))
    return names, words


def prompt_learner(
    names: Sequence[str],
    *,
    model: Sequence[str],
    templates: Sequence[str],
    words: Mapping[str, str] | None,
    shares: str | None,
    **options: Any,
) -> PromptLearner:
    """Check the options as those of a teacher in a configuration are.

    Raises:
        ConfigError: with one line for each that is not allowed.
    """
    if shares is not None:
        try:
            numbers = [float(part) for part in shares.split(",")]
        except ValueError:
            numbers = []
        if len(numbers) != len(names) or abs(sum(numbers) - 1) > 1e-6:
            raise ConfigError(f"--shares is {shares!r}; expected {len(names)} numbers of sum 1, one a class.")
        options["shares"] = dict(zip(names, numbers, strict=True))
    try:
        return PromptLearner(model=tuple(model), templates=tuple(templates), classes=words, **options)
    except ValidationError as error:
        lines = []
        for found in error.errors(include_url=False):
            option = "--" + str(found["loc"][0]).replace("_", "-") if found["loc"] else "the options"
            own = found.get("ctx", {}).get("error")
            lines.append(f"{option}: {own or found['msg']}, got {found['input']!r}" if not own else f"{option}: {own}")
        raise ConfigError("\n".join(lines)) from None
