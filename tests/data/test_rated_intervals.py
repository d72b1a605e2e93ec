"""Columns beside labelers of numbers that are no whole interval, and levels that are no whole percentage."""

import numpy as np
import pytest

from outlearn.core.number_intervals import NumberIntervals
from outlearn.data.label_columns import LabelColumns
from outlearn.data.number_table import NumberTable
from outlearn.data.number_task import make_number_task
from outlearn.data.rated_table import read_rated_table
from outlearn.data.weak_numbers import load_weak_numbers
from outlearn.errors import ConfigError, DataError
from outlearn.results.measured_intervals import interval_calibration


@pytest.mark.parametrize("head", ["ann,ann_low,bob", "ann,bob,bob_high", "ann,bob,ann_low,ann_high,ann_sd"])
def test_part_of_an_interval_is_not_a_labeler_unless_named(tmp_path, head):
    n = head.count(",") + 1
    table = tmp_path / "t.csv"
    table.write_text("\n".join([head, *(",".join(str(i + k) for k in range(n)) for i in range(4))]))
    with pytest.raises(DataError, match="looks like part of an interval"):
        read_rated_table(table)
    named = read_rated_table(table, columns=LabelColumns(labelers=("ann", "bob")))
    assert named.numbers.names == ("ann", "bob")


def test_a_level_without_intervals_is_refused(tmp_path):
    table = tmp_path / "t.csv"
    table.write_text("ann,bob\n1,2\n2,3\n")
    with pytest.raises(DataError, match="no intervals to check"):
        read_rated_table(table, interval_level=0.9)


def test_a_level_is_not_rounded_to_a_certainty():
    y = np.random.default_rng(0).normal(size=80)
    found = interval_calibration(y, NumberIntervals.from_bounds(y - 1, y + 1, level=0.999), of="judge")
    assert "99.9% intervals of judge" in str(found)
    assert "100% stated" not in str(found)


@pytest.fixture
def run_of_numbers(tmp_path):
    task = make_number_task(name="toy", numbers=np.arange(60.0), texts=[f"word {i}" for i in range(60)])

    def load(head: str) -> NumberTable:
        table = tmp_path / "judge.csv"
        ids = [f"{name},1,2" for name in task.ids]
        table.write_text("\n".join([f"id,{head}", *ids]))
        return load_weak_numbers([table], task, np.arange(60))

    return load


def test_part_of_an_interval_beside_a_judge_is_refused_and_both_kinds_of_advice_help(run_of_numbers):
    with pytest.raises(DataError, match=r"'judge_low' looks like part of an interval .* or rename it"):
        run_of_numbers("judge,judge_low")
    assert run_of_numbers("judge,judge_sd").names == ("judge",)
    assert run_of_numbers("judge,harsh").names == ("judge", "harsh")


@pytest.mark.parametrize(("cells", "said"), [("1,one,3", "is 'one', expected a number"), ("1,,3", "the other end")])
def test_an_end_that_is_no_number_is_one_error(tmp_path, cells, said):
    table = tmp_path / "t.csv"
    table.write_text(f"ann,ann_low,ann_high\n{cells}\n2,1,3\n3,2,4\n")
    with pytest.raises(DataError, match=said) as error:
        read_rated_table(table, interval_level=0.9)
    assert len(str(error.value).splitlines()) == 1


def test_a_level_of_intervals_that_is_none_is_named_as_it_was_given(tmp_path):
    with pytest.raises(ConfigError, match=r"--interval-level.* must lie between 0 and 1, like 0.95; got 1.5"):
        read_rated_table(tmp_path / "t.csv", interval_level=1.5)


def test_a_table_of_no_labelers_says_that_one_is_needed(tmp_path):
    table = tmp_path / "t.csv"
    table.write_text("ann,gold\n1,2\n2,1\n")
    with pytest.raises(DataError, match=r"no column of labels .*Give each labeler"):
        read_rated_table(table, columns=LabelColumns(labelers=(), true="gold"))
