"""How near students of growing capacity come to their own teacher, and to the mean of all others.

    python docs/examples/ladder.py RUN-OR-SWEEP [RUN ...] [--loss forward_ce] [--figure ladder.svg]

The paper's claim is that the gain is the misfit where the student is the posterior mean of its teachers, and that a
larger student comes closer to that. A student's own teacher must be left out of the mean, or a copy of it looks near;
and the distance to the own teacher stands beside it, for it may fall as well: then a student fits better, and no more
can be said. Rows are runs, or the means of an encoder's splits with t-intervals over the splits.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import stats

from outlearn.core.log_space import log_normalise
from outlearn.results.run_folder import Run, load_run
from outlearn.results.sweep import is_sweep, load_sweep

MEASURES = {
    "accuracy": "accuracy, %",
    "pgr": "PGR",
    "own": "KL to own teacher",
    "others": "KL to the mean of the others",
    "residual": "residual",
}
LEVEL = 0.95


@dataclass(frozen=True)
class Row:
    """One kind of teachers and one encoder of students, on one split."""

    setting: str
    values: dict[str, float]


def kl(p: np.ndarray, q: np.ndarray) -> float:
    """Average KL(p || q) of log-probabilities `[points, classes]` over points."""
    return float((np.exp(p) * (p - q)).sum(axis=-1).mean())


def others_mean(teachers: np.ndarray, own: int) -> np.ndarray:
    """Return the normalised geometric mean of all teachers but one, `[points, classes]` in logarithms."""
    return log_normalise(np.delete(teachers, own, axis=0).mean(axis=0))


def measured(run: Run, loss: str) -> Row:
    """Measure the students of one loss on the test points."""
    found = run.predictions
    teachers, students = found.teachers.log_probs, found.students[loss]
    pairs = list(zip(students.log_probs, students.teacher_of.tolist(), strict=True))
    student = run.students[loss]
    return Row(
        f"{run.config['teacher']['learner']['kind']}: {encoder_name(run.config['student']['encoder'])}",
        {
            "accuracy": 100 * student.accuracy.mean,
            "pgr": np.nan if student.recovery.value is None else student.recovery.value,
            "own": float(np.mean([kl(s, teachers[m]) for s, m in pairs])),
            "others": float(np.mean([kl(s, others_mean(teachers, m)) for s, m in pairs])),
            "residual": student.residual.mean,
        },
    )


def encoder_name(settings: dict[str, object]) -> str:
    """Name an encoder by what sets it apart."""
    name = str(settings.get("model", settings["kind"]))
    parts = [f"{key} {settings[key]}" for key in ("dim", "layer") if settings.get(key) is not None]
    return " ".join([name, *parts])


def runs_of(folders: Sequence[Path]) -> Iterator[Run]:
    for folder in folders:
        yield from (each.run for each in load_sweep(folder).runs) if is_sweep(folder) else [load_run(folder)]


def with_interval(values: Sequence[float]) -> tuple[float, float]:
    """Return the mean over splits and half the width of its t-interval; nan for one split."""
    n = len(values)
    half = stats.t.ppf((1 + LEVEL) / 2, n - 1) * np.std(values, ddof=1) / np.sqrt(n) if n > 1 else np.nan
    return float(np.mean(values)), float(half)


def table(rows: Sequence[Row]) -> dict[str, dict[str, tuple[float, float]]]:
    """Average the splits of each setting."""
    settings = dict.fromkeys(row.setting for row in rows)
    return {
        setting: {key: with_interval([row.values[key] for row in rows if row.setting == setting]) for key in MEASURES}
        for setting in settings
    }


def draw(found: dict[str, dict[str, tuple[float, float]]], path: Path) -> None:
    """Draw every measure against the ladder, from the smallest encoder up."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "outlearn"
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, len(MEASURES), figsize=(3 * len(MEASURES), 0.4 * len(found) + 1.2), sharey=True)
    for axis, (key, label) in zip(axes, MEASURES.items(), strict=True):
        means, halves = zip(*(values[key] for values in found.values()), strict=True)
        axis.errorbar(means, range(len(found)), xerr=np.nan_to_num(halves), fmt="o", capsize=2)
        axis.set_xlabel(label)
        axis.grid(axis="x", alpha=0.3)
    axes[0].set_yticks(range(len(found)), list(found))
    figure.savefig(path, bbox_inches="tight", metadata={"Date": None})


def main() -> None:
    """Print the ladder as a Markdown table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--loss", default="forward_ce")
    parser.add_argument("--figure", type=Path)
    arguments = parser.parse_args()
    found = table([measured(run, arguments.loss) for run in runs_of(arguments.folders)])
    print("| teachers: student's encoder | " + " | ".join(MEASURES.values()) + " |")
    print("|---" * (len(MEASURES) + 1) + "|")
    for setting, values in found.items():
        cells = [
            f"{mean:.{1 if key == 'accuracy' else 3}f}"
            + ("" if np.isnan(half) else f" ± {half:.{1 if key == 'accuracy' else 3}f}")
            for key, (mean, half) in values.items()
        ]
        print(f"| {setting} | " + " | ".join(cells) + " |")
    if arguments.figure:
        draw(found, arguments.figure)


if __name__ == "__main__":
    main()
