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

SCRIPT = Path(__file__).with_name("two_processes.py")
# float32 sums in another order, of gradients of size 1e-2 and more.
SAME = 1e-6


def run(mode, folder, *, processes, micro_batch):
    from safetensors.torch import load_file

    torchrun = ["-m", "torch.distributed.run", "--standalone", f"--nproc_per_node={processes}"] if processes > 1 else []
    done = subprocess.run(
        [sys.executable, *torchrun, SCRIPT, mode, folder, str(micro_batch)],
        capture_output=True, text=True, check=False, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return load_file(folder / "found.safetensors")


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["trainer", "fsdp"])
def test_two_processes_move_the_weights_as_one_at_the_same_global_batch(mode, tmp_path):
    found = run(mode, tmp_path, processes=2, micro_batch=4)
    assert int(found.pop("world")) == 2
    for name in ("forward_ce", "reverse_ce"):
        expected = loop_gradient(get_loss(name), rows(5, n=16), 5)  # one process, all 16 examples at once
        for i, gradient in enumerate(expected):
            torch.testing.assert_close(found[f"{name}/{i}"], gradient, atol=SAME, rtol=1e-5)
