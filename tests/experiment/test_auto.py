"""`loss: auto` and rounds of self-distillation in a run: what is chosen, what it may see, what is trained again."""

from __future__ import annotations

import html
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file
from tests.small_runs import SMALL, make_task_file

from outlearn.errors import ConfigError
from outlearn.experiment.load_config import load_config
from outlearn.experiment.pipeline import Run, run
from outlearn.experiment.plan import make_plan
from outlearn.losses import get_loss
from outlearn.report.html import write_report
from outlearn.results.run_folder import load_run
from outlearn.selection import HeadCandidate
from outlearn.selection.held_out import HeldOut
from outlearn.store.store import Store

SPLIT = np.array(["teacher", "student", "validation", "test"] * 60)
QUICK = ("student.loss=[forward_ce, auto]", "student.learner.epochs=1", "student.seeds=1", "ceiling.models=1")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("auto")


@pytest.fixture(scope="module")
def go(folder: Path) -> Callable[..., Run]:
    """Return a function that runs with auto in one store; the same arguments come from it again."""
    task = make_task_file(folder / "task.npz", n_points=240, splits=SPLIT)
    count = iter(range(100))

    def runner(*overrides: str, path: Path = task) -> Run:
        config = load_config(overrides=[f"data.path={path}", *SMALL, *QUICK, *overrides])
        return run(config, store=Store(folder / "store"), out=folder / f"run{next(count)}")

    return runner


def students_of(finished: Run, loss: str) -> np.ndarray:
    arrays = load_file(finished.folder / "predictions" / "students.safetensors")
    return arrays["test.log_probs"][arrays["loss_of"] == list(finished.students).index(loss)]


def test_ceilings_and_controls_see_the_very_features_that_auto_sees_so_all_layers_of_an_encoder(folder):
    task = make_task_file(folder / "seen.npz", n_points=240, splits=SPLIT)
    plan = make_plan(load_config(overrides=[f"data.path={task}", *SMALL, *QUICK, "student.loss=[auto]"]))
    features = plan.chosen["auto"].frozen.features
    assert len(plan.tuned) == 4
    assert all(each.stage.inputs["features"] is features for each in plan.tuned.values())
    assert plan.stages["ceilings, untuned"].inputs["features"] is features


@pytest.mark.slow
@pytest.mark.usefixtures("shapes_unchecked")
def test_the_choice_and_its_students_do_not_depend_on_true_labels_beyond_the_teachers(go, folder):
    labels = np.load(folder / "task.npz")["labels"]
    flipped = make_task_file(
        folder / "flipped.npz", n_points=240, splits=SPLIT, labels=np.where(SPLIT == "teacher", labels, 1 - labels)
    )
    # make_task_file draws features from the labels that it draws itself, so both files have the same ones.
    honest, other = go(), go(path=flipped)
    assert honest.selections["auto"].members == other.selections["auto"].members
    np.testing.assert_array_equal(students_of(honest, "auto"), students_of(other, "auto"))
    assert honest.selections["auto"].judged.accuracy != other.selections["auto"].judged.accuracy


@pytest.mark.slow
@pytest.mark.usefixtures("shapes_unchecked")
def test_the_answer_is_the_mean_of_the_candidates_with_the_best_values_and_regret_is_to_the_most_accurate(go):
    finished = go()
    selection = finished.selections["auto"]
    values = {each.name: each.values["pooled_consensus"] for each in selection.candidates}
    assert [each.name for each in selection.members] == sorted(values, key=lambda name: -values[name])[:20]
    assert selection.chosen == selection.members[0]
    judged = selection.judged
    assert judged.answer_accuracy == pytest.approx(finished.students["auto"].accuracy.mean)
    assert judged.regret == pytest.approx(max(judged.accuracy) - judged.answer_accuracy)
    assert selection.shares.source == "training_labels"
    agreed = selection.companion.consensus
    assert agreed.answer >= agreed.without
    assert (selection.companion.weight == 0) == (agreed.answer == agreed.without)
    assert selection.students_trained == 3 * len(selection.candidates) + 3 * 20 + 3  # and the trained head


@pytest.mark.slow
@pytest.mark.usefixtures("shapes_unchecked")
def test_named_losses_are_tuned_on_held_out_weak_labels_of_each_teacher_and_of_the_mean(go):
    finished = go()
    assert [(each.loss, each.source) for each in finished.results.tuned_baselines] == [
        ("forward_ce", "each"),
        ("forward_ce", "mean"),
    ]
    for each in finished.results.tuned_baselines:
        assert each.candidate.kind == "forward_ce"
        versus = finished.students["auto"].accuracy.mean - each.accuracy.mean
        assert each.auto_minus.mean == pytest.approx(versus)


def test_the_setting_with_the_best_held_out_accuracy_over_labelers_is_chosen_the_first_of_equals():
    losses = [get_loss(name) for name in ("forward_ce", "mae")]
    candidates = tuple(HeadCandidate(loss, epochs, 1e-4) for epochs in (4, 2, 1) for loss in losses)
    accuracy = np.array([[0.8, 0.6], [0.9, 0.9], [0.7, 0.9], [0.5, 0.5], [0.8, 0.8], [0.9, 0.9]])
    found = HeldOut(candidates, accuracy, np.zeros((6, 2, 3), np.uint8))
    assert [found.best(loss) for loss in losses] == [2, 1]
    assert found.best(get_loss("reverse_ce")) is None


@pytest.mark.slow
@pytest.mark.usefixtures("shapes_unchecked")
def test_another_criterion_chooses_again_without_training_the_candidates_again(go):
    go()
    finished = go("student.criterion=overfit_covariance")
    assert finished.results.stages["auto choice"].cached
    assert finished.selections["auto"].criterion == "overfit_covariance"


@pytest.mark.slow
@pytest.mark.usefixtures("shapes_unchecked")
def test_auto_learns_from_the_mean_beside_students_of_single_teachers(go):
    finished = go()
    auto, fixed = finished.students["auto"], finished.students["forward_ce"]
    assert (auto.source, auto.models, fixed.source, fixed.models) == ("mean", 1, "each", 3)
    # PGR and the difference from teachers start from the run's labelers, the gap from whom it learned from.
    assert auto.differences["teacher"].mean == pytest.approx(auto.accuracy.mean - finished.teacher.accuracy.mean)
    assert auto.recovery.gain.mean == pytest.approx(auto.differences["teacher"].mean)
    labeler = finished.predictions.labelers["auto"]
    np.testing.assert_allclose(labeler.probs[0], finished.predictions.teachers.probs.mean(axis=0))
    assert finished.gap("auto").gap.mean() == pytest.approx(auto.gap.mean)
    versus = auto.accuracy.mean - fixed.accuracy.mean
    assert auto.differences["forward_ce"].mean == pytest.approx(versus)
    assert fixed.differences["auto"].mean == pytest.approx(-versus)


@pytest.mark.slow
@pytest.mark.usefixtures("shapes_unchecked")
@pytest.mark.parametrize("source", ["each", "dual_mean"])
def test_both_recipes_stand_in_one_run_whatever_the_others_learn_from(go, source):
    finished = go("student.loss=[forward_ce, auto, auto_single]", f"weak_labels.source={source}", "student.seeds=2")
    auto, single = finished.students["auto"], finished.students["auto_single"]
    assert (auto.source, single.source) == ("mean" if source == "each" else source, "each")
    assert (auto.models, single.models) == (1, 3)  # discriminants are the same for every seed
    assert set(finished.selections) == {"auto", "auto_single"}
    for loss in ("auto", "auto_single"):
        mean = finished.students[loss].accuracy.mean - finished.labeler.accuracy.mean
        assert finished.students[loss].differences["teacher"].mean == pytest.approx(mean)
        assert finished.gap(loss).gap.mean() == pytest.approx(finished.students[loss].gap.mean)
    versus = auto.accuracy.mean - single.accuracy.mean
    assert auto.differences["auto_single"].mean == pytest.approx(versus)
    assert single.differences["auto"].mean == pytest.approx(-versus)


@pytest.mark.slow
@pytest.mark.usefixtures("shapes_unchecked")
@pytest.mark.parametrize("answer", ["best", "distilled"])
def test_a_single_head_can_be_asked_for_without_choosing_again(go, answer):
    go()
    finished = go(f"student.answer={answer}")
    assert finished.results.stages["auto choice"].cached
    assert finished.selections["auto"].form == answer
    assert len(finished.selections["auto"].members) == (1 if answer == "best" else 20)


@pytest.mark.slow
@pytest.mark.usefixtures("shapes_unchecked")
def test_given_class_shares_go_before_others_and_far_ones_are_warned_of(go):
    finished = go("student.class_shares=[0.9, 0.1]")
    selection = finished.selections["auto"]
    assert (selection.shares.source, selection.shares.values) == ("given", (0.9, 0.1))
    assert any("far from those of the weak labels" in warning for warning in selection.warnings)
    called = finished.predictions.students["auto"].log_probs.argmax(-1).mean()
    assert called < 0.3


@pytest.mark.parametrize("shares", ["[0.5, 0.6]", "[1.0, 0.0]", "[0.2, 0.3, 0.5]"])
def test_class_shares_that_are_none_are_refused(task_file, shares):
    overrides = [f"data.path={task_file}", *SMALL, "student.loss=auto", f"student.class_shares={shares}"]
    with pytest.raises(ConfigError, match="expected 2 numbers above 0 that sum to 1"):
        make_plan(load_config(overrides=overrides))


@pytest.mark.slow
@pytest.mark.usefixtures("shapes_unchecked")
def test_true_labels_of_the_validation_split_choose_and_teach_and_none_of_the_test_split_does(go, folder):
    task = np.load(folder / "task.npz")
    other = make_task_file(
        folder / "test-flipped.npz",
        n_points=240,
        splits=SPLIT,
        labels=np.where(SPLIT == "test", 1 - task["labels"], task["labels"]),
    )
    plain, chosen, learned = go(), go("student.true_labels=choose"), go("student.true_labels=learn")
    assert [each.selections["auto"].true_labels.n for each in (plain, chosen, learned)] == [0, 60, 60]
    assert learned.selections["auto"].members == chosen.selections["auto"].members
    assert learned.results.stages["auto choice"].cached
    assert not np.array_equal(students_of(learned, "auto"), students_of(chosen, "auto"))
    again = go("student.true_labels=learn", path=other)
    np.testing.assert_array_equal(students_of(again, "auto"), students_of(learned, "auto"))
    page = html.unescape(write_report([learned.folder]).read_text())
    assert "60 true labels of the validation split, and learned from these" in page
    assert plain.selections["auto"].label_gain is None
    for each in (chosen, learned):
        gain = each.selections["auto"].label_gain
        assert (gain.n_labels, gain.n_next) == (60, 100)
        assert load_run(each.folder).selections["auto"].label_gain == gain
    assert "The 60 true labels, learned from, bring auto " in page
    assert "What true labels bring to auto" in page


def test_uses_of_true_labels_that_do_not_fit_are_refused(task_file):
    criterion = "student.criterion=crossed_misfit"
    overrides = [f"data.path={task_file}", *SMALL, "student.loss=auto", "student.true_labels=learn", criterion]
    with pytest.raises(ConfigError, match="true_labels"):
        make_plan(load_config(overrides=overrides))


@pytest.mark.slow
@pytest.mark.usefixtures("shapes_unchecked")
def test_the_report_shows_the_choice_and_names_what_it_chose(go):
    finished = go()
    page = write_report([finished.folder]).read_text()
    assert "The choice without labels" in page
    assert finished.selections["auto"].chosen.name in page
    assert "of the teachers' training labels" in html.unescape(page)


@pytest.mark.parametrize("change", ["teacher.models=1", "student.learner={kind: convex}"])
def test_where_auto_cannot_choose_it_is_left_out_with_a_reason_and_alone_it_is_refused(task_file, change):
    overrides = [f"data.path={task_file}", *SMALL, "student.seeds=1", change]
    plan = make_plan(load_config(overrides=[*overrides, "student.loss=[forward_ce, auto]"]))
    assert not plan.chosen
    assert "auto was left out" in plan.notes[-1]
    with pytest.raises(ConfigError, match="auto"):
        make_plan(load_config(overrides=[*overrides, "student.loss=auto"]))


def test_an_unknown_criterion_is_named_with_the_closest_known_one():
    with pytest.raises(ConfigError, match=r"student\.criterion: .*consensus"):
        load_config(overrides=["student.criterion=concensus"])


def test_rounds_of_self_distillation_are_the_points_of_a_students_path(small_run):
    plain, distilled = small_run(), small_run("student.rounds=2")
    assert [point.epoch for point in distilled.students["reverse_ce"].path] == [4.0, 8.0, 12.0]
    # The first fit is that of a run without rounds.
    first, end = distilled.students["reverse_ce"].path[0], plain.students["reverse_ce"]
    assert first.accuracy == pytest.approx(end.accuracy.mean)
    assert distilled.results.stages["teachers"].cached
    assert not distilled.results.stages["students"].cached
