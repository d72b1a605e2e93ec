"""Run theory experiments by name, with settings as a command line gives them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any

from outlearn.blas_threads import one_blas_thread
from outlearn.errors import ConfigError, suggest
from outlearn.progress import Progress, Silent
from outlearn.results.theory import TheoryResult
from outlearn.theory.experiments import EXPERIMENTS, Experiment
from outlearn.theory.settings import settings_from_strings

__all__ = ["ALL", "run_theory"]

ALL = "all"


def run_theory(
    name: str,
    settings: Mapping[str, Any] | None = None,
    *,
    seed: int = 0,
    experiments: Mapping[str, Experiment] = EXPERIMENTS,
    progress: Progress | None = None,
    on_result: Callable[[TheoryResult], None] | None = None,
) -> tuple[TheoryResult, ...]:
    """Run one experiment, or all.

    Args:
        name: of `experiments`, or "all".
        settings: key -> text, number or list of numbers. For "all", a key goes to every experiment that has it; a
            mapping under an experiment's name, `{"ridge": {"draws": "100"}}`, goes to that one alone.
        seed: of every experiment.
        experiments: the table to choose from; those on real data are in `outlearn.theory_on_data`.
        progress: where to report.
        on_result: called with each result as soon as it is there.

    Returns:
        The results, in the order of `experiments`.

    Raises:
        ConfigError: for an unknown name or setting, or a value that is not allowed; before anything runs.
        DataError: if files that the settings name cannot be read.
    """
    if name != ALL and name not in experiments:
        raise ConfigError(f"there is no theory experiment {name!r}; {suggest(name, [*experiments, ALL])}")
    if seed < 0:
        raise ConfigError(f"seed is {seed}; it must be at least 0")
    table = experiments if name == ALL else {name: experiments[name]}
    chosen = _settings_of(table, settings or {})
    results = []
    with one_blas_thread():  # the matrices are small
        for each, values in chosen.items():
            with (progress or Silent()).bar(f"theory {each}") as advance:

                def step(done: float) -> None:
                    if advance is not None:
                        advance(round(100 * done), 100)

                results.append(table[each].run(values, seed=seed, progress=step))
            if on_result is not None:
                on_result(results[-1])
    return tuple(results)


def _settings_of(chosen: Mapping[str, Experiment], settings: Mapping[str, Any]) -> dict[str, Any]:
    """Give each experiment the settings that are its own, and complain about those that are nobody's."""
    known = {name: [field.name for field in fields(each.settings)] for name, each in chosen.items()}
    given: dict[str, dict[str, str]] = {name: {} for name in chosen}
    for key, value in settings.items():
        if isinstance(value, Mapping):
            if key not in given:
                raise ConfigError(
                    f"there is no experiment {key!r} here to set {', '.join(value)} of; {suggest(key, given)}"
                )
            given[key].update({name: _text(f"{key}.{name}", item) for name, item in value.items()})
            continue
        owners = [name for name in chosen if key in known[name]]
        if not owners:
            every = {field for names in known.values() for field in names}
            raise ConfigError(f"there is no setting {key!r} of {', '.join(chosen)}; {suggest(key, every)}")
        for name in owners:
            given[name][key] = _text(key, value)
    return {name: settings_from_strings(chosen[name].settings, values) for name, values in given.items()}


def _text(key: str, value: Any) -> str:
    if isinstance(value, list | tuple):
        return ",".join(_text(key, item) for item in value)
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ConfigError(f"{key} is {value!r}; expected a number, text, or numbers with commas between them")
    return value if isinstance(value, str) else repr(value)
