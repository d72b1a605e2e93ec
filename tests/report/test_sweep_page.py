"""The page of a sweep: its statistics by hand, claims only where intervals allow them, text that stays text."""

import json
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats
from tests.report.made_up import HOSTILE, changed, make_up
from tests.report.test_escaping import ATTACKS, elements

from outlearn.core.verdict import is_above_zero, is_below_zero
from outlearn.errors import ConfigError, DataError
from outlearn.report.html import write_report
from outlearn.report.sweep_figures import effect_chart, rank_figure
from outlearn.report.sweep_first_screen import sweep_first_screen
from outlearn.report.sweep_page import comparison_summary, sweep_findings
from outlearn.results.sweep import load_sweep
from outlearn.results.sweep_comparison import compare_losses, compare_values, compared_keys

pytestmark = pytest.mark.medium

EXACT = 1e-12
LOSSES = ("forward_ce", "reverse_ce", "mae")


def write_sweep(path, runs, *, keys=("data.name", "seed"), failed=None, missing=(), name="made up"):
    """Write the folder of a sweep from (values, made-up run); the label is the place."""
    records = []
    for place, (values, run) in enumerate(runs):
        run.write(path / "runs" / f"run{place}")
        records.append({"label": f"run{place}", "values": values, "status": "finished", "cause": None})
    records += [
        {"label": label, "values": {}, "status": "failed", "cause": cause} for label, cause in (failed or {}).items()
    ]
    records += [{"label": label, "values": {}, "status": "not run", "cause": None} for label in missing]
    content = {"schema": 1, "name": name, "keys": list(keys), "n_students": 48, "seconds": 3.5, "runs": records}
    path.mkdir(parents=True, exist_ok=True)
    (path / "sweep.json").write_text(json.dumps(content), encoding="utf-8")
    return path


def plain(task, seed, *, encoder=None, losses=LOSSES, shift=None):
    """Make up a run; `shift` sets the accuracy of each loss."""
    drawn = seed + 100 * sum(map(ord, f"{task}{encoder}"))
    run = make_up(name=task, seed=drawn, n_points=40, losses=losses)
    run.config["seed"] = seed
    for loss, accuracy in (shift or {}).items():
        scores = run.results.students[loss].scores
        scores = {**scores, "accuracy": replace(scores["accuracy"], mean=accuracy)}
        run = replace(run, results=changed(run.results, loss, scores=scores))
    values = {"data.name": task, "seed": seed} | ({} if encoder is None else {"student.encoder": encoder})
    return values, run


@pytest.fixture(scope="module")
def sweep(tmp_path_factory):
    """Two tasks, three seeds, two encoders."""
    runs = [plain(task, seed, encoder=e) for task in "ab" for e in ("weak", "strong") for seed in range(3)]
    keys = ("data.name", "student.encoder", "seed")
    return load_sweep(write_sweep(tmp_path_factory.mktemp("sweep"), runs, keys=keys))


def accuracies(sweep, loss):
    return np.array([run.run.students[loss].accuracy.mean for run in sweep.runs])


def test_differences_are_paired_and_their_unit_is_the_split(sweep):
    found = compare_losses(sweep).difference("mae")
    by_run = (accuracies(sweep, "mae") - accuracies(sweep, "forward_ce")).reshape(2, 2, 3)
    by_split = by_run.mean(axis=1)  # encoders averaged: [tasks, seeds]
    task = sweep.runs[0].run.task
    shared = task.n_test / task.n_student
    variances = by_split.var(axis=1, ddof=1) * (1 / 3 + shared)
    freedom = variances.sum() ** 2 / (variances**2 / 2).sum()
    half = stats.t.ppf(0.975, freedom) * np.sqrt(variances.sum()) / 2
    np.testing.assert_allclose(found.mean, by_split.mean(), atol=EXACT)
    np.testing.assert_allclose([found.low, found.high], [by_split.mean() - half, by_split.mean() + half], atol=EXACT)
    assert (found.n_models, found.n_points) == (6, 12)


def test_ranks_are_over_splits_and_agree_with_scipy(sweep):
    found = compare_losses(sweep)
    units = np.stack([accuracies(sweep, loss).reshape(2, 2, 3).mean(axis=1).ravel() for loss in LOSSES], axis=1)
    np.testing.assert_allclose(found.units, units, atol=EXACT)
    np.testing.assert_allclose(found.mean_ranks, stats.rankdata(-units, axis=1).mean(axis=0), atol=EXACT)


def test_values_of_a_key_are_compared_where_all_else_is_equal(sweep):
    assert compared_keys(sweep) == ("student.encoder",)
    found = compare_values(sweep, "student.encoder")
    assert found.treatments == ("weak", "strong")
    assert len(found.task_of) == 2 * 3 * len(LOSSES)
    per_encoder = np.mean([accuracies(sweep, loss) for loss in LOSSES], axis=0).reshape(2, 2, 3)
    expected = (per_encoder[:, 1] - per_encoder[:, 0]).mean()
    assert found.difference("strong").mean == pytest.approx(expected)


def test_a_run_that_lacks_a_loss_is_left_out_of_the_losses_comparison(tmp_path):
    runs = [plain("a", 0), plain("a", 1), plain("a", 2, losses=("mae", "forward_ce"))]
    found = compare_losses(load_sweep(write_sweep(tmp_path / "s", runs)))
    assert found.scores["accuracy"].shape == (2, 3)


def test_two_tasks_say_nothing_about_others_and_four_do(sweep, tmp_path):
    few = compare_losses(sweep)
    assert np.isnan(few.difference_for_new_tasks("mae").low)
    assert "for new tasks" not in [column.name for column in comparison_summary(few).columns]
    runs = [plain(task, seed) for task in "abcd" for seed in range(2)]
    many = compare_losses(load_sweep(write_sweep(tmp_path / "s", runs)))
    assert "for new tasks" in [column.name for column in comparison_summary(many).columns]
    per_task = (many.scores["accuracy"][:, 2] - many.scores["accuracy"][:, 0]).reshape(4, 2).mean(axis=1)
    expected = stats.ttest_1samp(per_task, 0).confidence_interval()
    found = many.difference_for_new_tasks("mae")
    np.testing.assert_allclose([found.low, found.high], expected, atol=EXACT)


def test_a_direction_is_claimed_where_the_interval_excludes_0_and_only_there(tmp_path):
    runs = []
    for seed in range(4):
        better = {"forward_ce": 0.6, "reverse_ce": 0.7 + 0.001 * seed, "mae": 0.6 + 0.2 * (seed % 2) - 0.1}
        worse = {"forward_ce": 0.6, "reverse_ce": 0.5 + 0.001 * seed, "mae": 0.6 + 0.2 * (seed % 2) - 0.1}
        runs += [plain("gain", seed, shift=better), plain("harm", seed, shift=worse)]
    swept = load_sweep(write_sweep(tmp_path / "s", runs))
    said = sweep_findings(swept, [compare_losses(swept)])
    (gain,) = [sentence for sentence in said if sentence.startswith("On gain, ")]
    (harm,) = [sentence for sentence in said if sentence.startswith("On harm, ")]
    assert "reverse_ce (by 10.1 points [" in gain
    assert ") does better than forward_ce; 1 cannot be told apart from it." in gain
    assert ") does worse than forward_ce" in harm
    assert "mae" not in gain + harm
    assert any("about other tasks they say nothing" in sentence for sentence in said)


@pytest.mark.parametrize(
    ("reverse", "verdict", "tone"),
    [
        ({"reverse_ce": 0.7}, "reverse_ce does best.", "go"),
        ({"reverse_ce": 0.5}, "Nothing does better than forward_ce: all others are shown to do worse.", "open"),
        ({"reverse_ce": 0.6}, "Nothing is shown to do better than forward_ce, not even reverse_ce.", "open"),
    ],
)
def test_the_verdict_on_a_sweep_follows_the_interval_that_its_tile_shows(tmp_path, reverse, verdict, tone):
    losses = ("forward_ce", "reverse_ce")
    step = 0.001 if reverse["reverse_ce"] != 0.6 else 0.02
    runs = []
    for seed in range(4):
        shift = {"forward_ce": 0.6, "reverse_ce": reverse["reverse_ce"] + step * (seed - 1)}
        runs.append(plain("a", seed, losses=losses, shift=shift))
    swept = load_sweep(write_sweep(tmp_path / "s", runs))
    comparison = compare_losses(swept)
    first = sweep_first_screen(swept, comparison)
    assert (first.verdict, first.tone) == (verdict, tone)
    assert is_above_zero(comparison.difference("reverse_ce")) == (tone == "go")
    assert any("takes at least 4, and here there is 1" in news for news in first.bad_news)


def test_every_panel_of_a_sweep_has_the_scale_of_all(sweep):
    panels = effect_chart(compare_losses(sweep)).panels
    (limits,) = {panel.x.limits for panel in panels}
    ends = [end for panel in panels for dots in panel.marks[:-1] for end in (*dots.low, *dots.high) if end is not None]
    assert limits[0] <= min(ends)
    assert max(ends) <= limits[1]


def test_a_value_is_written_as_people_write_it(sweep):
    values = {"student.learner.epochs": 5.0, "rate": 0.1, "exact": 1.23456789, "encoder": "hf"}
    run = replace(sweep.runs[0], values=values)
    assert [run.value_text(key) for key in (*values, "other")] == ["5", "0.1", "1.23456789", "hf", "None"]


def test_ranks_call_apart_whom_the_intervals_tell_apart_and_no_one_else(tmp_path):
    clear = {"forward_ce": 0.6, "reverse_ce": 0.7, "mae": 0.601}
    runs = [
        plain("a", seed, shift={**clear, "reverse_ce": 0.7 + 0.001 * seed, "mae": 0.6 + 0.01 * (-1) ** seed})
        for seed in range(3)
    ]
    found = compare_losses(load_sweep(write_sweep(tmp_path / "s", runs)))
    difference = found.difference("reverse_ce")
    assert difference.low > 0  # all three splits agree, which no test of ranks would call enough
    figure = rank_figure(found, "ranks")
    assert "Not told apart by the intervals of their differences: mae and forward_ce." in figure.finding
    for claim in ("p =", "F =", "infinite", "Nemenyi"):
        assert claim not in figure.finding + figure.how_to_read
    assert is_above_zero(figure.table.rows[0][2]) is False  # the best against itself
    assert is_below_zero(figure.table.rows[2][2])


def test_settings_are_shown_apart_where_they_are_few(sweep):
    found = compare_losses(sweep)
    assert found.parts == ("a, weak", "a, strong", "b, weak", "b, strong")
    mine = [run.task == "b" and run.values["student.encoder"] == "weak" for run in sweep.runs]
    expected = (accuracies(sweep, "mae") - accuracies(sweep, "forward_ce"))[mine].mean()
    assert found.difference("mae", part="b, weak").mean == pytest.approx(expected)
    assert compare_values(sweep, "student.encoder").parts == ("a", "b")


def test_one_split_gives_differences_without_intervals_and_no_ranks(tmp_path):
    swept = load_sweep(write_sweep(tmp_path / "s", [plain("a", 0)]))
    found = compare_losses(swept)
    assert np.isnan(found.difference("mae").low)
    assert rank_figure(found, "ranks") is None
    page = elements(write_report([swept.folder]))
    assert any("give several seeds" in text for text in page.text)


def test_the_page_holds_every_run_loss_failure_and_gap(sweep, tmp_path):
    runs = [plain("a", 0), plain("a", 1)]
    folder = write_sweep(tmp_path / "s", runs, failed={"run9": "too few points"}, missing=("run8",))
    page = elements(write_report([folder]))
    everything = " ".join(page.text)
    for expected in (
        "run9",
        "too few points",
        "run8",
        "2 of 4 runs have no results",
        "2 finished, 1 failed, 1 not run",
    ):
        assert expected in everything
    grid = next(json.loads(text) for kind, text in page.scripts if kind == "application/json" and '"rows"' in text)
    assert len(grid["rows"]) == 2 * len(LOSSES)


def test_a_sweep_without_a_finished_run_has_a_page_that_says_so(tmp_path):
    folder = write_sweep(tmp_path / "s", [], failed={"x": "no data"})
    assert "nothing to compare" in " ".join(elements(write_report([folder])).text)


@pytest.mark.parametrize("attack", [*ATTACKS, HOSTILE[4], HOSTILE[7]])
def test_names_values_and_causes_stay_text(tmp_path, attack):
    losses = ("forward_ce", f"mae{attack}")
    runs = []
    for seed in range(3):
        values, run = plain(f"task{attack}", seed, losses=losses)
        runs.append((values | {"student.encoder": f"enc{attack}{seed % 2}"}, run))
    keys = ("data.name", f"key{attack}", "student.encoder")
    folder = write_sweep(tmp_path / "s", runs, keys=keys, failed={f"f{attack}": attack}, name=f"name{attack}")
    page = elements(write_report([folder]))
    clean = elements(write_report([write_sweep(tmp_path / "t", [plain("a", s) for s in range(3)])]))
    assert not any("hacked" in text for kind, text in page.scripts if kind != "application/json")
    assert set(page.tags) <= {*clean.tags, "p", "table", "th", "td", "tr", "caption"}
    assert not any(name.startswith("on") for _, name in page.attributes)
    assert any("name" in text and "hacked" in text for text in page.text) or "hacked" not in attack


def test_the_figures_of_a_sweep_are_drawn_for_a_paper(sweep, tmp_path):
    pytest.importorskip("matplotlib")
    write_report([sweep.folder], tmp_path / "page.html", figures=tmp_path / "figures")
    drawn = {path.name for path in (tmp_path / "figures").iterdir()}
    assert {"loss-effects.svg", "loss-ranks.pdf", "student-encoder-effects.svg"} <= drawn


def test_a_sweep_has_one_page_and_no_other_form(sweep, tmp_path):
    with pytest.raises(ConfigError, match="a sweep has one page"):
        write_report([sweep.folder], format="md")
    with pytest.raises(ConfigError, match="a sweep has one page"):
        write_report([sweep.folder, sweep.folder])
    with pytest.raises(DataError, match=r"no sweep\.json"):
        load_sweep(tmp_path)
