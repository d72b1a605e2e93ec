"""What a stage stores of the models that it trained predicts what the stage says they predict."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.small_runs import SMALL, make_task_file

from outlearn.experiment.load_config import load_config
from outlearn.experiment.plan import make_plan
from outlearn.experiment.points import EVALUATED
from outlearn.experiment.stages.features import read_features
from outlearn.experiment.stages.fitted_heads import fitted_heads
from outlearn.learners import LEARNERS
from outlearn.progress import Silent
from outlearn.store.stage import StageRunner
from outlearn.store.store import Store

STORED_FLOAT32 = 2e-5  # logits are stored as float32, and summed in another order by NumPy than by torch

# How each learner of frozen features is asked for, in every way in which it fits.
ASKED = {
    "adamw": [
        (),
        ("student.learner.hidden=3",),
        ("student.rounds=2",),
        ("student.loss=[forward_ce, auto]", "student.learner.epochs=1", "teacher.models=2"),
    ],
    "convex": [("student.learner={kind: convex}", "student.seeds=1", "student.loss=[forward_ce, hard_ce]")],
}
CASES = [(kind, overrides) for kind, ways in ASKED.items() for overrides in ways]


def test_every_learner_of_features_is_asked_for():
    # Those of numbers are held to their stage by tests/experiment/test_number_runs.py.
    of_classes = {name for name, each in LEARNERS.items() if each.reads == "features" and each.of_classes}
    assert of_classes == ASKED.keys()


@pytest.mark.medium
@pytest.mark.parametrize(("kind", "overrides"), CASES, ids=[f"{k}-{'-'.join(o) or 'plain'}" for k, o in CASES])
def test_stored_heads_predict_the_logits_of_their_stage(tmp_path: Path, kind, overrides):
    task = make_task_file(tmp_path / "task.npz", n_points=240)
    plan = make_plan(load_config(overrides=[f"data.path={task}", *SMALL, *overrides]))
    assert plan.config.student.learner.kind == kind
    runner = StageRunner(Store(tmp_path / "store"), Silent())
    entries = {name: runner.result(stage) for name, stage in plan.stages.items()}
    fitted = {"students": "student", "auto students": "student", "teachers": "teacher"}
    for name in fitted.keys() & entries.keys():
        features = read_features(entries[f"{fitted[name]} features"])
        for checkpoint in range(len(entries[name].arrays["test"])):
            heads = fitted_heads(entries[name], checkpoint)
            for split in EVALUATED:
                logits = entries[name].arrays[split][checkpoint]
                found = heads.predict(features[getattr(plan.splits, split)])
                np.testing.assert_allclose(found, logits, atol=STORED_FLOAT32, err_msg=f"{name}, {split}")
