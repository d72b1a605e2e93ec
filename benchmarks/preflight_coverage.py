"""Do the intervals that preflight prints of labels hold what is true? Simulated tables of labels with few true ones.

    python benchmarks/preflight_coverage.py [--runs 200] [--cells unseen|seen|fresh] [--seed 1]
    python benchmarks/preflight_coverage.py --labels [--runs 12]     # without true labels alone, on cells `fresh`

The cells are in `preflight_cells.py`. Those `seen` are those that the intervals were developed on; `unseen` ones differ
from them in all that a cell is, and their labelers from each other. On some of these the intervals of single labelers
were mended; those `fresh` differ from them again, with labelers that are better in three ways. Of the tables of a cell,
one in twelve fits the noise too, which takes most of the time; with `--labels` all do, and nothing else is done.

Prints for each interval, by draw and number of true labels (by the kind of noise where true labels play no part), how
often it holds the truth, over all tables and in the cells where it does so least and most, and on which side it misses;
then the cells in which an interval of 30 tables or more is outside of 92 to 98% by more than chance (two standard
errors of the simulation).
"""

from __future__ import annotations

import argparse
import os
from collections import defaultdict
from dataclasses import dataclass
from time import process_time

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

import numpy as np  # noqa: E402

from outlearn.core.intervals import Interval  # noqa: E402
from outlearn.core.labelers.agreement_coefficients import agreement_coefficients  # noqa: E402
from outlearn.data.label_table import LabelTable  # noqa: E402
from outlearn.preflight_checks.measures import LabelMeasures  # noqa: E402
from outlearn.preflight_checks.rates import Rates  # noqa: E402
from outlearn.results.preflight_parts import TruthReport  # noqa: E402
from outlearn.results.preflight_rates import RatesReport  # noqa: E402
from preflight_cells import Cell, fresh, seen, table_of, true_of_labels, true_values, unseen  # noqa: E402

SEGMENTS = 3
WITHOUT_TRUTH = ("agreement of a labeler", "disagreement", "variance", "variance of a labeler")
LEAST, MOST = 0.92, 0.98
EVERY = 12  # of the runs, one fits the noise
ENOUGH = 30  # tables of a cell to tell its coverage


def intervals(table: LabelTable, rng: np.random.Generator, *, with_noise: bool) -> dict[str, object]:
    """Return the intervals that a report prints, by the names that the truth has."""
    measures = LabelMeasures(table, asked_twice=False, level=0.95)
    error, first = measures.error(), measures.labelers()[0] if with_noise else None
    found: dict[str, object] = {
        "disagreement": measures.disagreement_interval(),
        "error": measures.rate(error),
        "bias in squared loss": measures.rate(error - measures.disagreement / 2),
    }
    if first is not None:
        truth = measures.truth()
        assert isinstance(truth, TruthReport)
        found |= {
            "agreement of a labeler": first.agreement,
            "error of a labeler": first.error,
            "variance": measures.missed_interval(),
            "variance of a labeler": first.missed,
            "shared bias": truth.shared_bias,
        }
    segment = np.flatnonzero(rng.integers(0, SEGMENTS, table.n_points) == 0)
    parts = {"rate": table}
    if table.true_strata is None:  # by strata a part of the points is no table of its own
        parts["segment"] = table.select([table.ids[i] for i in segment.tolist()])
    for part, rows in parts.items():
        report = Rates(rows, 0.95, 0).report()
        if isinstance(report, RatesReport):
            found |= of_rates(part, report, table.n_classes)
    return found


def of_rates(part: str, report: RatesReport, n_classes: int) -> dict[str, object]:
    wrong = report.rates[0]
    found: dict[str, object] = {f"{part}, error, corrected": wrong.corrected}
    if part == "rate":
        found[f"{part}, error, true labels alone"] = wrong.true_alone
    for name, rate in (("first", report.rates[1]), ("last", report.rates[n_classes])):
        found |= {
            f"{part}, {name} class, corrected": rate.corrected,
            f"{part}, {name} class, true labels alone": rate.true_alone,
            f"{part}, {name} class, Rogan-Gladen": rate.rogan_gladen,
        }
        if part == "rate":
            found[f"{part}, {name} class, as labeled"] = rate.as_labeled
    return found


def of_labels(table: LabelTable) -> dict[str, object]:
    measures = LabelMeasures(table, asked_twice=False, level=0.95)
    found: dict[str, object] = {"variance": measures.missed_interval()}
    found |= {f"variance of labeler {j}": row.missed for j, row in enumerate(measures.labelers())}
    found |= {
        f"agreement, {name}": interval
        for name, interval in agreement_coefficients(table.labels, table.n_classes).items()
    }
    curve = {point.n_labelers: point for point in measures.vote_curve()}
    found |= {f"two votes of {size} agree": curve[size].measured for size in (1, 3) if size in curve}
    return found


@dataclass(frozen=True)
class Held:
    """How often an interval held the truth in the tables of a cell."""

    cell: Cell
    name: str
    above: float  # the whole interval lies above the truth
    below: float
    width: float
    runs: int

    @property
    def share(self) -> float:
        return 1 - self.above - self.below


def measured(cell: Cell, runs: int, seed: int, *, labels: bool) -> list[Held]:
    truth, rows = true_of_labels(cell) if labels else true_values(cell), defaultdict(list)
    for run in range(runs):
        table = table_of(cell, seed + run)
        if labels:
            found = of_labels(table)
        else:
            found = intervals(table, np.random.default_rng(seed + run), with_noise=run % EVERY == 0)
        for name, interval in found.items():
            if isinstance(interval, Interval) and not np.isnan(interval.low):
                low, high = interval.low, interval.high
                rows[name].append((low > truth[name], high < truth[name], high - low))
    return [Held(cell, name, *np.mean(each, axis=0).tolist(), len(each)) for name, each in rows.items()]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=200, help="of each cell")
    parser.add_argument("--cells", choices=("seen", "unseen", "fresh"), default="unseen")
    parser.add_argument("--labels", action="store_true", help="what labels alone say, on fresh cells")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    cells = list({"seen": seen, "unseen": unseen, "fresh": fresh}["fresh" if options.labels else options.cells]())
    found: list[Held] = []
    for index, cell in enumerate(cells):
        found += measured(cell, options.runs, options.seed * 10**7 + index * 10**4, labels=options.labels)
    groups: dict[tuple[str, str], list[Held]] = defaultdict(list)
    for held in found:
        of = (
            held.cell.noise
            if options.labels or held.name in WITHOUT_TRUTH
            else f"{held.cell.drawn} {held.cell.n_true:>3}"
        )
        groups[held.name, of].append(held)
    print(f"{len(cells)} cells, {options.runs} tables each")
    print(f"{'interval':<40}{'of':<15}{'tables':>8}{'holds':>8}{'least':>8}{'most':>8}{'too high':>10}"
          f"{'too low':>9}{'width':>8}")  # fmt: skip
    for (name, of), every in sorted(groups.items()):
        weights = [held.runs for held in every]
        holds, above, below, width = (
            np.average([getattr(held, part) for held in every], weights=weights)
            for part in ("share", "above", "below", "width")
        )
        shares = [held.share for held in every]
        print(f"{name:<40}{of:<15}{sum(weights):>8}{holds:>8.1%}{min(shares):>8.1%}{max(shares):>8.1%}"
              f"{above:>10.1%}{below:>9.1%}{width:>8.3f}")  # fmt: skip
    print("\noutside of 92 to 98% by more than two standard errors of the simulation")
    for held in sorted(found, key=lambda each: each.share):
        error = np.sqrt(max(held.share * (1 - held.share), LEAST * (1 - LEAST) / 4) / held.runs)
        if held.runs >= ENOUGH and (held.share < LEAST - 2 * error or held.share > MOST + 2 * error):
            print(f"{held.name:<40}{held.share:>7.1%} of {held.runs:<5} {held.cell}")
    print(f"\n{process_time() - START:.0f} CPU seconds")


START = process_time()

if __name__ == "__main__":
    main()
