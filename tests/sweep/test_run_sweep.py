"""A sweep gives what its runs give alone, computes what they share once, goes on after a stop, survives failures."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import pytest
from tests.small_runs import SMALL, make_task_file

from outlearn.cli import main
from outlearn.errors import StoreError
from outlearn.experiment.load_config import load_config
from outlearn.experiment.pipeline import run
from outlearn.experiment.plan import make_plan, read_task
from outlearn.experiment.plans import plan_of
from outlearn.store.stage import upstream
from outlearn.store.store import Store
from outlearn.sweep import planning, work
from outlearn.sweep.plan_text import plan_text
from outlearn.sweep.planning import plan_sweep
from outlearn.sweep.run_sweep import run_sweep
from outlearn.sweep.sweep_file import parse_sweep

pytestmark = pytest.mark.medium


def base(path: Path) -> dict:
    return json.loads(json.dumps(load_config(overrides=[f"data.path={path}", *SMALL]).model_dump(mode="json")))


def go(content: dict, folder: Path, **how):
    store = Store(folder / "store")
    plan = plan_sweep(parse_sweep(content), store=store, out=folder / "sweep")
    return plan, run_sweep(plan, store=store, out=folder / "sweep", **how)


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    """Run a sweep of two seeds, two label counts and three losses: four runs."""
    folder = tmp_path_factory.mktemp("swept")
    path = make_task_file(folder / "task.npz")
    grid = {"seed": [0, 1], "teacher.labels": [15, 20], "student.loss": ["forward_ce", "reverse_ce", "mae"]}
    content = {"name": "small", "base": base(path), "grid": grid}
    plan, outcome = go(content, folder)
    return folder, content, plan, outcome


def table(folder: Path, name: str) -> list[dict[str, str]]:
    with (folder / "sweep" / f"{name}.csv").open() as file:
        return list(csv.DictReader(file))


def test_the_plan_counts_what_is_needed_and_what_is_shared(swept):
    _, _, plan, _ = swept
    assert plan.n_students == 2 * 2 * 3 * 3 * 2
    by_name = {}
    for stage in plan.stages.values():
        by_name.setdefault(stage.name, []).append(stage)
    # Both encoders pass the same features through, whatever the seed: one entry for eight users.
    assert [len(stage.users) for stage in by_name["features"]] == [4]
    # Ceilings depend on the seed alone; teachers and students on the number of labels too.
    assert sorted(len(stage.users) for stage in by_name["ceilings"]) == [2, 2]
    assert sorted(len(stage.users) for stage in by_name["students"]) == [1] * 4
    assert {stage.name for stage in plan.stages.values() if stage.apart} == {
        "features",
        "ceilings",
        "ceilings, untuned",
        "label curve",
    }
    assert "4 runs, 72 students on " in plan_text(plan)


def test_each_run_of_a_sweep_is_the_run_alone(swept, tmp_path):
    folder, _, plan, outcome = swept
    assert len(outcome.finished) == 4
    member = plan.runs[2].member
    alone = run(member.config, store=Store(tmp_path / "store"), out=tmp_path / "alone").results.to_json()
    together = json.loads((folder / "sweep" / "runs" / member.label / "results.json").read_text())
    for varies in ("seconds", "stages"):
        alone.pop(varies), together.pop(varies)
    assert together == alone


def test_tables_are_tidy_one_row_a_run_and_loss_and_one_a_student(swept):
    folder, *_ = swept
    rows, models = table(folder, "results"), table(folder, "models")
    assert len(rows) == 4 * 3
    assert len(models) == 72
    assert len({(row["run"], row["loss"]) for row in rows}) == 12
    for row in rows:
        assert float(row["accuracy_low"]) <= float(row["accuracy"]) <= float(row["accuracy_high"])
        mine = [float(m["accuracy"]) for m in models if (m["run"], m["loss"]) == (row["run"], row["loss"])]
        assert sum(mine) / len(mine) == pytest.approx(float(row["accuracy"]))
    assert {row["teacher.labels"] for row in rows} == {"15", "20"}


def test_the_parquet_tables_hold_the_same_with_types(swept):
    parquet = pytest.importorskip("pyarrow.parquet")
    folder, *_ = swept
    read = parquet.read_table(folder / "sweep" / "results.parquet")
    assert read.column("teacher.labels").to_pylist()[0] == 15
    shown = [row["accuracy"] for row in table(folder, "results")]
    assert [str(value) for value in read.column("accuracy").to_pylist()] == shown


def test_a_finished_sweep_does_nothing_when_it_is_started_again(swept, monkeypatch):
    folder, content, *_ = swept
    before = (folder / "sweep" / "results.csv").read_bytes()
    monkeypatch.setattr(work, "run", lambda *a, **k: pytest.fail("a finished run was started again"))
    plan, outcome = go(content, folder)
    assert plan.to_do == plan.needed() == ()
    assert "Nothing is to do" in plan_text(plan)
    assert len(outcome.finished) == 4
    assert (folder / "sweep" / "results.csv").read_bytes() == before


def test_the_plan_estimates_from_what_is_stored(swept):
    folder, content, *_ = swept
    larger = {**content, "grid": {**content["grid"], "seed": [0, 1, 2]}}
    plan = plan_sweep(parse_sweep(larger), store=Store(folder / "store"), out=folder / "sweep")
    assert len(plan.to_do) == 2
    of_true_labels = {"ceilings", "ceilings, untuned", "control, own labels", "control, all labels", "label curve"}
    assert {stage.name for stage in plan.needed()} == {"teachers", "students", *of_true_labels}
    assert all(stage.seconds is not None for stage in plan.needed())
    text = plan_text(plan, workers=2)
    assert "4 finished" in text
    assert "It takes" in text
    assert "about under" not in text
    assert "on 2 workers." in text


@pytest.mark.slow
def test_a_sweep_goes_on_after_it_was_stopped_and_ends_the_same(swept, tmp_path, monkeypatch):
    folder, content, *_ = swept
    finish, calls = work.run, []

    def stopped(*args, **kwargs):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return finish(*args, **kwargs)

    monkeypatch.setattr(work, "run", stopped)
    with pytest.raises(KeyboardInterrupt):
        go(content, tmp_path)
    # What was finished is in the tables at once.
    assert len(table(tmp_path, "results")) == 2 * 3
    statuses = [run["status"] for run in json.loads((tmp_path / "sweep" / "sweep.json").read_text())["runs"]]
    assert statuses.count("not run") == 2
    plan, outcome = go(content, tmp_path)
    assert len(plan.to_do) == 2
    assert len(outcome.finished) == 4
    assert (tmp_path / "sweep" / "results.csv").read_bytes() == (folder / "sweep" / "results.csv").read_bytes()


def test_a_run_that_is_impossible_is_named_and_the_others_finish(swept, tmp_path):
    _, content, *_ = swept
    wrong = {**content, "grid": {**content["grid"], "seed": [0], "teacher.labels": [15, 90]}}
    plan, outcome = go(wrong, tmp_path)
    assert "1 of 2 runs are impossible" in plan_text(plan)
    assert len(outcome.finished) == 1
    ((label, cause),) = outcome.failed.items()
    assert "90" in label
    assert "disjoint needs 270 points" in cause
    records = json.loads((tmp_path / "sweep" / "sweep.json").read_text())["runs"]
    assert [record["status"] for record in records] == ["finished", "failed"]
    assert records[1]["cause"] == cause


def test_a_run_that_fails_while_it_runs_is_named_and_the_others_finish(swept, tmp_path, monkeypatch):
    _, content, *_ = swept
    finish = work.run

    def failing(config, **kwargs):
        if config.seed == 1:
            raise RuntimeError("out of luck")
        return finish(config, **kwargs)

    monkeypatch.setattr(work, "run", failing)
    _, outcome = go({**content, "grid": {**content["grid"], "teacher.labels": [15]}}, tmp_path)
    assert len(outcome.finished) == 1
    assert list(outcome.failed.values()) == ["RuntimeError: out of luck"]
    assert "1 failed" in outcome.text()
    events = [json.loads(line) for line in (tmp_path / "sweep" / "log.jsonl").read_text().splitlines()]
    assert any(event["event"] == "failed" and "out of luck" in event["traceback"] for event in events)


def test_runs_whose_shared_stage_failed_say_so(swept, tmp_path, monkeypatch):
    _, content, *_ = swept

    def failing(*arguments):
        raise RuntimeError("no features today")

    monkeypatch.setattr(work, "compute_stage", failing)
    _, outcome = go(content, tmp_path)
    assert outcome.finished == ()
    assert len(outcome.failed) == 4
    assert all("features" in cause and "no features today" in cause for cause in outcome.failed.values())


def test_results_of_other_data_are_not_taken_for_finished(swept, tmp_path):
    _, content, *_ = swept
    path = make_task_file(tmp_path / "task.npz")
    one = {**content, "base": base(path), "grid": {"seed": [0]}}
    go(one, tmp_path)
    make_task_file(path, seed=1)
    plan = plan_sweep(parse_sweep(one), store=Store(tmp_path / "store"), out=tmp_path / "sweep")
    assert len(plan.to_do) == 1


def test_a_plan_reads_the_data_of_each_seed_once_and_is_that_of_one_run_after_another(swept, monkeypatch):
    folder, content, plan, _ = swept
    read = []
    monkeypatch.setattr(planning, "read_task", lambda config: (read.append(config.seed), read_task(config))[1])
    # The seed varies fastest, so that runs with the same data are not neighbours.
    grid = {"teacher.labels": [15, 20], "seed": [0, 1], "student.loss": content["grid"]["student.loss"]}
    crossed = plan_sweep(parse_sweep({**content, "grid": grid}), store=Store(folder / "store"), out=folder / "none")
    assert read == [0, 1]
    assert [run.member.values["seed"] for run in crossed.runs] == [0, 1, 0, 1]
    for planned in crossed.runs:
        alone = upstream(*make_plan(planned.member.config).stages.values())
        assert planned.stages == tuple(stage.key for stage in alone)
    assert set(crossed.stages) == set(plan.stages)


def test_a_plan_reads_built_in_data_once_for_all_seeds_and_cuts_them_as_one_run_does(tmp_path, monkeypatch):
    read = []
    monkeypatch.setattr(planning, "read_task", lambda config: (read.append(config.seed), read_task(config))[1])
    for name in ("digits", "diabetes"):
        content = {"base": {"data": {"name": name}}, "grid": {"seed": [0, 1, 2]}}
        planned = plan_sweep(parse_sweep(content), store=Store(tmp_path / "store"), out=tmp_path / "sweep")
        for run_planned in planned.runs:
            alone = upstream(*plan_of(run_planned.member.config).stages.values())
            assert run_planned.stages == tuple(stage.key for stage in alone)
    assert read == [0, 0]


def test_a_plan_reads_again_where_the_seed_draws_the_points(tmp_path, monkeypatch):
    read = []
    monkeypatch.setattr(planning, "read_task", lambda config: (read.append(config.seed), read_task(config))[1])
    content = {"base": {"data": {"name": "digits", "limit": 1700}}, "grid": {"seed": [0, 1]}}
    plan_sweep(parse_sweep(content), store=Store(tmp_path / "store"), out=tmp_path / "sweep")
    assert sorted(read) == [0, 1]


def test_a_folder_of_something_else_is_refused(swept, tmp_path):
    _, content, *_ = swept
    (tmp_path / "sweep").mkdir()
    (tmp_path / "sweep" / "thesis.tex").write_text("hard work")
    with pytest.raises(StoreError, match=r"holds no sweep \(found 'thesis.tex'\)"):
        go(content, tmp_path)
    (tmp_path / "sweep" / "sweep.yaml").write_text("name: other")
    with pytest.raises(StoreError, match="holds the sweep 'other'"):
        go(content, tmp_path)


def test_copying_one_store_into_another_merges_them(swept, tmp_path):
    folder, content, *_ = swept
    shutil.copytree(folder / "store" / "objects", tmp_path / "store" / "objects")
    plan = plan_sweep(parse_sweep(content), store=Store(tmp_path / "store"), out=tmp_path / "sweep")
    assert plan.needed() == ()
    assert len(plan.to_do) == 4


def test_a_small_memory_gives_the_same_tables(swept, tmp_path):
    folder, content, *_ = swept
    go(content, tmp_path, memory=2**20)
    assert (tmp_path / "sweep" / "results.csv").read_bytes() == (folder / "sweep" / "results.csv").read_bytes()


@pytest.mark.slow
def test_workers_give_the_same_tables(swept, tmp_path):
    folder, content, *_ = swept
    go(content, tmp_path, workers=2)
    for name in ("results", "models"):
        assert (tmp_path / "sweep" / f"{name}.csv").read_bytes() == (folder / "sweep" / f"{name}.csv").read_bytes()


def exit_code(monkeypatch, *arguments: str) -> object:
    """Give `outlearn sweep` these arguments."""
    monkeypatch.setattr("sys.argv", ["outlearn", "sweep", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    return ended.value.code


def test_the_command_prints_the_plan_first_and_stops_there_when_asked(swept, tmp_path, monkeypatch, capsys):
    folder, *_ = swept
    argv = [str(folder / "sweep" / "sweep.yaml"), "--store", str(tmp_path / "s")]
    assert exit_code(monkeypatch, *argv, "--out", str(tmp_path / "out"), "--dry-run") == 0
    assert "Sweep small: 4 runs, 72 students" in capsys.readouterr().out
    assert not (tmp_path / "out").exists()
    assert not (tmp_path / "s").exists()
    (tmp_path / "sweep.yaml").write_text('name: s\nbase: {}\ngrid: {seed: ["one"]}\n')
    assert exit_code(monkeypatch, str(tmp_path / "sweep.yaml"), "--store", str(tmp_path / "s")) == 2
    assert not (tmp_path / "s").exists()


def test_a_plan_of_impossible_runs_does_not_call_them_finished(swept, tmp_path, monkeypatch, capsys):
    _, content, *_ = swept
    (tmp_path / "sweep.yaml").write_text(json.dumps({**content, "grid": {"seed": [0, 1], "teacher.labels": [90]}}))
    assert exit_code(monkeypatch, str(tmp_path / "sweep.yaml"), "--dry-run") == 1
    said = capsys.readouterr().out
    assert "Nothing can be done." in said
    assert "2 of 2 runs are impossible:" in said


def test_the_command_names_every_mistake_and_exits_with_2(tmp_path, monkeypatch, capsys):
    (tmp_path / "sweep.yaml").write_text("gird: {seed: [0]}\nbase: 3\n")
    assert exit_code(monkeypatch, str(tmp_path / "sweep.yaml")) == 2
    said = capsys.readouterr().err
    assert "gird is no key" in said
    assert "base is 3" in said
