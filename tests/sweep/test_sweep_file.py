"""A sweep file is read, checked as a whole, and expanded into configurations that the rules of a run accept."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from outlearn.errors import ConfigError
from outlearn.experiment.load_config import load_config
from outlearn.sweep.expansion import expand, value_text
from outlearn.sweep.sweep_file import MAX_MEMBERS, parse_sweep, read_sweep

DIGITS = {"data": {"name": "digits"}}


def members(**content):
    return expand(parse_sweep({"base": DIGITS, **content}))


def test_grid_is_crossed_zip_walks_in_step_and_list_is_taken_as_it_is():
    found = members(
        grid={"seed": [0, 1]},
        zip={"teacher.labels": [50, 100], "teacher.models": [8, 4]},
        list=[{"ceiling.models": 1}, {"ceiling.models": 2, "student.seeds": 5}],
    )
    assert len(found) == 2 * 2 * 2
    assert {(m.config.teacher.labels, m.config.teacher.models) for m in found} == {(50, 8), (100, 4)}
    assert {(m.config.ceiling.models, m.config.student.seeds) for m in found} == {(1, 3), (2, 5)}
    assert len({m.label for m in found}) == 8


@settings(max_examples=20)
@given(st.lists(st.integers(1, 3), min_size=1, max_size=3), st.integers(0, 2), st.integers(0, 2))
def test_members_are_counted_without_being_built(sizes, in_step, listed):
    keys = ("seed", "teacher.models", "student.seeds")
    grid = {key: list(range(1, size + 1)) for key, size in zip(keys, sizes, strict=False)}
    content = {"grid": grid}
    if in_step:
        content["zip"] = {"ceiling.models": list(range(1, in_step + 1))}
    if listed:
        content["list"] = [{"teacher.labels": 10 + i} for i in range(listed)]
    sweep = parse_sweep({"base": DIGITS, **content})
    assert sweep.n_members == len(expand(sweep))


def test_a_member_is_the_run_that_the_same_overrides_give():
    found = members(grid={"teacher.labels": [50], "student.learner.epochs": [4]})
    given = ["data.name=digits", "teacher.labels=50", "student.learner.epochs=4"]
    assert found[0].config == load_config(overrides=given)


def test_losses_are_merged_into_one_run_and_nothing_else_is():
    found = members(grid={"seed": [0, 1], "student.loss": ["mae", ["reverse_ce", "mae"], "forward_ce"]})
    assert [m.config.student.loss for m in found] == [("mae", "reverse_ce", "forward_ce")] * 2
    assert [m.values for m in found] == [{"seed": 0}, {"seed": 1}]
    assert len(members(grid={"student.seeds": [1, 2]})) == 2
    in_step = {"student.loss": ["mae", "reverse_ce"], "student.learner.epochs": [5, 10]}
    assert len(members(zip=in_step)) == 2


def test_a_new_source_of_data_takes_the_place_of_the_base_s():
    found = members(grid={"data": [{"path": "a/train.txt"}, {"path": "b/train.txt"}, {"name": "vader-lexicon"}]})
    assert [m.config.data.path for m in found] == ["a/train.txt", "b/train.txt", None]
    assert found[2].values["data"] == "vader-lexicon"
    # Two values that read alike when shortened are written in full.
    assert found[0].values["data"] != found[1].values["data"]
    # Each member has the defaults of its own data.
    assert found[0].config.teacher.encoder == {"kind": "tfidf"}
    assert found[2].config.teacher.encoder == {"kind": "wordllama"}


def test_labels_are_safe_as_folder_names_and_follow_the_configuration():
    hostile = "../../etc/<script>\n\\ passwd"
    found = members(grid={"data": [{"path": hostile}], "seed": [0, 1]})
    for member in found:
        assert not set(member.label) & set("/\\<>\n ")
        assert not member.label.startswith(".")
    again = members(grid={"data": [{"path": hostile}], "seed": [1, 2]})
    assert again[0].label == found[1].label, "a sweep that grows keeps the folders it has"


def test_values_of_one_model_are_named_by_what_sets_them_apart():
    asked = {"kind": "hf", "model": "some/model", "pooling": "last", "layer": 4}
    found = members(grid={"student.encoder": [asked, {**asked, "layer": 8}, {"kind": "array"}]})
    assert [m.values["student.encoder"] for m in found] == ["model(layer=4)", "model(layer=8)", "array"]


def test_base_is_a_mapping_a_file_beside_the_sweep_or_a_preset(tmp_path: Path):
    (tmp_path / "base.yaml").write_text("data: {name: digits}\nseed: 7\n")
    (tmp_path / "sweep.yaml").write_text("base: base.yaml\ngrid: {student.seeds: [1, 2]}\n")
    sweep = read_sweep(tmp_path / "sweep.yaml")
    assert sweep.name == "sweep"
    assert [m.config.seed for m in expand(sweep)] == [7, 7]
    assert expand(parse_sweep({"base": "digits", "grid": {"seed": [0]}}))[0].config.data.name == "digits"
    assert expand(parse_sweep({"grid": {"seed": [0]}}))[0].config.data.name == "vader-lexicon"


def test_a_written_sweep_reads_back_as_itself():
    content = {"name": "n", "base": DIGITS, "grid": {"student.seeds": [1, 2]}, "list": [{"teacher": {"labels": 50}}]}
    content |= {"ladder": "student.seeds"}
    sweep = parse_sweep(content)
    assert sweep.keys == ("student.seeds", "teacher.labels")
    assert parse_sweep(yaml.safe_load(sweep.to_yaml())) == sweep


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"gird": {"seed": [0]}}, r'gird is no key of a sweep; known: .*Did you mean "grid"'),
        ({}, "nothing varies"),
        ({"grid": {"seed": 3}}, r"grid.seed is 3; expected a list of values"),
        ({"grid": {"seed": []}}, r"grid.seed is \[\]"),
        ({"grid": [1]}, r"grid is \[1\]; expected dotted keys"),
        ({"grid": {"seed": [0, 1, 0]}}, "grid.seed lists 0 twice"),
        ({"grid": {3: [0]}}, "grid has the key 3"),
        ({"grid": {"seed": [0]}, "zip": {"seed": [1]}}, "seed is varied by grid and by zip"),
        ({"grid": {"teacher": [{}], "teacher.labels": [1]}}, "teacher.labels lies inside teacher"),
        ({"zip": {"seed": [0, 1], "ceiling.models": [1]}}, "zip walks .* seed has 2, ceiling.models has 1"),
        ({"list": {"seed": 0}}, "list is .* expected a list of mappings"),
        ({"list": [3]}, r"list\[0\] is 3"),
        ({"base": 3, "grid": {"seed": [0]}}, "base is 3; expected a mapping"),
        ({"base": "digit", "grid": {"seed": [0]}}, r'cannot be read.*Did you mean "digits"'),
        ({"grid": {"seed": [0, 1]}, "ladder": "seed"}, "ladder is 'seed'; expected a key of student .* there is none"),
        (
            {"grid": {"student.seeds": [1, 2]}, "ladder": "student.encoder"},
            "ladder is 'student.encoder'.* those are: student.seeds",
        ),
        ({"grid": {"seed": list(range(200)), "ceiling.models": list(range(1, 200))}}, "39,800 members, more than"),
    ],
)
def test_a_wrong_file_is_named_by_its_key(content, message):
    with pytest.raises(ConfigError, match=message):
        parse_sweep({"base": DIGITS, **content})


def test_the_bound_is_met_before_anything_is_built():
    huge = parse_sweep({"grid": {"seed": list(range(MAX_MEMBERS))}})
    assert huge.n_members == MAX_MEMBERS


def test_a_wrong_value_is_named_by_key_and_member_and_all_are_named_at_once():
    with pytest.raises(ConfigError) as caught:
        members(grid={"teacher.labels": [50, "many"], "student.loss": ["mae", "revers_ce"], "seed": [0, 1]})
    lines = str(caught.value).splitlines()
    assert any("teacher.labels is 'many'" in line and "member teacher.labels=many" in line for line in lines)
    assert any('Did you mean "reverse_ce"' in line and "and 3 more" in line for line in lines)
    assert len(lines) == 2


def test_an_unknown_key_is_named_with_its_neighbour():
    with pytest.raises(ConfigError, match=r'teacher.lables is no key; known: .*Did you mean "labels".*member'):
        members(grid={"teacher.lables": [50]})


def test_two_members_that_are_one_run_are_both_named():
    with pytest.raises(
        ConfigError, match=r"two members are the same run: \(teacher.labels=100, .*\(teacher.labels=100.0"
    ):
        members(list=[{"teacher.labels": 100, "seed": 1}, {"teacher.labels": 100.0, "seed": 1}])


def test_a_column_has_the_shortest_texts_that_tell_its_values_apart():
    encoders = [{"kind": "tfidf"}, {"kind": "hf", "model": "minilm"}, {"kind": "wordllama"}]
    found = members(base={"data": {"name": "vader-lexicon"}}, grid={"student.encoder": encoders})
    assert [m.values["student.encoder"] for m in found] == ["tfidf", "minilm", "wordllama"]
    encoders = [{"kind": "tfidf"}, {"kind": "tfidf", "dims": 8}]
    found = members(base={"data": {"name": "vader-lexicon"}}, grid={"student.encoder": encoders})
    assert [m.values["student.encoder"] for m in found] == ["tfidf", "tfidf(dims=8)"]


def test_values_are_written_shortly():
    assert value_text({"kind": "tfidf"}) == "tfidf"
    assert value_text({"kind": "adamw", "hidden": None, "epochs": 5}) == "adamw(epochs=5)"
    assert value_text([True, None, 2.5]) == "true+none+2.5"
