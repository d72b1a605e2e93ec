"""The values of activation functions, computed again: the same gradients to the last bit, and less is held."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tests.learners.finetuning.tiny import FAMILIES, PAIRS, SETTINGS, TEXTS, bytes_after

from outlearn.learners.finetuning.activations import activation_functions, values_computed_again
from outlearn.learners.finetuning.batches import micro_batches
from outlearn.learners.finetuning.loading import load_text_model, load_tokenizer
from outlearn.learners.finetuning.tokens import tokenise

torch = pytest.importorskip("torch")
nn = torch.nn
CPU = torch.device("cpu")


class Changed(nn.Module):
    """Change what it is given, in place."""

    def forward(self, x):
        return x.mul_(2.0)


def network_of(*between):
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 64), *between, nn.Linear(64, 2))


def gradients(network, functions, x):
    network.zero_grad()
    with values_computed_again(functions):
        loss = network(x).square().sum()
    loss.backward()
    return [p.grad.clone() for p in network.parameters()]


@pytest.mark.parametrize("shape", [(10, 4), (3, 5, 4)])
@pytest.mark.parametrize("function", [nn.GELU(), nn.GELU("tanh"), nn.SiLU()])
def test_gradients_are_the_same_and_half_is_held(function, shape):
    network, x = network_of(function), torch.randn(shape)
    functions = activation_functions(network)
    assert functions == [function]
    for found, expected in zip(gradients(network, functions, x), gradients(network, (), x), strict=True):
        assert torch.equal(found, expected)

    def forward(functions):
        with values_computed_again(functions):
            return network(x)

    (again, less), (plain, more) = bytes_after(lambda: forward(functions)), bytes_after(lambda: forward(()))
    assert torch.equal(again, plain)
    values = 4 * 64 * x.numel() // 4
    assert more - less == values


def test_nothing_but_gradients_is_kept_after_the_backward_pass():
    network, x = network_of(nn.GELU()), torch.randn(10, 4)

    def train():
        with values_computed_again(activation_functions(network)):
            loss = network(x).square().sum()
        loss.backward()

    _, kept = bytes_after(train)
    assert kept == sum(p.numel() * p.element_size() for p in network.parameters())


def test_a_function_whose_gradient_reads_its_values_is_left_alone():
    assert activation_functions(nn.Sequential(nn.ReLU(), nn.Tanh(), nn.Sigmoid(), nn.Softmax(-1))) == []


@pytest.mark.parametrize("between", [(nn.SiLU(), Changed()), (nn.SiLU(inplace=True),), (nn.SiLU(), nn.Dropout(0.5))])
def test_values_that_are_changed_afterwards_are_held_as_they_are(between):
    network, x = network_of(*between), torch.randn(10, 4)
    found = []
    for functions in (activation_functions(network), ()):
        torch.manual_seed(1)
        found.append(gradients(network, functions, x))
    assert all(torch.equal(a, b) for a, b in zip(*found, strict=True))


def test_an_input_that_is_changed_after_the_function_read_it_is_an_error():
    first, function, last = network_of(nn.GELU())
    with values_computed_again([function]):
        inner = first(torch.randn(10, 4))
        loss = last(function(inner)).sum()
    with torch.no_grad():
        inner.add_(1.0)
    with pytest.raises(RuntimeError, match="changed in place"):
        loss.backward()


def step(folder, *, functions, points, **settings):
    """Return the gradients of a sum of squared logits over some points, and the bytes held for them."""
    how = replace(SETTINGS, tokens_per_batch=10_000, **settings)
    pairs = len(points[0]) == 2
    model = load_text_model(folder, 2, how, pairs=pairs, seed=1, device=CPU)
    model.network.train()
    if not functions:
        model.functions = []
    tokenizer = load_tokenizer(folder, max_length=how.max_length, trust_remote_code=False)
    tokens = tokenise(tokenizer, points, max_length=how.max_length, cut=how.cut)
    (batch,) = micro_batches(tokens.lengths, tokens=10_000, overhead=10_000)
    logits, held = bytes_after(lambda: model.logits(tokens, np.arange(len(points)), batch))
    logits.square().sum().backward()
    return {name: p.grad for name, p in model.trainable().items()}, held


@pytest.mark.parametrize("points", [TEXTS[:8], PAIRS[:8]], ids=["texts", "pairs"])
@pytest.mark.parametrize("settings", [{}, {"adaptation": "lora"}, {"precision": "bf16"}], ids=["full", "lora", "bf16"])
@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_moves_the_same_and_holds_less(tiny_model, family, settings, points):
    (found, less), (expected, more) = (
        step(tiny_model(family), functions=on, points=points, **settings) for on in (True, False)
    )
    assert found.keys() == expected.keys()
    for name, gradient in expected.items():
        assert (gradient is None) == (found[name] is None)
        assert gradient is None or torch.equal(found[name], gradient), name
    assert less < 0.97 * more
