"""The parts of an explanation. Each writes its own section, and the sentence with which it stands in the short answer.

Rules of speech: a direction is claimed only where the interval excludes 0; otherwise the two "cannot be told apart",
with the interval; where there is none, the number is given for these very models, with the reason.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from outlearn.core.decomposition.bias_variance import BiasVarianceSummary
from outlearn.core.decomposition.risk_gap import RiskGapSummary
from outlearn.core.intervals import Interval, level_in_words
from outlearn.core.orders import ORDERS
from outlearn.core.students.denoising import DenoisingControl
from outlearn.core.students.sharpening import SharpeningSummary
from outlearn.core.text import WIDTH, wrapped
from outlearn.core.verdict import Outcome, excludes_zero, has_interval, is_above_zero, standing
from outlearn.results.measurement import Withheld

__all__ = [
    "WHO_IS_BETTER", "Control", "Decomposition", "EnsembleRisk", "GainSplit", "PosteriorMeanSummary",
    "PosteriorMeanTerms", "SharpeningOfBoth", "bias_variance_section", "gap_sentences",
]  # fmt: skip


WHO_IS_BETTER: dict[Outcome, str] = {
    "beats": "Students beat the teachers that labeled them",
    "worse": "Students lose to the teachers that labeled them",
    "not told apart": "Students and their teachers cannot be told apart",
    "withheld": "Whether students beat their teachers is not said",
}


def gap_sentences(gap: RiskGapSummary, of_these_models: Interval) -> tuple[str, ...]:
    """Say who is better, how far the misfit tells it, and whether students copy their own teacher.

    Args:
        gap: the means with intervals for new teachers and points.
        of_these_models: the gap with its interval for these very models, which is all that one teacher allows.
    """
    sentences = [_who_is_better(gap, of_these_models), _misfit_and_residual(gap)]
    copied = gap.overfit_covariance
    if is_above_zero(copied):
        sentences.append(f"Students copy part of their own teacher's error: overfit covariance {copied}.")
    return tuple(sentences)


def _who_is_better(summary: RiskGapSummary, of_these_models: Interval) -> str:
    gap = summary.gap
    risks = f"mean {summary.directions.risk} {summary.student_risk.mean:.4f} against {summary.teacher_risk.mean:.4f}"
    if gap.n_models < 2:
        words = {
            "beats": "are better",
            "worse": "are worse",
            "not told apart": "cannot be told apart from it",
            "withheld": "are not compared with it by an interval",
        }[standing(of_these_models).outcome]
        return (
            f"One teacher, so this is about these very models only: the students {words} ({risks}; gap "
            f"{of_these_models}, interval over points)."
        )
    return f"{WHO_IS_BETTER[standing(gap).outcome]}: {risks}; gap {gap}."


def _misfit_and_residual(summary: RiskGapSummary) -> str:
    residual, words = summary.residual, summary.directions
    head = f"Misfit {words.misfit} is {summary.misfit.mean:.4f}"
    if excludes_zero(residual):
        verb = "understates" if is_above_zero(residual) else "overstates"
        return (
            f"{head} and {verb} the gap: the residual is {residual}, so students are not the {words.posterior_mean} "
            "posterior mean of their teachers."
        )
    if not has_interval(residual):
        return f"{head}, the residual {residual.mean:.4f} (no interval: {residual.reason})."
    return f"{head}; the residual cannot be told apart from 0 ({residual}), so misfit alone tells the gap."


@dataclass(frozen=True)
class GainSplit:
    """The gap once more: gap = bias removed + variance removed, paired by teacher and corrected by the jackknife.

    Attributes:
        bias_removed: bias of the teachers less that of their students.
        variance_removed: variance of the teachers less that of their students.
    """

    bias_removed: Interval
    variance_removed: Interval

    @property
    def sentence(self) -> str:
        """Say what the students did with the bias and the variance of their teachers."""
        return (
            f"Compared with their teachers, the students {_change(self.variance_removed, 'variance')}, and "
            f"{_change(self.bias_removed, 'bias')}."
        )

    def __str__(self) -> str:
        return f"bias removed          {self.bias_removed}\nvariance removed      {self.variance_removed}"


def _change(removed: Interval, what: str) -> str:
    if not has_interval(removed):
        return f"have {what} that is not compared with theirs (removed {removed})"
    if not excludes_zero(removed):
        return f"have {what} that cannot be told apart from theirs (removed {removed})"
    if removed.mean > 0:
        return f"removed {what}, {removed}"
    return f"added {what}, {-removed.mean:.4f} [{-removed.high:.4f}, {-removed.low:.4f}]"


@dataclass(frozen=True)
class Decomposition:
    """Risk, noise, bias and variance of one kind of model.

    Attributes:
        models: "teachers", "mean ensembles", "dual-mean ensembles" or "students".
        size: teachers in one of these models; 1 for single ones.
        parts: the means.
    """

    models: str
    size: int
    parts: BiasVarianceSummary | Withheld

    @property
    def name(self) -> str:
        """Name the models with the size of an ensemble."""
        return self.models if self.size == 1 else f"{self.models} of {self.size}"

    @property
    def sentence(self) -> str:
        """Say whether most of the risk is bias or variance; nothing where it is not known. It speaks of teachers."""
        return self.sentence_of("wrong answers, or answers less sure than they could be")

    def sentence_of(self, bias_is: str) -> str:
        """Say the same, with words for what the bias of such predictions is."""
        if isinstance(self.parts, Withheld) or math.isnan(self.parts.variance.low):
            return ""
        bias, variance = self.parts.bias, self.parts.variance
        numbers = f"bias {bias}, variance {variance}"
        if variance.low > bias.high:
            return (
                f"Most of the teachers' risk is variance: careless teachers, each errs in its own places ({numbers})."
            )
        if bias.low > variance.high:
            return (
                f"Most of the teachers' risk is bias, which all share and no average of them removes: {bias_is} "
                f"({numbers})."
            )
        return f"The teachers' bias and variance are of a size, or too uncertain to rank ({numbers})."


@dataclass(frozen=True)
class EnsembleRisk:
    """Risk of the ensemble of all teachers; the interval is over points, for this very ensemble."""

    ensemble: str
    risk: Interval | Withheld

    @property
    def name(self) -> str:
        """Name the ensemble in words."""
        return f"{self.ensemble.replace('_', '-')} of all teachers"


def bias_variance_section(
    order: str, level: float, decompositions: Sequence[Decomposition], ensembles: Sequence[EnsembleRisk]
) -> str:
    """Write the table of bias and variance, and below it why a cell is empty."""
    lines = [
        f"Bias and variance in {ORDERS[order]}; corrected by the jackknife, {level_in_words(level)} intervals",
        f"  {'':<27}{'models':>6}" + "".join(f"{name:>18}" for name in ("risk", "noise", "bias", "variance")),
    ]
    reasons: list[str] = []
    for kind in decompositions:
        if isinstance(kind.parts, Withheld):
            reasons.append(f"{kind.name}: {kind.parts.reason}")
            continue
        parts = (kind.parts.total, kind.parts.noise, kind.parts.bias, kind.parts.variance)
        cells = "".join(f"{_plus_minus(part):>18}" for part in parts)
        lines.append(f"  {kind.name:<27}{kind.parts.n_models:>6}{cells}")
        reasons += [f"{kind.name}: {part.reason}" for part in parts if part.reason]
    for ensemble in ensembles:
        if isinstance(ensemble.risk, Withheld):
            reasons.append(f"{ensemble.name}: {ensemble.risk.reason}")
        else:
            risk = f"{_plus_minus(ensemble.risk):>18}   (this one; interval over points only)"
            lines.append(f"  {ensemble.name:<27}{1:>6}{risk}")
    if not any(kind.size > 1 for kind in decompositions):
        reasons.append("fewer than 4 teachers make no two ensembles, whose bias and variance could be told apart")
    lines += [wrapped(reason, first="  not given: ", rest="    ") for reason in dict.fromkeys(reasons)]
    return "\n".join(lines)


def _plus_minus(interval: Interval) -> str:
    """Write a mean with half its interval's width, in 15 columns.

    Examples:
        >>> _plus_minus(Interval(0.5, 0.4, 0.6, 0.05, 8, 100))
        '0.5000 ± 0.1000'
    """
    if math.isnan(interval.mean):
        return f"{'—':<15}"
    if math.isnan(interval.low):
        return f"{interval.mean:<15.4f}"
    return f"{interval.mean:.4f} ± {interval.high - interval.mean:.4f}"


@dataclass(frozen=True)
class PosteriorMeanTerms:
    """The misfit split about the posterior-mean teacher; see `PosteriorMean`."""

    misfit: Interval
    distance: Interval
    conditional_variance: Interval
    residual: Interval
    residual_bound: Interval

    def __str__(self) -> str:
        rows = {
            "misfit": self.misfit,
            "  distance from the student to it": self.distance,
            "  conditional variance of the teacher about it": self.conditional_variance,
            "residual with it in the teacher's place": self.residual,
            "  which is at most, in size": self.residual_bound,
        }
        return "\n".join(f"    {label:<48}{interval}" for label, interval in rows.items())


@dataclass(frozen=True)
class PosteriorMeanSummary:
    """The posterior-mean teacher by one method: what the method takes for granted, and what it finds."""

    method: str
    assumption: str
    terms: PosteriorMeanTerms | Withheld

    def __str__(self) -> str:
        if isinstance(self.terms, Withheld):
            return wrapped(f"{self.method}: not given: {self.terms.reason}", first="  ", rest="    ")
        return wrapped(f"{self.method}: assumes that {self.assumption}", first="  ", rest="    ") + f"\n{self.terms}"


@dataclass(frozen=True)
class Control:
    """Is the gain only denoising? The table, what its labels are, and how its best teacher was chosen."""

    table: DenoisingControl
    labels: str
    best_teacher: str

    @property
    def sentence(self) -> str:
        """Repeat the answer of the table."""
        return f"Is this only denoising? {self.table.answer}"

    def __str__(self) -> str:
        note = f"Scored against {self.labels}; the best teacher was {self.best_teacher}."
        return f"{self.table}\n{wrapped(note, width=WIDTH - 2)}"


@dataclass(frozen=True)
class SharpeningOfBoth:
    """Would sharper predictions have a lower log loss? The answer for teachers and for students."""

    teachers: SharpeningSummary | Withheld
    students: SharpeningSummary | Withheld

    @property
    def sentence(self) -> str:
        """Say that softer or sharper students would do better; nothing where that is not known."""
        students = self.students
        if isinstance(students, Withheld) or students.direction == "undecided":
            return ""
        sure, helps = ("less", "sharper") if students.direction == "sharpen" else ("more", "softer")
        return (
            f"The students are {sure} sure than they are right (entropy less cross-entropy {students.excess}): {helps} "
            f"predictions would have a lower log loss, best at power {students.median_power:.2g}."
        )

    def __str__(self) -> str:
        lines = []
        for name, found in (("teachers", self.teachers), ("students", self.students)):
            said = f"not given: {found.reason}" if isinstance(found, Withheld) else str(found)
            lines.append(wrapped(f"{name}: {said}", first="  ", rest="    "))
        return "\n".join(lines)
