"""Runs of fine-tuned students and teachers: each model is a stage of its own, and only what changed is trained."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file
from tests.experiment.finetuned_runs import SMALL, learner, small_run, write_pairs, write_texts
from tests.learners.finetuning.tiny import save_tiny_model
from tests.programs import OUTLEARN

from outlearn.errors import ConfigError
from outlearn.experiment.load_config import load_config
from outlearn.experiment.pipeline import Run, run
from outlearn.store.store import Store

pytest.importorskip("transformers")
pytest.importorskip("peft")

pytestmark = pytest.mark.medium


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_model(tmp_path_factory.mktemp("bert"), "bert", pad=True)


@pytest.fixture(scope="module")
def gpt2(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_model(tmp_path_factory.mktemp("gpt2"), "gpt2", pad=False)


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory, bert: Path) -> tuple[Path, Path, Run]:
    """Run two students once; other tests go on in the same store."""
    folder = tmp_path_factory.mktemp("runs")
    data = write_texts(folder / "texts.jsonl")
    return folder, data, small_run(folder, data, learner("student", bert), out="first")


def trained(folder: Path, before: set[str] = frozenset()) -> list[str]:
    """List the names of the stages in the store that were not there before."""
    return sorted(meta["stage"] for path, meta in Store(folder / "store").entries() if path.name not in before)


def keys(folder: Path) -> set[str]:
    return {path.name for path, _ in Store(folder / "store").entries()}


def test_each_model_is_a_stage_and_a_second_run_trains_nothing(first, bert):
    folder, data, done = first
    assert trained(folder).count("student") == 2
    assert trained(folder).count("ceiling") == 1
    before = keys(folder)
    again = small_run(folder, data, learner("student", bert), out="again")
    assert again.all_cached
    assert keys(folder) == before
    assert again.results.to_json()["students"] == done.results.to_json()["students"]


def test_another_loss_trains_its_own_students_only(first, bert):
    folder, data, _ = first
    before = keys(folder)
    small_run(folder, data, [*learner("student", bert), "student.loss=[forward_ce, reverse_ce]"], out="losses")
    # With two students a teacher, the control of its own true labels is affordable too.
    controls = ["control, all label", "control, all labels", *["control, own label"] * 2, "control, own labels"]
    assert trained(folder, before) == [*controls, "student", "student", "students"]


@pytest.mark.parametrize("change", [{"learning_rate": 1e-3}, {"adaptation": "lora"}, {"max_length": 16}])
def test_another_setting_trains_students_and_ceilings_anew(first, bert, change):
    folder, data, _ = first
    before = keys(folder)
    small_run(folder, data, learner("student", bert, **change), out=f"changed {next(iter(change))}")
    assert trained(folder, before) == ["ceiling", "ceilings", "student", "student", "students"]


def test_how_batches_are_cut_and_where_the_model_lies_train_nothing(first, bert, tmp_path):
    folder, data, _ = first
    elsewhere = tmp_path / "moved"
    elsewhere.mkdir()
    for file in bert.iterdir():
        (elsewhere / file.name).write_bytes(file.read_bytes())
    before = keys(folder)
    run = small_run(folder, data, learner("student", elsewhere, tokens_per_batch=64), out="moved")
    assert run.all_cached
    assert keys(folder) == before


def test_another_models_weights_train_anew_under_the_same_name(first, bert, tmp_path):
    folder, data, _ = first
    other = save_tiny_model(tmp_path / "other", "roberta", pad=True)
    before = keys(folder)
    small_run(folder, data, learner("student", other), out="other model")
    assert "student" in trained(folder, before)


def test_students_learn_what_their_teachers_say(first):
    _, _, done = first
    losses = [json.loads(line) for line in (done.folder / "log.jsonl").read_text().splitlines()]
    assert {each["model"] for each in losses if each["event"] == "training loss" and each["stage"] == "students"} == {
        0,
        1,
    }
    path = done.students["forward_ce"].path
    assert [step.epoch for step in path] == [0.5, 1.0]


def test_three_classes_go_down_to_the_results(bert, tmp_path):
    data = write_texts(tmp_path / "three.jsonl", classes=3)
    done = small_run(tmp_path, data, [*learner("student", bert), "student.loss=[aux_conf]"], out="three")
    assert done.task.n_classes == 3
    log_probs = load_file(done.folder / "predictions" / "students.safetensors")["test.log_probs"]
    assert log_probs.shape[-1] == 3
    assert np.isfinite(done.students["aux_conf"].log_loss.mean)


@pytest.mark.parametrize("draw", ["disjoint", "bootstrap", "seeds"])
def test_teachers_are_fine_tuned_on_their_own_draws(bert, tmp_path, draw):
    data = write_texts(tmp_path / "texts.jsonl")
    heads = ["student.encoder={kind: tfidf}", "student.learner.epochs=1", "student.checkpoints=[]"]
    done = small_run(tmp_path, data, [*learner("teacher", bert), f"teacher.draw={draw}", *heads], out="run")
    assert trained(tmp_path).count("teacher") == 2
    first, second = load_file(done.folder / "predictions" / "teachers.safetensors")["test.log_probs"]
    assert not np.array_equal(first, second)


def test_a_preference_task_is_fine_tuned_by_teachers_and_students(gpt2, bert, tmp_path):
    data = write_pairs(tmp_path / "pairs.jsonl")
    overrides = [*learner("teacher", gpt2, cut="start"), *learner("student", bert, epochs=4)]
    done = small_run(tmp_path, data, [*overrides, "student.loss=[reverse_bce]"], out="pairs")
    assert done.task.kind == "preference"
    # The rule is the first word's: a ceiling that read the slots the wrong way round would be below one half.
    assert done.ceiling.accuracy.mean > 0.7


def test_a_task_without_texts_says_what_to_use_instead(bert, tmp_path):
    config = load_config(overrides=["data.name=digits", *learner("student", bert)])
    with pytest.raises(ConfigError, match=r"finetune needs texts, and task 'digits' has none. Use learner.kind: adamw"):
        run(config, store=Store(tmp_path / "store"), out=tmp_path / "run")


@pytest.mark.parametrize("who", ["teacher", "student"])
def test_an_encoder_beside_a_fine_tuned_model_is_refused(who, bert):
    with pytest.raises(
        ConfigError, match=rf"{who}: encoder has no effect with learner.kind: finetune.*leave encoder out"
    ):
        load_config(overrides=[f"{who}.encoder.kind=tfidf", *learner(who, bert)])


def test_a_model_that_is_not_there_is_named(tmp_path):
    data = write_texts(tmp_path / "texts.jsonl")
    with pytest.raises(ConfigError, match="'no/such-model' is no folder here and not in the hub's local cache"):
        small_run(tmp_path, data, learner("student", Path("no/such-model")), out="run")


@pytest.mark.slow
def test_a_run_killed_inside_a_student_goes_on_to_the_same_bits(programs, bert, tmp_path):
    data = write_texts(tmp_path / "texts.jsonl")
    settings = [*SMALL, *learner("student", bert, epochs=20, dropout=0.1), "student.checkpoints=[1]"]
    # Checkpoints once a minute would be none in a test's time.
    saving = "import outlearn.learners.finetuning.training as training; training.SAVE_SECONDS = 0.0; "

    def command(name: str, before: str = "") -> list[str]:
        overrides = [part for item in (f"data.path={data}", *settings) for part in ("--set", item)]
        where = ["--store", str(tmp_path / f"store {name}"), "--out", str(tmp_path / name)]
        return [before + OUTLEARN, "run", *where, *overrides]

    imports = ("transformers.trainer", "peft")
    programs.run(*command("unbroken"), imports=imports)
    broken = programs.start(*command("broken", saving), imports=imports)
    while broken.poll() is None and not list((tmp_path / "store broken").glob("unfinished/*/*/checkpoint.safetensors")):
        time.sleep(0.002)
    broken.send_signal(signal.SIGKILL)
    assert broken.wait() == -signal.SIGKILL
    programs.run(*command("broken"), imports=imports)
    for file in ("students", "ceilings"):
        assert (tmp_path / "broken" / "predictions" / f"{file}.safetensors").read_bytes() == (
            tmp_path / "unbroken" / "predictions" / f"{file}.safetensors"
        ).read_bytes()
    assert list((tmp_path / "store broken").glob("unfinished/*")) == []


def test_rounds_of_self_distillation_are_stages_that_start_from_what_the_model_before_said(first, bert):
    folder, data, done = first
    before = keys(folder)
    distilled = small_run(folder, data, [*learner("student", bert), "student.rounds=2"], out="rounds")
    # Three stages a student: the first fit, which now says what it thinks of its own points, and two rounds.
    assert trained(folder, before).count("student") == 2 * 3
    path = distilled.students["forward_ce"].path
    assert [entry.epoch for entry in path] == [1.0, 2.0, 3.0]
    assert path[0].accuracy == pytest.approx(done.students["forward_ce"].accuracy.mean)
    again = keys(folder)
    small_run(folder, data, [*learner("student", bert), "student.rounds=3"], out="more")
    assert trained(folder, again) == ["student", "student", "students"]
