"""What to label next: drawn where truth is uncertain, written, filled in, read back with its weights, and right."""

from __future__ import annotations

import csv
import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from tests.preflight.test_cli_preflight import rows, write
from tests.preflight.test_preflight import world
from tests.programs import Cli

import outlearn as ol
from outlearn.core.labelers.strata import DrawnStrata
from outlearn.data.drawn_labels import drawn_list
from outlearn.data.label_files import read_label_table
from outlearn.errors import ConfigError, OutlearnError
from outlearn.results.next_labels import AIMS
from outlearn.results.preflight import load_preflight

CLASSES = ("no", "yes")


@pytest.fixture
def cli(cli: Cli) -> Cli:
    return partial(cli, "preflight")


@pytest.mark.parametrize("aim", AIMS)
def test_more_is_drawn_where_truth_is_less_certain_and_any_start_of_the_list_is_spread_over_the_strata(aim):
    features, _, labels, sample = world(n=600)
    found = ol.preflight(labels, features=features, true_labels=sample, label_next=60, aim=aim).next_labels
    assert len(found.points) == found.n_labels == 60
    assert len({point.index for point in (*found.points, *found.known)}) == 260
    assert sum(each.n_points for each in found.strata) == 600
    spreads = [each.spread for each in found.strata]
    assert spreads == sorted(spreads)
    fresh = ol.preflight(labels, features=features, label_next=60, aim=aim).next_labels
    weights = [each.weight for each in fresh.strata]
    assert weights == sorted(weights, reverse=True)
    half = np.bincount([point.stratum - 1 for point in fresh.points[:30]], minlength=len(fresh.strata))
    assert (abs(half - np.array([each.n_labels for each in fresh.strata]) / 2) <= 1).all()


def test_the_gain_needs_far_fewer_labels_by_strata_than_at_random():
    features, _, labels, _ = world(n=2000, rates=(0.2, 0.25))
    found = ol.preflight(labels, features=features, label_next=100, aim="gain").next_labels
    assert found.expected.by_strata < 0.9 * found.expected.random
    assert [at.n_labels for at in found.widths] == [50, 100, 200, 400]
    assert found.widths[0].by_strata > found.widths[-1].by_strata


def test_where_nothing_tells_points_apart_the_two_draws_are_as_good_and_it_says_so():
    rng = np.random.default_rng(0)
    labels, truth, known = rng.integers(0, 2, (1, 600)), rng.integers(0, 2, 600), rng.permutation(600) < 30
    found = ol.preflight(labels, true_labels=np.where(known, truth, -1), label_next=60).next_labels
    assert abs(found.expected.by_strata / found.expected.random - 1) < 0.1
    assert {round(each.spread, 6) for each in found.strata} == {round(found.strata[0].spread, 6)}


@pytest.mark.parametrize(
    ("n", "aim", "says"), [(5, "gain", "20 or more"), (60, "gian", "gain"), (800, "gain", "Ask for")]
)
def test_what_cannot_be_drawn_is_refused(n, aim, says):
    features, _, labels, sample = world(n=800)
    with pytest.raises(ConfigError, match=says):
        ol.preflight(labels, features=features, true_labels=sample, label_next=n, aim=aim)


def test_the_gain_cannot_be_the_aim_without_students_and_the_advice_helps():
    _, _, labels, _ = world(n=400)
    with pytest.raises(ConfigError, match="take --aim accuracy"):
        ol.preflight(labels, label_next=60, aim="gain")
    assert ol.preflight(labels, label_next=60, aim="accuracy").next_labels.n_labels == 60


def filled(path: Path, truth: dict[str, str], first: int | None = None, **changes: str) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        sheet = list(csv.DictReader(file))
    for row in sheet[:first]:
        row["label"] = truth[row["id"]]
    return [{**row, **changes} for row in sheet]


def truths(n: int) -> dict[str, str]:
    return {row["id"]: CLASSES[row["text"].startswith("fine")] for row in rows(n)}


def test_the_list_is_filled_in_and_read_back_with_its_weights(cli, tmp_path):
    labels = write(tmp_path / "labels.csv", rows(900), drop=("truth",))
    code, out, err = cli(labels, "--label-next", "90", "--aim", "gain", "--out", "report")
    assert code == 0, err
    assert "Read it back with --true to_label.csv" in out
    assert load_preflight(tmp_path / "report").next_labels.n_labels == 90
    write(tmp_path / "filled.csv", filled(tmp_path / "to_label.csv", truths(900), 80))
    code, out, err = cli(labels, "--true", "filled.csv", "--out", "measured")
    assert code == 0, err
    assert "80 of 90 points have a true label" in out
    assert "weighted by its size" in out
    found = load_preflight(tmp_path / "measured")
    assert found.truth.n_labels == 80
    wrong = np.mean([row[name] != truths(900)[row["id"]] for row in rows(900) for name in ("ann", "bob", "cy")])
    assert found.truth.error.low <= wrong <= found.truth.error.high
    assert found.student.true_gain.low <= wrong <= found.student.true_gain.high  # the student is always right


def test_true_labels_that_were_there_are_in_the_list_so_that_it_is_read_by_itself(cli, tmp_path):
    write(tmp_path / "labels.csv", rows(600))
    code, _, err = cli("labels.csv", "--label-next", "60", "--list", "next.csv")
    assert code == 0, err
    write(tmp_path / "filled.csv", filled(tmp_path / "next.csv", truths(600)))
    code, out, err = cli("labels.csv", "--true", "filled.csv")
    assert code == 0, err
    assert "260 of 260 points" in out


def test_a_list_is_never_written_over(cli, tmp_path):
    labels = write(tmp_path / "labels.csv", rows(300), drop=("truth",))
    (tmp_path / "to_label.csv").write_text("hours of work")
    code, out, err = cli(labels, "--label-next", "40")
    assert (code, out) == (2, "")
    assert "--list" in err
    assert (tmp_path / "to_label.csv").read_text() == "hours of work"
    assert cli(labels, "--label-next", "40", "--list", "other.csv")[0] == 0


def test_texts_that_a_spreadsheet_would_run_come_back_as_they_were(cli, tmp_path):
    table = rows(300)
    for row in table:
        row["id"] = f"={row['id']}"
        row["text"] = f"=1+{row['text']}"
    labels = write(tmp_path / "labels.csv", table, drop=("truth",))
    assert cli(labels, "--label-next", "40")[0] == 0
    text = (tmp_path / "to_label.csv").read_text()
    assert "'=1+" in text
    assert ",=" not in text
    truth = {f"'={name}": value for name, value in truths(300).items()}
    write(tmp_path / "filled.csv", filled(tmp_path / "to_label.csv", truth))
    code, out, err = cli(labels, "--true", "filled.csv")
    assert code == 0, err
    assert "40 of 40" in out


BAD = {
    "another table": (lambda sheet: [{**row, "id": f"q{row['id']}"} for row in sheet], "do not belong to that table"),
    "a table that has grown": (
        lambda sheet: [{**row, "stratum_points": str(int(row["stratum_points"]) - 1)} for row in sheet],
        "hold 298 points, and 300 points.*draw again",
    ),
    "a size changed in one row": (
        lambda sheet: [{**row, "stratum_points": "7"} if k == 3 else row for k, row in enumerate(sheet)],
        "in another row of stratum",
    ),
    "no size": (
        lambda sheet: [{k: v for k, v in row.items() if k != "stratum_points"} for row in sheet],
        "none called 'stratum_points'",
    ),
    "weights alone": (
        lambda sheet: [{k: v for k, v in row.items() if not k.startswith("stratum")} for row in sheet],
        "'weight' and none called 'stratum'",
    ),
    "a stratum that is no number": (lambda sheet: [{**row, "stratum": "low"} for row in sheet], "a whole number"),
    "an unknown class": (lambda sheet: [{**row, "label": "yess"} for row in sheet], 'Did you mean "yes"'),
    "one stratum without labels": (
        lambda sheet: [{**row, "label": "" if row["stratum"] == "1" else row["label"]} for row in sheet],
        "0 of the .* points of stratum 1 .*from the top",
    ),
    "more drawn than there are": (
        lambda sheet: [{**row, "stratum": "1", "stratum_points": "30"} if k < 40 else {**row, "stratum": "2",
                        "stratum_points": "270"} for k, row in enumerate(sheet)],
        "40 points of stratum 1, which has 30",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_a_list_that_does_not_belong_to_the_table_is_refused(tmp_path, name):
    change, says = BAD[name]
    labels = write(tmp_path / "labels.csv", rows(300), drop=("truth",))
    table = read_label_table(labels)
    strata = [1 + row["text"].startswith("fine") for row in rows(300)]
    drawn = [*range(60)]
    sizes = [strata.count(1), strata.count(2)]
    of_point = np.where(np.arange(300) < 60, np.array(strata) - 1, -1)
    (tmp_path / "list.csv").write_text(drawn_list(table, drawn, DrawnStrata(of_point, tuple(sizes))))
    good = filled(tmp_path / "list.csv", truths(300))
    assert read_label_table(labels, true=write(tmp_path / "good.csv", good)).true_strata.sizes == tuple(sizes)
    with pytest.raises(OutlearnError, match=says):
        read_label_table(labels, true=write(tmp_path / "bad.csv", change(good)))


def test_a_second_draw_is_joined_to_the_first_and_a_third_to_both(cli, tmp_path):
    labels, truth = write(tmp_path / "labels.csv", rows(600), drop=("truth",)), truths(600)
    assert cli(labels, "--label-next", "60")[0] == 0
    write(tmp_path / "first.csv", filled(tmp_path / "to_label.csv", truth, 50))
    code, out, err = cli(labels, "--true", "first.csv", "--label-next", "60", "--aim", "gain", "--list", "more.csv")
    assert code == 0, err
    assert "draw 2, from the points without a true label" in out
    assert "With the 50 true labels of earlier draws expect" in out
    assert "they help --aim gain most" in " ".join(out.split())
    second = filled(tmp_path / "more.csv", truth)
    assert [row["draw"] for row in second] == ["1"] * 50 + ["2"] * 60
    assert len({row["id"] for row in second}) == 110
    assert abs(sum(float(row["weight"]) for row in second) - 600) < 0.01
    write(tmp_path / "second.csv", second)
    code, out, err = cli(labels, "--true", "second.csv", "--out", "measured")
    assert code == 0, err
    assert "110 of 110 points" in out
    assert "in 2 draws" in out
    found = load_preflight(tmp_path / "measured")
    wrong = np.mean([row[name] != truth[row["id"]] for row in rows(600) for name in ("ann", "bob", "cy")])
    assert found.truth.error.low <= wrong <= found.truth.error.high
    assert cli(labels, "--true", "second.csv", "--label-next", "40", "--list", "third.csv")[0] == 0
    third = filled(tmp_path / "third.csv", truth)
    assert sorted(row["draw"] for row in third) == ["1"] * 50 + ["2"] * 60 + ["3"] * 40
    assert read_label_table(labels, true=write(tmp_path / "all.csv", third)).true_strata.counts[-1] >= 2


def test_a_later_draw_of_which_nothing_is_filled_in_says_nothing_and_earlier_rows_must_stay(cli, tmp_path):
    labels, truth = write(tmp_path / "labels.csv", rows(400), drop=("truth",)), truths(400)
    assert cli(labels, "--label-next", "40")[0] == 0
    first = read_label_table(labels, true=write(tmp_path / "first.csv", filled(tmp_path / "to_label.csv", truth)))
    assert cli(labels, "--true", "first.csv", "--label-next", "40", "--list", "more.csv")[0] == 0
    empty = read_label_table(labels, true="more.csv")
    assert (empty.true_strata.of_point == first.true_strata.of_point).all()
    assert empty.true_strata.sizes == first.true_strata.sizes
    sheet = filled(tmp_path / "more.csv", truth)
    sheet[3]["label"] = ""
    with pytest.raises(OutlearnError, match=r"1 points of draw 1 have no true label any more.*Put it back"):
        read_label_table(labels, true=write(tmp_path / "gone.csv", sheet))
    sheet = [
        {key: value for key, value in row.items() if key != "draw"} for row in filled(tmp_path / "more.csv", truth)
    ]
    with pytest.raises(OutlearnError, match=r"do not belong|in another row"):
        read_label_table(labels, true=write(tmp_path / "mixed.csv", sheet))


def test_a_list_of_one_draw_needs_no_column_that_names_it(cli, tmp_path):
    labels = write(tmp_path / "labels.csv", rows(300), drop=("truth",))
    assert cli(labels, "--label-next", "40")[0] == 0
    sheet = [{k: v for k, v in row.items() if k != "draw"} for row in filled(tmp_path / "to_label.csv", truths(300))]
    assert read_label_table(labels, true=write(tmp_path / "old.csv", sheet)).true_strata.draw is None


def test_true_labels_of_the_table_that_the_list_contradicts_are_refused(cli, tmp_path):
    write(tmp_path / "labels.csv", rows(300))
    assert cli("labels.csv", "--label-next", "40")[0] == 0
    sheet = filled(tmp_path / "to_label.csv", truths(300))
    sheet[0]["label"] = CLASSES[sheet[0]["label"] == "no"]
    write(tmp_path / "bad.csv", sheet)
    code, _, err = cli("labels.csv", "--true", "bad.csv")
    assert code == 2
    assert "are not in it or differ" in err


def test_the_plan_is_in_results_json(cli, tmp_path):
    labels = write(tmp_path / "labels.csv", rows(300), drop=("truth",))
    assert cli(labels, "--out", "plain")[0] == 0
    assert set(json.loads((tmp_path / "plain" / "results.json").read_text())["next_labels"]) == {"reason"}
    assert cli(labels, "--label-next", "40", "--out", "planned")[0] == 0
    record = json.loads((tmp_path / "planned" / "results.json").read_text())["next_labels"]
    assert record["aim"] == "accuracy"
    assert len(record["points"]) == 40


def test_a_judge_alone_is_told_what_to_label_and_measured_by_it(cli, tmp_path):
    labels = write(tmp_path / "labels.csv", rows(400), drop=("truth", "bob", "cy"))
    code, _, err = cli(labels)
    assert code == 2
    assert "--label-next 100 draws some" in err
    code, out, err = cli(labels, "--label-next", "100", "--aim", "gain")  # as is advised
    assert code == 0, err
    assert "nan" not in out
    assert "Give true labels to the points of the list" in out
    write(tmp_path / "filled.csv", filled(tmp_path / "to_label.csv", truths(400)))
    code, out, err = cli(labels, "--true", "filled.csv", "--fail-below", "gain=0")
    assert code == 0, err
    assert "The student beats a single labeler" in out
    assert "passes gain" in out
