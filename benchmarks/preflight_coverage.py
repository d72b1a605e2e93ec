"""Do the intervals that preflight prints of labels hold what is true? Simulated tables of labels with few true ones.

    python benchmarks/preflight_coverage.py [--runs 200] [--cells unseen|seen|fresh] [--seed 1]
    python benchmarks/preflight_coverage.py --labels [--runs 12]     # without true labels alone, on cells `fresh`
    python benchmarks/preflight_coverage.py --parts [--runs 200]     # soft labels, and what a student inherits

A cell is a kind of table: labelers, points, classes, their skew, gaps, how often the labelers' shared answer is wrong
(`bias`) and missed (`rate`); points alike or of beta-distributed difficulty, or a labeler that copies another at 30% of
points; and 50 to 500 true labels, of points drawn at random or allocated by strata as `--label-next` draws them. The
cells `seen` are those that the intervals were developed on; `unseen` ones differ from them in all of this, and their
labelers from each other. On some of these the intervals of single labelers were mended; those `fresh` differ from them
again, with labelers that are better in three ways. Of the tables of a cell, one in twelve fits the noise too, which
takes most of the time; with `--labels` all do, and nothing else is done.

The truth is computed on 200,000 fresh points. Prints for each interval, by draw and number of true labels (by the kind
of noise where true labels play no part), how often it holds the truth, over all tables and in the cells where it does
so least and most, and on which side it misses; then the cells in which an interval of 30 tables or more is outside of
92 to 98% by more than chance (two standard errors of the simulation).
"""

from __future__ import annotations

import argparse
import os
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import combinations, product
from time import process_time

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

import numpy as np  # noqa: E402
from scipy.special import log_softmax, softmax  # noqa: E402

from outlearn.core.intervals import Interval  # noqa: E402
from outlearn.core.labelers.agreement_coefficients import (  # noqa: E402
    COEFFICIENTS,
    agreement_coefficients,
    class_counts,
)
from outlearn.core.labelers.inherited_bias import inherited_bias  # noqa: E402
from outlearn.core.labelers.label_variance import label_variance  # noqa: E402
from outlearn.core.labelers.split_votes import split_vote_agreement  # noqa: E402
from outlearn.core.labelers.strata import DrawnStrata  # noqa: E402
from outlearn.data.label_table import UNLABELED, LabelTable  # noqa: E402
from outlearn.preflight_checks.measures import LabelMeasures  # noqa: E402
from outlearn.preflight_checks.next_labels import Population  # noqa: E402
from outlearn.preflight_checks.rates import Rates  # noqa: E402
from outlearn.results.preflight_parts import TruthReport  # noqa: E402
from outlearn.results.preflight_rates import RatesReport  # noqa: E402

FRESH, COPIED, SPREAD, SEGMENTS = 200_000, 0.3, 3.0, 3
WITHOUT_TRUTH = ("agreement of a labeler", "disagreement", "variance", "variance of a labeler")
LEAST, MOST = 0.92, 0.98
EVERY = 12  # of the runs, one fits the noise
ENOUGH = 30  # tables of a cell to tell its coverage


@dataclass(frozen=True)
class Cell:
    """One kind of table."""

    n_classes: int
    skewed: bool
    noise: str  # "alike", "differ" or "copied"
    gaps: float
    n_true: int
    drawn: str  # "random" or "allocated"
    labelers: int = 5
    bias: float = 0.1
    rate: float = 0.2
    points: int = 1000
    unequal: float = 0.0  # the labelers' rates differ from their mean by up to this share of it
    better: str = "by rate"  # or "by skill", "by odds": how a better labeler's rate changes with difficulty
    copied: float = COPIED


def seen() -> Iterator[Cell]:
    for k, skewed, noise, gaps, n_true, drawn in product(
        (2, 4), (False, True), ("alike", "differ", "copied"), (0.0, 0.4), (50, 200, 500), ("random", "allocated")
    ):
        yield Cell(k, skewed, noise, gaps, n_true, drawn)


def unseen() -> Iterator[Cell]:
    """Every combination of noise, draw and number of true labels; the rest is drawn once for all."""
    rng = np.random.default_rng(20)
    for noise, drawn, n_true in product(("alike", "differ", "copied"), ("random", "allocated"), (50, 120, 400)):
        for skewed in (False, True):
            yield Cell(
                int(rng.choice([2, 3, 5])), skewed, noise, float(rng.choice([0.0, 0.2, 0.5])), n_true, drawn,
                labelers=int(rng.choice([4, 6, 8])), bias=float(rng.choice([0.05, 0.15, 0.2])),
                rate=float(rng.choice([0.12, 0.25])), points=int(rng.choice([800, 2500])), unequal=0.3,
            )  # fmt: skip


def fresh() -> Iterator[Cell]:
    """Every combination of noise and of how labelers differ, twice; the rest is drawn once for all."""
    rng = np.random.default_rng(27)
    for noise, better, skewed in product(
        ("alike", "differ", "copied"), ("by rate", "by skill", "by odds"), (False, True)
    ):
        yield Cell(
            int(rng.choice([2, 3, 4])), skewed, noise, float(rng.choice([0.0, 0.1, 0.3])), 100, "random",
            labelers=int(rng.choice([4, 5, 7])), bias=float(rng.choice([0.05, 0.1])),
            rate=float(rng.choice([0.1, 0.18, 0.22])), points=int(rng.choice([600, 1500, 3000])),
            unequal=float(rng.choice([0.2, 0.4])), better=better, copied=float(rng.choice([0.2, 0.5])),
        )  # fmt: skip


def rates_of(cell: Cell, rate: np.ndarray) -> np.ndarray:
    """Return how often each labeler misses each point: `[labelers, points]`."""
    apart = cell.unequal * np.linspace(-1, 1, cell.labelers)
    if cell.noise == "copied":  # the two that are alike in skill too, so that a copy is as good as its original
        apart[1] = apart[0]
    apart = apart[:, None]
    if cell.better == "by skill":
        most = (cell.n_classes - 1) / cell.n_classes
        return most * (1 - (1 - rate / most) * (1 - apart) / (1 + cell.unequal))
    if cell.better == "by odds":
        odds = rate / np.maximum(1 - rate, 1e-9) * np.exp(2 * apart)
        return odds / (1 + odds)
    return np.minimum(rate * (1 + apart), 1.0)


def simulate(cell: Cell, n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw the truth, each labeler's distribution of labels at each point, and the labels."""
    k = cell.n_classes
    truth = rng.choice(k, n, p=np.array([0.8, *[0.2 / (k - 1)] * (k - 1)]) if cell.skewed else np.full(k, 1 / k))
    answer = np.where(rng.random(n) < cell.bias, (truth + rng.integers(1, k, n)) % k, truth)
    rate = np.full(n, cell.rate)
    if cell.noise == "differ":
        rate = rng.beta(SPREAD * cell.rate, SPREAD * (1 - cell.rate), n)
    rates = rates_of(cell, rate)[:, :, None]
    p = np.where(np.eye(k)[answer] == 1, 1 - rates, rates / (k - 1))
    labels = (rng.random((cell.labelers, n, 1)) > np.cumsum(p, axis=2)[:, :, :-1]).sum(axis=2)
    if cell.noise == "copied":
        labels[1] = np.where(rng.random(n) < cell.copied, labels[0], labels[1])
    labels[rng.random(labels.shape) < cell.gaps] = UNLABELED
    return truth, p, labels


def true_values(cell: Cell) -> dict[str, float]:
    truth, p, labels = simulate(cell, FRESH, np.random.default_rng(1))
    at, mean = np.arange(FRESH), p.mean(axis=0)
    shared = mean.argmax(axis=1)
    wrong, first_wrong = 1 - mean[at, truth].mean(), 1 - p[0, at, truth].mean()
    differ = {(i, j): disagreement(labels[i], labels[j]) for i, j in combinations(range(cell.labelers), 2)}
    of_two = float(np.mean(list(differ.values())))
    found = {
        "disagreement": of_two,
        "agreement of a labeler": 1 - float(np.mean([value for pair, value in differ.items() if 0 in pair])),
        "error of a labeler": first_wrong,
        "error": wrong,
        "bias in squared loss": wrong - of_two / 2,
        "rate, error, corrected": wrong,
        "rate, error, true labels alone": wrong,
        "segment, error, corrected": wrong,
        "variance": 1 - mean[at, shared].mean(),
        "shared bias": float((shared != truth).mean()),
        "variance of a labeler": 1 - p[0, at, shared].mean(),
    }
    for name, k in (("first", 0), ("last", cell.n_classes - 1)):
        share = float((truth == k).mean())
        found |= {f"{part}, {name} class, {how}": share for part in ("rate", "segment")
                  for how in ("corrected", "true labels alone", "Rogan-Gladen")}  # fmt: skip
        found[f"rate, {name} class, as labeled"] = float(mean[:, k].mean())
    return found


def disagreement(first: np.ndarray, second: np.ndarray) -> float:
    both = (first >= 0) & (second >= 0)
    return float((first != second)[both].mean())


def table_of(cell: Cell, seed: int) -> LabelTable:
    rng = np.random.default_rng(seed)
    truth, _, labels = simulate(cell, cell.points, rng)
    table = LabelTable(
        names=tuple(f"labeler {j}" for j in range(cell.labelers)), labels=labels.astype(np.int64),
        class_names=tuple("abcdef"[: cell.n_classes]), ids=tuple(map(str, range(cell.points))),
    )  # fmt: skip
    known, strata = rng.permutation(cell.points)[: cell.n_true], None
    if cell.drawn == "allocated":
        drawing = Population(LabelMeasures(table, asked_twice=False, level=0.95), None, "accuracy").drawing(cell.n_true)
        known = drawing.drawn(rng)
        strata = DrawnStrata(np.where(drawing.with_known(known), drawing.stratum, UNLABELED), drawing.sizes)
    true = np.full(cell.points, UNLABELED)
    true[known] = truth[known]
    return replace(table, true_labels=true.astype(np.int64), true_strata=strata)


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


def true_of_labels(cell: Cell) -> dict[str, float]:
    """Return what is true of labels alone, on fresh points."""
    _, p, labels = simulate(cell, FRESH, np.random.default_rng(1))
    missed = 1 - p[:, np.arange(FRESH), p.mean(axis=0).argmax(axis=1)].mean(axis=1)
    counts = class_counts(labels, cell.n_classes)
    found = {"variance": float(missed.mean())}
    found |= {f"variance of labeler {j}": float(each) for j, each in enumerate(missed)}
    few = agreement_coefficients(labels[:, :20_000], cell.n_classes)  # known to a tenth of a table's own error
    found |= {f"agreement, {name}": few[name].mean for name in COEFFICIENTS}
    for size in (1, 2, 3):
        measured = split_vote_agreement(counts.astype(np.int64), size, np.random.default_rng(1))
        if measured is not None:
            found[f"two votes of {size} agree"] = measured.value
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


def soft_labels(n: int, labelers: int, k: int, apart: float, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    """Draw the shared logits, distributions of labelers about them, and the truth."""
    shared = rng.normal(size=(n, k)) * 1.5
    labels = softmax(shared + rng.normal(size=(labelers, n, k)) * apart, axis=2)
    truth = (rng.random((n, 1)) > np.cumsum(softmax(shared * 0.8, axis=1), axis=1)[:, :-1]).sum(axis=1)
    return shared, labels, truth


def soft_part(runs: int) -> dict[tuple[str, str], list[tuple[bool, bool]]]:
    found: dict[tuple[str, str], list[tuple[bool, bool]]] = defaultdict(list)
    for labelers, k, apart in product((2, 4, 8), (2, 4), (0.3, 1.0)):
        shared, labels, truth = soft_labels(FRESH // 2, labelers, k, apart, np.random.default_rng(1))
        log_centre = log_softmax(shared, axis=1)  # the mean of logits of ever more labelers
        spread = float((np.exp(log_centre) * (log_centre - np.log(labels))).sum(axis=2).mean())
        of_centre = labels.mean(axis=0)
        true = {
            "nats_plug_in": float(plug_in_nats(labels)), "nats": spread,
            "squared_plug_in": float(np.square(labels - of_centre).sum(axis=2).mean() / 2),
            "log_loss": float(-np.log(labels[:, np.arange(len(truth)), truth]).mean()),
            "bias": float(-log_centre[np.arange(len(truth)), truth].mean()),
        }  # fmt: skip
        true["squared"] = true["squared_plug_in"] * labelers / (labelers - 1)
        for run in range(runs):
            rng = np.random.default_rng(10**6 + run)
            _, labels, truth = soft_labels(400, labelers, k, apart, rng)
            truth[150:] = UNLABELED
            measured = label_variance(labels, truth)
            for name, value in true.items():
                interval = getattr(measured, name)
                found[name, f"{labelers} labelers"].append((interval.low > value, interval.high < value))
    return found


def plug_in_nats(labels: np.ndarray) -> float:
    centre = log_softmax(np.log(labels).mean(axis=0), axis=1)
    return float((np.exp(centre) * (centre - np.log(labels))).sum(axis=2).mean())


def with_student(cell: Cell, n: int, repeats: float, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    """Draw the truth, votes, and a student that repeats a share of the answers that labelers share."""
    truth, p, labels = simulate(cell, n, rng)
    student = np.where(rng.random(n) < repeats, p.mean(axis=0).argmax(axis=1), truth)
    student = np.where(rng.random(n) < 0.05, rng.integers(0, cell.n_classes, n), student)
    votes = np.where(labels[..., None] >= 0, np.eye(cell.n_classes)[np.maximum(labels, 0)], np.nan)
    return truth, votes, np.broadcast_to(np.eye(cell.n_classes)[student], votes.shape)


def inherited_part(runs: int) -> dict[tuple[str, str], list[tuple[bool, bool]]]:
    """What a student repeats: one that is right, or repeats the shared mistake at a part of its points."""
    found: dict[tuple[str, str], list[tuple[bool, bool]]] = defaultdict(list)
    for repeats, k, n_true in product((0.2, 0.8), (2, 4), (50, 150, 400)):
        cell = Cell(k, False, "alike", 0.2, n_true, "random", labelers=4, bias=0.12, rate=0.2, unequal=0.3)
        truth, votes, student = with_student(cell, FRESH // 2, repeats, np.random.default_rng(1))
        whole = inherited_bias(votes, student, truth)
        for run in range(runs):
            truth, votes, student = with_student(cell, 1000, repeats, np.random.default_rng(2 * 10**6 + run))
            truth[n_true:] = UNLABELED
            part = inherited_bias(votes, student, truth)
            for name in ("error", "repeated", "student_error"):
                interval, value = getattr(part, name).interval(0.95), getattr(whole, name).value
                found[f"inherited: {name}", f"{n_true} true labels"].append(
                    (interval.low > value, interval.high < value)
                )
    return found


def print_parts(found: dict[tuple[str, str], list[tuple[bool, bool]]]) -> None:
    for (name, of), sides in sorted(found.items()):
        above, below = np.mean(sides, axis=0)
        print(f"{name:<40}{of:<20}{len(sides):>8}{1 - above - below:>8.1%}{above:>10.1%}{below:>9.1%}")


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
    parser.add_argument("--parts", action="store_true", help="soft labels and inheritance")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    if options.parts:
        print_parts(soft_part(options.runs) | inherited_part(options.runs))
        return
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
