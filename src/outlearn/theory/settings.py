"""Settings of a theory experiment: a frozen dataclass of numbers, text and tuples, filled from `key=value` strings."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, fields
from itertools import pairwise
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from outlearn.errors import ConfigError, suggest
from outlearn.theory.scalars import Real

__all__ = ["at_least", "between", "increasing", "settings_as_dict", "settings_from_strings"]

S = TypeVar("S")


def settings_from_strings(kind: type[S], values: Mapping[str, str]) -> S:
    """Build settings from the strings of a command line; keys that are not given keep their defaults.

    Whole numbers may be written as `1e3`, tuples as `10,20,30`, an infinite number as `inf`.

    Raises:
        ConfigError: if a key is unknown or a value is not of the key's type; the message names both.

    Examples:
        >>> from outlearn.theory.experiments.ridge import RidgeSettings
        >>> settings_from_strings(RidgeSettings, {"draws": "1e3"}).draws
        1000
    """
    hints = get_type_hints(kind)
    known = [field.name for field in fields(kind)]  # type: ignore[arg-type]
    parsed = {}
    for key, text in values.items():
        if key not in known:
            raise ConfigError(f"there is no setting {key!r} here; {suggest(key, known)}")
        parsed[key] = _parse(key, text, hints[key])
    return kind(**parsed)


def settings_as_dict(settings: Any) -> dict[str, Any]:
    """Return the settings as plain JSON-able values; an infinite number becomes the text "inf"."""
    return {key: _jsonable(value) for key, value in asdict(settings).items()}


def _jsonable(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_jsonable(item) for item in value]
    if isinstance(value, float) and math.isinf(value):
        return "inf" if value > 0 else "-inf"
    return value


def _parse(key: str, text: str, hint: Any) -> Any:
    if get_origin(hint) is tuple:
        item = get_args(hint)[0]
        return tuple(_parse(key, part, item) for part in text.split(",") if part.strip())
    if hint is str:
        return text
    try:
        number = float(text)
    except ValueError:
        raise ConfigError(f"{key} is {text!r}; expected {_DESCRIBED.get(hint, hint)}") from None
    if hint == Real:
        return number
    if not number.is_integer():
        raise ConfigError(f"{key} is {text!r}; expected {_DESCRIBED[int]}")
    return int(number)


_DESCRIBED: dict[Any, str] = {int: "a whole number", Real: "a number"}


def at_least(settings: object, low: Real, *names: str) -> None:
    """Raise ConfigError unless each named setting (every entry, for a tuple) is at least `low`."""
    between(settings, low, math.inf, *names)


def between(settings: object, low: Real, high: Real, *names: str) -> None:
    """Raise ConfigError unless each named setting (every entry, for a tuple) lies in [low, high]."""
    for name in names:
        value = getattr(settings, name)
        for entry in value if isinstance(value, tuple) else (value,):
            if not low <= entry <= high:
                allowed = f"at least {low:g}" if math.isinf(high) else f"between {low:g} and {high:g}"
                raise ConfigError(f"{name} is {entry}; it must be {allowed}")


def increasing(settings: object, name: str, *, length: int) -> None:
    """Raise ConfigError unless the named tuple is strictly increasing and has at least `length` entries."""
    value = getattr(settings, name)
    if len(value) < length or any(b <= a for a, b in pairwise(value)):
        raise ConfigError(
            f"{name} is {','.join(map(str, value))}; give at least {length} increasing values, with commas"
        )
