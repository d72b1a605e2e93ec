"""Running experiments by name: settings reach their experiment, bad input is refused before anything runs."""

import pytest

from outlearn.cli import main
from outlearn.errors import ConfigError, OutlearnError
from outlearn.results.theory import read_theory
from outlearn.theory.run import run_theory


def test_a_result_is_reported_as_soon_as_it_is_there():
    seen = []
    (result,) = run_theory("convex", {"problems": 20}, on_result=seen.append)
    assert seen == [result]
    assert result.agrees
    assert len(result.claims) == 9


def test_settings_reach_their_experiment():
    (result,) = run_theory("convex", {"convex": {"problems": "21"}, "classes": 3}, seed=4)
    assert (result.settings["problems"], result.settings["classes"], result.seed) == (21, 3, 4)


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
def test_bad_input_is_refused_before_anything_runs(name, settings, message):
    seen = []
    with pytest.raises(OutlearnError, match=message):
        run_theory(name, settings, on_result=seen.append)
    assert seen == []


def test_a_negative_seed_is_refused():
    with pytest.raises(ConfigError, match="seed is -1"):
        run_theory("convex", seed=-1)


def command(monkeypatch, capsys, *arguments):
    """Give `outlearn theory` and return its exit code and what it printed."""
    monkeypatch.setattr("sys.argv", ["outlearn", "theory", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    return ended.value.code, capsys.readouterr()


def test_the_command_prints_every_claim_writes_and_says_whether_all_agree(tmp_path, monkeypatch, capsys):
    code, printed = command(
        monkeypatch, capsys, "convex", "--set", "problems=20", "--seed", "0", "--out", str(tmp_path / "out")
    )
    assert code == 0
    assert printed.out.count("measured") == 9
    assert "9 of 9 claims agree" in printed.out
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["report.html", "results.json", "summary.txt"]
    assert (tmp_path / "out" / "summary.txt").read_text().rstrip() in printed.out
    (result,) = read_theory(tmp_path / "out")
    assert (result.settings["problems"], result.seed) == (20, 0)


def test_the_command_exits_with_1_where_a_claim_fails(tmp_path, monkeypatch, capsys):
    import outlearn.theory.experiments.convex as convex

    wrong = convex.Family(
        "Lines, called convex", "Squared loss", "squared_euclidean", "target_first", convex._lines, "at least"
    )
    monkeypatch.setitem(convex.FAMILIES, "cone", wrong)
    code, printed = command(monkeypatch, capsys, "convex", "--set", "problems=40", "--out", str(tmp_path))
    assert code == 1
    assert "FAILS" in printed.out


def test_the_command_refuses_a_file_for_a_folder_and_leaves_nothing_after_bad_input(tmp_path, monkeypatch, capsys):
    (tmp_path / "file").write_text("")
    code, printed = command(monkeypatch, capsys, "convex", "--out", str(tmp_path / "file"))
    assert code == 2
    assert "is a file" in printed.err
    code, _ = command(monkeypatch, capsys, "convex", "--set", "problems=3", "--out", str(tmp_path / "out"))
    assert code == 2
    assert not (tmp_path / "out").exists()


def test_the_command_writes_over_its_own_results_alone(tmp_path, monkeypatch, capsys):
    given = ("convex", "--set", "problems=20", "--out", str(tmp_path))
    for _ in range(2):
        assert command(monkeypatch, capsys, *given)[0] == 0
    (tmp_path / "results.json").write_text('{"schema": 2, "config_key": "of a run"}')
    code, printed = command(monkeypatch, capsys, *given)
    assert code == 2
    assert "holds no results of theory (found 'results.json')" in printed.err
    (tmp_path / "results.json").unlink()
    (tmp_path / "thesis.tex").write_text("hard work")
    code, printed = command(monkeypatch, capsys, *given)
    assert code == 2
    assert "found 'thesis.tex'" in printed.err


def test_without_a_folder_a_new_one_is_made_under_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for _ in range(2):
        assert command(monkeypatch, capsys, "convex", "--set", "problems=20")[0] == 0
    assert len(list((tmp_path / "runs").glob("theory-convex-*"))) == 2
