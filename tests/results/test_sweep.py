"""The file of a sweep gives back what was written, or says which field is wrong and what to do."""

import json

import pytest

from outlearn.errors import DataError, StoreError
from outlearn.results.sweep import MemberRecord, SweepRecord, is_sweep, load_sweep, write_sweep


def member(label, status, cause=None, **values):
    return MemberRecord(label=label, values=values, status=status, cause=cause)


def record(*members):
    return SweepRecord(name="made up", keys=("seed", "student.encoder"), n_students=48, seconds=3.5, runs=members)


def content(**changes):
    """Return a sound file as plain data, with some changes."""
    run = {"label": "x", "values": {"seed": 0}, "status": "not run", "cause": None}
    sound = {"schema": 1, "name": "n", "keys": ["seed"], "n_students": 1, "seconds": 1.0, "runs": [run]}
    return json.dumps({**sound, **changes})


def test_what_was_written_is_read(tmp_path):
    given = record(
        member("a", "failed", "too few points", seed=0, encoder="tfidf"),
        member("b", "not run", seed=1.5, encoder=None),
    )
    write_sweep(tmp_path, given)
    assert is_sweep(tmp_path)
    found = load_sweep(tmp_path)
    assert found.record == given
    assert (found.name, found.keys, found.runs) == ("made up", ("seed", "student.encoder"), ())
    assert found.failed == {"a": "too few points"}
    assert found.missing == ("b",)
    stored = json.loads((tmp_path / "sweep.json").read_text())
    assert list(stored) == ["schema", "name", "keys", "ladder", "n_students", "seconds", "runs"]
    assert stored["runs"][1] == {
        "label": "b",
        "values": {"seed": 1.5, "encoder": None},
        "status": "not run",
        "cause": None,
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("not json", "is damaged at line 1"),
        (content()[:50], "is damaged at line 1"),
        ("[]", "no key 'schema'"),
        (content(schema=2), "has schema 2; this version reads schema 1"),
        (content(schema=0), "has schema 0; this version reads schema 1"),
        (content(n_students="many"), "n_students: "),
        (content(runs=[{"label": "x"}]), r"runs\.0\.values is missing"),
        (content(runs=[{"label": "x", "values": {}, "status": "lost", "cause": None}]), r"runs\.0\.status: "),
        (content(more=1), "more is no field"),
        (
            content(runs=[{"label": "../x", "values": {}, "status": "finished", "cause": None}]),
            r"runs\.0: the label '\.\./x' is no name of a folder",
        ),
    ],
)
def test_a_file_that_does_not_fit_names_file_field_and_remedy(tmp_path, text, message):
    (tmp_path / "sweep.json").write_text(text)
    with pytest.raises(DataError, match=message) as caught:
        load_sweep(tmp_path)
    assert str(tmp_path / "sweep.json") in str(caught.value)
    assert "Give `outlearn sweep` again" in str(caught.value)


def test_a_folder_without_the_file_or_without_a_run_that_it_names_is_refused(tmp_path):
    assert not is_sweep(tmp_path)
    with pytest.raises(DataError, match=r"no sweep\.json"):
        load_sweep(tmp_path)
    write_sweep(tmp_path, record(member("a", "finished")))
    with pytest.raises(DataError, match=r"runs/a"):
        load_sweep(tmp_path)


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    with pytest.raises(StoreError, match=r"nowhere/sweep\.json"):
        write_sweep(tmp_path / "nowhere", record())
