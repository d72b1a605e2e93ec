"""The theory on paper: what is printed, what is written, and that a disagreement cannot be missed."""

import json
import re

import numpy as np
import pytest

from outlearn.errors import ConfigError, OutlearnError, StoreError
from outlearn.report.theory_page import FIGURES, run_theory, theory_page, write_theory
from outlearn.report.theory_text import theory_text
from outlearn.theory import EXPERIMENTS, Claim, TheoryResult

pytestmark = pytest.mark.medium

SMALL = {
    "random-features": {"draws": 60, "widths": "20,45,60,120,240", "subspace_examples": "40,100"},
    "ridge": {"draws": 60},
    "subspace": {"draws": 40, "student_examples": "40,100", "estimator_samples": 30},
    "ensembles": {"data_draws": 2, "bootstraps": 2, "test_points": 40, "draws": 100, "members": "1,2"},
    "convex": {"problems": 20},
    "entropy": {"teachers": 4, "steps": "3,30"},
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
    return TheoryResult(
        name=result.name,
        claims=(*result.claims, wrong),
        curves=result.curves,
        settings=result.settings,
        seed=result.seed,
        notes=("<b>note</b>",),
    )


def test_every_experiment_has_figures():
    assert set(FIGURES) == set(EXPERIMENTS)


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_the_page_holds_every_claim_figure_and_number(results, name):
    result = results[name]
    page = theory_page([result])
    figures = FIGURES[name](result)
    assert page.count('class="plot"') == len(figures)
    assert page.count("<details>") == len(figures)
    for claim in result.claims:
        words = re.sub(r"[^A-Za-z]+", " ", claim.text).split()
        assert all(word in page for word in words[:6])
    for figure in figures:
        assert figure.finding.endswith(".")
        assert figure.as_mapping()["data"]


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_a_series_is_never_told_by_colour_alone(results, name):
    for figure in FIGURES[name](results[name]):
        looks = {}
        for trace in figure.as_mapping()["data"]:
            if not trace["name"]:
                continue
            marker = trace["marker"]["symbol"] if "markers" in trace["mode"] else ""
            dash = trace["line"]["dash"] if "lines" in trace["mode"] else ""
            looks.setdefault(trace["name"], set()).add((marker, dash))
        flat = [look for found in looks.values() for look in found]
        assert len(flat) == len(set(flat)), looks


def test_the_page_makes_no_request_and_escapes_what_it_is_given(results):
    page = theory_page([failing(results["convex"])])
    assert "<script>alert(1)</script>" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt; is two" in page
    assert "<b>note</b>" not in page
    own = re.sub(r"<script>.*?</script>", "", page, flags=re.S)  # plotly's own code names addresses, and calls none
    assert not re.search(r"(src|href)\s*=\s*[\"']https?:", own)
    assert "default-src &#39;none&#39;" in page


def test_a_disagreement_is_on_top_of_the_page_in_the_table_and_in_the_text(results):
    bad = failing(results["convex"])
    page, text = theory_page([bad]), theory_text(bad)
    assert "9 of 10 claims agree" in page
    assert "Does not agree: &lt;script&gt;" in page
    assert "FAILS" in page
    assert re.search(r"FAILS\s+<script>alert", text)
    assert "relative error 0.5 (at most 0.05)" in text


def test_one_or_several_results_are_written(results, tmp_path):
    write_theory(results["convex"], tmp_path / "one")
    assert sorted(path.name for path in (tmp_path / "one").iterdir()) == ["report.html", "results.json", "summary.txt"]
    one = json.loads((tmp_path / "one" / "results.json").read_text())
    assert (one["name"], one["schema"], one["agrees"]) == ("convex", 1, True)
    write_theory(list(results.values()), tmp_path / "all")
    every = json.loads((tmp_path / "all" / "results.json").read_text())
    assert [experiment["name"] for experiment in every["experiments"]] == list(EXPERIMENTS)
    page = (tmp_path / "all" / "report.html").read_text()
    keys = re.findall(r'id="plot-([^"]+)"', page)
    assert len(keys) == len(set(keys)) == sum(len(FIGURES[name](result)) for name, result in results.items())


def test_running_prints_every_claim_writes_and_says_whether_all_agree(tmp_path):
    lines = []
    assert run_theory("convex", {"problems": 20}, 0, tmp_path / "out", lines.append)
    printed = "\n".join(lines)
    assert printed.count("measured") == 9
    assert "9 of 9 claims agree" in printed
    assert (tmp_path / "out" / "summary.txt").read_text().rstrip() in printed
    assert json.loads((tmp_path / "out" / "results.json").read_text())["settings"]["problems"] == 20


def test_running_is_false_where_a_claim_fails(tmp_path, monkeypatch):
    import outlearn.theory.experiments.convex as convex

    monkeypatch.setattr(convex, "_cone", convex._lines)
    monkeypatch.setitem(
        convex.FAMILIES,
        "cone",
        convex.Family("Lines, called convex", "squared_euclidean", "target_first", convex._lines, "at least"),
    )
    lines = []
    assert not run_theory("convex", {"problems": 40}, 0, tmp_path, lines.append)
    assert "FAILS" in "\n".join(lines)


def test_settings_reach_their_experiment(tmp_path):
    assert run_theory("convex", {"convex": {"problems": "21"}, "classes": 3}, 0, tmp_path, print)
    settings = json.loads((tmp_path / "results.json").read_text())["settings"]
    assert (settings["problems"], settings["classes"]) == (21, 3)


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("convexx", {}, 'Did you mean "convex"'),
        ("convex", {"problem": "3"}, 'Did you mean "problems"'),
        ("convex", {"problems": "3"}, "at least 20"),
        ("convex", {"problems": None}, "problems is None"),
        ("convex", {"ridge": {"draws": 3}}, "no experiment 'ridge' here"),
        ("all", {"nothing": "3"}, "no setting 'nothing'"),
        ("all", {"ridge": {"drows": "3"}}, 'Did you mean "draws"'),
        ("entropy", {"run": "nowhere"}, "nowhere"),
        ("random-features", {"widths": [20, 10]}, "increasing"),
    ],
)
def test_bad_input_is_refused_before_anything_runs_or_is_written(tmp_path, name, settings, message):
    with pytest.raises(OutlearnError, match=message):
        run_theory(name, settings, 0, tmp_path / "out", print)
    assert not (tmp_path / "out").exists()


def test_a_negative_seed_and_a_file_for_a_folder_are_refused(tmp_path):
    with pytest.raises(ConfigError, match="seed is -1"):
        run_theory("convex", {}, -1, tmp_path, print)
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="is a file"):
        run_theory("convex", {}, 0, tmp_path / "file", print)


def test_without_a_folder_a_new_one_is_made_under_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for _ in range(2):
        assert run_theory("convex", {"problems": 20}, 0, None, print)
    assert len(list((tmp_path / "runs").glob("theory-convex-*"))) == 2


def test_the_peak_of_a_sweep_without_reliable_neighbours_can_still_be_drawn():
    """Widths that avoid the peak, and widths that are all in it, are both settings that a user may choose."""
    from outlearn.theory.experiments import RandomFeaturesSettings

    for widths in ((200, 400), (10, 30)):
        settings = RandomFeaturesSettings(draws=40, widths=widths, subspace_examples=(40, 80))
        result = EXPERIMENTS["random-features"].run(settings)
        assert "Random features" in theory_page([result])
        assert np.isfinite(result.curves["no_penalty"]["risk"]).all()
