"""Labels by prompts: a shared prefix read once and batches by length, against a plain forward pass a text.

Baseline: the whole prompt of one text at a time, no cache, logits of every position: what a script does. Class words
are single tokens, so that it needs one pass a text as ours does. CPU time of one thread, sides in turn, best of
`REPEATS`; the model is loaded in neither. Prints one JSON line a data set: the ratio (baseline / outlearn), the largest
difference of a label's probability, and texts a second of ours.

    OMP_NUM_THREADS=1 python benchmarks/prompt.py
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from outlearn.core.log_space import log_normalise
from outlearn.data import Task, load_task
from outlearn.encoders.model_folder import ALIASES, PINNED, model_folder
from outlearn.language_models.causal_lm import CausalLM, load_causal_lm
from outlearn.language_models.prompt_tokens import PromptTokens
from outlearn.language_models.prompts import Prompt
from outlearn.language_models.scoring import word_log_probs

SENTENCES = Path(__file__).resolve().parents[2] / "shared" / "data" / "sst2" / "train.txt"
TEXTS = {"vader-lexicon": 96, "sst2": 32}
REPEATS = 2
TEMPLATES = {
    "vader-lexicon": 'Decide whether a word is positive or negative.\n\nWord: "{text}"\nSentiment:',
    "sst2": "Decide whether a sentence of a film review is positive or negative.\n\nSentence: {text}\nSentiment:",
}
WORDS = (" negative", " positive")
# Probabilities of labels; float32 sums in another order.
SAME = 1e-4


def plainly(model: CausalLM, prompts: list[list[int]], words: list[int]) -> np.ndarray:
    """Read one prompt after another."""
    rows = []
    with torch.inference_mode():
        for prompt in prompts:
            logits = model.network(torch.tensor([prompt]), use_cache=False).logits[0, -1].double()
            rows.append(logits.log_softmax(0)[words].numpy())
    return np.array(rows)


def timed(compute: Callable[[], np.ndarray]) -> tuple[float, np.ndarray]:
    start = time.process_time()
    found = compute()
    return time.process_time() - start, found


def compare(name: str, task: Task, model: CausalLM) -> dict[str, object]:
    """Time both sides on the same texts."""
    rng = np.random.default_rng(0)
    texts = [task.texts[i] for i in rng.permutation(task.n_points)[: TEXTS[name]]]
    tokens = PromptTokens(model, Prompt(TEMPLATES[name], WORDS))
    prompts = [tokens((text,))[0] for text in texts]
    first = [word[0] for word in tokens.words]
    ours, plain = [], []
    for _ in range(REPEATS):
        plain.append(timed(lambda: plainly(model, prompts, first)))
        ours.append(timed(lambda: word_log_probs(model, prompts, tokens.words)))
    labels = [np.exp(log_normalise(side[0][1])) for side in (ours, plain)]
    difference = float(abs(labels[0] - labels[1]).max())
    if difference > SAME:
        raise RuntimeError(f"{name}: labels differ by {difference}")
    seconds = min(each for each, _ in ours)
    return {
        "benchmark": "prompt",
        "data": name,
        "texts": len(texts),
        "tokens_a_prompt": round(float(np.mean([len(prompt) for prompt in prompts])), 1),
        "ratio_plain": round(min(each for each, _ in plain) / seconds, 2),
        "texts_per_cpu_second": round(len(texts) / seconds, 1),
        "largest_difference": float(f"{difference:.1e}"),
    }


def main() -> None:
    """Print one JSON line a data set."""
    torch.set_num_threads(1)
    folder = model_folder(ALIASES["smollm2"], expected_sha256=PINNED["smollm2"], revision=None, local_files_only=True)
    model = load_causal_lm(folder, "smollm2", device="cpu")
    tasks = {"vader-lexicon": load_task(name="vader-lexicon")}
    if SENTENCES.is_file():
        tasks["sst2"] = load_task(path=SENTENCES)
    for name, task in tasks.items():
        print(json.dumps(compare(name, task, model)), flush=True)


if __name__ == "__main__":
    main()
