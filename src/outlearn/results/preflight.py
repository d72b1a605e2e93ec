"""What a table of weak labels says about a student trained on it: the verdict, what to do, then every number."""

from __future__ import annotations

import math
from dataclasses import dataclass

from outlearn.core.intervals import Interval
from outlearn.core.labelers.label_variance import LabelVariance
from outlearn.core.text import bullets, preformatted, wrapped
from outlearn.results.label_gain import LabelGain
from outlearn.results.measurement import Withheld
from outlearn.results.next_labels import NextLabels
from outlearn.results.preflight_inheritance import InheritanceReport
from outlearn.results.preflight_noise import NoiseReport, VoteCurvePoint, vote_lines
from outlearn.results.preflight_parts import (
    Bounds,
    LabelerReport,
    LearningCurvePoint,
    PointToCheck,
    StudentReport,
    TruthReport,
    Verdict,
    interval_cell,
    labelers_table,
    points_section,
    signed_cell,
)
from outlearn.results.preflight_rates import RatesReport
from outlearn.results.preflight_worth import LabelsWorth
from outlearn.results.report_folder import ReportFolder

__all__ = ["PREFLIGHTS", "Preflight", "load_preflight"]


@dataclass(frozen=True)
class Preflight:
    """What a table of weak labels says about a student trained on it; print() it.

    Attributes:
        source, n_points, class_names, level, seed: of what.
        asked_twice: the columns are one labeler, asked again.
        verdict: the answer.
        labelers: one each.
        disagreement: how often two labels of a point differ.
        least_error: half of it: the mean error is at least that, whatever the errors are.
        noise: which model of noise the numbers are under; withheld where labels share no answer.
        missed: how often a labeler misses the shared answer, mean: the variance of the labels in 0-1 loss.
        missed_bounds: the least and most it can be under any noise.
        ceiling: the highest agreement with a labeler's labels that anything can reach.
        truth: what true labels add; withheld without them.
        rates: rates corrected by true labels, of all points and by segment; withheld without enough of them.
        label_variance: of labels that are distributions, in nats and in squared loss; withheld for votes.
        largest_bias: the shared bias that was allowed for where it is not known.
        encoder: what students see; withheld where there are none.
        students: single ones, and of all labelers.
        inheritance: what a student inherits of the labelers' error; withheld without students.
        more_labels: how well a student does by the points that it sees.
        last_doubling: what the last doubling of points brought.
        vote_curve: what a vote is worth by the number of labelers.
        pooling: what a student of all labelers has over a student of one.
        points_to_check: by hand.
        warnings, assumptions, notes: sentences.
        worth: how many true labels the weak ones are worth to a student; withheld without enough of them.
        next_labels: which points to give true labels next; withheld where none were asked for.
        label_gain: what so many would teach a student of all labelers; withheld also without enough true labels.
    """

    source: str
    n_points: int
    class_names: tuple[str, ...]
    level: float
    seed: int
    asked_twice: bool
    verdict: Verdict
    labelers: tuple[LabelerReport, ...]
    disagreement: Interval
    least_error: Interval
    noise: NoiseReport | Withheld
    missed: Interval
    missed_bounds: Bounds
    ceiling: Interval
    truth: TruthReport | Withheld
    rates: RatesReport | Withheld
    label_variance: LabelVariance | Withheld
    largest_bias: float
    encoder: str | Withheld
    students: tuple[StudentReport, ...]
    inheritance: InheritanceReport | Withheld
    more_labels: tuple[LearningCurvePoint, ...]
    last_doubling: Interval | Withheld
    vote_curve: tuple[VoteCurvePoint, ...]
    pooling: Interval | Withheld
    worth: LabelsWorth | Withheld
    points_to_check: tuple[PointToCheck, ...]
    warnings: tuple[str, ...]
    assumptions: tuple[str, ...]
    notes: tuple[str, ...]
    next_labels: NextLabels | Withheld
    label_gain: LabelGain | Withheld

    @property
    def student(self) -> StudentReport | None:
        """Return the student of all the labels, or of single labelers where that one cannot be judged."""
        return self.students[-1] if self.students else None

    def __str__(self) -> str:
        parts = [
            str(part) for part in (self.label_variance, self.rates, self.inheritance) if not isinstance(part, Withheld)
        ]
        sections = [str(self.verdict), self._labelers(), self._error(), *parts, self._students(), self._more()]
        if isinstance(self.next_labels, NextLabels):
            sections.append(f"{self.next_labels}\n{wrapped(self.taught, first='  ', rest='  ')}")
        if self.points_to_check:
            sections.append(points_section(self.points_to_check))
        lists = {"Doubts": self.warnings, "What this takes for granted": self.assumptions, "Notes": self.notes}
        sections += [bullets(title, sentences) for title, sentences in lists.items() if sentences]
        return "\n\n".join(filter(None, sections))

    def _repr_html_(self) -> str:
        return preformatted(str(self))

    def _labelers(self) -> str:
        n = len(self.labelers)
        who = "one labeler, asked again" if self.asked_twice else f"{n} labeler{'' if n == 1 else 's'}"
        title = f"Labels: {who}, {self.n_points:,} points, {len(self.class_names)} classes"
        return f"{title}\n{labelers_table(self.labelers)}"

    def _error(self) -> str:
        bounds = self.missed_bounds
        if len(self.labelers) == 1 and isinstance(self.truth, Withheld):
            return "Error of a label\n  not known: one answer a point says nothing about its error"
        if len(self.labelers) == 1 and not isinstance(self.truth, Withheld):
            error = f"{interval_cell(self.truth.error)}   {self.truth.n_labels:,} true labels"
            return (
                f"Error of a label\n  is wrong, with true labels                    {error}\n"
                "  how much of it is variance, that a second labeler of the same points would tell"
            )
        noise = "no answer is shared" if isinstance(self.noise, Withheld) else self.noise.short
        lines = [
            "Error of a label: variance (a student can remove it) and shared bias (it inherits it)",
            f"  two labels of a point differ                  {interval_cell(self.disagreement)}",
            f"  so the mean error is at least                 {interval_cell(self.least_error)}   whatever the errors "
            "are",
            f"  variance: the shared answer is missed         {interval_cell(self.missed)}   {noise}; "
            f"{bounds.low:.3f} to {bounds.high:.3f} for any noise",
            f"  self-agreement ceiling                        {interval_cell(self.ceiling)}   no answers agree with it "
            "more",
        ]
        if not isinstance(self.truth, Withheld):
            return "\n".join([*lines, str(self.truth)])
        lines.append(f"  shared bias: the shared answer is wrong       {self.truth.reason}")
        if self.missed.mean > 0:
            lines.append(
                f"  share of the error that is variance           {self._variance_share():.0%} to 100%, for a shared "
                f"bias of {self.largest_bias:.0%} to none"
            )
        return "\n".join(lines)

    def _variance_share(self) -> float:
        """Return the share of the error that is variance, were the shared bias the largest allowed for."""
        missed, bias, k = self.missed.mean, self.largest_bias, len(self.class_names)
        # A label is right if it gives a right shared answer, or misses a wrong one for the true class, which is one of
        # K - 1: error = 1 - (1 - bias)(1 - missed) - bias missed / (K - 1) = bias + missed - bias missed K / (K - 1).
        return 1 - bias / (bias + missed - bias * missed * k / (k - 1))

    def _students(self) -> str:
        title = "Students of these labels, on points they did not see"
        encoder = self.encoder.reason if isinstance(self.encoder, Withheld) else self.encoder
        if not self.students:
            return f"{title}\n  none: {encoder}"
        return "\n".join([title, f"  {'they see':<46}{encoder}", *map(str, self.students)])

    def _more(self) -> str:
        lines = ["Would more help?"]
        if self.more_labels:
            curve = ", ".join(f"{min(at.accuracy.mean, 1):.3f} from {at.n_points:,}" for at in self.more_labels)
            lines.append(f"  more points: the student gives the shared answer {curve} points")
        if not isinstance(self.last_doubling, Withheld):
            lines.append(
                f"    the last doubling brought {signed_cell(self.last_doubling)}; the next is likely to bring less"
            )
        if not isinstance(self.noise, Withheld):
            lines += vote_lines(self.vote_curve, self.noise, len(self.labelers))
        if not isinstance(self.pooling, Withheld):
            lines.append(f"    a student of all labelers instead of one: {signed_cell(self.pooling)}")
        if not isinstance(self.worth, Withheld):
            lines.append(str(self.worth))
        lines += self._more_true_labels()
        return "\n".join(lines) if len(lines) > 1 else ""

    @property
    def taught(self) -> str:
        """Say what the labels that are drawn would teach a student."""
        if isinstance(self.label_gain, Withheld):
            return f"What they would teach a student is not foreseen: {self.label_gain.reason.rstrip('.')}."
        return " ".join(self.label_gain.sentences)

    def _more_true_labels(self) -> list[str]:
        if isinstance(self.truth, Withheld):
            width = self._bias_half_width(100)
            return [
                "  more true labels: 100 of random points would pin the shared bias to at most about "
                f"± {width:.3f}, 400 to ± {width / 2:.3f}"
            ]
        if math.isnan(self.truth.shared_bias.standard_error):
            return []
        now, n = 1.96 * self.truth.shared_bias.standard_error, self.truth.n_labels
        return [f"  more true labels: {n:,} pin the shared bias to ± {now:.3f}; {4 * n:,} would to ± {now / 2:.3f}"]

    def _bias_half_width(self, n_true: int) -> float:
        """Return half the width of the interval of the largest shared bias allowed for, from true labels."""
        k, bias = len(self.class_names), self.largest_bias
        missed = 0.0 if math.isnan(self.missed.mean) else min(max(self.missed.mean, 0.0), 1.0)
        skill = max(1 - missed * k / (k - 1), 0.05)
        # Of the mean over labelers of being right: whether the shared answer is, and each labeler's own noise.
        variance = max(bias * (1 - bias) * skill**2 + missed * (1 - missed) / len(self.labelers), 0.01)
        return 1.96 * math.sqrt(variance / n_true) / skill


PREFLIGHTS = ReportFolder(
    "preflight", "preflight", "preflight report", Preflight, schema=5, table="points_to_check.csv"
)
"""How a report is kept on disk. Schema 1 kept shared bias apart from what else true labels add, 2 knew
even noise alone, 3 did not say what labels are worth, 4 not what the next would teach."""

load_preflight = PREFLIGHTS.read
