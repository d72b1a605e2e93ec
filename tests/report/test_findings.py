"""What a run may say: a direction only where the interval excludes 0, and the bad news with the good."""

import copy

import pytest
from tests.report.made_up import make_up

from outlearn.report.cells import Estimate
from outlearn.report.findings import bad_news, findings
from outlearn.report.wording import compare_words, of_losses


def interval(mean, half=None, reason=None):
    low, high = (None, None) if half is None else (mean - half, mean + half)
    return {
        "mean": mean,
        "low": low,
        "high": high,
        "n_models": 4,
        "n_points": 100,
        **({"reason": reason} if reason else {}),
    }


@pytest.fixture(scope="module")
def made_up():
    return make_up(losses=("forward_ce", "reverse_ce", "mae"), n_points=60).results


@pytest.fixture
def results(made_up):
    """A run in which nothing can be told apart and there is no bad news; tests change one thing."""
    found = copy.deepcopy(made_up)
    found["teacher"]["accuracy"] = interval(0.7, 0.01)
    found["labeler"]["accuracy"] = interval(0.7, 0.01)
    found["majority"]["accuracy"] = 0.5
    found["teacher_bias_variance"] |= {"bias": interval(0.3, 0.2), "variance": interval(0.3, 0.2)}
    for place, record in enumerate(found["students"].values()):
        record["accuracy"] = interval(0.72 - 0.001 * place, 0.01)
        record["pgr"] = {"value": 0.2, "low": -0.1, "high": 0.5, "reason": None}
        record |= {"gap": interval(0.02, 0.05), "misfit": interval(0.05, 0.01), "residual": interval(-0.03, 0.05)}
        record["overfit_covariance"] = interval(0.01, 0.02)
        for key in ("differences", "log_loss_differences"):
            record[key] = {other: interval(0.01, 0.02) for other in record[key]}
    return found


def differ(results, loss, other, mean, half=0.005, key="differences"):
    results["students"][loss][key][other] = interval(mean, half)
    if other in results["students"]:
        results["students"][other][key][loss] = interval(-mean, half)


def text(results):
    return "\n".join(findings(results))


@pytest.mark.parametrize(
    ("difference", "said"),
    [
        (Estimate(0.05, 0.01, 0.09), "a beats b by 5.0 points [1.0, 9.0]"),
        (Estimate(-0.05, -0.09, -0.01), "a loses to b by 5.0 points [1.0, 9.0]"),
        (Estimate(0.05, -0.01, 0.11), "a and b cannot be told apart (+5.0 points [-1.0, +11.0])"),
        (Estimate(0.05, 0.0, 0.1), "a and b cannot be told apart (+5.0 points [0.0, +10.0])"),
        (Estimate(0.05, reason="one teacher"), "a minus b is +5.0 points, without an interval (one teacher)"),
        (Estimate(None, reason="no points"), "a and b were not compared (no points)"),
        (Estimate(None), "a and b were not compared (no paired difference was measured)"),
    ],
)
def test_a_direction_is_claimed_only_where_the_interval_excludes_zero(difference, said):
    assert compare_words(difference, "a", "b") == said


def test_nothing_is_claimed_where_every_interval_includes_zero(results):
    said = text(results)
    assert "No student is shown to beat its teacher: even forward_ce (the best of 3 on the test points)" in said
    assert "which includes 0" in said
    for claim in ("beats", "loses", "worse", "higher", "overstates", "understates", "copy", "Bad news"):
        assert claim not in said, claim


def test_a_student_that_beats_its_teacher_is_named_with_its_interval_and_pgr(results):
    differ(results, "reverse_ce", "teacher", 0.05)
    said = findings(results)[0]
    assert said.startswith(
        "Students beat their teachers with 1 of 3 losses: reverse_ce (the best of those shown to beat theirs,"
    )
    assert "+5.0 points [+4.5, +5.5] (95% interval, paired); PGR 0.20 [-0.10, 0.50]" in said


def test_losing_to_the_teachers_is_said(results):
    for loss in results["students"]:
        differ(results, loss, "teacher", -0.05)
    assert "No student is shown to beat its teacher: even forward_ce" in text(results)
    assert "loses, 72.0% of the test points right" in text(results)


def test_only_the_best_loses_while_another_is_untold_makes_no_claim_about_the_other(results):
    differ(results, "forward_ce", "teacher", -0.05)
    said = text(results)
    assert "No student is shown to beat its teacher: even forward_ce" in said
    assert "Bad news: forward_ce is worse than their own labeller (-5.0 points [-5.5, -4.5])." in said


def test_a_withheld_pgr_says_why(results):
    for record in results["students"].values():
        record["pgr"] = {"value": None, "low": None, "high": None, "reason": "ceiling - teacher includes 0"}
    assert "PGR is withheld: ceiling - teacher includes 0" in text(results)


def test_without_an_interval_nothing_is_claimed_beyond_these_models(results):
    for record in results["students"].values():
        record["differences"]["teacher"] = interval(0.05, reason="only one teacher")
    said = findings(results)[0]
    assert "+5.0 points, without an interval: only one teacher" in said
    assert "nothing is claimed beyond these very models" in said
    assert "beat" not in said


@pytest.mark.parametrize(("mean", "word"), [(-0.2, "overstates"), (0.2, "understates")])
def test_the_side_of_the_residual_is_said_where_its_interval_excludes_zero(results, mean, word):
    results["students"]["forward_ce"]["residual"] = interval(mean, 0.01)
    assert f"misfit alone {word} it" in text(results)


def test_copying_is_said_only_with_an_interval_above_zero(results):
    assert "copy part" not in text(results)
    results["students"]["forward_ce"]["overfit_covariance"] = interval(0.05, 0.01)
    assert "Students copy part of their own teacher's error: overfit covariance 0.050 [0.040, 0.060]" in text(results)


def test_reverse_and_forward_are_compared_by_their_paired_interval(results):
    assert "reverse_ce and forward_ce cannot be told apart" in text(results)
    differ(results, "reverse_ce", "forward_ce", 0.03)
    assert "reverse_ce beats forward_ce by 3.0 points [2.5, 3.5]" in text(results)
    differ(results, "reverse_ce", "forward_ce", -0.03)
    assert "reverse_ce loses to forward_ce by 3.0 points [2.5, 3.5]" in text(results)


def test_the_best_beats_every_other_only_where_each_interval_says_so(results):
    differ(results, "forward_ce", "reverse_ce", 0.03)
    assert "beats every other" not in text(results)
    differ(results, "forward_ce", "mae", 0.03)
    assert "forward_ce beats every other loss of this run" in text(results)


BAD = {
    "reverse_ce is worse than their own labeller (-5.0 points [-5.5, -4.5])": lambda r: differ(
        r, "reverse_ce", "teacher", -0.05
    ),
    "the plain mean of the teachers beats every student, the best of them by 3.0 points [2.5, 3.5]": lambda r: [
        differ(r, loss, "ensemble_mean", -0.03) for loss in r["students"]
    ],
    "the geometric mean of the teachers beats every student": lambda r: [
        differ(r, loss, "ensemble_dual_mean", -0.03) for loss in r["students"]
    ],
    " gets 2.0 points [1.5, 2.5] more when it learns from the plain mean of the teachers": lambda r: [
        differ(r, loss, "student_of_mean", -0.02) for loss in r["students"]
    ],
    "the best teacher on validation beats every student": lambda r: [
        differ(r, loss, "best_teacher", -0.03) for loss in r["students"]
    ],
    "do worse than always saying the majority class (80.0%)": lambda r: r["majority"].update(accuracy=0.8),
    "most of the teachers' error is systematic (bias 0.600, variance 0.100 nats)": lambda r: r[
        "teacher_bias_variance"
    ].update(bias=interval(0.6, 0.1), variance=interval(0.1, 0.1)),
    "in risk mae is worse than its labeller in spite of its accuracy, gap -0.100 [-0.110, -0.090]": lambda r: [
        differ(r, "mae", "teacher", 0.05),
        r["students"]["mae"].update(gap=interval(-0.1, 0.01)),
    ],
    "reverse_ce has a higher log loss than forward_ce (+0.200 [+0.190, +0.210] nats)": lambda r: [
        differ(r, "reverse_ce", "forward_ce", 0.03),
        differ(r, "reverse_ce", "forward_ce", 0.2, 0.01, "log_loss_differences"),
    ],
}


@pytest.mark.parametrize("sentence", BAD)
def test_bad_news_is_said_when_it_is_so_and_only_then(results, sentence):
    assert bad_news(results) == ""
    BAD[sentence](results)
    assert sentence in bad_news(results)


def test_an_ensemble_that_beats_all_but_one_student_is_no_bad_news(results):
    for loss in ("forward_ce", "mae"):
        differ(results, loss, "ensemble_mean", -0.03)
    assert bad_news(results) == ""


def test_a_gain_over_single_teachers_is_held_against_their_ensemble(results):
    differ(results, "reverse_ce", "teacher", 0.05)
    assert "no student is shown to beat the plain mean of the teachers (the best of them: +1.0" in bad_news(results)
    for ensemble in results["ensembles"]:
        differ(results, "reverse_ce", f"ensemble_{ensemble}", 0.03)
    assert bad_news(results) == ""


def test_one_teacher_ten_classes_and_pairs_are_told_in_their_own_words():
    one = text(make_up(n_teachers=1, n_points=60).results)
    assert "the teachers'" not in one
    assert "copy part" not in one
    pairs = text(make_up(kind="preference", n_points=60).results)
    assert "of the test pairs" in pairs
    assert "test points" not in pairs
    assert text(make_up(n_classes=10, n_points=60).results)


def test_a_run_without_students_says_so(results):
    assert findings(results | {"students": {}}) == ("No student was trained, so there is nothing to compare.",)


def test_counts_of_losses_read_as_words():
    assert [of_losses(k, n) for k, n in ((0, 1), (1, 1), (0, 3), (2, 3), (3, 3))] == [
        "no loss",
        "the one loss",
        "no loss",
        "2 of 3 losses",
        "all 3 losses",
    ]
