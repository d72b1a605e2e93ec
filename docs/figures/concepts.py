"""Draw the pictures of docs/concepts.md, each computed by the package from a few numbers.

Run it from anywhere: python docs/figures/concepts.py.
"""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import outlearn as ol
from outlearn import Predictions, get_generator

FOLDER = Path(__file__).parent
INK, TEACHER, STUDENT, TARGET, REST = "#333333", "#b2182b", "#2166ac", "#1b7837", "#888888"
mpl.rcParams.update({"svg.hashsalt": "outlearn", "svg.fonttype": "none", "font.size": 11, "font.family": "sans-serif"})


def two_classes(probability: np.ndarray | float) -> np.ndarray:
    """Return `[..., 2]` probabilities of the first and the second class."""
    p = np.asarray(probability, dtype=float)
    return np.stack([1 - p, p], axis=-1)


def new(width: float = 6.4, height: float = 3.6, columns: int = 1) -> tuple[Figure, list[Axes]]:
    """Return a figure and its panels, plain on white."""
    figure = Figure(figsize=(width, height), layout="constrained", facecolor="white")
    axes = [figure.add_subplot(1, columns, k + 1) for k in range(columns)]
    for each in axes:
        each.spines[["top", "right"]].set_visible(False)
    return figure, axes


def save(figure: Figure, name: str) -> None:
    """Write a picture; the same numbers give the same file."""
    figure.savefig(FOLDER / f"concept_{name}.svg", metadata={"Date": None})


def misfit_and_residual() -> None:
    """Three predictions of one point, and the divergences between them as drops from a tangent to the curve."""
    phi = get_generator("negative_entropy")
    grid = np.linspace(1e-3, 1 - 1e-3, 400)
    target, teacher, student = 0.9, 0.2, 0.62
    figure, (axis,) = new(6.6, 4.0)
    axis.plot(grid, phi.potential(two_classes(grid)), color=INK, lw=1.5)
    for at, colour, name, shift in ((teacher, TEACHER, "teacher t", 34), (student, STUDENT, "student s", -8)):
        value, slope = phi.potential(two_classes(at)), np.log(at / (1 - at))
        axis.plot(grid, value + slope * (grid - at), color=colour, lw=1, ls="--")
        axis.plot(at, value, "o", color=colour)
        axis.annotate(name, (at, value), (shift, 9), textcoords="offset points", color=colour, ha="center")
    top = phi.potential(two_classes(target))
    axis.plot(target, top, "o", color=TARGET)
    axis.annotate("target y", (target, top), (-8, 9), textcoords="offset points", color=TARGET, ha="right")
    for at, colour, shift, of in ((teacher, TEACHER, 0.0, "teacher"), (student, STUDENT, 0.14, "student")):
        risk = float(phi.divergence(two_classes(target), two_classes(at)))
        ends = [(target + shift, end) for end in (top, top - risk)]
        axis.annotate("", *ends, arrowprops={"arrowstyle": "<->", "color": colour, "shrinkA": 0, "shrinkB": 0})
        if shift:  # beside the other one, at the height of the target and of the tangent there
            for _, end in ends:
                axis.plot([target, target + shift], [end, end], color=colour, lw=0.6, ls=":")
        axis.text(target + shift + 0.02, top - 0.6 * risk, f"risk of the\n{of} {risk:.2f}", color=colour, va="center")
    misfit = float(phi.divergence(two_classes(student), two_classes(teacher)))
    low = phi.potential(two_classes(student))
    down = {"arrowstyle": "<->", "color": INK, "shrinkA": 0, "shrinkB": 0}
    axis.annotate("", (student, low), (student, low - misfit), arrowprops=down)
    axis.text(student + 0.015, low - 0.55 * misfit, f"misfit {misfit:.2f}", color=INK)
    axis.set(xlabel="probability of the class", ylabel="negative entropy, nats", xlim=(0, 1.3), ylim=(-2.0, 0.12))
    axis.set_xticks([0, 0.2, 0.4, 0.6, 0.8, 1.0])
    save(figure, "misfit")


def two_means() -> None:
    """Eight teachers of one point, and their two means."""
    logits = np.array([-6.0, -0.5, 0.2, 0.6, 1.0, 1.4, 1.9, 2.2])
    teachers = Predictions.from_logits(np.stack([0 * logits, logits], axis=-1)[:, None, :])
    arithmetic = float(np.exp(teachers.mean().log_probs[0, 0, 1]))
    geometric = float(np.exp(teachers.dual_mean().log_probs[0, 0, 1]))
    figure, (axis,) = new(6.6, 2.0)
    axis.plot(1 / (1 + np.exp(-logits)), np.zeros(8), "|", ms=22, color=TEACHER)
    for value, name, colour, height in (
        (arithmetic, "primal: arithmetic mean", STUDENT, 0.55),
        (geometric, "dual: normalised geometric mean", TARGET, -0.65),
    ):
        axis.plot(value, 0, "o", color=colour)
        axis.annotate(
            f"{name}, {value:.2f}", (value, 0), (value, height), color=colour, ha="center", va="center",
            arrowprops={"arrowstyle": "-", "color": colour},
        )  # fmt: skip
    axis.text(0.015, 0.35, "one teacher is sure\nof the other class", color=TEACHER, ha="left", fontsize=10)
    axis.set(xlabel="probability of the class, eight teachers of one point", xlim=(-0.01, 1), ylim=(-1, 1), yticks=[])
    axis.spines["left"].set_visible(False)
    save(figure, "means")


def students_of_teachers(copied: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return labels, and log-odds of teachers and students that keep a share of their own teacher's noise."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, 200)
    truth = 1.2 * (2.0 * labels - 1)
    noise = rng.normal(0, 1.5, (8, 200))
    shared = 0.5 * rng.normal(0, 1.5, 200)  # what all teachers get wrong, and every student learns
    return labels, truth + shared + noise, truth + shared + copied * noise


def posterior_mean() -> None:
    """Students between their own teacher and the teachers' dual mean: how much noise of its own each has copied."""
    figure, axes = new(7.6, 3.2, columns=2)
    for axis, copied, title in zip(axes, (0.85, 0.1), ("copies its teacher", "near the posterior mean"), strict=True):
        labels, weak, strong = students_of_teachers(copied)
        teacher = Predictions.from_logits(np.stack([0 * weak, weak], axis=-1))
        student = Predictions.from_logits(np.stack([0 * strong, strong], axis=-1), teacher_of=np.arange(8))
        gap = ol.risk_gap(labels, teacher=teacher, student=student)
        mean = weak.mean(axis=0)
        axis.axhline(0, color=REST, lw=0.8)
        axis.plot(weak[0] - mean, strong[0] - mean, ".", ms=3, color=STUDENT)
        axis.plot([-4, 4], [-4, 4], color=TEACHER, lw=1, ls="--")
        axis.set_title(title, fontsize=11)
        axis.set(xlim=(-4.5, 4.5), ylim=(-4.5, 4.5), xlabel="teacher - mean of all teachers, log-odds")
        axis.text(
            -4.2, 4.1,
            f"misfit {gap.summary().misfit.mean:.2f}\ncrossed {gap.summary().crossed_misfit.mean:.2f}\n"
            f"overfit cov. {gap.summary().overfit_covariance.mean:.2f}",
            va="top", fontsize=10, color=INK,
        )  # fmt: skip
    axes[0].set_ylabel("student - mean of all teachers")
    axes[0].text(3.2, 3.9, "copy", color=TEACHER, fontsize=10, ha="right")
    axes[1].text(4.3, -0.5, "mean", color=REST, fontsize=10, ha="right")
    save(figure, "posterior_mean")


def variance_of_teachers() -> None:
    """A risk as bias and variance, for teachers, their mean, and their students."""
    figure, (axis,) = new(6.6, 2.4)
    labels, weak, strong = students_of_teachers(0.3)
    rows = {"teachers": weak, "students": strong, "dual mean\nof the teachers": weak.mean(axis=0, keepdims=True)}
    for place, (name, odds) in enumerate(rows.items()):
        found = ol.bias_variance(labels, Predictions.from_logits(np.stack([0 * odds, odds], axis=-1)))
        bias, variance = float(found.bias.mean()), float(found.variance.mean())
        axis.barh(-place, bias, color="#bbbbbb", height=0.6)
        axis.barh(-place, variance, left=bias, color=TEACHER if place == 0 else STUDENT, height=0.6)
        axis.text(bias / 2, -place, f"bias {bias:.2f}", ha="center", va="center")
        axis.text(bias + variance + 0.01, -place, f"variance {variance:.2f}", va="center")
        axis.text(-0.01, -place, name, ha="right", va="center")
    axis.set(xlabel="log loss, nats", yticks=[])
    axis.spines["left"].set_visible(False)
    axis.set_xlim(0, axis.get_xlim()[1] * 1.15)
    save(figure, "bias_variance")


if __name__ == "__main__":
    misfit_and_residual()
    two_means()
    posterior_mean()
    variance_of_teachers()
