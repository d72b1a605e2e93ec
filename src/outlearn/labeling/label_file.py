"""From a table of texts to the same table with labels of a language model. What `outlearn label` calls."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from outlearn.core.log_space import log_normalise
from outlearn.core.randomness import generator
from outlearn.data.formats import read_label_file
from outlearn.data.raw_table import RawTable
from outlearn.data.task import PAIR_NAMES
from outlearn.errors import ConfigError, DataError, StoreError, suggest
from outlearn.experiment.stages.prompt_scores import PromptedModel, Scores, read_scores, score_stages
from outlearn.experiment.stages.prompted import calibrated
from outlearn.labeling.true_rows import NO_LABELS, not_shown, true_labels
from outlearn.language_models.calibration import CONTENT_FREE
from outlearn.language_models.examples import draw_examples
from outlearn.language_models.prompts import Prompt, Texts
from outlearn.learners.prompting import PromptLearner
from outlearn.progress import Progress, Silent
from outlearn.results.writing import write_file
from outlearn.store.stage import StageRunner
from outlearn.store.store import Store

__all__ = ["LabelColumn", "LabeledFile", "default_templates", "label_file"]

ID = "id"


@dataclass(frozen=True, eq=False)
class LabelColumn:
    """What one prompt of one model says of every row.

    Attributes:
        name: of the column.
        asked: the template.
        probs: of the classes; of a gap too, though it is not written.
        answered: where the model would say a class word at all.
        n_cut: how many texts were too long.
        n_shown: how many rows were shown as examples, and are gaps.
    """

    name: str
    asked: str
    probs: Float[np.ndarray, "rows classes"]
    answered: Bool[np.ndarray, " rows"]
    n_cut: int
    n_shown: int


@dataclass(frozen=True, eq=False)
class LabeledFile:
    """What `label_file` did.

    Attributes:
        out: the table that was written.
        class_names: in order.
        columns: one a labeler.
    """

    out: Path
    class_names: tuple[str, ...]
    columns: tuple[LabelColumn, ...]

    def __str__(self) -> str:
        """Say what the labels look like, before anybody trusts them."""
        width = max(len(column.name) for column in self.columns)
        lines = []
        for column in self.columns:
            votes = np.bincount(column.probs[column.answered].argmax(axis=1), minlength=len(self.class_names))
            shares = votes / max(votes.sum(), 1)
            said = ", ".join(f"{name} {share:.1%}" for name, share in zip(self.class_names, shares, strict=True))
            gaps, cut = int((~column.answered).sum()), column.n_cut
            shown = f", {column.n_shown:,} of them shown as examples" if column.n_shown else ""
            more = (f"; {gaps:,} gaps{shown}" if gaps else "") + (f"; {cut:,} texts cut" if cut else "")
            lines.append(f"{column.name:<{width}}  {said}{more}   {json.dumps(column.asked, ensure_ascii=False)}")
        return "\n".join(lines)


def label_file(
    table: str | Path,
    *,
    class_names: Sequence[str],
    learner: Callable[[Sequence[str]], PromptLearner],
    out: Path,
    store: Store,
    text_column: str = "text",
    pair_columns: tuple[str, str] | None = None,
    true_column: str | None = None,
    minimum_mass: float = 0.0,
    progress: Progress | None = None,
) -> LabeledFile:
    """Ask a language model about every row, and write the table with a column of probabilities for each question.

    What was asked is kept in the store: a second call, or one after a kill, asks only what is missing.

    Args:
        table: CSV, JSON lines or Parquet.
        class_names: in order; of pairs chosen and rejected.
        learner: templates of the classes -> the models and questions; see `default_templates`.
        out: a CSV file.
        store: of what was asked.
        text_column: of the texts.
        pair_columns: of the two texts of a pair instead.
        true_column: of true labels, empty in most rows, for calibration: labels, and for the examples of `shots`, whose
            rows are gaps: the model has seen their answers.
        minimum_mass: the least probability of all class words together; below it the model would say something else,
            and the row is a gap.
        progress: where to report.

    Raises:
        ConfigError, DataError: for input that cannot be used.
        StoreError: if `out` holds something else, or is no file.
    """
    if out.exists() and not out.is_file():  # before the model is asked; a device might be read without end
        raise StoreError(f"{str(out)!r} is a folder, a pipe or a device; give a file, such as labels.csv.")
    raw = read_label_file(Path(table).expanduser())
    names = PAIR_NAMES if pair_columns else tuple(class_names)
    settings = learner(default_templates(names, pairs=pair_columns is not None))
    kind = "preference" if pair_columns else "classification"
    settings.check_templates(kind)
    texts = _texts_of(raw, pair_columns or (text_column,))
    calibration = settings.calibration_of(kind)
    nothing: list[Texts] = [(text,) for text in CONTENT_FREE] if calibration == "content_free" else []
    wants_labels = calibration == "labels" or settings.shots > 0
    rows, labels = true_labels(raw, true_column, names) if wants_labels else NO_LABELS
    examples = draw_examples(
        rows,
        labels,
        names,
        settings.shots,
        generator(0, "examples"),
        key="--shots",
        where=f"column {true_column!r}",
        remedy="Show fewer, or label more rows.",
    )
    shown = np.array([row for row, _ in examples], dtype=np.int64)
    rows, labels = not_shown(rows, labels, shown, names) if calibration == "labels" else NO_LABELS
    runner = StageRunner(store, progress or Silent())
    found = []
    for name, model, template in _labelers(settings, raw.columns):
        before = tuple((texts[row], label) for row, label in examples)
        prompt = Prompt(template, settings.words(names), before, settings.chat, settings.max_length, settings.cut)
        stages = score_stages(model, prompt, [*texts, *nothing])
        scores = read_scores({key: runner.result(stage) for key, stage in stages.items()}, stages)
        said = scores.log_probs[: len(texts)]
        logits = calibrated(
            said,
            calibration,
            fitted_on=said,
            of_nothing=scores.log_probs[len(texts) :] if nothing else None,
            labeled=(said[rows], labels),
            shares=settings.class_shares(names),
        )
        found.append(_column(name, template, logits, scores, minimum_mass, len(texts), shown))
    _write(out, raw, names, found)
    return LabeledFile(out, names, tuple(found))


def default_templates(class_names: Sequence[str], *, pairs: bool = False) -> tuple[str, ...]:
    """Ask in three ways; of pairs in one. Labelers that differ by their words alone still err together.

    Examples:
        >>> default_templates(["no", "yes"])[0]
        'Text: {text}\\nLabel (no or yes):'
    """
    if pairs:
        return ("A: {a}\n\nB: {b}\n\nWhich is better, A or B? The better one is",)
    listed = ", ".join(class_names[:-1]) + f" or {class_names[-1]}"
    return (
        f"Text: {{text}}\nLabel ({listed}):",
        f"Classify the text as {listed}.\n\n{{text}}\n\nClass:",
        f'Question: Is "{{text}}" {listed}?\nAnswer:',
    )


def _labelers(settings: PromptLearner, taken: Mapping[str, Any]) -> list[tuple[str, PromptedModel, str]]:
    """Name a column for each model and template."""
    found = []
    for model in (PromptedModel(name, settings) for name in settings.model):
        found += [(f"{model.label} {t}", model, each) for t, each in enumerate(settings.templates, 1)]
    for name, _, _ in found:
        if name in taken:
            raise DataError(f"the table has a column {name!r} already, where labels would go. Rename it.")
    return found


def _texts_of(raw: RawTable, columns: Sequence[str]) -> list[Texts]:
    """Read the texts of each row."""
    errors = raw.errors()
    for column in columns:
        if column not in raw.columns:
            errors.add(f"no column {column!r} with texts; {suggest(column, raw.columns)} Name it: --text-column.")
    errors.raise_if_any()
    for column in columns:
        for cell, at in raw.cells(column):
            if not isinstance(cell, str) or not cell.strip():
                errors.add(f"is {cell!r}; expected a text. Fill it or drop the row.", at=at, column=column)
    errors.raise_if_any()
    return list(zip(*(raw.columns[column] for column in columns), strict=True))


def _column(
    name: str,
    template: str,
    logits: np.ndarray,
    scores: Scores,
    minimum_mass: float,
    n_rows: int,
    shown: Int[np.ndarray, " shown"],
) -> LabelColumn:
    # Class words are different events, so their probabilities add up.
    mass = np.exp(scores.log_probs[:n_rows]).sum(axis=1)
    answered = (mass >= minimum_mass) & ~np.isin(np.arange(n_rows), shown)
    if not answered.any():
        raise ConfigError(
            f"no text gives the class words a probability of {minimum_mass:g} together after {template!r}; the largest "
            f"is {mass.max():.3g}. Lower --minimum-mass, or ask so that the words fit."
        )
    probs, n_cut = np.exp(log_normalise(logits)), int(scores.cut[:n_rows].sum())
    return LabelColumn(name, template, probs, answered, n_cut, len(shown))


def _write(out: Path, raw: RawTable, names: Sequence[str], columns: Sequence[LabelColumn]) -> None:
    """Write the table with its new columns; ids from 0, as points without ids are counted, where it has none."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    own_ids = ID not in raw.columns
    writer.writerow([*([ID] if own_ids else []), *raw.columns, *(column.name for column in columns)])
    for row in range(len(raw)):
        given = [_cell(raw.columns[name][row]) for name in raw.columns]
        said = [_label(column.probs[row], names) if column.answered[row] else "" for column in columns]
        writer.writerow([*([row] if own_ids else []), *given, *said])
    content = text.getvalue().encode()
    if out.exists() and out.read_bytes() != content:
        raise StoreError(
            f"{str(out)!r} exists and holds something else. Choose another --out, or remove it; what was asked is kept."
        )
    out.parent.mkdir(parents=True, exist_ok=True)
    write_file(out, content)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _label(probs: Float[np.ndarray, " classes"], names: Sequence[str]) -> str:
    """Write a distribution by class name; rounded numbers that still sum to 1."""
    rounded = [round(float(p), 6) for p in probs[:-1]]
    return json.dumps(dict(zip(names, [*rounded, round(1 - sum(rounded), 6)], strict=True)), ensure_ascii=False)
