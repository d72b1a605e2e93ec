"""A fine-tuning that is killed goes on bitwise where its checkpoint was, and a checkpoint is never half a one."""

from __future__ import annotations

import signal
import time
import warnings
from dataclasses import replace

import numpy as np
import pytest

from outlearn.learners.finetuning.fit import fit_finetune
from outlearn.learners.finetuning.settings import EarlyStopping, FinetuneSettings
from outlearn.learners.jobs import HeadJob
from outlearn.losses import get_loss

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

pytestmark = pytest.mark.medium

RNG = np.random.default_rng(0)
TEXTS = [(" ".join(f"w{RNG.integers(40)}" for _ in range(n)),) for n in RNG.integers(1, 20, 48)]
SOFT = np.stack([RNG.random(48)] * 2, axis=1) * [1, -1] + [0, 1]
SETTINGS = FinetuneSettings(epochs=3, batch_size=8, learning_rate=3e-3, dropout=0.1, max_length=32)


class KilledError(Exception):
    """Stands in for the kill, where the process must live on."""


def fit(model, settings=SETTINGS, *, loss="forward_ce", folder=None, kill_at=None, seen=None, **how):
    def progress(done, total):
        if seen is not None:
            seen.append(done)
        if done == kill_at:
            raise KilledError

    return fit_finetune(
        TEXTS,
        SOFT[None],
        [HeadJob(0, get_loss(loss), seed=1)],
        {"test": TEXTS},
        model=model,
        settings=settings,
        checkpoints=[1, 2],
        device="cpu",
        folder=folder,
        save_seconds=0.0,
        progress=progress,
        **how,
    )


@pytest.mark.parametrize(
    ("loss", "change"),
    [
        ("forward_ce", {}),
        ("aux_conf", {}),  # compares the examples of a step
        ("reverse_ce", {"early_stopping": EarlyStopping(patience=9, every=0.25, share=0.2)}),
        ("forward_ce", {"adaptation": "lora", "start": "probe"}),
    ],
    ids=["full", "compared", "early stopping", "lora after a probe"],
)
@pytest.mark.parametrize("kill_at", [3, 14])
def test_a_training_broken_at_any_step_ends_bitwise_as_an_unbroken_one(tiny_model, tmp_path, loss, change, kill_at):
    settings = replace(SETTINGS, **change)
    model = tiny_model("bert")
    unbroken = fit(model, settings, loss=loss)
    with pytest.raises(KilledError):
        fit(model, settings, loss=loss, folder=tmp_path, kill_at=kill_at)
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["checkpoint.safetensors"]
    resumed = fit(model, settings, loss=loss, folder=tmp_path)
    np.testing.assert_array_equal(resumed.logits["test"], unbroken.logits["test"])
    assert resumed.epochs.tolist() == unbroken.epochs.tolist()
    assert list(tmp_path.rglob("*")) == []


def test_a_resumed_training_does_not_start_anew(tiny_model, tmp_path):
    model = tiny_model("bert")
    with pytest.raises(KilledError):
        fit(model, folder=tmp_path, kill_at=14)
    steps: list[int] = []
    fit(model, folder=tmp_path, seen=steps)
    assert steps[0] == 14  # steps 1 to 13 are in the checkpoint


def test_a_checkpoint_of_another_training_is_not_used(tiny_model, tmp_path):
    from outlearn.learners.finetuning.checkpoint import read_checkpoint, write_checkpoint

    write_checkpoint(tmp_path, {"a": torch.ones(2)}, {"step": 3}, identity="one")
    assert read_checkpoint(tmp_path, identity="one").state == {"step": 3}
    with pytest.warns(UserWarning, match="is of another training"):
        assert read_checkpoint(tmp_path, identity="two") is None


@pytest.mark.parametrize("what", ["model", "targets", "seed"])
def test_a_checkpoint_is_known_by_all_that_the_training_depends_on(tiny_model, tmp_path, what):
    def digest(family="bert", targets=SOFT, seed=1):
        with pytest.raises(KilledError):
            fit_finetune(
                TEXTS, targets[None], [HeadJob(0, get_loss("forward_ce"), seed=seed)], {}, model=tiny_model(family),
                settings=SETTINGS, device="cpu", folder=tmp_path, save_seconds=0.0, progress=kill_at_2,
            )  # fmt: skip
        return {path.name for path in tmp_path.iterdir()}

    def kill_at_2(done, total):
        if done == 2:
            raise KilledError

    other = {"model": {"family": "gpt2"}, "targets": {"targets": SOFT[:, ::-1]}, "seed": {"seed": 2}}[what]
    first = digest()
    assert digest() == first
    assert len(digest(**other)) == 2


def test_a_damaged_checkpoint_is_warned_of_and_the_training_starts_anew(tiny_model, tmp_path):
    model = tiny_model("bert")
    with pytest.raises(KilledError):
        fit(model, folder=tmp_path, kill_at=8)
    path = next(tmp_path.rglob("checkpoint.safetensors"))
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.warns(UserWarning, match="damaged"):
        resumed = fit(model, folder=tmp_path)
    np.testing.assert_array_equal(resumed.logits["test"], fit(model).logits["test"])


IMPORTED = ("transformers.trainer", "peft", "tests.learners.finetuning.test_resume")
TRAINING = """
import sys
from pathlib import Path
import numpy as np
from tests.learners.finetuning.test_resume import fit
import time
def log(event): time.sleep(0.2); print("epoch", event["epoch"], flush=True)
result = fit(Path(sys.argv[1]), folder=Path(sys.argv[2]), log=log)
np.save(sys.argv[3], result.logits["test"])
"""


@pytest.mark.slow
def test_kill_9_in_the_middle_of_an_epoch_ends_bitwise_as_an_unbroken_run(programs, tiny_model, tmp_path):
    model, work, out = tiny_model("gpt2"), tmp_path / "work", tmp_path / "logits.npy"
    unbroken = fit(model).logits["test"]
    running = programs.start(TRAINING, model, work, out, imports=IMPORTED)
    while running.poll() is None and "\n" not in running.output():
        time.sleep(0.005)
    assert running.output().startswith("epoch 1")
    time.sleep(0.02)  # into the second epoch
    running.kill()
    assert running.wait() == -signal.SIGKILL
    assert not out.exists()
    assert list(work.rglob("checkpoint.safetensors"))
    programs.run(TRAINING, model, work, out, imports=IMPORTED)
    np.testing.assert_array_equal(np.load(out), unbroken)


def test_nothing_is_pickled(tiny_model, tmp_path, monkeypatch):
    import pickle

    def refuse(*args, **kwargs):
        raise AssertionError("pickle was used")

    model = tiny_model("bert")
    with pytest.raises(KilledError):
        fit(model, folder=tmp_path, kill_at=8)
    monkeypatch.setattr(pickle, "load", refuse)
    monkeypatch.setattr(pickle, "loads", refuse)
    monkeypatch.setattr(torch, "load", refuse)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit(model, folder=tmp_path)
