"""Records of an annotation server, as Argilla writes them: texts in `fields`, the answers of users in `responses`.

A record has many users, so that each of them is a column of labels, and so is what a model suggested.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from outlearn.data.input_errors import InputErrors

__all__ = ["SUGGESTION", "annotated_rows", "are_annotated"]

SUGGESTION = "suggestion"  # the column of what a model suggested


def are_annotated(records: Sequence[Mapping[str, Any]]) -> bool:
    """Say whether every record has fields, and answers of users."""
    return all(isinstance(r.get("fields"), dict) and isinstance(r.get("responses"), dict) for r in records)


def annotated_rows(records: Sequence[Mapping[str, Any]], errors: InputErrors) -> list[dict[str, Any]]:
    """Write each record as one row: its id, its fields, and a column for each user and for what was suggested.

    Raises:
        DataError: if the users were asked several questions.

    Examples:
        >>> record = {"id": "a", "fields": {"text": "fine"}, "responses": {"tone": [{"value": "pos", "user_id": "u1"}]}}
        >>> annotated_rows([record], InputErrors("records.json"))
        [{'id': 'a', 'text': 'fine', 'u1': 'pos'}]
    """
    asked = sorted({question for record in records for question, answers in record["responses"].items() if answers})
    if len(asked) > 1:
        errors.fail(f"has answers to {len(asked)} questions ({', '.join(asked)}). Write the records with one of them.")
    rows = []
    for record in records:
        row = {"id": record.get("id"), **record["fields"]}
        for question in asked:
            row |= {str(answer["user_id"]): answer["value"] for answer in record["responses"].get(question) or ()}
            suggested = (record.get("suggestions") or {}).get(question)
            if suggested:
                row[SUGGESTION] = suggested["value"]
        rows.append(row)
    return rows
