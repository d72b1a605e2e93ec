"""The first screen of a run: one verdict by the paired intervals, bad news beside it, a next step that can be run."""

import shlex

import pytest
from tests.report.made_up import about, changed, make_up

from outlearn.core.intervals import Interval
from outlearn.experiment.load_config import load_config
from outlearn.report.cells import format_cell
from outlearn.report.first_screen import Tile
from outlearn.report.run_first_screen import run_first_screen
from outlearn.report.run_page import run_page
from outlearn.report.wording import signed_points
from outlearn.results.measurement import Withheld
from outlearn.results.run import NotTrained
from outlearn.results.run_folder import Run, load_run


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return load_run(make_up(n_points=60, losses=("forward_ce", "mae")).write(tmp_path_factory.mktemp("first") / "run"))


def having(run, **differences):
    """Return the run with the same differences of all losses, its others not told apart from 0."""
    results = run.results
    for loss, student in results.students.items():
        none = dict.fromkeys(student.differences, about(0.0, 0.1))
        results = changed(results, loss, differences={**none, **differences})
    return Run(run.folder, results, run.config)


CASES = {
    "go": {"teacher": about(0.1, 0.01)},
    "combine": {"teacher": about(0.1, 0.01), "ensemble_weighted": about(-0.1, 0.01)},
    "true labels": {"teacher": about(0.1, 0.01), "own_labels": about(-0.05, 0.01)},
    "do not": {"teacher": about(-0.1, 0.01)},
    "open": {"teacher": about(0.01, 0.05)},
}
TONES = {"go": "go", "combine": "stop", "true labels": "stop", "do not": "stop", "open": "open"}


@pytest.mark.parametrize("case", CASES)
def test_the_verdict_carries_the_difference_that_decided(run, case):
    first = run_first_screen(having(run, **CASES[case]))
    decided = list(CASES[case].values())[-1].best_of(2)  # of two losses, the better one was picked on the test points
    assert first.tone == TONES[case]
    assert signed_points(decided) in first.because
    assert "for the best of 2 losses at once" in first.because
    assert first.steps


@pytest.mark.parametrize("case", CASES)
def test_every_command_that_starts_a_run_is_one_that_is_understood(run, case):
    for step in run_first_screen(having(run, **CASES[case])).steps:
        if not step.command:
            continue
        program, command, *rest = shlex.split(step.command)
        assert program == "outlearn"
        if command == "run":
            config, *choices = rest
            assert config == str(run.folder / "config.yaml")
            keep = [f"student.keep={choices[at + 1]}" for at, word in enumerate(choices) if word == "--keep"]
            settings = [choices[at + 1] for at, word in enumerate(choices) if word == "--set"]
            load_config(None, [*settings, *keep])


def test_the_step_that_combines_names_the_combination_that_does_best(run):
    first = run_first_screen(having(run, **CASES["combine"]))
    assert first.steps[0].command.endswith("--set weak_labels.source=weighted")
    assert "weighted mean" in first.because


def test_tiles_are_the_scores_with_their_intervals(run):
    results = run.results
    teacher, student, control, ceiling = run_first_screen(run).tiles
    for tile, score in (
        (teacher, results.labeler.accuracy),
        (control, results.controls.own_labels.accuracy),
        (ceiling, results.ceiling.accuracy),
    ):
        assert tile.number == f"{100 * score.mean:.1f}%"
        assert tile.interval == f"{100 * score.low:.1f} to {100 * score.high:.1f} (95% interval)"
    assert student.value in [each.accuracy for each in results.students.values()]


def test_without_a_control_the_labels_combined_take_its_place(run):
    none = NotTrained(reason="teachers came from outside")
    controls = run.results.controls.model_copy(update={"own_labels": none})
    results = run.results.model_copy(update={"controls": controls})
    names = [tile.name for tile in run_first_screen(Run(run.folder, results, run.config)).tiles]
    assert names[2] == "Labels combined"


def test_a_tile_without_an_interval_says_why():
    none = Tile("a", Withheld("one teacher"))
    assert (none.number, none.interval) == ("—", "one teacher")
    lone = Tile("a", Interval.missing("one model", mean=0.5, n_models=1, n_points=9, level=0.95))
    assert (lone.number, lone.interval) == ("50.0%", "one model")


def test_bad_news_stands_on_the_first_screen_and_is_never_folded(run):
    worse = having(run, teacher=about(0.1, 0.01), ensemble_mean=about(-0.2, 0.01))
    first = run_first_screen(worse)
    assert any("beats every student" in news for news in first.bad_news)
    page = run_page(worse)
    top = page[page.index('class="first"') : page.index("<details")]
    assert "beats every student" in top
    assert format_cell(worse.results.ceiling.accuracy, "percent", intervals=False) + "%" in top


def test_the_page_holds_the_configuration_and_the_command_that_gives_the_run_again(run):
    page = run_page(run)
    assert f"outlearn run {run.folder / 'config.yaml'}" in page
    for key in run.config:
        assert f"\n{key}:" in page or f"{key}:" in page


def test_a_word_of_the_field_is_explained_where_it_stands_and_at_the_end(run):
    page = run_page(run)
    assert 'href="#word-misfit" title="How far a student' in page
    assert page.count('id="word-misfit"') == 1
