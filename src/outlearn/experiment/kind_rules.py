"""What a configuration may ask of a task of each kind: numbers have losses, learners and divergences of their own."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from outlearn.core.generators import GENERATORS
from outlearn.core.generators.fitting import NUMBER_GENERATORS
from outlearn.core.labelers.combinations import COMBINATIONS, EACH, NUMBER_COMBINATIONS
from outlearn.core.labelers.recipes import recipe_of
from outlearn.core.students.criteria import CRITERIA
from outlearn.data.load import DATASETS
from outlearn.data.task_kinds import TASK_KINDS, TaskKind
from outlearn.errors import suggest
from outlearn.learners.learner import Learner
from outlearn.learners.registry import LEARNERS
from outlearn.losses import LOSSES, NUMBER_LOSSES, NumberLoss, get_loss
from outlearn.selection.number_choice import NUMBER_CRITERIA

__all__ = ["Asked", "kind_of", "problems_of_kind"]

AUTO = "auto"


def kind_of(data: Mapping[str, object]) -> TaskKind:
    """Return the kind of a task as its configuration says it: a pair of texts is told from a text by the data alone.

    Examples:
        >>> kind_of({"name": "diabetes"}).name, kind_of({"path": "a.csv"}).name
        ('regression', 'classification')
    """
    named = data.get("task")
    if isinstance(named, str) and named in TASK_KINDS:
        return TASK_KINDS[named]
    built_in = DATASETS.get(str(data.get("name")))
    return TASK_KINDS["classification" if built_in is None else built_in.task_kind]


@dataclass(frozen=True)
class Asked:
    """What a configuration asks for that depends on the kind of the task.

    Attributes:
        kind: of the task.
        learners: of who is trained, by section.
        losses: as in `student.loss`.
        generator, source, criterion: of the sections `measure`, `weak_labels` and `student`.
        weak_kind, true_labels, rounds: of classes alone, where they are not the default.
    """

    kind: TaskKind
    learners: Mapping[str, Learner]
    losses: Sequence[object]
    generator: str
    source: str
    criterion: str
    weak_kind: str
    true_labels: str
    rounds: int


def problems_of_kind(asked: Asked) -> Iterator[str]:
    """Say what does not fit the kind of the task, each with what would."""
    kind = asked.kind
    able = [name for name, learner in LEARNERS.items() if _learns(learner, kind)]
    for who, learner in asked.learners.items():
        if not _learns(learner, kind):
            yield _other(f"{who}.learner.kind: {learner.kind}", kind, able)
        elif kind.numeric and learner.unfit_for_numbers:
            yield f"{who}.learner: {learner.unfit_for_numbers}"
    losses = [get_loss(spec) for spec in asked.losses if recipe_of(spec) is None]
    for loss in losses:
        if isinstance(loss, NumberLoss) != kind.numeric:
            yield _other(f"student.loss: {loss.name}", kind, NUMBER_LOSSES if kind.numeric else LOSSES)
    chosen: tuple[tuple[str, str, Collection[str]], ...] = (
        (
            "measure.generator",
            asked.generator,
            NUMBER_GENERATORS if kind.numeric else [name for name, each in GENERATORS.items() if each.in_runs],
        ),
        ("weak_labels.source", asked.source, [EACH, *(NUMBER_COMBINATIONS if kind.numeric else COMBINATIONS)]),
        ("student.criterion", asked.criterion, NUMBER_CRITERIA if kind.numeric else CRITERIA),
    )
    for key, value, allowed in chosen:
        if value not in allowed:
            yield _other(f"{key}: {value}", kind, allowed)
    if kind.numeric:
        yield from _numbers_alone(asked, [loss for loss in losses if isinstance(loss, NumberLoss)])


def _numbers_alone(asked: Asked, losses: Sequence[NumberLoss]) -> Iterator[str]:
    """Say what is of classes only, and which losses leave the domain of the divergence."""
    if asked.weak_kind != "soft":
        yield f"weak_labels.kind: {asked.weak_kind} is of classes; numbers are taught as they are (soft)"
    recipes = [recipe.name for recipe in filter(None, map(recipe_of, asked.losses))]
    if any(name != AUTO for name in recipes):
        yield f"student.loss: auto_single chooses among losses of classes; for numbers use {AUTO}"
    if asked.true_labels != "none":
        yield f"student.true_labels: {asked.true_labels} is of classes; leave it out"
    if asked.rounds:
        yield f"student.rounds: {asked.rounds} mixes and sharpens probabilities of classes; leave it out"
    if asked.generator == "squared_euclidean":
        return
    free = [loss.name for loss in losses if loss.link == "identity"] + [name for name in recipes if name == AUTO]
    takes = [name for name, loss in NUMBER_LOSSES.items() if loss.link == "log"]
    for name in free:
        yield (
            f"student.loss: {name} may predict any number, and measure.generator: {asked.generator} takes positive "
            f"ones; use {', '.join(takes[:-1])} or {takes[-1]}, or measure.generator: squared_euclidean"
        )


def _learns(learner: Learner | type[Learner], kind: TaskKind) -> bool:
    return learner.of_numbers if kind.numeric else learner.of_classes


def _other(what: str, kind: TaskKind, allowed: Iterable[str]) -> str:
    """Say that something is of the other kind."""
    named = what.rpartition(": ")[2]
    hint = "" if kind.numeric else " If labels are numbers to predict, set data.task: regression."
    of = "classes" if kind.numeric else "numbers"
    known = suggest(named, allowed)
    return f"{what} is of {of}, and the task is {kind.label}; {known}{hint}"
