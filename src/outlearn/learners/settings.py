"""A section of a configuration: unknown keys are errors, values do not change, and mean what they say."""

from __future__ import annotations

from datetime import date
from functools import cache
from typing import Any, get_args

from pydantic import BaseModel, ConfigDict, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

__all__ = ["Settings"]


class Settings(BaseModel):
    """Keys with types; pydantic would read true as the number 1."""

    # Defaults are validated too: 20 for a float is 20.0 in every configuration, so that keys do not depend on its way.
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, validate_default=True)

    @field_validator("*", mode="before")
    @classmethod
    def _of_one_meaning(cls, value: Any, info: ValidationInfo) -> Any:
        known = _types_of(cls, str(info.field_name))
        if isinstance(value, bool) and known & {int, float} and bool not in known:
            raise PydanticCustomError("switch", "input should be a number, not true or false")
        if isinstance(value, bool | int | float | date) and str in known and known <= {str, type(None)}:
            raise PydanticCustomError("no_text", "input should be text; put it in quotes: '...'")
        return value


@cache
def _types_of(section: type[Settings], key: str) -> frozenset[Any]:
    return frozenset(_types(section.model_fields[key].annotation))


def _types(annotation: Any) -> set[Any]:
    """Return the plain types that an annotation names at its top: those of a union, what Annotated stands around."""
    metadata = getattr(annotation, "__metadata__", None)
    if metadata is not None:
        return _types(annotation.__origin__)
    parts = get_args(annotation)
    return {annotation} if isinstance(annotation, type) and not parts else set().union(*map(_types, parts))
