"""Read YAML that anybody may have written: every way in which it cannot be read is one error, and it stays small."""

from __future__ import annotations

from typing import Any

import yaml

__all__ = ["LARGEST_YAML", "parse_yaml"]

LARGEST_YAML = 2**20  # bytes of a file of settings: the longest that a person writes is a hundred times shorter
MOST_VALUES = 100_000  # with every alias written out: a kilobyte of aliases can stand for gigabytes


def parse_yaml(text: str) -> Any:
    """Parse YAML as plain data.

    Raises:
        ValueError: if it is no YAML, nested too deeply, longer than it may be, or refers to itself; the message says
            which, in half a sentence.

    Examples:
        >>> parse_yaml("{kind: tfidf, dims: 8}")
        {'kind': 'tfidf', 'dims': 8}
    """
    if len(text) > LARGEST_YAML:
        raise ValueError(f"is longer than {LARGEST_YAML:,} characters")
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError as error:
        place = getattr(error, "problem_mark", None)
        where = f" at line {place.line + 1}, column {place.column + 1}" if place else ""
        raise ValueError(f"is not valid YAML{where}; check quotes and indentation") from error
    except RecursionError as error:
        raise ValueError("is nested too deeply for settings") from error
    except ValueError as error:  # a date that is none, a number of thousands of digits
        raise ValueError(
            f"holds a date or number that cannot be ({error}); put it in quotes to keep it text"
        ) from error
    if _size(value, {}) > MOST_VALUES:
        raise ValueError(f"holds more than {MOST_VALUES:,} values with its aliases written out")
    return value


def _size(value: Any, known: dict[int, int]) -> int:
    """Count values, those of an alias each time; raise for one inside itself."""
    if isinstance(value, str) and any("\ud800" <= character <= "\udfff" for character in value):
        raise ValueError("holds half of a surrogate pair, which is no character; remove it")
    if not isinstance(value, dict | list):
        return 1
    if id(value) not in known:
        known[id(value)] = -1
        parts = [*value.keys(), *value.values()] if isinstance(value, dict) else value
        known[id(value)] = 1 + sum(_size(part, known) for part in parts)
    if known[id(value)] < 0:
        raise ValueError("holds an alias (*) inside what it stands for")
    return known[id(value)]
