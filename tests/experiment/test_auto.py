"""`loss: auto` and rounds of self-distillation in a run: what is chosen, what it may see, what is trained again."""

from __future__ import annotations

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
from outlearn.report.html import write_report
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


@pytest.mark.slow
@pytest.mark.usefixtures("shapes_unchecked")
def test_the_choice_and_its_students_do_not_depend_on_true_labels_beyond_the_teachers(go, folder):
    labels = np.load(folder / "task.npz")["labels"]
    flipped = make_task_file(
        folder / "flipped.npz", n_points=240, splits=SPLIT, labels=np.where(SPLIT == "teacher", labels, 1 - labels)
    )
    # make_task_file draws features from the labels that it draws itself, so both files have the same ones.
    honest, other = go(), go(path=flipped)
    assert honest.selection.chosen == other.selection.chosen
    np.testing.assert_array_equal(students_of(honest, "auto"), students_of(other, "auto"))
    assert honest.selection.judged.accuracy != other.selection.judged.accuracy


@pytest.mark.slow
@pytest.mark.usefixtures("shapes_unchecked")
def test_the_chosen_candidate_has_the_best_value_of_the_criterion_and_regret_is_to_the_most_accurate(go):
    selection = go().selection
    values = [candidate.values["consensus"] for candidate in selection.candidates]
    names = [candidate.name for candidate in selection.candidates]
    assert selection.chosen.name == names[int(np.argmax(values))]
    accuracy = selection.judged.accuracy
    at = names.index(selection.chosen.name)
    assert selection.judged.regret == pytest.approx(max(accuracy) - accuracy[at])


@pytest.mark.slow
@pytest.mark.usefixtures("shapes_unchecked")
def test_another_criterion_chooses_again_without_training_the_candidates_again(go):
    go()
    finished = go("student.criterion=overfit_covariance")
    assert finished.results.stages["choice"].cached
    assert finished.selection.criterion == "overfit_covariance"


@pytest.mark.slow
@pytest.mark.usefixtures("shapes_unchecked")
def test_students_of_one_ensemble_are_chosen_by_groups_of_teachers(go):
    finished = go("weak_labels.source=mean")
    assert finished.students["auto"].models == 1
    assert finished.gap("auto").gap.mean() == pytest.approx(finished.students["auto"].gap.mean)
    assert finished.selection.chosen.name


@pytest.mark.slow
@pytest.mark.usefixtures("shapes_unchecked")
def test_the_report_shows_the_choice_and_names_what_it_chose(go):
    finished = go()
    page = write_report([finished.folder]).read_text()
    assert "The choice without labels" in page
    assert finished.selection.chosen.name in page


@pytest.mark.parametrize("change", ["teacher.models=1", "student.learner={kind: convex}"])
def test_where_auto_cannot_choose_it_is_left_out_with_a_reason_and_alone_it_is_refused(task_file, change):
    overrides = [f"data.path={task_file}", *SMALL, "student.seeds=1", change]
    plan = make_plan(load_config(overrides=[*overrides, "student.loss=[forward_ce, auto]"]))
    assert plan.auto is None
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
