"""What is said of `auto` against losses tuned without true labels: a claim only where it beats each of them."""

from __future__ import annotations

import pytest
from tests.report.made_up import make_up

from outlearn.core.intervals import Interval
from outlearn.report.findings import bad_news, findings
from outlearn.report.summary import summary_text
from outlearn.report.tuned_baselines import hardest_baseline, tuned_finding, tuned_table
from outlearn.results.selection import Candidate, TunedBaseline


def about(mean: float, half: float) -> Interval:
    return Interval(mean, mean - half, mean + half, half / 2, 1, 500, 0.95, None, "points")


def baseline(loss: str, source: str, minus: Interval) -> TunedBaseline:
    setting = Candidate(name=f"{loss}, 5 epochs", family="trained", kind=loss, settings={})
    accuracy = about(0.8 - minus.mean, 0.02)
    return TunedBaseline(loss=loss, source=source, candidate=setting, held_out=0.9, accuracy=accuracy, auto_minus=minus)


@pytest.fixture(scope="module")
def results():
    return make_up(n_points=60, losses=("forward_ce", "auto")).results


def with_baselines(results, *minus: Interval):
    sources = ("each", "mean")
    found = tuple(baseline("forward_ce", s, m) for s, m in zip(sources, minus, strict=True))
    return results.model_copy(update={"tuned_baselines": found})


def test_auto_beats_them_only_where_it_beats_each_and_the_nearest_is_named(results):
    found = with_baselines(results, about(0.05, 0.01), about(0.02, 0.01))
    assert tuned_finding(found) == (
        "auto beats each of 2 losses tuned without true labels, forward_ce tuned on the mean by 2.0 points [1.0, 3.0], "
        "given the choice."
    )
    assert hardest_baseline(found).source == "mean"
    assert "tuned on" not in bad_news(found)


def test_one_that_is_not_shown_to_be_beaten_is_bad_news_and_comes_first(results):
    found = with_baselines(results, about(0.05, 0.01), about(0.005, 0.01))
    assert tuned_finding(found) == ""
    assert bad_news(found).startswith(
        "Bad news: auto is not shown to beat forward_ce tuned on the mean (+0.5 points [-0.5, +1.5]"
    )


def test_one_that_beats_auto_is_said_to(results):
    found = with_baselines(results, about(0.05, 0.01), about(-0.03, 0.01))
    assert "forward_ce tuned on the mean beats auto by 3.0 points [2.0, 4.0]" in bad_news(found)
    assert bad_news(found) in findings(found)


def test_a_wide_interval_farther_off_is_not_hidden_behind_a_narrow_one_nearer(results):
    found = with_baselines(results, about(0.06, 0.07), about(0.02, 0.01))
    assert tuned_finding(found) == ""
    assert "auto is not shown to beat forward_ce tuned on each teacher" in bad_news(found)


def test_the_table_stands_in_the_summary_and_is_absent_without_baselines(results):
    assert tuned_table(results) is None
    found = with_baselines(results, about(0.05, 0.01), about(0.02, 0.01))
    assert [column.name for column in tuned_table(found).columns][2::3] == ["each teacher, tuned", "the mean, tuned"]
    text = summary_text(found)
    assert "Losses tuned without true labels" in text
    assert "78.0" in text.split("Losses tuned")[1]
