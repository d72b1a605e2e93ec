"""Two processes move the weights as one does at the same global batch: DDP through the Trainer, FSDP of torch.

accelerate gives the Trainer FSDP on GPUs only, so on the CPU the adapter is tried under torch's own FSDP.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.learners.finetuning.test_trainer_loss import loop_gradient, rows

from outlearn.losses import get_loss

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

pytestmark = pytest.mark.medium

MODES = ("trainer", "fsdp")
SCRIPT = Path(__file__).with_name("two_processes.py")
# float32 sums in another order, of gradients of size 1e-2 and more.
SAME = 1e-6


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """Return mode -> name -> tensor, of two processes that torchrun started for both modes in turn."""
    from safetensors.torch import load_file

    folder = tmp_path_factory.mktemp("devices")
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2"]
    done = subprocess.run(
        [sys.executable, *torchrun, SCRIPT, folder, "4", *MODES],
        capture_output=True, text=True, check=False, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return {mode: load_file(folder / f"{mode}.safetensors") for mode in MODES}


@pytest.mark.slow
@pytest.mark.parametrize("mode", MODES)
def test_two_processes_move_the_weights_as_one_at_the_same_global_batch(mode, found):
    tensors = dict(found[mode])
    assert int(tensors.pop("world")) == 2
    for name in ("forward_ce", "reverse_ce"):
        expected = loop_gradient(get_loss(name), rows(5, n=16), 5)  # one process, all 16 examples at once
        for i, gradient in enumerate(expected):
            torch.testing.assert_close(tensors[f"{name}/{i}"], gradient, atol=SAME, rtol=1e-5)
