"""Fine-tuning on one GPU: batches cut by length and tokens, against the plain loop that most scripts have.

Speed does not depend on what a model has learned, so the models are the architectures that papers use with random
weights, made on the spot, and the texts are random token ids with the spread of lengths of real ones: nothing is
downloaded. BERT-base reads sentences of 5 to 60 tokens; GPT-2 (small, medium, large) scores preference pairs of 50 to
512 tokens a text, as reward models do. The plain loop takes a step's examples in random order, `MICRO` at a time, pads
them to their longest text and adds up the gradients; it runs under the same autocast and is given its best micro-batch
of those that fit into the GPU's memory. Both sides make the same steps of 32 examples with the same fused AdamW. All
sides take turns in one process, each turn is synchronised, the first turn warms up and is not counted, and ratios are
medians over the turns. In float32 both sides end at the same weights; the script checks it. The last lines say how long
the epochs of the paper's protocol would take.

    python benchmarks/gpu.py [--seconds 240]

Prints one JSON line a measurement, the card's name in each, and stops before a measurement once the time is over.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from outlearn.learners.finetuning.batches import epoch_batches
from outlearn.learners.finetuning.loading import load_text_model
from outlearn.learners.finetuning.settings import FinetuneSettings
from outlearn.learners.finetuning.tokens import Tokens
from outlearn.learners.finetuning.training import Training
from outlearn.learners.jobs import HeadJob
from outlearn.losses import get_loss

TURNS = 5
MICRO = (8, 32)
SEED = 0
SAME = 1e-4  # float32 sums in another order, through a few steps of Adam
GPT2 = {
    "gpt2": {"n_layer": 12, "n_head": 12, "n_embd": 768},
    "gpt2-medium": {"n_layer": 24, "n_head": 16, "n_embd": 1024},
    "gpt2-large": {"n_layer": 36, "n_head": 20, "n_embd": 1280},
}
PAPER_PAIRS = 4000  # preference pairs of an epoch, the size of the student split in openai/weak-to-strong's protocol


@dataclass(frozen=True)
class Problem:
    """A model and the lengths of what it reads."""

    name: str
    pairs: bool
    examples: int
    shortest: int
    longest: int

    def tokens(self) -> Tokens:
        """Draw token ids; lengths are spread evenly on the log scale, as those of real texts are."""
        rng = np.random.default_rng(SEED)
        slots = 2 if self.pairs else 1
        lengths = np.exp(rng.uniform(math.log(self.shortest), math.log(self.longest), self.examples * slots)).astype(
            int
        )
        text_of = np.arange(len(lengths)).reshape(self.examples, slots)
        return Tokens(
            ids=rng.integers(10, 20000, lengths.sum(), dtype=np.int32),
            starts=np.concatenate([[0], np.cumsum(lengths)]),
            text_of=text_of,
            lengths=lengths[text_of],
            pad=0,
            vocabulary=30522,
        )

    def save(self, folder: Path) -> None:
        """Write the architecture with random weights."""
        from transformers import BertConfig, BertModel, GPT2Config, GPT2Model

        torch.manual_seed(SEED)
        model: Any = GPT2Model(GPT2Config(**GPT2[self.name])) if self.name in GPT2 else BertModel(BertConfig())
        model.save_pretrained(folder)


PROBLEMS = (
    Problem("bert-base", pairs=False, examples=512, shortest=5, longest=60),
    Problem("gpt2", pairs=True, examples=128, shortest=50, longest=512),
    Problem("gpt2-medium", pairs=True, examples=96, shortest=50, longest=512),
    Problem("gpt2-large", pairs=True, examples=64, shortest=50, longest=512),
)


def padded(tokens: Tokens, points: np.ndarray, device: torch.device) -> dict[str, torch.Tensor]:
    """Pad all texts of some examples to the longest."""
    texts = tokens.text_of[points].T.ravel()
    rows = [torch.from_numpy(tokens.ids[tokens.starts[i] : tokens.starts[i + 1]]).long() for i in texts]
    ids = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)
    lengths = torch.tensor([len(row) for row in rows])
    mask = (torch.arange(ids.shape[1]) < lengths[:, None]).long()
    return {"input_ids": ids.to(device), "attention_mask": mask.to(device)}


def plain_epoch(
    model: Any, problem: Problem, tokens: Tokens, targets: np.ndarray, settings: FinetuneSettings, micro: int
) -> None:
    """Train an epoch: random micro-batches, padded to their longest."""
    loss, n = get_loss("forward_ce"), len(targets)
    device = next(model.parameters()).device
    taught = torch.from_numpy(targets).float().to(device)
    optimiser = torch.optim.AdamW(model.parameters(), lr=settings.learning_rate, weight_decay=0.0, fused=True)
    n_steps = math.ceil(n / settings.batch_size)
    for step, batch in enumerate(epoch_batches(n, settings.batch_size, seed=SEED, epoch=0)):
        for group in optimiser.param_groups:
            group["lr"] = settings.learning_rate * 0.5 * (1 + math.cos(math.pi * step / n_steps))
        for start in range(0, len(batch), micro):
            points = batch[start : start + micro]
            with torch.autocast(device.type, torch.bfloat16, enabled=settings.precision == "bf16"):
                logits = model(**padded(tokens, points, device)).logits
            logits = logits.float()
            if problem.pairs:
                logits = logits.reshape(2, -1).T
            part = loss(logits, taught[torch.from_numpy(points).to(device)], progress=step / n_steps)
            (part.sum() / len(batch)).backward()
        optimiser.step()
        optimiser.zero_grad()


def our_training(
    problem: Problem,
    folder: Path,
    tokens: Tokens,
    targets: np.ndarray,
    settings: FinetuneSettings,
    device: torch.device,
) -> Training:
    """Make ready to train an epoch with outlearn."""
    model = load_text_model(folder, 2, settings, pairs=problem.pairs, seed=SEED, device=device)
    rows = np.arange(len(targets))
    return Training(model, tokens, rows, rows[:0], targets, HeadJob(0, get_loss("forward_ce"), seed=SEED), settings, ())


def plain_model(folder: Path, problem: Problem, settings: FinetuneSettings, device: torch.device) -> Any:
    """Load the same model as it comes from transformers, with the same head."""
    from transformers import AutoModelForSequenceClassification

    ours = load_text_model(folder, 2, settings, pairs=problem.pairs, seed=SEED, device=device).network
    config = ours.config
    config.pad_token_id = 0
    model = AutoModelForSequenceClassification.from_config(config).to(device)
    model.load_state_dict(ours.state_dict())
    return model.train()


def timed(run: Callable[[], Any], device: torch.device) -> float:
    """Return the seconds of a run, to the end of all that it launched."""
    synchronise(device)
    began = time.perf_counter()
    run()
    synchronise(device)
    return time.perf_counter() - began


def synchronise(device: torch.device) -> None:
    """Wait for the GPU."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def compare(
    problem: Problem, folder: Path, settings: FinetuneSettings, device: torch.device, turns: int
) -> dict[str, Any]:
    """Time both sides by turns; a micro-batch that does not fit is left out."""
    tokens = problem.tokens()
    targets = np.random.default_rng(SEED).dirichlet([1.0, 1.0], problem.examples)
    seconds: dict[str, list[float]] = {"ours": [], **{str(micro): [] for micro in MICRO}}
    peaks: dict[str, float] = {}
    for _ in range(turns + 1):
        for side in list(seconds):
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats(device)
            try:
                if side == "ours":
                    training = our_training(problem, folder, tokens, targets, settings, device)
                    took = timed(lambda training=training: training.run({}), device)
                    del training
                else:
                    model = plain_model(folder, problem, settings, device)
                    took = timed(
                        lambda model=model, side=side: plain_epoch(
                            model, problem, tokens, targets, settings, int(side)
                        ),
                        device,
                    )
                    del model
            except torch.OutOfMemoryError:
                del seconds[side]
                continue
            seconds[side].append(took)
            peaks[side] = torch.cuda.max_memory_allocated(device) / 2**30
    counted = {side: np.array(values[1:]) for side, values in seconds.items()}
    plain = {side: values for side, values in counted.items() if side != "ours"}
    line: dict[str, Any] = {
        "model": problem.name,
        "precision": settings.precision,
        "examples": problem.examples,
        "tokens": int(tokens.lengths.sum()),
        "examples_per_second": round(problem.examples / float(np.median(counted["ours"])), 1),
        "peak_gib": round(peaks["ours"], 1),
    }
    if plain:
        best = min(plain, key=lambda side: float(np.median(plain[side])))
        ratios = plain[best] / counted["ours"]
        line |= {
            "best_micro_batch": int(best),
            "ratio_at_best": round(float(np.median(ratios)), 2),
            "ratio_range": [round(float(ratios.min()), 2), round(float(ratios.max()), 2)],
            "peak_gib_plain": round(peaks[best], 1),
        }
    if problem.pairs:
        line["minutes_for_4000_pairs"] = round(PAPER_PAIRS / line["examples_per_second"] / 60, 1)
    return line


def budgets(problem: Problem, folder: Path, settings: FinetuneSettings, device: torch.device) -> dict[str, Any]:
    """Time our side under several budgets of tokens, to see whether the default is a good one."""
    tokens = problem.tokens()
    targets = np.random.default_rng(SEED).dirichlet([1.0, 1.0], problem.examples)
    found: dict[int, float] = {}
    for budget in (2048, 4096, 8192, 16384, 32768):
        chosen = replace(settings, tokens_per_batch=budget)
        with contextlib.suppress(torch.OutOfMemoryError):
            runs = []
            for _ in range(3):
                training = our_training(problem, folder, tokens, targets, chosen, device)
                runs.append(timed(lambda training=training: training.run({}), device))
                del training
            found[budget] = round(problem.examples / float(np.median(runs[1:])), 1)
    return {"model": problem.name, "precision": settings.precision, "examples_per_second_by_tokens": found}


def weight_difference(problem: Problem, folder: Path, settings: FinetuneSettings, device: torch.device) -> float:
    """Train an epoch of both sides in float32 and compare all weights."""
    few = replace(problem, examples=64)
    exact = replace(settings, precision="float32")
    tokens = few.tokens()
    targets = np.random.default_rng(SEED).dirichlet([1.0, 1.0], few.examples)
    training = our_training(few, folder, tokens, targets, exact, device)
    model = plain_model(folder, few, exact, device)
    training.run({})
    plain_epoch(model, few, tokens, targets, exact, 8)
    pairs = zip(training.model.network.parameters(), model.parameters(), strict=True)
    return max(float((a - b).detach().abs().max()) for a, b in pairs)


def main() -> None:
    """Print one JSON line a measurement."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=240.0, help="start no measurement after this time")
    parser.add_argument("--turns", type=int, default=TURNS)
    options = parser.parse_args()
    if not torch.cuda.is_available():
        raise SystemExit("this benchmark needs a CUDA GPU, and torch sees none; benchmarks/finetune.py is for CPUs.")
    device = torch.device("cuda")
    torch.backends.cuda.matmul.allow_tf32 = False  # float32 means float32 on both sides
    card = torch.cuda.get_device_name(device)
    base = FinetuneSettings(
        epochs=1, batch_size=32, learning_rate=1e-5, dropout=0.0, max_length=512, cut="start", precision="bf16"
    )
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as place:
        for k, problem in enumerate(PROBLEMS):
            folder = Path(place) / problem.name
            problem.save(folder)
            work: list[Callable[[], dict[str, Any]]] = [
                lambda p=problem, f=folder: compare(p, f, base, device, options.turns)
            ]
            if k < 2:
                work += [
                    lambda p=problem, f=folder: budgets(p, f, base, device),
                    lambda p=problem, f=folder: {
                        "model": p.name,
                        "precision": "float32",
                        "largest_difference": float(f"{weight_difference(p, f, base, device):.1e}"),
                    },
                ]
            for measure in work:
                if time.perf_counter() - began > options.seconds:
                    print(json.dumps({"benchmark": "gpu", "left_out": f"{problem.name}: the time is over"}), flush=True)
                    return
                line = {"benchmark": "gpu", "card": card, **measure()}
                print(json.dumps(line), flush=True)
                if line.get("largest_difference", 0.0) > SAME:
                    raise RuntimeError(f"{problem.name}: weights differ by {line['largest_difference']}")


if __name__ == "__main__":
    main()
