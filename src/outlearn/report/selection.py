"""What was chosen without labels, from what, and how good that was: a sentence, facts, a figure and a table.

No criterion saw a true label. That the figure shows accuracy is hindsight, and its words say so.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from outlearn.core.labelers.combinations import COMBINATIONS, EACH
from outlearn.core.labelers.recipes import FORMS, SHARE_SOURCES
from outlearn.core.students.criteria import CRITERIA
from outlearn.report.blocks import Figure
from outlearn.report.cells import Cell, Column, Table, format_number, point_estimate
from outlearn.report.charts import Axis, Chart, Dots, Mark, Panel, Rule
from outlearn.report.style import ROLES, SeriesStyle, series_style
from outlearn.results.label_gain import WAYS, LabelGain
from outlearn.results.measurement import Withheld
from outlearn.results.run import RunResults
from outlearn.results.selection import Companion, Selection, Shares, TrueLabelsUsed

__all__ = [
    "AUTO", "label_gain_finding", "label_gain_table", "selection_facts", "selection_figure", "selection_finding",
]  # fmt: skip

AUTO = "auto"
SHOWN = 6  # class shares in a line


def selection_finding(results: RunResults) -> str:
    """Say what each recipe chose, at what cost of not knowing the labels, and where its assumptions look broken."""
    return " ".join(_finding(selection) for selection in results.selections.values())


def _finding(selection: Selection) -> str:
    n, m = len(selection.candidates), len(selection.members)
    chosen = selection.chosen.name
    what = f"answers with the mean of {m} of {n} candidates, chosen" if m > 1 else f"chose one of {n} candidates"
    words = f"{selection.recipe} {what} by the {_criterion(selection.criterion)} and {_truth(selection.true_labels)}"
    words += f"; first among them: {chosen}" if m > 1 else f": {chosen}"
    regret = selection.judged.regret
    lost = format_number(regret, "percent")
    if regret <= 0:
        words += ". No single candidate is more accurate on the test points."
    elif float(lost) == 0:
        words += ". No single candidate is more accurate on the test points by a tenth of a point."
    else:
        best = "that one alone" if selection.judged.best.name == chosen else selection.judged.best.name
        words += f". In hindsight {best} is {lost} points more accurate on the test points (one seed, no interval)."
    if selection.companion is not None and selection.companion.weight == 1:
        words += (
            " A trained head answers in place of these candidates, for its students are in more consensus "
            f"({format_number(selection.companion.consensus.own, 'ratio')} against "
            f"{format_number(selection.companion.consensus.without, 'ratio')})."
        )
    given = "Its intervals are for new points, given this choice and the labels it learned from."
    return " ".join((words, *([given] if selection.source != EACH else []), *selection.warnings))


def label_gain_finding(results: RunResults) -> str:
    """Say what the true labels that are used have brought, and what the next would bring."""
    found = [each.label_gain for each in results.selections.values() if each.label_gain is not None]
    return " ".join(
        f"What more true labels would bring is not known: {gain.reason}"
        if isinstance(gain, Withheld)
        else " ".join(gain.sentences)
        for gain in found
    )


def label_gain_table(gain: LabelGain) -> Table:
    """Show what true labels bring, and where."""
    rows: list[tuple[Cell, ...]] = [
        (f"the {gain.n_labels:,} that are there, against none", gain.brought),
        (f"the next {gain.n_next:,}, of random points, foreseen", gain.next),
    ]
    rows += [(f"a quarter at {WAYS[way]}, against a quarter at random", each) for way, each in gain.picked.items()]
    return Table(
        "What true labels bring to auto",
        (Column("true labels"), Column("accuracy, points", "points")),
        tuple(rows),
        (
            "Answers taught by quarters of the labels and by all of them, judged at points that taught them nothing; "
            "errors are taken to fall as a power of the number of labels.",
        ),
    )


def selection_facts(selection: Selection) -> tuple[tuple[str, str], ...]:
    """List the parts of a recipe that were used, and its cost."""
    families = dict.fromkeys(each.family for each in selection.members)
    counts = [f"{sum(each.family == family for each in selection.members)} {family}" for family in families]
    return (
        ("recipe", selection.recipe),
        ("learned from", "each teacher" if selection.source == EACH else COMBINATIONS[selection.source].of_teachers),
        ("criterion", _criterion(selection.criterion)),
        ("students and labelers share the same", f"cosine {format_number(selection.alignment, 'ratio')}"),
        ("answer", FORMS[selection.form].label),
        ("members", ", ".join(counts)),
        *((("a trained head", _companion(selection.companion)),) if selection.companion is not None else ()),
        ("true labels", _truth(selection.true_labels)),
        ("class shares", _shares(selection.shares)),
        ("calibrated by other labelers", f"logits × {format_number(selection.calibration.factor, 'ratio')}"),
        ("students made", f"{selection.students_trained:,}"),
    )


def _companion(head: Companion) -> str:
    part = "not used" if head.weight == 0 else f"{head.weight:.0%} of the say"
    agreed = head.consensus
    without, answer, own = (format_number(each, "ratio") for each in (agreed.without, agreed.answer, agreed.own))
    return f"{part} ({head.name}; consensus of the answer {answer}, without it {without}, of it alone {own})"


def _truth(used: TrueLabelsUsed) -> str:
    if used.use == "none":
        return "without a true label"
    return f"{used.n:,} true labels of the validation split" + (
        ", and learned from these" if used.use == "learn" else ""
    )


def _shares(shares: Shares) -> str:
    if not shares.values:
        return "as the students have them"
    shown = ", ".join(format_number(share, "percent") for share in shares.values[:SHOWN])
    return f"{SHARE_SOURCES[shares.source].label}: {shown}{', ...' if len(shares.values) > SHOWN else ''} %"


def selection_figure(results: RunResults, recipe: str = AUTO) -> Figure | None:
    """Show every candidate: the criterion that chose against its accuracy on the test points."""
    selection = results.selections.get(recipe)
    if selection is None or not selection.candidates:
        return None
    candidates, accuracy, criterion = selection.candidates, selection.judged.accuracy, _criterion(selection.criterion)
    values = [candidate.values[selection.criterion] for candidate in candidates]
    by_kind: dict[str, list[int]] = {}
    for k, candidate in enumerate(candidates):
        if math.isfinite(values[k]):
            by_kind.setdefault(candidate.kind, []).append(k)

    def dots(title: str, look: SeriesStyle, which: Sequence[int], size: float) -> Dots:
        hover = [
            f"{candidates[k].name}: {criterion} {format_number(values[k], 'signed')}, "
            f"accuracy {format_number(accuracy[k], 'percent')}%"
            for k in which
        ]
        return Dots(title, look, [values[k] for k in which], [100 * accuracy[k] for k in which], hover=hover, size=size)

    names = {member.name for member in selection.members}
    members = [k for k, each in enumerate(candidates) if each.name in names]
    marks: list[Mark] = [dots(kind, series_style(k), which, 7) for k, (kind, which) in enumerate(by_kind.items())]
    marks.append(dots("members of the answer", ROLES["ceiling"], members, 12))
    marks.append(Rule(ROLES["student"], y=100 * selection.judged.answer_accuracy))
    teacher = point_estimate(results.teacher.accuracy)
    if teacher is not None:
        marks.append(Rule(ROLES["teacher"], y=100 * teacher))
    judged = selection.judged.by_criterion.get(selection.criterion)
    rho = None if judged is None else point_estimate(judged.rank_correlation)
    told = "cannot be told" if rho is None else f"is {rho:.2f}"
    return Figure(
        f"selection-{recipe}",
        f"The choice without labels: {recipe}",
        Chart((Panel(Axis(criterion), Axis("accuracy, % (hindsight)"), tuple(marks)),), panel_height=380),
        f"The rank correlation of the {criterion} with accuracy over {len(candidates)} candidates {told} here.",
        "Each mark is one candidate, the mean over its students; dashed lines are the answer and the mean teacher.",
        _table(selection),
    )


def _table(selection: Selection) -> Table:
    """Show what each criterion would have put first."""
    judged = selection.judged
    rows: list[tuple[Cell, ...]] = [
        (_criterion(name), choice.chosen.name, choice.accuracy, choice.rank_correlation)
        for name, choice in judged.by_criterion.items()
    ]
    rows.append(("the best in hindsight", judged.best.name, judged.best.accuracy, None))
    rows.append(("the answer", FORMS[selection.form].label, judged.answer_accuracy, None))
    columns = (
        Column("chosen by"),
        Column("candidate"),
        Column("accuracy", "percent"),
        Column("rank correlation", "signed"),
    )
    return Table("What each criterion would have put first", columns, tuple(rows))


def _criterion(name: str) -> str:
    return CRITERIA[name].label if name in CRITERIA else name
