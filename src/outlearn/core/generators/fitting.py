"""Which generators fit numbers: the domain of each, as an error message that names one that would take the value."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from outlearn.core.generators import GENERATORS
from outlearn.core.generators.bregman_generator import BregmanGenerator
from outlearn.errors import DomainError

__all__ = ["NUMBER_GENERATORS", "check_domain", "fitting_generators"]

# Those of a number that are in use as a loss, from the narrowest domain to the widest.
NUMBER_GENERATORS = ("itakura_saito", "generalized_kl", "squared_euclidean")


def fitting_generators(values: Float[np.ndarray, "..."]) -> tuple[str, ...]:
    """List the generators whose domain holds all these numbers.

    Examples:
        >>> fitting_generators(np.array([0.0, 3.0]))
        ('generalized_kl', 'squared_euclidean')
    """
    return tuple(name for name in NUMBER_GENERATORS if bool(np.all(GENERATORS[name]().contains(values))))


def check_domain(
    generator: BregmanGenerator, values: Float[np.ndarray, "..."], argument: str, *, first: int = 0
) -> None:
    """Raise unless all numbers are in the domain of a generator; `first` is what the error counts rows from.

    Raises:
        DomainError: names the first that is not, and the generators that would take all of them.

    Examples:
        >>> check_domain(GENERATORS["generalized_kl"](), np.array([2.0, -1.0]), "target")
        Traceback (most recent call last):
        outlearn.errors.DomainError: generalized_kl needs finite numbers, at least 0; target[1] is -1. Numbers ...
    """
    inside = generator.contains(values)
    if inside.all():
        return
    where = tuple(int(i) for i in np.argwhere(~inside)[0])
    named = [first + where[0], *where[1:]]
    fit = fitting_generators(values)
    domain = generator.domain.partition(" (")[0]
    hint = f"Numbers like these fit {' or '.join(fit)}." if fit else "Drop or impute what is not finite."
    raise DomainError(f"{generator.name} needs {domain}; {argument}{named} is {values[where]:g}. {hint}")
