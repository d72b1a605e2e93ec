"""Tables and the scatter of `auto_evidence.py`: PGR of choices, paired differences over settings, regret, failures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import spearmanr

LOWER_IS_BETTER = ("crossed_misfit", "overfit_covariance", "weak_label_validation")
CHOOSES = "consensus"
REPLICATES = 10_000
PLAIN, SELF = "#999", "#2a6fbb"
FAILS = 0.85  # of the PGR of the best candidate

Runs = list[dict[str, Any]]


def accuracies(run: dict[str, Any]) -> dict[str, float]:
    """Return the test accuracy of every way to choose, on one run."""
    accuracy, values = np.array(run["accuracy"]), np.array(run["values"], dtype=float)
    found = {f"fixed {name}": value for name, value in run["fixed"].items()}
    for column, name in enumerate(run["criteria"]):
        sign = -1 if name in LOWER_IS_BETTER else 1
        found[f"auto by {name}"] = accuracy[np.nanargmax(sign * values[:, column])]
    found["hindsight: best candidate of each run"] = accuracy.max()
    found["teachers' mean"] = run["ensemble"]
    return found


def recovered(runs: Runs) -> tuple[list[str], np.ndarray]:
    """Return names and PGR `[ways, runs]`, runs whose PGR is withheld left out."""
    kept = [run for run in runs if run["withheld"] is None]
    ways = [accuracies(run) for run in kept]
    names = list(ways[0])
    teacher, ceiling = (np.array([run[key] for run in kept]) for key in ("teacher", "ceiling"))
    return names, (np.array([[way[name] for way in ways] for name in names]) - teacher) / (ceiling - teacher)


def print_summary(runs: Runs) -> None:
    """Print everything, as Markdown tables."""
    kept = [run for run in runs if run["withheld"] is None]
    names, pgr = recovered(runs)
    of = [run["setting"] for run in kept]
    auto = pgr[names.index(f"auto by {CHOOSES}")]
    fixed_candidate = _best_fixed_candidate(kept)
    names.append(f"hindsight: best fixed candidate ({fixed_candidate[0]})")
    pgr = np.vstack([pgr, fixed_candidate[1]])
    print(f"{len(kept)} runs of {len(set(of))} settings; PGR withheld in {len(runs) - len(kept)} runs\n")
    print("| choice | PGR | of that, smallest | auto minus it, 95% over settings |\n|---|---|---|---|")
    for i in np.argsort(-pgr.mean(axis=1)):
        low, high = _interval(auto - pgr[i], of)
        print(
            f"| {names[i]} | {pgr[i].mean():.3f} | {pgr[i].min():.2f} | "
            f"{(auto - pgr[i]).mean():+.3f} ({low:+.3f} to {high:+.3f}) |"
        )
    best = pgr[names.index("hindsight: best candidate of each run")]
    fixed = [i for i, name in enumerate(names) if name.startswith("fixed ")]
    best_fixed = max(fixed, key=lambda i: pgr[i].mean())
    print(f"\nauto / best fixed loss ({names[best_fixed]}): {auto.mean() / pgr[best_fixed].mean():.2f}")
    print(f"best candidate of each run / best fixed loss: {best.mean() / pgr[best_fixed].mean():.2f}")
    print(f"auto / best candidate of each run: {auto.mean() / best.mean():.3f}\n")
    _print_settings(kept, names, pgr, best_fixed)
    _print_ranks(runs)


def _print_settings(kept: Runs, names: list[str], pgr: np.ndarray, best_fixed: int) -> None:
    auto, best = pgr[names.index(f"auto by {CHOOSES}")], pgr[names.index("hindsight: best candidate of each run")]
    of = np.array([run["setting"] for run in kept])
    regret = np.array([max(run["accuracy"]) - accuracies(run)[f"auto by {CHOOSES}"] for run in kept])
    print(
        f"| setting | teacher | ceiling | {names[best_fixed]} | auto | best candidate | share of the best | regret "
        "(points of accuracy) |\n|---|---|---|---|---|---|---|---|"
    )
    for setting in dict.fromkeys(of):
        at = of == setting
        teacher, ceiling = (
            np.mean([run[key] for run in kept if run["setting"] == setting]) for key in ("teacher", "ceiling")
        )
        share = auto[at].mean() / best[at].mean()
        fails = " **fails**" if share < FAILS else ""
        fails += " **below the fixed loss**" if auto[at].mean() < pgr[best_fixed][at].mean() else ""
        print(
            f"| {setting} | {teacher:.3f} | {ceiling:.3f} | {pgr[best_fixed][at].mean():.3f} | {auto[at].mean():.3f} | "
            f"{best[at].mean():.3f} | {share:.2f}{fails} | {100 * regret[at].mean():.1f} |"
        )
    print(f"\nregret, mean {100 * regret.mean():.2f} points, largest {100 * regret.max():.1f}\n")


def _print_ranks(runs: Runs) -> None:
    print("| criterion | Spearman with accuracy: mean, smallest |\n|---|---|")
    for column, name in enumerate(runs[0]["criteria"]):
        sign = -1 if name in LOWER_IS_BETTER else 1
        rho = [spearmanr(sign * np.array(run["values"])[:, column], run["accuracy"]).statistic for run in runs]
        print(f"| {name} | {np.mean(rho):.2f}, {np.min(rho):.2f} |")


def _best_fixed_candidate(kept: Runs) -> tuple[str, np.ndarray]:
    """Return the candidate whose mean PGR over all runs is largest, among those that all tasks have in common."""
    names = [_key(candidate) for candidate in kept[0]["candidates"]]
    pgr = np.array([(np.array(run["accuracy"]) - run["teacher"]) / (run["ceiling"] - run["teacher"]) for run in kept])
    best = int(pgr.mean(axis=0).argmax())
    return names[best], pgr[:, best]


def _key(candidate: dict[str, Any]) -> str:
    return (
        f"{candidate['loss']['kind']}, weight decay {candidate['weight_decay']:g}, {candidate['rounds']} rounds, "
        f"{candidate['epochs']:.3g} epochs"
    )


def _interval(differences: np.ndarray, of: list[str]) -> tuple[float, float]:
    """Bootstrap settings: seeds of one setting share their task and teachers' kind."""
    means = np.array([differences[np.array(of) == setting].mean() for setting in dict.fromkeys(of)])
    rng = np.random.default_rng(0)
    again = means[rng.integers(0, len(means), (REPLICATES, len(means)))].mean(axis=1)
    low, high = np.quantile(again, [0.025, 0.975])
    return float(low), float(high)


def write_scatter(runs: Runs, path: Path) -> None:
    """Draw the criterion against test accuracy, one panel a setting, first seed; the chosen candidate is ringed."""
    seed = min(run["seed"] for run in runs)
    shown = [run for run in runs if run["seed"] == seed]
    columns, width, height, pad = 4, 190, 150, 14
    rows = -(-len(shown) // columns)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {columns * width} {rows * height + 30}" '
        'font-family="system-ui, sans-serif" font-size="10" fill="#333">',
        f'<rect width="{columns * width}" height="{rows * height + 30}" fill="#fff"/>',
    ]
    for i, run in enumerate(shown):
        left, top = i % columns * width + pad, i // columns * height + 18
        parts += _panel(run, left, top, width - 2 * pad, height - 36)
    parts.append(
        f'<text x="{columns * width / 2}" y="{rows * height + 20}" text-anchor="middle">across: consensus, without '
        "labels; up: test accuracy; blue: self-distillation; ring: chosen; line: teachers</text></svg>"
    )
    path.write_text("\n".join(parts) + "\n")


def _panel(run: dict[str, Any], left: float, top: float, width: float, height: float) -> list[str]:
    value = np.array(run["values"], dtype=float)[:, run["criteria"].index(CHOOSES)]
    accuracy = np.array(run["accuracy"])
    low, high = min(accuracy.min(), run["teacher"]), accuracy.max()
    x = left + 4 + (width - 8) * (value - value.min()) / max(np.ptp(value), 1e-12)
    y = top + 4 + (height - 8) * (high - accuracy) / max(high - low, 1e-12)
    at = top + 4 + (height - 8) * (high - run["teacher"]) / max(high - low, 1e-12)
    rho = spearmanr(value, accuracy).statistic
    chosen = int(value.argmax())
    frame = f'x="{left:.1f}" y="{top:.1f}" width="{width}" height="{height}"'
    line = f'x1="{left:.1f}" x2="{left + width:.1f}" y1="{at:.1f}" y2="{at:.1f}"'
    return [
        f'<rect {frame} fill="none" stroke="#bbb"/>',
        f'<text x="{left:.1f}" y="{top - 4:.1f}">{run["setting"]}  rho {rho:.2f}</text>',
        f'<text x="{left + width:.1f}" y="{top + height + 11:.1f}" text-anchor="end" fill="#888">'
        f"accuracy {low:.2f} to {high:.2f}</text>",
        f'<line {line} stroke="#c60" stroke-dasharray="3 3"/>',
        *(
            f'<circle cx="{a:.1f}" cy="{b:.1f}" r="2" fill="{SELF if c["rounds"] else PLAIN}" fill-opacity="0.7"/>'
            for a, b, c in zip(x, y, run["candidates"], strict=True)
        ),
        f'<circle cx="{x[chosen]:.1f}" cy="{y[chosen]:.1f}" r="5" fill="none" stroke="#c00" stroke-width="1.5"/>',
    ]
