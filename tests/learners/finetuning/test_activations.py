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

pytestmark = pytest.mark.medium
nn = torch.nn
CPU = torch.device("cpu")


class Changed(nn.Module):
    """Change what it is given, in place."""

    def forward(self, x):
        return x.mul_(2.0)


class Read(nn.Module):
    """Read what it is given in another way."""

    def __init__(self, how):
        super().__init__()
        self.how = how

    def forward(self, x):
        return self.how(x)


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


@pytest.mark.parametrize(
    "between",
    [
        (nn.SiLU(), Changed()),
        (nn.SiLU(inplace=True),),
        (nn.SiLU(), Read(lambda y: y.T)),
        (nn.SiLU(), Read(lambda y: y[:5])),
        (Read(lambda y: y.T), nn.SiLU(), Read(lambda y: y.T)),
        (nn.SiLU(), Read(lambda y: y * 2.0), nn.Linear(64, 64), Read(lambda y: y + 1.0), nn.Linear(64, 64), nn.Tanh()),
    ],
    ids=["changed", "in place", "transposed", "a part", "not contiguous", "memory used again"],
)
def test_what_is_not_the_function_s_own_output_is_held_as_it_is(between):
    network, x = network_of(*between), torch.randn(64, 4)
    found = [gradients(network, functions, x) for functions in (activation_functions(network), ())]
    assert all(torch.equal(a, b) for a, b in zip(*found, strict=True))


def test_a_function_with_a_hook_of_its_own_is_left_alone():
    network, x = network_of(nn.GELU()), torch.randn(10, 4)
    network[1].register_forward_hook(lambda function, inputs, output: output * 3.0)
    found = [gradients(network, functions, x) for functions in (activation_functions(network), ())]
    assert all(torch.equal(a, b) for a, b in zip(*found, strict=True))


class Half(nn.Module):
    """Stand for a function whose values depend on autocast."""

    def forward(self, x):
        return torch.nn.functional.silu(x) @ torch.eye(x.shape[-1])


def test_values_are_computed_again_under_the_same_autocast():
    network, x = network_of(Half()), torch.randn(10, 4)
    found = []
    for functions in ([network[1]], ()):
        network.zero_grad()
        with values_computed_again(functions), torch.autocast("cpu", torch.bfloat16):
            loss = network(x).float().square().sum()
        loss.backward()
        found.append([p.grad.clone() for p in network.parameters()])
    assert all(torch.equal(a, b) for a, b in zip(*found, strict=True))


class Gate(nn.Module):
    """Take arguments in forms that functions of one argument do not."""

    def forward(self, x, gate=None):
        return torch.nn.functional.silu(x) if gate is None else (torch.nn.functional.silu(x) * gate)


@pytest.mark.parametrize(
    "call",
    [lambda g, y: g(y, y + 1.0), lambda g, y: g(x=y), lambda g, y: g(y, gate=y), lambda g, y: g(y)],
)
def test_a_call_of_another_form_is_left_alone(call):
    network, gate, x = network_of(), Gate(), torch.randn(10, 4)
    found = []
    for functions in ([gate], ()):
        network.zero_grad()
        with values_computed_again(functions):
            loss = network[1](call(gate, network[0](x))).sum()
        loss.backward()
        found.append([p.grad.clone() for p in network.parameters()])
    assert all(torch.equal(a, b) for a, b in zip(*found, strict=True))


class FeedForwardGELU(nn.Sequential):
    """Be called GELU, and be more."""


def test_what_is_only_called_so_is_not_a_function():
    assert activation_functions(FeedForwardGELU(nn.Linear(4, 4), nn.Dropout(0.5))) == []
    assert activation_functions(nn.Sequential(Gate())) == []


def test_an_input_that_is_changed_after_the_function_read_it_is_an_error():
    first, function, last = network_of(nn.GELU())
    with values_computed_again([function]):
        inner = first(torch.randn(10, 4))
        loss = last(function(inner)).sum()
    with torch.no_grad():
        inner.add_(1.0)
    with pytest.raises(RuntimeError, match="changed in place"):
        loss.backward()


def test_any_tensor_that_is_changed_before_its_gradient_is_an_error_as_in_torch():
    x = torch.randn(3, requires_grad=True)
    with values_computed_again([nn.GELU()]):
        y = x * 1.0
        loss = (y * y).sum()
    with torch.no_grad():
        y.add_(1.0)
    with pytest.raises(RuntimeError, match="changed in place"):
        loss.backward()


def test_of_functions_that_need_no_gradient_nothing_is_kept():
    network = nn.Sequential(*(nn.GELU() for _ in range(10)))
    x = torch.randn(100)

    def kept(functions):
        def forward():
            with values_computed_again(functions):
                return network(x)

        return bytes_after(forward)[1]

    assert kept(activation_functions(network)) == kept(()) == 400


def test_an_input_is_let_go_with_the_output_where_nothing_is_held():
    x = torch.randn(100, requires_grad=True)
    function = nn.GELU()

    def forward():
        for _ in range(5):
            function(x * 1.0)

    with values_computed_again([function]):
        assert bytes_after(forward)[1] == 0


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


def test_a_model_whose_function_returns_more_than_values_still_trains():
    transformers = pytest.importorskip("transformers")
    config = transformers.IBertConfig(
        vocab_size=20, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32
    )
    network = transformers.IBertForSequenceClassification(config)
    with values_computed_again(activation_functions(network)):
        loss = network(input_ids=torch.randint(2, 20, (2, 5))).logits.square().sum()
    loss.backward()
