"""Read JSON: one object a line, or one array of objects; the answers of a language model's batch; annotated records."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, NoReturn

from outlearn.data.annotation_records import annotated_rows, are_annotated
from outlearn.data.input_errors import InputErrors
from outlearn.data.model_answers import is_batch, model_answers
from outlearn.data.raw_table import RawTable
from outlearn.data.text_files import read_text
from outlearn.data.wording import kind_of

__all__ = ["read_json"]

SURROGATE = re.compile("[\ud800-\udfff]")


def read_json(path: Path) -> RawTable:
    """Read JSON lines, one object a line, or one array of objects. A key that is absent is a missing value there.

    Raises:
        DataError: if a record is not a JSON object.
    """
    text = read_text(path)
    errors = InputErrors(str(path))
    try:
        whole = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        whole = None  # JSON lines are no value
    if isinstance(whole, dict) and "\n" in text.strip():
        errors.fail(f"is one object ({', '.join(whole)}); expected one object a line, or an array of objects.")
    if isinstance(whole, list) and any(isinstance(each, dict) for each in whole):
        errors.unit = "record"
        found = dict(enumerate(whole, start=1))
    else:
        found = _lines(text, errors)
    escapes = "\\ud" in text.lower()
    for number, record in found.items():
        if not isinstance(record, dict):
            errors.add(f"is a JSON {kind_of(record)}, expected an object. Write one object a line.", at=number)
        elif escapes and SURROGATE.search(json.dumps(record, ensure_ascii=False)):
            what = "half of a surrogate pair (\\ud800 to \\udfff), which is no character"
            errors.add(f"spells {what}. Remove it.", at=number)
    if not found and not errors:
        errors.add("holds only blank lines; expected at least one record.")
    errors.raise_if_any()
    return _table(path, list(found.values()), list(found), errors)


def _lines(text: str, errors: InputErrors) -> dict[int, Any]:
    """Read each line that is not blank as one value, by its number."""
    found = {}
    # Not splitlines(): JSON strings may hold U+2028 and other characters that it takes for ends of lines.
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            try:
                found[number] = json.loads(line, parse_constant=_refuse_constant)
            except (ValueError, RecursionError) as error:
                example = '{"text": ..., "label": ...}'
                errors.add(f"is not JSON ({error}). Write one object a line, such as {example}.", at=number)
    return found


def _refuse_constant(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON number")


def _table(path: Path, records: list[dict[str, Any]], positions: list[int], errors: InputErrors) -> RawTable:
    notes: tuple[str, ...] = ()
    if is_batch(records):
        answers = list(model_answers(records))
        records = [{"id": r["custom_id"], "answer": answer} for r, answer in zip(records, answers, strict=True)]
        notes = (f"{path} is the output of a batch: custom_id is the id, and the message's content the answer.",)
    elif are_annotated(records):
        records = annotated_rows(records, errors)
        notes = (f"{path} holds annotated records: each user is a labeler, and so is what was suggested.",)
    names = dict.fromkeys(key for record in records for key in record)
    columns = {name: [record.get(name) for record in records] for name in names}
    return RawTable(str(path), columns, positions, unit=errors.unit, notes=notes)
