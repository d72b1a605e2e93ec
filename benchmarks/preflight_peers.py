"""Does preflight agree with other packages on what both compute: a rate corrected by a few true labels?

    pip install ppi-python truescore judgy      # whichever; what is missing is named and skipped
    python benchmarks/preflight_peers.py [--tables 400]

One judge labels 2,000 items with 0 or 1; some have true labels, drawn at random. The share of 1 is estimated by the
true labels alone, by prediction-powered inference (ppi_py, truescore), and by Rogan and Gladen's correction (truescore,
judgy). All see the same tables, in one process. Prints a line for each kind of table, method and package: the mean
distance of its estimate to ours and the largest; the mean width of its 95% interval; and how often that holds the true
share, which the simulation knows.
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import product
from pathlib import Path

import numpy as np

import outlearn as ol
from outlearn.core.intervals import Interval

ITEMS = 2000
SENSITIVITY, SPECIFICITY = 0.85, 0.9
RESAMPLES = 1000  # of judgy's bootstrap, whose default is 20,000


@dataclass(frozen=True)
class Table:
    """What a judge says of all items, and the truth of some."""

    judge: np.ndarray
    truth: np.ndarray
    known: np.ndarray

    @property
    def rest(self) -> np.ndarray:
        """The judge's labels of items without a true one."""
        return self.judge[np.setdiff1d(np.arange(ITEMS), self.known)]


Found = tuple[float, float, float]  # estimate, lower end, upper end


def simulate(share: float, n_true: int, rng: np.random.Generator) -> Table:
    truth = (rng.random(ITEMS) < share).astype(int)
    judge = (rng.random(ITEMS) < np.where(truth == 1, SENSITIVITY, 1 - SPECIFICITY)).astype(int)
    return Table(judge, truth, rng.permutation(ITEMS)[:n_true])


def ours(table: Table) -> dict[str, Found]:
    known = np.full(ITEMS, -1)
    known[table.known] = table.truth[table.known]
    report = ol.preflight(table.judge[None], true_labels=known, class_names=["0", "1"])
    rate = report.rates.rates[2]  # of class 1, after the error and class 0
    found = {
        "true labels alone": rate.true_alone,
        "prediction-powered": rate.corrected,
        "Rogan-Gladen": rate.rogan_gladen,
    }
    return {method: (each.mean, each.low, each.high) for method, each in found.items() if isinstance(each, Interval)}


def ppi_py(table: Table) -> dict[str, Found]:
    from ppi_py import ppi_mean_ci, ppi_mean_pointestimate

    given = (table.truth[table.known].astype(float), table.judge[table.known].astype(float), table.rest.astype(float))
    low, high = ppi_mean_ci(*given, alpha=0.05)
    return {"prediction-powered": (ppi_mean_pointestimate(*given).item(), low.item(), high.item())}


def truescore(table: Table) -> dict[str, Found]:
    from truescore import gold_only_estimate, ppi_estimate, rogan_gladen_estimate

    gold = table.truth[table.known]
    found = {
        "true labels alone": gold_only_estimate(gold),
        "prediction-powered": ppi_estimate(table.judge, gold, table.known),
    }
    if len(np.unique(gold)) == 2:
        found["Rogan-Gladen"] = rogan_gladen_estimate(table.judge, gold, table.known)
    return {method: (each.point, each.low, each.high) for method, each in found.items()}


def judgy(table: Table) -> dict[str, Found]:
    from judgy import estimate_success_rate

    gold, said = table.truth[table.known], table.judge[table.known]
    if len(np.unique(gold)) < 2:
        return {}
    return {"Rogan-Gladen": estimate_success_rate(gold, said, table.judge, bootstrap_iterations=RESAMPLES)}


PEERS: dict[str, Callable[[Table], dict[str, Found]]] = {"ppi_py": ppi_py, "truescore": truescore, "judgy": judgy}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--tables", type=int, default=400, help="of each kind")
    options = parser.parse_args()
    # numba, which ppi_py needs, imports `coverage`: in this folder that is a benchmark.
    sys.path = [entry for entry in sys.path if Path(entry).resolve() != Path(__file__).resolve().parent]
    there = {name: peer for name, peer in PEERS.items() if find_spec(name)}
    print("not installed, skipped:", ", ".join(sorted(PEERS.keys() - there)) or "none")
    np.random.seed(0)  # noqa: NPY002 - judgy draws from the global generator
    for index, (share, n_true) in enumerate(product((0.5, 0.1), (50, 200, 500))):
        found: dict[tuple[str, str], list[tuple[float, float, bool]]] = defaultdict(list)
        for k in range(options.tables):
            table = simulate(share, n_true, np.random.default_rng([index, k]))
            own = ours(table)
            for package, results in [("outlearn", own), *((name, peer(table)) for name, peer in there.items())]:
                for method, (value, low, high) in results.items():
                    if method in own:
                        found[method, package].append((abs(value - own[method][0]), high - low, low <= share <= high))
        print(f"\nshare {share}, {n_true} true labels, {options.tables} tables")
        print(f"{'':<20}{'':<12}{'off ours, mean':>16}{'at most':>10}{'width':>9}{'holds':>9}")
        for (method, package), rows in sorted(found.items(), key=lambda item: item[0][0]):
            off, width, holds = np.array(rows, dtype=float).T
            print(
                f"{method:<20}{package:<12}{off.mean():>16.5f}{off.max():>10.5f}{width.mean():>9.4f}{holds.mean():>9.1%}"
            )


if __name__ == "__main__":
    main()
