"""Are intervals right where 100 labels follow 100 others, drawn on top? Real tables of next_labels.py.

    python benchmarks/two_draws.py [--draws 60]

For each table and aim, one JSON line: the bias of the joined estimate in its standard errors, the mean width over that
of 200 labels drawn at once, and in how many draws each 95% interval holds the number that all true labels give. The
second list is for the same aim; `accuracy, then gain` shows what another aim costs.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace

import numpy as np

from next_labels import digits, populations, words
from outlearn.data.label_table import UNLABELED
from outlearn.preflight_checks.next_labels import Population

EACH = 100


def compared(population: Population, second_aim: str, truth: np.ndarray, draws: int) -> dict[str, object]:
    rng = np.random.default_rng(1)
    whole = population.measured(truth, None).mean
    first, at_once = population.drawing(EACH), population.drawing(2 * EACH)
    off, widths, held = [], np.zeros(2), np.zeros(2)
    for _ in range(draws):
        points = first.drawn(rng)
        known = np.where(first.with_known(points), truth, UNLABELED)
        table = replace(population.table, true_labels=known, true_strata=first.strata(points))
        labels = replace(population.labels, table=table)
        second = replace(population, labels=labels, aim=second_aim).drawing(EACH)
        more, once = second.drawn(rng), at_once.drawn(rng)
        found = (
            population.measured(np.where(second.with_known(more), truth, UNLABELED), second.strata(more)),
            population.measured(np.where(at_once.with_known(once), truth, UNLABELED), at_once.strata(once)),
        )
        off.append(found[0].mean - whole)
        widths += [each.high - each.low for each in found]
        held += [each.low <= whole <= each.high for each in found]
    aim = population.aim if second_aim == population.aim else f"{population.aim}, then {second_aim}"
    return {
        "table": population.table.source, "aim": aim, "bias, standard errors": round(np.mean(off) / np.std(off), 2),
        "width over that of one draw": round(widths[0] / widths[1], 3), "coverage": round(held[0] / draws, 3),
        "of one draw": round(held[1] / draws, 3),
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=60)
    options = parser.parse_args()
    for table, features, truth in (words(), digits("digits", 60, all_pixels=False)):
        for population in populations(table, features):
            for second in (
                dict.fromkeys((population.aim, "gain")) if population.aim == "accuracy" else (population.aim,)
            ):
                print(json.dumps(compared(population, second, truth, options.draws)), flush=True)


if __name__ == "__main__":
    main()
