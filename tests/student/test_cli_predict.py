"""`outlearn predict`: every row is answered in its place, whatever stands in it; what cannot be read leaves no file."""

from __future__ import annotations

import csv
import io
import json
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from tests.programs import Cli
from tests.small_runs import make_task_file
from tests.student.runs import keep, texts_of_test

import outlearn as ol
from outlearn.data.row_chunks import FIRST, ROWS, row_chunks
from outlearn.results.run_folder import Run
from outlearn.student.first_use import first_use

TEXTS = ["a fine film", "", "dull, and\nlong", 'a "quoted" film', "12"]
FLAGS = [False, True, False, False, False]  # empty


def write_table(path: Path, texts: Sequence[str | None]) -> Path:
    ids = [f"r{i}" for i in range(len(texts))]
    match path.suffix:
        case ".csv" | ".tsv":
            with path.open("w", newline="") as file:
                writer = csv.writer(file, delimiter="\t" if path.suffix == ".tsv" else ",")
                writer.writerows([("id", "text"), *zip(ids, texts, strict=True)])
        case ".jsonl":
            rows = [{"id": name, "text": text} for name, text in zip(ids, texts, strict=True)]
            path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        case ".parquet":
            pyarrow = pytest.importorskip("pyarrow")
            import pyarrow.parquet as parquet

            parquet.write_table(pyarrow.table({"id": ids, "text": list(texts)}), path)
    return path


def read_csv(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


@pytest.mark.parametrize("ending", ["csv", "tsv", "jsonl", "parquet"])
def test_every_row_of_every_format_is_answered_in_its_place(cli: Cli, films: Run, tmp_path: Path, ending: str):
    new = write_table(tmp_path / f"new.{ending}", TEXTS)
    code, out, err = cli("predict", films.folder, new)
    assert code == 0, err
    rows = read_csv(out)
    assert [row["id"] for row in rows] == [f"r{i}" for i in range(len(TEXTS))]
    assert [row["flag"] == "empty" for row in rows] == FLAGS
    expected = ol.load_student(films.folder).predict_proba(TEXTS)
    found = np.array([[float(row["p_bad"]), float(row["p_good"])] for row in rows])
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert [row["label"] for row in rows] == ol.load_student(films.folder).predict(TEXTS).tolist()


def test_answers_are_explained_as_they_are(cli: Cli, films: Run, tmp_path: Path):
    new = write_table(tmp_path / "new.csv", TEXTS)
    assert cli("predict", films.folder, new, "--out", "answers.csv")[0] == 0
    rows = read_csv((tmp_path / "answers.csv").read_text())
    (tmp_path / "y.csv").write_text("id,label\n" + "".join(f"{row['id']},{row['label']}\n" for row in rows))
    both = ("--teacher", "answers.csv", "--student", "answers.csv")
    code, out, err = cli("explain", *both, "--target", "y.csv", "--kind", "probs")
    assert code == 0, err
    assert "(0 bad, 1 good)" in out


def test_the_test_points_of_a_run_are_answered_as_the_run_says(cli: Cli, films: Run, tmp_path: Path):
    new = write_table(tmp_path / "test.jsonl", texts_of_test(films))
    code, _, err = cli("predict", films.folder, new, "--out", "answers.jsonl")
    assert code == 0, err
    rows = [json.loads(line) for line in (tmp_path / "answers.jsonl").read_text().splitlines()]
    expected = films.predictions.students["forward_ce"].dual_mean().probs[0]
    np.testing.assert_allclose([[row["p_bad"], row["p_good"]] for row in rows], expected, atol=1e-5)


@pytest.mark.parametrize("ending", ["csv", "tsv", "jsonl", "parquet"])
def test_answers_are_written_in_the_format_of_their_name(cli: Cli, films: Run, tmp_path: Path, ending: str):
    new = write_table(tmp_path / "new.csv", TEXTS)
    code, out, err = cli("predict", films.folder, new, "--out", f"answers.{ending}")
    assert code == 0, err
    assert "5 rows answered" in out
    assert "1 flagged empty" in out
    back = {name: cells for chunk in row_chunks(tmp_path / f"answers.{ending}") for name, cells in chunk.items()}
    assert list(back) == ["id", "label", "p_bad", "p_good", "flag"]
    assert len(back["id"]) == 5


@pytest.mark.parametrize(
    ("sent", "arguments"),
    [
        ("text\na fine film\ndull\n", ()),
        ('{"text": "a fine film"}\n{"text": "dull"}\n', ()),
        ('[{"text": "a fine film"},\n {"text": "dull"}]', ()),
        ("text\tother\na fine film\t1\ndull\t2\n", ("--format", "tsv")),
    ],
)
def test_rows_come_from_standard_input(
    cli: Cli, films: Run, monkeypatch: pytest.MonkeyPatch, sent: str, arguments: tuple[str, ...]
):
    stdin = io.TextIOWrapper(io.BufferedReader(io.BytesIO(sent.encode())))
    monkeypatch.setattr(sys, "stdin", stdin)
    code, out, err = cli("predict", films.folder, "-", *arguments)
    assert code == 0, err
    assert [row["row"] for row in read_csv(out)] == ["1", "2"]


def test_texts_that_are_no_texts_are_answered(cli: Cli, films: Run, tmp_path: Path):
    rows: list[object] = [None, float("nan"), 7, 0.5, True, "x" * 1_000_000, "fine"]
    new = tmp_path / "new.jsonl"
    new.write_text("".join(json.dumps({"text": cell}) + "\n" for cell in rows))
    code, out, err = cli("predict", films.folder, new)
    assert code == 0, err
    found = read_csv(out)
    assert len(found) == len(rows)
    assert [row["flag"] for row in found][:2] == ["empty", "empty"]
    long = write_table(tmp_path / "long.csv", ["fine " * 200_000, "fine"])
    code, out, err = cli("predict", films.folder, long)
    assert code == 0, err
    first, second = read_csv(out)
    assert first["label"] == second["label"]


def test_pairs_are_read_from_two_columns_and_single_texts_get_a_reward(cli: Cli, pairs: Run, tmp_path: Path):
    new = tmp_path / "new.csv"
    new.write_text("chosen,rejected,a,b\na fine film,a dull film,a grey film,a warm film\n,a dull film,x,y\n")
    code, out, err = cli("predict", pairs.folder, new)
    assert code == 0, err
    first, second = read_csv(out)
    assert first["flag"] != second["flag"] == "empty"
    code, out, err = cli("predict", pairs.folder, new, "--first-column", "a", "--second-column", "b")
    assert code == 0, err
    student = ol.load_student(pairs.folder)
    expected = student.predict_proba([("a grey film", "a warm film")])[0]
    np.testing.assert_allclose([float(read_csv(out)[0][f"p_{name}"]) for name in "ab"], expected, atol=1e-6)
    new.write_text("text\na fine film\n\n")
    code, out, err = cli("predict", pairs.folder, new)
    assert code == 0, err
    (row,) = read_csv(out)
    assert float(row["reward"]) == pytest.approx(student.reward(["a fine film"])[0], abs=1e-5)


def test_rows_of_numbers_come_from_an_npz(cli: Cli, tmp_path: Path):
    arrays = ("teacher.encoder={kind: array}", "student.encoder={kind: array}")
    finished = keep(tmp_path, make_task_file(tmp_path / "task.npz"), *arrays)
    use = first_use(finished.folder)
    assert use is not None
    assert use.points == "rows of numbers"
    np.savez(tmp_path / "new.npz", features=np.zeros((3, 6)), ids=["a", "b", "c"])
    code, out, err = cli("predict", finished.folder, "new.npz")
    assert cli(*shlex.split(use.command)[1:])[0] == 0  # as pages and the card advise
    assert "new.npz" in (finished.folder / "student" / "README.md").read_text()
    assert code == 0, err
    assert [row["id"] for row in read_csv(out)] == ["a", "b", "c"]
    for name, message in (("task.csv", "is no .npz or .npy"), ("other.npz", "has no array 'features'")):
        (tmp_path / "task.csv").write_text("text\nx\n")
        np.savez(tmp_path / "other.npz", x=np.zeros(3))
        code, _, err = cli("predict", finished.folder, name)
        assert code == 2
        assert message in err


BAD: dict[str, tuple[str, bytes, str]] = {
    "no such column": ("new.csv", b"body\nfine\n", "no column 'text'"),
    "ragged": ("new.csv", b"text,other\n" + b"fine,1\n" * 100 + b"fine\n", "line 102: 1 fields, expected 2"),
    "open quote": ("new.csv", b'text\nfine\n"dull\n', "Close every quote"),
    "a name twice": ("new.csv", b"text,text\nfine,1\n", "names 'text' more than once"),
    "latin-1": ("new.csv", b"text\ncaf\xe9\n", "iconv -f LATIN1"),
    "no JSON": ("new.jsonl", b'{"text": "fine"}\n{"text": \n', "line 2: no JSON"),
    "no object": ("new.jsonl", b'"fine"\n', "is no object"),
    "no Parquet": ("new.parquet", b"PAR1 and nothing more", "is not a Parquet file"),
    "unknown ending": ("new.xlsx", b"x", "Say what it is by --format"),
    "nothing": ("new.csv", b"", "is empty"),
}


@pytest.mark.parametrize("case", BAD)
def test_input_that_cannot_be_read_is_an_error_and_leaves_no_file(cli: Cli, films: Run, tmp_path: Path, case: str):
    name, content, message = BAD[case]
    (tmp_path / name).write_bytes(content)
    before = sorted(path.name for path in tmp_path.iterdir())
    code, out, err = cli("predict", films.folder, name, "--out", "answers.csv")
    assert code == 2
    assert message in err
    assert len(err.splitlines()) == 1
    assert out == ""
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_the_advice_to_name_a_column_arrives(cli: Cli, films: Run, tmp_path: Path):
    (tmp_path / "new.csv").write_text("body\nfine\n")
    _, _, err = cli("predict", films.folder, "new.csv")
    assert "--text-column" in err
    assert cli("predict", films.folder, "new.csv", "--text-column", "body")[0] == 0
    assert cli("predict", films.folder, "new.csv", "--text-column", "{body} and {body}")[0] == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nowhere", "new.csv"), "does not exist"),
        (("{films}", "nowhere.csv"), "does not exist"),
        (("{films}", "new.csv", "--out", "answers.xlsx"), "expected a name that ends in .csv"),
        (("{films}", "new.csv", "--out", "nowhere/answers.csv"), "cannot be written"),
        (("{films}", "new.csv", "--format", "excel"), "--format is 'excel'"),
        (("{films}", "-", "--format", "parquet"), "give the file, not standard input"),
    ],
)
def test_bad_arguments_are_errors(cli: Cli, films: Run, tmp_path: Path, arguments: tuple[str, ...], message: str):
    (tmp_path / "new.csv").write_text("text\nfine\n")
    code, _, err = cli("predict", *(argument.format(films=films.folder) for argument in arguments))
    assert code == 2
    assert message in err


def test_rows_are_read_as_they_are_needed(tmp_path: Path):
    """A table of any length takes the memory of a chunk: the rows after it are not read, else the last would raise."""
    path = tmp_path / "new.csv"
    path.write_text("text\n" + "fine\n" * (FIRST + 10 * ROWS) + "fine,dull\n")
    chunks = row_chunks(path)
    assert [len(next(chunks)["text"]) for _ in range(4)] == [FIRST, ROWS, ROWS, ROWS]
