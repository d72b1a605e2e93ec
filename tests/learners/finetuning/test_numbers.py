"""Fine-tuning on numbers: one output that ends where a plain loop ends, brought back to the units of the labels."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from tests.learners.finetuning.test_step import EXACT, SAME, plain_loop
from tests.learners.finetuning.tiny import SETTINGS, TEXTS, fit, logits_of

from outlearn.errors import ConfigError, DomainError, ShapeError
from outlearn.learners.finetuning.batches import epoch_batches
from outlearn.learners.finetuning.loading import load_text_model
from outlearn.learners.finetuning.trainer_loss import hf_loss
from outlearn.learners.jobs import HeadJob
from outlearn.losses import NUMBER_LOSSES, get_loss

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

pytestmark = pytest.mark.medium

# The number is told by the first word, which a tiny model finds.
NUMBERS = np.array([[50.0 + int(text.split()[0][1:])] for (text,) in TEXTS])


def in_units(labels, loss):
    if loss.link == "identity":
        return (labels - labels.mean()) / labels.std(), labels.mean(), labels.std()
    return labels / labels.mean(), np.log(labels.mean()), 1.0


@pytest.mark.parametrize("name", NUMBER_LOSSES)
def test_an_epoch_ends_where_a_plain_loop_ends(tiny_model, name):
    folder, loss = tiny_model("bert"), get_loss(name)
    settings = replace(EXACT, tokens_per_batch=40)
    found = logits_of(fit(folder, settings, targets=NUMBERS[None], jobs=[HeadJob(0, loss, seed=3)]))
    learned, location, scale = in_units(NUMBERS, loss)
    expected = location + scale * plain_loop(folder, learned, loss, seed=3)
    np.testing.assert_allclose(found, loss.predicted(expected), rtol=100 * SAME)


def test_lora_ends_where_a_plain_loop_over_its_adapters_ends(tiny_model):
    folder, loss = tiny_model("bert"), get_loss("squared_error")
    settings = replace(EXACT, adaptation="lora")
    found = logits_of(fit(folder, settings, targets=NUMBERS[None], jobs=[HeadJob(0, loss, seed=3)]))
    learned, location, scale = in_units(NUMBERS, loss)
    network = load_text_model(folder, 1, settings, pairs=False, seed=3, device=torch.device("cpu")).network
    network.train()
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    optimiser = torch.optim.AdamW(
        [p for p in network.parameters() if p.requires_grad], lr=settings.learning_rate, weight_decay=0.0
    )
    batches = list(epoch_batches(len(TEXTS), settings.batch_size, seed=3, epoch=0))
    for step, batch in enumerate(batches):
        for group in optimiser.param_groups:
            group["lr"] = settings.learning_rate * 0.5 * (1 + math.cos(math.pi * step / len(batches)))
        z = network(**tokenizer([TEXTS[i][0] for i in batch], padding=True, return_tensors="pt")).logits
        (z - torch.from_numpy(learned[batch])).square().mean().backward()
        optimiser.step()
        optimiser.zero_grad()
    with torch.inference_mode():
        z = network.eval()(**tokenizer([t[0] for t in TEXTS], padding=True, return_tensors="pt")).logits.numpy()
    np.testing.assert_allclose(found, location + scale * z, rtol=100 * SAME)


@pytest.mark.parametrize("start", ["random", "probe", "zero"])
@pytest.mark.parametrize("family", ["bert", "llama"])  # the head of a decoder has no bias
def test_numbers_far_from_0_are_reached_from_any_start(tiny_model, family, start):
    labels = 1e4 + 100 * NUMBERS
    # A probe on features that hardly spread has large weights: at more than this every step would overshoot.
    settings = replace(SETTINGS, epochs=4, start=start, learning_rate=1e-5 if start == "probe" else 3e-3)
    jobs = [HeadJob(0, get_loss("squared_error"), seed=1)]
    found = logits_of(fit(tiny_model(family), settings, targets=labels[None], jobs=jobs))
    assert np.square(found - labels).mean() < 2 * labels.var()  # in raw units it would be 200 times that


def test_a_count_of_two_and_of_none_decide_the_units_too(tiny_model):
    counts = np.zeros((1, len(TEXTS)))
    counts[0, :10] = 2
    targets = NUMBERS.copy()
    targets[10:] = -1e9  # nobody learns from these
    job, folder = HeadJob(0, get_loss("generalized_kl"), weighting=0, seed=1), tiny_model("bert")
    counted = fit(folder, targets=targets[None], jobs=[job], weights=counts)
    twice = np.repeat(np.arange(10), 2)
    doubled = fit(
        folder,
        points=[TEXTS[i] for i in twice],
        targets=NUMBERS[None, twice],
        jobs=[replace(job, weighting=None)],
    )
    np.testing.assert_allclose(logits_of(counted)[:10], logits_of(doubled)[::2], rtol=1e-5)


def test_numbers_that_a_loss_cannot_take_are_named(tiny_model):
    folder, wrong = tiny_model("bert"), NUMBERS - 60
    with pytest.raises(
        DomainError, match=r"itakura_saito needs finite numbers above 0; target\[0\] is 0\. .*fit squared_euclidean"
    ):
        fit(folder, targets=wrong[None], jobs=[HeadJob(0, get_loss("itakura_saito"))])
    with pytest.raises(ShapeError, match=r"48 examples, 1\] of numbers"):
        fit(folder, jobs=[HeadJob(0, get_loss("squared_error"))])


def test_the_trainer_is_given_no_loss_of_numbers():
    with pytest.raises(ConfigError, match=r"squared_error is a loss of numbers.*fit_finetune"):
        hf_loss("squared_error")
