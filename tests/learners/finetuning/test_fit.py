"""Fine-tuning many models: each by its own job alone, checkpoints, early stopping, and errors that name the cause."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tests.learners.finetuning.tiny import CE, PAIRS, SETTINGS, SOFT, TEXTS, fit, logits_of

from outlearn.errors import ConfigError, DomainError, ShapeError
from outlearn.learners.finetuning.fit import fit_finetune
from outlearn.learners.finetuning.settings import EarlyStopping
from outlearn.learners.jobs import HeadJob
from outlearn.losses import get_loss

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

pytestmark = pytest.mark.medium


def test_a_model_depends_on_its_own_job_only(tiny_model):
    folder = tiny_model("bert")
    targets = np.stack([SOFT, SOFT[::-1]])
    jobs = [HeadJob(0, CE, seed=1), HeadJob(1, get_loss("reverse_ce"), seed=2)]
    both = fit(folder, targets=targets, jobs=jobs)
    alone = fit(folder, targets=targets, jobs=jobs[1:])
    np.testing.assert_array_equal(both.logits["test"][:, 1], alone.logits["test"][:, 0])


def test_seeds_differ_and_the_same_seed_does_not(tiny_model):
    folder = tiny_model("gpt2")
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
    with pytest.raises(ShapeError, match="expected \\[labelings, 48 examples, classes\\]"):
        fit(folder, targets=SOFT[None, :5])
    with pytest.raises(DomainError, match="does not sum to 1"):
        fit(folder, targets=0.5 * SOFT[None])
    with pytest.raises(ConfigError, match=r"labeling is 3; expected an index into 1 targets"):
        fit(folder, jobs=[HeadJob(3, CE)])
    with pytest.raises(ConfigError, match="whole numbers"):
        fit(folder, jobs=[HeadJob(0, CE, weighting=0)], weights=np.full((1, len(TEXTS)), 0.5))
    with pytest.raises(ConfigError, match="cannot be loaded"):
        fit(folder / "nothing")
    with pytest.raises(ConfigError, match="expected epochs above 0 and up to 2"):
        fit(folder, checkpoints=[3])
    with pytest.raises(ShapeError, match="3 classes; expected 2 for pairs"):
        fit(folder, points=PAIRS, targets=np.full((1, 24, 3), 1 / 3))
    with pytest.raises(ShapeError, match="points of 'test' have 1 texts, training points 2"):
        fit_finetune(PAIRS, SOFT[None, :24], [HeadJob(0, CE)], {"test": TEXTS}, model=folder, settings=SETTINGS)
    with pytest.raises(ConfigError, match="jobs is empty"):
        fit_finetune(TEXTS, SOFT[None], [], {}, model=folder, settings=SETTINGS)


def test_a_loss_that_diverges_is_named(tiny_model):
    with pytest.raises(DomainError, match="Lower learning_rate"):
        fit(tiny_model("gpt2"), replace(SETTINGS, epochs=20, learning_rate=1e30))


def test_progress_counts_the_steps_of_all_models_to_the_end(tiny_model):
    counts = np.ones((1, len(TEXTS)))
    counts[0, 8:] = 0
    jobs, seen = [HeadJob(0, CE), HeadJob(0, CE, weighting=0)], []
    fit(tiny_model("bert"), jobs=jobs, weights=counts, progress=lambda done, total: seen.append((done, total)))
    steps = 2 * 6 + 2 * 1  # two epochs of 48 examples, and of 8, in batches of 8
    assert {total for _, total in seen} == {steps}
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert seen[-1] == (steps, steps)


def test_the_log_tells_the_loss_of_each_epoch_and_of_the_points_held_out(tiny_model):
    events = []
    settings = replace(SETTINGS, early_stopping=EarlyStopping(patience=5, every=1.0, share=0.25))
    result = fit(tiny_model("bert"), settings, log=events.append)
    losses = [event["loss"] for event in events if "loss" in event]
    assert losses == result.losses[0].tolist()
    assert [event["epoch"] for event in events if "held_out_loss" in event] == [1.0, 2.0]


def test_held_out_points_teach_nothing(tiny_model):
    settings = replace(SETTINGS, early_stopping=EarlyStopping(patience=9, every=2.0, share=0.25))
    held_out = np.random.default_rng([1, 2**32]).permutation(len(TEXTS))[:12]
    other = SOFT.copy()
    other[held_out] = 0.5
    found, same = (logits_of(fit(tiny_model("bert"), settings, targets=t[None])) for t in (SOFT, other))
    np.testing.assert_array_equal(found, same)
