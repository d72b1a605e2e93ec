"""The theory on paper: what is printed, what is drawn, and that a disagreement cannot be missed."""

import re
from dataclasses import replace

import numpy as np
import pytest

from outlearn.errors import ConfigError
from outlearn.report.charts import Dots, Line
from outlearn.report.html import write_report
from outlearn.report.theory_page import FIGURES, theory_figures, theory_page
from outlearn.report.theory_text import theory_text
from outlearn.results.theory import read_theory, write_theory
from outlearn.theory import EXPERIMENTS as IN_THEORY
from outlearn.theory import Claim
from outlearn.theory_on_data import EXPERIMENTS_ON_DATA

pytestmark = pytest.mark.medium

EXPERIMENTS = {**IN_THEORY, **EXPERIMENTS_ON_DATA}
SMALL = {
    "random-features": {"draws": 60, "widths": "20,45,60,120,240", "subspace_examples": "40,100"},
    "ridge": {"draws": 60},
    "subspace": {"draws": 40, "student_examples": "40,100", "estimator_samples": 30},
    "ensembles": {"data_draws": 2, "bootstraps": 2, "test_points": 40, "draws": 100, "members": "1,2"},
    "convex": {"problems": 20},
    "entropy": {"teachers": 4, "steps": "3,30"},
    "real-capacity": {
        "tasks": "digits",
        "splits": 4,
        "teachers": 8,
        "student_examples": 100,
        "test_points": 100,
        "widths": "8,200",
    },
}


@pytest.fixture(scope="module")
def results():
    found = {}
    for name, experiment in EXPERIMENTS.items():
        from outlearn.theory.settings import settings_from_strings

        values = {key: str(value) for key, value in SMALL[name].items()}
        found[name] = experiment.run(settings_from_strings(experiment.settings, values))
    return found


def failing(result):
    """Return the result with a claim that does not hold and whose text wants to be markup."""
    wrong = Claim(
        text="<script>alert(1)</script> is two",
        measured=1.0,
        predicted=2.0,
        statistic="relative error",
        tolerance=0.05,
    )
    return replace(result, claims=(*result.claims, wrong), notes=("<b>note</b>",))


def test_every_experiment_has_figures():
    assert set(FIGURES) == set(EXPERIMENTS)


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_the_page_holds_every_claim_figure_and_number(results, name):
    result = results[name]
    page = theory_page([result])
    figures = theory_figures(result)
    assert page.count("<figure id=") == page.count("<details>") == len(figures)
    assert page.count('class="plot"') == sum(len(figure.chart.panels) for figure in figures)
    for claim in result.claims:
        words = re.sub(r"[^A-Za-z]+", " ", claim.text).split()
        assert all(word in page for word in words[:6])
    for figure in figures:
        assert figure.finding.endswith(".")
        assert all(panel.marks for panel in figure.chart.panels)


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_a_series_is_never_told_by_colour_alone(results, name):
    for figure in theory_figures(results[name]):
        looks = {}
        for mark in (mark for panel in figure.chart.panels for mark in panel.marks):
            if not isinstance(mark, Dots | Line) or not mark.name:
                continue
            symbol = mark.style.symbol if isinstance(mark, Dots) or mark.markers else ""
            dash = mark.style.dash if isinstance(mark, Line) else ""
            looks.setdefault(mark.name, set()).add((symbol, dash))
        flat = [look for found in looks.values() for look in found]
        assert len(flat) == len(set(flat)), looks


def test_the_page_makes_no_request_and_escapes_what_it_is_given(results):
    page = theory_page([failing(results["convex"])])
    assert "<script>alert(1)</script>" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt; is two" in page
    assert "<b>note</b>" not in page
    assert "http:" not in page
    assert "https:" not in page
    assert "default-src &#39;none&#39;" in page


def test_a_disagreement_is_on_top_of_the_page_in_the_table_and_in_the_text(results):
    bad = failing(results["convex"])
    page, text = theory_page([bad]), theory_text(bad)
    assert "9 of 10 claims agree" in page
    assert "Does not agree: &lt;script&gt;" in page
    assert "FAILS" in page
    assert re.search(r"FAILS\s+<script>alert", text)
    assert "relative error 0.5 (at most 0.05)" in text


def test_one_page_holds_one_or_several_results_read_from_their_folder(results, tmp_path):
    write_theory([results["convex"]], tmp_path / "one")
    write_theory(list(results.values()), tmp_path / "all")
    for folder, given in (("one", [results["convex"]]), ("all", list(results.values()))):
        target = write_report([tmp_path / folder])
        page = target.read_text(encoding="utf-8")
        assert target == tmp_path / folder / "report.html"
        keys = re.findall(r'<figure id="fig-([^"]+)"', page)
        assert len(keys) == len(set(keys)) == sum(len(theory_figures(result)) for result in given)
        # Read from disk or from memory, it is the same page.
        assert page == theory_page(given)
        assert page == theory_page(read_theory(tmp_path / folder))


def test_theory_has_one_page_and_no_other_form(results, tmp_path):
    write_theory([results["convex"]], tmp_path)
    for dirs, how in (([tmp_path], {"format": "md"}), ([tmp_path] * 2, {}), ([tmp_path], {"figures": tmp_path / "f"})):
        with pytest.raises(ConfigError, match="theory has one page"):
            write_report(dirs, **how)
    assert write_report([tmp_path]).is_file()


def test_an_experiment_without_figures_has_its_claims_on_the_page(results):
    page = theory_page([replace(results["convex"], name="new-experiment")])
    assert 'class="plot"' not in page
    assert "9 of 9 claims agree" in page


def test_the_peak_of_a_sweep_without_reliable_neighbours_can_still_be_drawn():
    """Widths that avoid the peak, and widths that are all in it, are both settings that a user may choose."""
    from outlearn.theory.experiments import RandomFeaturesSettings

    for widths in ((200, 400), (10, 30)):
        settings = RandomFeaturesSettings(draws=40, widths=widths, subspace_examples=(40, 80))
        result = EXPERIMENTS["random-features"].run(settings)
        assert "Random features" in theory_page([result])
        assert np.isfinite(result.curves["no_penalty"]["risk"]).all()
