"""The configurations of published protocols: each loads, and runs with stand-ins of its data's and models' form."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from tests.learners.finetuning.tiny import save_tiny_model

from outlearn.data import Task, load_task
from outlearn.experiment.load_config import load_config
from outlearn.experiment.pipeline import run
from outlearn.store.store import Store
from outlearn.sweep.sweep_file import read_sweep

CONFIGS = Path(__file__).parents[2] / "configs"
FILES = sorted(CONFIGS.rglob("*.yaml"))
RUNS = [path for path in FILES if path.parent.name in ("paper", "burns")]
N = 60

Write = Callable[[Path], Path]


def name_of(path: Path) -> str:
    return f"{path.parent.name}/{path.stem}"


def says(*numbers: int) -> str:
    """Write a text in the tiny models' words, another one for other numbers."""
    return " ".join(f"w{n % 40} w{n // 40 % 40}" for n in numbers)


def pairs(path: Path) -> Path:
    for k, split in enumerate(("teacher", "student", "validation", "test")):
        rows = [{"chosen": says(i, k, 1), "rejected": says(i, k, 2)} for i in range(N)]
        (path / f"{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def saved(path: Path, row: Callable[[int], dict[str, Any]], splits: tuple[str, ...], **classes: list[str]) -> Path:
    """Write a data set with the splits and columns that the hub's has."""
    datasets = pytest.importorskip("datasets")
    parts = {}
    for k, split in enumerate(splits):
        part = datasets.Dataset.from_list([row(1000 * k + i) for i in range(3 * N)])
        for column, names in classes.items():
            part = part.cast_column(column, datasets.ClassLabel(names=names))
        parts[split] = part
    datasets.DatasetDict(parts).save_to_disk(path / "saved")
    return path / "saved"


def sciq(path: Path) -> Path:
    def row(i: int) -> dict[str, Any]:
        wrong = {f"distractor{k}": says(i, k) for k in (1, 2, 3)}
        return {"question": says(i), **wrong, "correct_answer": says(i, 0), "support": says(i, 9)}

    return saved(path, row, ("train", "validation", "test"))


def boolq(path: Path) -> Path:
    # Two questions a passage.
    return saved(
        path,
        lambda i: {"question": says(i), "answer": i % 3 == 0, "passage": says(i // 2, 7)},
        ("train", "validation"),
    )


def cosmos_qa(path: Path) -> Path:
    def row(i: int) -> dict[str, Any]:
        answers = {f"answer{k}": says(i, k) for k in range(4)}
        # The hub's test split has no answers; it must not be read.
        label = -1 if i >= 2000 else i % 4
        return {"id": str(i), "context": says(i // 3, 8), "question": says(i), **answers, "label": label}

    return saved(path, row, ("train", "validation", "test"))


def amazon_polarity(path: Path) -> Path:
    return saved(
        path,
        lambda i: {"label": i % 2, "title": says(i, 5), "content": says(i, 6)},
        ("train", "test"),
        label=["negative", "positive"],
    )


DATA: dict[str, Write] = {
    "paper/cai-harmless": pairs, "paper/hh-helpful": pairs, "burns/sciq": sciq, "burns/sciq-qwen": sciq,
    "burns/boolq": boolq, "burns/cosmos_qa": cosmos_qa, "burns/amazon_polarity": amazon_polarity,
}  # fmt: skip


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_every_configuration_loads(path):
    content = yaml.safe_load(path.read_text())
    if "base" in content:
        assert read_sweep(path).n_members > 0
    else:
        assert load_config(path)


def test_every_protocol_has_data_to_run_on():
    assert {name_of(path) for path in RUNS} == set(DATA)


def overrides(config: Path, data: Path) -> list[str]:
    """Replace the source of the data, and nothing else that the configuration says of it."""
    given = yaml.safe_load(config.read_text())["data"]
    dropped = [f"data.{key}=null" for key in ("name", "format", "limit") if key in given]
    return [*dropped, f"data.path={data}"]


@pytest.mark.slow
@pytest.mark.parametrize("path", RUNS, ids=name_of)
def test_every_protocol_goes_down_to_its_results(path, tmp_path):
    pytest.importorskip("transformers")
    data = DATA[name_of(path)](tmp_path)
    changes = overrides(path, data)
    for who in ("teacher", "student"):
        family = "qwen2" if "Qwen" in yaml.safe_load(path.read_text())[who]["learner"]["model"] else "gpt2"
        if not (tmp_path / family).exists():
            save_tiny_model(tmp_path / family, family, pad=family == "qwen2")
        changes += [f"{who}.learner.model={tmp_path / family}", f"{who}.learner.max_length=48"]
    config = load_config(path, [*changes, "teacher.labels=32"])
    done = run(config, store=Store(tmp_path / "store"), out=tmp_path / "run")
    results = json.loads((tmp_path / "run" / "results.json").read_text())
    assert results["students"].keys() == done.students.keys()
    assert len(results["students"]) == len(config.student.loss)
    assert results["teacher"]["models"] == config.teacher.models
    for student in results["students"].values():
        assert np.isfinite(student["log_loss"]["mean"])


def load(name: str, folder: Path) -> Task:
    path = CONFIGS / f"{name}.yaml"
    config = load_config(path, overrides(path, DATA[name](folder)))
    return load_task(**config.data.model_dump(exclude={"fractions"}), seed=config.seed)


def test_a_question_of_sciq_is_shown_with_one_of_its_answers(tmp_path):
    task = load("burns/sciq", tmp_path)
    assert task.class_names == ("wrong", "right")
    for i, (text, label) in enumerate(zip(task.texts[: 3 * N], task.labels, strict=False)):
        answers = [says(i, 0)] if label else [says(i, k) for k in (1, 2, 3)]
        assert text in {f"Q: {says(i)} A: {answer}" for answer in answers}


def test_questions_on_one_passage_stay_together(tmp_path):
    task = load("burns/boolq", tmp_path)
    assert task.n_points == 3 * N
    assert task.texts[0] == f"Passage: {says(0, 7)}\nQuestion: {says(0)}"
    assert len(set(task.groups)) == 3 * N / 2


def test_cosmos_qa_reads_the_split_that_has_answers(tmp_path):
    task = load("burns/cosmos_qa", tmp_path)
    for i, (text, label) in enumerate(zip(task.texts, task.labels, strict=True)):
        assert text.endswith(f"\nAnswer: {says(i, i % 4)}") == bool(label)


def test_reviews_keep_the_classes_that_the_data_set_declares(tmp_path):
    task = load("burns/amazon_polarity", tmp_path)
    assert task.class_names == ("negative", "positive")
    assert task.texts[0] == f"{says(1000, 5)} {says(1000, 6)}"
