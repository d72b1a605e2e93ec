"""Fine-tuning: every family learns, padding changes nothing, batches may be cut anywhere, pairs are signed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from outlearn.errors import ConfigError, DomainError, ShapeError
from outlearn.learners.base import HeadJob, HeadSettings
from outlearn.learners.finetuning import EarlyStopping, FinetuneSettings, fit_finetune
from outlearn.learners.finetuning.model import load_text_model, load_tokenizer
from outlearn.learners.finetuning.tokens import tokenise
from outlearn.learners.heads import fit_predict
from outlearn.losses import get_loss

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

FAMILIES = ("bert", "gpt2", "llama", "qwen2")
# float32 sums in another order, through two layers and a few steps of Adam.
SAME = 2e-4
RNG = np.random.default_rng(0)
TEXTS = [(" ".join(f"w{RNG.integers(40)}" for _ in range(n)),) for n in RNG.integers(1, 20, 48)]
# The label is whether the first word is in the first half: a rule that a tiny model finds.
TRUE = np.array([int(text[0].split()[0][1:]) < 20 for text in TEXTS]).astype(int)
SOFT = 0.8 * np.eye(2)[TRUE] + 0.1
SETTINGS = FinetuneSettings(epochs=2, batch_size=8, learning_rate=3e-3, dropout=0.0, max_length=32)
CE = get_loss("forward_ce")


def fit(folder, settings=SETTINGS, *, points=TEXTS, targets=SOFT[None], jobs=None, **how):
    return fit_finetune(
        points,
        targets,
        jobs or [HeadJob(0, CE, seed=1)],
        {"test": points},
        model=folder,
        settings=settings,
        device="cpu",
        **how,
    )


def logits_of(result):
    return result.logits["test"][-1, 0]


@pytest.mark.parametrize("adaptation", ["full", "lora"])
@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_learns_its_labels(tiny_model, family, adaptation):
    if adaptation == "lora":
        pytest.importorskip("peft")
    settings = replace(SETTINGS, epochs=15, learning_rate=1e-2, adaptation=adaptation, lora_rank=8)
    found = logits_of(fit(tiny_model(family, pad=family in ("bert", "qwen2")), settings))
    before = logits_of(
        fit(tiny_model(family, pad=family in ("bert", "qwen2")), replace(settings, epochs=0.01, learning_rate=1e-9))
    )
    assert loss_of(found) < (0.8 if adaptation == "full" else 0.99) * loss_of(before)


def loss_of(logits):
    return float(CE(torch.from_numpy(logits).double(), torch.from_numpy(SOFT)).mean())


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("pad", [True, False])
def test_predictions_do_not_depend_on_padding(tiny_model, family, pad):
    if family in ("bert", "qwen2") and not pad:
        pytest.skip("this family's tokenizer always has a padding token")
    folder = tiny_model(family, pad=pad)
    still = replace(SETTINGS, epochs=0.01, learning_rate=1e-12)
    # A budget of 1 token makes every text a batch by itself: no padding at all.
    alone = logits_of(fit(folder, replace(still, tokens_per_batch=1)))
    together = logits_of(fit(folder, replace(still, tokens_per_batch=10_000)))
    np.testing.assert_allclose(alone, together, atol=1e-5)


@pytest.mark.parametrize("family", ["gpt2", "llama"])
def test_a_text_that_ends_in_the_padding_token_is_read_to_its_end(tiny_model, family):
    folder = tiny_model(family, pad=True)
    points = [("w1 w2 [PAD]",), ("w1 w2",), ("w3 w4 w5 w6 w7",)]
    still = replace(SETTINGS, epochs=0.01, learning_rate=1e-12)
    found = logits_of(fit(folder, replace(still, tokens_per_batch=1000), points=points, targets=SOFT[None, :3]))
    alone = logits_of(fit(folder, replace(still, tokens_per_batch=1), points=points, targets=SOFT[None, :3]))
    assert abs(alone[0] - alone[1]).max() > 1e-4
    np.testing.assert_allclose(found, alone, atol=1e-5)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("loss", ["forward_ce", "reverse_ce", "cace"])
def test_weights_do_not_depend_on_how_a_batch_is_cut(tiny_model, family, loss):
    folder = tiny_model(family)
    jobs = [HeadJob(0, get_loss(loss), seed=3)]
    # Adam divides by tiny second moments at first: SGD-like comparison needs the same few steps.
    settings = replace(SETTINGS, epochs=1, learning_rate=1e-3)
    found = [logits_of(fit(folder, replace(settings, tokens_per_batch=n), jobs=jobs)) for n in (8, 40, 10_000)]
    for other in found[1:]:
        np.testing.assert_allclose(other, found[0], atol=SAME)


def test_a_model_depends_on_its_own_job_only(tiny_model):
    folder = tiny_model("bert")
    targets = np.stack([SOFT, SOFT[::-1]])
    jobs = [HeadJob(0, CE, seed=1), HeadJob(1, get_loss("reverse_ce"), seed=2)]
    both = fit(folder, targets=targets, jobs=jobs)
    alone = fit(folder, targets=targets, jobs=jobs[1:])
    np.testing.assert_array_equal(both.logits["test"][:, 1], alone.logits["test"][:, 0])


def test_seeds_differ_and_the_same_seed_does_not(tiny_model):
    folder = tiny_model("gpt2", pad=False)
    settings = replace(SETTINGS, dropout=0.1)
    first, again = (logits_of(fit(folder, settings)) for _ in range(2))
    other = logits_of(fit(folder, settings, jobs=[HeadJob(0, CE, seed=2)]))
    np.testing.assert_array_equal(first, again)
    assert abs(first - other).max() > 1e-3


def test_training_leaves_the_global_generator_alone(tiny_model):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    fit(tiny_model("bert"), replace(SETTINGS, epochs=0.2, dropout=0.1))
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize("family", FAMILIES)
def test_dropout_off_means_that_two_passes_agree(tiny_model, family):
    folder = tiny_model(family)
    tokens = tokenise(load_tokenizer(folder, max_length=32, trust_remote_code=False), TEXTS, max_length=32, cut="end")
    batch = tokens.batch(np.arange(6), torch.device("cpu"))
    for rate, same in ((0.0, True), (0.5, False)):
        settings = replace(SETTINGS, dropout=rate)
        model = load_text_model(folder, 2, settings, pairs=False, seed=0, device=torch.device("cpu"))
        model.network.train()
        passes = [model.logits(batch) for _ in range(2)]
        assert torch.equal(*passes) is same


@pytest.mark.parametrize("family", FAMILIES)
def test_swapping_the_slots_of_a_pair_swaps_its_logits(tiny_model, family):
    folder = tiny_model(family, pad=family in ("bert", "qwen2"))
    pairs = [(a[0], b[0]) for a, b in zip(TEXTS[:24], TEXTS[24:], strict=True)]
    swapped = [(b, a) for a, b in pairs]
    found = logits_of(fit(folder, points=pairs, targets=SOFT[None, :24]))
    mirrored = logits_of(fit(folder, points=swapped, targets=SOFT[None, :24, ::-1]))
    # The margin, not the rewards: a bias of the head adds to both; its gradient is rounding, enlarged by Adam.
    np.testing.assert_allclose(np.diff(mirrored), -np.diff(found), atol=SAME)


def test_a_reward_model_gives_one_reward_a_text_whatever_its_partner(tiny_model):
    folder = tiny_model("llama", pad=False)
    pairs = [("w1 w2", "w3"), ("w1 w2", "w9 w8 w7"), ("w5", "w6")]
    found = logits_of(fit(folder, points=pairs, targets=SOFT[None, :3]))
    assert found[0, 0] == pytest.approx(found[1, 0], abs=1e-5)


def test_a_count_of_two_is_an_example_that_is_there_twice(tiny_model):
    folder = tiny_model("bert")
    counts = np.zeros((1, len(TEXTS)))
    counts[0, :10] = 2
    counted = fit(folder, jobs=[HeadJob(0, CE, weighting=0, seed=1)], weights=counts)
    doubled = fit_finetune(
        [text for text in TEXTS[:10] for _ in range(2)],
        np.repeat(SOFT[:10], 2, axis=0)[None],
        [HeadJob(0, CE, seed=1)],
        {"test": TEXTS},
        model=folder,
        settings=SETTINGS,
        device="cpu",
    )
    np.testing.assert_allclose(logits_of(counted), logits_of(doubled), atol=1e-6)


def test_long_texts_are_cut_at_the_chosen_end_and_none_is_dropped(tiny_model):
    tokenizer = load_tokenizer(tiny_model("gpt2"), max_length=32, trust_remote_code=False)
    points = [("w1 w2 w3 w4",), ("w5",), ("   ",)]
    end = tokenise(tokenizer, points, max_length=2, cut="end")
    start = tokenise(tokenizer, points, max_length=2, cut="start")
    assert np.diff(end.starts)[end.text_of[:, 0]].tolist() == [2, 1, 1]
    assert (end.ids[:2].tolist(), start.ids[:2].tolist()) == ([5, 6], [7, 8])


def test_checkpoints_are_predictions_of_a_training_that_goes_on(tiny_model):
    folder = tiny_model("bert")
    settings = replace(SETTINGS, epochs=3, schedule="constant")
    long = fit(folder, settings, checkpoints=[1, 2])
    assert long.checkpoints == (1.0, 2.0, 3.0)
    short = fit(folder, replace(settings, epochs=1))
    np.testing.assert_array_equal(long.logits["test"][0, 0], logits_of(short))


def test_early_stopping_keeps_the_weights_of_the_least_loss_held_out(tiny_model):
    folder = tiny_model("bert")
    noise = np.eye(2)[np.random.default_rng(1).integers(0, 2, len(TEXTS))]
    stopping = EarlyStopping(patience=2, every=0.5, share=0.25)
    settings = replace(SETTINGS, epochs=40, learning_rate=1e-2, early_stopping=stopping)
    result = fit(folder, settings, targets=noise[None], checkpoints=[39])
    assert 0 < result.epochs[0] < 38  # labels of noise cannot be learned, so the loss held out rises
    np.testing.assert_array_equal(result.logits["test"][0], result.logits["test"][-1])


def features_of(folder, points):
    tokens = tokenise(load_tokenizer(folder, max_length=32, trust_remote_code=False), points, max_length=32, cut="end")
    pairs = len(points[0]) == 2
    model = load_text_model(folder, 2, SETTINGS, pairs=pairs, seed=1, device=torch.device("cpu"))
    return model.features(tokens.batch(np.arange(len(points)), torch.device("cpu"))).numpy()


@pytest.mark.parametrize("family", FAMILIES)
def test_a_probe_first_starts_from_the_head_of_frozen_features(tiny_model, family):
    folder = tiny_model(family, pad=family in ("bert", "qwen2"))
    features = features_of(folder, TEXTS)
    settings = HeadSettings(bias=family == "bert")  # decoders' heads have none
    probe = fit_predict(features, SOFT[None], [HeadJob(0, CE, seed=1)], {"test": features}, settings=settings)
    started = logits_of(fit(folder, replace(SETTINGS, epochs=0.01, learning_rate=1e-12, probe_first=True)))
    np.testing.assert_allclose(np.diff(started), np.diff(probe.logits["test"][-1, 0]), atol=1e-3)


def test_a_probe_first_on_pairs_is_bradley_terry_on_frozen_features(tiny_model):
    folder = tiny_model("gpt2", pad=False)
    pairs = [(a[0], b[0]) for a, b in zip(TEXTS[:24], TEXTS[24:], strict=True)]
    features = features_of(folder, pairs)
    settings = HeadSettings(bias=False)
    probe = fit_predict(features, SOFT[None, :24], [HeadJob(0, CE, seed=1)], {"test": features}, settings=settings)
    start = replace(SETTINGS, epochs=0.01, learning_rate=1e-12, probe_first=True)
    found = logits_of(fit(folder, start, points=pairs, targets=SOFT[None, :24]))
    np.testing.assert_allclose(np.diff(found), np.diff(probe.logits["test"][-1, 0]), atol=1e-3)


def test_gradient_checkpointing_changes_nothing(tiny_model):
    for family in ("bert", "llama"):
        folder = tiny_model(family)
        plain = logits_of(fit(folder))
        saved = logits_of(fit(folder, replace(SETTINGS, gradient_checkpointing=True)))
        np.testing.assert_allclose(saved, plain, atol=1e-5)


def test_bf16_is_near_float32(tiny_model):
    folder = tiny_model("bert")
    settings = replace(SETTINGS, epochs=1, learning_rate=1e-4)
    low = logits_of(fit(folder, replace(settings, precision="bf16")))
    np.testing.assert_allclose(low, logits_of(fit(folder, settings)), atol=0.05)
    assert not np.array_equal(low, logits_of(fit(folder, settings)))


def test_a_saved_model_predicts_the_same_in_transformers(tiny_model, tmp_path):
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    for adaptation in ("full", "lora"):
        where = tmp_path / adaptation
        found = logits_of(fit(tiny_model("bert"), replace(SETTINGS, adaptation=adaptation), save_to=where))
        assert not [*where.rglob("*.bin"), *where.rglob("*.pt")]
        model = AutoModelForSequenceClassification.from_pretrained(where / "0").eval()
        tokenizer = AutoTokenizer.from_pretrained(where / "0")
        with torch.inference_mode():
            logits = model(**tokenizer([t[0] for t in TEXTS], padding=True, return_tensors="pt")).logits.numpy()
        np.testing.assert_allclose(logits, found, atol=1e-4)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"adaptation": "prefix"}, "adaptation is 'prefix'; known: full, lora"),
        ({"batch_size": 0}, "batch_size is 0"),
        ({"learning_rate": 0}, "learning_rate is 0"),
        ({"dropout": 1.0}, "dropout is 1.0"),
        ({"warmup": 1}, "warmup is 1"),
        ({"schedule": "step"}, "schedule is 'step'"),
    ],
)
def test_a_setting_that_is_not_allowed_is_named(change, message):
    with pytest.raises(ConfigError, match=message):
        replace(SETTINGS, **change)


def test_wrong_data_is_named(tiny_model):
    folder = tiny_model("bert")
    with pytest.raises(ShapeError, match="expected \\[labellings, 48 examples, classes\\]"):
        fit(folder, targets=SOFT[None, :5])
    with pytest.raises(DomainError, match="does not sum to 1"):
        fit(folder, targets=0.5 * SOFT[None])
    with pytest.raises(ConfigError, match="labelling 3; expected one of 1"):
        fit(folder, jobs=[HeadJob(3, CE)])
    with pytest.raises(ConfigError, match="whole numbers"):
        fit(folder, jobs=[HeadJob(0, CE, weighting=0)], weights=np.full((1, len(TEXTS)), 0.5))
    with pytest.raises(ConfigError, match="cannot be loaded"):
        fit(folder / "nothing")


def test_a_loss_that_diverges_is_named(tiny_model):
    with pytest.raises(DomainError, match="Lower learning_rate"):
        fit(tiny_model("gpt2"), replace(SETTINGS, epochs=20, learning_rate=1e30))
