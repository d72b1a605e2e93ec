"""Tables hold the numbers of results.json and nothing else; the summary fits its width and says every reason."""

import unicodedata

import pytest
from tests.report.made_up import HOSTILE, changed, make_up, recovered

from outlearn.report.cells import format_cell, format_number, point_estimate
from outlearn.report.summary import summary_text
from outlearn.report.tables import (
    against_everyone_table,
    bias_variance_table,
    blind_spot_table,
    difference_table,
    gap_table,
    main_table,
    path_table,
    scores_table,
)

RUNS = {
    "plain": make_up(n_points=60),
    "eight losses": make_up(
        n_points=40,
        losses=("forward_ce", "hard_ce", "reverse_ce", "reverse_kl", "symmetric_ce", "cace", "aux_conf", "mae"),
    ),
    "one teacher": make_up(n_teachers=1, n_points=60),
    "ten classes": make_up(n_classes=10, n_points=60),
    "preference": make_up(kind="preference", n_points=60),
    "hostile": make_up(hostile=True, n_points=40),
}


def terminal_width(line):
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in line)


@pytest.mark.parametrize("name", RUNS)
def test_every_table_holds_the_numbers_of_the_results(name):
    results = RUNS[name].results
    for table in (
        main_table,
        scores_table,
        gap_table,
        difference_table,
        bias_variance_table,
        blind_spot_table,
        lambda of: path_table(of, of.students),
        lambda of: against_everyone_table(of, next(iter(of.students))),
    ):
        made = table(results)
        assert all(len(row) == len(made.columns) for row in made.rows)
    rows = {row[0]: row for row in main_table(results).rows}
    columns = [column.name for column in main_table(results).columns]
    for loss, student in results.students.items():
        row = dict(zip(columns, rows[f"student, {loss}"], strict=True))
        assert (row["accuracy"], row["log loss"]) == (student.accuracy, student.log_loss)
        assert (row["gap"], row["misfit"]) == (student.gap, student.misfit)
        assert point_estimate(row["PGR"]) == student.recovery.value


def test_the_narrow_table_is_the_main_table_without_the_decomposition():
    results = RUNS["plain"].results
    assert scores_table(results).text_rows() == [row[:-3] for row in main_table(results).text_rows()]
    assert [c.name for c in main_table(results).columns[-3:]] == ["gap", "misfit", "residual"]


def test_differences_are_antisymmetric_and_missing_with_oneself():
    table = difference_table(RUNS["plain"].results)
    names = [column.name for column in table.columns]
    by_name = {row[0]: dict(zip(names, row, strict=True)) for row in table.rows}
    assert by_name["mae"]["mae"] is None
    assert by_name["mae"]["forward_ce"].mean == pytest.approx(-by_name["forward_ce"]["mae"].mean)


def test_the_parts_of_the_differences_make_the_whole():
    results = RUNS["plain"].results
    whole = difference_table(results)
    parts = [difference_table(results, against=part) for part in ("references", "combinations", "losses")]
    assert whole.columns == (whole.columns[0], *(column for part in parts for column in part.columns[1:]))
    for row, *of_parts in zip(whole.rows, *(part.rows for part in parts), strict=True):
        assert row == (row[0], *(cell for part in of_parts for cell in part[1:]))
    assert len({table.title for table in (whole, *parts)}) == 4


def test_a_withheld_number_is_a_dash_with_its_reason_below():
    results = make_up(n_teachers=1, n_points=60).results
    results = changed(results, "mae", recovery=recovered(None, reason="nothing to recover"))
    assert "PGR withheld: nothing to recover." in main_table(results).footnotes
    text = summary_text(results)
    assert "— (" in text
    assert ") withheld: nothing to recover." in text


@pytest.mark.parametrize("metric", ["log_loss", "brier", None])
def test_an_ensemble_has_a_risk_only_where_it_is_a_metric(metric):
    results = RUNS["plain"].results
    results = results.model_copy(update={"measure": results.measure.model_copy(update={"risk_metric": metric})})
    table = bias_variance_table(results)
    assert ("risk" in [column.name for column in table.columns]) == (metric is not None)
    assert any("ensemble" in str(row[0]) for row in table.rows) == (metric is not None)
    assert metric is None or table.rows[0][-1] == results.teacher.scores[metric]


def test_tables_say_the_unit_of_the_run():
    results = RUNS["plain"].results
    results = results.model_copy(update={"measure": results.measure.model_copy(update={"unit": "squared error"})})
    for table in (gap_table(results), bias_variance_table(results)):
        assert table.title.endswith(", in squared error")
    assert all(column.note.endswith(", in squared error") for column in main_table(results).columns[-3:])
    assert "gap in squared error" in " ".join(summary_text(results).split())


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("name", [name for name in RUNS if name != "hostile"])
def test_the_summary_fits_its_width(name, width):
    text = summary_text(RUNS[name].results, width=width)
    assert max(map(terminal_width, text.splitlines())) <= width
    for loss in RUNS[name].results.students:
        assert f"student, {loss}" in text


@pytest.mark.parametrize("width", [80, 120])
def test_hostile_text_prints_as_one_line_of_printable_characters(width):
    text = summary_text(RUNS["hostile"].results, width=width)
    assert all(c.isprintable() or c == "\n" for c in text)
    assert "\u202e" not in text
    assert HOSTILE[0] in text  # plain text needs no escaping, and keeps what was written


def test_the_summary_says_every_score_that_the_table_has():
    results = RUNS["plain"].results
    text = summary_text(results, width=120)
    for scored in (results.teacher, results.ceiling, *results.students.values()):
        assert format_number(scored.accuracy.mean, "percent") in text
    assert "95% interval for new teachers and new test points" in " ".join(text.split())
    one = " ".join(summary_text(RUNS["one teacher"].results).split())
    assert "interval for new test points, with this very labeler" in one


@pytest.mark.parametrize("value", [None, "0.5", float("nan"), float("inf")])
def test_what_is_no_finite_number_has_no_mean(value):
    assert point_estimate(value) is None
    assert format_cell(value, "percent") in ("—", "0.5")


def test_blind_spots_come_from_the_record():
    results = make_up(n_points=60).results
    table = blind_spot_table(results)
    student = results.students["mae"]
    row = dict(zip([c.name for c in table.columns], next(r for r in table.rows if r[0] == "mae"), strict=True))
    assert row["blind-spot index"] == student.blind_spots.index
    assert row["repeats a wrong teacher"] == student.agreement_when_teacher_wrong


def test_intervals_over_a_pool_that_was_redrawn_do_not_speak_of_new_teachers():
    results = RUNS["plain"].results
    redrawn = results.teacher.model_copy(update={"population": "this pool of labels redrawn"})
    text = " ".join(summary_text(results.model_copy(update={"teacher": redrawn})).split())
    assert "interval for this pool of labels redrawn and new test points" in text
    assert "new teachers" not in text
