"""`preflight` on numbers: variance and shared bias are unbiased, students are judged fairly, bad input is one line."""

from __future__ import annotations

import csv
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from tests.programs import Cli

import outlearn as ol
from outlearn.core.labelers.number_spread import pair_products, spread
from outlearn.errors import ConfigError, DataError
from outlearn.preflight_checks.number_students import cross_fit_numbers, crossed_gains
from outlearn.report.html import write_report
from outlearn.results.measurement import Withheld
from outlearn.results.number_preflight import load_number_preflight

ROUNDING = 1e-10
STANDARD_ERRORS = 4.0  # of a simulation's mean; an unbiased one is further off in 1 of 16,000


def labeled(n_labelers: int = 4, n_points: int = 300, *, bias: float = 0.0, seed: int = 0):
    """Draw numbers of labelers that vary by 1 about an answer off by a constant, features, and the truth."""
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(n_points, 5))
    true = features @ np.array([1.0, -1.0, 0.5, 0.0, 0.0])
    return true + bias + rng.normal(size=(n_labelers, n_points)), features, true


def about(draws: np.ndarray, expected: float) -> bool:
    return abs(draws.mean() - expected) < STANDARD_ERRORS * draws.std(ddof=1) / np.sqrt(len(draws))


def test_the_squared_error_is_shared_bias_and_variance_exactly():
    errors = np.random.default_rng(0).normal(size=(5, 40))
    errors[0, :10] = np.nan
    expected = np.nanmean(np.square(errors), axis=0)
    np.testing.assert_allclose(pair_products(errors) + spread(errors), expected, atol=ROUNDING)


@pytest.mark.parametrize("gaps", [0.0, 0.4])
def test_variance_and_shared_bias_are_unbiased(gaps):
    rng = np.random.default_rng(0)
    bias = rng.normal(size=60)
    found = []
    for _ in range(400):
        errors = bias + 1.5 * rng.normal(size=(3, 60))
        errors[2, rng.random(60) < gaps] = np.nan
        found.append((spread(errors).mean(), pair_products(errors).mean()))
    variance, shared = np.array(found).T
    assert about(variance, 1.5**2)
    assert about(shared, np.square(bias).mean())
    of_mean = np.square(np.nanmean(errors, axis=0)).mean()  # the plain estimate has the variance of the mean in it
    assert of_mean > np.square(bias).mean()


def test_the_distance_of_students_from_the_shared_answer_is_unbiased_without_true_numbers():
    rng = np.random.default_rng(0)
    features = rng.normal(size=(80, 3))
    answer = features[:, 0] + 0.3 * np.sin(3 * features[:, 1])
    found = []
    for draw in range(60):
        values = answer + rng.normal(size=(3, 80))
        fits = cross_fit_numbers(features, values, seed=draw)
        one, mean = crossed_gains(fits, values)
        true_one, true_mean = (np.square(each - answer).mean() for each in (fits.single, fits.others))
        found.append(
            (
                one.from_shared.mean() - true_one,
                mean.from_shared.mean() - true_mean,
                one.gain.mean() - (1.0 - true_one),
                mean.gain.mean() - (0.5 - true_mean),
            )
        )
    assert all(about(each, 0.0) for each in np.array(found).T)


def test_careless_labelers_have_variance_and_their_students_gain():
    values, features, true = labeled()
    found = ol.preflight_numbers(values, features=features, true_numbers=true)
    assert found.variance.low < 1 < found.variance.high
    assert found.truth.shared_bias.low < 0 < found.truth.shared_bias.high
    assert all(student.gain.low > 0 and student.true_gain.low > 0 for student in found.students)
    assert "Most of the labelers' squared error is variance" in " ".join(found.sentences)
    by_size = {each.labelers: each for each in found.averaged}
    assert by_size[4].variance == pytest.approx(found.variance.mean / 4)


def test_a_shared_constant_is_bias_that_no_average_removes():
    values, features, true = labeled(bias=3.0)
    true[100:] = np.nan  # the first hundred are as good as drawn at random
    found = ol.preflight_numbers(values, features=features, true_numbers=true)
    assert found.truth.n_points == 100
    assert found.truth.shared_bias.mean == pytest.approx(9.0, abs=0.8)
    said = " ".join(found.sentences)
    assert "bias that they share" in said
    assert "off by a constant" in said
    assert found.averaged[-1].error > 8


def test_the_agreement_of_two_labelers_is_their_correlation():
    values, _, true = labeled(n_points=4000)
    found = ol.preflight_numbers(values)
    assert found.agreement.mean == pytest.approx(true.var() / (true.var() + 1), abs=0.03)
    assert isinstance(found.truth, Withheld)
    assert isinstance(found.encoder, Withheld)


def test_one_labeler_is_judged_by_true_numbers_alone():
    values, features, true = labeled(1)
    found = ol.preflight_numbers(values, features=features, true_numbers=true)
    assert found.truth.error.low < 1 < found.truth.error.high
    assert isinstance(found.truth.shared_bias, Withheld)
    (student,) = found.students
    assert student.true_gain.low > 0
    with pytest.raises(DataError, match="20 of them"):
        ol.preflight_numbers(values, features=features)


def test_a_student_of_a_labeler_that_answers_little_is_compared_where_it_answered():
    numbers, features, true = labeled(3)
    numbers[2] += 10.0
    numbers[2, 60:] = np.nan  # wrong by far, at few points: its student counts at no other
    student = ol.preflight_numbers(numbers, features=features, true_numbers=true).students[0]
    assert 0.5 < student.true_gain.mean < 1.5


@pytest.fixture
def cli(cli: Cli, tmp_path: Path) -> Cli:
    values, features, true = labeled(3, 120)
    values[1, :30] = np.nan
    with (tmp_path / "ratings.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["id", "ann", "bob", "cy", "gold", "remark"])
        for i in range(120):
            cells = ["" if np.isnan(value) else value for value in values[:, i]]
            rows.writerow([f"p{i}", *cells, true[i] if i < 40 else "", "so so"])
    np.save(tmp_path / "features.npy", features)
    return partial(cli, "preflight", "ratings.csv")


def test_a_table_says_what_arrays_say_and_the_folder_is_read_back(cli, tmp_path):
    code, out, err = cli("features.npy", "--numbers", "--true-column", "gold", "--out", "found")
    assert code == 0, err
    values, features, true = labeled(3, 120)
    values[1, :30] = np.nan
    true[40:] = np.nan
    found = load_number_preflight(tmp_path / "found")
    expected = ol.preflight_numbers(values, features=features, true_numbers=true, names=("ann", "bob", "cy"))
    assert str(found) in out
    assert found.truth == expected.truth
    assert found.students == expected.students
    assert "'remark' (--labelers names labelers)" in " ".join(found.notes)
    page = write_report([tmp_path / "found"], tmp_path / "page.html").read_text()
    assert "shared bias" in page
    with (tmp_path / "found" / "points.csv").open() as file:
        points = list(csv.DictReader(file))
    assert len(points) == 120
    assert float(points[0]["variance"]) == pytest.approx(np.nanmax(spread(values)))


def test_true_numbers_are_found_by_their_name_and_columns_of_other_things_are_no_labelers(cli, tmp_path):
    table = tmp_path / "ratings.csv"
    header, *rows = table.read_text().splitlines()
    table.write_text("\n".join([f"{header},minutes", *(f"{row},{7 * i % 120}" for i, row in enumerate(rows))]))
    code, out, err = cli("--numbers")
    assert code == 0, err
    assert "the true labels are in gold" in out.replace("\n ", "")
    assert out == cli("--numbers")[1]
    assert "'minutes'" in out
    named = cli("--numbers", "--true-column", "gold", "--labelers", "ann,bob,cy")[1]
    assert out.partition("Notes")[0] == named.partition("Notes")[0]


def test_numbers_read_as_classes_are_refused_with_a_word_about_the_option(cli):
    code, _, err = cli("--labelers", "ann,bob,cy")
    assert code == 2
    assert "--numbers" in err


@pytest.mark.parametrize(
    "option", [("--rate", "a"), ("--segment-column", "id"), ("--classes", "a,b"), ("--asked-twice",)]
)
def test_options_of_classes_are_refused(cli, option):
    code, _, err = cli("--numbers", *option)
    assert code == 2
    assert f"{option[0]} is of classes" in err


@pytest.mark.parametrize(("cell", "said"), [("many", "'many', expected a number"), ("inf", "inf")])
def test_what_is_no_number_is_named_by_its_line(cli, tmp_path, cell, said):
    text = (tmp_path / "ratings.csv").read_text().splitlines()
    parts = text[3].split(",")
    text[3] = ",".join([parts[0], cell, *parts[2:]])
    (tmp_path / "ratings.csv").write_text("\n".join(text))
    code, _, err = cli("--numbers", "--true-column", "gold")
    assert code == 2
    assert "line 4" in err
    assert said in err


def test_decimal_commas_are_named_where_no_labeler_is(cli, tmp_path):
    table = tmp_path / "ratings.csv"
    table.write_text(table.read_text().replace(",", ";").replace(".", ","))
    code, _, err = cli("--numbers")
    assert code == 2
    assert "column 'ann': has a comma for decimals" in err
    assert "Write a point" in err
    table.write_text(table.read_text().replace(",", "."))
    assert cli("--numbers", "--true-column", "gold")[0] == 0


def test_a_column_that_looks_like_decimal_commas_and_is_no_labelers_is_got_round_as_the_error_says(cli, tmp_path):
    table = tmp_path / "ratings.csv"
    header, *rows = table.read_text().splitlines()
    table.write_text("\n".join([f"{header},answers", *(f'{row},"1,2"' for row in rows)]))
    code, _, err = cli("--numbers", "--true-column", "gold")
    assert code == 2
    assert "column 'answers': has a comma for decimals, as in '1,2'" in err
    assert "(--labelers) if it holds no numbers" in err
    assert cli("--numbers", "--true-column", "gold", "--labelers", "ann,bob,cy")[0] == 0


def test_whole_numbers_of_many_values_are_noted(cli, tmp_path):
    rng = np.random.default_rng(0)
    with (tmp_path / "ratings.csv").open("w", newline="") as file:
        scores = rng.integers(0, 30, 200)
        csv.writer(file).writerows([["id", "a", "b"], *((i, s, s) for i, s in enumerate(scores.tolist()))])
    code, out, err = cli("--labelers", "a,b")
    assert code == 0, err
    assert "pass --numbers" in out


def test_a_seed_below_0_is_refused_by_its_bound():
    with pytest.raises(ConfigError, match=r"seed.*-1"):
        ol.preflight_numbers(np.arange(20.0).reshape(2, 10), seed=-1)
