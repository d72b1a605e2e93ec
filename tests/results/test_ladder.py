"""A ladder reads runs as the sweep lists them, compares on the same splits, and leaves the own teacher out."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from tests.report.made_up import make_up

from outlearn.core.across_tasks.block_means import over_splits
from outlearn.core.decomposition.left_out_mean import distance_to_left_out_mean
from outlearn.report.html import write_report
from outlearn.report.ladder_section import ladder_findings
from outlearn.results.ladder import read_ladder
from outlearn.results.measurement import Withheld
from outlearn.results.sweep import load_sweep

pytestmark = pytest.mark.medium

STUDENTS = ("weak", "middle", "strong")
EXACT = 1e-12


def write(path, *, ladder="student.encoder", left_out=(), teachers=4, losses=("forward_ce", "mae")):
    """Write a sweep of three students, two kinds of teachers and three splits; a stronger student has more skill."""
    records = []
    for kind in ("noisy", "quiet"):
        for place, student in enumerate(STUDENTS):
            for seed in range(3):
                label = f"{student}-{kind}-{seed}"
                if label in left_out:
                    continue
                run = make_up(
                    name="words",
                    seed=seed + 10 * place + 100 * len(kind),
                    n_points=40,
                    n_teachers=teachers,
                    losses=losses,
                    own_noise=2.0 if kind == "noisy" else 1.0,
                )
                run.config["seed"] = seed
                run.write(path / "runs" / label)
                values = {"student.encoder": student, "seed": seed, "teacher.learner": kind, "teacher.encoder": "none"}
                records.append({"label": label, "values": values, "status": "finished", "cause": None})
    keys = ["student.encoder", "seed", "teacher.learner", "teacher.encoder"]
    content = {"schema": 1, "name": "made up", "keys": keys, "ladder": ladder, "n_students": 9, "seconds": 1.0}
    (path / "sweep.json").write_text(json.dumps({**content, "runs": records}), encoding="utf-8")
    return load_sweep(path)


@pytest.fixture(scope="module")
def sweep(tmp_path_factory):
    return write(tmp_path_factory.mktemp("ladder"))


def test_rungs_are_means_over_splits_in_the_order_of_the_sweep(sweep):
    ladder = read_ladder(sweep)
    assert (ladder.students, ladder.teachers) == (STUDENTS, ("noisy", "quiet"))
    runs = [run.run for run in sweep.runs if run.label.startswith("strong-quiet")]
    rung = ladder.rungs["mae", "quiet", "strong"]
    distances = [
        distance_to_left_out_mean(
            run.predictions.teachers, run.predictions.students["mae"], generator=run.measure.generator
        ).mean()
        for run in runs
    ]
    shared = np.array([run.task.n_test / run.task.n_student for run in runs])
    expected = over_splits(np.array(distances), np.zeros(3, dtype=int), np.arange(3), shared)
    assert (rung.distance_to_others.mean, rung.distance_to_others.high) == pytest.approx(
        (expected.mean, expected.high), rel=EXACT
    )
    assert rung.misfit.mean == pytest.approx(np.mean([run.students["mae"].misfit.mean for run in runs]), rel=EXACT)
    gains = [run.students["mae"].recovery.gain.mean for run in runs]
    rooms = [run.students["mae"].recovery.room.mean for run in runs]
    if not isinstance(rung.pgr, Withheld):
        assert rung.pgr.mean == pytest.approx(np.mean(gains) / np.mean(rooms), rel=EXACT)


def test_a_difference_is_paired_by_split(sweep):
    ladder = read_ladder(sweep)
    change = ladder.difference("mae", "noisy", "strong", "weak")
    by = {run.label: run.run.students["mae"].accuracy.mean for run in sweep.runs}
    each = np.array([by[f"strong-noisy-{seed}"] - by[f"weak-noisy-{seed}"] for seed in range(3)])
    assert change.accuracy.mean == pytest.approx(each.mean(), rel=EXACT)
    assert change.accuracy.standard_error > each.std(ddof=1) / np.sqrt(3)  # for what splits share
    assert isinstance(change.pgr, Withheld)


def test_splits_that_a_student_lacks_are_left_out_for_all(tmp_path):
    ladder = read_ladder(write(tmp_path, left_out=("middle-noisy-1",)))
    assert ladder.rungs["mae", "noisy", "weak"].accuracy.n_models == 2
    assert ladder.rungs["mae", "quiet", "weak"].accuracy.n_models == 3


def test_a_single_teacher_has_no_others(tmp_path):
    rung = read_ladder(write(tmp_path, teachers=1)).rungs["mae", "quiet", "weak"]
    assert "two at least" in rung.distance_to_others.reason
    assert not isinstance(rung.misfit, Withheld)


def test_a_sweep_without_a_ladder_has_none(tmp_path):
    assert read_ladder(write(tmp_path, ladder=None)) is None


def test_the_page_shows_the_ladder_and_figures_are_drawn(sweep, tmp_path):
    page = write_report([sweep.folder], tmp_path / "page.html", figures=tmp_path / "figures").read_text()
    assert "From the smallest student to the largest" in page
    assert {path.name for path in (tmp_path / "figures").glob("ladder-*.svg")} == {
        "ladder-forward_ce.svg",
        "ladder-mae.svg",
    }


def test_a_direction_is_claimed_only_where_its_interval_excludes_0(sweep):
    ladder = read_ladder(sweep)
    said = " ".join(ladder_findings(ladder))
    assert "of 4 steps between neighbours" in said
    sure = replace(sweep, runs=tuple(run for run in sweep.runs if run.seed == 0))
    unsure = " ".join(ladder_findings(read_ladder(sure)))
    assert "is not shown to be nearer to the mean of the others" in unsure, "one split has no interval"
