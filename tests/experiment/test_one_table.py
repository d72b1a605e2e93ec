"""One table with texts, labelers with gaps and few true labels: a run takes it as it is."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import numpy as np
import pytest
from tests.programs import Cli

from outlearn.data import load_task, load_weak_labels
from outlearn.data.label_columns import LabelColumns
from outlearn.errors import ConfigError, DataError
from outlearn.experiment.load_config import load_config
from outlearn.experiment.pipeline import run
from outlearn.preflight_checks.preflight_files import preflight_files
from outlearn.report.summary import summary_text
from outlearn.results.verdict import verdict
from outlearn.store.store import Store

pytestmark = pytest.mark.medium

N = 300
WORDS = {"refund": "money back please", "billing": "the invoice is wrong", "other": "a question about opening hours"}
SMALL = (
    "student.encoder={kind: tfidf}", "student.seeds=1", "student.learner.epochs=3", "student.checkpoints=[]",
    "student.loss=[forward_ce, reverse_ce]", "ceiling.models=1",
)  # fmt: skip
HEADER = ("ticket_id", "created", "body", "llm", "ann", "gold")


def rows(*, gaps: bool = True, n_true: int = 120) -> list[dict[str, str]]:
    rng = np.random.default_rng(0)
    found = []
    for i in range(N):
        truth = list(WORDS)[i % 3]
        votes = [truth if rng.random() < 0.8 else list(WORDS)[int(rng.integers(3))] for _ in range(2)]
        ann = "" if gaps and rng.random() < 0.4 else votes[1]
        gold = truth if i < n_true else ""
        text = f"{WORDS[truth]} number {i}"
        found.append(dict(zip(HEADER, (f"T{i}", f"2026-01-{i % 28 + 1:02}", text, votes[0], ann, gold), strict=True)))
    return found


def write(path: Path, table: list[dict[str, str]], names: tuple[str, ...] = HEADER) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, names, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(table)
    return path


@pytest.fixture
def tickets(tmp_path: Path) -> Path:
    return write(tmp_path / "tickets.csv", rows())


def test_the_configuration_names_what_was_found_and_a_warning_says_it(tickets):
    with pytest.warns(UserWarning, match="By the columns' names") as said:
        found = load_config(tickets).data
    assert (found.id_column, found.text_column, found.label_column) == ("ticket_id", "body", "gold")
    assert found.labelers == ("llm", "ann")
    assert "the labelers are llm, ann; the true labels are in gold" in str(said[0].message)
    named = LabelColumns("ticket_id", "body", "gold", ["llm", "ann"])
    assert load_config(tickets, columns=named).data == found  # and nothing is said, or this test would fail


def test_a_run_on_one_table_is_the_run_on_two_and_on_its_own_configuration(tickets, tmp_path):
    columns = LabelColumns("ticket_id", "body", "gold", ["llm", "ann"])
    store = Store(tmp_path / "store")
    one = run(load_config(tickets, SMALL, columns=columns), store=store, out=tmp_path / "one")
    again = run(load_config(tmp_path / "one" / "config.yaml"), store=store, out=tmp_path / "again")
    assert again.all_cached
    assert again.results.students == one.results.students

    table = [{**row, "id": row["ticket_id"], "text": row["body"], "label": row["gold"]} for row in rows()]
    write(tmp_path / "points.csv", table, ("id", "text", "label"))
    write(tmp_path / "votes.csv", table, ("id", "llm", "ann"))
    apart = ("teacher.missing=abstain", f"teacher.external={tmp_path / 'votes.csv'}")
    two = run(load_config(tmp_path / "points.csv", (*SMALL, *apart)), store=store, out=tmp_path / "two")
    assert one.results.teacher == two.results.teacher
    assert one.results.students == two.results.students


def test_a_run_and_preflight_answer_alike_about_these_very_labelers(tmp_path):
    """Two labelers say little about others; whether a student of these beats them, the test points do tell."""
    path = write(tmp_path / "tickets.csv", rows(gaps=False))
    columns = LabelColumns("ticket_id", "body", "gold", ["llm", "ann"])
    settings = (*SMALL, "student.loss=forward_ce", "student.learner.epochs=30")
    config = load_config(path, settings, columns=columns)
    results = run(config, store=Store(tmp_path / "store"), out=tmp_path / "run").results
    difference = results.students["forward_ce"].differences["teacher"]
    assert difference.over == "points"
    assert verdict(results, "forward_ce").action == "train the student"
    preflight = preflight_files(path, columns=columns)
    assert preflight.verdict.key == "gain"
    assert "of these very labelers" in " ".join(summary_text(results).split())


def test_a_gap_is_no_answer_a_labeler_is_scored_where_it_answers(tickets):
    task = load_task(path=tickets, id_column="ticket_id", text_column="body", label_column="gold", labelers=["ann"])
    weak = task.weak_labels
    assert weak is not None
    assert weak.labels[0].tolist() == [task.class_names.index(row["ann"]) if row["ann"] else -1 for row in rows()]
    order = np.arange(N)[::-2]
    np.testing.assert_array_equal(task.select(order).weak_labels.labels, weak.labels[:, order])


def test_labelers_of_pairs_speak_of_chosen_and_rejected_whatever_the_slots(tmp_path):
    table = [
        {"chosen": f"good {i}", "rejected": f"bad {i}", "llm": ("chosen", "rejected", "")[i % 3]} for i in range(40)
    ]
    task = load_task(path=write(tmp_path / "pairs.csv", table, ("chosen", "rejected", "llm")), labelers=["llm"])
    right = task.weak_labels.labels[0] == task.labels
    np.testing.assert_array_equal(right, [i % 3 == 0 for i in range(40)])
    np.testing.assert_array_equal(task.weak_labels.labels[0] == -1, [i % 3 == 2 for i in range(40)])


def test_labelers_beside_complete_true_labels_are_asked_about_and_both_answers_work(tmp_path):
    path = write(tmp_path / "full.csv", rows(gaps=False, n_true=N))
    with pytest.raises(DataError, match="every point has a true label") as caught:
        load_config(path)
    advised = re.findall(r"--labelers (\S+)", str(caught.value))
    assert advised == ["llm,ann", "none"]
    for names, expected in ((["llm", "ann"], ("llm", "ann")), ([], ())):
        with pytest.warns(UserWarning, match="true labels are in gold"):
            assert load_config(path, columns=LabelColumns(labelers=names)).data.labelers == expected


def test_labels_from_elsewhere_stand_alone_unless_columns_are_named_too(tickets, tmp_path):
    votes = write(
        tmp_path / "votes.csv", [{"id": row["ticket_id"], "gpt": row["llm"]} for row in rows()], ("id", "gpt")
    )
    given = (f"teacher.external={votes}",)
    with pytest.warns(UserWarning, match="ids are in ticket_id"):
        assert load_config(tickets, given).data.labelers == ()
    with pytest.warns(UserWarning, match="ids are in ticket_id"):
        both = load_config(tickets, (*SMALL, *given), columns=LabelColumns(labelers=["ann"]))
    finished = run(both, store=Store(tmp_path / "store"), out=tmp_path / "out")
    assert finished.results.teacher.models == 2


BAD = {
    "no true labels": (("gold",), {}, "nothing can be tested. Name it"),
    "no texts": (("body",), {}, "no column of texts"),
    "a typo": ((), {"labelers": ["lm"]}, 'no column .lm. for data.labelers.*Did you mean "llm"'),
    "twice": ((), {"labelers": ["gold"], "true": "gold"}, "named twice"),
}


@pytest.mark.parametrize("name", BAD)
@pytest.mark.filterwarnings("ignore")
def test_a_table_that_lacks_a_part_is_refused(name, tmp_path):
    dropped, named, message = BAD[name]
    path = write(tmp_path / "d.csv", rows(), tuple(column for column in HEADER if column not in dropped))
    with pytest.raises((DataError, ConfigError), match=message):
        load_task(**load_config(path, SMALL, columns=LabelColumns(**named)).data.model_dump(exclude={"fractions"}))


@pytest.mark.filterwarnings("default")
def test_preflight_and_run_take_one_table_in_one_command_each(cli: Cli, tickets, tmp_path):
    code, out, err = cli("preflight", tickets)
    assert code == 0, err
    assert "The student beats a single labeler" in out
    extra = [part for setting in SMALL for part in ("--set", setting)]
    code, out, err = cli("run", tickets, "--out", "found", *extra)
    assert code == 0, err
    assert "the labelers are llm, ann" in err
    assert "2 weak teachers" in out
    flags = ("--labelers", "llm,ann", "--true-column", "gold", "--id-column", "ticket_id", "--text-column", "body")
    code, out, err = cli("run", tickets, "--out", "named", *flags, *extra)
    assert code == 0, err
    assert "note" not in err
    assert "Nothing was trained" in out
    code, _, err = cli("run", "--set", f"data.path={tickets}", "--out", "set", *extra)
    assert code == 0, err
    assert "the labelers are llm, ann" in err


def write_annotations(path: Path) -> Path:
    names = ("item", "sentence", "worker", "label", "gold")
    table = [
        dict(zip(names, (row["ticket_id"], row["body"], who, row[who], row["gold"]), strict=True))
        for row in rows()
        for who in ("llm", "ann")
        if row[who]
    ]
    return write(path, table, names)


def test_a_table_of_annotations_is_the_run_of_the_same_table_with_a_column_a_labeler(tickets, tmp_path):
    store = Store(tmp_path / "store")
    columns = LabelColumns("ticket_id", "body", "gold", ["llm", "ann"])
    wide = run(load_config(tickets, SMALL, columns=columns), store=store, out=tmp_path / "wide")
    with pytest.warns(UserWarning, match="the texts are in sentence; the true labels are in gold"):
        config = load_config(write_annotations(tmp_path / "long.csv"), SMALL)
    assert (config.data.annotator_column, config.data.annotation_column) == ("worker", "label")
    long = run(config, store=store, out=tmp_path / "long")
    assert long.results.teacher == wide.results.teacher
    assert long.results.students == wide.results.students


def test_annotations_with_two_true_labels_of_one_item_name_both_lines(tmp_path):
    path = write_annotations(tmp_path / "long.csv")
    lines = path.read_text().splitlines()
    lines[3] = lines[3].rsplit(",", 1)[0] + ",other"
    path.write_text("\n".join(lines) + "\n")
    columns = {"id_column": "item", "text_column": "sentence", "label_column": "gold"}
    with pytest.raises(DataError, match="line 4, column 'gold': gives 'T1' another true label than line 3"):
        load_task(path=path, annotator_column="worker", annotation_column="label", **columns)


def test_points_without_a_row_of_labels_are_gaps_once_the_error_is_followed(tickets, tmp_path):
    table = [{"id": row["ticket_id"], "gpt": row["llm"]} for row in rows()[:200]]
    votes = write(tmp_path / "votes.csv", table, ("id", "gpt"))
    columns = LabelColumns("ticket_id", "body", "gold", [])
    task = load_task(path=tickets, id_column="ticket_id", text_column="body", label_column="gold")
    with pytest.raises(DataError, match=r"100 of 300 points have no row.*set teacher.missing=abstain"):
        load_weak_labels(votes, task, np.arange(N))
    given = ("teacher.missing=abstain", f"teacher.external={votes}")
    finished = run(
        load_config(tickets, (*SMALL, *given), columns=columns), store=Store(tmp_path / "store"), out=tmp_path / "out"
    )
    assert any("votes has no label for" in caveat for caveat in finished.results.task.caveats)
