"""Which learning rate a fine-tuned student of few texts needs, chosen without any true label.

Teachers label words from static word vectors and 200 true labels each. Students learn 300 words from one teacher. The
criterion is Cohen's kappa between a student and the *other* teachers on 200 held-out words: no true label, and not the
labels it learned from. Accuracy on 500 test words is printed beside it, to see what the choice is worth; nothing was
chosen by it. One JSON line a setting, a setting that stands in the file already is not trained again.

    OMP_NUM_THREADS=1 python benchmarks/small_data.py OUT.jsonl
    OMP_NUM_THREADS=1 python benchmarks/small_data.py OUT.jsonl --model smollm2 --teachers 1
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np
from jaxtyping import Float
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import cohen_kappa_score

from outlearn.data import load_task
from outlearn.encoders.model_folder import ALIASES, PINNED, model_folder
from outlearn.encoders.registry import get_encoder
from outlearn.learners.finetuning.fit import fit_finetune
from outlearn.learners.finetuning.settings import FinetuneSettings
from outlearn.learners.jobs import HeadJob
from outlearn.losses import get_loss

N_TEACHERS, N_LABELS, N_STUDENT, N_VALIDATION, N_TEST = 4, 200, 300, 200, 500
COMMON = {"dropout": 0.0, "max_length": 32, "batch_size": 16}
LORA, FULL = {"adaptation": "lora"}, {"adaptation": "full"}
PROMPT = {"template": 'Word: "{text}"\nSentiment:'}
WORDS = {"start": "words", "words": (" bad", " good"), **PROMPT}
SETTINGS = {
    "minilm": [
        {**LORA, "learning_rate": 1e-4, "epochs": 3.0},
        {**LORA, "learning_rate": 3e-4, "epochs": 3.0},
        {**LORA, "learning_rate": 1e-3, "epochs": 3.0},
        {**LORA, "learning_rate": 3e-3, "epochs": 3.0},
        {**LORA, "learning_rate": 1e-3, "epochs": 10.0},
        {**FULL, "learning_rate": 1e-5, "epochs": 3.0},
        {**FULL, "learning_rate": 1e-4, "epochs": 3.0},
        {**FULL, "learning_rate": 3e-4, "epochs": 3.0},
        {**LORA, "learning_rate": 1e-3, "epochs": 3.0, "start": "probe"},
    ],
    "smollm2": [
        {**LORA, "learning_rate": 1e-3, "epochs": 2.0, **WORDS},
        {**LORA, "learning_rate": 1e-3, "epochs": 2.0, **PROMPT},
    ],
}


class Words:
    """The words of each part, and what the teachers say of them."""

    def __init__(self) -> None:
        task = load_task(name="vader-lexicon")
        order = np.random.default_rng(0).permutation(task.n_points)
        sizes = np.cumsum([N_TEACHERS * N_LABELS, N_STUDENT, N_VALIDATION, N_TEST])
        own, *parts = np.split(order[: sizes[-1]], sizes[:-1])
        texts = task.texts or ()
        features = np.asarray(get_encoder({"kind": "wordllama"}).encode(task, np.arange(task.n_points), own))
        fitted = [
            LogisticRegression(max_iter=1000).fit(features[rows], task.labels[rows])
            for rows in np.split(own, N_TEACHERS)
        ]
        self.points = [[(texts[i],) for i in part.tolist()] for part in parts]
        self.said = [np.stack([teacher.predict_proba(features[part]) for teacher in fitted]) for part in parts]
        self.labels = [task.labels[part] for part in parts]


def kappa_with_others(student: Float[np.ndarray, "points classes"], teachers: np.ndarray, own: int) -> float:
    """Average Cohen's kappa with the teachers that the student did not learn from; 0 for a student on one class."""
    votes = student.argmax(axis=1)
    others = np.delete(teachers, own, axis=0).argmax(axis=2)
    found = [cohen_kappa_score(votes, each) for each in others]
    return float(np.nan_to_num(found).mean())


def measure(words: Words, model: str, given: dict[str, object], n_students: int) -> dict[str, object]:
    """Train the students of one setting."""
    settings = FinetuneSettings(**{**COMMON, **given})
    folder = model_folder(
        ALIASES.get(model, model), expected_sha256=PINNED.get(model), revision=None, local_files_only=True
    )
    start = time.process_time()
    rows = []
    for own in range(n_students):
        found = fit_finetune(
            words.points[0], words.said[0][[own]], [HeadJob(0, get_loss("forward_ce"), seed=own)],
            {"validation": words.points[1], "test": words.points[2]}, model=folder, settings=settings,
        )  # fmt: skip
        held_out, test = (found.logits[name][-1, 0] for name in ("validation", "test"))
        log_probs = held_out - np.logaddexp.reduce(held_out, axis=1, keepdims=True)
        rows.append(
            (
                kappa_with_others(held_out, words.said[1], own),
                float(-(words.said[1][own] * log_probs).sum(axis=1).mean()),
                float((test.argmax(axis=1) == words.labels[2]).mean()),
                float(np.bincount(test.argmax(axis=1), minlength=2).max() / N_TEST),
            )
        )
    names = ("kappa_with_others", "ce_to_own_teacher", "accuracy", "share_of_one_class")
    means = {name: round(float(value), 3) for name, value in zip(names, np.mean(rows, axis=0), strict=True)}
    return {**means, "students": n_students, "cpu_seconds": round(time.process_time() - start, 1)}


def main() -> None:
    """Measure what is not in the file yet."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--model", choices=SETTINGS, default="minilm")
    parser.add_argument("--teachers", type=int, default=2)
    arguments = parser.parse_args()
    words = Words()
    votes = words.said[2].argmax(axis=2)
    print(f"teachers: {[round(float((each == words.labels[2]).mean()), 3) for each in votes]}", flush=True)
    done = (
        [json.loads(line)["setting"] for line in arguments.out.read_text().splitlines()]
        if arguments.out.exists()
        else []
    )
    for given in SETTINGS[arguments.model]:
        setting = {"model": arguments.model, **given}
        if json.loads(json.dumps(setting)) in done:
            continue
        line = json.dumps({"setting": setting, **measure(words, arguments.model, given, arguments.teachers)})
        with arguments.out.open("a", encoding="utf-8") as file:
            file.write(line + "\n")
        print(line, flush=True)


if __name__ == "__main__":
    main()
