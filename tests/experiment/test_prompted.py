"""A run whose teachers are prompts: one for each template, model and draw of examples; no label of students is used."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import yaml

from outlearn.errors import ConfigError
from outlearn.experiment.config import Config
from outlearn.experiment.load_config import load_config
from outlearn.experiment.pipeline import run
from outlearn.experiment.plan import Plan, make_plan
from outlearn.experiment.stages import prompt_scores
from outlearn.store.stage import StageRunner, upstream
from outlearn.store.store import Store

pytest.importorskip("transformers")

WORDS = ("good", "bad", "fine", "poor", "film", "day", "news", "sounds", "like", "better")
TEMPLATES = ["the film {text} is", "it says: {text}\nit sounds like"]
SAME = 2e-4


@pytest.fixture
def texts_file(tmp_path) -> Path:
    """Write 120 different texts of two classes."""
    rng = np.random.default_rng(0)
    rows = {" ".join(rng.choice(WORDS, 5)) for _ in range(140)}
    path = tmp_path / "texts.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "text", "label"])
        writer.writerows(
            [f"t{i}", text, "good" if "good" in text else "bad"] for i, text in enumerate(sorted(rows)[:120])
        )
    return path


@pytest.fixture
def pairs_file(tmp_path) -> Path:
    rng = np.random.default_rng(1)
    rows = sorted({(" ".join(rng.choice(WORDS, 4)), " ".join(rng.choice(WORDS, 4))) for _ in range(90)})[:80]
    path = tmp_path / "pairs.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "chosen", "rejected"])
        writer.writerows([f"p{i}", *row] for i, row in enumerate(rows))
    return path


@pytest.fixture
def prompted(tmp_path, causal_folder) -> Callable[..., Config]:
    """Return a function that makes the configuration of prompt teachers."""

    def config(path: Path, **learner: object) -> Config:
        settings = {
            "data": {"path": str(path)},
            "teacher": {
                "labels": 10,
                "learner": {"kind": "prompt", "model": str(causal_folder()), "templates": TEMPLATES, **learner},
            },
            "student": {"seeds": 1, "encoder": {"kind": "tfidf"}, "loss": ["forward_ce"], "checkpoints": [],
                        "learner": {"epochs": 2}},
        }  # fmt: skip
        file = tmp_path / "prompted.yaml"
        file.write_text(yaml.safe_dump(settings))
        return load_config(file)

    return config


def labels(plan: Plan, store: Store) -> dict[str, np.ndarray]:
    return dict(StageRunner(store, _silent()).result(plan.labeling.teachers).arrays)


def _silent():
    from outlearn.progress import Silent

    return Silent()


def test_a_run_has_a_teacher_for_each_template_and_says_what_they_are(tmp_path, texts_file, prompted):
    config = prompted(texts_file)
    finished = run(config, store=Store(tmp_path / "store"), out=tmp_path / "run")
    assert finished.results.teacher.models == 2
    assert any(
        "2 teachers are prompts of" in note and "no true label" in note for note in finished.results.task.caveats
    )
    again = run(config, store=Store(tmp_path / "store"), out=tmp_path / "again")
    assert again.all_cached


def test_labels_have_equal_shares_on_the_student_split_or_those_that_are_given(tmp_path, texts_file, prompted):
    for shares, wanted in ((None, [0.5, 0.5]), ({"good": 0.2, "bad": 0.8}, [0.8, 0.2])):
        plan = make_plan(prompted(texts_file, shares=shares))
        assert plan.task.class_names == ("bad", "good")
        logits = labels(plan, Store(tmp_path / "store"))["student"][-1]
        probs = np.exp(logits - np.logaddexp.reduce(logits, axis=-1, keepdims=True))
        np.testing.assert_allclose(probs.mean(axis=1), [wanted] * 2, atol=1e-6)


def test_a_true_label_changes_no_prompt(texts_file, prompted):
    before = make_plan(prompted(texts_file)).labeling.teachers
    turned = texts_file.read_text().replace(",good\n", ",x\n").replace(",bad\n", ",good\n").replace(",x\n", ",bad\n")
    texts_file.write_text(turned)
    after = make_plan(prompted(texts_file)).labeling.teachers
    keys = [{stage.key for stage in upstream(of) if stage.name == "prompt scores"} for of in (before, after)]
    assert keys[0] == keys[1] != set()


def test_another_split_asks_nothing_anew(texts_file, prompted):
    config = prompted(texts_file)
    one, other = (make_plan(config.model_copy(update={"seed": seed})) for seed in (0, 1))
    assert one.splits.test.tolist() != other.splits.test.tolist()
    assert one.labeling.teachers.key != other.labeling.teachers.key
    asked = [{stage.key for stage in plan.labeling.teachers.parents.values()} for plan in (one, other)]
    assert asked[0] == asked[1]


def test_each_draw_shows_other_examples_of_the_teacher_split_alone(texts_file, prompted):
    plan = make_plan(prompted(texts_file, shots=3, draws=2))
    stages = [stage for stage in upstream(plan.labeling.teachers) if stage.name == "prompt scores"]
    shown = {tuple(text for (text,), _ in stage.settings["prompt"]["examples"]) for stage in stages}
    assert plan.labeling.n_teachers == 4
    assert len(shown) == 2
    ours = {plan.task.texts[i] for i in plan.splits.teacher}
    assert all(set(each) <= ours and len(each) == 3 for each in shown)
    for stage in stages:
        counts = np.bincount([label for _, label in stage.settings["prompt"]["examples"]], minlength=2)
        assert abs(counts[0] - counts[1]) == 1


@pytest.mark.parametrize("calibration", ["content_free", "labels", "none"])
def test_every_way_of_calibration_gives_labels_for_every_point(calibration, tmp_path, texts_file, prompted):
    plan = make_plan(prompted(texts_file, calibration=calibration))
    found = labels(plan, Store(tmp_path / "store"))
    for split in ("student", "validation", "test"):
        assert found[split].shape == (1, 2, len(getattr(plan.splits, split)), 2)
        assert np.isfinite(found[split]).all()


def test_both_orders_of_a_pair_are_averaged_so_that_slots_do_not_matter(tmp_path, pairs_file, prompted):
    learner = {"templates": ["First: {a}\nSecond: {b}\nbetter:"], "classes": {"a": " First", "b": " Second"}}
    plan = make_plan(prompted(pairs_file, **learner))
    store = Store(tmp_path / "store")
    model = prompt_scores.PromptedModel(plan.config.teacher.learner.model[0], plan.config.teacher.learner)
    prompt = prompt_scores.Prompt("First: {a}\nSecond: {b}\nbetter:", (" First", " Second"))
    pairs = plan.task.pairs[:9]
    both = [
        StageRunner(store, _silent()).result(stage).arrays["log_probs"]
        for texts in (pairs, [(b, a) for a, b in pairs])
        for stage in prompt_scores.score_stages(model, prompt, texts).values()
    ]
    np.testing.assert_allclose(both[0], both[1][:, ::-1], atol=SAME)
    assert np.ptp(both[0] - both[0][:, ::-1]) > 100 * SAME
    assert labels(plan, store)["test"].shape[1] == 1


def test_a_killed_run_keeps_the_portions_that_were_scored(tmp_path, texts_file, prompted, monkeypatch):
    monkeypatch.setattr(prompt_scores, "PORTION", 16)
    plan = make_plan(prompted(texts_file))
    store = Store(tmp_path / "store")
    portions = [stage for stage in upstream(plan.labeling.teachers) if stage.name == "prompt scores"]
    assert len(portions) > 4
    for stage in portions[:3]:
        StageRunner(store, _silent()).result(stage)
    from outlearn.language_models import scoring

    asked: list[int] = []
    whole = scoring.word_log_probs
    monkeypatch.setattr(
        scoring, "word_log_probs", lambda model, prompts, *a, **k: asked.append(1) or whole(model, prompts, *a, **k)
    )
    in_portions = labels(plan, store)
    assert len(asked) == len(portions) - 3
    monkeypatch.setattr(prompt_scores, "PORTION", 512)
    at_once = labels(make_plan(prompted(texts_file)), Store(tmp_path / "other"))
    np.testing.assert_allclose(in_portions["test"], at_once["test"], atol=SAME)


def test_texts_that_are_cut_are_counted(tmp_path, texts_file, prompted):
    finished = run(prompted(texts_file, max_length=15), store=Store(tmp_path / "store"), out=tmp_path / "run")
    assert any("were longer than teacher.learner.max_length" in note for note in finished.results.task.caveats)


@pytest.mark.parametrize(
    ("learner", "said"),
    [
        ({"templates": ["the film is"]}, "has no field; expected {text} once"),
        ({"templates": ["{a} or {b}?"]}, r"has {a} and {b}; expected {text} once"),
        ({"classes": {"good": " good"}}, "learner.classes names good; the classes of the task are bad, good"),
        ({"shares": {"good": 0.5, "worse": 0.5}}, "learner.shares names good, worse; the classes of the task are"),
        ({"shots": 500}, "learner.shots is 500, and the teacher split has"),
    ],
)
def test_what_does_not_fit_the_task_is_refused_before_anything_is_asked(learner, said, texts_file, prompted):
    with pytest.raises(ConfigError, match=said):
        make_plan(prompted(texts_file, **learner))


@pytest.mark.parametrize(
    ("learner", "said"),
    [
        ({"draws": 3}, "draws is 3, of no examples"),
        ({"templates": ["{text}", "{text}"]}, "one is listed twice"),
        ({"calibration": "labels", "shares": {"good": 0.5, "bad": 0.5}}, "shares have no effect with calibration"),
        ({"templates": []}, "templates"),
    ],
)
def test_options_without_effect_are_refused(learner, said, texts_file, prompted):
    with pytest.raises(ConfigError, match=said):
        prompted(texts_file, **learner)


def test_a_prompt_is_no_student(texts_file):
    with pytest.raises(ConfigError, match="kind: prompt is not trained, so that it can teach and is no student"):
        load_config(
            overrides=[f"data.path={texts_file}", "student.learner={kind: prompt, templates: '{text} is'}"],
        )
