"""Expand a sweep into the runs it asks for, each with a checked configuration.

Combinations that differ only in `student.loss` become one run whose students of all those losses train together in
one batch; the tidy table has a row for each loss anyway. Nothing else is merged: `seed` draws splits, teachers and
students anew, so its runs train on other points; `student.seeds` is how many students each teacher and loss gets inside
a run, and its runs share features and teachers through the store.
"""

from __future__ import annotations

import hashlib
import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from outlearn.errors import ConfigError
from outlearn.experiment.config import Config
from outlearn.experiment.load_config import check_config, overlay
from outlearn.results.sweep import Value
from outlearn.store.store import canonical_json
from outlearn.sweep.sweep_file import Combination, SweepConfig

__all__ = ["LOSS_KEY", "Member", "expand", "value_text"]

LOSS_KEY = "student.loss"
MAX_LABEL_LENGTH = 60
MAX_PROBLEMS = 20


@dataclass(frozen=True)
class Member:
    """One run of a sweep.

    Attributes:
        label: the name of its folder: its values, and a hash of its configuration, which tells it from all others.
        config: its whole configuration.
        values: each varied key, but the loss, with its value: the columns of the tidy table. A column holds numbers, or
            texts.
    """

    label: str
    config: Config
    values: Mapping[str, Value]


def expand(sweep: SweepConfig) -> tuple[Member, ...]:
    """Build the members of a sweep, in the order of the file.

    Raises:
        ConfigError: with one line for each thing that is wrong, naming the key and the member; or if two combinations
            give the same configuration.

    Examples:
        >>> from outlearn.sweep.sweep_file import parse_sweep
        >>> grid = {"data.name": ["digits"], "seed": [0, 1], "student.loss": ["forward_ce", "mae"]}
        >>> [member.values for member in expand(parse_sweep({"grid": grid}))]
        [{'data.name': 'digits', 'seed': 0}, {'data.name': 'digits', 'seed': 1}]
    """
    combinations = list(_combinations(sweep))
    configs: list[Config] = []
    wrong: dict[str, list[str]] = {}
    for combination in combinations:
        given: dict[str, Any] = dict(sweep.base)
        for key, value in combination.items():
            given = _with_value(given, key, value)
        try:
            configs.append(check_config(given))
        except ConfigError as error:
            for line in str(error).splitlines():
                wrong.setdefault(line, []).append(_describe(combination))
    if wrong:
        others = [f" and {len(who) - 1} more" if len(who) > 1 else "" for who in wrong.values()]
        _refuse([f"{line} (member {who[0]}{more})" for (line, who), more in zip(wrong.items(), others, strict=True)])
    _refuse_duplicates(combinations, configs)
    return _members(sweep, _merge_losses(configs))


def value_text(value: Any) -> str:
    """Write a value of the configuration shortly, for a column of a table.

    Examples:
        >>> value_text({"kind": "hf", "model": "minilm"}), value_text({"path": "data/sst2.csv"}), value_text([1, 3])
        ('hf(model=minilm)', 'sst2', '1+3')
    """
    if isinstance(value, Mapping):
        given = {key: inner for key, inner in value.items() if inner is not None}
        if "name" in given or "path" in given:
            return str(given.get("name") or Path(str(given["path"])).stem)
        rest = ", ".join(f"{key}={value_text(inner)}" for key, inner in given.items() if key != "kind")
        return f"{given.get('kind', '')}({rest})" if rest else str(given.get("kind", "none"))
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "+".join(map(value_text, value))
    return "none" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _combinations(sweep: SweepConfig) -> Sequence[Combination]:
    grid = [dict(zip(sweep.grid, values, strict=True)) for values in itertools.product(*sweep.grid.values())]
    zipped = [dict(zip(sweep.zipped, values, strict=True)) for values in zip(*sweep.zipped.values(), strict=True)]
    return [
        {**crossed, **in_step, **named}
        for crossed, in_step, named in itertools.product(grid, zipped or [{}], sweep.listed or [{}])
    ]


def _with_value(given: Mapping[str, Any], key: str, value: Any) -> dict[str, Any]:
    """Lay one value over a configuration. Data come from one source, so a new one takes the place of the old one."""
    for part in reversed(key.split(".")):
        value = {part: value}
    data = given.get("data")
    source = value["data"] if isinstance(value.get("data"), Mapping) else {}
    if isinstance(data, Mapping) and {"name", "path"} & source.keys():
        given = {**given, "data": {k: v for k, v in data.items() if k not in ("name", "path")}}
    return overlay(given, value)


def _describe(combination: Combination) -> str:
    return ", ".join(f"{key}={value_text(value)}" for key, value in combination.items())


def _refuse(problems: list[str]) -> NoReturn:
    more = [f"and {len(problems) - MAX_PROBLEMS} more"] if len(problems) > MAX_PROBLEMS else []
    raise ConfigError("\n".join([*problems[:MAX_PROBLEMS], *more]))


def _refuse_duplicates(combinations: Sequence[Combination], configs: Sequence[Config]) -> None:
    first: dict[str, int] = {}
    twins = []
    for index, config in enumerate(configs):
        earlier = first.setdefault(canonical_json(config.model_dump(mode="json")), index)
        if earlier != index:
            twins.append(
                f"two members are the same run: ({_describe(combinations[earlier])}) and "
                f"({_describe(combinations[index])}); drop one"
            )
    if twins:
        _refuse(twins)


def _merge_losses(configs: Sequence[Config]) -> list[Config]:
    """Join configurations that are the same but for their losses; the order of first appearance stays."""
    groups: dict[str, list[Config]] = {}
    for config in configs:
        dump = config.model_dump(mode="json")
        del dump["student"]["loss"]
        groups.setdefault(canonical_json(dump), []).append(config)
    merged = []
    for first, *others in groups.values():
        losses = {canonical_json(spec): spec for config in (first, *others) for spec in config.student.loss}
        together = overlay(first.model_dump(mode="json"), {"student": {"loss": list(losses.values())}})
        merged.append(check_config(together) if others else first)
    return merged


def _members(sweep: SweepConfig, configs: Sequence[Config]) -> tuple[Member, ...]:
    keys = [key for key in sweep.keys if key != LOSS_KEY]
    columns = {key: _column([_look_up(config, key) for config in configs]) for key in keys}
    members = []
    for index, config in enumerate(configs):
        values = {key: column[index] for key, column in columns.items()}
        slug = re.sub(r"[^A-Za-z0-9._=]+", "-", "-".join(map(str, values.values())))[:MAX_LABEL_LENGTH].strip("-.")
        digest = hashlib.sha256(canonical_json(config.model_dump(mode="json")).encode()).hexdigest()[:8]
        members.append(Member(f"{slug}-{digest}" if slug else digest, config, values))
    return tuple(members)


def _column(values: Sequence[Any]) -> list[Value]:
    """Return a key's values as a column: numbers as they are, else the shortest texts that tell them apart."""
    if all(value is None or (isinstance(value, int | float) and not isinstance(value, bool)) for value in values):
        return list(values)
    different = list({canonical_json(value): value for value in values}.values())
    texts: dict[str, str] = {}
    for readings in (list(map(canonical_json, different)), list(map(value_text, different)), _short_names(different)):
        # A shorter text takes the place of a longer one where nothing else reads alike.
        texts |= {
            canonical_json(value): reading
            for value, reading in zip(different, readings, strict=True)
            if readings.count(reading) == 1
        }
    return [texts[canonical_json(value)] for value in values]


def _short_names(values: Sequence[Any]) -> list[str]:
    """Name mappings by their model or kind, with what sets those of one model apart.

    Examples:
        >>> minilm = {"kind": "hf", "model": "minilm"}
        >>> _short_names([minilm | {"layer": 2}, minilm, {"kind": "tfidf", "dims": 256}])
        ['minilm(layer=2)', 'minilm', 'tfidf']
    """
    models = [_model_text(value) for value in values]
    names = []
    for model, value in zip(models, values, strict=True):
        alike = [other for other, its in zip(values, models, strict=True) if its == model]
        if model is None or len(alike) == 1:
            names.append(model or value_text(value))
            continue
        keys = [key for key in value if key not in ("kind", "model")]
        apart = {key: value[key] for key in keys if any(other.get(key) != value[key] for other in alike)}
        names.append(value_text({"kind": model, **apart}))
    return names


def _model_text(value: Any) -> str | None:
    """Name the model of a mapping and what is done with it, or its kind where it has none; None for anything else."""
    if not isinstance(value, Mapping) or not (value.get("model") or value.get("kind")):
        return None
    kind, model = str(value.get("kind", "")), value.get("model")
    if not model:
        return kind
    name = value_text(model) if isinstance(model, list | tuple) else Path(str(model)).name
    return name if kind in ("", "hf") else f"{kind} {name}"  # an encoder reads, a learner prompts or fine-tunes


def _look_up(config: Config, key: str) -> Any:
    """Return the checked value at a dotted key; None where a mapping that is free in form lacks it."""
    value: Any = config.model_dump(mode="json")
    for part in key.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value
