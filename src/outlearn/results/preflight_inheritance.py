"""What a student of these features inherits: variance, bias that it repeats, bias that it does not."""

from __future__ import annotations

from dataclasses import dataclass

from outlearn.core.intervals import Interval
from outlearn.core.verdict import has_interval
from outlearn.results.measurement import Withheld

__all__ = ["InheritanceReport"]


@dataclass(frozen=True)
class InheritanceReport:
    """Where the error of a label goes in a student, in half squared distances: 1 for a vote that is wrong.

    error = variance + repeated + not_repeated, under any noise, for votes and distributions. What needs true labels, or
    a second labeler, is withheld without.

    Attributes:
        student: whose, as in "student of all labelers".
        error: of a label.
        variance: of labels of a point: a student of ever more labels averages it away.
        repeated: bias that the student repeats.
        not_repeated: bias that it does not.
        repeated_share: of the bias; above 1 where it is surer of a mistake than the labelers.
        student_error: how often the student is wrong.
    """

    student: str
    error: Interval | Withheld
    variance: Interval | Withheld
    repeated: Interval | Withheld
    not_repeated: Interval | Withheld
    repeated_share: Interval | Withheld
    student_error: Interval | Withheld

    def __str__(self) -> str:
        if isinstance(self.error, Withheld):
            return ""
        lines = [
            "What a student inherits (half squared distance, any noise)",
            f"  error of a label                              {_cell(self.error)}",
        ]
        if isinstance(self.variance, Interval):
            lines.append(f"    variance, which more labels average away    {_cell(self.variance)}")
        share = self.repeated_share
        of_bias = f"   {share.mean:.0%} of the bias" if has_interval(share) and isinstance(share, Interval) else ""
        lines.append(f"    bias that the student repeats               {_cell(self.repeated)}{of_bias}")
        if isinstance(self.not_repeated, Interval):
            lines.append(f"    bias that it does not                       {_cell(self.not_repeated)}")
        else:
            lines.append("    the rest: variance, and bias that it does not repeat; a second labeler would tell")
        return "\n".join([*lines, f"  the student is wrong                          {_cell(self.student_error)}"])


def _cell(interval: Interval | Withheld) -> str:
    if isinstance(interval, Withheld):
        return "—"
    if not has_interval(interval):
        return f"{interval.mean:.3f} [no interval]"
    return f"{interval.mean:.3f} [{interval.low:.3f}, {interval.high:.3f}]"
