"""Records of an annotation server are a table of labelers: users with gaps, and what a model suggested."""

from __future__ import annotations

import json

import pytest

from outlearn.errors import DataError
from outlearn.preflight_checks.doctor import diagnose


def record(i: int, answers: dict[str, str], suggested: str | None = None, question: str = "tone") -> dict:
    return {
        "id": f"r{i}",
        "status": "completed",
        "fields": {"text": f"what was said in number {i} of these"},
        "metadata": {},
        "suggestions": {} if suggested is None else {question: {"value": suggested, "score": 0.9, "agent": "m"}},
        "responses": {question: [{"value": value, "user_id": user} for user, value in answers.items()]},
    }


@pytest.fixture
def records() -> list[dict]:
    return [
        record(i, dict.fromkeys(("u1", "u2") if i % 3 else ("u1",), ("pos", "neg")[i % 2]), ("pos", "neg")[i % 2])
        for i in range(60)
    ]


def test_users_and_the_suggestion_are_labelers_with_gaps(records, tmp_path):
    path = tmp_path / "records.json"
    path.write_text(json.dumps(records))
    found = diagnose(path)
    assert {each.name: each.n_labels for each in found.labelers} == {"u1": 60, "u2": 40, "suggestion": 60}
    assert found.roles["texts"] == "text"


def test_two_questions_are_refused_by_name_and_one_of_them_is_read(records, tmp_path):
    path = tmp_path / "records.json"
    spam = record(0, {"u1": "yes"}, question="spam")["responses"]
    both = [{**each, "responses": each["responses"] | spam} for each in records]
    path.write_text(json.dumps(both))
    with pytest.raises(DataError, match=r"2 questions \(spam, tone\)\. Write the records with one of them"):
        diagnose(path)
    path.write_text(json.dumps(records))
    assert diagnose(path).labelers
