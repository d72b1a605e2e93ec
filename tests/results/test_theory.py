"""Claims can fail, in each of their three ways; results are frozen, and their file gives them back or says why not."""

import json
import math

import numpy as np
import pytest

from outlearn.errors import DataError, DomainError, ShapeError, StoreError
from outlearn.results.theory import Claim, TheoryResult, is_theory, read_theory, write_theory


def claim(measured, predicted, statistic, tolerance, error=None):
    return Claim(
        text="a claim",
        measured=measured,
        predicted=predicted,
        statistic=statistic,
        tolerance=tolerance,
        standard_error=error,
    )


@pytest.mark.parametrize(
    ("arguments", "agrees"),
    [
        ((1.4, 1.0, "z", 4.5, 0.1), True),
        ((1.5, 1.0, "z", 4.5, 0.1), False),
        ((0.5, 1.0, "z", 4.5, 0.1), False),
        ((1.04, 1.0, "relative error", 0.05), True),
        ((1.06, 1.0, "relative error", 0.05), False),
        ((-1.0, -1.01, "relative error", 0.05), True),
        ((1e-12, 0.0, "relative error", 1e-9), True),
        ((1e-3, 0.0, "relative error", 1e-9), False),
        ((2.0, 1.0, "sign", 0.0), True),
        ((-2.0, 1.0, "sign", 0.0), False),
        ((-2.0, -1.0, "sign", 0.0), True),
        ((2.0, 1.0, "sign", 4.5, 0.1), True),
        ((0.2, 1.0, "sign", 4.5, 0.1), False),
        ((-1e-12, 1.0, "sign", -1e-9), True),
        ((math.nan, 1.0, "sign", 0.0), False),
        ((math.nan, 1.0, "z", 4.5, 0.1), False),
        ((1.0, 1.0, "z", 4.5, math.nan), False),
        ((math.inf, 1.0, "relative error", 0.05), False),
        ((math.inf, 1.0, "sign", 0.0), False),
        ((1.1, 1.0, "z", 4.5, 0.0), False),
    ],
)
def test_a_claim_agrees_iff_its_score_is_within_the_tolerance(arguments, agrees):
    assert claim(*arguments).agrees is agrees


def test_a_z_claim_needs_a_standard_error_and_a_known_statistic():
    with pytest.raises(DomainError, match="standard_error"):
        claim(1.0, 1.0, "z", 4.5)


def result(*claims, **changes):
    curves = {"c": {"x": np.arange(2), "y": np.array([1.0, np.inf]), "name": np.array(["a", "b"])}}
    given = {"name": "x", "description": "an example", "curves": curves, "settings": {"draws": 30}, "seed": 3}
    return TheoryResult(claims=claims, **{**given, **changes})


def test_one_failing_claim_fails_a_result_and_curves_are_frozen():
    good, bad = claim(1.0, 1.0, "relative error", 0.1), claim(math.nan, 1.0, "relative error", 0.1)
    assert result(good).agrees
    assert not result(good, bad).agrees
    with pytest.raises(ValueError, match="read-only"):
        result().curves["c"]["y"][0] = 5
    with pytest.raises(ShapeError, match="one length"):
        result(curves={"c": {"x": np.arange(2), "y": np.arange(3)}})


def test_a_file_is_plain_json_and_gives_the_results_back(tmp_path):
    claims = (
        claim(1.0, 1.0, "relative error", 0.1),
        claim(math.nan, 1.0, "relative error", 0.1),
        claim(1.0, 1.0, "z", 4.5, math.nan),
        claim(2.0, 1.0, "sign", 1.5, 1.0),
        claim(math.inf, 1.0, "sign", 0.0),
    )
    given = (result(*claims, notes=("a note",)), result(name="y"))
    write_theory(given, tmp_path / "new" / "folder")
    text = (tmp_path / "new" / "folder" / "results.json").read_text()
    content = json.loads(text, parse_constant=pytest.fail)
    first = content["experiments"][0]
    assert first["curves"]["c"] == {"x": [0, 1], "y": [1.0, None], "name": ["a", "b"]}
    assert [each["agrees"] for each in first["claims"]] == [True, False, False, True, False]
    assert first["claims"][1]["measured"] is None
    assert content["agrees"] is False

    found = read_theory(tmp_path / "new" / "folder")
    assert is_theory(tmp_path / "new" / "folder")
    assert [each.name for each in found] == ["x", "y"]
    for before, after in zip(given, found, strict=True):
        assert (before.description, before.settings, before.seed, before.notes) == (
            after.description,
            after.settings,
            after.seed,
            after.notes,
        )
        assert [each.agrees for each in before.claims] == [each.agrees for each in after.claims]
        assert [each.text for each in before.claims] == [each.text for each in after.claims]
    assert found[0].claims[0] == claims[0]
    assert found[0].claims[3] == claims[3]
    assert found[0].curves["c"]["x"].dtype.kind == "i"
    np.testing.assert_array_equal(found[0].curves["c"]["y"], [1.0, np.nan])
    assert found[0].curves["c"]["name"].tolist() == ["a", "b"]


def damaged(change):
    """Return the text of a file of results after a change to its content."""
    content = {
        "schema": 2,
        "kind": "theory",
        "agrees": True,
        "experiments": [
            {
                "name": "x",
                "description": "d",
                "seed": 0,
                "settings": {},
                "claims": [{"text": "t", "measured": 1, "predicted": 1, "statistic": "z", "tolerance": 1}],
                "curves": {"c": {"x": [1, 2], "y": [1, 2]}},
            }
        ],
    }
    content["experiments"][0]["claims"][0]["standard_error"] = 1
    change(content)
    return json.dumps(content)


def first_claim(content):
    return content["experiments"][0]["claims"][0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"schema": 2, "kind": "the', "results.json' is damaged at line 1"),
        ("[]", "holds other results than those of theory"),
        ('{"schema": 2, "config_key": "a"}', "holds other results than those of theory"),
        ('{"schema": 2, "kind": "preflight"}', "holds other results than those of theory"),
        (
            '{"schema": 1, "name": "all", "agrees": true, "experiments": []}',
            "has schema 1; this version reads schema 2",
        ),
        (damaged(lambda c: c.update(schema=1)), "has schema 1; this version reads schema 2"),
        (damaged(lambda c: c.update(schema=3)), "has schema 3; this version reads schema 2"),
        (damaged(lambda c: c.update(experiments=[])), "experiments: "),
        (damaged(lambda c: first_claim(c).pop("measured")), r"experiments\.0\.claims\.0\.measured is missing"),
        (damaged(lambda c: first_claim(c).update(statistic="t")), r"claims\.0\.statistic: "),
        (damaged(lambda c: first_claim(c).pop("standard_error")), "has no standard_error"),
        (damaged(lambda c: c["experiments"][0]["curves"]["c"].update(x=[1])), "one length"),
        (damaged(lambda c: c["experiments"][0]["curves"]["c"].update(x="1")), r"curves\.c\.x: .*a column is a list"),
        (damaged(lambda c: c["experiments"][0]["curves"]["c"].update(x=[1, "a"])), r"curves\.c\.x: "),
    ],
)
def test_a_file_that_is_not_of_this_version_names_file_field_and_remedy(tmp_path, text, message):
    (tmp_path / "results.json").write_text(text)
    with pytest.raises(DataError, match=message) as caught:
        read_theory(tmp_path)
    assert str(tmp_path / "results.json") in str(caught.value)
    assert "Give `outlearn theory` again" in str(caught.value)


def test_a_missing_or_unreadable_file_is_named(tmp_path):
    with pytest.raises(DataError, match=r"has no results\.json"):
        read_theory(tmp_path)
    (tmp_path / "results.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match="cannot be read"):
        read_theory(tmp_path)
    assert not is_theory(tmp_path)


def test_an_unchanged_file_of_the_test_is_read(tmp_path):
    (tmp_path / "results.json").write_text(damaged(lambda content: None))
    assert read_theory(tmp_path)[0].agrees


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="--out DIR"):
        write_theory([result()], tmp_path / "file" / "below")
