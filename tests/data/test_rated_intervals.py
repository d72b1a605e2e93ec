"""Columns beside labelers of numbers that are no whole interval, and levels that are no whole percentage."""

import numpy as np
import pytest

from outlearn.core.number_intervals import NumberIntervals
from outlearn.data.label_columns import LabelColumns
from outlearn.data.rated_table import read_rated_table
from outlearn.errors import DataError
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
