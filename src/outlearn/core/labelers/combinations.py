"""Ways to make one labeler of several teachers; each is a thing that knows its name, its words and its formula.

What a combination has to estimate (weights, confusions) it estimates from predictions on one set of points, and then
applies to any points of the same teachers: no true label is used.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from outlearn.core.labelers.dawid_skene import dawid_skene
from outlearn.core.labelers.teacher_weights import teacher_weights
from outlearn.core.predictions import Predictions

__all__ = ["COMBINATIONS", "EACH", "Combination", "combined", "label_of", "label_source"]

EACH = "each"  # no combination: every teacher labels for students of its own


@dataclass(frozen=True)
class Combination:
    """Describe one way to combine teachers.

    Attributes:
        name: in configurations, results and files.
        label: for people, as in "ensemble, LABEL".
        line: for tables in docs: what it is.
        formula: what it says, of teachers' probabilities p_i.
        estimates: what it takes from the predictions that it is fitted on.
        fit: teachers on the points to estimate from -> what combines the same teachers on any points into one model.
        phrase: for sentences, as in "the PHRASE of the teachers"; the label where it is empty.
    """

    name: str
    label: str
    line: str
    formula: str
    estimates: str
    fit: Callable[[Predictions], Callable[[Predictions], Predictions]]
    phrase: str = ""

    @property
    def of_teachers(self) -> str:
        """What it makes of the teachers, in a sentence."""
        return f"{self.phrase or self.label} of the teachers"


COMBINATIONS: dict[str, Combination] = {
    each.name: each
    for each in (
        Combination(
            name="mean",
            label="mean",
            line="arithmetic mean: the primal posterior mean of equally likely teachers",
            formula="q = mean_i p_i",
            estimates="nothing",
            fit=lambda fit_on: Predictions.mean,
            phrase="plain mean",
        ),
        Combination(
            name="dual_mean",
            label="geometric mean",
            line="normalised geometric mean: the dual posterior mean of equally likely teachers",
            formula="log q = mean_i log p_i, normalised",
            estimates="nothing",
            fit=lambda fit_on: Predictions.dual_mean,
        ),
        Combination(
            name="weighted",
            label="weighted mean",
            line="mean with weights from agreement, for independent teachers",
            formula="q = sum_i w_i p_i",
            estimates="w from Matthews correlations (`core/labelers/teacher_weights.py`)",
            fit=lambda fit_on: teacher_weights(fit_on).combine,
        ),
        Combination(
            name="dawid_skene",
            label="Dawid-Skene",
            line="posterior of the class under a confusion matrix for each teacher (Dawid and Skene 1979)",
            formula="q_k proportional to pi_k prod_i C_i[k, h_i]",
            estimates="class shares pi and confusions C by EM (`core/labelers/dawid_skene.py`)",
            fit=lambda fit_on: dawid_skene(fit_on).combine,
            phrase="Dawid-Skene combination",
        ),
    )
}


def label_of(name: str) -> str:
    """Return what people call a combination; its name where none is registered by it."""
    return COMBINATIONS[name].label if name in COMBINATIONS else name


def combined(teachers: Mapping[str, Predictions], name: str) -> dict[str, Predictions]:
    """Combine the teachers of each split into one labeler.

    Args:
        teachers: split -> the teachers' predictions; the split "student" is what weights are estimated on.
        name: a key of COMBINATIONS.
    """
    combine = COMBINATIONS[name].fit(teachers["student"])
    return {split: combine(each) for split, each in teachers.items()}


def label_source(teachers: Mapping[str, Predictions], source: str) -> dict[str, Predictions]:
    """Return the predictions that label the students' points, by split: each teacher's own, or one combination's."""
    return dict(teachers) if source == EACH else combined(teachers, source)
