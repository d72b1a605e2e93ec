"""Every family of models: it learns, padding changes nothing, pairs are signed, heads are what they claim to be."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tests.learners.finetuning.tiny import (
    CE,
    FAMILIES,
    PADDED,
    PAIRS,
    SETTINGS,
    SOFT,
    TEXTS,
    bytes_after,
    fit,
    logits_of,
)

from outlearn.errors import ConfigError, DataError
from outlearn.learners.finetuning.batches import micro_batches
from outlearn.learners.finetuning.loading import load_text_model, load_tokenizer
from outlearn.learners.finetuning.tokens import tokenise
from outlearn.learners.heads import fit_predict
from outlearn.learners.jobs import HeadJob, HeadSettings

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

pytestmark = pytest.mark.medium

# float32 sums in another order, through two layers and a few steps of Adam.
SAME = 2e-4
# No training: a step so small that it changes no prediction.
STILL = replace(SETTINGS, epochs=0.01, learning_rate=1e-12)
CPU = torch.device("cpu")
WITH_AND_WITHOUT_PAD = [(family, pad) for family in FAMILIES for pad in (True, False) if pad or family not in PADDED]


def tokens_of(folder, points, *, max_length=32, cut="end"):
    tokenizer = load_tokenizer(folder, max_length=max_length, trust_remote_code=False)
    return tokenise(tokenizer, points, max_length=max_length, cut=cut)


def loss_of(logits):
    return float(CE(torch.from_numpy(logits).double(), torch.from_numpy(SOFT)).mean())


@pytest.mark.parametrize("adaptation", ["full", "lora"])
@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_learns_its_labels(tiny_model, family, adaptation):
    settings = replace(SETTINGS, epochs=15, learning_rate=1e-2, adaptation=adaptation, lora_rank=8)
    found = logits_of(fit(tiny_model(family), settings))
    before = logits_of(fit(tiny_model(family), STILL))
    assert loss_of(found) < (0.8 if adaptation == "full" else 0.99) * loss_of(before)


@pytest.mark.parametrize(("family", "pad"), WITH_AND_WITHOUT_PAD)
def test_predictions_do_not_depend_on_padding(tiny_model, family, pad):
    folder = tiny_model(family, pad=pad)
    # A budget of 1 token makes every text a batch by itself: no padding at all.
    alone = logits_of(fit(folder, replace(STILL, tokens_per_batch=1)))
    together = logits_of(fit(folder, replace(STILL, tokens_per_batch=10_000)))
    np.testing.assert_allclose(alone, together, atol=1e-5)


@pytest.mark.parametrize("family", ["gpt2", "llama"])
def test_a_text_that_ends_in_the_padding_token_is_read_to_its_end(tiny_model, family):
    folder = tiny_model(family, pad=True)
    points = [("w1 w2 [PAD]",), ("w1 w2",), ("w3 w4 w5 w6 w7",)]
    found = logits_of(fit(folder, replace(STILL, tokens_per_batch=1000), points=points, targets=SOFT[None, :3]))
    alone = logits_of(fit(folder, replace(STILL, tokens_per_batch=1), points=points, targets=SOFT[None, :3]))
    assert abs(alone[0] - alone[1]).max() > 1e-4
    np.testing.assert_allclose(found, alone, atol=1e-5)


@pytest.mark.parametrize("family", FAMILIES)
def test_dropout_off_means_that_two_passes_agree(tiny_model, family):
    folder = tiny_model(family)
    tokens, points = tokens_of(folder, TEXTS), np.arange(6)
    (batch,) = micro_batches(tokens.lengths[points], tokens=1000, overhead=1000)
    for rate, same in ((0.0, True), (0.5, False)):
        model = load_text_model(folder, 2, replace(SETTINGS, dropout=rate), pairs=False, seed=0, device=CPU)
        model.network.train()
        passes = [model.logits(tokens, points, batch) for _ in range(2)]
        assert torch.equal(*passes) is same


@pytest.mark.parametrize("family", FAMILIES)
def test_swapping_the_slots_of_a_pair_swaps_its_logits(tiny_model, family):
    folder = tiny_model(family)
    swapped = [(b, a) for a, b in PAIRS]
    found = logits_of(fit(folder, points=PAIRS, targets=SOFT[None, :24]))
    mirrored = logits_of(fit(folder, points=swapped, targets=SOFT[None, :24, ::-1]))
    # The margin, not the rewards: a bias of the head adds to both; its gradient is rounding, enlarged by Adam.
    np.testing.assert_allclose(np.diff(mirrored), -np.diff(found), atol=SAME)


def test_a_reward_model_gives_one_reward_a_text_whatever_its_partner(tiny_model):
    pairs = [("w1 w2", "w3"), ("w1 w2", "w9 w8 w7"), ("w5", "w6")]
    found = logits_of(fit(tiny_model("llama"), points=pairs, targets=SOFT[None, :3]))
    assert found[0, 0] == pytest.approx(found[1, 0], abs=1e-5)


def test_long_texts_are_cut_at_the_chosen_end_and_none_is_dropped(tiny_model):
    points = [("w1 w2 w3 w4",), ("w5",), ("   ",)]
    end, start = (tokens_of(tiny_model("gpt2"), points, max_length=2, cut=cut) for cut in ("end", "start"))
    assert np.diff(end.starts)[end.text_of[:, 0]].tolist() == [2, 1, 1]
    assert (end.ids[:2].tolist(), start.ids[:2].tolist()) == ([5, 6], [7, 8])


def test_points_of_one_text_and_of_two_do_not_mix(tiny_model):
    with pytest.raises(DataError, match="one text each, or two"):
        tokens_of(tiny_model("gpt2"), [("w1",), ("w1", "w2")])


@pytest.mark.parametrize("family", FAMILIES)
def test_a_text_longer_than_the_model_reads_is_refused_before_training(tiny_model, family):
    with pytest.raises(ConfigError, match=r"max_length is 65, but .* reads 6[04] tokens at most"):
        fit(tiny_model(family), replace(SETTINGS, max_length=65))


@pytest.mark.parametrize("family", FAMILIES)
def test_a_probe_first_starts_from_the_head_of_frozen_features(tiny_model, family):
    folder = tiny_model(family)
    model = load_text_model(folder, 2, SETTINGS, pairs=False, seed=1, device=CPU)
    features = model.run(model.features, tokens_of(folder, TEXTS), np.arange(len(TEXTS)), tokens_per_batch=99).numpy()
    settings = HeadSettings(bias=family in ("bert", "roberta"))  # decoders' heads have none
    probe = fit_predict(features, SOFT[None], [HeadJob(0, CE, seed=1)], {"test": features}, settings=settings)
    started = logits_of(fit(folder, replace(STILL, start="probe")))
    np.testing.assert_allclose(np.diff(started), np.diff(probe.logits["test"][-1, 0]), atol=1e-3)


def test_a_probe_first_on_pairs_is_bradley_terry_on_frozen_features(tiny_model):
    folder = tiny_model("gpt2")
    model = load_text_model(folder, 2, SETTINGS, pairs=True, seed=1, device=CPU)
    features = model.run(model.features, tokens_of(folder, PAIRS), np.arange(24), tokens_per_batch=99).numpy()
    settings, jobs = HeadSettings(bias=False), [HeadJob(0, CE, seed=1)]
    probe = fit_predict(features, SOFT[None, :24], jobs, {"test": features}, settings=settings)
    found = logits_of(fit(folder, replace(STILL, start="probe"), points=PAIRS, targets=SOFT[None, :24]))
    np.testing.assert_allclose(np.diff(found), np.diff(probe.logits["test"][-1, 0]), atol=1e-3)


@pytest.mark.parametrize("adaptation", ["full", "lora"])
@pytest.mark.parametrize("family", FAMILIES)
def test_computing_layers_again_changes_nothing(tiny_model, family, adaptation):
    settings = replace(SETTINGS, adaptation=adaptation)
    plain = logits_of(fit(tiny_model(family), settings))
    again = logits_of(fit(tiny_model(family), replace(settings, gradient_checkpointing=True)))
    np.testing.assert_allclose(again, plain, atol=1e-5)


@pytest.mark.parametrize("family", FAMILIES)
def test_of_a_text_beyond_the_budget_less_is_held(tiny_model, family):
    folder = tiny_model(family)
    tokens = tokens_of(folder, [("w1 " * 30,)])  # long enough: a layer to be computed again keeps 5 kB, how draws stand
    length = int(tokens.lengths.max())
    batch = micro_batches(tokens.lengths, tokens=length, overhead=0)[0]

    def held(budget):
        settings = replace(SETTINGS, tokens_per_batch=budget)
        model = load_text_model(folder, 2, settings, pairs=False, seed=1, device=CPU)
        model.network.train()
        return bytes_after(lambda: model.logits(tokens, np.arange(1), batch))[1]

    assert held(length - 1) < 0.5 * held(length)


def test_bf16_is_near_float32(tiny_model):
    folder = tiny_model("bert")
    settings = replace(SETTINGS, epochs=1, learning_rate=1e-4)
    low, full = (logits_of(fit(folder, replace(settings, precision=p))) for p in ("bf16", "float32"))
    np.testing.assert_allclose(low, full, atol=0.05)
    assert not np.array_equal(low, full)


@pytest.mark.parametrize("adaptation", ["full", "lora"])
def test_a_saved_model_predicts_the_same_in_transformers(tiny_model, tmp_path, adaptation):
    found = logits_of(fit(tiny_model("bert"), replace(SETTINGS, adaptation=adaptation), save_to=tmp_path))
    assert not [*tmp_path.rglob("*.bin"), *tmp_path.rglob("*.pt")]
    model = transformers.AutoModelForSequenceClassification.from_pretrained(tmp_path / "0").eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path / "0")
    with torch.inference_mode():
        logits = model(**tokenizer([t[0] for t in TEXTS], padding=True, return_tensors="pt")).logits.numpy()
    np.testing.assert_allclose(logits, found, atol=1e-4)


def test_a_head_of_this_shape_is_kept_and_one_of_another_shape_is_new(tiny_model, tmp_path):
    found = logits_of(fit(tiny_model("bert"), save_to=tmp_path))
    np.testing.assert_allclose(logits_of(fit(tmp_path / "0", STILL)), found, atol=1e-5)
    three = np.full((1, len(TEXTS), 3), 1 / 3)
    assert logits_of(fit(tmp_path / "0", STILL, targets=three)).shape == (len(TEXTS), 3)


def test_lora_moves_a_small_part_and_the_whole_head(tiny_model):
    model = load_text_model(
        tiny_model("gpt2"), 2, replace(SETTINGS, adaptation="lora", lora_rank=1), pairs=False, seed=0, device=CPU
    )
    moved = model.trainable()
    assert all("lora_" in name or "modules_to_save" in name for name in moved)
    assert any(p is model.head.weight for p in moved.values())
