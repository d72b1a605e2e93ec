"""Tables and the scatter of `auto_evidence.py`: PGR of every way, paired differences over settings, ranks, failures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import spearmanr

from outlearn.core.students.criteria import CRITERIA

AUTO = "auto"
HINDSIGHT = "hindsight: best candidate of each run"
REPLICATES = 10_000
COLOURS = ("#999", "#2a6fbb", "#2a8f5b", "#c60")

Runs = list[dict[str, Any]]


def recovered(runs: Runs) -> dict[str, np.ndarray]:
    """Return PGR of every way, in the order of the runs; nan where a run has it not, as a control without labels."""
    names = dict.fromkeys(name for run in runs for name in run["ways"])
    teacher, ceiling = (np.array([run[key] for run in runs]) for key in ("teacher", "ceiling"))
    accuracy = {name: np.array([run["ways"].get(name) for run in runs], dtype=float) for name in names}
    accuracy[HINDSIGHT] = np.array([max(run["selections"][AUTO]["accuracy"]) for run in runs])
    accuracy["the candidate that comes first"] = np.array([run["selections"][AUTO]["first"] for run in runs])
    return {name: (values - teacher) / (ceiling - teacher) for name, values in accuracy.items()}


def print_summary(runs: Runs) -> None:
    """Print everything, as Markdown tables; runs whose PGR is withheld are counted and left out."""
    kept = [run for run in runs if run["withheld"] is None]
    of, pgr = [run["setting"] for run in kept], recovered(kept)
    withheld = sorted({run["setting"] for run in runs if run["withheld"] is not None})
    print(f"{len(kept)} runs of {len(set(of))} settings; PGR withheld in {len(runs) - len(kept)} runs {withheld}\n")
    print("| way | settings | PGR, 95% over settings | smallest setting | auto minus it | above it | auto / it |")
    print("|---|---|---|---|---|---|---|")
    for name in sorted(pgr, key=lambda name: -np.nanmean(by_setting(pgr[name], of))):
        told = np.isfinite(by_setting(pgr[name], of))
        other, auto = by_setting(pgr[name], of)[told], by_setting(pgr[AUTO], of)[told]
        print(
            f"| {name} | {len(other)} | {with_interval(other)} | {other.min():.2f} | "
            f"{with_interval(auto - other, sign='+')} | {int((auto > other).sum())} | "
            f"{auto.mean() / other.mean():.2f} ({_ratio(auto, other)}) |"
        )
    _print_settings(kept, of, pgr)
    _print_ranks(kept)


def by_setting(values: np.ndarray, of: list[str]) -> np.ndarray:
    """Average the seeds of each setting: they share their task and the teachers' kind."""
    return np.array([values[np.array(of) == setting].mean() for setting in dict.fromkeys(of)])


def _resampled(values: np.ndarray) -> np.ndarray:
    return values[np.random.default_rng(0).integers(0, len(values), (REPLICATES, len(values)))].mean(axis=1)


def with_interval(values: np.ndarray, sign: str = "", digits: int = 3) -> str:
    """Write a mean over settings with its bootstrap interval."""
    low, high = np.quantile(_resampled(values), [0.025, 0.975])
    return f"{values.mean():{sign}.{digits}f} ({low:{sign}.{digits}f} to {high:{sign}.{digits}f})"


def _ratio(auto: np.ndarray, other: np.ndarray) -> str:
    low, high = np.quantile(_resampled(auto) / _resampled(other), [0.025, 0.975])
    return f"{low:.2f} to {high:.2f}"


def _print_settings(kept: Runs, of: list[str], pgr: dict[str, np.ndarray]) -> None:
    shown = (AUTO, "auto_single", "teachers' mean", "control: own labels", HINDSIGHT)
    shown = tuple(name for name in shown if name in pgr)
    print(f"\n| setting | teacher | ceiling | {' | '.join(shown)} |\n|---|---|---|{'---|' * len(shown)}")
    columns = [by_setting(np.array([run[key] for run in kept]), of) for key in ("teacher", "ceiling")]
    columns += [by_setting(pgr[name], of) for name in shown]
    for k, setting in enumerate(dict.fromkeys(of)):
        print(f"| {setting} | {' | '.join(f'{column[k]:.3f}' for column in columns)} |")


def _print_ranks(runs: Runs) -> None:
    print("\n| criterion | Spearman with accuracy: mean, smallest |\n|---|---|")
    for name, criterion in CRITERIA.items():
        rho = []
        for selection in (run["selections"][AUTO] for run in runs):
            values = np.array([each[name] for each in selection["values"]], dtype=float)
            told = np.isfinite(values)
            if told.sum() > 2:
                signed = values[told] if criterion.higher_is_better else -values[told]
                rho.append(spearmanr(signed, np.array(selection["accuracy"])[told]).statistic)
        if rho:
            print(f"| {criterion.label} | {np.mean(rho):.2f}, {np.min(rho):.2f} |")


def write_scatter(runs: Runs, path: Path) -> None:
    """Draw the criterion of every candidate against its test accuracy, one panel a setting, first seed."""
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
    kinds = dict.fromkeys(kind for run in shown for kind in run["selections"][AUTO]["kinds"])
    legend = "; ".join(f"{colour}: {kind}" for colour, kind in zip(COLOURS, kinds, strict=False))
    parts.append(
        f'<text x="{columns * width / 2}" y="{rows * height + 14}" text-anchor="middle">across: the criterion, without '
        "labels; up: test accuracy; line: teachers; dotted: the answer</text>"
        f'<text x="{columns * width / 2}" y="{rows * height + 26}" text-anchor="middle">{legend}</text></svg>'
    )
    path.write_text("\n".join(parts) + "\n")


def _panel(run: dict[str, Any], left: float, top: float, width: float, height: float) -> list[str]:
    selection = run["selections"][AUTO]
    value = np.array([each[selection["criterion"]] for each in selection["values"]], dtype=float)
    accuracy, answer = np.array(selection["accuracy"]), run["ways"][AUTO]
    low, high = min(accuracy.min(), run["teacher"]), max(accuracy.max(), answer)
    x = left + 4 + (width - 8) * (value - value.min()) / max(np.ptp(value), 1e-12)
    y = top + 4 + (height - 8) * (high - accuracy) / max(high - low, 1e-12)
    rho = spearmanr(value, accuracy).statistic
    colour = dict(zip(dict.fromkeys(selection["kinds"]), COLOURS * 9, strict=False))

    def line(at: float, look: str) -> str:
        height_of = top + 4 + (height - 8) * (high - at) / max(high - low, 1e-12)
        return f'<line x1="{left:.1f}" x2="{left + width:.1f}" y1="{height_of:.1f}" y2="{height_of:.1f}" {look}/>'

    return [
        f'<rect x="{left:.1f}" y="{top:.1f}" width="{width}" height="{height}" fill="none" stroke="#bbb"/>',
        f'<text x="{left:.1f}" y="{top - 4:.1f}">{run["setting"]}  rho {rho:.2f}</text>',
        f'<text x="{left + width:.1f}" y="{top + height + 11:.1f}" text-anchor="end" fill="#888">'
        f"accuracy {low:.2f} to {high:.2f}</text>",
        line(run["teacher"], 'stroke="#c60" stroke-dasharray="3 3"'),
        line(answer, 'stroke="#c00" stroke-dasharray="1 2"'),
        *(
            f'<circle cx="{a:.1f}" cy="{b:.1f}" r="2" fill="{colour[kind]}" fill-opacity="0.8"/>'
            for a, b, kind in zip(x, y, selection["kinds"], strict=True)
        ),
    ]
