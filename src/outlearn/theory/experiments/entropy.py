"""When sharpening a student helps: the sign of H(s) - CE(y, s), on real predictions."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from outlearn.core.intervals import Interval
from outlearn.core.mean_intervals import two_way_interval
from outlearn.results.theory import Claim
from outlearn.theory.experiments.base import Findings, OnProgress, as_columns, relative_claim, sign_claim, worst
from outlearn.theory.experiments.entropy_students import Students, students_of_digits, students_of_run
from outlearn.theory.sampling import interval_columns
from outlearn.theory.settings import at_least, increasing
from outlearn.theory.sharpening import best_power, sharpen, sharpening_gain, slope_by_complex_step

__all__ = ["EntropySettings", "simulate_entropy"]

SLOPE_TOLERANCE = 1e-8  # the complex step is exact; what is left is rounding where H - CE nearly cancels
IDENTITY_TOLERANCE = 1e-9
STEP = 0.01  # sharpening by one percent
CLEAR = 3.0  # standard errors by which a student must be under- or over-confident to be called so
POWERS = np.geomspace(0.25, 4.0, 41)


@dataclass(frozen=True, kw_only=True)
class EntropySettings:
    """Where the predictions come from.

    Args:
        run: folder of a run (`outlearn run`); empty for students on scikit-learn's digits.
        teachers: weak teachers on the digits.
        teacher_examples: labels of each.
        student_examples: points that a teacher labels for its student.
        steps: lengths of training at which students are judged, increasing.
    """

    run: str = ""
    teachers: int = 10
    teacher_examples: int = 60
    student_examples: int = 600
    steps: tuple[int, ...] = (3, 10, 30, 100, 300)

    def __post_init__(self) -> None:
        at_least(self, 2, "teachers")
        at_least(self, 20, "teacher_examples", "student_examples")
        at_least(self, 1, "steps")
        increasing(self, "steps", length=1)


def simulate_entropy(settings: EntropySettings, rng: np.random.Generator, progress: OnProgress) -> Findings:
    """Judge every group of students along sharpening."""
    if settings.run:
        students = students_of_run(Path(settings.run))
    else:
        students = students_of_digits(
            teachers=settings.teachers,
            teacher_examples=settings.teacher_examples,
            student_examples=settings.student_examples,
            steps=settings.steps,
            rng=rng,
        )
    progress(0.6)
    gains = [sharpening_gain(logs, students.labels) for logs in students.log_probs]
    margins = [two_way_interval(g, clusters=c) for g, c in zip(gains, students.clusters, strict=True)]
    powers = [best_power(logs, students.labels) for logs in students.log_probs]
    return Findings(
        claims=(
            _slope_claim(students, gains),
            _step_claim(students, margins),
            _power_claim(students, margins, powers),
            *(() if settings.run else _both_kinds(students, margins)),
            _identity_claim(students),
        ),
        curves={"students": _student_curve(students, margins, powers), "powers": _power_curve(students)},
        notes=(f"Students: {students.source}.",),
    )


def _called(students: Students, index: int) -> str:
    steps = students.steps[index]
    return f"{students.names[index]}, {steps} steps" if steps else students.names[index]


def _slope_claim(students: Students, gains: list[np.ndarray]) -> Claim:
    claims = []
    for index, (logs, gain) in enumerate(zip(students.log_probs, gains, strict=True)):
        which = f"(worst of {len(gains)} groups of students, {_called(students, index)})"
        text = f"The slope of log loss along sharpening is CE(y, s) - H(s) {which}"
        slope = slope_by_complex_step(logs, students.labels)
        claims.append(relative_claim(text, slope, -gain.mean(), SLOPE_TOLERANCE, gain.size))
    return worst(claims)


def _step_claim(students: Students, margins: list[Interval]) -> Claim:
    """Sharpen by one percent: log loss must fall exactly for those with H > CE (a second-order term set aside)."""
    text = "Sharpening by 1% lowers log loss exactly where H(s) > CE(y, s)"
    claims = []
    for index, (logs, margin) in enumerate(zip(students.log_probs, margins, strict=True)):
        probs = np.exp(logs)
        finite = np.where(probs > 0, logs, 0.0)
        curvature = float(((probs * finite**2).sum(-1) - (probs * finite).sum(-1) ** 2).mean())
        if abs(margin.mean) > STEP * curvature:  # else too close to call at this step
            fall = students.at_labels(sharpen(logs, 1 + STEP) - logs)
            which = f"(least clear of those that are clear, {_called(students, index)}: fall of log loss)"
            claims.append(sign_claim(f"{text} {which}", fall.mean(), margin.mean, 0.0, fall.size))
    return _worst_or_nothing(text, claims)


def _power_claim(students: Students, margins: list[Interval], powers: list[float]) -> Claim:
    text = "The best power is above 1 exactly where H(s) > CE(y, s)"
    claims = []
    for index, (margin, power) in enumerate(zip(margins, powers, strict=True)):
        if abs(margin.mean) > 1e-6:  # the resolution of the search
            which = f"(closest to 1, {_called(students, index)}: log of the best power)"
            count = students.log_probs[index][..., 0].size
            claims.append(sign_claim(f"{text} {which}", np.log(power), margin.mean, 0.0, count))
    return _worst_or_nothing(text, claims)


def _worst_or_nothing(text: str, claims: list[Claim]) -> Claim:
    return worst(claims) if claims else relative_claim(f"{text} (no student is clearly on one side)", 0.0, 0.0, 0.0, 0)


def _both_kinds(students: Students, margins: list[Interval]) -> list[Claim]:
    """State that both kinds of student occur: the sign is a matter of the loss and of the length of training."""
    claims = []
    for sign, word in ((1.0, "under-confident: sharpening helps it"), (-1.0, "over-confident: sharpening hurts it")):
        index = int(np.argmax([sign * margin.mean / margin.standard_error for margin in margins]))  # the clearest
        text = f"The student by {_called(students, index)} is {word} (H - CE)"
        claims.append(sign_claim(text, margins[index], sign, CLEAR))
    return claims


def _identity_claim(students: Students) -> Claim:
    """Check KL(y, t) - KL(y, s) = RCE(s, t) - H(s) + sum (y - s) log(s / t), point by point."""
    largest = 0.0
    for student, teacher in zip(students.log_probs, students.teachers, strict=True):
        probs = np.exp(student)
        gap = students.at_labels(student) - students.at_labels(teacher)  # two log losses
        reverse_ce, entropy = -(probs * teacher).sum(-1), -(probs * student).sum(-1)
        one_hot = np.eye(student.shape[-1])[students.labels]
        residual = ((one_hot - probs) * (student - teacher)).sum(-1)  # not from the gap, which it must explain
        error = np.abs(gap - (reverse_ce - entropy + residual)) / np.maximum(np.abs(gap) + reverse_ce, 1.0)
        largest = max(largest, float(error.max()))
    text = "Everywhere, gap = RCE(s, t) - H(s) + sum (y - s) log(s / t) (largest relative error)"
    return relative_claim(text, largest, 0.0, IDENTITY_TOLERANCE, len(students.labels))


def _student_curve(students: Students, margins: list[Interval], powers: list[float]) -> dict[str, np.ndarray]:
    gains = interval_columns("gain", margins)
    losses = np.array([-students.at_labels(logs).mean() for logs in students.log_probs])
    return {
        "student": np.array(students.names),
        "steps": np.array(students.steps),
        "accuracy": np.array([(logs.argmax(-1) == students.labels).mean() for logs in students.log_probs]),
        "log_loss": losses,
        "entropy": gains["gain"] + losses,
        **gains,
        "best_power": np.array(powers),
    }


def _power_curve(students: Students) -> dict[str, np.ndarray]:
    rows = [
        {"student": name, "steps": steps, "power": power, "log_loss": -students.at_labels(sharpen(logs, power)).mean()}
        for name, steps, logs in zip(students.names, students.steps, students.log_probs, strict=True)
        for power in POWERS
    ]
    return as_columns(rows)
