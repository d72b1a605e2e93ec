"""Read a sweep file: a base configuration, and what varies around it.

`grid` crosses its keys, `zip` walks its keys in step, `list` names combinations one by one; where several are given,
they are crossed with each other. Keys are dotted, as in `--set`. What the values mean is checked in `expansion`, by
the rules of a run's configuration; here the file's own form is.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel

from outlearn.errors import ConfigError, suggest
from outlearn.experiment.config import Config
from outlearn.experiment.load_config import PRESETS, read_yaml
from outlearn.store.store import canonical_json

__all__ = ["MAX_MEMBERS", "SweepConfig", "parse_sweep", "read_sweep"]

KEYS = ("name", "base", "grid", "zip", "list", "ladder")
# A slip of the hand in a grid multiplies: this many runs are refused before any of them is built.
MAX_MEMBERS = 10_000

Combination = Mapping[str, Any]


@dataclass(frozen=True)
class SweepConfig:
    """A checked sweep file.

    Attributes:
        name: of the sweep.
        base: the configuration that all members share, as a run's file would give it.
        grid: dotted key -> its values; every combination is a member.
        zipped: dotted key -> its values, all of one length; the i-th of each go together.
        listed: combinations named one by one.
        ladder: the varied key whose values are listed from the smallest student to the largest; None where none are.
    """

    name: str
    base: Mapping[str, Any]
    grid: Mapping[str, tuple[Any, ...]]
    zipped: Mapping[str, tuple[Any, ...]]
    listed: tuple[Combination, ...]
    ladder: str | None = None

    @property
    def n_members(self) -> int:
        """Return the number of combinations, without building them."""
        steps = [len(values) for values in self.grid.values()]
        steps += [len(next(iter(self.zipped.values())))] if self.zipped else []
        steps += [len(self.listed)] if self.listed else []
        return math.prod(steps)

    @property
    def keys(self) -> tuple[str, ...]:
        """Return every key that varies, in the order of the file."""
        listed = [key for combination in self.listed for key in combination]
        return tuple(dict.fromkeys([*self.grid, *self.zipped, *listed]))

    @property
    def default_folder(self) -> Path:
        """Return `runs/NAME`: the same for the same sweep, so that the same command goes on where it was."""
        return Path("runs") / (re.sub(r"[^A-Za-z0-9._-]+", "-", self.name).strip("-.") or "sweep")

    def to_yaml(self) -> str:
        """Write the sweep; reading this gives it again."""
        content: dict[str, Any] = {"name": self.name, "base": dict(self.base)}
        if self.grid:
            content["grid"] = {key: list(values) for key, values in self.grid.items()}
        if self.zipped:
            content["zip"] = {key: list(values) for key, values in self.zipped.items()}
        if self.listed:
            content["list"] = [dict(combination) for combination in self.listed]
        if self.ladder:
            content["ladder"] = self.ladder
        return yaml.safe_dump(content, sort_keys=False)


def read_sweep(path: str | Path) -> SweepConfig:
    """Read a sweep file; its members' configurations are not checked yet, see `expand`.

    It is YAML with `base` (a mapping, the path of a run's configuration, relative to this file, or the name of a
    preset), at least one of `grid`, `zip` and `list`, and optional `name` and `ladder`.

    Raises:
        ConfigError: with one line for each thing that is wrong.
    """
    path = Path(path)
    return parse_sweep(read_yaml(path), name=path.stem, folder=path.parent)


def parse_sweep(raw: Mapping[str, Any], *, name: str = "sweep", folder: Path = Path()) -> SweepConfig:
    """Check the content of a sweep file: `name` serves if it gives none, and a path in `base` starts at `folder`.

    Raises:
        ConfigError: with one line for each thing that is wrong.

    Examples:
        >>> parse_sweep({"grid": {"seed": [0, 1, 2], "teacher.labels": [50, 100]}}).n_members
        6
    """
    problems = [f"{key} is no key of a sweep; {suggest(key, KEYS)}" for key in raw if key not in KEYS]
    named = raw.get("name", name)
    if not isinstance(named, str) or not named.strip():
        problems.append(f"name is {named!r}; expected a text")
    grid = _columns(raw.get("grid"), "grid", problems)
    zipped = _columns(raw.get("zip"), "zip", problems)
    listed = _rows(raw.get("list"), problems)
    lengths = {key: len(values) for key, values in zipped.items()}
    if len(set(lengths.values())) > 1:
        said = ", ".join(f"{key} has {length}" for key, length in lengths.items())
        problems.append(f"zip walks its keys in step, so all need as many values: {said}")
    problems += _overlaps(grid, zipped, listed)
    base = _base(raw.get("base", {}), folder, problems)
    sweep = SweepConfig(str(named), base, grid, zipped, listed, _ladder(raw.get("ladder"), [*grid, *zipped], problems))
    if not problems and not sweep.keys:
        problems.append("nothing varies; give grid: {key: [values]}, zip or list, or use `outlearn run`")
    if not problems and sweep.n_members > MAX_MEMBERS:
        steps = " × ".join(f"{len(values)} ({key})" for key, values in grid.items())
        problems.append(
            f"the sweep has {sweep.n_members:,} members, more than {MAX_MEMBERS:,}; split it. Grid: {steps or 'none'}"
        )
    if problems:
        raise ConfigError("\n".join(problems))
    return sweep


def _columns(given: Any, where: str, problems: list[str]) -> dict[str, tuple[Any, ...]]:
    """Read dotted keys with lists of values."""
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        problems.append(f"{where} is {given!r}; expected dotted keys with lists of values, such as {{seed: [0, 1]}}")
        return {}
    columns = {}
    for key, values in given.items():
        if not _is_key(key, where, problems):
            continue
        if not isinstance(values, Sequence) or isinstance(values, str) or not values:
            problems.append(f"{where}.{key} is {values!r}; expected a list of values, such as [0, 1]")
            continue
        # In a zip a value may come again beside another one.
        twice = _repeated(values) if where == "grid" else None
        if twice is not None:
            problems.append(f"{where}.{key} lists {twice} twice")
        columns[key] = tuple(values)
    return columns


def _rows(given: Any, problems: list[str]) -> tuple[Combination, ...]:
    """Read combinations; a section given as a nested mapping is the same as its dotted keys."""
    if given is None:
        return ()
    if not isinstance(given, Sequence) or isinstance(given, str) or not given:
        problems.append(f"list is {given!r}; expected a list of mappings, such as [{{seed: 0, teacher.labels: 50}}]")
        return ()
    rows = []
    for index, combination in enumerate(given):
        if not isinstance(combination, Mapping) or not combination:
            problems.append(f"list[{index}] is {combination!r}; expected dotted keys with values")
            continue
        row: dict[str, Any] = {}
        for key, value in combination.items():
            if _is_key(key, f"list[{index}]", problems):
                row |= {f"{key}.{inner}": v for inner, v in value.items()} if _opens(key, value) else {key: value}
        rows.append(row)
    return tuple(rows)


def _opens(key: str, value: Any) -> bool:
    """Say whether a mapping is a section of the configuration; `data` stays whole, as the choice of one source."""
    field = Config.model_fields.get(key)
    is_section = field is not None and isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)
    return is_section and key != "data" and isinstance(value, Mapping) and all(isinstance(k, str) for k in value)


def _is_key(key: Any, where: str, problems: list[str]) -> bool:
    if isinstance(key, str) and all(key.split(".")):
        return True
    problems.append(f"{where} has the key {key!r}; expected a dotted key of a run's configuration, as teacher.labels")
    return False


def _repeated(values: Sequence[Any]) -> str | None:
    """Return the first value that stands twice in a list."""
    seen = set()
    for value in values:
        try:
            written = canonical_json(value)
        except (TypeError, ValueError):  # a date, or infinity: the configuration's own check names it
            continue
        if written in seen:
            return repr(value)
        seen.add(written)
    return None


def _ladder(given: Any, keys: Sequence[str], problems: list[str]) -> str | None:
    """Read the key whose values stand in the order of students' size."""
    if given is None:
        return None
    steps = [key for key in keys if key.split(".")[0] == "student"]
    if given not in steps:
        known = f"those are: {', '.join(steps)}" if steps else "there is none"
        problems.append(f"ladder is {given!r}; expected a key of student that grid or zip varies; {known}")
        return None
    return str(given)


def _overlaps(grid: Mapping[str, Any], zipped: Mapping[str, Any], listed: Sequence[Combination]) -> list[str]:
    """Name keys that two parts of the file vary, and keys inside one another: which one counts would be a guess."""
    parts = [("grid", key) for key in grid] + [("zip", key) for key in zipped]
    parts += [("list", key) for key in dict.fromkeys(key for row in listed for key in row)]
    problems = []
    for i, (where, key) in enumerate(parts):
        for other_where, other in parts[:i]:
            if key == other:
                problems.append(f"{key} is varied by {other_where} and by {where}; keep one")
            elif f"{key}.".startswith(f"{other}.") or f"{other}.".startswith(f"{key}."):
                outer, inner = sorted((key, other), key=len)
                problems.append(f"{inner} lies inside {outer}, and both vary; vary one of them")
    return problems


def _base(given: Any, folder: Path, problems: list[str]) -> dict[str, Any]:
    """Return the base as a run's file would give it."""
    if isinstance(given, Mapping):
        return dict(given)
    if not isinstance(given, str):
        problems.append(f"base is {given!r}; expected a mapping, a path, or a preset: {', '.join(PRESETS)}")
        return {}
    if given in PRESETS:
        # What a preset holds is laid below every member by its data; the built-in tasks' presets bear their names.
        return {} if given in ("arrays", "text") else {"data": {"name": given}}
    try:
        return read_yaml(folder / given)
    except ConfigError as error:
        hint = suggest(given, PRESETS) if not given.endswith((".yaml", ".yml")) else ""
        problems.append(f"base: {error}{f'. As a preset: {hint}' if hint else ''}")
        return {}
