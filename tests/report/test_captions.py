"""A figure's caption says what its counts show, and no more."""

import numpy as np
import pytest
from tests.report.made_up import NAN, about, changed, make_up

from outlearn.report.calibration_figures import reliability_figure
from outlearn.report.charts import Bars, Dots, Line
from outlearn.report.point_figures import confidence_figure
from outlearn.report.run_page import run_figures
from outlearn.report.score_figures import bias_variance_figure, gap_figure, scores_figure
from outlearn.report.training_figure import path_figure
from outlearn.results.run_folder import load_run


@pytest.fixture(scope="module")
def results():
    return make_up(losses=("forward_ce", "reverse_ce"), n_points=60).results


@pytest.fixture(scope="module")
def run(folder_of):
    return load_run(folder_of("plain"))


@pytest.fixture(scope="module")
def gaps(run):
    return {loss: run.gap(loss) for loss in run.students}


def against_teacher(results, difference):
    """Return the results with the same difference of all losses to their teachers."""
    for loss, student in results.students.items():
        results = changed(results, loss, differences={**student.differences, "teacher": difference})
    return results


def on_path(results, **values):
    """Return the results with values of every recorded epoch replaced; a function gets the epoch."""
    for loss, student in results.students.items():
        path = [
            at.model_copy(update={key: v(at.epoch) if callable(v) else v for key, v in values.items()})
            for at in student.path
        ]
        results = changed(results, loss, path=tuple(path))
    return results


@pytest.mark.parametrize(
    ("mean", "half", "said", "unsaid"),
    [
        (-0.2, 0.1, "below 0 for both losses: there misfit alone overstates the gain", "understates"),
        (0.2, 0.1, "above 0 for both losses: there misfit alone understates the gain", "overstates"),
        (-0.2, 0.3, "The residual is not told apart from 0 for any loss", "states"),
    ],
)
def test_the_residual_has_a_side_only_where_its_interval_has_one(results, mean, half, said, unsaid):
    caption = gap_figure(changed(results, residual=about(mean, half))).finding
    assert said in caption
    assert unsaid not in caption


def test_copying_at_zero_losses_is_no_loss(results):
    figure = gap_figure(changed(results, overfit_covariance=about(0.01, 0.1)))
    assert "shown to copy part of their own teacher's error with no loss" in figure.finding


def test_without_intervals_the_caption_gives_the_reason():
    results = make_up(n_teachers=1, n_points=60).results
    assert "The overfit covariance has no interval: one teacher" in gap_figure(results).finding
    untold = about(0.1, reason="only three points")
    results = against_teacher(changed(results, residual=untold), untold)
    assert "No residual has an interval (only three points)" in gap_figure(results).finding
    assert "No difference has an interval (only three points)" in scores_figure(results).finding


@pytest.mark.parametrize(
    ("mean", "said"),
    [
        (0.05, "more accurate than their own labeler with forward_ce, reverse_ce"),
        (-0.05, "No student is shown to beat its labeler; with forward_ce, reverse_ce students are less accurate"),
        (0.005, "No student is shown to be better or worse than its labeler: 2 cannot be told apart from it"),
    ],
)
def test_who_wins_follows_the_paired_intervals(results, mean, said):
    assert said in scores_figure(against_teacher(results, about(mean, 0.01))).finding


def test_the_path_is_drawn_as_it_was_measured(results):
    first = results.students["forward_ce"].path[0].accuracy
    assert path_figure(results, tuple(results.students)).chart.panels[0].marks[0].y[0] == pytest.approx(100 * first)


def test_the_path_caption_counts_and_draws_no_conclusion(results):
    assert "the overfit covariance rises with both losses" in path_figure(results, tuple(results.students)).finding
    falling = on_path(results, overfit_covariance=lambda epoch: -epoch, accuracy=lambda epoch: epoch / 100)
    said = path_figure(falling, tuple(results.students)).finding
    assert "rises with no loss; an earlier recorded epoch is more accurate than the last with no loss" in said
    assert "copies" not in said
    assert (
        "The overfit covariance was not measured"
        in path_figure(on_path(results, overfit_covariance=NAN), tuple(results.students)).finding
    )
    for loss, student in results.students.items():
        results = changed(results, loss, path=student.path[-1:])
    assert path_figure(results, tuple(results.students)) is None


def test_bias_and_variance_show_the_ensembles_as_one_risk(results):
    figure = bias_variance_figure(results)
    chart = figure.chart
    assert {mark.name for mark in chart.panels[0].marks} == {"bias", "variance", "risk of an ensemble"}
    ensembles = next(mark for mark in chart.panels[0].marks if isinstance(mark, Dots))
    assert list(ensembles.x) == [each.log_loss.mean for each in results.ensembles.values()]
    bars = [mark for mark in chart.panels[0].marks if isinstance(mark, Bars)]
    assert bars[1].base == bars[0].length
    assert "the diamond is its whole risk" in figure.how_to_read
    assert bias_variance_figure(make_up(n_teachers=1, n_points=60).results) is None


def test_tenths_of_confidence_carry_the_core_s_two_way_intervals(gaps):
    figure = confidence_figure(gaps, "nats", 0.95, tuple(gaps))
    chart = figure.chart
    loss = next(iter(gaps))
    table = gaps[loss].slices("teacher_confidence", 0.95)
    dots = next(mark for mark in chart.panels[0].marks if isinstance(mark, Dots))
    assert list(dots.y) == [interval.mean for interval in table.gap]
    assert list(dots.low) == [interval.low for interval in table.gap]
    assert list(dots.high) == [interval.high for interval in table.gap]
    assert list(dots.x) == sorted(dots.x)
    weights = np.array(table.n_points)
    sure = gaps[loss].ledger().teacher_confidence
    assert np.dot(weights, dots.x) / weights.sum() == pytest.approx(100 * sure.mean())
    assert len(figure.table.rows) == sum(len(g.slices("teacher_confidence").names) for g in gaps.values())


@pytest.mark.parametrize("kind", ["plain", "one-teacher", "ten-classes", "preference", "one-loss", "hostile"])
def test_every_kind_of_run_draws_every_figure_that_it_can(folder_of, kind):
    figures = run_figures(load_run(folder_of(kind)))
    expected = {"scores", "gap", "path", "confidence", "reliability", "bias-variance", "misfit-map"}
    expected.add("label-curve")
    assert {key.removesuffix("-others") for key in figures} == (
        expected - {"bias-variance", "misfit-map"} if kind == "one-teacher" else expected
    )
    for figure in figures.values():
        assert figure.finding.endswith((".", "…"))
        assert figure.table is not None
        for panel in figure.chart.panels:
            for mark in panel.marks:
                if isinstance(mark, Line | Dots) and mark.hover:
                    assert len(mark.hover) == len(mark.x)


def test_over_confidence_is_claimed_by_its_paired_interval(run):
    measured = run.predictions
    figure = reliability_figure(measured, 0.95, tuple(measured.students))
    excess = {row[0]: row[2] for row in figure.table.rows if row[1] == "all"}
    confidence = np.exp(measured.teachers.log_probs.max(axis=-1))
    right = measured.teachers.log_probs.argmax(axis=-1) == measured.labels
    assert excess["teacher"].mean == pytest.approx((confidence - right).mean())
    surer = figure.finding.split("; less sure")[0]
    for name, estimate in excess.items():
        assert (f"{name} +" in surer) == (estimate.low > 0)
