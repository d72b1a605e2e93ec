"""The controls: the strong model on the true labels that the teachers had, tuned as the ceilings are.

Whoever has 200 true labels may train a weak teacher on them, let it label, and train a strong student; or train the
strong model on the 200 at once. If the second does better, the weak labels were a detour (Zhu et al., Weaker than you
think, ACL 2023). The curve over n true labels says what weak labels are worth in true ones (as Mallen and Belrose,
Balancing label quantity and quality, 2024, weigh both): true labels of the student split, for measuring alone.
"""

from __future__ import annotations

import math
from dataclasses import replace
from functools import lru_cache

import numpy as np
from jaxtyping import Float, Int

from outlearn.core.randomness import child_seed, generator
from outlearn.data.draws import stratified_orders
from outlearn.data.splits import Splits
from outlearn.data.task import Task
from outlearn.experiment.config import Config, TeacherSection
from outlearn.experiment.points import EVALUATED
from outlearn.experiment.stages.ceilings import ceiling_points
from outlearn.experiment.stages.finetuned import FinetunedModel
from outlearn.experiment.stages.frozen import FrozenModel
from outlearn.experiment.stages.teachers import teacher_draws
from outlearn.experiment.stages.training_spec import TrainingSpec
from outlearn.experiment.stages.tuned import TunedModels
from outlearn.learners.jobs import HeadJob
from outlearn.losses import Loss
from outlearn.selection.strengths import MANY_CLASSES
from outlearn.store.stage import Stage

__all__ = [
    "ALL_LABELS",
    "LABEL_CURVE",
    "OWN_LABELS",
    "curve_draws",
    "curve_sets",
    "curve_sizes",
    "finetuned_controls",
    "label_curve",
    "teachers_labels",
    "tuned_controls",
]

OWN_LABELS, ALL_LABELS, LABEL_CURVE = "control, own labels", "control, all labels", "label curve"
FEWEST = 25
# Draws of each number, whose spread enters the interval: few labels differ most between draws, and cost least.
FEWEST_DRAWS, MOST_DRAWS = 5, 12
# Where there are many classes, each head costs as many logits, and the first size has two labels of each class: there
# each number is drawn thrice. As sizes double up to half of all n labels, the draws hold 3 (n/2 + n/4 + ...) + n < 4 n.
DRAWS_OF_MANY_CLASSES = 3
STUDENTS_A_CONTROL = 2  # of each teacher, for its control to be at most a third of a run of fine-tuned models
VERSION = 1
WHOLE = 0.5  # of all labels: above this share draws have most of their labels in common


def teachers_labels(
    task: Task, splits: Splits, section: TeacherSection, *, seed: int
) -> dict[str, Float[np.ndarray, "sets points"]]:
    """Return sets of true labels, as weights of the teacher split: each teacher's own, and those of all together."""
    draws = teacher_draws(task, splits, section, seed=seed)
    return {OWN_LABELS: draws, ALL_LABELS: np.minimum(draws.sum(axis=0, keepdims=True), 1.0)}


def tuned_controls(
    task: Task, model: FrozenModel, section: TeacherSection, *, seed: int, common_scale: bool
) -> dict[str, TunedModels]:
    """Describe the strong model on each teacher's own true labels, and on those of all teachers, tuned on each set."""
    return {
        name: TunedModels(
            name,
            task,
            model,
            model.splits.teacher,
            sets,
            seeds=[child_seed(seed, name, m) for m in range(len(sets))],
            common_scale=common_scale,
        )
        for name, sets in teachers_labels(task, model.splits, section, seed=seed).items()
    }


def finetuned_controls(task: Task, model: FinetunedModel, config: Config, *, loss: Loss) -> dict[str, Stage]:
    """Describe the same for a model that is fine-tuned as a whole: as configured, in as many steps as a student takes.

    There are as many trainings as teachers and one more: they are left out where students are no more than teachers.
    """
    if len(config.student.loss) * config.student.seeds < STUDENTS_A_CONTROL:
        return {}
    stages = {}
    for name, sets in teachers_labels(task, model.splits, config.teacher, seed=config.seed).items():
        epochs = model.learner.epochs * len(model.splits.student) / float(sets.sum(axis=1).mean())
        learner = model.learner.model_copy(update={"epochs": epochs})
        stages[name] = replace(model, learner=learner).train(
            TrainingSpec(
                name=name,
                version=VERSION,
                split="teacher",
                predict=EVALUATED,
                jobs=tuple(
                    HeadJob(0, loss, weighting=m, seed=child_seed(config.seed, name, m)) for m in range(len(sets))
                ),
                targets=lambda entries: task.true_targets(model.splits.teacher)[None],
                weights=sets,
                settings={},
                summary={"models": len(sets), "seed": config.seed},
                inputs={"task": task.fingerprint},
            )
        )
    return stages


def label_curve(
    task: Task, splits: Splits, model: FrozenModel, config: Config, *, common_scale: bool
) -> TunedModels | None:
    """Describe the strong model on more and more true labels; None where there are too few for two sizes.

    The labels are those that the ceilings learn from. Draws keep the classes' shares. There are as many of a number as
    `curve_draws` says.
    """
    points, sets = _curve_sets(task, splits, config.seed)
    if not len(sets):
        return None
    return TunedModels(
        LABEL_CURVE,
        task,
        model,
        points,
        sets,
        seeds=[child_seed(config.seed, "label curve", k) for k in range(len(sets))],
        common_scale=common_scale,
        predict=("test",),
    )


@lru_cache(maxsize=1)  # the runs of a sweep on the same points have the same
def _curve_sets(
    task: Task, splits: Splits, seed: int
) -> tuple[Int[np.ndarray, " points"], Float[np.ndarray, "sets points"]]:
    """Draw the points that ceilings learn from, and the labels of each draw as weights of these; none for one size."""
    points = ceiling_points(task, splits, seed=seed)
    return points, curve_sets(task.labels[points], n_classes=task.n_classes, seed=seed)


def curve_sets(labels: Int[np.ndarray, " points"], *, n_classes: int, seed: int) -> Float[np.ndarray, "sets points"]:
    """Draw more and more labels, each draw with its share of every class, as weights; none where there is one size."""
    sizes = curve_sizes(labels).tolist()
    draws = [(n, draw) for n in sizes for draw in range(curve_draws(n, len(labels), n_classes))]
    if len(sizes) < 2:
        return np.empty((0, len(labels)))
    orders = stratified_orders(labels, (generator(seed, "label curve", *each) for each in draws))
    sets = np.zeros((len(draws), len(labels)))
    for row, order, (n, _) in zip(sets, orders, draws, strict=True):
        row[order[:n]] = 1.0
    return sets


def curve_draws(n: int, n_labels: int, n_classes: int) -> int:
    """Count the draws of n true labels out of all there are; with more than 20 classes three, whatever n is.

    Examples:
        >>> [curve_draws(n, 2400, n_classes=2) for n in (25, 400, 800, 2400)]
        [12, 6, 5, 1]
        >>> [curve_draws(n, 2400, n_classes=150) for n in (300, 600, 1200, 2400)]
        [3, 3, 3, 1]
    """
    if n == n_labels:
        return 1
    if n_classes > MANY_CLASSES:
        return DRAWS_OF_MANY_CLASSES
    return min(MOST_DRAWS, max(FEWEST_DRAWS, n_labels // n))


def curve_sizes(labels: Int[np.ndarray, " points"]) -> Int[np.ndarray, " sizes"]:
    """List the numbers of true labels: doubling from 25, then all there are.

    The first is larger where it takes more to have two labels of each class, or two that are not of the commonest.

    Examples:
        >>> curve_sizes(np.arange(2400) % 2).tolist()
        [25, 50, 100, 200, 400, 800, 2400]
    """
    n = len(labels)
    counts = np.unique(labels, return_counts=True)[1]
    if len(counts) < 2:
        return np.zeros(0, dtype=np.int64)
    first = max(FEWEST, 2 * len(counts), math.ceil(2 * n / (n - counts.max())))
    doubled = [first * 2**k for k in range(n.bit_length()) if first * 2**k <= WHOLE * n]
    return np.array([*doubled, n] if doubled else [], dtype=np.int64)
