"""What the report has not heard of goes by its own label: nothing in it is edited for a new thing."""

import pytest
from tests.report.made_up import make_up

from outlearn.core.labelers.combinations import COMBINATIONS, Combination
from outlearn.core.metrics import METRICS, Metric, log_loss
from outlearn.core.predictions import Predictions
from outlearn.core.students.criteria import CRITERIA, Criterion
from outlearn.report.findings import findings
from outlearn.report.markdown import markdown_table
from outlearn.report.selection import selection_figure, selection_finding
from outlearn.report.summary import summary_text
from outlearn.report.tables import bias_variance_table, difference_table, gap_table, main_table
from outlearn.results.selection import (
    Candidate,
    CriterionChoice,
    CrossedCalibration,
    Judged,
    JudgedCandidate,
    Selection,
    Shares,
    TriedCandidate,
    TrueLabelsUsed,
)


def replaced(record, **fields):
    return record.model_copy(update=fields)


@pytest.fixture(scope="module")
def results():
    """A run with a combination, a metric, a criterion, a loss and a unit that this package does not have."""
    found = make_up(n_points=60, losses=("forward_ce", "tilted(power=2)")).results
    chosen = {"name": "tilted(power=2), 4 epochs", "family": "trained", "kind": "tilted", "settings": {}}
    other = {"name": "mae, 1 epoch", "family": "trained", "kind": "mae", "settings": {}}
    tried = tuple(
        TriedCandidate(**each, values={"oracle_kappa": value}) for each, value in ((chosen, 0.5), (other, 0.25))
    )
    selection = Selection(
        recipe="auto",
        source="median_logit",
        form="average",
        true_labels=TrueLabelsUsed(use="none", n=0),
        criterion="oracle_kappa",
        alignment=0.5,
        shares=Shares(source="given", values=(0.4, 0.6), weak_labels=(0.5, 0.5)),
        calibration=CrossedCalibration(factor=0.5, offsets=(0.1, -0.1)),
        chosen=Candidate(**chosen),
        members=(Candidate(**chosen), Candidate(**other)),
        candidates=tried,
        judged=Judged(
            accuracy=(0.75, 0.5),
            best=JudgedCandidate(**chosen, accuracy=0.75),
            chosen_accuracy=0.75,
            answer_accuracy=0.75,
            regret=0.0,
            by_criterion={
                "oracle_kappa": CriterionChoice(chosen=Candidate(**chosen), accuracy=0.75, rank_correlation=1.0)
            },
        ),
        warnings=("The oracle is silent.",),
        students_trained=6,
    )

    def with_metric(scored):
        return replaced(scored, scores={**scored.scores, "surprise": scored.log_loss})

    return replaced(
        found,
        teacher=with_metric(found.teacher),
        ensembles={**found.ensembles, "median_logit": with_metric(found.ensembles["mean"])},
        labeler=replaced(found.labeler, source="median_logit"),
        students={
            loss: with_metric(
                replaced(
                    student,
                    differences={**student.differences, "ensemble_median_logit": student.differences["ensemble_mean"]},
                )
            )
            for loss, student in found.students.items()
        },
        measure=replaced(found.measure, generator="tilted", unit="tilted nats", risk_metric=None),
        selections={"auto": selection},
    )


@pytest.fixture
def registered(monkeypatch):
    """Register the things under labels of their own."""
    monkeypatch.setitem(
        COMBINATIONS,
        "median_logit",
        Combination("median_logit", "median", "A line.", "median z_i", "nothing", lambda fit_on: Predictions.mean),
    )
    monkeypatch.setitem(
        METRICS,
        "surprise",
        Metric("surprise", "surprisal", "A line.", "nats", False, log_loss, METRICS["log_loss"].scale),
    )
    monkeypatch.setitem(
        CRITERIA,
        "oracle_kappa",
        Criterion(
            "oracle_kappa",
            "kappa with an oracle",
            lambda found: 0.0,
            higher_is_better=True,
            held_out=False,
            assumes="an oracle",
            fails="there is none",
        ),
    )


def test_a_new_combination_goes_by_its_label_in_tables_and_sentences(registered, results):
    assert "ensemble, median" in [row[0] for row in main_table(results).rows]
    for against in ("everyone", "combinations"):
        assert "ensemble, median" in [column.name for column in difference_table(results, against=against).columns]
    assert "against their labeler's, the median of the teachers," in findings(results)[0]
    assert "| ensemble, median |" in markdown_table(main_table(results))


def test_a_new_metric_has_a_column_and_a_unit_in_the_legend(registered, results):
    table = main_table(results)
    column = [each.name for each in table.columns].index("surprisal")
    scores = {row[0]: row[column] for row in table.rows}
    assert scores["student, forward_ce"] == results.students["forward_ce"].log_loss
    text = " ".join(summary_text(results, width=200).split())
    assert "log loss in nats, surprisal in nats, gap in tilted nats" in text


def test_a_new_criterion_is_called_by_its_label(registered, results):
    assert "by the kappa with an oracle and without a true label" in selection_finding(results)
    figure = selection_figure(results)
    assert figure.table.rows[0][0] == figure.chart.panels[0].x.title == "kappa with an oracle"
    names = [mark.name for mark in figure.chart.panels[0].marks if hasattr(mark, "name")]
    assert names == ["tilted", "mae", "members of the answer"]


def test_a_new_loss_and_a_new_unit_are_shown_as_the_run_names_them(results):
    assert "student, tilted(power=2)" in [row[0] for row in main_table(results).rows]
    assert gap_table(results).title == "Gap = misfit + residual, in tilted nats"
    assert bias_variance_table(results).title == "Bias and variance, in tilted nats"


def test_what_is_registered_nowhere_goes_by_its_name(results):
    assert "ensemble, median_logit" in [row[0] for row in main_table(results).rows]
    assert "against their labeler's, the median_logit of the teachers," in findings(results)[0]
    assert "by the oracle_kappa and without a true label" in selection_finding(results)
