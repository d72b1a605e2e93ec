"""Look at a table of labels and say what it holds, what is wrong with it, and what to do next. Nothing is trained."""

from __future__ import annotations

import shlex
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from outlearn.core.intervals import Interval, check_level
from outlearn.core.labelers.agreement_coefficients import agreement_coefficients
from outlearn.data.class_names import spelling
from outlearn.data.column_roles import ColumnRoles, column_roles, roles_of_annotations
from outlearn.data.copies import about_copies
from outlearn.data.formats import read_label_file
from outlearn.data.label_cells import NEVER_A_CLASS, is_gap, label_cells
from outlearn.data.label_columns import LabelColumns, LongForm, long_form
from outlearn.data.label_table import UNLABELED, LabelTable
from outlearn.data.labeled_rows import read_labeled_rows
from outlearn.data.raw_table import RawTable
from outlearn.data.wording import normalise_name
from outlearn.preflight_checks.check_labels import MIN_POINTS, MIN_TRUE_LABELS
from outlearn.results.doctor import ColumnFacts, Diagnosis

__all__ = ["diagnose"]

LOW_ALPHA = 0.4  # below, labelers share less than half of what chance leaves open: read the guide before training
SHOWN = 4
# A twelfth or so of the true labels are for validation, each class at least once; and each is learned from and tested.
EACH_TRUE, OF_EACH_CLASS = 4, 13
MAY_BE_GAPS = ("?", "-", "--", "unknown", "unsure", "not sure", "undecided", "skip", "skipped", "missing")  # or classes


def diagnose(path: str | Path, *, columns: LabelColumns | None = None, level: float = 0.95, seed: int = 0) -> Diagnosis:
    """Say what a table of labels holds.

    What would be refused elsewhere, several spellings of a class, words for a missing label and -1, is named as a
    problem and mended for the numbers: the most common spelling stands for all, and the others are gaps.

    Args:
        path: a table with a column a labeler, or a row an annotation.
        columns: which column is what, where it is not to be found.
        level, seed: of the intervals of agreement.

    Raises:
        DataError: if the table cannot be read, or holds no column of labels.
    """
    check_level(level)
    given = columns or LabelColumns()
    raw = read_label_file(Path(path).expanduser())
    errors = raw.errors()
    form = long_form(raw, given)
    roles = column_roles(raw, given, errors) if form is None else roles_of_annotations(raw, form, given, errors)
    errors.raise_if_any()
    mended, problems = _mended(raw, _label_columns(roles, form))
    points, table = read_labeled_rows(mended, roles.columns, form, errors)
    errors.raise_if_any()
    facts = tuple(_facts(name, row, table) for name, row in zip(table.names, table.labels, strict=True))
    truth = None
    if table.true_labels is not None:
        truth = _facts(roles.columns.true or "true labels", table.true_labels, table)
    problems += [f"{each.name} has no label at all." for each in facts if each.most is None]
    others = [each.name for each in facts if each.n_labels >= MIN_POINTS]
    problems += [
        f"{each.name} has {each.n_labels} label{'s' if each.n_labels > 1 else ''}, too few to judge or to learn from: "
        f"leave it out (--labelers {shlex.quote(','.join(others))})."
        for each in facts
        if 0 < each.n_labels < MIN_POINTS <= table.n_points / 4 and others
    ]
    problems += [
        f"{each.name} always says {each.most[0]!r}, whatever the point."
        for each in facts
        if each.most is not None and each.n_classes < 2
    ]
    text = roles.columns.text
    texts = [cell for cell, _ in points.cells(text)] if text is not None and text in points.columns else []
    if without := sum(map(is_gap, texts)):
        who = "1 point has" if without == 1 else f"{without:,} points have"
        problems.append(f"{who} an empty text, in {text}: fill it, or drop the rows.")
    shared = (table.answered.sum(axis=0) > 1).sum()
    agreement: Mapping[str, Interval] = {}
    if len(table.names) > 1 and shared:
        agreement = agreement_coefficients(table.labels, table.n_classes, seed=seed, level=level)
    elif len(table.names) > 1:
        problems.append("No point has labels of two labelers, so that agreement is not known.")
    if agreement and agreement["krippendorff"].high < LOW_ALPHA:
        problems.append(
            f"Labelers agree little (alpha below {LOW_ALPHA}): they may read the task differently, or it is hard."
        )
    return Diagnosis(
        source=table.source,
        roles=_parts(roles, form, raw),
        n_points=table.n_points,
        class_names=table.class_names,
        labelers=facts,
        truth=truth,
        agreement=agreement,
        problems=tuple(problems),
        advice=(
            *(_about_doubtful(name, table) for name in table.class_names if normalise_name(name) in MAY_BE_GAPS),
            *about_copies([str(cell) for cell in texts if not is_gap(cell)]),
            *_advice(str(path), roles, table, truth, problems=bool(problems)),
        ),
        notes=(*table.notes, *roles.notes),
    )


def _label_columns(roles: ColumnRoles, form: LongForm | None) -> list[str]:
    of_labelers = list(roles.columns.labelers or ()) if form is None else [form.label]
    return [*of_labelers, *([roles.columns.true] if roles.columns.true else [])]


def _mended(raw: RawTable, names: list[str]) -> tuple[RawTable, list[str]]:
    """Write each class in one way and each gap as a gap; say what was written otherwise."""
    spellings: dict[str, Counter[str]] = defaultdict(Counter)
    words: Counter[str] = Counter()
    for name in names:
        for cell in label_cells(raw, name):
            if cell.kind in ("name", "number"):
                written = spelling(cell)
                if _is_word_for_gap(written):
                    words[written] += 1
                else:
                    spellings[normalise_name(written)][written] += 1
    several = {key: found for key, found in spellings.items() if len(found) > 1}
    problems = [
        f"One class is written in {len(found)} ways: {_counted(found)}. Write it in one." for found in several.values()
    ]
    if len(spellings) < 2:  # labels of 1 and -1 alone: a class, which is refused where labels are read
        words.pop(str(UNLABELED), None)
    problems += [_about_word(word, n) for word, n in words.items()]
    if not problems:
        return raw, []
    columns = dict(raw.columns)
    for name in names:
        cells: list[object] = []
        for cell in label_cells(raw, name):
            written = spelling(cell) if cell.kind in ("name", "number") else ""
            if written in words:
                cells.append(None)
            else:
                meant = several.get(normalise_name(written))
                cells.append(meant.most_common(1)[0][0] if meant else cell.raw)
        columns[name] = cells
    return replace(raw, columns=columns), problems


def _counted(found: Counter[str]) -> str:
    return ", ".join(f"{written!r} ({n:,})" for written, n in found.most_common(SHOWN))


def _is_word_for_gap(written: str) -> bool:
    return written.lower() in NEVER_A_CLASS or written == str(UNLABELED)


def _about_word(word: str, n_cells: int) -> str:
    what = f"{word!r} ({n_cells:,} cells)"
    if word == str(UNLABELED):
        return f"{what} is taken for a gap: leave the cell empty, or, if it is a class, write classes as names."
    return f"{what} marks a missing label: leave the cell empty."


def _rarest_true(table: LabelTable) -> tuple[str, int]:
    """Name the class with the fewest true labels, and count them."""
    counts = np.zeros(table.n_classes, dtype=np.int64)
    if table.true_labels is not None:
        counts = np.bincount(table.true_labels[table.true_labels != UNLABELED], minlength=table.n_classes)
    return table.class_names[int(counts.argmin())], int(counts.min())


def _about_doubtful(name: str, table: LabelTable) -> str:
    n_labels = int((table.labels == table.class_names.index(name)).sum())
    return f"{name!r} ({n_labels:,} labels) is a class here: if it means that there is no label, leave the cell empty."


def _facts(name: str, row: np.ndarray, table: LabelTable) -> ColumnFacts:
    given = row[row != UNLABELED]
    counts = np.bincount(given, minlength=table.n_classes)
    most = (table.class_names[int(counts.argmax())], float(counts.max() / len(given))) if len(given) else None
    return ColumnFacts(name, len(given), len(row) - len(given), int((counts > 0).sum()), most)


def _parts(roles: ColumnRoles, form: LongForm | None, raw: RawTable) -> dict[str, str]:
    """Say which column plays which part, in words."""
    columns = roles.columns
    parts = {"ids": columns.id or "none: points are numbered", "texts": columns.text or "none"}
    if form is None:
        parts["labelers"] = ", ".join(columns.labelers or ())
    else:
        parts |= {"annotators": form.annotator, "annotations": form.label}
    parts["true labels"] = columns.true or "none"
    if roles.left_out:
        parts["left out"] = ", ".join(roles.left_out)
    return parts


def _advice(
    path: str, roles: ColumnRoles, table: LabelTable, truth: ColumnFacts | None, *, problems: bool
) -> tuple[str, ...]:
    """Say what to do next, in the order of doing it."""
    advice = ["Mend what is named above first; then:"] if problems else []
    n_true = 0 if truth is None else truth.n_labels
    can_judge = len(table.names) > 1 or n_true >= MIN_TRUE_LABELS
    rarest = _rarest_true(table)
    can_run = n_true >= MIN_TRUE_LABELS and rarest[1] >= EACH_TRUE and n_true >= OF_EACH_CLASS * table.n_classes
    if n_true < MIN_TRUE_LABELS:
        advice.append(
            f"Give true labels to some 100 points drawn at random, in a column gold ({n_true} there now): nothing else "
            "tells whether labelers share an error, and a run needs some to test on."
        )
    elif not can_run:
        advice.append(
            f"Give more true labels: a run needs each of the {table.n_classes} classes in validation and in test, that "
            f"is, {EACH_TRUE} of each and some {OF_EACH_CLASS * table.n_classes} in all; there are {n_true}, and "
            f"{rarest[1]} of {rarest[0]!r}."
        )
    if can_judge and table.n_points >= MIN_POINTS:
        advice.append(f"Ask whether a student will beat the labelers: outlearn preflight {shlex.quote(path)}")
    if roles.columns.text is None:
        advice.append("Add the texts of the points, in a column text: without them no student can be trained.")
    elif can_run:
        # Beside complete true labels, columns that were found may be no labelers: a run asks.
        found = "labelers" in roles.found and n_true == table.n_points
        named = f" --labelers {shlex.quote(','.join(roles.columns.labelers or ()))}" if found else ""
        advice.append(f"Train students: outlearn run {shlex.quote(path)}{named}")
    return tuple(advice)
