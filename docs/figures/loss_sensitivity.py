"""Draw docs/figures/loss_sensitivity.svg: how strongly forward and reverse cross-entropy answer the teacher.

Run it from anywhere: python docs/figures/loss_sensitivity.py
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from outlearn.losses import ForwardCE, Loss, ReverseCE, sensitivity_table

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 640, 400, 70, 150, 20, 60
LOW, HIGH = 0.02, 50.0  # of the vertical axis
TEACHER = np.linspace(0.5, 0.995, 200)
CURVES: list[tuple[str, Loss, float, str]] = [
    ("forward CE", ForwardCE(), 0.8, "#444444"),
    ("reverse CE, s = 0.6", ReverseCE(smoothing=0.0), 0.6, "#1b7837"),
    ("reverse CE, s = 0.8", ReverseCE(smoothing=0.0), 0.8, "#2166ac"),
    ("reverse CE, s = 0.95", ReverseCE(smoothing=0.0), 0.95, "#b2182b"),
]


def x_of(confidence: float) -> float:
    """Place a teacher confidence."""
    return LEFT + (confidence - 0.5) / 0.5 * (WIDTH - LEFT - RIGHT)


def y_of(sensitivity: float) -> float:
    """Place a sensitivity, on a logarithmic axis."""
    share = math.log(sensitivity / LOW) / math.log(HIGH / LOW)
    return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)


def draw() -> str:
    """Return the figure as SVG text."""
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}"',
        ' font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
    ]
    for tick in (0.5, 0.6, 0.7, 0.8, 0.9, 1.0):
        x = x_of(tick)
        parts.append(f'<line x1="{x:.1f}" y1="{TOP}" x2="{x:.1f}" y2="{HEIGHT - BOTTOM}" stroke="#dddddd"/>')
        parts.append(f'<text x="{x:.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{tick:g}</text>')
    for tick in (0.1, 1.0, 10.0):
        y = y_of(tick)
        parts.append(f'<line x1="{LEFT}" y1="{y:.1f}" x2="{WIDTH - RIGHT}" y2="{y:.1f}" stroke="#dddddd"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{tick:g}</text>')
    for name, loss, student, colour in CURVES:
        table = sensitivity_table(loss, TEACHER.tolist(), student_confidence=student)
        sizes = table.per_probability.abs().tolist()
        points = " ".join(f"{x_of(t):.1f},{y_of(v):.1f}" for t, v in zip(TEACHER, sizes, strict=True))
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts.append(f'<text x="{x_of(1.0) + 6:.1f}" y="{y_of(sizes[-1]) + 4:.1f}" fill="{colour}">{name}</text>')
        if not isinstance(loss, ForwardCE):  # equal confidence: the curve crosses 1
            parts.append(f'<circle cx="{x_of(student):.1f}" cy="{y_of(1.0):.1f}" r="4" fill="{colour}"/>')
    middle = (LEFT + WIDTH - RIGHT) / 2
    parts.append(f'<text x="{middle}" y="{HEIGHT - 18}" text-anchor="middle">teacher\'s confidence t</text>')
    parts.append(
        f'<text transform="translate(18,{(HEIGHT - BOTTOM + TOP) / 2}) rotate(-90)" text-anchor="middle">'
        "|d gradient / d t|</text>"
    )
    return "\n".join([*parts, "</svg>\n"])


if __name__ == "__main__":
    Path(__file__).with_suffix(".svg").write_text(draw(), encoding="utf-8")
