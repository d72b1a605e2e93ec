"""Runs in which most points have no label: students as before, ceilings of what labels there are, and what is said."""

from __future__ import annotations

import csv
import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file, save_file
from tests.programs import Cli

from outlearn.data import make_splits, make_task
from outlearn.errors import ConfigError, DataError
from outlearn.experiment.pipeline import Run
from outlearn.experiment.stages.ceilings import ceiling_notes, ceiling_points
from outlearn.report.html import write_report
from outlearn.report.summary import describe, summary_text

pytestmark = pytest.mark.medium

N = 400
SPLIT = np.array(["teacher", "student", "student", "validation", "test"] * 80)
RUN = [
    part
    for override in (
        "teacher.models=2", "teacher.labels=12", "student.seeds=1", "student.learner.epochs=2",
        "student.checkpoints=[]", "student.loss=forward_ce",
    )
    for part in ("--set", override)
]  # fmt: skip


def predictions(finished: Run, who: str) -> dict[str, np.ndarray]:
    return load_file(finished.folder / "predictions" / f"{who}.safetensors")


def write_votes(path: Path, labels: np.ndarray) -> Path:
    """Write what two labelers say of each point: the truth of three in four."""
    votes = np.where(np.random.default_rng(1).random((2, N)) < 0.75, labels, 1 - labels)
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([["id", "a", "b"], *([f"p{i}", *votes[:, i]] for i in range(N))])
    return path


@pytest.mark.parametrize("external", [False, True], ids=["trained teachers", "external teachers"])
def test_students_are_the_same_bit_for_bit_with_and_without_the_labels_of_their_split(
    small_run, write_task, tmp_path, external
):
    labels = np.load(write_task(tmp_path / "known.npz", splits=SPLIT))["labels"]
    unknown = np.where(SPLIT == "student", -1, labels)
    write_task(tmp_path / "unknown.npz", splits=SPLIT, labels=unknown)
    with_labels = [f"teacher.external={write_votes(tmp_path / 'votes.csv', labels)}"] if external else []
    known, without = (small_run(*with_labels, path=tmp_path / f"{name}.npz") for name in ("known", "unknown"))
    for name, array in predictions(known, "students").items():
        np.testing.assert_array_equal(array, predictions(without, "students")[name])
    of_known, of_unknown = (predictions(run, "ceilings")["test.log_probs"] for run in (known, without))
    assert not np.array_equal(of_known, of_unknown)
    assert known.ceiling.labels == known.task.n_student == 160
    assert without.ceiling.labels == without.task.n_teacher == 80
    assert (known.task.n_unlabeled, without.task.n_unlabeled) == (0, 160)
    # Everything that is not measured against the ceilings is the same.
    for part in ("teacher", "labeler", "ensembles", "majority", "teacher_bias_variance"):
        assert getattr(known.results, part) == getattr(without.results, part)


def test_a_ceiling_of_stand_ins_is_the_ceiling_of_a_labeled_task_with_those_points(small_run, write_task, tmp_path):
    """Where the student split has no label, ceilings are trained as they would be on the teacher split."""
    labels = np.load(write_task(tmp_path / "a.npz", splits=SPLIT))["labels"]
    swapped = np.select([SPLIT == "teacher", SPLIT == "student"], ["student", "teacher"], SPLIT)
    write_task(tmp_path / "swapped.npz", splits=swapped)
    write_task(tmp_path / "unknown.npz", splits=SPLIT, labels=np.where(SPLIT == "student", -1, labels))
    one, other = (small_run(path=tmp_path / f"{name}.npz") for name in ("unknown", "swapped"))
    np.testing.assert_array_equal(
        predictions(one, "ceilings")["test.log_probs"], predictions(other, "ceilings")["test.log_probs"]
    )


@pytest.mark.parametrize("known", [0, 1, 60, 119, 120])
def test_ceilings_learn_from_labeled_points_alone_as_many_as_students_have_if_there_are(known):
    labels = np.array([i % 2 for i in range(240)])
    assigned = ["student"] * 120 + ["teacher"] * 60 + ["validation"] * 20 + ["test"] * 40
    labels[known:120] = -1
    task = make_task(
        name="t", class_names=["n", "y"], texts=[f"t{i}" for i in range(240)], labels=labels, assigned=assigned
    )
    splits = make_splits(task)
    points = ceiling_points(task, splits, seed=0)
    assert task.labeled[points].all()
    assert len(points) == len(set(points.tolist())) == min(120, known + 60)
    assert set(range(known)) <= set(points.tolist()) <= set(range(180))
    stand_ins = points[points >= 120]
    assert abs(np.diff(np.bincount(task.labels[stand_ins], minlength=2))) <= 1
    notes = ceiling_notes(task, splits)
    if known == 120:
        assert notes == ()
        np.testing.assert_array_equal(points, splits.student)
    else:
        assert notes[0].startswith(
            f"Ceilings learn from {len(points)} true labels, {known} of the student split and {len(stand_ins)} of the"
        )
        assert ("PGR would be smaller" in notes[0]) == (len(points) < 120)


def test_the_summary_and_the_notes_say_what_has_no_label_and_what_ceilings_learned_from(
    small_run, write_task, tmp_path
):
    labels = np.load(write_task(tmp_path / "a.npz"))["labels"]
    path = write_task(tmp_path / "few.npz", labels=np.where(np.arange(N) < 120, labels, -1))
    votes = write_votes(tmp_path / "votes.csv", labels)
    finished = small_run(f"teacher.external={votes}", path=path)
    task = finished.task
    assert task.n_unlabeled == 280
    lines = dict(describe(finished.results))
    n_labels = finished.ceiling.labels
    assert task.n_student == 280 + n_labels
    assert f"{280 + n_labels} student (280 of them without a true label)" in lines["points"]
    assert lines["ceiling"] == (
        f"2 strong students trained on {n_labels} true labels only, where students had {280 + n_labels} points, so "
        "that PGR is rather too high; chosen by cross-validation on those, among 21"
    )
    assert task.n_teacher == 0
    assert n_labels + task.n_validation + task.n_test == 120
    assert task.notes[0] == "280 of 400 points have no label: students alone learn from them."
    assert any("PGR would be smaller" in note for note in task.notes)
    assert any("No teacher is trained here" in note for note in task.notes)
    assert "280 of them without a true label" in " ".join(summary_text(finished.results).split())
    points = (finished.folder / "predictions" / "points.jsonl").read_text().splitlines()
    assert {json.loads(point)["label"] for point in points} == {0, 1}


def test_measuring_against_soft_targets_works_where_unlabeled_points_have_none(small_run, write_task, tmp_path):
    labels = np.load(write_task(tmp_path / "a.npz"))["labels"]
    soft = np.where(labels[:, None] == [0, 1], 0.9, 0.1)
    soft[150:] = np.nan
    write_task(tmp_path / "soft.npz", labels=soft)
    votes = write_votes(tmp_path / "votes.csv", labels)
    finished = small_run("measure.target=soft", f"teacher.external={votes}", path=tmp_path / "soft.npz")
    assert np.isfinite(finished.students["reverse_ce"].gap.mean)


@pytest.fixture
def refused(cli: Cli) -> Callable[..., str]:
    """Return a function that runs a configuration which must fail with exit code 2, and gives its one line of error."""

    def go(*arguments: str) -> str:
        code, _, err = cli("run", *RUN, *arguments)
        assert code == 2
        assert err.startswith("outlearn: error: ")
        assert len(err.splitlines()) == 1, err
        return err.strip()

    return go


def rows(n_labeled: int, n_unlabeled: int) -> list[dict[str, object]]:
    labels = [["no", "yes"][i % 2] for i in range(n_labeled)] + [None] * n_unlabeled
    return [{"id": f"p{i}", "text": f"text {i}", "answer": label} for i, label in enumerate(labels)]


BAD = {
    "a typo in the name of the label column": (
        rows(200, 50), ("data.label_column=anwser",),
        "no column 'anwser' for data.label_column .--true-column.; .*\"answer\"",
    ),
    "no label at all": (rows(0, 50), (), "column 'answer': no record has a label.*data.label_column"),
    "one class": (
        [row for row in rows(200, 50) if row["answer"] != "yes"], (), "every label is .no.: one class",
    ),
    "an unlabeled point in test": (
        [{**row, "split": "test" if i > 199 else "train"} for i, row in enumerate(rows(200, 50))],
        (),
        "point 'p200' has no label, and the file puts it in test .and 49 more",
    ),
    "too few labels": (rows(5, 200), (), "no point of class 'yes'.*There are 5 points with a label"),
    "more labels for a teacher than there are": (
        rows(40, 200), ("teacher.labels=30",), "teacher.draw: disjoint needs 60 points, and the teacher split has 2.",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD.values(), ids=BAD)
def test_bad_input_is_one_line_and_exit_code_2(case, refused, tmp_path):
    records, overrides, message = case
    (tmp_path / "d.jsonl").write_text("".join(json.dumps(row) + "\n" for row in records))
    extra = [part for override in overrides for part in ("--set", override)]
    err = refused("--set", "data.path=d.jsonl", "--set", "data.label_column=answer", *extra)
    assert re.search(message, err), err


def test_a_labeler_that_left_out_an_unlabeled_point_is_named_with_the_point(refused, tmp_path):
    (tmp_path / "d.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows(100, 100)))
    (tmp_path / "llm.csv").write_text("id,llm\n" + "".join(f"p{i},yes\n" for i in range(200) if i != 150))
    err = refused(
        "--set", "data.path=d.jsonl", "--set", "data.label_column=answer", "--set", "teacher.external=llm.csv"
    )
    assert "1 of " in err
    assert "points have no row: 'p150'" in err


CONVEX = ("student.learner={kind: convex}", "student.loss=forward_ce", "student.seeds=1", "student.checkpoints=[]")


def votes_with_gaps(path: Path, labels: np.ndarray, silent: np.ndarray) -> tuple[Path, np.ndarray]:
    """Write two labelers who are right in three of four answers and leave points out; return the votes too."""
    votes = np.where(np.random.default_rng(1).random((2, N)) < 0.75, labels, 1 - labels)
    with path.open("w", newline="") as file:
        rows = [[f"p{i}", *("" if gap else vote for vote, gap in zip(votes[:, i], silent[:, i], strict=True))]
                for i in range(N)]  # fmt: skip
        csv.writer(file).writerows([["id", "a", "b"], *rows])
    return path, votes


def test_a_gap_is_not_scored_is_said_and_stays_in_the_predictions(small_run, write_task, tmp_path):
    labels = np.load(write_task(tmp_path / "t.npz", splits=SPLIT))["labels"]
    silent = np.random.default_rng(2).random((2, N)) < 0.4
    path, votes = votes_with_gaps(tmp_path / "votes.csv", labels, silent)
    run = small_run(f"teacher.external={path}", "teacher.missing=abstain", *CONVEX, path=tmp_path / "t.npz")
    test = SPLIT == "test"
    right = [(votes[m] == labels)[test & ~silent[m]].mean() for m in (0, 1)]
    assert run.results.teacher.each["accuracy"] == pytest.approx(right)
    asked = SPLIT != "teacher"
    for name, gaps in zip("ab", (silent & asked).sum(axis=1), strict=True):
        assert f"{name} has no label for {gaps} of 320 points: gaps, which are neither learned from nor scored." in (
            run.results.task.caveats
        )
    assert run.results.teacher_bias_variance.total.reason.startswith("teachers leave points out")
    np.testing.assert_array_equal(run.predictions.teachers.answered, ~silent[:, test])
    student = run.results.students["forward_ce"]
    assert run.gap("forward_ce").summary().gap.mean == pytest.approx(student.gap.mean)
    assert student.differences["teacher"].mean == pytest.approx(
        np.mean([
            (run.predictions.students["forward_ce"].log_probs[m].argmax(1) == labels[test])[~silent[m, test]].mean()
            - right[m]
            for m in (0, 1)
        ])
    )  # fmt: skip
    # The best teacher and the students on the same points: those that it answers.
    best = run.results.controls.best_teacher.model
    students = run.predictions.students["forward_ce"].log_probs.argmax(axis=-1) == labels[test]
    paired = students[:, ~silent[best, test]].mean() - right[best]
    assert student.differences["best_teacher"].mean == pytest.approx(paired)


@pytest.mark.parametrize("order", ["target_first", "prediction_first"])
def test_the_report_says_the_same_whatever_stands_in_a_gap(order, small_run, write_task, tmp_path):
    labels = np.load(write_task(tmp_path / "t.npz", splits=SPLIT))["labels"]
    silent = np.random.default_rng(2).random((2, N)) < 0.4
    path, _ = votes_with_gaps(tmp_path / "votes.csv", labels, silent)
    run = small_run(
        f"teacher.external={path}", "teacher.missing=abstain", f"measure.order={order}", "measure.smoothing=0.01",
        *CONVEX, path=tmp_path / "t.npz",
    )  # fmt: skip
    file = run.folder / "predictions" / "teachers.safetensors"
    with safe_open(file, framework="numpy") as opened:
        names = opened.metadata()
    pages = []
    for stands in ([0.5, 0.5], [0.99, 0.01]):
        arrays = load_file(file)
        assert (arrays["test.answered"] == 0).all(axis=0).any()  # at some point nobody says anything
        arrays["test.log_probs"][arrays["test.answered"] == 0] = np.log(stands)
        save_file(arrays, file, metadata=names)
        sign(run.folder, file)
        page = write_report([run.folder], tmp_path / "report.html").read_text(encoding="utf-8")
        assert "NaN" not in re.sub(r"<script>.*?</script>", "", page, flags=re.DOTALL)
        pages.append(page)
    assert pages[0] == pages[1]


def sign(folder: Path, file: Path) -> None:
    """Let results.json own a file of predictions that was changed."""
    results = json.loads((folder / "results.json").read_text())
    results["files"][file.relative_to(folder).as_posix()] = hashlib.sha256(file.read_bytes()).hexdigest()
    (folder / "results.json").write_text(json.dumps(results))


def test_points_that_a_labeler_leaves_out_do_not_move_its_students(small_run, write_task, tmp_path):
    """Weights of 0 are as good as absence: students of 160 points, 60 of them left out, are those of the other 100."""
    file = np.load(write_task(tmp_path / "t.npz", splits=SPLIT))
    left_out = np.flatnonzero(SPLIT == "student")[:60]
    silent = np.zeros((2, N), dtype=bool)
    silent[:, left_out] = True
    path, _ = votes_with_gaps(tmp_path / "votes.csv", file["labels"], silent)
    moved = file["features"].copy()
    moved[left_out] = moved[left_out[::-1]]  # exchanged among themselves, which leaves the scale of features as it is
    write_task(tmp_path / "moved.npz", splits=SPLIT, features=moved)
    settings = (f"teacher.external={path}", "teacher.missing=abstain", *CONVEX, "student.encoder={kind: array}")
    one, other = (small_run(*settings, path=tmp_path / f"{name}.npz") for name in ("t", "moved"))
    for name, array in predictions(one, "students").items():
        np.testing.assert_allclose(array, predictions(other, "students")[name], atol=1e-5)


def test_a_loss_of_whole_minibatches_cannot_leave_points_out_and_a_silent_labeler_is_named(
    small_run, write_task, tmp_path
):
    labels = np.load(write_task(tmp_path / "t.npz", splits=SPLIT))["labels"]
    silent = np.zeros((2, N), dtype=bool)
    silent[0, ::3] = True
    path, _ = votes_with_gaps(tmp_path / "votes.csv", labels, silent)
    external = (f"teacher.external={path}", "teacher.missing=abstain")
    with pytest.raises(ConfigError, match=r"looks at a whole minibatch.*votes\.csv.*reverse_ce"):
        small_run(*external, "student.loss=[aux_conf]", path=tmp_path / "t.npz")
    beside = small_run(*external, "student.loss=[aux_conf, reverse_ce]", path=tmp_path / "t.npz")
    assert list(beside.students) == ["reverse_ce"]
    assert any("aux_conf was left out" in note for note in beside.task.caveats)
    silent[1, SPLIT == "test"] = True
    path, _ = votes_with_gaps(tmp_path / "votes.csv", labels, silent)
    with pytest.raises(DataError, match="b has no label for any of the 80 points of the test split"):
        small_run(*external, path=tmp_path / "t.npz")
    # Two labelers of three points in four: auto compares and trains them where they speak.
    silent[1, SPLIT == "test"] = False
    path, _ = votes_with_gaps(tmp_path / "votes.csv", labels, silent)
    found = small_run(
        *external, "student.loss=auto", "student.checkpoints=[]", "student.seeds=1", path=tmp_path / "t.npz"
    )
    assert np.isfinite(found.results.students["auto"].gap.mean)


def test_texts_that_an_encoder_knows_no_word_of_are_counted_before_the_numbers(small_run, tmp_path):
    rng = np.random.default_rng(0)
    rows = [f"{'good' if k % 2 else 'bad'} {rng.integers(50)} w{k},{k % 2}" for k in range(240)]
    rows[::4] = [f"{chr(0x1F600 + k % 60)},{k % 2}" for k in range(0, 240, 4)]  # emoji are no words
    path = tmp_path / "emoji.csv"
    path.write_text("text,label\n" + "\n".join(dict.fromkeys(rows)), encoding="utf-8")
    encoders = ("student.encoder={kind: tfidf}", "teacher.encoder={kind: tfidf}")
    run = small_run(*encoders, "teacher.models=2", "student.loss=[forward_ce]", path=path)
    n_points = run.task.n_teacher + run.task.n_student + run.task.n_validation + run.task.n_test
    assert [caveat.partition(" of ")[2].partition(":")[0] for caveat in run.task.caveats] == [
        f"{n_points} points have no feature that {who}.encoder knows" for who in ("teacher", "student")
    ]
    assert run.task.caveats[0] in " ".join(summary_text(run.results, width=1000).split())
