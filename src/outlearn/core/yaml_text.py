"""Read YAML that anybody may have written: every way in which it cannot be read is one error, and it stays small."""

from __future__ import annotations

import re
from typing import Any

import yaml

__all__ = ["LARGEST_YAML", "parse_yaml"]

LARGEST_YAML = 2**20  # bytes of a file of settings: the longest that a person writes is a hundred times shorter
MOST_VALUES = 100_000  # with every alias written out: a kilobyte of aliases can stand for gigabytes
INT, FLOAT = "tag:yaml.org,2002:int", "tag:yaml.org,2002:float"


class _Loader(yaml.SafeLoader):
    """Plain data, without the numbers that YAML 1.2 has no more: YAML 1.1 reads 1:30 as 90, 017 as 15 and 1_0 as 10.

    As in 1.1 an exponent needs a point: 1e-4 is a text, of which the key that it is for makes a number.
    """


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag not in (INT, FLOAT)]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(INT, re.compile(r"(?:[-+]?(?:0|[1-9][0-9]*)|0x[0-9a-fA-F]+)\Z"), list("-+0123456789"))
_Loader.add_implicit_resolver(
    FLOAT,
    re.compile(r"(?:[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))\Z"),
    list("-+.0123456789"),
)


def parse_yaml(text: str) -> Any:
    """Parse YAML as plain data.

    Raises:
        ValueError: if it is no YAML, nested too deeply, longer than it may be, names a key twice, or refers to itself;
            the message says which, in half a sentence.

    Examples:
        >>> parse_yaml("{kind: tfidf, dims: 8}")
        {'kind': 'tfidf', 'dims': 8}
        >>> parse_yaml("1:30"), parse_yaml("90")
        ('1:30', 90)
    """
    if len(text) > LARGEST_YAML:
        raise ValueError(f"is longer than {LARGEST_YAML:,} characters")
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        # Before anything is built: merging a mapping (<<) writes its aliases out.
        if node is not None and _size(node, {}) > MOST_VALUES:
            raise _RefusedError(f"holds more than {MOST_VALUES:,} values with its aliases written out")
        return None if node is None else loader.construct_document(node)
    except yaml.YAMLError as error:
        place = getattr(error, "problem_mark", None)
        where = f" at line {place.line + 1}, column {place.column + 1}" if place else ""
        raise ValueError(f"is not valid YAML{where}; check quotes and indentation") from error
    except RecursionError as error:
        raise ValueError("is nested too deeply for settings") from error
    except _RefusedError:
        raise
    except ValueError as error:  # a date that is none, a number of thousands of digits
        reason = str(error).split("; use sys.")[0]
        raise ValueError(f"holds a date or number that cannot be ({reason}); put it in quotes to keep it text") from (
            error
        )


class _RefusedError(ValueError):
    """What is YAML, and is refused."""


def _size(node: yaml.Node, known: dict[int, int]) -> int:
    """Count values, those of an alias each time; raise for one inside itself, and for a key that comes twice."""
    if isinstance(node, yaml.ScalarNode):
        if any("\ud800" <= character <= "\udfff" for character in node.value):
            raise _RefusedError("holds half of a surrogate pair, which is no character; remove it")
        return 1
    if id(node) not in known:
        known[id(node)] = -1
        parts = node.value
        if isinstance(node, yaml.MappingNode):
            _refuse_twins(node)
            parts = [part for pair in node.value for part in pair]
        known[id(node)] = 1 + sum(_size(part, known) for part in parts)
    if known[id(node)] < 0:
        raise _RefusedError("holds an alias (*) inside what it stands for")
    return known[id(node)]


def _refuse_twins(mapping: yaml.MappingNode) -> None:
    """Raise for a key that comes twice, of which the last would be taken in silence."""
    seen = set()
    for key, _ in mapping.value:
        name = (key.tag, key.value) if isinstance(key, yaml.ScalarNode) else None
        if name is not None and name in seen:
            raise _RefusedError(
                f"gives the key {key.value[:60]!r} twice, again at line {key.start_mark.line + 1}; keep one"
            )
        seen.add(name)
