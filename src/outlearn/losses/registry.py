"""The table of losses, and how a loss is named in a configuration, a cache key and a table.

`LOSSES` is a plain dict: a new loss is one line here. Three ways to write a loss lead to the same object: its name
with parameters, a mapping with `kind`, and the names that the first papers on the subject use.
"""

from __future__ import annotations

import re
from collections import ChainMap
from collections.abc import Mapping
from dataclasses import MISSING
from functools import cache

from outlearn.core.ranges import fields_of
from outlearn.errors import ConfigError, suggest
from outlearn.losses.aux_conf import AuxConf
from outlearn.losses.confidence import CACE, ConfidenceWindow
from outlearn.losses.cross_entropy import ForwardCE, ForwardKL, HardCE, ReverseCE, ReverseKL, SymmetricCE
from outlearn.losses.divergences import Hellinger, Jeffreys, JensenShannon, PearsonChi2, TotalVariation
from outlearn.losses.loss import Loss
from outlearn.losses.numbers import NUMBER_LOSSES
from outlearn.losses.regularised import Regularised
from outlearn.losses.robust import MAE, Brier, GeneralizedCE, Product

__all__ = ["LOSSES", "default_loss", "get_loss", "loss_config", "loss_name"]

LOSSES: dict[str, type[Loss]] = {
    each.name: each
    for each in (
        ForwardCE,
        HardCE,
        ForwardKL,
        ReverseCE,
        ReverseKL,
        SymmetricCE,
        CACE,
        AuxConf,
        MAE,
        GeneralizedCE,
        Brier,
        JensenShannon,
        Hellinger,
        TotalVariation,
        PearsonChi2,
        Jeffreys,
        Product,
        ConfidenceWindow,
        Regularised,
    )
}

# By name, those of classes and those of numbers.
EVERY: Mapping[str, type[Loss]] = ChainMap(LOSSES, {**NUMBER_LOSSES})

# Names in the paper's own code and in that of its predecessors.
ALIASES: dict[str, str] = {"bce": "forward_ce", "reverse_bce": "reverse_ce", "aux": "aux_conf", "kl": "forward_kl"}
_NUMBER = r"(\d+(?:\.\d+)?(?:e-?\d+)?)"
_PATTERNS = {
    "CACE_0.1": rf"CACE_{_NUMBER}",
    "Quan_CACE_5": rf"Quan_CACE_{_NUMBER}",
    "SL_a1_b0.1": rf"SL_a{_NUMBER}_b{_NUMBER}",
}


def get_loss(spec: object, /, **parameters: object) -> Loss:
    """Build a loss from its name and parameters, from a mapping with `kind`, or from a paper's own name for it.

    Papers' names: `bce`, `reverse_bce`, `aux`, `kl`, `reverse_kl`; `CACE_c`, a threshold of 0.5 + c on max t;
    `Quan_CACE_k`, the quantile k/10; `SL_a<alpha>_b<beta>`, the symmetric cross-entropy.

    Args:
        spec: a name, a mapping `{"kind": name, **parameters}`, or a loss (returned as it is).
        **parameters: the parameters of the loss; they may not repeat one that the spec already gives.

    Returns:
        The loss, its parameters checked.

    Raises:
        ConfigError: if the name or a parameter is unknown (with a suggestion), given twice, or out of range.

    Examples:
        >>> get_loss("cace", threshold=0.7)
        CACE(threshold=0.7, quantile=None, temperature=None, smoothing=0.0001)
        >>> get_loss("SL_a1_b0.5") == get_loss({"kind": "symmetric_ce", "beta": 0.5})
        True
    """
    if isinstance(spec, Loss):
        if parameters:
            raise ConfigError(f"got the loss {spec!r} and parameters {sorted(parameters)}; expected a name with them.")
        return spec
    if isinstance(spec, Mapping):
        if not isinstance(spec.get("kind"), str):
            raise ConfigError(f"the loss {dict(spec)!r} has no kind; expected a name as kind. {_known('')}")
        return get_loss(
            spec["kind"], **_given_once({str(k): v for k, v in spec.items() if k != "kind"}, parameters, spec)
        )
    if not isinstance(spec, str):
        raise ConfigError(f"loss is {spec!r}; expected a name or a mapping with kind. {_known(spec)}")
    name, given = _from_text(spec)
    if not given and not parameters and (plain := default_loss(EVERY[name])) is not None:
        return plain
    return _build(name, _given_once(given, parameters, spec))


def loss_config(loss: Loss) -> dict[str, object]:
    """Write a loss as plain data, every parameter included: for cache keys and results; `get_loss` reads it back.

    Examples:
        >>> loss_config(ReverseCE())
        {'kind': 'reverse_ce', 'smoothing': 0.0001}
    """
    config: dict[str, object] = {"kind": loss.name}
    for field in fields_of(type(loss)):
        value = getattr(loss, field.name)
        config[field.name] = loss_config(value) if isinstance(value, Loss) else value
    return config


def loss_name(loss: Loss) -> str:
    """Write a loss as short text for a table: its name, and the parameters that are not the defaults.

    Examples:
        >>> loss_name(ReverseCE()), loss_name(CACE(threshold=0.7)), loss_name(Regularised(ReverseCE(), entropy=0.5))
        ('reverse_ce', 'cace(threshold=0.7)', 'regularised(loss=reverse_ce, entropy=0.5)')
    """
    plain = default_loss(type(loss))
    default = {} if plain is None else loss_config(plain)
    parts = []
    for key, value in loss_config(loss).items():
        if key != "kind" and value is not None and (key not in default or value != default[key]):
            inner = getattr(loss, key)
            text = (
                loss_name(inner) if isinstance(inner, Loss) else f"{value:.6g}" if isinstance(value, float) else value
            )
            parts.append(f"{key}={text}")
    return loss.name + (f"({', '.join(parts)})" if parts else "")


@cache
def default_loss(kind: type[Loss]) -> Loss | None:
    """Build a loss with its default parameters; None if it has a parameter without one."""
    required = any(f.default is MISSING and f.default_factory is MISSING for f in fields_of(kind))
    return None if required else kind()


def _known(name: object) -> str:
    """Say which names are known, the closest first matched without case or underscores."""
    return suggest(str(name).lower(), [*EVERY, *ALIASES]) + f" Patterns such as: {', '.join(_PATTERNS)}."


def _given_once(given: dict[str, object], parameters: dict[str, object], spec: object) -> dict[str, object]:
    """Join what a spec gives with the parameters beside it."""
    if twice := sorted(given.keys() & parameters.keys()):
        raise ConfigError(f"{twice[0]} of the loss is given twice: by {spec!r} and as a parameter. Give it once.")
    return {**given, **parameters}


def _from_text(text: str) -> tuple[str, dict[str, object]]:
    """Read a name, an alias, or one of the papers' patterns."""
    name = ALIASES.get(text, text)
    if name in EVERY:
        return name, {}
    matches = {kind: re.fullmatch(pattern, text) for kind, pattern in _PATTERNS.items()}
    if match := matches["CACE_0.1"]:
        distance = float(match[1])
        if distance > 0.5:
            raise ConfigError(
                f"{text} is the paper's name, whose number is a bound on |t - 0.5| in [0, 0.5]. "
                f"For a threshold on max t write cace with threshold: {distance:g}."
            )
        return "cace", {"threshold": round(0.5 + distance, 12)}
    if match := matches["Quan_CACE_5"]:
        tenths = float(match[1])
        if tenths > 10.0:
            raise ConfigError(f"{text} asks for the quantile {tenths:g}/10; expected a number of tenths in [0, 10].")
        return "cace", {"quantile": tenths / 10.0}
    if match := matches["SL_a1_b0.1"]:
        return "symmetric_ce", {"alpha": float(match[1]), "beta": float(match[2])}
    several = f" Several are a list: [{text}]." if "," in text else ""
    raise ConfigError(f"loss {text!r} is unknown; {_known(text)}{several}")


def _build(name: str, parameters: dict[str, object]) -> Loss:
    """Construct a loss, after naming any parameter that it does not have."""
    kind = EVERY[name]
    types = {field.name: str(field.type) for field in fields_of(kind)}
    for key in parameters:
        if key not in types:
            known = suggest(key, types) if types else "it has no parameters."
            raise ConfigError(f"loss {name} has no parameter {key!r}; {known}")
    read = {key: get_loss(value) if "Loss" in types[key] else value for key, value in parameters.items()}
    return kind(**{key: kind.checked(key, value) for key, value in read.items()})
