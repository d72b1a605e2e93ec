"""The table of Bregman generators: what "how far is a prediction from the target" can mean.

A generator is one class and one line in `GENERATORS`; the contract tests run over every entry.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from types import MappingProxyType

from outlearn.core.generators.bregman_generator import BregmanGenerator
from outlearn.core.generators.logistic import BinaryEntropy, LogCosh, Softplus
from outlearn.core.generators.positive import Exponential, GeneralizedKL, ItakuraSaito
from outlearn.core.generators.quadratic import Mahalanobis, SquaredEuclidean
from outlearn.core.generators.simplex import LogSumExp, NegativeEntropy
from outlearn.errors import ConfigError, suggest

__all__ = ["GENERATORS", "BregmanGenerator", "get_generator"]

GENERATORS: dict[str, type[BregmanGenerator]] = {
    "squared_euclidean": SquaredEuclidean,
    "mahalanobis": Mahalanobis,
    "negative_entropy": NegativeEntropy,
    "binary_entropy": BinaryEntropy,
    "itakura_saito": ItakuraSaito,
    "generalized_kl": GeneralizedKL,
    "exponential": Exponential,
    "log_cosh": LogCosh,
    "softplus": Softplus,
    "logsumexp": LogSumExp,
}


def get_generator(name: str | BregmanGenerator, **params: object) -> BregmanGenerator:
    """Return the generator of that name; a generator is returned as it is.

    Args:
        name: a key of `GENERATORS`, or an instance, for one of your own.
        params: `matrix` for "mahalanobis"; the others have none.

    Returns:
        The generator.

    Raises:
        ConfigError: for a name that is not known, or parameters that the generator does not have or lacks.

    Examples:
        >>> get_generator("squared_euclidean")
        SquaredEuclidean()
        >>> get_generator("squared_euclidian")
        Traceback (most recent call last):
        outlearn.errors.ConfigError: generator is 'squared_euclidian'; known: ... Did you mean "squared_euclidean"?
    """
    if isinstance(name, BregmanGenerator):
        if params:
            raise ConfigError(f"a generator that is already built takes no parameters, got {', '.join(params)}.")
        return name
    if not isinstance(name, str) or name not in GENERATORS:
        raise ConfigError(f"generator is {name!r}; {suggest(name, GENERATORS)}")
    kind = GENERATORS[name]
    known = _parameters(kind)
    for key in params:
        if key not in known:
            allowed = f"it takes {', '.join(known)}" if known else "it takes none"
            raise ConfigError(f"generator {name!r} has no parameter {key!r}; {allowed}.")
    missing = [key for key in known if key not in params]
    if missing:
        raise ConfigError(f"generator {name!r} needs {missing[0]}: get_generator({name!r}, {missing[0]}=...).")
    return kind(**params)


def _parameters(kind: type[BregmanGenerator]) -> Mapping[str, inspect.Parameter]:
    return MappingProxyType(dict(inspect.signature(kind).parameters))
