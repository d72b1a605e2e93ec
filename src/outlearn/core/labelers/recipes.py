"""How "which student?" is answered without true labels: whose labels, at which class shares, in which form.

Facts only, each on the thing it is about; what is computed stands in `outlearn.selection`.
"""

from __future__ import annotations

from dataclasses import dataclass

from outlearn.core.labelers.combinations import EACH

__all__ = ["FORMS", "RECIPES", "SHARE_SOURCES", "Form", "Recipe", "ShareSource", "recipe_of"]

DEFAULT_SOURCE = "mean"


@dataclass(frozen=True)
class Recipe:
    """A way to choose students without true labels.

    Attributes:
        name: in `student.loss` and in results.
        label: for people.
        line: for tables: whose labels its students learn from, and what it answers.
        combines: whether its students learn from one combination of all labelers; else from single ones.
    """

    name: str
    label: str
    line: str
    combines: bool

    def source(self, configured: str) -> str:
        """Return whose labels its students learn from, where the other students learn from `configured`.

        Examples:
            >>> RECIPES["auto"].source("each"), RECIPES["auto_single"].source("mean")
            ('mean', 'each')
        """
        if not self.combines:
            return EACH
        return DEFAULT_SOURCE if configured == EACH else configured


RECIPES: dict[str, Recipe] = {
    each.name: each
    for each in (
        Recipe(
            "auto",
            "chosen without labels",
            "the student to ship: learns from the combination of all teachers (`weak_labels.source`, the plain mean "
            "where that is `each`), one ensemble a seed",
            combines=True,
        ),
        Recipe(
            "auto_single",
            "chosen without labels, of single teachers",
            "what one teacher's labels can give: students of single teachers, one ensemble for each teacher and seed; "
            "other teachers serve to choose only",
            combines=False,
        ),
    )
}


def recipe_of(loss: object) -> Recipe | None:
    """Return the recipe that an entry of `student.loss` names; None where it is a loss.

    Examples:
        >>> recipe_of("auto").name, recipe_of("reverse_ce"), recipe_of({"kind": "cace"})
        ('auto', None, None)
    """
    return RECIPES[loss] if isinstance(loss, str) and loss in RECIPES else None


@dataclass(frozen=True)
class ShareSource:
    """Where class shares come from.

    Attributes:
        name: in results.
        label: for people, as in "class shares LABEL".
        line: for tables: what it is, and when it is taken.
    """

    name: str
    label: str
    line: str


SHARE_SOURCES: dict[str, ShareSource] = {
    each.name: each
    for each in (
        ShareSource(
            "given", "that were given", "`student.class_shares`: known from elsewhere; they go before all else"
        ),
        ShareSource(
            "training_labels",
            "of the teachers' training labels",
            "shares among the true labels that the teachers learned from, one label added to each class; where these "
            "are a draw of their own, as in the estimator, moved towards those that the points show",
        ),
        ShareSource(
            "true_labels",
            "of the true labels that are used",
            "`student.true_labels`: shares among these, one label added to each class; where teachers were not trained "
            "here",
        ),
        ShareSource(
            "weak_labels",
            "that a plain student of the weak labels calls",
            "shares of the classes that logistic regression on the labelers' majority calls, one point added to each "
            "class; where teachers were not trained here. A common prejudice of the labelers stays",
        ),
    )
}


@dataclass(frozen=True)
class Form:
    """What the answer is made as.

    Attributes:
        name: in `student.answer` and in results.
        label: for people, as in "auto, LABEL".
        line: for tables.
    """

    name: str
    label: str
    line: str


FORMS: dict[str, Form] = {
    each.name: each
    for each in (
        Form("average", "the mean of the twenty best", "dual mean of the twenty best candidates' students"),
        Form("best", "the single best", "the student of the candidate that the criterion puts first"),
        Form(
            "distilled",
            "distilled",
            "one convex linear head that learns what the average says, its ridge chosen by the consensus of kappas "
            "between the distillates of the groups",
        ),
    )
}
