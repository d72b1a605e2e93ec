"""A run as a whole: what is trained again and what is not, who may see which label, and what is written."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file
from tests.small_runs import SMALL

from outlearn import progress_bars
from outlearn.core.decomposition.risk_gap import risk_gap
from outlearn.core.predictions import Predictions
from outlearn.errors import AlignmentError, ConfigError, DataError, StoreError
from outlearn.experiment.load_config import load_config
from outlearn.experiment.pipeline import run
from outlearn.experiment.plan import make_plan
from outlearn.results.run_folder import Run, load_run
from outlearn.store.store import Store

pytestmark = pytest.mark.medium
FLOAT32 = 1e-5  # the same products, summed in another order


def timeless(finished: Run) -> dict[str, Any]:
    """Drop what describes the running rather than the result."""
    return {key: value for key, value in finished.results.to_json().items() if key not in ("seconds", "stages")}


def cached(finished: Run) -> dict[str, bool]:
    return {name: stage.cached for name, stage in finished.results.stages.items()}


def students(finished: Run) -> np.ndarray:
    return load_file(finished.folder / "predictions" / "students.safetensors")["test.log_probs"]


def test_a_second_identical_run_trains_nothing_and_says_the_same(small_run):
    first, second = small_run(), small_run()
    assert second.all_cached
    assert not first.all_cached
    assert timeless(first) == timeless(second)


def test_the_same_seed_in_another_store_gives_the_same_numbers_and_another_seed_others(small_run, tmp_path, task_file):
    first = small_run()
    config = load_config(first.folder / "config.yaml")
    again = run(config, store=Store(tmp_path / "another store"), out=tmp_path / "again")
    assert timeless(first) == timeless(again)
    np.testing.assert_array_equal(students(first), students(again))
    assert not np.array_equal(students(first), students(small_run("seed=1")))


def test_another_loss_retrains_no_teacher(small_run):
    small_run()
    stages = cached(small_run("student.loss=mae"))
    assert stages == {
        "teacher features": True, "teachers": True, "student features": True, "students": False, "ceilings": True,
        "ceilings, untuned": True, "control, own labels": True, "control, all labels": True, "label curve": True,
    }  # fmt: skip


@pytest.mark.parametrize(
    "change",
    ["teacher.encoder.columns=[0, 1]", "teacher.labels=21", "teacher.learner.C=2", "teacher.draw=bootstrap", "seed=1"],
)
def test_another_weak_model_never_reuses_the_old_ones_labels(small_run, change):
    small_run()
    stages = cached(small_run(change))
    assert not stages["teachers"]
    assert not stages["students"]


@pytest.mark.parametrize("change", ["weak_labels.kind=hard", "weak_labels.source=mean"])
def test_other_weak_labels_retrain_the_students_and_not_the_teachers(small_run, change):
    small_run()
    stages = cached(small_run(change))
    assert stages["teachers"]
    assert not stages["students"]


def test_students_are_the_same_whatever_the_true_labels_of_their_split_are(small_run, write_task, tmp_path, task_file):
    honest = small_run()
    arrays = dict(np.load(task_file))
    split = np.array(["none"] * len(arrays["labels"]), dtype="U10")
    for line in (honest.folder / "predictions" / "points.jsonl").read_text().splitlines():
        point = json.loads(line)
        split[arrays["ids"] == point["id"]] = point["split"]
    # Teacher and student points are told apart by the assigned splits of a second pair of tasks.
    order = np.flatnonzero(split == "none")
    split[order[::2]], split[order[1::2]] = "teacher", "student"
    flipped = np.where(split == "student", 1 - arrays["labels"], arrays["labels"])
    first = small_run(path=write_task(tmp_path / "a.npz", splits=split))
    second = small_run(path=write_task(tmp_path / "b.npz", splits=split, labels=flipped))
    np.testing.assert_array_equal(students(first), students(second))
    assert first.ceiling.accuracy.mean > second.ceiling.accuracy.mean


def test_the_chosen_epoch_does_not_depend_on_true_labels_of_validation_or_test(small_run, write_task, tmp_path):
    split = np.array(["teacher", "student", "validation", "test"] * 100)
    labels = np.load(write_task(tmp_path / "a.npz", splits=split))["labels"]
    write_task(tmp_path / "b.npz", splits=split, labels=np.where(split >= "test", 1 - labels, labels))
    first, second = (
        small_run("student.select=validation", "student.checkpoints=[1, 2, 3]", path=tmp_path / name)
        for name in ("a.npz", "b.npz")
    )
    for loss in ("forward_ce", "reverse_ce"):
        assert first.students[loss].epoch == second.students[loss].epoch
    np.testing.assert_array_equal(students(first), students(second))


# Named in the file, so that the teachers' share stays theirs where no teacher is trained.
NAMED = np.repeat(["teacher", "student", "validation", "test"], [140, 140, 20, 100])


def test_labels_from_a_table_give_the_students_that_the_teachers_gave(small_run, tmp_path, write_task):
    """The predictions of trained teachers, written as a table in another order, are the same labels."""
    task = write_task(tmp_path / "named.npz", splits=NAMED)
    trained = small_run(path=task)
    store = Store(tmp_path / "store")
    entry = next(meta for _, meta in store.entries() if meta and meta["stage"] == "teachers")
    arrays = load_file(store.root / "objects" / entry["key"][:2] / entry["key"] / "arrays.safetensors")
    probs = {part: Predictions.from_logits(arrays[part][-1]).probs for part in ("student", "validation", "test")}
    ids = _split_ids(trained)
    paths = []
    for m in range(3):
        rows = [
            [name, *map(repr, map(float, probs[part][m, i]))]
            for part in ("student", "validation", "test")
            for i, name in enumerate(ids[part])
        ]
        np.random.default_rng(m).shuffle(rows)
        paths.append(tmp_path / f"labeler{m}.csv")
        with paths[-1].open("w", newline="") as file:
            csv.writer(file).writerows([["id", "0", "1"], *rows])
    external = small_run(f"teacher.external={json.dumps([str(p) for p in paths])}", path=task)
    assert "teachers" not in external.results.stages
    np.testing.assert_allclose(students(external), students(trained), atol=1e-4)
    assert external.teacher.each["accuracy"] == trained.teacher.each["accuracy"]


def _split_ids(finished: Run) -> dict[str, list[str]]:
    from outlearn.data.load import load_task
    from outlearn.data.splits import make_splits

    config = load_config(finished.folder / "config.yaml")
    task = load_task(path=config.data.path)
    splits = make_splits(task, **config.data.fractions.model_dump(), seed=config.seed)
    return {name: [task.ids[i] for i in getattr(splits, name)] for name in ("student", "validation", "test")}


def test_votes_are_smoothed_and_the_results_say_so(small_run, tmp_path, write_task):
    task = write_task(tmp_path / "named.npz", splits=NAMED)
    ids = _split_ids(small_run(path=task))
    path = tmp_path / "votes.csv"
    rng = np.random.default_rng(0)
    rows = [[name, *rng.integers(0, 2, 2)] for names in ids.values() for name in names]
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([["id", "ann", "bob"], *rows])
    finished = small_run(f"teacher.external={path}", path=task)
    assert any("teacher.smoothing" in note for note in finished.task.caveats)
    assert finished.teacher.log_loss.mean < 10
    with pytest.raises(DataError, match=r"teacher\.smoothing above 0"):
        small_run(f"teacher.external={path}", "teacher.smoothing=0", path=task)


def test_fewer_labels_a_teacher_than_classes_are_refused_with_the_key_to_raise(write_task, tmp_path):
    path = write_task(tmp_path / "five.npz", labels=np.arange(400) % 5)
    config = [f"data.path={path}", *SMALL, "teacher.labels=2"]
    with pytest.raises(ConfigError, match=r"is 2 for 5 classes.*Raise teacher\.labels to 10, .*kind: adamw"):
        make_plan(load_config(overrides=config))
    make_plan(load_config(overrides=[*config, "teacher.labels=10"]))
    make_plan(load_config(overrides=[*config, "teacher.learner={kind: adamw}"]))


def test_a_run_in_a_notebook_shows_bars_and_one_in_a_script_nothing(small_run, monkeypatch, capsys):
    said = []

    class Shown(progress_bars.Bars):
        def say(self, text):
            said.append(text)

    small_run()
    assert not said
    monkeypatch.setattr(progress_bars, "Bars", Shown)
    monkeypatch.setattr(progress_bars, "in_notebook", lambda: True)
    small_run()
    assert any("points" in line for line in said)
    assert capsys.readouterr().out == ""


def test_the_same_labels_cut_into_other_splits_are_another_stage(small_run, write_task, tmp_path):
    votes = tmp_path / "votes.csv"
    votes.write_text("id,ann,bob\n" + "".join(f"p{i},1,0\n" for i in range(400)))
    for name, n_student in (("first", 200), ("second", 190)):
        parts = [("teacher", 100), ("student", n_student), ("validation", 250 - n_student), ("test", 50)]
        write_task(tmp_path / f"{name}.npz", splits=np.repeat(*map(np.array, zip(*parts, strict=True))))
        finished = small_run(f"teacher.external={votes}", path=tmp_path / f"{name}.npz")
        assert finished.task.n_student == n_student


def test_a_table_that_misses_a_test_point_is_refused_by_name(small_run, tmp_path, write_task):
    task = write_task(tmp_path / "named.npz", splits=NAMED)
    ids = _split_ids(small_run(path=task))
    path = tmp_path / "votes.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([["id", "ann"], *([name, 1] for name in ids["student"])])
    with pytest.raises((DataError, AlignmentError), match=ids["validation"][0]):
        small_run(f"teacher.external={path}", path=task)


@pytest.mark.parametrize(
    "overrides",
    [
        ("weak_labels.kind=hard",),
        ("weak_labels.kind=sampled",),
        ("weak_labels.kind=temperature", "weak_labels.temperature=2"),
        ("weak_labels.source=mean",),
        ("weak_labels.source=dual_mean",),
        ("weak_labels.source=weighted",),
        ("weak_labels.source=dawid_skene",),
        ("teacher.models=1",),
        ("student.learner.hidden=4",),
        ("student.learner={kind: convex, C: 1}", "student.seeds=1", "student.loss=forward_ce"),
        ("teacher.learner={kind: adamw, epochs: 3}", "teacher.draw=seeds"),
        ("measure.generator=squared_euclidean",),
        ("measure.order=prediction_first", "measure.smoothing=0.1"),
        ("data.limit=200", "teacher.labels=10"),
    ],
    ids=" ".join,
)
def test_every_way_to_run_gives_results_in_which_the_gap_is_misfit_plus_residual(small_run, overrides):
    results = small_run(*overrides).results
    for student in results.students.values():
        assert student.gap.mean == pytest.approx(student.misfit.mean + student.residual.mean, abs=1e-9)
        assert student.identity_error < 1e-9
    json.dumps(results.to_json(), allow_nan=False)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("measure.order=prediction_first", r"prediction_first.*measure\.smoothing above 0.*target_first"),
        ("measure.target=soft", r"measure\.target is soft.*measure\.target: labels"),
    ],
)
def test_what_cannot_be_measured_is_refused_before_anything_is_trained(small_run, tmp_path, override, message):
    with pytest.raises(ConfigError, match=message):
        small_run(override)
    assert list(Store(tmp_path / "store").entries()) == []


def test_a_soft_target_with_zeros_is_refused_for_prediction_first_and_one_without_is_not(write_task, tmp_path):
    labels = np.random.default_rng(0).integers(0, 2, 400)
    for floor in (0.0, 0.1):
        soft = np.where(np.eye(2)[labels] > 0, 1 - floor, floor)
        path = write_task(tmp_path / "soft.npz", labels=soft)
        given = [f"data.path={path}", *SMALL, "measure.target=soft", "measure.order=prediction_first"]
        if floor:
            make_plan(load_config(overrides=given))
        else:
            with pytest.raises(ConfigError, match=r"measure\.smoothing above 0"):
                make_plan(load_config(overrides=given))


def test_the_results_can_be_computed_again_from_the_written_predictions(small_run):
    finished = small_run()
    folder = finished.folder / "predictions"
    points = [json.loads(line) for line in (folder / "points.jsonl").read_text().splitlines()]
    labels = np.array([point["label"] for point in points if point["split"] == "test"])
    saved = load_file(folder / "students.safetensors")
    of_loss = saved["loss_of"] == 1
    gap = risk_gap(
        labels,
        teacher=Predictions.from_logits(load_file(folder / "teachers.safetensors")["test.log_probs"]),
        student=Predictions.from_logits(saved["test.log_probs"][of_loss], teacher_of=saved["teacher_of"][of_loss]),
    )
    student = finished.students["reverse_ce"]
    assert gap.gap.mean() == pytest.approx(student.gap.mean)
    assert gap.overfit_covariance == pytest.approx(student.overfit_covariance.mean)
    np.testing.assert_array_equal(finished.gap("reverse_ce").gap, gap.gap)


def test_preference_pairs_run_without_a_bias(tmp_path):
    rng = np.random.default_rng(0)
    good, bad = ["clear", "kind", "useful", "right"], ["vague", "rude", "useless", "wrong"]
    filler = [f"word{i}" for i in range(30)]

    def text(words: list[str]) -> str:
        return " ".join(rng.choice([*words, *filler], 12))

    path = tmp_path / "pairs.jsonl"
    path.write_text("".join(json.dumps({"chosen": text(good), "rejected": text(bad)}) + "\n" for _ in range(300)))
    config = load_config(
        overrides=[
            f"data.path={path}", "teacher.models=2", "teacher.labels=20", "student.encoder={kind: tfidf}",
            "student.seeds=1", "student.learner={kind: convex}", "student.loss=forward_ce", "student.checkpoints=[]",
        ]
    )  # fmt: skip
    finished = run(config, store=Store(tmp_path / "store"), out=tmp_path / "run")
    assert finished.task.kind == "preference"
    assert finished.ceiling.accuracy.mean > 0.6


def test_a_folder_with_other_content_or_another_run_is_not_overwritten(small_run, tmp_path, task_file):
    finished = small_run()
    other = load_config(overrides=[f"data.path={task_file}", "seed=9"])
    with pytest.raises(StoreError, match="another configuration"):
        run(other, store=Store(tmp_path / "store"), out=finished.folder)
    occupied = tmp_path / "occupied"
    occupied.mkdir()
    (occupied / "thesis.txt").write_text("precious")
    with pytest.raises(StoreError, match=r"holds no run.*thesis\.txt"):
        run(other, store=Store(tmp_path / "store"), out=occupied)
    assert [path.name for path in occupied.iterdir()] == ["thesis.txt"]


def test_the_same_configuration_may_go_on_in_its_folder(small_run, tmp_path):
    finished = small_run()
    again = run(load_config(finished.folder / "config.yaml"), store=Store(tmp_path / "store"), out=finished.folder)
    assert timeless(again) == timeless(load_run(finished.folder)) == timeless(finished)


def test_too_many_teachers_for_the_split_say_what_to_lower(small_run):
    with pytest.raises(ConfigError, match=r"teacher\.models to 7"):
        small_run("teacher.models=50")
    small_run("teacher.models=7")


def test_in_python_a_run_needs_no_store_and_no_folder(task_file, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OUTLEARN_STORE", raising=False)
    config = load_config(task_file, SMALL)
    first, second = run(config), run(config)
    assert first.folder.parent == second.folder.parent == Path("runs")
    assert first.folder != second.folder
    assert second.all_cached
    assert (tmp_path / ".outlearn").is_dir()


def test_the_path_is_the_same_where_heads_predict_it_again(small_run, monkeypatch, tmp_path):
    overrides = ("student.checkpoints=[0.5, 1, 2]", "student.select=validation")
    kept = small_run(*overrides)
    monkeypatch.setattr("outlearn.learners.head_learners.PATH_LOGITS", 0)
    again = run(load_config(kept.folder / "config.yaml"), store=Store(tmp_path / "other"), out=tmp_path / "again")
    logits = [
        Store(folder).read(kept.results.stages["students"].key).arrays["test"]
        for folder in (tmp_path / "store", tmp_path / "other")
    ]
    assert [len(each) for each in logits] == [4, 1]
    np.testing.assert_array_equal(logits[0][-1:], logits[1])
    np.testing.assert_allclose(students(again), students(kept), atol=FLOAT32)
    for loss, student in kept.students.items():
        assert again.students[loss].epoch == student.epoch
        for one, other in zip(again.students[loss].path, student.path, strict=True):
            np.testing.assert_allclose([one.log_loss, one.misfit], [other.log_loss, other.misfit], atol=FLOAT32)


@pytest.fixture
def torch_threads() -> Iterator[Callable[[int], None]]:
    """Set how many threads torch may use, and restore it."""
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


def test_stages_side_by_side_give_the_numbers_of_one_after_another(torch_threads, task_file, tmp_path):
    config = load_config(overrides=[f"data.path={task_file}", *SMALL, "student.loss=[auto, mae]"])
    found = []
    for threads in (1, 2):
        torch_threads(threads)
        found.append(run(config, store=Store(tmp_path / f"store{threads}"), out=tmp_path / f"with{threads}"))
    alone, beside = found
    assert timeless(alone) == timeless(beside)
    assert list(alone.results.stages) == list(beside.results.stages)
    np.testing.assert_array_equal(students(alone), students(beside))
