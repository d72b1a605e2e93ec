"""What a run may say: a direction only where the interval excludes 0, and the bad news with the good."""

import pytest
from tests.report.made_up import about, changed, make_up, recovered

from outlearn.core.intervals import Interval
from outlearn.core.verdict import is_above_zero
from outlearn.report.findings import bad_news, findings
from outlearn.report.wording import compare_words, of_losses
from outlearn.results.measurement import Withheld
from outlearn.results.true_labels import Worth
from outlearn.results.verdict import NOT_COMPARED, verdict


def with_accuracy(scored, accuracy):
    return scored.model_copy(update={"scores": {**scored.scores, "accuracy": accuracy}})


@pytest.fixture(scope="module")
def results():
    """A run in which nothing can be told apart and there is no bad news; tests change one thing."""
    found = make_up(losses=("forward_ce", "reverse_ce", "mae"), n_points=60).results
    split = found.teacher_bias_variance.model_copy(update={"bias": about(0.3, 0.2), "variance": about(0.3, 0.2)})
    found = found.model_copy(
        update={
            "teacher": with_accuracy(found.teacher, about(0.7, 0.01)),
            "labeler": with_accuracy(found.labeler, about(0.7, 0.01)),
            "majority": found.majority.model_copy(update={"accuracy": 0.5}),
            "teacher_bias_variance": split,
        }
    )
    for place, (loss, student) in enumerate(found.students.items()):
        found = changed(
            found,
            loss,
            scores={**student.scores, "accuracy": about(0.72 - 0.001 * place, 0.01)},
            recovery=recovered(0.2, 0.3),
            gap=about(0.02, 0.05),
            misfit=about(0.05, 0.01),
            residual=about(-0.03, 0.05),
            overfit_covariance=about(0.01, 0.02),
            differences=dict.fromkeys(student.differences, about(0.01, 0.02)),
            log_loss_differences=dict.fromkeys(student.log_loss_differences, about(0.01, 0.02)),
        )
    return found


def differ(results, loss, other, mean, half=0.005, key="differences"):
    """Return the results with the difference of a loss to another, and of that to this if it is a loss."""
    found = changed(results, loss, **{key: {**getattr(results.students[loss], key), other: about(mean, half)}})
    if other in results.students:
        back = {**getattr(results.students[other], key), loss: about(-mean, half)}
        found = changed(found, other, **{key: back})
    return found


def every(results, other, mean, half=0.005):
    """Return the results with the differences of all losses to another."""
    for loss in results.students:
        results = differ(results, loss, other, mean, half)
    return results


def text(results):
    return "\n".join(findings(results))


@pytest.mark.parametrize(
    ("difference", "said"),
    [
        (Interval(0.05, 0.01, 0.09, 0.02, 4, 100), "a beats b by 5.0 points [1.0, 9.0]"),
        (Interval(-0.05, -0.09, -0.01, 0.02, 4, 100), "a loses to b by 5.0 points [1.0, 9.0]"),
        (Interval(0.05, -0.01, 0.11, 0.02, 4, 100), "a and b cannot be told apart (+5.0 points [-1.0, +11.0])"),
        (Interval(0.05, 0.0, 0.1, 0.02, 4, 100), "a and b cannot be told apart (+5.0 points [0.0, +10.0])"),
        (about(0.05, reason="one teacher"), "a minus b is +5.0 points, without an interval (one teacher)"),
        (Withheld("no points"), "a and b were not compared (no points)"),
        (NOT_COMPARED, "a and b were not compared (no paired difference was measured)"),
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
    said = findings(differ(results, "reverse_ce", "teacher", 0.05))[0]
    assert said.startswith(
        "Students beat their teachers with 1 of 3 losses by Holm's correction: reverse_ce (the best of those shown to "
    )
    assert "+5.0 points [+4.4, +5.6] (95% interval for the best of 3 at once, paired); PGR 0.20 [-0.10, 0.50]" in said


@pytest.mark.parametrize(
    ("mean", "said"), [(0.01, "it differs by +1.0 points"), (-0.05, "it loses, 72.0% of the test")]
)
def test_students_of_a_loss_that_beat_their_teachers_are_told_where_those_of_auto_do_not(results, mean, said):
    auto = results.students["forward_ce"].model_copy(update={"loss": {"kind": "auto"}})
    with_auto = results.model_copy(update={"students": {**results.students, "auto": auto}})
    first = findings(differ(with_auto, "auto", "teacher", mean, half=0.02))[0]
    assert first.startswith(
        "No student is shown to beat its teacher: even auto, which chose its students without labels,"
    )
    with_auto = differ(differ(with_auto, "mae", "teacher", 0.05), "auto", "teacher", mean, half=0.02)
    first = findings(with_auto)[0]
    assert first.startswith(f"auto, which chose its students without labels, is not shown to beat its teacher: {said}")
    assert "Others do with 1 of 3 losses by Holm's correction, by the most mae, +5.0 points [+4.5, +5.5]" in first


def test_losing_to_the_teachers_is_said(results):
    results = every(results, "teacher", -0.05)
    assert "No student is shown to beat its teacher: even forward_ce" in text(results)
    assert "loses, 72.0% of the test points right" in text(results)


def test_only_the_best_loses_while_another_is_untold_makes_no_claim_about_the_other(results):
    said = text(differ(results, "forward_ce", "teacher", -0.05))
    assert "No student is shown to beat its teacher: even forward_ce" in said
    assert "Bad news: forward_ce is worse than its own labeler (-5.0 points [-5.5, -4.5])." in said


def test_a_withheld_pgr_says_why(results):
    withheld = changed(results, recovery=recovered(None, reason="ceiling - teacher includes 0"))
    assert "PGR is withheld: ceiling - teacher includes 0" in text(withheld)


def test_without_an_interval_nothing_is_claimed_beyond_these_models(results):
    for loss, student in results.students.items():
        alone = about(0.05, reason="only one teacher")
        results = changed(results, loss, differences={**student.differences, "teacher": alone})
    said = findings(results)[0]
    assert "+5.0 points, without an interval: only one teacher" in said
    assert "nothing is claimed beyond these very models" in said
    assert "beat" not in said


@pytest.mark.parametrize(("mean", "word"), [(-0.2, "overstates"), (0.2, "understates")])
def test_the_side_of_the_residual_is_said_where_its_interval_excludes_zero(results, mean, word):
    assert f"misfit alone {word} it" in text(changed(results, "forward_ce", residual=about(mean, 0.01)))


def test_copying_is_said_only_with_an_interval_above_zero(results):
    assert "copy part" not in text(results)
    results = changed(results, "forward_ce", overfit_covariance=about(0.05, 0.01))
    assert "Students copy part of their own teacher's error: overfit covariance 0.050 [0.040, 0.060]" in text(results)


def test_reverse_and_forward_are_compared_by_their_paired_interval(results):
    assert "reverse_ce and forward_ce cannot be told apart" in text(results)
    more, less = (differ(results, "reverse_ce", "forward_ce", mean) for mean in (0.03, -0.03))
    assert "reverse_ce beats forward_ce by 3.0 points [2.5, 3.5]" in text(more)
    assert "reverse_ce loses to forward_ce by 3.0 points [2.5, 3.5]" in text(less)


def test_the_best_beats_every_other_only_where_each_interval_says_so(results):
    results = differ(results, "forward_ce", "reverse_ce", 0.03)
    assert "beats every other" not in text(results)
    results = differ(results, "forward_ce", "mae", 0.03)
    assert "forward_ce beats every other loss of this run" in text(results)


BAD = {
    "reverse_ce is worse than its own labeler (-5.0 points [-5.5, -4.5])": lambda r: differ(
        r, "reverse_ce", "teacher", -0.05
    ),
    "the plain mean of the teachers beats every student, the best of them by 3.0 points [2.5, 3.5]": lambda r: every(
        r, "ensemble_mean", -0.03
    ),
    "the geometric mean of the teachers beats every student": lambda r: every(r, "ensemble_dual_mean", -0.03),
    " gets 2.0 points [1.5, 2.5] more when it learns from the plain mean of the teachers": lambda r: every(
        r, "student_of_mean", -0.02
    ),
    "the best teacher on validation beats every student": lambda r: every(r, "best_teacher", -0.03),
    "do worse than always saying the majority class (80.0%)": lambda r: r.model_copy(
        update={"majority": r.majority.model_copy(update={"accuracy": 0.8})}
    ),
    "most of the teachers' error is systematic (bias 0.600, variance 0.100 nats)": lambda r: r.model_copy(
        update={
            "teacher_bias_variance": r.teacher_bias_variance.model_copy(
                update={"bias": about(0.6, 0.1), "variance": about(0.1, 0.1)}
            )
        }
    ),
    "in risk mae is worse than its labeler in spite of its accuracy, gap -0.100 [-0.110, -0.090]": lambda r: changed(
        differ(r, "mae", "teacher", 0.05), "mae", gap=about(-0.1, 0.01)
    ),
    "reverse_ce has a higher log loss than forward_ce (+0.200 [+0.190, +0.210] nats)": lambda r: differ(
        differ(r, "reverse_ce", "forward_ce", 0.03), "reverse_ce", "forward_ce", 0.2, 0.01, "log_loss_differences"
    ),
}


@pytest.mark.parametrize("sentence", BAD)
def test_bad_news_is_said_when_it_is_so_and_only_then(results, sentence):
    assert bad_news(results) == ""
    assert sentence in bad_news(BAD[sentence](results))


def test_an_ensemble_that_beats_all_but_one_student_is_no_bad_news(results):
    for loss in ("forward_ce", "mae"):
        results = differ(results, loss, "ensemble_mean", -0.03)
    assert bad_news(results) == ""


def test_a_gain_over_single_teachers_is_held_against_their_ensemble(results):
    results = differ(results, "reverse_ce", "teacher", 0.05)
    assert "no student is shown to beat the plain mean of the teachers (the best of them: +1.0" in bad_news(results)
    for ensemble in results.ensembles:
        results = differ(results, "reverse_ce", f"ensemble_{ensemble}", 0.03)
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
    assert findings(results.model_copy(update={"students": {}})) == (
        "No student was trained, so there is nothing to compare.",
    )


def test_counts_of_losses_read_as_words():
    assert [of_losses(k, n) for k, n in ((0, 1), (1, 1), (0, 3), (2, 3), (3, 3))] == [
        "no loss",
        "the one loss",
        "no loss",
        "2 of 3 losses",
        "all 3 losses",
    ]


def test_the_verdict_is_that_of_the_rule_and_names_what_decided(results):
    won = differ(results, "forward_ce", "teacher", 0.05)
    assert "Verdict on forward_ce: Train the student on these labels. It beats its teacher" in text(won)
    lost = differ(won, "forward_ce", "ensemble_mean", -0.05)
    said = text(lost)
    assert "Verdict on forward_ce: Combine the labels first" in said
    assert "It is worse than the plain mean of the teachers." in said


def test_a_ceiling_of_few_labels_says_nothing_of_the_room(results):
    """Of 57 true labels it stood below the teachers and students far above both: the verdict was not to bother."""
    equal = differ(results, "forward_ce", "teacher", 0.005)
    student = equal.students["forward_ce"]
    none = student.recovery.model_copy(update={"value": None, "reason": "none", "room": about(-0.2, 0.01)})
    below = changed(equal, "forward_ce", recovery=none)
    assert verdict(below, "forward_ce").action == "do not bother"
    few = below.model_copy(update={"ceiling": below.ceiling.model_copy(update={"labels": 10})})
    assert verdict(few, "forward_ce").action == "undecided"
    beaten = below.model_copy(update={"ceiling": below.ceiling.model_copy(update={"exceeded_by": {"mae": about(0.1)}})})
    assert verdict(beaten, "forward_ce").action == "undecided"


def test_true_labels_that_do_better_alone_are_the_verdict(results):
    won = differ(results, "forward_ce", "teacher", 0.05)
    student = won.students["forward_ce"]
    against = changed(won, "forward_ce", differences={**student.differences, "own_labels": about(-0.05, 0.01)})
    assert "on true labels instead" in text(against)


def test_a_control_of_true_labels_that_beats_every_student_comes_first(results):
    said = findings(every(results, "own_labels", -0.05))
    assert said[0].startswith("The strong model trained on each teacher's own 200 true labels gets")
    assert "more than every weak-label student: forward_ce is 5.0 points [4.5, 5.5] below" in said[0]
    beaten = text(every(results, "own_labels", 0.05))
    assert "which forward_ce beats by 5.0 points [4.5, 5.5]" in beaten
    assert "forward_ce and that cannot be told apart" in text(results)


def test_equivalents_say_what_labels_are_worth_and_name_the_end_they_lie_beyond(results):
    said = text(results)
    assert "are worth 150 [90, 310] true ones of such points; each teacher was trained on 200." in said
    equivalents = results.equivalents.model_copy(
        update={"worth": {"forward_ce": Worth(labels=None, beyond="fewer", low=None, high=25.0)}}
    )
    said = text(results.model_copy(update={"equivalents": equivalents}))
    assert "are worth fewer than 25 [fewer than 25, 25] true ones" in said


def test_a_gain_that_one_interval_shows_and_nine_at_once_do_not_is_not_claimed(results):
    near = differ(results, "reverse_ce", "teacher", 0.011, 0.01)
    alone, at_once = near.students["reverse_ce"].differences["teacher"], 3
    assert is_above_zero(alone)
    assert not is_above_zero(alone.best_of(at_once))
    said = findings(near)
    assert "No student is shown to beat its teacher" in said[0]
    assert any(sentence.startswith("Verdict on forward_ce: Undecided") for sentence in said)
