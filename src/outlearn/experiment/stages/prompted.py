"""Teachers that are prompts: a language model is asked about every point, and what it says is calibrated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from outlearn.core.randomness import generator
from outlearn.data.splits import Splits
from outlearn.data.task import Task
from outlearn.errors import ConfigError
from outlearn.experiment.config import TeacherSection
from outlearn.experiment.points import splits_fingerprint
from outlearn.experiment.stages.prompt_scores import PromptedModel, Scores, forget_model, read_scores, score_stages
from outlearn.experiment.stages.teachers import LABELED
from outlearn.language_models.calibration import CONTENT_FREE, content_free, from_labels, matched_shares
from outlearn.language_models.examples import draw_examples
from outlearn.language_models.prompts import Prompt, Texts
from outlearn.learners.prompting import PromptLearner
from outlearn.store.stage import Entries, Stage, Work
from outlearn.store.store import Entry

__all__ = ["PromptedTeachers", "calibrated", "notes_on_prompts", "prompted_teachers"]

VERSION = 1
CUT = "texts cut"


@dataclass(frozen=True, eq=False)
class PromptedTeachers:
    """What prompts say of the student, validation and test points.

    Attributes:
        stage: the labels, stored as those of teachers that were trained here.
        names: one a teacher.
        notes: what a reader should know, in sentences.
    """

    stage: Stage
    names: tuple[str, ...]
    notes: tuple[str, ...]


def prompted_teachers(
    task: Task, splits: Splits, learner: PromptLearner, section: TeacherSection, *, seed: int
) -> PromptedTeachers:
    """Lay out the questions to every model, with every template and draw of examples.

    Examples, and the true labels of `calibration: labels`, come from the teacher split.

    Raises:
        ConfigError: if the task has no texts, a template or the classes do not fit it, or true labels are too few.
    """
    if task.texts is None and task.pairs is None:
        raise ConfigError(f"learner.kind: prompt reads texts, and task {task.name!r} has none. Use convex or adamw.")
    learner.check_templates(task.kind)
    calibration = learner.calibration_of(task.kind)
    words, shares = learner.words(task.class_names), learner.class_shares(task.class_names)
    if calibration == "content_free" and task.kind == "preference":
        raise ConfigError(
            "calibration: content_free has no meaning for pairs, whose orders are averaged. Leave it out."
        )
    examples = [_examples(task, splits, learner, draw, seed) for draw in range(learner.draws)]
    used = {point for draw in examples for point, _ in draw}
    labeled = _calibration_points(task, splits, section, used, seed) if calibration == "labels" else np.array([], int)
    parts = [getattr(splits, name) for name in LABELED]
    # What is said of a point does not depend on the split, unless examples do: another seed asks nothing anew.
    points = np.arange(task.n_points) if not learner.shots else np.unique(np.concatenate([*parts, labeled]))
    asked = [_texts(task, i) for i in points.tolist()]
    nothing: list[Texts] = [(text,) for text in CONTENT_FREE] if calibration == "content_free" else []
    inputs: dict[str, Stage] = {}
    questions: list[_Question] = []
    for model in (PromptedModel(name, learner) for name in learner.model):
        for t, template in enumerate(learner.templates):
            for d, draw in enumerate(examples):
                shown = tuple((_texts(task, point), label) for point, label in draw)
                prompt = Prompt(template, words, shown, learner.chat, learner.max_length, learner.cut)
                of_points = score_stages(model, prompt, asked, first=len(inputs))
                of_nothing = score_stages(model, prompt, nothing, first=len(inputs) + len(of_points))
                inputs |= {**of_points, **of_nothing}
                name = _name(model, t, d if learner.draws > 1 else None)
                questions.append(_Question(name, of_points, of_nothing))

    def compute(entries: Entries, work: Work) -> dict[str, np.ndarray]:
        forget_model()  # all is asked, and students need the memory
        logits, n_cut = [], []
        for question in questions:
            scores = read_scores(entries, question.of_points)

            def said_of(rows: np.ndarray, scores: Scores = scores) -> np.ndarray:
                return scores.log_probs[np.searchsorted(points, rows)]

            logits.append(
                calibrated(
                    said_of(np.concatenate(parts)),
                    calibration,
                    fitted_on=said_of(splits.student),
                    of_nothing=read_scores(entries, question.of_nothing).log_probs if nothing else None,
                    labeled=(said_of(labeled), task.labels[labeled]),
                    shares=shares,
                )
            )
            n_cut.append(int(scores.cut[np.searchsorted(points, np.concatenate(parts))].sum()))
        of_split = np.split(np.stack(logits), np.cumsum([len(part) for part in parts])[:-1], axis=1)
        return {**{name: part[None] for name, part in zip(LABELED, of_split, strict=True)}, CUT: np.array(n_cut)}

    settings: dict[str, Any] = {
        "calibration": calibration,
        "shares": shares,
        "labeled": [(point, int(task.labels[point])) for point in labeled.tolist()],
        "points": None if not learner.shots else points.tolist(),
        "questions": [(len(each.of_points), len(each.of_nothing)) for each in questions],
    }
    read: dict[str, Stage | str] = {**inputs, "splits": splits_fingerprint(splits)}
    stage = Stage("prompted teachers", VERSION, settings, read, compute, alone=True)
    names = tuple(question.name for question in questions)
    return PromptedTeachers(stage, names, _notes(task, learner, calibration, len(names), len(labeled)))


@dataclass(frozen=True, eq=False)
class _Question:
    """The stages that ask one question: of every point, and of inputs without content if they calibrate."""

    name: str
    of_points: Mapping[str, Stage]
    of_nothing: Mapping[str, Stage]


def calibrated(
    log_probs: Float[np.ndarray, "points classes"],
    calibration: str,
    *,
    fitted_on: Float[np.ndarray, "unlabeled classes"],
    of_nothing: Float[np.ndarray, "inputs classes"] | None,
    labeled: tuple[Float[np.ndarray, "labeled classes"], Int[np.ndarray, " labeled"]],
    shares: Sequence[float] | None,
) -> Float[np.ndarray, "points classes"]:
    """Return logits of the classes; each way of calibration uses its own of the keyword arguments."""
    if calibration == "content_free" and of_nothing is not None:
        return content_free(log_probs, of_nothing)
    if calibration == "shares":
        return log_probs + matched_shares(fitted_on, shares)
    if calibration == "labels":
        scale, constants = from_labels(*labeled)
        return scale * log_probs + constants
    return log_probs


def notes_on_prompts(entry: Entry) -> tuple[str, ...]:
    """Say how many texts were too long for a prompt; nothing of teachers that are none."""
    counts = entry.arrays.get(CUT)
    if counts is None or not counts.max():
        return ()
    return (
        f"Up to {int(counts.max()):,} texts a prompt were longer than teacher.learner.max_length leaves room for, and "
        "were cut (teacher.learner.cut says at which end).",
    )


def _texts(task: Task, point: int) -> Texts:
    if task.pairs is not None:
        return task.pairs[point]
    return (task.texts[point],) if task.texts is not None else ()


def _examples(task: Task, splits: Splits, learner: PromptLearner, draw: int, seed: int) -> list[tuple[int, int]]:
    """Draw points of the teacher split with their labels."""
    return draw_examples(
        splits.teacher,
        task.labels[splits.teacher],
        task.class_names,
        learner.shots,
        generator(seed, "examples", draw),
        key="learner.shots",
        where="the teacher split",
        remedy="Show fewer, or raise data.fractions.teacher.",
    )


def _calibration_points(
    task: Task, splits: Splits, section: TeacherSection, used: set[int], seed: int
) -> Int[np.ndarray, " points"]:
    """Draw `teacher.labels` points of the teacher split that are no examples."""
    free = np.array([i for i in splits.teacher.tolist() if i not in used and task.labeled[i]], dtype=np.int64)
    if len(free) < section.labels:
        raise ConfigError(
            f"teacher.labels is {section.labels:,}, for calibration: labels, and the teacher split has {len(free):,} "
            "points to draw from. Lower it, or raise data.fractions.teacher."
        )
    return np.sort(generator(seed, "calibration").permutation(free)[: section.labels])


def _name(model: PromptedModel, template: int, draw: int | None) -> str:
    """Name a teacher by what it is."""
    return f"{model.label}, prompt {template + 1}" + ("" if draw is None else f", examples {draw + 1}")


def _notes(task: Task, learner: PromptLearner, calibration: str, n_teachers: int, n_labels: int) -> tuple[str, ...]:
    """Say what the teachers are, and what they assume."""
    shown = f"{learner.shots} examples with true labels" if learner.shots else "no true label"
    notes: tuple[str, ...] = (
        f"The {n_teachers} teachers are prompts of {', '.join(learner.model)}, which show {shown}.",
    )
    if calibration == "shares":
        equal = "equal" if learner.shares is None else "the given"
        notes += (
            f"They are calibrated so that each labels the student split in {equal} class shares "
            f"(teacher.learner.shares): where the true shares differ, so do their labels from the truth.",
        )
    if calibration == "labels":
        notes += (f"They are calibrated on {n_labels:,} true labels of the teacher split.",)
    return notes
