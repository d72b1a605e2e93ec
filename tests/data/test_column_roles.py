"""Which column is what: found by names and values where it is clear, said, and asked about where it is not."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from outlearn.data.column_roles import ColumnRoles, column_roles
from outlearn.data.label_columns import LabelColumns
from outlearn.data.raw_table import RawTable
from outlearn.errors import DataError

N = 60
RNG = np.random.default_rng(0)
VOTES = np.array(["refund", "billing", "other"])[RNG.integers(0, 3, (3, N))].tolist()
TEXTS = [f"please look at order {i}, it is late" for i in range(N)]
TICKETS = {
    "ticket_id": [f"T{i}" for i in range(N)],
    "created": [f"2026-01-{i % 28 + 1:02}" for i in range(N)],
    "body": TEXTS,
    "llm": VOTES[0],
    "ann_1": VOTES[1],
    "country": ["other" if i % 9 == 0 else f"country {i % 7}" for i in range(N)],
    "gold": [vote if i % 5 == 0 else None for i, vote in enumerate(VOTES[2])],
}
FOUND = LabelColumns("ticket_id", "body", "gold", ("llm", "ann_1"))


def roles(columns: dict[str, list[object]], given: LabelColumns | None = None, **options: bool) -> ColumnRoles:
    table = RawTable("d.csv", columns, range(2, N + 2))
    return column_roles(table, given or LabelColumns(), table.errors(), **options)


def without(*names: str) -> dict[str, list[object]]:
    return {name: cells for name, cells in TICKETS.items() if name not in names}


@pytest.mark.parametrize("alone", [False, True])
def test_every_part_of_a_table_is_found_and_said_with_the_flag_that_says_otherwise(alone):
    found = roles(TICKETS, truth_alone=alone)
    assert replace(found.columns, labelers=tuple(found.columns.labelers)) == FOUND
    assert set(found.left_out) == {"created", "country"}
    said = " ".join(found.notes)
    for words in ("ids are in ticket_id", "texts are in body", "labelers are llm, ann_1", "true labels are in gold"):
        assert words in said
    for flag in ("--id-column", "--text-column", "--labelers", "--true-column", "'created', 'country'"):
        assert flag in said


def test_what_is_named_is_taken_as_named_and_not_said():
    found = roles(TICKETS, replace(FOUND, labelers=["ann_1"]))
    assert (found.columns.labelers, found.columns.true) == (("ann_1",), "gold")
    assert found.notes == ()


def test_columns_with_their_usual_names_need_no_words():
    usual = {"id": TICKETS["ticket_id"], "text": TEXTS, "label": VOTES[0]}
    found = roles(usual, truth_alone=True)
    assert found.columns == LabelColumns("id", "text", "label", ())
    assert found.notes == ()


def test_two_columns_of_texts_are_asked_about_and_both_ways_of_the_advice_work():
    table = {**without("body"), "title": [f"order {i} is late" for i in range(N)], "details": TEXTS}
    with pytest.raises(DataError, match="'title', 'details' all hold texts") as caught:
        roles(table)
    advised = re.findall(r"--text-column '([^']+)'", str(caught.value))
    assert advised == ["title", "{title} {details}"]
    for text in advised:
        found = roles(table, LabelColumns(text=text)).columns
        assert (found.text, found.labelers) == (text, ("llm", "ann_1"))


def test_a_comment_on_the_label_is_not_the_text():
    found = roles({**TICKETS, "comment": [f"I think that it is number {i}" for i in range(N)]})
    assert found.columns.text == "body"


def test_two_columns_of_true_labels_are_asked_about():
    with pytest.raises(DataError, match=r"'truth', 'gold' could all hold the true labels. Name one: --true-column"):
        roles({"truth": VOTES[1], **TICKETS})
    found = roles({"truth": VOTES[1], **TICKETS}, LabelColumns(true="gold")).columns
    assert (found.true, found.labelers) == ("gold", ("truth", "llm", "ann_1"))


def test_label_is_a_labeler_alone_and_the_truth_beside_labelers():
    table = {"id": TICKETS["ticket_id"], "label": VOTES[0]}
    assert roles(table).columns.labelers == ("label",)
    found = roles({**table, "llm": VOTES[1]}).columns
    assert (found.true, found.labelers) == ("label", ("llm",))


def test_the_only_column_of_labels_is_the_truth_where_that_alone_will_do():
    table = {"sentence": TEXTS, "topic": VOTES[0]}
    assert roles(table, truth_alone=True).columns == LabelColumns(None, "sentence", "topic", ())
    assert roles(table).columns == LabelColumns(None, "sentence", None, ("topic",))


def test_one_value_in_common_makes_no_label_of_a_country():
    assert "country" not in roles(TICKETS).columns.labelers


@pytest.mark.parametrize("name", ["text", "word"])
def test_single_words_in_a_column_that_is_called_text_are_texts_and_no_ids(name):
    words = [f"word{i}" for i in range(N)]
    found = roles({name: words, "llm": ["+", "-"] * (N // 2), "ann": (["+", "-", "-"] * N)[:N]})
    assert found.columns.text == name
    assert found.columns.id is None


TARGET = RNG.normal(5, 2, N)
SCORES = (TARGET + RNG.normal(0, 1, (2, N))).round(2)
RATED = {
    "text": TEXTS,
    "judge1": SCORES[0].tolist(),
    "judge2": [score if i % 3 else None for i, score in enumerate(SCORES[1].tolist())],
    "gold": [score if i % 2 == 0 else None for i, score in enumerate(TARGET.round(2).tolist())],
}
MEASURED = {"minutes": (40 * RNG.random(N)).round(1).tolist(), "stars": RNG.integers(1, 6, N).tolist()}


def test_how_sure_labelers_are_is_no_label_beside_what_they_say():
    sure = {"llm_sure": SCORES[0].tolist(), "ann_sure": SCORES[1].tolist()}
    assert roles({**TICKETS, **sure}).columns.labelers == ("llm", "ann_1")


@pytest.mark.parametrize("alone", [False, True])
def test_labelers_of_numbers_are_the_columns_that_go_with_the_true_ones(alone):
    found = roles({**MEASURED, **RATED}, truth_alone=alone, numeric=True)
    assert (found.columns.true, found.columns.labelers) == ("gold", ("judge1", "judge2"))
    assert found.columns.id is None  # numbers that are all different name no points
    assert "'minutes', 'stars' (--labelers names labelers)" in " ".join(found.notes)


def test_labelers_of_numbers_are_the_most_columns_that_go_together_where_no_true_ones_are():
    judged = {name: cells for name, cells in RATED.items() if name != "gold"}
    few_labels = {"eve": [3.5, 2.5, 4.0, *[None] * (N - 3)]}  # of which nothing can be known
    found = roles({**MEASURED, **judged, **few_labels}, numeric=True)
    assert set(found.columns.labelers) == {"judge1", "judge2", "eve"}
    others = {"price": [100 * cell for cell in judged["judge1"]], "cost": [100 * cell + 1 for cell in judged["judge1"]]}
    with pytest.raises(DataError, match=r"'judge1', 'judge2' and 'price', 'cost' hold numbers that go together"):
        roles({**judged, **others}, numeric=True)


def test_numbers_that_fall_where_the_true_ones_rise_are_asked_about():
    table = {"fear": (10 - SCORES[0]).tolist(), "gold": TARGET.tolist()}
    with pytest.raises(DataError, match=r"'fear' holds numbers .* the other way round.* --labelers fear if .* from it"):
        roles(table, numeric=True)


def test_columns_of_intervals_are_no_labelers_in_a_run_either():
    bounds = {f"judge1{end}": [cell + by for cell in RATED["judge1"]] for end, by in (("_low", -1), ("_high", 1))}
    found = roles({**RATED, **bounds}, truth_alone=True, numeric=True)
    assert found.columns.labelers == ("judge1", "judge2")


def test_numbers_on_another_scale_than_the_true_ones_are_asked_about_and_both_ways_of_the_advice_work():
    table = {name: RATED[name] if name in ("text", "gold") else [None if c is None else 100 * c for c in cells]
             for name, cells in RATED.items()}  # fmt: skip
    with pytest.raises(
        DataError, match=r"--labelers judge1,judge2 if students .* --labelers none if teachers"
    ) as asked:
        roles(table, truth_alone=True, numeric=True)
    assert "classes" not in str(asked.value)  # labels are numbers, as was said
    for labelers in (("judge1", "judge2"), ()):
        found = roles(table, LabelColumns(labelers=labelers), truth_alone=True, numeric=True)
        assert (found.columns.true, tuple(found.columns.labelers)) == ("gold", labelers)


def test_decimal_commas_are_named_before_anything_is_asked_about():
    with_commas = {
        name: cells if name == "text" else [None if cell is None else str(cell).replace(".", ",") for cell in cells]
        for name, cells in RATED.items()
    }
    with pytest.raises(DataError, match=r"'judge1': has a comma for decimals, as in .*Write a point"):
        roles(with_commas, truth_alone=True, numeric=True)
