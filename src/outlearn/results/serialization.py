"""Records to JSON and back: what every results.json of this package goes through.

A record that does not fit its type is a `DataError` that names the file, the field and what to do: nothing is guessed,
and no default stands for what is missing.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from outlearn.errors import DataError

__all__ = ["Record", "check_no_pipe", "read_json", "read_record", "read_text"]

Kind = TypeVar("Kind")


class Record(BaseModel):
    """Base of all results: frozen, and without unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True, populate_by_name=True)

    def to_json(self) -> dict[str, Any]:
        """Return plain data for `json.dump`; nan and None are null."""
        return self.model_dump(mode="json", by_alias=True)


def check_no_pipe(path: Path, *, again: str) -> None:
    """Refuse what may never end, or is not to be read at all; a file that is missing is left to who opens it.

    Raises:
        DataError: if it is a folder, a pipe or a device.
    """
    if path.exists() and not path.is_file():
        raise DataError(f"{str(path)!r} is no file but a folder, a pipe or a device. {again}")


def read_text(path: Path, *, again: str) -> str:
    """Read a text file of results; `again` is the sentence that says how to get a good one.

    Raises:
        DataError: if it is missing, cannot be read, or is a pipe or a device, which may never end.
    """
    check_no_pipe(path, again=again)
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise DataError(
            f"{str(path.parent)!r} has no {path.name}: it is not a folder of results, or its command did not end. "
            f"{again}"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(
            f"{str(path)!r} cannot be read: {getattr(error, 'strerror', None) or error}. {again}"
        ) from error


def read_json(path: Path, *, again: str) -> Any:
    """Read a JSON file; see `read_text`.

    Raises:
        DataError: also if it is not JSON; it names the line.
    """
    text = read_text(path, again=again)
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise DataError(f"{str(path)!r} is damaged at line {error.lineno}: {error.msg}. {again}") from error
    except (ValueError, RecursionError) as error:
        raise DataError(f"{str(path)!r} cannot be read: {error}. {again}") from error


def read_record(kind: type[Kind], content: Any, path: Path, *, schema: int, again: str) -> Kind:
    """Turn what `read_json` gave into a `Record`, or a dataclass, of this schema.

    Raises:
        DataError: if it is of another schema, or a field is missing, unknown or of another type; it names the field.
    """
    if not isinstance(content, dict) or "schema" not in content:
        raise DataError(f"{str(path)!r} holds no results of outlearn: it has no key 'schema'. {again}")
    if content["schema"] != schema:
        raise DataError(
            f"{str(path)!r} has schema {content['schema']!r}; this version reads schema {schema}. Install the outlearn "
            f"that wrote it ({content.get('outlearn', 'unknown')}). {again}"
        )
    try:
        return TypeAdapter(kind).validate_python(content)
    except ValidationError as refused:
        raise DataError(f"{str(path)!r}: {_first(refused)}. {again}") from None


def _first(refused: ValidationError) -> str:
    """Say of the first field that does not fit what is wrong with it."""
    error = refused.errors()[0]
    where = (
        ".".join(str(key) for key in error["loc"] if key != "scores") or "its content"
    )  # metrics stand beside fields
    match error["type"]:
        case "missing":
            return f"{where} is missing"
        case "extra_forbidden":
            return f"{where} is no field of these results"
        case "model_type":
            return f"{where} holds {error['input']!r:.60}, where an object belongs"
        case _:
            return f"{where}: {error['msg'].removeprefix('Value error, ')} (it holds {error['input']!r:.60})"
