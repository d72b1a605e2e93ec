"""`outlearn preflight`: what it prints and writes, and one clear line and exit code 2 for every mistake of a user's."""

from __future__ import annotations

import csv
import importlib.util
import json
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from tests.programs import Cli

from outlearn.results.gates import Gate
from outlearn.results.preflight import load_preflight
from outlearn.results.preflight_gate import PREFLIGHT_FIGURES

EXAMPLE = Path(__file__).resolve().parents[2] / "docs" / "examples" / "weak_label_tables.py"
N = 120


@pytest.fixture
def cli(cli: Cli) -> Cli:
    """Return a function that runs `outlearn preflight` in an empty folder: (exit code, stdout, stderr)."""
    return partial(cli, "preflight")


def rows(n: int = N, seed: int = 0) -> list[dict[str, str]]:
    rng = np.random.default_rng(seed)
    found = []
    for i in range(n):
        truth = int(rng.integers(2))
        votes = [("no", "yes")[truth if rng.random() > 0.2 else 1 - truth] for _ in range(3)]
        text = f"{('poor', 'fine')[truth]} thing {rng.integers(9)}"
        found.append({"id": f"p{i}", "text": text, "ann": votes[0], "bob": votes[1], "cy": votes[2],
                      "truth": ("no", "yes")[truth] if i % 3 == 0 else ""})  # fmt: skip
    return found


def write(path: Path, table: list[dict[str, str]], drop: tuple[str, ...] = ()) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        names = [name for name in table[0] if name not in drop]
        writer = csv.DictWriter(file, names, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(table)
    return path


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    return write(tmp_path / "labels.csv", rows(), drop=("truth",))


def test_a_report_is_printed_and_written(cli, labels, tmp_path):
    code, out, err = cli(labels, "--out", "report")
    assert code == 0, err
    assert out.startswith(f"labels   {labels}")
    assert "Will my student beat my labeler?" in out
    assert {p.name for p in (tmp_path / "report").iterdir()} == {
        "report.html",
        "results.json",
        "summary.txt",
        "points_to_check.csv",
    }
    record = json.loads((tmp_path / "report" / "results.json").read_text())
    assert record["kind"] == "preflight"
    assert record["verdict"]["key"] == "gain"
    assert [row["name"] for row in record["labelers"]] == ["ann", "bob", "cy"]
    assert record["truth"] == {"reason": "not identifiable without true labels"}
    assert (tmp_path / "report" / "summary.txt").read_text().strip() in out
    assert str(load_preflight(tmp_path / "report")) in out
    assert cli(labels, "--out", "report")[0] == 0  # an earlier report may be replaced


def test_the_sheet_of_points_is_filled_in_and_read_back_as_true_labels(cli, tmp_path):
    labels = write(tmp_path / "labels.csv", rows(400), drop=("truth",))
    cli(labels, "--out", "report")
    truth = {row["id"]: row["text"].startswith("fine") for row in rows(400)}
    with (tmp_path / "report" / "points_to_check.csv").open(newline="") as file:
        sheet = list(csv.DictReader(file))
    assert {row["kind"] for row in sheet} == {"calibrate", "suspect"}
    for row in sheet[:60]:
        row["label"] = ("no", "yes")[truth[row["id"]]]
    for row in sheet[-2:]:  # suspects are no random sample: they must not count
        row["label"] = "no"
    write(tmp_path / "checked.csv", sheet)
    code, out, err = cli(labels, "--true", "checked.csv")
    assert code == 0, err
    assert "60 true labels" in out
    assert "no random sample" in out
    assert "the prediction without them was off by" in out


def test_true_labels_may_be_a_column_or_a_file_and_give_the_same(cli, tmp_path):
    table = rows()
    write(tmp_path / "with.csv", table)
    write(tmp_path / "without.csv", table, drop=("truth",))
    known = [{"id": row["id"], "label": row["truth"]} for row in table if row["truth"]]
    write(tmp_path / "true.csv", known[::-1])
    first = cli("with.csv", "--true-column", "truth")
    second = cli("without.csv", "--true", "true.csv")
    assert first[0] == second[0] == 0
    assert first[1].splitlines()[1:] == second[1].splitlines()[1:]


def test_rates_are_told_by_the_values_of_a_column_which_is_then_no_labeler(cli, tmp_path):
    table = [row | {"place": ("yes", "no")[i % 2]} for i, row in enumerate(rows())]  # values as labels have
    write(tmp_path / "labels.csv", table)
    code, out, err = cli("labels.csv", "--true-column", "truth", "--segment-column", "place", "--rate", "yes")
    assert code == 0, err
    assert "Labels: 3 labelers" in out
    assert re.search(r"By segment.*\n  no \(60, 20\): a label is wrong .*", out)
    code, _, err = cli("labels.csv", "--true-column", "truth", "--segment-column", "plaice")
    assert code == 2
    assert 'Did you mean "place"' in err
    code, _, err = cli("labels.csv", "--true-column", "truth", "--rate", "yess")
    assert code == 2
    assert 'Did you mean "yes"' in err


def test_texts_may_come_from_another_table_in_another_order_and_features_from_an_array(cli, labels, tmp_path):
    table = rows()
    write(tmp_path / "votes.csv", table, drop=("text", "truth"))
    write(tmp_path / "texts.csv", [{"id": row["id"], "text": row["text"]} for row in table[::-1]])
    here, there = cli(labels)[1], cli("votes.csv", "texts.csv")[1]
    assert here.splitlines()[1:] == there.splitlines()[1:]
    features = np.array([[row["text"].startswith("fine"), i % 7] for i, row in enumerate(table)], dtype=np.float64)
    np.save(tmp_path / "features.npy", features)
    code, out, err = cli("votes.csv", "features.npy")
    assert code == 0, err
    assert "given features, 2 dimensions" in out


def test_without_texts_it_says_what_the_labels_say_and_what_is_missing(cli, tmp_path):
    write(tmp_path / "votes.csv", rows(), drop=("text", "truth"))
    code, out, err = cli("votes.csv")
    assert code == 0, err
    assert "Nothing is said about a student: there are no texts or features" in out
    assert "misses the shared answer" in out


def test_one_labeler_asked_twice_is_two_columns(cli, tmp_path):
    write(tmp_path / "twice.csv", rows(), drop=("truth", "cy"))
    code, out, err = cli("twice.csv", "--asked-twice")
    assert code == 0, err
    assert "one labeler, asked again" in out


@pytest.mark.parametrize(
    ("gate", "arguments", "code", "said"),
    [
        ("0.5", ["--true-column", "truth"], 0, r"passes accuracy \(a label is right\): the lower end is 0\.\d+"),
        ("0.9", ["--true-column", "truth"], 1, r"FAILS  accuracy .* below 0\.9"),
        ("accuracy=0.5", [], 1, "FAILS  accuracy .* not identifiable without true labels"),
        ("agreement=0.5", [], 0, "passes agreement"),
        ("gain=-0.5", [], 0, "passes gain"),
        ("gain=0.5", ["--true-column", "truth"], 1, "FAILS  gain .* below 0.5"),
        ("student=0.5", ["--true-column", "truth"], 0, "passes student"),
    ],
)
def test_a_threshold_makes_the_exit_code(cli, tmp_path, gate, arguments, code, said):
    write(tmp_path / "labels.csv", rows(400), drop=() if arguments else ("truth",))
    found, out, err = cli("labels.csv", *arguments, "--fail-below", gate)
    assert found == code, err
    assert re.search(said, out.splitlines()[-1]), out.splitlines()[-1]
    assert err == ""


def test_one_failing_threshold_of_several_is_enough_and_the_report_is_written_all_the_same(cli, tmp_path):
    write(tmp_path / "labels.csv", rows(400))
    code, out, _ = cli("labels.csv", "--fail-below", "0.5", "--fail-below", "gain=0.9", "--out", "report")
    assert code == 1
    assert [line.split()[0] for line in out.splitlines()[-2:]] == ["passes", "FAILS"]
    assert load_preflight(tmp_path / "report").truth.n_labels == 134
    written = json.loads((tmp_path / "report" / "results.json").read_text())["fail_below"]
    assert [(each["figure"], each["least"], each["passes"]) for each in written] == [
        ("accuracy", 0.5, True), ("gain", 0.9, False),
    ]  # fmt: skip


def test_a_threshold_compares_the_lower_end_itself(cli, tmp_path):
    write(tmp_path / "labels.csv", rows(400))
    cli("labels.csv", "--out", "report")
    found = load_preflight(tmp_path / "report")
    low = 1 - found.truth.error.high
    figure = PREFLIGHT_FIGURES["accuracy"]
    assert Gate("accuracy", figure, low).outcome(found).passes
    assert not Gate("accuracy", figure, np.nextafter(low, 1)).outcome(found).passes


def test_columns_may_be_named_and_ids_may_be_absent(cli, tmp_path):
    table = [{"body": r["text"], "note": f"comment {i}", "a": r["ann"], "b": r["bob"]} for i, r in enumerate(rows())]
    write(tmp_path / "other.csv", table)
    code, out, err = cli("other.csv", "--labelers", "a,b", "--text-column", "body")
    assert code == 0, err
    assert "numbered from 1" in out


def test_data_is_shown_as_text_and_nothing_else(cli, tmp_path):
    table = rows()
    table[0]["id"] = "<script>\x1b[31m"
    for row in table:
        row["text"] += " <b>bold</b>"
    write(tmp_path / "odd.csv", table, drop=("truth",))
    code, out, err = cli("odd.csv", "--out", "report")
    assert code == 0, err
    assert "\x1b" not in out
    page = (tmp_path / "report" / "report.html").read_text()
    assert "&lt;script&gt;" in page
    assert "<b>bold" not in page


def changed(**changes: Callable[[list[dict[str, str]]], None]) -> list[dict[str, str]]:
    table = rows()
    for change in changes.values():
        change(table)
    return table


def put(row: int, column: str, value: str) -> Callable[[list[dict[str, str]]], None]:
    def change(table: list[dict[str, str]]) -> None:
        table[row][column] = value

    return change


def everywhere(column: str, value: Callable[[int], str]) -> Callable[[list[dict[str, str]]], None]:
    def change(table: list[dict[str, str]]) -> None:
        for i, row in enumerate(table):
            row[column] = value(i)

    return change


# Name: (table, arguments, what the message must say).
BAD = {
    "missing column": (rows(), ["--labelers", "ann,bop"], 'Did you mean "bob"'),
    "missing text column": (rows(), ["--text-column", "txt"], 'Did you mean "text"'),
    "one labeler": (rows(), ["--labelers", "ann"], "1 labeler .*asked twice"),
    "one labeler asked once": (rows(), ["--labelers", "ann", "--asked-twice"], "each answer in its own column"),
    "constant labeler": (changed(a=everywhere("bob", lambda i: "yes")), [], "'bob' always says 'yes'"),
    "no label at all": (changed(a=everywhere("bob", lambda i: "")), [], "'bob' has no label"),
    "unknown class": (rows(), ["--classes", "no,ja"], "'yes', which is no class"),
    "unknown true class": (changed(a=put(3, "truth", "yess")), ["--true-column", "truth"], 'Did you mean "yes"'),
    "fraction": (changed(a=put(1, "ann", "0.7")), [], "line 3, column 'ann': is 0.7"),
    "nan": (changed(a=put(1, "ann", "nan")), [], "line 3, column .ann.: is .nan., which is no class. Leave the cell"),
    "list": (changed(a=put(1, "ann", "[0.2, 0.8]")), [], "expected one class"),
    "a column of comments": (
        changed(a=everywhere("ann", lambda i: f"well {i}" if i else "yes")), [], "too many for classes.*--labelers",
    ),
    "duplicate ids": (changed(a=put(5, "id", "p4")), [], "line 7.*'p4' is already that of line 6"),
    "empty id": (changed(a=put(5, "id", "")), [], "has no id"),
    "empty text": (changed(a=put(5, "text", "")), [], "line 7, column 'text'"),
    "two points": (rows(2), [], "2 points"),
    "column twice": (rows(), ["--id-column", "text"], "named twice|text"),
    "named twice": (rows(), ["--labelers", "ann,ann"], "different names"),
    "empty name": (rows(), ["--labelers", "ann,,bob"], "different names"),
    "level": (rows(), ["--level", "95"], "level"),
    "largest bias": (rows(), ["--largest-bias", "0.7"], "below 0.5"),
    "encoder": (rows(), ["--encoder", "tfdif"], 'Did you mean "tfidf"'),
    "encoder that is a list": (rows(), ["--encoder", "[tfidf]"], "--encoder"),
    "both truths": (rows(), ["--true-column", "truth", "--true", "labels.csv"], "give one|both given"),
    "unknown figure": (rows(), ["--fail-below", "gian=0"], 'Did you mean "gain"'),
    "a threshold in percent": (rows(), ["--fail-below", "80"], "a number from 0 to 1 for accuracy .*accuracy=0.8"),
    "a threshold that is no number": (rows(), ["--fail-below", "gain=high"], "a number from -1 to 1 for gain"),
    "an aim of nothing": (rows(), ["--aim", "gain"], "--aim is of points to label next; add --label-next 100"),
    "a list of nothing": (rows(), ["--list", "next.csv"], "--list is of points to label next; add --label-next 100"),
    "out is full": (rows(), ["--out", "full"], "thesis.txt"),
    "out is a file": (rows(), ["--out", "labels.csv"], "--out"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_one_clear_line_and_exit_code_2(cli, tmp_path, name):
    table, arguments, message = BAD[name]
    drop = () if any("truth" in argument for argument in arguments) else ("truth",)
    write(tmp_path / "labels.csv", table, drop=drop)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("precious")
    refused(*cli("labels.csv", *arguments), message)
    assert [p.name for p in (tmp_path / "full").iterdir()] == ["thesis.txt"]


def refused(code: int, out: str, err: str, message: str) -> None:
    assert code == 2, (out, err)
    lines = err.splitlines()
    assert lines
    assert all(line.startswith("outlearn: ") for line in lines), err
    assert "Traceback" not in err
    assert re.search(message, err), err


def array(values: np.ndarray) -> Callable[[Path], None]:
    def save(path: Path) -> None:
        np.save(path, values)

    return save


def text(content: str) -> Callable[[Path], None]:
    def save(path: Path) -> None:
        path.write_text(content)

    return save


# Name of a second file: (how to write it, what the message must say).
BAD_TEXTS = {
    "nowhere.csv": (None, "does not exist"),
    "empty.csv": (text(""), "is empty"),
    "header.csv": (text("id,text\n"), "no record"),
    "short.csv": (text("text\none\ntwo\n"), "2 records for 120 points"),
    "ids.csv": (text("id,text\nq1,one\n"), "do not match"),
    "columns.csv": (text("id,body\np0,one\n"), "no column 'text'|do not match"),
    "texts.txt": (text("one\ntwo\n"), ".csv, .tsv, .jsonl, .json or .parquet"),
    "short.npy": (array(np.zeros((5, 2))), "5 rows of features for 120"),
    "nan.npy": (array(np.full((N, 2), np.nan)), "row 1: 240 features are not finite.* the first is nan in column 0"),
    "flat.npy": (array(np.zeros(N)), "points, features"),
    "words.npy": (array(np.full((N, 2), "a")), "expected numbers"),
    "pickle.npy": (array(np.array([[object()] * 2] * N)), "pickled"),
    "noise.npy": (text("no array"), "not a .npy"),
}


@pytest.mark.parametrize("name", BAD_TEXTS)
def test_bad_texts_and_features_are_one_clear_line(cli, labels, tmp_path, name):
    save, message = BAD_TEXTS[name]
    if save:
        save(tmp_path / name)
    refused(*cli(labels, name), message)


BAD_TRUE = {
    "empty.csv": ("", "is empty"),
    "no_label.csv": ("id,a,b\np0,1,2\n", "no column 'label'"),
    "blank.csv": ("id,label\np0,\n", "no true label"),
    "unknown_id.csv": ("id,label\nq9,yes\n", "'q9'"),
    "unknown_class.csv": ("id,label\np0,maybe\n", "no class"),
    "twice.csv": ("id,label\np0,yes\np0,no\n", "already that of"),
    "no_id.csv": ("label\nyes\n", "1 records for 120"),
}


@pytest.mark.parametrize("name", BAD_TRUE)
def test_bad_true_labels_are_one_clear_line(cli, labels, tmp_path, name):
    content, message = BAD_TRUE[name]
    (tmp_path / name).write_text(content)
    refused(*cli(labels, "--true", name), message)


@pytest.mark.parametrize("name", ["nowhere.csv", "empty.csv", "table.xyz", "folder"])
def test_bad_tables_are_one_clear_line(cli, tmp_path, name):
    if name == "folder":
        (tmp_path / name).mkdir()
    elif name != "nowhere.csv":
        (tmp_path / name).write_text("" if name == "empty.csv" else "id,a\n")
    refused(*cli(name), re.escape(name))


def test_the_example_of_the_docs_page_writes_the_tables_it_says(tmp_path):
    spec = importlib.util.spec_from_file_location("weak_label_tables", EXAMPLE)
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    example.main(tmp_path)
    assert {p.name for p in tmp_path.iterdir()} == {"careless.csv", "wrong.csv", "true.csv"}
    assert (tmp_path / "wrong.csv").read_text().splitlines()[0] == "id,text,ann,bob,cy"
    assert len((tmp_path / "true.csv").read_text().splitlines()) == 201


def test_texts_of_a_larger_table_are_joined_whatever_their_ids_are_called(cli, tmp_path):
    """Labels of 60 points of 200, from a model's answers: the other texts are left out, and a note says so."""
    (tmp_path / "texts.csv").write_text(
        "ticket_id,body\n" + "".join(f"T-{i},some {'bad' if i % 2 else 'good'} words about {i}\n" for i in range(200))
    )
    rows = "".join(f"T-{i},{'ny'[i % 2]},{'ny'[(i + (i % 9 == 0)) % 2]}\n" for i in range(60))
    (tmp_path / "labels.csv").write_text("id,a,b\n" + rows)
    code, out, err = cli(tmp_path / "labels.csv", tmp_path / "texts.csv", "--text-column", "body")
    assert code == 0, err
    assert "140 of 200 texts" in " ".join(out.split())


def test_of_many_segments_the_best_known_are_shown_and_the_others_counted(cli, tmp_path):
    table = rows()
    for i, row in enumerate(table):
        row["place"] = f"town {i // 3 % 3}" if row["truth"] else f"village {i % 17}"
    write(tmp_path / "labels.csv", table)
    code, out, err = cli("labels.csv", "--true-column", "truth", "--segment-column", "place")
    assert code == 0, err
    listed = re.search(r"By segment.*; of 20, the 3 with the most true labels\n((?:  town .*\n(?:    .*\n)*)*)", out)
    assert listed is not None, out
    assert listed[1].count("  town ") == 3
    assert "  and 17 more in results.json, 17 of them with too few true labels for rates\n" in out
