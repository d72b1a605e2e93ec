"""The configuration: presets, overlays, and every mistake reported at once with what to do."""

from __future__ import annotations

import pytest
import yaml

from outlearn.errors import ConfigError
from outlearn.experiment.config import Config
from outlearn.experiment.load_config import load_config
from outlearn.store.store import canonical_json

LOSSES = ["forward_ce", "hard_ce", "reverse_ce", "reverse_kl", "symmetric_ce", "cace", "aux_conf", "mae"]


def errors_of(*overrides: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load_config(overrides=overrides)
    return str(caught.value).splitlines()


def test_no_configuration_is_the_offline_default_with_eight_teachers_eight_losses_and_a_choice():
    config = load_config()
    assert (config.data.name, config.teacher.models) == ("vader-lexicon", 8)
    assert list(config.student.loss) == [*LOSSES, "auto"]


def test_the_resolved_configuration_gives_itself_again(tmp_path):
    path = tmp_path / "config.yaml"
    config = load_config(overrides=["student.seeds=5", "student.learner.hidden=16", "data.path=a.csv", "seed=3"])
    path.write_text(config.to_yaml())
    assert load_config(path) == config


def test_overrides_win_over_the_file_and_the_file_over_the_preset(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump({"data": {"name": "digits"}, "student": {"seeds": 7, "loss": "mae"}}))
    config = load_config(path, ["student.seeds=9"])
    assert (config.student.seeds, config.student.loss, config.teacher.models) == (9, ("mae",), 4)


def test_a_path_takes_the_preset_of_its_kind_and_drops_the_default_task():
    assert load_config(overrides=["data.path=x.csv"]).teacher.encoder == {"kind": "tfidf"}
    assert load_config(overrides=["data.path=x.npz"]).student.encoder == {"kind": "array"}


@pytest.mark.parametrize(
    ("encoder", "standardised"),
    [("{kind: tfidf}", False), ("{kind: tfidf, dims: 8}", True), ("{kind: wordllama}", True), ("{kind: array}", True)],
)
def test_the_encoder_settles_what_the_ridge_of_a_convex_learner_acts_on(encoder, standardised):
    section = load_config(overrides=["data.path=x.csv", f"teacher.encoder={encoder}"]).teacher
    assert section.learner.standardise is standardised
    said = load_config(overrides=["data.path=x.csv", f"teacher.encoder={encoder}", "teacher.learner.standardise=true"])
    assert said.teacher.learner.standardise is True


def test_another_kind_drops_the_parameters_of_the_kind_it_replaces():
    config = load_config(overrides=["data.name=digits", "teacher.encoder={kind: tfidf}"])
    assert config.teacher.encoder == {"kind": "tfidf"}
    assert load_config(overrides=["data.name=digits", "teacher.encoder.columns=[1]"]).teacher.encoder["kind"] == "array"


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("student.loss=revers_ce", 'Did you mean "reverse_ce"?'),
        ("student.sedes=2", 'student.sedes is no key; known: .*Did you mean "seeds"?'),
        ("studnet.seeds=2", 'studnet is no key; .*Did you mean "student"?'),
        ("student.learner.epoch=2", 'Did you mean "epochs"?'),
        ("student.seeds=0", "student.seeds is 0; input should be greater than or equal to 1"),
        ("student.seeds=two", "student.seeds is 'two'; input should be a valid integer"),
        ("student.loss=[]", "student.loss: expected at least one loss"),
        ("student.loss=[mae, mae]", "student.loss: mae is listed twice"),
        ("student.loss={kind: cace, threshold: 1.5}", "threshold"),
        ("data.fractions.test=0.9", "data.fractions: the four shares must sum to 1"),
        ("teacher.encoder={kind: wordlama}", 'teacher: encoder.kind is .*Did you mean "wordllama"?'),
        ("teacher.draw=seeds", "use adamw"),
        ("weak_labels.temperature=2", "has no effect with kind: soft"),
        ("student.learner.kind=convex", "so seeds must be 1"),
        ("student.learner.kind=svm", "convex"),
        ("measure.order=reverse", "target_first"),
        ("measure.level=95", "less than 1"),
        ("seed=-1", "seed is -1"),
        ("student.seeds", "is not of the form key=value"),
        ("student.seeds=[1", "not valid YAML"),
        ("student=3", "student is 3"),
        ("data.path=a.csv", None),
    ],
)
def test_a_mistake_is_one_line_that_names_the_key_and_what_is_allowed(override, message):
    if message is None:
        assert isinstance(load_config(overrides=[override]), Config)
        return
    import re

    lines = errors_of(override)
    assert len(lines) == 1
    assert re.search(message.replace("?", r"\?") if message.endswith("?") else message, lines[0]), lines


def test_all_mistakes_are_reported_at_once():
    lines = errors_of("student.seeds=0", "teacher.models=-1", "measure.level=2", "nonsense=1")
    assert len(lines) == 4


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"- 1\n", r"must be keys and values, got \[1\]"),
        (b"a: [1\n", "not valid YAML at line"),
        (b"\xff\xfe", "not UTF-8"),
    ],
)
def test_a_bad_file_is_named(tmp_path, content, message):
    path = tmp_path / "config.yaml"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=message):
        load_config(path)


def test_a_missing_file_and_a_folder_are_named(tmp_path):
    with pytest.raises(ConfigError, match="No such file"):
        load_config(tmp_path / "none.yaml")
    with pytest.raises(ConfigError, match="is a folder"):
        load_config(tmp_path)


def test_a_configuration_is_the_same_after_its_way_through_json():
    config = load_config(overrides=["data.name=digits"])
    again = Config.model_validate_json(config.model_dump_json())
    assert canonical_json(again.model_dump(mode="json")) == canonical_json(config.model_dump(mode="json"))
