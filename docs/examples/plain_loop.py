"""Losses of outlearn in a plain PyTorch loop: they are functions of logits and distributions, one number an example.

    python plain_loop.py

The student is a linear layer on handwritten digits; its teacher saw half of the pixels. `progress`, the share of the
training that is done, matters to losses with a warm-up. `resolve` settles what a loss takes from all labels, such as
the quantile of CACE, before the loop.
"""

from __future__ import annotations

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression

from outlearn.data import load_task
from outlearn.losses import get_loss, resolve

EPOCHS, BATCH = 10, 32


def main() -> None:
    task = load_task(name="digits")
    order = np.random.default_rng(0).permutation(task.n_points)
    taught, unlabeled, test = order[:100], order[100:1200], order[1200:]
    pixels = (task.features - task.features.mean(0)) / (task.features.std(0) + 1e-6)
    teacher = LogisticRegression(max_iter=1000).fit(pixels[taught][:, ::2], task.labels[taught])
    weak_labels = torch.from_numpy(teacher.predict_proba(pixels[unlabeled][:, ::2])).float()
    x = torch.from_numpy(pixels).float()
    truth = torch.from_numpy(task.labels[test])
    print(f"teacher: accuracy {teacher.score(pixels[test][:, ::2], task.labels[test]):.3f}")
    for name in ("forward_ce", "reverse_ce", "Quan_CACE_5", "aux"):
        loss = resolve(get_loss(name), weak_labels)
        torch.manual_seed(0)
        student = torch.nn.Linear(64, 10)
        optimiser = torch.optim.AdamW(student.parameters(), lr=3e-3)
        n_steps, step = EPOCHS * len(unlabeled) // BATCH, 0
        while step < n_steps:
            for batch in torch.randperm(len(unlabeled)).split(BATCH)[: n_steps - step]:
                losses = loss(student(x[unlabeled][batch]), weak_labels[batch], progress=step / n_steps)
                optimiser.zero_grad()
                losses.mean().backward()
                optimiser.step()
                step += 1
        accuracy = (student(x[test]).argmax(-1) == truth).float().mean()
        print(f"student of {name}: accuracy {accuracy:.3f}")


if __name__ == "__main__":
    main()
