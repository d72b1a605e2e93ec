"""What a parameter may be, said by its type: the range of a number, or the names of a choice.

A frozen dataclass states it once, `share: Annotated[float, Range(0.0, 1.0)]`, and checks itself by `check_fields`.
"""

from __future__ import annotations

import math
import numbers
from dataclasses import Field, dataclass, fields
from functools import cache
from typing import Annotated, Any, Literal, TypeAlias, get_args, get_origin, get_type_hints

from outlearn.errors import ConfigError, suggest

__all__ = ["Range", "Whole", "check_fields", "fields_of", "hints_of", "range_of", "ranges_of"]


@dataclass(frozen=True)
class Range:
    """Say which numbers a parameter may be: between low and high, an open end excluded.

    Examples:
        >>> str(Range(0.0, 1.0, open_high=True)), str(Range(0.0)), str(Range()), str(Range(1, whole=True))
        ('a number in [0, 1)', 'a number of at least 0', 'a finite number', 'a whole number of at least 1')
    """

    low: float | int = -math.inf
    high: float | int = math.inf
    open_low: bool = False
    open_high: bool = False
    whole: bool = False

    def __str__(self) -> str:
        number = "a whole number" if self.whole else "a number"
        if math.isinf(self.low) and math.isinf(self.high):
            return "a finite number"
        if math.isinf(self.high):
            return f"{number} {'above' if self.open_low else 'of at least'} {self.low:g}"
        left, right = ("(" if self.open_low else "["), (")" if self.open_high else "]")
        return f"{number} in {left}{self.low:g}, {self.high:g}{right}"

    def check(self, name: str, value: object) -> float:
        """Return the value as a float, or say which parameter it is and what is allowed.

        Raises:
            ConfigError: if the value is not a finite number within the bounds.
        """
        if isinstance(value, bool) or not isinstance(value, numbers.Integral if self.whole else numbers.Real):
            hint = " It is text: in YAML write 1.0e-4 with a dot, since 1e-4 is read as text."
            raise ConfigError(f"{name} is {value!r}; expected {self}.{hint if isinstance(value, str) else ''}")
        number = float(value)
        too_low = number <= self.low if self.open_low else number < self.low
        too_high = number >= self.high if self.open_high else number > self.high
        if not math.isfinite(number) or too_low or too_high:
            raise ConfigError(f"{name} is {value!r}; expected {self}.")
        return number


Whole: TypeAlias = Annotated[int, Range(1, whole=True)]


def range_of(hint: object) -> Range | None:
    """Find the range in a type such as `Annotated[float, Range(0.0)] | None`."""
    inside = get_args(hint)
    return next((found for part in inside if (found := part if isinstance(part, Range) else range_of(part))), None)


@cache  # Python evaluates the text of types anew each time
def ranges_of(kind: type) -> dict[str, Range | None]:
    """Return the range that the type of each field states, if any."""
    return {name: range_of(hint) for name, hint in hints_of(kind).items()}


@cache
def hints_of(kind: type) -> dict[str, Any]:
    """Return the types of the fields of a dataclass."""
    return get_type_hints(kind, include_extras=True)


@cache
def fields_of(kind: type) -> tuple[Field[Any], ...]:
    """Return the fields of a dataclass, which Python filters anew each time."""
    return fields(kind)


def check_fields(parameters: Any, owner: str = "") -> None:
    """Check every field of a dataclass whose type states a `Range` or is a `Literal`; None only where it is allowed.

    `owner` is written before the name of a field, such as "encoder.".

    Raises:
        ConfigError: names the field, its value and what is allowed.
    """
    hints = hints_of(parameters.__class__)
    for field in fields_of(parameters.__class__):
        hint, value, name = hints[field.name], getattr(parameters, field.name), owner + field.name
        if value is None and type(None) in get_args(hint):
            continue
        if get_origin(hint) is Literal and value not in get_args(hint):
            raise ConfigError(f"{name} is {value!r}; {suggest(value, get_args(hint))}")
        if allowed := ranges_of(parameters.__class__)[field.name]:
            allowed.check(name, value)
