"""What preflight advises beside its verdict: more points or labelers only where they bring something."""

from __future__ import annotations

import numpy as np
import pytest

from outlearn.core.intervals import Interval, Withheld
from outlearn.preflight_checks.preflight_files import preflight_files
from outlearn.preflight_checks.verdict import SMALLEST_GAIN, decide
from outlearn.results.preflight_parts import Bounds, StudentReport


def about(mean: float, half: float) -> Interval:
    return Interval(mean, mean - half, mean + half, half / 2, 3, 50_000)


def advice(gain: Interval) -> str:
    none = Withheld("no true labels")
    student = StudentReport(
        "of all labelers", about(0.9, 0.01), about(0.1, 0.01), Bounds(0.05, 0.15), 0.3, about(0.02, 0.01),
        none, none, none, none,
    )  # fmt: skip
    return " ".join(decide(student, none, largest_bias=0.2, last_doubling=gain, pooling=gain).advice)


def test_a_gain_above_zero_that_is_too_small_to_pay_for_is_no_reason_to_label_more():
    assert "help" not in advice(about(0.0004, 0.0002))
    assert "help" not in advice(about(SMALLEST_GAIN + 0.01, 0.011))
    assert "More points help: the last doubling gave the student +0.030" in advice(about(0.03, 0.01))
    assert "More labelers help: the student of all of them is +0.030 better" in advice(about(0.03, 0.01))


@pytest.mark.parametrize("decimals", [2, 3])
def test_soft_labels_that_were_rounded_are_taken_from_a_file_and_a_note_says_so(decimals, tmp_path):
    rng = np.random.default_rng(0)
    shared = rng.dirichlet(np.ones(3), size=60)
    rows = ["id,text,a,b"]
    for i, p in enumerate(shared):
        cells = [np.round(0.9 * p + 0.1 * rng.dirichlet(np.ones(3)), decimals).tolist() for _ in "ab"]
        rows.append(f'{i},text {i},"{cells[0]}","{cells[1]}"')
    (tmp_path / "soft.csv").write_text("\n".join(rows) + "\n")
    found = preflight_files(tmp_path / "soft.csv")
    assert any("(rounded when saved)" in note for note in found.notes)
