"""Ways to make one labeler of several teachers; each is a thing that knows its name, its words and its formula.

What a combination has to estimate (weights, confusions) it estimates from predictions on one set of points, and then
applies to any points of the same teachers: no true label is used.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from outlearn.core.labelers.dawid_skene import dawid_skene
from outlearn.core.labelers.number_weights import precision_weights
from outlearn.core.labelers.teacher_weights import teacher_weights
from outlearn.core.numbers import Numbers
from outlearn.core.predictions import Predictions

__all__ = ["COMBINATIONS", "EACH", "NUMBER_COMBINATIONS", "Combination", "combined", "label_of", "label_source"]

Models = TypeVar("Models", Predictions, Numbers)

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
    fit: Callable[[Any], Callable[[Any], Any]]
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


# The same of numbers: there is no geometric mean of any number, and no confusion.
NUMBER_COMBINATIONS: dict[str, Combination] = {
    each.name: each
    for each in (
        Combination(
            name="mean",
            label="mean",
            line="arithmetic mean: the posterior mean of equally likely teachers under the squared error",
            formula="q = mean_i t_i",
            estimates="nothing",
            fit=lambda fit_on: Numbers.mean,
            phrase="plain mean",
        ),
        Combination(
            name="median",
            label="median",
            line="median: no single teacher moves it far",
            formula="q = median_i t_i",
            estimates="nothing",
            fit=lambda fit_on: Numbers.median,
        ),
        Combination(
            name="weighted",
            label="weighted mean",
            line="mean with weights of one over the variance of each one's error, for independent teachers",
            formula="q = sum_i w_i t_i",
            estimates="w from the variances of differences (`core/labelers/number_weights.py`)",
            fit=lambda fit_on: partial(Numbers.weighted_mean, weights=precision_weights(fit_on)),
        ),
    )
}


def label_of(name: str) -> str:
    """Return what people call a combination; its name where none is registered by it."""
    found = COMBINATIONS.get(name) or NUMBER_COMBINATIONS.get(name)
    return name if found is None else found.label


def combined(teachers: Mapping[str, Models], name: str) -> dict[str, Models]:
    """Combine the teachers of each split into one labeler.

    Args:
        teachers: split -> the teachers' predictions; the split "student" is what weights are estimated on.
        name: a key of COMBINATIONS, or of NUMBER_COMBINATIONS.
    """
    known = NUMBER_COMBINATIONS if isinstance(teachers["student"], Numbers) else COMBINATIONS
    combine = known[name].fit(teachers["student"])
    return {split: combine(each) for split, each in teachers.items()}


def label_source(teachers: Mapping[str, Models], source: str) -> dict[str, Models]:
    """Return the predictions that label the students' points, by split: each teacher's own, or one combination's."""
    return dict(teachers) if source == EACH else combined(teachers, source)
