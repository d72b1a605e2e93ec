"""What a table of labels looks like before anything is done with it: its parts, gaps, spellings and agreement."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from outlearn.core.intervals import Interval
from outlearn.core.text import bullets, preformatted, printable, wrapped

__all__ = ["COEFFICIENT_NAMES", "ColumnFacts", "Diagnosis"]

COEFFICIENT_NAMES = {
    "observed": "two labels of a point agree",
    "cohen": "Cohen's kappa, mean over pairs",
    "fleiss": "Fleiss' kappa",
    "krippendorff": "Krippendorff's alpha",
    "gwet": "Gwet's AC1",
}
WIDTH = 24


@dataclass(frozen=True)
class ColumnFacts:
    """One labeler, or the true labels.

    Attributes:
        name: of the column or annotator.
        n_labels, n_gaps: how many points it labels, and does not.
        n_classes: how many classes it uses.
        most: its most frequent class, with the share of its labels.
    """

    name: str
    n_labels: int
    n_gaps: int
    n_classes: int
    most: tuple[str, float] | None


@dataclass(frozen=True)
class Diagnosis:
    """What a table of labels holds; print() it.

    Attributes:
        source: the file.
        roles: part -> the column or columns that play it, in words.
        n_points, class_names: of the table.
        labelers: one each.
        truth: the true labels, or None.
        agreement: coefficient -> interval over points; empty with a single labeler.
        problems: what will be refused, or is likely wrong.
        advice: what to do next, commands among it.
        notes: what reading did.
    """

    source: str
    roles: Mapping[str, str]
    n_points: int
    class_names: tuple[str, ...]
    labelers: tuple[ColumnFacts, ...]
    truth: ColumnFacts | None
    agreement: Mapping[str, Interval]
    problems: tuple[str, ...]
    advice: tuple[str, ...]
    notes: tuple[str, ...]

    def __str__(self) -> str:
        sections = [f"labels   {self.source}", self._roles(), self._labelers(), self._agreement()]
        lists = {"Problems": self.problems or ("none found",), "What to do": self.advice, "Notes": self.notes}
        sections += [bullets(title, sentences) for title, sentences in lists.items() if sentences]
        return "\n\n".join(filter(None, sections))

    def _repr_html_(self) -> str:
        return preformatted(str(self))

    def _roles(self) -> str:
        parts = (wrapped(words, first=f"  {part:<14}", rest=" " * 16) for part, words in self.roles.items())
        return "\n".join(["Columns", *parts])

    def _labelers(self) -> str:
        rows = [*self.labelers, *([self.truth] if self.truth else [])]
        names = [printable(row.name, width=WIDTH) for row in rows]
        width = max(12, *map(len, names)) if names else 12
        n_labelers = f"{len(self.labelers)} labeler{'' if len(self.labelers) == 1 else 's'}"
        lines = [
            f"Labels: {n_labelers}, {self.n_points:,} points, {len(self.class_names)} classes",
            f"  {'':<{width}}{'labels':>10}{'gaps':>10}{'classes':>10}   most frequent",
        ]
        for name, row in zip(names, rows, strict=True):
            most = f"{printable(row.most[0], width=WIDTH)} ({row.most[1]:.0%})" if row.most else "none"
            lines.append(f"  {name:<{width}}{row.n_labels:>10,}{row.n_gaps:>10,}{row.n_classes:>10}   {most}")
        return "\n".join(lines)

    def _agreement(self) -> str:
        if not self.agreement:
            return ""
        n = next(iter(self.agreement.values())).n_points
        lines = [f"Agreement, over the {n:,} points with two labels or more"]
        for name, each in self.agreement.items():
            value = "none" if math.isnan(each.mean) else f"{each.mean:.3f}"
            interval = " [no interval]" if math.isnan(each.low) else f" [{each.low:.3f}, {each.high:.3f}]"
            lines.append(f"  {COEFFICIENT_NAMES[name]:<34}{value}{interval}")
        return "\n".join(lines)
