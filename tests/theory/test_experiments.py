"""Every experiment agrees with its theory, repeats itself, and fails when its theory is made wrong."""

import dataclasses
import functools

import numpy as np
import pytest

from outlearn.errors import ConfigError, DataError
from outlearn.results.theory import read_theory, write_theory
from outlearn.theory import EXPERIMENTS
from outlearn.theory import experiments as package
from outlearn.theory.equivalents import ridge_equivalent
from outlearn.theory.random_features import StudentMoments, minimum_norm_moments

pytestmark = pytest.mark.medium

SMALL = {
    "random-features": {
        "dimension": 24,
        "teacher_examples": 40,
        "teacher_width": 34,
        "student_examples": 16,
        "widths": (4, 16, 30, 60, 120),
        "subspace_dimension": 6,
        "subspace_examples": (18, 60),
        "draws": 400,
    },
    "ridge": {"dimension": 20, "teacher_examples": 40, "student_examples": 60, "draws": 400},
    "subspace": {"student_examples": (40, 120), "draws": 100, "estimator_samples": 60},
    "ensembles": {"data_draws": 2, "bootstraps": 2, "examples": 40, "test_points": 60, "draws": 100, "members": (1, 2)},
    "convex": {"problems": 25},
    "entropy": {"student_examples": 300, "steps": (10, 60)},
}


def run(name, seed=0, progress=None, **changes):
    experiment = EXPERIMENTS[name]
    return experiment.run(experiment.settings(**{**SMALL[name], **changes}), seed=seed, progress=progress)


@functools.cache
def small(name):
    """Return the result of a small problem, and the progress that was told on the way."""
    told = []
    return run(name, progress=told.append), tuple(told)


@pytest.mark.slow
@pytest.mark.usefixtures("shapes_unchecked")
@pytest.mark.parametrize("name", EXPERIMENTS)
def test_the_defaults_agree_with_the_theory(name):
    result = EXPERIMENTS[name].run(seed=1)
    assert result.agrees, [claim.text for claim in result.claims if not claim.agrees]


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_a_result_is_written_and_repeats_itself(name, tmp_path):
    (first, _), second = small(name), run(name)
    for place, result in enumerate((first, second)):
        write_theory([result], tmp_path / str(place))
    assert (tmp_path / "0" / "results.json").read_bytes() == (tmp_path / "1" / "results.json").read_bytes()
    assert read_theory(tmp_path / "0")[0].claims == first.claims
    assert first.name == name
    assert len(first.claims) >= 5
    assert set(first.settings) == {field.name for field in dataclasses.fields(EXPERIMENTS[name].settings)}
    assert all(np.isfinite(claim.measured) for claim in first.claims)


@pytest.mark.parametrize("name", ["random-features", "ridge", "subspace", "convex", "entropy"])
def test_small_problems_agree_too(name):
    """Small sizes leave exact claims exact; limits of large sizes have an own tolerance and are set aside."""
    result, _ = small(name)
    of_large_sizes = ("equivalent", "limit", "overtakes")
    exact = [claim for claim in result.claims if not any(word in claim.text for word in of_large_sizes)]
    wrong = [claim.text for claim in exact if not claim.agrees]
    assert wrong == []


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_progress_rises_within_zero_and_one(name):
    _, told = small(name)
    assert list(told) == sorted(told)
    assert 0 <= told[0] <= told[-1] <= 1


def test_another_seed_draws_other_numbers():
    assert small("convex")[0].claims[2].measured != run("convex", seed=1).claims[2].measured


def test_a_wrong_exact_formula_is_caught(monkeypatch):
    def off_by_one(examples, dimension, width):
        return minimum_norm_moments(examples, dimension, width + 3)

    module = "outlearn.theory.experiments.random_features_claims.minimum_norm_moments"
    monkeypatch.setattr(module, off_by_one)
    failing = [claim.text for claim in run("random-features").claims if not claim.agrees]
    assert any("Exact misfit" in text for text in failing)
    assert any("Exact distance" in text for text in failing)


def test_a_wrong_limit_is_caught(monkeypatch):
    def without_penalty(examples, dimension, width, *, penalty):
        return ridge_equivalent(examples, dimension, width, penalty=0.3 * penalty)

    module = "outlearn.theory.experiments.random_features_claims.ridge_equivalent"
    monkeypatch.setattr(module, without_penalty)
    result = run("random-features", student_penalty=5.0)
    assert any("deterministic equivalent" in claim.text and not claim.agrees for claim in result.claims)


def test_a_wrong_threshold_is_caught(monkeypatch):
    module = "outlearn.theory.experiments.ridge.compensation_threshold"
    monkeypatch.setattr(module, lambda noise, dimension, signal: 1.5 * noise * dimension / signal)
    failing = [claim.text for claim in run("ridge").claims if not claim.agrees]
    assert any("turns to loss" in text for text in failing)


def test_a_slope_of_the_wrong_sign_is_caught(monkeypatch):
    from outlearn.theory.sharpening import sharpening_gain

    module = "outlearn.theory.experiments.entropy.sharpening_gain"
    monkeypatch.setattr(module, lambda logs, labels: -sharpening_gain(logs, labels))
    assert sum(not claim.agrees for claim in run("entropy").claims) >= 2


def test_the_residual_vanishes_in_s0_s1_s3_and_stays_in_s2():
    cases = run("random-features", widths=(30, 60, 400), draws=200).curves["cases"]
    share = {
        case: cases["residual"][cases["case"] == case][-1] / cases["misfit"][cases["case"] == case][-1]
        for case in ("S0", "S1", "S2", "S3")
    }
    assert abs(share["S0"]) < 0.2
    assert abs(share["S1"]) < 0.2
    assert abs(share["S3"]) < 0.35
    assert share["S2"] < -0.4


def test_settings_of_another_experiment_are_refused():
    with pytest.raises(ConfigError, match="RidgeSettings"):
        EXPERIMENTS["ridge"].run(package.ConvexSettings())


def test_entropy_reads_the_students_of_a_run(small_run):
    found = small_run()
    result = EXPERIMENTS["entropy"].run(package.EntropySettings(run=str(found.folder)))
    assert result.agrees
    assert result.curves["students"]["student"].tolist() == ["forward_ce", "reverse_ce"]
    losses = [student.log_loss.mean for student in found.students.values()]
    np.testing.assert_allclose(result.curves["students"]["log_loss"], losses)
    assert "3 teachers" in result.notes[0]


def test_a_folder_that_is_no_run_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"has no results\.json"):
        EXPERIMENTS["entropy"].run(package.EntropySettings(run=str(tmp_path)))


def test_subspace_reads_two_feature_files(tmp_path):
    rng = np.random.default_rng(0)
    first = rng.standard_normal((200, 8))
    np.save(tmp_path / "a.npy", first)
    np.save(tmp_path / "b.npy", first[:, :5])
    paths = {"teacher_features": str(tmp_path / "a.npy"), "student_features": str(tmp_path / "b.npy")}
    result = run("subspace", variance_share=1.0, **paths)
    assert result.curves["features"]["value"][0] == pytest.approx(5, abs=1e-6)
    with pytest.raises(DataError, match="go together"):
        run("subspace", teacher_features=paths["teacher_features"])
    with pytest.raises(DataError, match=r"nowhere\.npy"):
        run("subspace", teacher_features=paths["teacher_features"], student_features="nowhere.npy")
    np.save(tmp_path / "bad.npy", np.ones(3))
    with pytest.raises(DataError, match="points, features"):
        run("subspace", teacher_features=paths["teacher_features"], student_features=str(tmp_path / "bad.npy"))


def test_a_teacher_without_a_penalty_is_predicted_exactly():
    result = run("random-features", teacher_penalty=0.0)
    claim = next(c for c in result.claims if c.text.startswith("Teacher's risk"))
    exact = StudentMoments(1.0, 1.0, 1.0)  # 40 examples, 34 features, 24 inputs: least squares
    assert exact.misfit == 0
    assert claim.predicted == pytest.approx(24 / 15)
    assert claim.agrees
