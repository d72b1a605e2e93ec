"""Run by torchrun: train the smallest model by SGD at rate 1 and write how its weights moved, which is the gradient.

torchrun --nproc_per_node N two_processes.py FOLDER MICRO_BATCH trainer|fsdp ...
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import torch
import torch.distributed as dist
from safetensors.torch import save_file
from torch.distributed.fsdp import fully_shard

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))
from tests.learners.finetuning.test_trainer_loss import Linear, one_step, rows

from outlearn.learners.finetuning.trainer_loss import hf_loss
from outlearn.losses import get_loss

N_CLASSES, N_EXAMPLES, ACCUMULATED = 5, 16, 2


def fsdp_gradient(name: str, micro_batch: int) -> list[torch.Tensor]:
    """Shard the model over the processes, and do by hand what the Trainer does: count entries everywhere, and scale."""
    torch.manual_seed(0)
    model = Linear(N_CLASSES)
    sharded = fully_shard(model)
    adapter, world = hf_loss(name), dist.get_world_size()
    data = rows(N_CLASSES, n=N_EXAMPLES)[dist.get_rank() :: world]
    entries = torch.tensor(len(data) * N_CLASSES)
    dist.all_reduce(entries)
    for start in range(0, len(data), micro_batch):
        x, labels = (torch.stack([row[k] for row in data[start : start + micro_batch]]) for k in ("x", "labels"))
        # FSDP averages gradients over the processes; the loss is divided by the examples of all of them.
        (adapter(sharded(x), labels, entries) * world).backward()
    return [p.grad.full_tensor() for p in model.parameters()]


def gradients(mode: str, folder: Path, micro_batch: int) -> dict[str, torch.Tensor]:
    """Return the gradient of each loss, one tensor a parameter."""
    if mode == "fsdp" and not dist.is_initialized():
        dist.init_process_group("gloo")
    found = {}
    for name in ("forward_ce", "reverse_ce"):
        if mode == "fsdp":
            gradient = fsdp_gradient(name, micro_batch)
        else:
            gradient = one_step(
                get_loss(name), rows(N_CLASSES, n=N_EXAMPLES), N_CLASSES, batch=micro_batch, accumulate=ACCUMULATED,
                tmp_path=folder,
            )  # fmt: skip
        found |= {f"{name}/{i}": tensor.contiguous() for i, tensor in enumerate(gradient)}
    return found


def main(folder: Path, micro_batch: int, *modes: str) -> None:
    for mode in modes:
        found = gradients(mode, folder, micro_batch)
        world = dist.get_world_size() if dist.is_initialized() else 1
        if world != int(os.environ.get("WORLD_SIZE", "1")):
            raise RuntimeError(f"the processes do not work together: world size {world}")
        if not dist.is_initialized() or dist.get_rank() == 0:
            save_file(found | {"world": torch.tensor(world)}, folder / f"{mode}.safetensors")
    if dist.is_initialized():
        dist.destroy_process_group()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:])
    # DTensor's caches keep gloo's threads past destroy_process_group, and one that lets go of a tensor while Python
    # shuts down aborts the process (torch 2.13, one run in twenty): all is written, so leave without that.
    sys.stdout.flush()
    os._exit(0)
