"""`explain` on numbers: sentences follow the truth that the arrays were made with; what is ambiguous is refused."""

from __future__ import annotations

import csv
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from tests.programs import Cli

import outlearn as ol
from outlearn.core.verdict import excludes_zero
from outlearn.errors import ConfigError
from outlearn.report.html import write_report
from outlearn.results.measurement import Withheld
from outlearn.results.number_explanation import NumberControl, load_number_explanation

ROUNDING = 1e-10
Arrays = dict[str, np.ndarray]


def careless(n_teachers: int = 8, n_points: int = 300, seed: int = 0) -> Arrays:
    """Teachers that are nearly right on average and noisy; students that keep a fifth of their own teacher's noise."""
    rng = np.random.default_rng(seed)
    truth = rng.normal(size=n_points)
    noise = rng.normal(size=(n_teachers, n_points))
    own = 0.1 * rng.normal(size=noise.shape)
    shared = truth + 0.2 * np.sin(3 * truth)
    return {"teacher": shared + noise, "student": shared + 0.2 * noise + own, "target": truth}


def wrong(seed: int = 0) -> Arrays:
    """Teachers that share one error; students that repeat it."""
    rng = np.random.default_rng(seed)
    truth = rng.normal(size=300)
    shared = truth + np.sin(3 * truth)
    noise = 0.1 * rng.normal(size=(2, 8, 300))
    return {"teacher": shared + noise[0], "student": shared + noise[1], "target": truth}


def explained(arrays: Arrays, **options):
    teacher, student = (ol.Numbers.from_values(arrays[name]) for name in ("teacher", "student"))
    return ol.explain(arrays["target"], teacher=teacher, student=student, **options)


@pytest.fixture
def cli(cli: Cli, tmp_path: Path) -> Cli:
    for name, values in careless().items():
        np.save(tmp_path / f"{name}.npy", values)
    return partial(cli, "explain")


FILES = ("--teacher", "teacher.npy", "--student", "student.npy", "--target", "target.npy")


def test_careless_teachers_are_named_and_their_students_removed_variance_only():
    found = explained(careless())
    assert "Most of the teachers' risk is variance" in " ".join(found.sentences)
    assert found.gain.variance_removed.low > 0
    assert not excludes_zero(found.gain.bias_removed)
    assert found.control.student_over.low > 0  # noise of a student 0.04 + 0.01, of the mean of eight 0.125


def test_wrong_teachers_are_named_and_their_students_kept_the_bias():
    found = explained(wrong())
    assert "Most of the teachers' risk is bias" in " ".join(found.sentences)
    assert not found.control.answer.startswith("Not only denoising")
    assert abs(found.gain.bias_removed.mean) < 0.1 * found.decompositions[0].parts.bias.mean


@pytest.mark.parametrize("order", ["target_first", "prediction_first"])
@pytest.mark.parametrize("generator", [None, "generalized_kl", "itakura_saito"])
def test_every_split_adds_up_in_every_generator_and_order(generator, order):
    arrays = {name: np.exp(0.3 * values) for name, values in careless().items()}
    found = explained(arrays, generator=generator, order=order)
    gap = found.summary.gap.mean
    assert found.summary.misfit.mean + found.summary.residual.mean == pytest.approx(gap, abs=ROUNDING)
    assert found.gain.bias_removed.mean + found.gain.variance_removed.mean == pytest.approx(gap, abs=ROUNDING)
    assert found.summary.directions.generator == (generator or "squared_euclidean")


def test_the_control_is_the_difference_of_the_two_mean_squared_errors():
    arrays = careless()
    found = explained(arrays)
    assert isinstance(found.control, NumberControl)
    of_mean = np.square(arrays["teacher"].mean(axis=0) - arrays["target"]).mean()
    of_students = np.square(arrays["student"] - arrays["target"]).mean()
    assert found.control.student_over.mean == pytest.approx(of_mean - of_students, abs=ROUNDING)
    by_name = {row.name: row for row in found.control.rows}
    assert by_name["mean teacher"].mse.mean == pytest.approx(of_mean, abs=ROUNDING)


def test_several_raters_are_draws_whose_spread_is_noise():
    arrays = careless()
    raters = arrays["target"] + np.random.default_rng(1).normal(size=(5, 300))
    found = explained(arrays | {"target": raters})
    assert found.decompositions[0].parts.noise.mean == pytest.approx(1.0, abs=0.15)


def test_gaps_of_teachers_leave_the_gap_and_withhold_what_needs_every_answer():
    arrays = careless()
    arrays["teacher"][0, :10] = np.nan
    found = explained(arrays)
    assert found.summary.gap.low > 0
    assert isinstance(found.gain, Withheld)
    assert isinstance(found.control, Withheld)
    assert "gaps" in str(found)


def test_validation_is_of_classes():
    arrays = careless()
    with pytest.raises(ConfigError, match="leave it out for numbers"):
        explained(arrays, validation=(ol.Predictions.from_logits(np.zeros((1, 2, 2))), np.array([0, 1])))


def test_files_say_what_arrays_say_and_the_folder_is_read_back(cli, tmp_path):
    code, out, err = cli("--kind", "numbers", *FILES, "--out", "found")
    assert code == 0, err
    found = load_number_explanation(tmp_path / "found")
    assert str(found) == str(explained(careless()))
    assert str(found) in out
    with (tmp_path / "found" / "ledger.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 300
    assert float(rows[7]["target"]) == pytest.approx(careless()["target"][7])
    page = write_report([tmp_path / "found"], tmp_path / "page.html").read_text()
    assert found.title in page
    assert "misfit" in page


def test_numbers_are_said_never_guessed_and_the_advice_works(cli):
    code, _, err = cli(*FILES)
    assert code == 2
    assert "pass --kind numbers" in err
    assert cli("--kind", "numbers", *FILES)[0] == 0


def test_whole_numbers_are_not_taken_for_labels(cli, tmp_path):
    np.save(tmp_path / "target.npy", np.arange(300) % 7)
    code, _, err = cli(*FILES)
    assert code == 2
    assert "pass --kind numbers" in err
    assert cli("--kind", "numbers", *FILES)[0] == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--kind", "numbers", "--teacher-kind", "probs", *FILES), "numbers and classes"),
        (("--kind", "numbers", "--smooth-target", "0.1", *FILES), "--smooth-"),
        (("--kind", "numbers", *FILES[:4]), "needs --student and --target"),
        (("--kind", "numbers", *FILES, "--generator", "itakura_saito"), "squared_euclidean"),
    ],
)
def test_what_numbers_do_not_have_is_one_line(cli, arguments, said):
    code, _, err = cli(*arguments)
    assert code == 2
    assert said in err
    assert len(err.strip().splitlines()) == 1


def test_classes_read_as_numbers_are_refused(cli, tmp_path):
    np.save(tmp_path / "teacher.npy", np.zeros((3, 300, 2)))
    code, _, err = cli("--kind", "numbers", *FILES)
    assert code == 2
    assert "leave out --kind numbers" in err


def test_csv_columns_are_models_joined_by_id(cli, tmp_path):
    arrays = careless(n_teachers=2, n_points=40)
    order = np.random.default_rng(0).permutation(40)
    for name in ("teacher", "student"):
        rows = arrays[name].T if name == "teacher" else arrays[name].T[order]
        ids = range(40) if name == "teacher" else order
        with (tmp_path / f"{name}.csv").open("w", newline="") as file:
            csv.writer(file).writerows([["id", "a", "b"], *([f"p{i}", *row] for i, row in zip(ids, rows, strict=True))])
    np.save(tmp_path / "target.npy", arrays["target"])
    files = ("--teacher", "teacher.csv", "--student", "student.csv", "--target", "target.npy")
    code, out, err = cli("--kind", "numbers", *files)
    assert code == 0, err
    gap = explained(arrays).summary.gap
    assert f"{gap.mean:.4f}   [{gap.low:.4f}, {gap.high:.4f}]" in out
    assert "joined to the other points by position" in out
