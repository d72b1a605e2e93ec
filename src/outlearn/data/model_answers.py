"""The answers of a language model's batch: what was said, and how likely each first token of an answer was.

Providers return the k likeliest tokens at each place. At the place where the answer begins, a token that begins the
name of one class alone counts for that class. What is left, the probability of tokens beyond the k and of tokens that
begin no class or several, is spread evenly over the classes that no token names; if all are named, they are divided by
their sum.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["ModelAnswer", "class_shares", "is_batch", "model_answers"]

# What lines of batches hold: OpenAI and those who write the same; Anthropic.
BATCHES = ({"custom_id", "response"}, {"custom_id", "result"})
AROUND = " \t\r\n\"'`*.:"  # what models put around a name


@dataclass(frozen=True)
class ModelAnswer:
    """Hold one answer.

    Attributes:
        text: what was said, without quotes, blanks and a full stop around it.
        tokens: of the place where it begins, the likeliest tokens with their probabilities; None if they were not asked
            for.
    """

    text: str
    tokens: Mapping[str, float] | None = None


def is_batch(records: Sequence[Mapping[str, Any]]) -> bool:
    """Say whether records are the output of a batch."""
    return any(all(record.keys() >= keys for record in records) for keys in BATCHES)


def model_answers(records: Sequence[Mapping[str, Any]]) -> Iterator[ModelAnswer | None]:
    """Read the answer of each record; None where the request failed, or nothing was said."""
    for record in records:
        body = record.get("response") if "response" in record else record["result"]
        while isinstance(body, Mapping) and (inner := body.get("body", body.get("message"))) is not None:
            body = inner
        yield _answer(body) if isinstance(body, Mapping) else None


def class_shares(tokens: Mapping[str, float], class_names: Sequence[str]) -> tuple[list[float], float] | None:
    """Turn the probabilities of first tokens into those of classes.

    Returns:
        The probabilities of the classes, which sum to 1, and the probability that no token accounts for; None if no
        token begins the name of one class alone.

    Examples:
        >>> class_shares({"Acc": 0.7, " Ref": 0.2, "The": 0.05}, ["Account", "Refund", "Shipping"])
        ([0.7, 0.2, 0.1], 0.1)
        >>> class_shares({"re": 0.9}, ["Refund", "Return"]) is None
        True
    """
    names = [name.strip().casefold() for name in class_names]
    shares = [0.0] * len(names)
    for token, probability in tokens.items():
        start = token.strip(AROUND).casefold()
        begun = [k for k, name in enumerate(names) if start and name.startswith(start)]
        whole = [k for k in begun if names[k] == start]
        if len(whole or begun) == 1:
            shares[(whole or begun)[0]] += probability
    total = math.fsum(shares)
    if not total > 0:
        return None
    rest = max(1 - total, 0.0)
    unnamed = [k for k, share in enumerate(shares) if not share]
    if unnamed:
        for k in unnamed:
            shares[k] = rest / len(unnamed)
    total = math.fsum(shares)
    return [round(share / total, 12) for share in shares], round(rest, 12)


def _answer(body: Mapping[str, Any]) -> ModelAnswer | None:
    """Read a chat's first choice, a completion's, or the texts of a message."""
    text, places = None, []
    choices = body.get("choices")
    if isinstance(choices, list) and choices and isinstance(choices[0], Mapping):
        choice = choices[0]
        message = choice.get("message")
        text = message.get("content") if isinstance(message, Mapping) else choice.get("text")
        places = _places(choice.get("logprobs"))
    elif isinstance(body.get("content"), list):  # Anthropic: a list of parts
        text = "".join(part.get("text", "") for part in body["content"] if isinstance(part, Mapping))
    elif isinstance(body.get("output"), list):  # OpenAI's responses
        parts = [part for item in body["output"] if isinstance(item, Mapping) for part in item.get("content") or ()]
        texts = [part for part in parts if isinstance(part, Mapping) and isinstance(part.get("text"), str)]
        text = "".join(part["text"] for part in texts)
        places = _places({"content": [place for part in texts for place in part.get("logprobs") or ()]})
    if not isinstance(text, str):
        return None
    said = _said(text)
    return ModelAnswer(said, _where_it_begins(places, said)) if said else None


def _said(text: str) -> str:
    """Take the answer out of what may stand around it: quotes, a full stop, an object with one text."""
    if text.strip()[:1] == "{":
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            value = None
        if isinstance(value, dict) and len(value) == 1 and isinstance(found := next(iter(value.values())), str):
            text = found
    return text.strip(AROUND)


def _places(logprobs: Any) -> list[dict[str, float]]:
    """List the likeliest tokens with their probabilities, place by place."""
    if not isinstance(logprobs, Mapping):
        return []
    found = []
    for place in logprobs.get("content") or ():  # a chat
        listed = place.get("top_logprobs") if isinstance(place, Mapping) else None
        found.append([(each.get("token"), each.get("logprob")) for each in listed or ()])
    # a completion: token -> log-probability
    found += [list(place.items()) if isinstance(place, Mapping) else [] for place in logprobs.get("top_logprobs") or ()]
    places = []
    for listed in found:
        tokens: dict[str, float] = {}
        for token, value in listed:
            if isinstance(token, str) and isinstance(value, int | float) and value <= 0:
                tokens[token] = tokens.get(token, 0.0) + math.exp(value)
        places.append(tokens)
    return places


def _where_it_begins(places: Sequence[Mapping[str, float]], said: str) -> Mapping[str, float] | None:
    """Find the first place whose likeliest tokens include a beginning of the answer."""
    answer = said.casefold()
    for tokens in places:
        starts = [token.strip(AROUND).casefold() for token in tokens]
        if any(start and answer.startswith(start) for start in starts):
            return tokens
    return None
