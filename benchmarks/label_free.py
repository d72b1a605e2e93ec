"""Which measure without labels follows accuracy, which follows log loss, and which misleads? Over losses and epochs.

Run it on run folders whose path of training was recorded at several epochs:

    outlearn run --set student.learner.epochs=30 --set "student.checkpoints=[0.25, 1, 2, 5, 10, 20]" --out runs/long
    python benchmarks/label_free.py runs/long [more folders]

Prints one JSON line a folder: Spearman's correlation of each measure with test accuracy and with test log loss over all
(loss, epoch) pairs, with an interval by a bootstrap over losses (epochs of one loss are not independent).
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
from scipy.stats import spearmanr

MEASURES = ("overfit_covariance", "crossed_misfit", "misfit", "crossed_kappa", "consensus_kappa", "entropy")
REPLICATES = 1000


def correlations(results: dict) -> dict[str, dict[str, list[float]]]:
    """Correlate every measure with accuracy and log loss: [value, low, high]."""
    paths = [record["path"] for record in results["students"].values()]
    rng = np.random.default_rng(0)
    draws = rng.integers(0, len(paths), (REPLICATES, len(paths)))
    found: dict[str, dict[str, list[float]]] = {}
    for measure in MEASURES:
        found[measure] = {}
        for outcome in ("accuracy", "log_loss"):
            values = [[(entry[measure], entry[outcome]) for entry in path] for path in paths]
            point = spearmanr(*np.concatenate(values).T).statistic
            again = [spearmanr(*np.concatenate([values[i] for i in draw]).T).statistic for draw in draws]
            low, high = np.nanquantile(again, [0.025, 0.975])
            found[measure][outcome] = [round(float(v), 2) for v in (point, low, high)]
    return found


def main() -> None:
    for folder in map(Path, sys.argv[1:]):
        results = json.loads((folder / "results.json").read_text())
        print(json.dumps({"task": results["task"]["name"], "spearman": correlations(results)}))


if __name__ == "__main__":
    main()
