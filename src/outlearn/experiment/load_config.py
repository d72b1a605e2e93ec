"""Read a configuration: a preset, overlaid with the user's file, overlaid with `--set`.

All that is wrong is reported at once, one line a key: what was got, what is allowed, and the closest known name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from datetime import date
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from outlearn.core.yaml_text import LARGEST_YAML, parse_yaml
from outlearn.data.formats import FORMATS, Format, format_of
from outlearn.data.label_columns import LabelColumns
from outlearn.data.load import DATASETS, Dataset
from outlearn.data.saved_datasets import is_saved_dataset
from outlearn.data.split_folders import split_files
from outlearn.data.wording import shortened
from outlearn.errors import ConfigError, suggest
from outlearn.experiment.config import Config
from outlearn.experiment.kind_rules import kind_of
from outlearn.experiment.table_columns import named_columns, with_columns_found
from outlearn.learners.registry import LEARNERS

__all__ = ["PRESETS", "check_config", "load_config", "overlay", "parse_overrides", "read_yaml"]

DEFAULT_DATASET = "vader-lexicon"  # works offline
PRESETS = (
    "arrays", "arrays-numbers", "diabetes", "digits", "text", "text-numbers", "vader-intensity", "vader-lexicon",
    "vader-valence",
)  # fmt: skip


def load_config(
    source: str | Path | Mapping[str, Any] | None = None,
    overrides: Sequence[str] = (),
    *,
    columns: LabelColumns | None = None,
) -> Config:
    """Read a configuration: the preset that fits the data, the user's file, then `key=value` overrides.

    Of a table, the columns that are not named are found by their names and values; a warning says which.

    Args:
        source: a YAML file, or what one would hold; or a table or folder of data, as `data.path`; or None for the
            offline default (vader-lexicon).
        overrides: `dotted.key=value`, the value read as YAML.
        columns: of the table, for `data.*_column` and `data.labelers`.

    Returns:
        The checked configuration.

    Raises:
        ConfigError: with one line for each thing that is wrong.
        DataError: if it cannot be told which column of the table is what.

    Examples:
        >>> load_config(overrides=["data.name=digits", "student.seeds=2"]).student.seeds
        2
        >>> load_config({"data": {"name": "digits"}}).data.name
        'digits'
    """
    given: dict[str, Any] = {}
    path = None if source is None or isinstance(source, Mapping) else Path(source)
    is_table = path is not None and (format_of(path) is not None or bool(split_files(path)))
    if isinstance(source, Mapping):
        given = _plain(source)
    elif path is not None:
        given = {"data": {"path": str(path)}} if is_table or is_saved_dataset(path) else read_yaml(path)
    given = overlay(given, parse_overrides(overrides))
    if columns is not None:
        given = overlay(given, {"data": named_columns(columns)})
    if path is None or is_table:
        given = with_columns_found(given)
    return check_config(given)


def _plain(given: Mapping[str, Any]) -> dict[str, Any]:
    """Copy a mapping and those inside as dictionaries, and paths as text: what YAML would give."""
    return {
        str(key): _plain(value) if isinstance(value, Mapping) else str(value) if isinstance(value, Path) else value
        for key, value in given.items()
    }


def check_config(given: Mapping[str, Any]) -> Config:
    """Lay what was given over the preset that fits its data, and check it.

    Raises:
        ConfigError: with one line for each thing that is wrong.
    """
    raw = overlay(_preset(given.get("data")), given)
    if isinstance(teacher := given.get("teacher"), dict) and "labels" in teacher and "sizes" not in teacher:
        raw["teacher"] = overlay(raw["teacher"], {"sizes": "exact"})  # who names a number means it
    for who in ("teacher", "student"):
        _drop_unasked_encoder(raw.get(who), given.get(who))
    try:
        return Config.model_validate(raw)
    except ValidationError as error:
        raise ConfigError("\n".join(_explain(error))) from None


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a file of keys and values."""
    if path.is_dir():
        raise ConfigError(f"the configuration {str(path)!r} is a folder; give a YAML file")
    if path.exists() and not path.is_file():
        raise ConfigError(f"the configuration {str(path)!r} is a pipe or a device; give a YAML file")
    try:
        with path.open("rb") as file:
            content = parse_yaml(file.read(LARGEST_YAML + 1).decode("utf-8"))
    except OSError as error:
        raise ConfigError(f"the configuration {str(path)!r} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"the configuration {str(path)!r} is not UTF-8 at byte {error.start}; save it as UTF-8"
        ) from None
    except ValueError as error:
        raise ConfigError(f"the configuration {str(path)!r} {error}") from None
    if content is None:
        raise ConfigError(f"the configuration {str(path)!r} is empty; leave it out to run the offline default")
    if not isinstance(content, dict):
        raise ConfigError(f"the configuration {str(path)!r} must be keys and values, got {content!r:.60}")
    return content


def parse_overrides(overrides: Sequence[str]) -> dict[str, Any]:
    parsed: dict[str, Any] = {}
    for text in overrides:
        key, equals, value = text.partition("=")
        if not equals or not all(key.split(".")):
            raise ConfigError(f"--set {text!r} is not of the form key=value, such as student.seeds=5")
        try:
            branch: dict[str, Any] = {key.split(".")[-1]: parse_yaml(value)}
        except ValueError as error:
            shown = value if len(value) <= 60 else f"{value[:60]}..."
            raise ConfigError(f"--set {key}: the value {shown!r} {error}") from None
        for part in reversed(key.split(".")[:-1]):
            branch = {part: branch}
        parsed = overlay(parsed, branch)
    return parsed


def overlay(base: Mapping[str, Any], top: Mapping[str, Any]) -> dict[str, Any]:
    """Lay `top` over `base`, mapping by mapping. A mapping of another `kind` replaces the whole of what it covers."""
    merged = dict(base)
    for key, value in top.items():
        below = merged.get(key)
        if (
            isinstance(below, dict)
            and isinstance(value, dict)
            and value.get("kind", below.get("kind")) == below.get("kind")
        ):
            merged[key] = overlay(below, value)
        else:
            merged[key] = value
    return merged


def _preset(data: Any) -> dict[str, Any]:
    """Choose the defaults by the data alone: built-in tasks have their own, files go by what they hold."""
    data = data if isinstance(data, dict) else {}
    name, path, format = data.get("name"), data.get("path"), data.get("format")
    found: Format | Dataset | None
    if path is not None:
        found = FORMATS.get(str(format)) if format is not None else format_of(Path(str(path)))
    else:
        found = DATASETS.get(DEFAULT_DATASET if name is None else str(name))
    preset = "text" if found is None else found.preset
    if kind_of(data).numeric and not isinstance(found, Dataset):
        preset += "-numbers"
    return deepcopy(_read_preset(preset))


@cache
def _read_preset(name: str) -> dict[str, Any]:
    text = (files("outlearn.experiment") / "presets" / f"{name}.yaml").read_text(encoding="utf-8")
    return yaml.safe_load(text)


def _drop_unasked_encoder(section: Any, given: Any) -> None:
    """Leave out the preset's encoder where the learner has no use for one; one that the user gave stays: an error."""
    if not (isinstance(section, dict) and isinstance(given, dict)) or "encoder" in given:
        return
    learner = section.get("learner")
    kind = LEARNERS.get(str(learner.get("kind"))) if isinstance(learner, dict) else None
    if kind is not None and kind.reads == "texts":
        section.pop("encoder", None)


def _explain(error: ValidationError) -> list[str]:
    """Turn each of pydantic's findings into lines that name the key, what came, what is allowed."""
    lines = []
    for finding in error.errors(include_url=False):
        place = [str(part) for part in finding["loc"]]
        key = ".".join(place) or "the configuration"
        if finding["type"] in ("extra_forbidden", "unexpected_keyword_argument"):
            lines.append(f"{key} is no key; {suggest(place[-1], _keys_beside(place))}")
        elif finding["type"] == "value_error":
            # A rule between sections names its keys itself.
            said = str(finding["ctx"]["error"]).splitlines()
            lines += [f"{key}: {line}" for line in said] if place else said
        else:
            came = finding["input"]
            shown = str(came) if isinstance(came, date) else shortened(came)
            lines.append(f"{key} is {shown}; {finding['msg'][0].lower()}{finding['msg'][1:]}")
    return lines


def _keys_beside(place: Sequence[str]) -> list[str]:
    """List the keys that are allowed where an unknown key stood."""
    section: Any = Config
    for part in place[:-1]:
        annotation = section.model_fields[part].annotation if part in section.model_fields else None
        if part == "learner":
            return sorted({name for learner in LEARNERS.values() for name in learner.model_fields})
        if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
            return []
        section = annotation
    return list(section.model_fields)
