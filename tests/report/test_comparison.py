"""Several runs side by side: every run and loss is there, counts are of paired intervals, names stay apart."""

import json
import re

import numpy as np
import pytest
from tests.report.made_up import changed, make_up

from outlearn.core.intervals import Interval
from outlearn.report.cells import format_cell, point_estimate
from outlearn.report.comparison_tables import comparison_findings, comparison_table, loss_summary, run_names
from outlearn.report.html import write_report
from outlearn.results.run_folder import Run, load_run


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    place = tmp_path_factory.mktemp("many")
    return [
        make_up(n_points=60, seed=0, name="a").write(place / "one" / "run"),
        make_up(n_points=60, seed=1, name="b", losses=("forward_ce", "mae")).write(place / "two" / "run"),
        make_up(n_points=60, seed=2, name="b", losses=("mae",), n_teachers=1).write(place / "three"),
    ]


@pytest.fixture(scope="module")
def runs(folders):
    return [load_run(folder) for folder in folders]


def everywhere(runs, **ends):
    """Return the runs with measurements of every student replaced."""
    found = []
    for run in runs:
        results = run.results
        for loss, student in run.students.items():
            fields = {}
            for key, (low, high) in ends.items():
                measured = Interval((low + high) / 2, low, high, 0.01, 4, 100)
                if key == "gain":
                    fields["differences"] = {**student.differences, "teacher": measured}
                elif key in student.scores:
                    fields["scores"] = {**student.scores, key: measured}
                else:
                    fields[key] = measured
            results = changed(results, loss, **fields)
        found.append(Run(run.folder, results, run.config))
    return found


def test_every_run_and_loss_has_a_row_with_its_own_numbers(runs):
    table = comparison_table(runs)
    names = [column.name for column in table.columns]
    rows = [dict(zip(names, row, strict=True)) for row in table.rows]
    assert [(row["run"], row["loss"]) for row in rows] == [
        (name, loss) for name, run in zip(run_names(runs), runs, strict=True) for loss in run.students
    ]
    for row in rows:
        run = runs[run_names(runs).index(row["run"])]
        student = run.students[row["loss"]]
        assert row["student"] == student.accuracy
        assert row["gain"] == student.differences["teacher"]
        assert point_estimate(row["PGR"]) == student.recovery.value
        assert row["residual"] == student.residual


def test_runs_of_one_name_are_told_apart_by_their_folders(runs):
    assert run_names(runs) == ("one/run", "two/run", "three")
    assert run_names(runs[1:]) == ("run", "three")
    assert run_names([runs[0], runs[0]]) == ("run", "run")


def test_counts_are_of_paired_intervals(runs):
    rows = {row[0]: row for row in loss_summary(runs).rows}
    for loss, row in rows.items():
        gains = [run.students[loss].differences["teacher"] for run in runs if loss in run.students]
        assert row[1] == len(gains)
        assert row[2] == sum(gain.low > 0 for gain in gains)
        assert row[3] == sum(gain.high < 0 for gain in gains)
    assert rows["forward_ce"][4] is rows["forward_ce"][5] is None


def test_ranks_of_a_run_add_up_whatever_the_ties(runs):
    tied = everywhere(runs[:1], accuracy=(0.6, 0.7))
    ranks = [row[-1] for row in loss_summary(tied).rows]
    assert ranks == [np.mean(range(1, len(ranks) + 1))] * len(ranks)


@pytest.mark.parametrize(
    ("gain", "said", "unsaid"),
    [
        ((0.01, 0.03), "students beat their labeler in 7 and lose to it in 0 (paired", None),
        ((-0.03, -0.01), "students beat their labeler in 0 and lose to it in 7", "Most often ahead"),
        (
            (-0.01, 0.03),
            "in 0 and lose to it in 0; 7 cannot be told apart from 0",
            "Most often ahead",
        ),
    ],
)
def test_the_findings_count_both_sides_and_what_cannot_be_told(runs, gain, said, unsaid):
    found = " ".join(comparison_findings(everywhere(runs, gain=gain)))
    assert found.startswith("3 runs on 2 tasks, 7 pairs of a run and a loss: students ")
    assert said in found
    assert unsaid is None or unsaid not in found


@pytest.mark.parametrize(
    ("residual", "said"),
    [
        ((-0.2, 0.2), "below the misfit in 0 of 7 cases, and above it in 0"),
        ((-0.2, -0.1), "below the misfit in 7 of 7 cases, and above it in 0"),
        ((0.1, 0.2), "below the misfit in 0 of 7 cases, and above it in 7"),
    ],
)
def test_predicted_and_measured_gain_differ_only_where_the_residual_is_told_from_zero(runs, residual, said):
    assert said in comparison_findings(everywhere(runs, residual=residual))[-1]


def test_the_page_holds_every_row_with_its_intervals(folders, runs, tmp_path):
    text = write_report(folders, tmp_path / "page.html").read_text(encoding="utf-8")
    grid = json.loads(re.search(r'class="grid-data">(.*?)</script>', text, re.DOTALL).group(1))
    assert len(grid["rows"]) == 7
    first = comparison_table(runs).rows[0]
    assert grid["rows"][0][5] == [first[5].mean, first[5].low, first[5].high]
    assert "Comparison of 3 runs" in text


def test_markdown_of_several_runs_puts_the_comparison_first(folders, runs, tmp_path):
    text = write_report(folders, tmp_path / "page.md", format="md").read_text(encoding="utf-8")
    assert text.startswith("## Comparison of 3 runs\n\n- 3 runs on 2 tasks, 7 pairs")
    assert [line for line in text.splitlines() if line.startswith("## ")][1:] == [
        "## a (one/run)",
        "## b (two/run)",
        "## b (three)",
    ]
    gain = format_cell(comparison_table(runs).rows[0][7], "points").replace("[", "\\[").replace("]", "\\]")
    assert gain in text


def test_markdown_of_one_run_holds_its_findings_and_tables(folders, tmp_path):
    text = write_report(folders[:1], tmp_path / "page.md", format="md").read_text(encoding="utf-8")
    for title in ("**Scores on the test points**", "**Gap = misfit + residual, in nats**", "**Paired accuracy"):
        assert title in text
    assert text.count("\n- ") >= 3


def test_without_out_a_comparison_goes_to_the_working_folder(folders, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert write_report(folders).name == "comparison.html"
    assert write_report(folders, format="md").name == "comparison.md"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["comparison.html", "comparison.md"]
