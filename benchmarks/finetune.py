"""One epoch of fine-tuning: batches cut by length and tokens, against the plain loop that most scripts have.

The plain loop takes the examples of a step in random order, `MICRO` at a time, pads them to their longest text, and
adds up the gradients; it is given its best micro-batch size of 1, 8 and 32. Both sides make the same steps: 32 examples
each, in the same order, the same model, loss and optimiser. Short texts are sentences, long ones dialogues of up to 512
tokens, alone and as preference pairs. Both start tokenised. Time is CPU time of one thread: all sides take turns in one
process, and the ratio is the median over the turns. Memory is the peak of a process of its own above weights, gradients
and moments, from the second step on; a pass over two short points comes first, so that the code it brings into memory
is not counted. The weights are compared in float64, where Adam does not enlarge rounding. Prints one JSON line a data
set.

    OMP_NUM_THREADS=1 python benchmarks/finetune.py [--data FOLDER]

FOLDER holds sst2/train.txt and hh-helpful/train_gt.jsonl; without it, texts are made of the words of vader-lexicon.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import json
import math
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from outlearn.data import load_task
from outlearn.encoders.model_folder import ALIASES, model_folder
from outlearn.learners.finetuning.batches import epoch_batches, micro_batches
from outlearn.learners.finetuning.loading import load_text_model, load_tokenizer
from outlearn.learners.finetuning.settings import FinetuneSettings
from outlearn.learners.finetuning.tokens import Tokens, tokenise
from outlearn.learners.finetuning.training import Training
from outlearn.learners.jobs import HeadJob
from outlearn.losses import get_loss

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
MICRO = (1, 8, 32)
EXAMPLES = {"short": 192, "long": 64, "pairs": 64}  # two steps at least: memory counts from the second
TURNS = 5
CHECKED = {"short": 64, "long": 32, "pairs": 32}
SETTINGS = FinetuneSettings(epochs=1, batch_size=32, learning_rate=1e-5, dropout=0.0, max_length=512, cut="start")
SEED = 0
SAME = 1e-6
CPU = torch.device("cpu")


@dataclass(frozen=True)
class Problem:
    """Hold the examples of one data set."""

    name: str
    tokens: Tokens
    targets: np.ndarray


def read(which: str, folder: Path, n_examples: int) -> Problem:
    """Read texts or pairs, in random order, and draw soft labels."""
    rng = np.random.default_rng(SEED)
    points: list[tuple[str, ...]]
    if which == "short":
        path = folder / "sst2" / "train.txt"
        name = "sst2" if path.is_file() else "vader-lexicon, 3 to 50 words"
        points = [(text,) for text in load_task(path=path).texts] if path.is_file() else [(t,) for t in made(3, 50)]
    else:
        path = folder / "hh-helpful" / "train_gt.jsonl"
        name = "hh-helpful" if path.is_file() else "vader-lexicon, 10 to 250 words"
        if path.is_file():
            rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
            points = [(row["chosen"], row["rejected"]) for row in rows]
        else:
            texts = list(made(10, 250))
            points = list(zip(texts[::2], texts[1::2], strict=True))
        if which == "long":
            points = [(chosen,) for chosen, _ in points]
    points = [points[i] for i in rng.permutation(len(points))[:n_examples]]
    tokenizer = load_tokenizer(minilm(), max_length=SETTINGS.max_length, trust_remote_code=False)
    tokens = tokenise(tokenizer, points, max_length=SETTINGS.max_length, cut=SETTINGS.cut)
    return Problem(name, tokens, rng.dirichlet([1.0, 1.0], len(points)))


def made(low: int, high: int) -> Iterator[str]:
    """Make texts of random words, their lengths spread evenly on the log scale as those of real texts are."""
    rng = np.random.default_rng(SEED)
    words = load_task(name="vader-lexicon").texts
    for n in np.exp(rng.uniform(math.log(low), math.log(high), 1024)).astype(int):
        yield " ".join(words[i] for i in rng.integers(len(words), size=n))


def minilm() -> Path:
    """Find the offline model."""
    return model_folder(ALIASES["minilm"], expected_sha256=None, revision=None, local_files_only=True)


def plain_model(problem: Problem, settings: FinetuneSettings) -> Any:
    """Load the same model as it comes from transformers, with the same head."""
    from transformers import AutoModelForSequenceClassification

    ours = load_text_model(minilm(), 2, settings, pairs=problem.tokens.pairs, seed=SEED, device=CPU).network
    model = AutoModelForSequenceClassification.from_config(ours.config).to(next(ours.parameters()).dtype)
    model.load_state_dict(ours.state_dict())
    return model.train()


def pad(tokens: Tokens, points: np.ndarray) -> dict[str, Tensor]:
    """Pad all texts of some examples to the longest."""
    texts = tokens.text_of[points].T.ravel()
    rows = [torch.from_numpy(tokens.ids[tokens.starts[i] : tokens.starts[i + 1]]).long() for i in texts]
    ids = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)
    lengths = torch.tensor([len(row) for row in rows])
    return {"input_ids": ids, "attention_mask": (torch.arange(ids.shape[1]) < lengths[:, None]).long()}


def plain_loop(
    model: Any, problem: Problem, settings: FinetuneSettings, *, micro: int, progress: Callable[[int], None]
) -> None:
    """Train an epoch: random micro-batches, padded to their longest."""
    loss, n = get_loss("forward_ce"), len(problem.targets)
    targets = torch.from_numpy(problem.targets).to(next(model.parameters()).dtype)
    optimiser = torch.optim.AdamW(model.parameters(), lr=settings.learning_rate, weight_decay=0.0, fused=True)
    n_steps = math.ceil(n / settings.batch_size)
    for step, batch in enumerate(epoch_batches(n, settings.batch_size, seed=SEED, epoch=0)):
        for group in optimiser.param_groups:
            group["lr"] = settings.learning_rate * 0.5 * (1 + math.cos(math.pi * step / n_steps))
        for start in range(0, len(batch), micro):
            points = batch[start : start + micro]
            logits = model(**pad(problem.tokens, points)).logits
            if problem.tokens.pairs:
                logits = logits.reshape(2, -1).T
            (loss(logits, targets[torch.from_numpy(points)], progress=step / n_steps).sum() / len(batch)).backward()
        optimiser.step()
        optimiser.zero_grad()
        progress(step + 1)


def our_loop(problem: Problem, settings: FinetuneSettings, progress: Callable[[int], None]) -> Training:
    """Make ready to train an epoch with outlearn."""
    model = load_text_model(minilm(), 2, settings, pairs=problem.tokens.pairs, seed=SEED, device=CPU)
    rows = np.arange(len(problem.targets))
    job = HeadJob(0, get_loss("forward_ce"), seed=SEED)
    return Training(model, problem.tokens, rows, rows[:0], problem.targets, job, settings, (), progress=progress)


@dataclass(frozen=True)
class Side:
    """Hold what a side moves, how it scores some points, and how it trains an epoch."""

    parameters: list[Tensor]
    score: Callable[[np.ndarray], Tensor]
    train: Callable[[], Any]


def make_ready(problem: Problem, side: str, progress: Callable[[int], None]) -> Side:
    """Load the model of a side."""
    if side == "ours":
        training = our_loop(problem, SETTINGS, progress)
        return Side(list(training.parameters.values()), partial(our_logits, training), lambda: training.run({}))
    model = plain_model(problem, SETTINGS)
    return Side(
        list(model.parameters()),
        lambda points: model(**pad(problem.tokens, points)).logits,
        lambda: plain_loop(model, problem, SETTINGS, micro=int(side), progress=progress),
    )


def our_logits(training: Training, points: np.ndarray) -> Tensor:
    """Score some points with outlearn."""
    model, tokens = training.model, training.tokens
    batches = micro_batches(tokens.lengths[points], tokens=training.budget, overhead=model.overhead)
    return torch.cat([model.logits(tokens, points, batch) for batch in batches])


def seconds_of(problem: Problem, side: str) -> float:
    """Time an epoch."""
    ready = make_ready(problem, side, lambda step: None)
    start_of_memory()  # what another side left free would spare this one the asking
    began = time.process_time()
    ready.train()
    return time.process_time() - began


def peak_of(which: str, folder: Path, side: str) -> int | None:
    """Train an epoch in this process and return its peak above what every training holds, in bytes."""

    def forget_first_step(step: int) -> None:
        if step == 1:
            forget_peak()  # before it the moments were not there

    problem = read(which, folder, EXAMPLES[which])
    ready = make_ready(problem, side, forget_first_step)
    parameters = ready.parameters
    for parameter in parameters:
        parameter.data = parameter.data.clone()  # out of the file that it was mapped from, into memory
    held = [parameter.grad is not None for parameter in parameters]
    shortest = np.argsort(problem.tokens.lengths.sum(1))[:2]
    ready.score(shortest).sum().backward()  # brings the code of both passes into memory
    for parameter, holds in zip(parameters, held, strict=True):
        if holds and parameter.grad is not None:
            parameter.grad.fill_(0.0)  # the system gives memory when it is written to
        else:
            parameter.grad = None
    state = sum(p.numel() * p.element_size() * (2 if holds else 3) for p, holds in zip(parameters, held, strict=True))
    before = start_of_memory()
    ready.train()
    return None if before is None else memory("VmHWM") - before - state  # the state: what `before` lacks of it


def start_of_memory() -> int | None:
    """Give back what loading left, and return what is held; None where that is unknown."""
    try:
        ctypes.CDLL("libc.so.6").malloc_trim(0)
        return memory("VmRSS")
    except OSError:
        return None


def forget_peak() -> None:
    """Start the count of the peak again, where the system can."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def memory(field: str) -> int:
    """Read a field of this process's status, in bytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith(field))


def weight_difference(which: str, folder: Path, *, micro: int) -> float:
    """Train an epoch of both sides in float64 and compare all weights."""
    settings = replace(SETTINGS, precision="float64")
    problem = read(which, folder, CHECKED[which])
    training = our_loop(problem, settings, lambda step: None)
    model = plain_model(problem, settings)
    training.run({})
    plain_loop(model, problem, settings, micro=micro, progress=lambda step: None)
    pairs = zip(training.model.network.parameters(), model.parameters(), strict=True)
    return max(float((a - b).detach().abs().max()) for a, b in pairs)


def compare(which: str, folder: Path) -> dict[str, Any]:
    """Measure every side."""
    sides = ("ours", *map(str, MICRO))
    problem = read(which, folder, EXAMPLES[which])
    seconds = {side: np.zeros(TURNS) for side in sides}
    for turn in range(TURNS):
        for side in sides:
            seconds[side][turn] = seconds_of(problem, side)
    peaks = {side: in_own_process(which, folder, side) for side in sides}
    ratios = {micro: float(np.median(seconds[str(micro)] / seconds["ours"])) for micro in MICRO}
    best = min(ratios, key=lambda micro: ratios[micro])
    difference = weight_difference(which, folder, micro=best)
    if difference > SAME:
        raise RuntimeError(f"{which}: weights differ by {difference}")
    line = {
        "benchmark": "finetune",
        "texts": which,
        "data": problem.name,
        "examples": len(problem.targets),
        "tokens": int(problem.tokens.lengths.sum()),
        "best_micro_batch": best,
        "ratio_at_best": round(ratios[best], 2),
    }
    for micro in MICRO:
        turns = seconds[str(micro)] / seconds["ours"]
        line[f"ratio_{micro}"] = round(ratios[micro], 2)
        line[f"ratio_{micro}_range"] = [round(float(turns.min()), 2), round(float(turns.max()), 2)]
        ours, other = peaks["ours"], peaks[str(micro)]
        if ours is not None and other is not None:
            line[f"memory_share_{micro}"] = round(ours / other, 2)
    if peaks["ours"] is not None:
        line["peak_mib"] = round(peaks["ours"] / 2**20)
    line["examples_per_cpu_second"] = round(len(problem.targets) / float(np.median(seconds["ours"])), 1)
    line["largest_difference"] = float(f"{difference:.1e}")
    return line


def in_own_process(which: str, folder: Path, side: str) -> int | None:
    """Measure the peak of a side where nothing ran before."""
    command = [sys.executable, __file__, "--data", str(folder), "--peak", which, side]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    peak: int | None = json.loads(done.stdout.splitlines()[-1])
    return peak


def main() -> None:
    """Print one JSON line a data set."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=SHARED, help="folder with sst2 and hh-helpful")
    parser.add_argument("--only", choices=tuple(EXAMPLES), help="measure one data set")
    parser.add_argument("--peak", nargs=2, metavar=("TEXTS", "SIDE"), help="print the peak of one side in this process")
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.peak:
        print(json.dumps(peak_of(options.peak[0], options.data, options.peak[1])))
        return
    for which in [options.only] if options.only else EXAMPLES:
        print(json.dumps(compare(which, options.data)), flush=True)


if __name__ == "__main__":
    main()
