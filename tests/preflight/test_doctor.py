"""`outlearn doctor`: what it sees of a table, what it names as wrong, and an exit code for CI."""

from __future__ import annotations

import csv
import re
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from tests.programs import Cli

from outlearn.data.rated_table import read_rated_table
from outlearn.preflight_checks.doctor import diagnose

N = 90


@pytest.fixture
def cli(cli: Cli) -> Cli:
    return partial(cli, "doctor")


def table(tmp_path: Path, change=lambda row, i: row) -> Path:
    rng = np.random.default_rng(0)
    path = tmp_path / "labels.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["key", "body", "seen", "a", "b", "gold"])
        for i in range(N):
            truth = ("no", "yes")[i % 2]
            a, b = (truth if rng.random() < 0.9 else ("yes", "no")[i % 2] for _ in range(2))
            row = [f"k{i}", f"some words about number {i}", f"2026-01-{i % 28 + 1}", a, b if i % 3 else "", truth]
            writer.writerow(change([*row[:5], row[5] if i % 3 == 0 else ""], i))
    return path


def test_it_says_which_column_is_what_gaps_agreement_and_what_to_do(cli, tmp_path):
    code, out, err = cli(table(tmp_path))
    assert code == 0, err
    for words in (
        "ids           key",
        "texts         body",
        "labelers      a, b",
        "true labels   gold",
        "left out      seen",
    ):
        assert words in out
    assert re.search(r"b +60 +30 +2", out)
    for words in ("Cohen's kappa", "Fleiss' kappa", "Krippendorff's alpha", "Gwet's AC1", "none found"):
        assert words in out
    assert "outlearn preflight" in out
    assert "outlearn run" in out


def respelled(row: list[str], i: int) -> list[str]:
    return [*row[:3], row[3].upper() if i < 9 else row[3], *row[4:]]


def unknown(row: list[str], i: int) -> list[str]:
    return [*row[:3], "N/A" if i < 4 else row[3], "-1" if i == 7 else row[4], row[5]]


def constant(row: list[str], i: int) -> list[str]:
    return [*row[:4], "yes", row[5]]


def silent(row: list[str], i: int) -> list[str]:
    return [*row[:4], "", row[5]]


def guessed(row: list[str], i: int) -> list[str]:
    return [*row[:4], ("no", "yes")[i // 2 % 2], row[5]]


def wordless(row: list[str], i: int) -> list[str]:
    return [row[0], "" if i < 3 else row[1], *row[2:]]


def scarce(row: list[str], i: int) -> list[str]:
    return [*row[:4], row[4] if i in (1, 2, 4) else "", row[5]]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (respelled, r"written in 2 ways: '(no|yes)' \(\d+\), '(NO|YES)'"),
        (unknown, r"'N/A' \(4 cells\) marks a missing label(.|\n)*'-1' \(1 cells\)"),
        (constant, "b always says 'yes'"),
        (silent, "b has no label at all"),
        (guessed, "agree little"),
        (wordless, "3 points have an empty text, in body"),
        (scarce, r"b has 3 labels, too few to judge or to learn from: leave it out \(--labelers a\)"),
    ],
)
def test_what_is_wrong_is_named_and_the_exit_code_is_1(cli, tmp_path, change, message):
    code, out, err = cli(table(tmp_path, change))
    assert code == 1, err
    assert re.search(message, out)
    assert "Mend what is named above first" in out


def test_spellings_and_words_for_a_gap_are_mended_for_the_numbers(tmp_path):
    clean, other = diagnose(table(tmp_path)), diagnose(table(tmp_path, respelled))
    assert other.class_names == clean.class_names == ("no", "yes")
    assert other.agreement == clean.agreement
    assert diagnose(table(tmp_path, unknown)).labelers[0].n_gaps == 4


def signed(classes: tuple[str, ...], row: list[str], i: int) -> list[str]:
    return [*row[:3], *(cell and classes[("no", "yes").index(cell) if i % 5 else -1] for cell in row[3:])]


def test_minus_1_may_be_a_class_and_is_never_dropped_in_silence(cli, tmp_path):
    out = cli(table(tmp_path, partial(signed, ("0", "1", "-1"))))[1]
    assert re.search(
        r"'-1' \(\d+ cells\) is taken for a gap: leave .* or, if it is a class, write classes as\s+names", out
    )
    code, _, err = cli(table(tmp_path, partial(signed, ("-1", "1"))))
    assert code == 2
    assert "is -1, which often marks a missing label: leave the cell empty, or, if it is a class, write classes" in err
    assert cli(table(tmp_path, partial(signed, ("minus", "plus"))))[0] == 0  # the advice


def test_a_threshold_of_agreement_decides_the_exit_code(cli, tmp_path):
    path = table(tmp_path)
    alpha = diagnose(path).agreement["krippendorff"].mean
    assert cli(path, "--fail-below", f"{alpha - 0.01}")[0] == 0
    assert cli(path, "--fail-below", f"{alpha + 0.01}")[0] == 1
    code, _, err = cli(path, "--fail-below", "60")
    assert code == 2
    assert "from -1 to 1" in err
    code, _, err = cli(path, "--labelers", "a", "--fail-below", "0.5")
    assert code == 2
    assert "Leave it out" in err
    assert cli(path, "--labelers", "a")[0] == 0


def test_a_run_is_advised_as_it_will_be_understood(tmp_path):
    """Beside complete true labels a run asks whether the other columns are labelers."""
    complete = table(tmp_path, lambda row, i: [*row[:5], row[3]])
    assert any(each.endswith(f"{complete} --labelers a,b") for each in diagnose(complete).advice)


def test_pairs_and_empty_columns_are_told_from_labels(cli, tmp_path):
    (tmp_path / "pairs.csv").write_text("chosen,rejected\n" + "a good answer here,a bad answer here\n" * 30)
    code, _, err = cli(tmp_path / "pairs.csv")
    assert (code, "pairs of texts" in err, "outlearn run" in err) == (2, True, True)
    rows = "".join(f"some words {i} that differ,{'no' if i % 2 else 'yes'},\n" for i in range(30))
    (tmp_path / "one.csv").write_text("text,label,Comments\n" + rows)
    assert [each.name for each in diagnose(tmp_path / "one.csv").labelers] == ["label"]


def test_what_cannot_be_read_is_one_line_and_exit_code_2(cli, tmp_path):
    (tmp_path / "prices.csv").write_text("text,price\n" + "".join(f"word {i} of many,{i}.5\n" for i in range(30)))
    for name, message in (("prices.csv", "no column of labels"), ("none.csv", "does not exist")):
        code, _, err = cli(tmp_path / name)
        assert code == 2
        assert message in err
        assert "Traceback" not in err


@pytest.mark.parametrize("written", ["{:.1f}", "{:.0f}%"])
def test_numbers_are_no_classes_and_the_advice_works(cli, tmp_path, written):
    rng = np.random.default_rng(0)
    path = table(tmp_path, lambda row, i: [*row[:3], *(written.format(50 + i / 3 + x) for x in rng.normal(size=3))])
    code, _, err = cli(path)
    assert code == 2
    assert len(err.splitlines()) == 1
    for words in ("'a', 'b'", "hold numbers, such as", "--numbers", "data.task=regression"):
        assert words in err
    path.write_text(path.read_text().replace("%", ""))
    assert read_rated_table(path).numbers.names == ("a", "b")


def test_names_of_classes_may_hold_numbers_and_signs(cli, tmp_path):
    shares = ("0%", "50%", "100%")
    assert cli(table(tmp_path, lambda row, i: [*row[:3], *[shares[i % 3]] * 3]))[0] == 0


def test_words_that_may_be_gaps_and_texts_that_repeat_are_named_and_are_no_problem(cli, tmp_path):
    def change(row: list[str], i: int) -> list[str]:
        return [row[0], "The same  words " if i in (5, 7) else "the same words" if i == 3 else row[1], row[2], row[3],
                "?" if i < 4 else row[4], row[5]]  # fmt: skip

    code, out, err = cli(table(tmp_path, change))
    assert code == 0, err
    assert "'?' (4 labels) is a class here" in out
    assert "2 points repeat the text of an earlier one" in out


def test_no_run_is_advised_that_would_lack_a_class_to_test_on(cli, tmp_path):
    def change(row: list[str], i: int) -> list[str]:
        return [*row[:3], *("maybe" if i % 9 == 1 and cell else cell for cell in row[3:5]), row[5]]

    out = cli(table(tmp_path, change))[1].replace("\n  ", " ")
    assert "4 of each and some 39 in all; there are 30, and 0 of 'maybe'" in out
    assert "outlearn run" not in out
