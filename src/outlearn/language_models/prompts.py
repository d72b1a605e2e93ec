"""What a language model is asked: a template around a text or two, examples before it, and a word for each class.

A template is plain text with `{text}` in it, or `{a}` and `{b}` for a pair; what follows it is the answer. As a chat it
is what a user says, and examples are turns before.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from outlearn.errors import ConfigError

__all__ = ["FIELDS", "PAIR_FIELDS", "Prompt", "Texts", "Turn", "check_classes", "check_template", "class_words"]

FIELDS, PAIR_FIELDS = ("text",), ("a", "b")
BETWEEN_EXAMPLES = "\n\n"
Texts: TypeAlias = tuple[str, ...]
"""The text of a point, or the two of a pair in the order in which they are shown."""
Turn: TypeAlias = dict[str, str]
"""What one side of a chat says, as chat templates read it."""


@dataclass(frozen=True)
class Prompt:
    """Ask one question of every text.

    Attributes:
        template: with a field for each text of a point.
        words: what may follow, one a class, such as " negative": as it stands after the template, with its blank.
        examples: texts with the number of their class, shown before, in this order.
        chat: whether the template is said by a user, in the model's own chat format.
        max_length: of the whole prompt in tokens; None for what the model reads.
        cut: which end of a text is cut where it is too long.
    """

    template: str
    words: tuple[str, ...]
    examples: tuple[tuple[Texts, int], ...] = ()
    chat: bool = False
    max_length: int | None = None
    cut: Literal["end", "start"] = "end"

    @property
    def fields(self) -> tuple[str, ...]:
        """The names in braces."""
        return PAIR_FIELDS if "{a}" in self.template else FIELDS

    def text(self, texts: Texts) -> str:
        """Write out what a model reads that is not asked as in a chat.

        Examples:
            >>> Prompt("{text} is", (" bad", " good"), examples=((("joy",), 1),)).text(("war",))
            'joy is good\\n\\nwar is'
        """
        shown = [_filled(self.template, given) + self.words[label] for given, label in self.examples]
        return BETWEEN_EXAMPLES.join([*shown, _filled(self.template, texts)])

    def turns(self, texts: Texts) -> list[Turn]:
        """Write out a chat: questions and answers in turn, and the last question."""
        before = [
            turn
            for given, label in self.examples
            for turn in (
                {"role": "user", "content": _filled(self.template, given)},
                {"role": "assistant", "content": self.words[label].strip()},
            )
        ]
        return [*before, {"role": "user", "content": _filled(self.template, texts)}]


def check_template(template: str, fields: Sequence[str]) -> None:
    """Refuse a template that does not show each text of a point once.

    Raises:
        ConfigError: names what is missing, or is there and means nothing.

    Examples:
        >>> check_template('The word "{text}" is', ("text",))
    """
    found = re.findall(r"\{(\w+)\}", template)
    wanted = " and ".join(f"{{{name}}}" for name in fields)
    if sorted(found) != sorted(fields):
        raise ConfigError(
            f"template {template!r} has {' and '.join(f'{{{name}}}' for name in found) or 'no field'}; expected "
            f"{wanted} once, where the {'texts of a pair go' if len(fields) > 1 else 'text goes'}."
        )


def class_words(given: Mapping[str, str] | None, class_names: Sequence[str]) -> tuple[str, ...]:
    """Return the word of each class, in label order: by default its name after a blank.

    Raises:
        ConfigError: if the words are of other classes.

    Examples:
        >>> class_words(None, ["bad", "good"])
        (' bad', ' good')
    """
    if given is None:
        return tuple(f" {name}" for name in class_names)
    check_classes("classes", given, class_names)
    return tuple(given[name] for name in class_names)


def check_classes(key: str, given: Iterable[str], class_names: Sequence[str]) -> None:
    """Refuse a key of a learner that does not name each class of the task once.

    Raises:
        ConfigError: names both.
    """
    if set(given) != set(class_names):
        raise ConfigError(
            f"learner.{key} names {', '.join(given)}; the classes of the task are {', '.join(class_names)}. Name each."
        )


def _filled(template: str, texts: Texts) -> str:
    """Put texts into a template; braces inside of a text are its own."""
    fields = iter(re.split(r"\{(?:text|a|b)\}", template))
    order = re.findall(r"\{(text|a|b)\}", template)
    shown = [texts[1] if name == "b" else texts[0] for name in order]
    return next(fields) + "".join(text + after for text, after in zip(shown, fields, strict=True))
