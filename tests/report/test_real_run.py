"""A real run, small: what the pipeline writes is what the report reads, and the made-up runs do not differ in form."""

import json

import pytest
from tests.report.made_up import make_up

from outlearn.experiment.load_config import load_config
from outlearn.experiment.pipeline import run as run_pipeline
from outlearn.report.html import write_report
from outlearn.results.run_folder import load_run
from outlearn.store.store import Store

FLOAT64_SUM = 1e-9  # the page measures again what the run measured: the same sums in the same precision
LOSSES = ("forward_ce", "mae")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("real")
    choices = ["data.name=digits", "teacher.models=2", "student.loss=[forward_ce,mae]", "student.seeds=2"]
    run_pipeline(load_config(None, choices), store=Store(place / "store"), out=place / "run")
    return place / "run"


def keys(value, path=""):
    found = set()
    if isinstance(value, dict):
        for key, item in value.items():
            found |= {f"{path}.{key}"} | keys(item, f"{path}.{key}")
    elif isinstance(value, list) and value:
        found |= keys(value[0], f"{path}[]")
    return found


@pytest.mark.slow
def test_a_made_up_run_has_no_key_that_a_real_one_lacks(folder):
    real = keys(json.loads((folder / "results.json").read_text(encoding="utf-8")))
    made_up = keys(make_up(losses=LOSSES, n_teachers=2, n_points=40).results.to_json())
    own = (".seconds", ".stages")  # which stages there are
    assert {key for key in made_up - real if not key.startswith(own) and not key.endswith(".reason")} == set()


@pytest.mark.slow
def test_the_report_of_a_real_run_measures_what_the_run_measured(folder):
    run = load_run(folder)
    for loss, student in run.students.items():
        gap = run.gap(loss)
        assert gap.gap.mean() == pytest.approx(student.gap.mean, abs=FLOAT64_SUM)
        assert gap.misfit.mean() == pytest.approx(student.misfit.mean, abs=FLOAT64_SUM)


@pytest.mark.slow
@pytest.mark.parametrize("form", ["html", "md"])
def test_a_real_run_is_written_in_every_format(folder, tmp_path, form):
    text = write_report([folder], tmp_path / f"report.{form}", format=form).read_text(encoding="utf-8")
    for loss in LOSSES:
        assert loss in text.replace("\\_", "_")
