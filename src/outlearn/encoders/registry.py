"""The table of encoders, and how one is built from a configuration. A new encoder is one line here."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from functools import cache
from typing import Any

from pydantic import TypeAdapter, ValidationError

from outlearn.encoders.array import Array
from outlearn.encoders.encoder import Encoder
from outlearn.encoders.hf import HuggingFace
from outlearn.encoders.random_features import RandomFeatures
from outlearn.encoders.tfidf import Tfidf
from outlearn.encoders.wordllama import WordLlama
from outlearn.errors import ConfigError, suggest

__all__ = ["ENCODERS", "get_encoder"]

ENCODERS: dict[str, type[Encoder]] = {
    "array": Array,
    "hf": HuggingFace,
    "random_features": RandomFeatures,
    "tfidf": Tfidf,
    "wordllama": WordLlama,
}


def get_encoder(config: Mapping[str, object]) -> Encoder:
    """Build the encoder that a configuration names.

    Args:
        config: `{"kind": name, **parameters}`.

    Returns:
        The encoder. Nothing is loaded yet.

    Raises:
        ConfigError: if the kind or a parameter is unknown or has a value that is not allowed; one line for each.

    Examples:
        >>> get_encoder({"kind": "wordllama", "dim": 64})
        WordLlama(dim=64)
    """
    parameters = dict(config)
    kind = parameters.pop("kind", None)
    if not isinstance(kind, str) or kind not in ENCODERS:
        raise ConfigError(f"encoder.kind is {kind!r}; {suggest(kind, ENCODERS)}")
    encoder = ENCODERS[kind]
    known = [field.name for field in dataclasses.fields(encoder)]  # type: ignore[arg-type]
    unknown = [
        f"encoder.{key} is no parameter of the encoder {kind!r}; {suggest(key, known)}"
        for key in parameters
        if key not in known
    ]
    if unknown:
        raise ConfigError("\n".join(unknown))
    if "of" in parameters:
        parameters["of"] = _below(kind, parameters["of"])
    try:
        return _reader(encoder).validate_python(parameters)
    except ValidationError as error:
        details = error.errors(include_url=False)
        first = {each["loc"][:1] or index: each for index, each in reversed([*enumerate(details)])}
        raise ConfigError("\n".join(_line(each) for each in reversed(first.values()))) from None


@cache
def _reader(encoder: type[Encoder]) -> TypeAdapter[Encoder]:
    """Make what checks the parameters of a kind of encoder; a sweep asks a thousand times."""
    return TypeAdapter(encoder)


def _below(kind: str, config: object) -> Encoder:
    """Build the encoder that another one stands on; what is wrong with it is said of `encoder.of`."""
    if not isinstance(config, Mapping):
        raise ConfigError(
            f"encoder.of is {config!r}; the encoder {kind!r} stands on another one: give a mapping with its kind, "
            "such as {kind: tfidf}."
        )
    try:
        return get_encoder(config)
    except ConfigError as error:
        lines = str(error).splitlines()
        own = [line.replace("encoder.", "encoder.of.", 1) if line.startswith("encoder.") else line for line in lines]
        raise ConfigError("\n".join(own)) from None


def _line(details: Mapping[str, Any]) -> str:
    """Say what is wrong with one parameter."""
    own = details.get("ctx", {}).get("error")
    if isinstance(own, ConfigError):  # raised by the encoder itself, so it already says what to do
        return str(own)
    # What may be of several types has a complaint of each, and their names in its place. What is wrong with all of them
    # together has no place.
    key = ".".join(["encoder", *map(str, details["loc"][:1])])
    return f"{key} is {details['input']!r}; {details['msg']}."
