"""The ready sweep is what its documentation says, and a small version of it runs."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
import yaml

from outlearn.report.html import write_report
from outlearn.store.store import Store
from outlearn.sweep.expansion import expand
from outlearn.sweep.planning import plan_sweep
from outlearn.sweep.run_sweep import run_sweep
from outlearn.sweep.sweep_file import parse_sweep, read_sweep

FILE = Path(__file__).resolve().parents[2] / "configs" / "sweeps" / "offline.yaml"
NEEDED = ("vaderSentiment", "wordllama")


def test_the_offline_sweep_has_over_three_thousand_students():
    found = expand(read_sweep(FILE))
    assert len(found) == 3 * 2 * 4
    students = [len(m.config.student.loss) * m.config.teacher.models * m.config.student.seeds for m in found]
    assert sum(students) == 3 * 2 * 8 * 16 * 4 == 3072
    assert {m.values["student.encoder"] for m in found} == {"wordllama", "tfidf", "minilm"}


@pytest.mark.slow
@pytest.mark.usefixtures("shapes_unchecked")
@pytest.mark.skipif(any(importlib.util.find_spec(name) is None for name in NEEDED), reason="needs the extra offline")
def test_a_small_version_of_the_offline_sweep_runs(tmp_path):
    content = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    content["base"]["data"] = {"limit": 400}
    content["base"]["teacher"] |= {"models": 3, "labels": 20}
    content["base"]["student"] |= {"learner": {"epochs": 2}}
    content["base"]["ceiling"] = {"models": 2}
    # Without the sentence encoder, which takes seconds.
    content["grid"] |= {"student.encoder": content["grid"]["student.encoder"][:2], "seed": [0, 1]}
    content["grid"]["student.encoder"][1] |= {"dims": 16}
    store, out = Store(tmp_path / "store"), tmp_path / "sweep"
    plan = plan_sweep(parse_sweep(content), store=store, out=out)
    assert plan.n_students == 8 * 8 * 3
    outcome = run_sweep(plan, store=store, out=out)
    assert outcome.failed == {}
    page = write_report([out]).read_text(encoding="utf-8")
    assert "4 splits of 2 tasks" in page
