"""The posterior-mean teacher: what can be known of the teacher from the student it labeled.

With c the posterior mean of the teacher given the student (dual mean in order "target_first", arithmetic mean in
"prediction_first"):

    target_first:      E D(s, t) = E D(s, c) + E D(c, t)      residual on average <grad phi(s) - grad phi(c), Y - s>
    prediction_first:  E D(t, s) = E D(t, c) + E D(c, s)      residual on average <grad phi(s) - grad phi(Y), c - s>
                       misfit      distance and conditional variance

The conditional variance is the misfit no student with this knowledge can avoid; the distance is the part that training
could remove, and it bounds the residual. c cannot be read off one student per teacher: each method below states what it
assumes instead, and refuses where the answer would be empty (the student determines the teacher, so c = t).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float, Integer, Real, Shaped

from outlearn.core.decomposition.bias_variance import variance_pseudo_values
from outlearn.core.decomposition.posterior_regression import cross_fitted_means
from outlearn.core.generators import BregmanGenerator, get_generator
from outlearn.core.intervals import Interval
from outlearn.core.log_space import row_max, row_sum
from outlearn.core.mean_intervals import two_way_interval
from outlearn.core.numbers import AnyPredictions, Numbers, check_models
from outlearn.core.orders import check_order, directions, dual_centre, model_blocks, spread_about
from outlearn.core.point_models import check_same_points, labeled_by
from outlearn.core.predictions import Predictions
from outlearn.core.scales import POSITIVE, SIGNED
from outlearn.core.targets import read_target, target_duals
from outlearn.errors import ConfigError, DomainError, suggest

__all__ = ["METHODS", "PosteriorMean", "posterior_mean"]

TERMS = ("misfit", "distance", "conditional_variance", "cross_term", "residual", "residual_bound")
DIFFERENCES = ("cross_term", "residual")  # of either sign; the other terms are divergences
METHODS: dict[str, str] = {
    "discrete": (
        "given the student, the teacher is one of those passed, with the given weights: the student was trained on "
        "labels drawn from them, and nothing else of them reached it"
    ),
    "regression": (
        "given the student and the point, the teacher's coordinates are on average linear in the student's, with one "
        "slope for all points; where that is wrong the conditional variance is too large and the distance too small. "
        "Fitted and measured on different teachers"
    ),
    "pooled": (
        "the student is independent of its teacher: its posterior mean is the mean of all teachers. An overfit "
        "covariance far from 0 says that this is wrong"
    ),
}


@dataclass(frozen=True, eq=False)
class PosteriorMean:
    """The posterior-mean teacher of each student, and the misfit split about it; print() says what was assumed.

    Attributes:
        conditional_variance: `[students, points]`, divergence between c and the teacher (averaged over the posterior
            for "discrete"); no student with this knowledge has less misfit.
        distance: `[students, points]`, divergence between the student and c.
        misfit: `[students, points]`, that of `risk_gap` (averaged over the posterior for "discrete").
        cross_term: `[students, points]`, misfit - distance - conditional_variance; 0 for "discrete". For the others on
            average 0 where their assumption holds, less about 2/M of the conditional variance, M the teachers that c is
            estimated from.
        residual: `[students, points]`, the residual with c for the teacher; None without a target.
        residual_bound: `[students, points]`, at least |residual|; without a target the worst over all targets in order
            "target_first", and None in "prediction_first", where it has no limit.
        method, assumption, order, generator: what was done.
        teacher_of: `[students]`, row of each student's teacher; None for "discrete".
    """

    conditional_variance: Float[np.ndarray, "students points"]
    distance: Float[np.ndarray, "students points"]
    misfit: Float[np.ndarray, "students points"]
    cross_term: Float[np.ndarray, "students points"]
    residual: Float[np.ndarray, "students points"] | None
    residual_bound: Float[np.ndarray, "students points"] | None
    method: str
    order: str
    generator: BregmanGenerator
    teacher_of: Integer[np.ndarray, " students"] | None
    point_ids: Shaped[np.ndarray, " points"]
    _duals: Float[np.ndarray, "students points classes"] = field(repr=False)
    _variance_rows: Float[np.ndarray, "rows points"] | None = field(repr=False)

    @property
    def assumption(self) -> str:
        """What the method takes for granted."""
        return METHODS[self.method]

    @property
    def predictions(self) -> AnyPredictions:
        """The posterior means as predictions, one model per student.

        Raises:
            DomainError: where the mean of distributions is none, as the harmonic mean under Itakura-Saito.
        """
        if self._duals.shape[-1] == 1:
            return Numbers.from_values(self.generator.inverse_gradient(self._duals)[..., 0], point_ids=self.point_ids)
        if self.generator.dual_is_logits:
            return Predictions.from_logits(self._duals, point_ids=self.point_ids)
        return Predictions.from_probs(self.generator.inverse_gradient(self._duals), point_ids=self.point_ids)

    def interval(self, name: str, level: float = 0.95) -> Interval:
        """Average one of the terms over students and points, with a two-way interval.

        Args:
            name: one of `TERMS`. The pooled conditional variance is corrected by the jackknife.
            level: of the interval.
        """
        if name == "conditional_variance" and self._variance_rows is not None:
            return two_way_interval(self._variance_rows, level, scale=POSITIVE)
        if name not in TERMS:
            raise ConfigError(f"unknown term {name!r}; {suggest(name, TERMS)}")
        values = getattr(self, name)
        if values is None:
            raise DomainError(f"{name} needs the target: pass target= to posterior_mean.")
        return two_way_interval(
            values, level, clusters=self.teacher_of, scale=SIGNED if name in DIFFERENCES else POSITIVE
        )

    def __str__(self) -> str:
        words = directions(self.generator, self.order)
        names = [name for name in TERMS if getattr(self, name) is not None]
        rows = "\n".join(f"  {name.replace('_', ' '):<22}{self.interval(name)}" for name in names)
        return (
            f"Posterior-mean teacher under {self.generator.name}, order {self.order}: {words.posterior_mean} mean, "
            f"misfit {words.misfit}\n  method {self.method}: assumes that {self.assumption}\n{rows}"
        )


def posterior_mean(
    teacher: AnyPredictions,
    student: AnyPredictions,
    *,
    method: str = "regression",
    order: str = "target_first",
    generator: str | BregmanGenerator | None = None,
    weights: Real[np.ndarray, "..."] | Sequence[Sequence[float]] | None = None,
    folds: int | None = 5,
    target: Shaped[np.ndarray, "..."] | AnyPredictions | None = None,
    draws: bool = False,
) -> PosteriorMean:
    """Estimate the posterior mean of the teacher given each student, and split the misfit about it.

    With c = E*[t | s], the dual mean, in order "target_first" and c = E[t | s] in "prediction_first":
    E D(s, t) = E D(s, c) + E D(c, t), and E D(t, s) = E D(t, c) + E D(c, s).

    Args:
        teacher: `[teachers, points, classes]`.
        student: `[students, points, classes]`; with `teacher_of` for "regression" and "pooled".
        method: "discrete", "regression" or "pooled"; METHODS says what each assumes.
        order: "target_first" for the dual mean, "prediction_first" for the arithmetic one.
        generator: a name of `GENERATORS` or an instance; None is negative_entropy for distributions, squared_euclidean
            for numbers.
        weights: for "discrete", the probability of each teacher given each student, `[students, teachers]`; equal for
            all if None.
        folds: for "regression", the number of groups of teachers; each is predicted from the others.
        target: as for `risk_gap`, to give the residual and a sharper bound on it; optional.
        draws: say that the first axis of an integer target is draws.

    Returns:
        Posterior means, conditional variance, distance, and the bound on the residual, `[students, points]` each, in
        the generator's unit (nats for the entropies).

    Raises:
        ConfigError: for an unknown method or order.
        DomainError: where the design makes the answer vacuous (the student determines the teacher) or leaves it
            unidentified (too few teachers, no folds); the message says why.
        AlignmentError, ShapeError: as for `risk_gap`.

    Examples:
        >>> t = Predictions.from_probs(np.array([[[0.9, 0.1]], [[0.5, 0.5]]]))
        >>> s = Predictions.from_probs(np.array([[0.8, 0.2]]))
        >>> pm = posterior_mean(t, s, method="discrete")
        >>> pm.predictions.probs.round(4)
        array([[[0.75, 0.25]]])
        >>> [float(x[0, 0].round(4)) for x in (pm.misfit, pm.distance, pm.conditional_variance)]
        [0.1186, 0.007, 0.1116]

    Source: the posterior-mean condition is that of Xu et al. 2025; splits, bound and estimators are ours.
    """
    if method not in METHODS:
        raise ConfigError(f"method is {method!r}; {suggest(method, METHODS)}")
    check_models(teacher=teacher, student=student)
    chosen = get_generator(generator or teacher.default_generator)
    check_order(order)
    t = teacher.duals(chosen, argument="teacher")
    s = student.duals(chosen, argument="student")
    own = None
    variance_rows = None
    if method == "discrete":
        check_same_points(teacher, student)
        given = None if weights is None else np.asarray(weights)
        posterior = _weights(given, teacher, student)
        centres, variance, misfit = _discrete(t, s, posterior, chosen, order)
    else:
        own = labeled_by(teacher, student)
        _refuse_few(teacher.n_models, method)
        if method == "pooled":
            centre = dual_centre(t, chosen, order, of="predictions")
            centres = np.broadcast_to(centre, s.shape).copy()
            # Plug-in, M teachers show (1 - 1/M) of their variance: the jackknife's rows are what `interval` averages.
            variance_rows = variance_pseudo_values(t, np.arange(len(t)), chosen, order)
        else:
            centres = cross_fitted_means(t, s, own, chosen, order, folds)
        variance = _divergences(centres, t[own], chosen, order)  # D(c, t) | D(t, c)
        misfit = _divergences(s, t[own], chosen, order)  # D(s, t) | D(t, s)
    distance = _divergences(s, centres, chosen, order)  # D(s, c) | D(c, s)
    residual, bound = _residual_and_bound(student, s, centres, chosen, order, target, draws=draws)
    return PosteriorMean(
        conditional_variance=variance,
        distance=distance,
        misfit=misfit,
        cross_term=misfit - distance - variance,
        residual=residual,
        residual_bound=bound,
        method=method,
        order=order,
        generator=chosen,
        teacher_of=own,
        point_ids=student.point_ids,
        _duals=centres,
        _variance_rows=variance_rows,
    )


def _discrete(
    t: np.ndarray, s: np.ndarray, weights: np.ndarray, generator: BregmanGenerator, order: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    centres, variance, misfit = np.empty_like(s), np.empty(s.shape[:2]), np.empty(s.shape[:2])
    for row, w in enumerate(weights):
        possible = w > 0  # a teacher of weight 0 takes no part, though it may be infinitely far
        members, share = t[possible], w[possible]
        centres[row] = dual_centre(members, generator, order, of="predictions", weights=share)
        variance[row] = share @ spread_about(centres[row], members, generator, order, of="predictions")
        misfit[row] = share @ spread_about(s[row], members, generator, order, of="predictions")
    return centres, variance, misfit


def _divergences(first: np.ndarray, second: np.ndarray, generator: BregmanGenerator, order: str) -> np.ndarray:
    """Compute D(first, second) row by row in order "target_first", D(second, first) in "prediction_first"."""
    values = np.empty(first.shape[:2])
    for rows in model_blocks(len(first), first[0].size):
        a, b = (first, second) if order == "target_first" else (second, first)
        values[rows] = generator.divergence_of_gradients(a[rows], b[rows])
    return values


def _residual_and_bound(
    student: AnyPredictions,
    s: np.ndarray,
    c: np.ndarray,
    generator: BregmanGenerator,
    order: str,
    target: Shaped[np.ndarray, "..."] | AnyPredictions | None,
    *,
    draws: bool,
) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Compute the residual with the posterior mean c for the teacher, and its bound, from the dual coordinates s and c.

    Without a target the residual is None, and the bound is the worst over all targets ("target_first") or None
    ("prediction_first").
    """
    probs = student.coordinates()
    if target is None:
        if order == "prediction_first" or isinstance(student, Numbers):  # numbers have no farthest target
            return None, None
        return None, _worst_case(probs, s, c, generator)
    read = read_target(target, student, draws=draws)
    y = target_duals(read, student, generator, order)
    # The residual of `risk_gap` on average over the teachers of s, on which Y does not depend given the point.
    if order == "target_first":  # <grad phi(s) - grad phi(c), Y - s>
        dual_step, step = _difference(s, c), read.coordinates.mean(axis=0) - probs
    else:  # <grad phi(s) - grad phi(Y), c - s>
        dual_step, step = _difference(s, y.mean(axis=0)), generator.inverse_gradient(c) - probs
    with np.errstate(invalid="ignore"):
        residual = row_sum(np.where(step == 0, 0.0, dual_step * step))
    return residual, _bound(dual_step, step, generator)


def _bound(dual_step: np.ndarray, step: np.ndarray, generator: BregmanGenerator) -> np.ndarray:
    """Bound |<dual_step, step>| at each point."""
    if generator.dual_is_logits:  # steps p - q sum to 0: |<u, p - q>| <= TV(p, q) (max u - min u)
        distance = row_sum(np.abs(step)) / 2
        with np.errstate(invalid="ignore"):  # 0 times an infinite range: no step, no residual
            return np.where(distance == 0, 0.0, distance * (row_max(dual_step) + row_max(-dual_step)))
    # Cauchy-Schwarz
    return np.asarray(np.linalg.norm(dual_step, axis=-1) * np.linalg.norm(step, axis=-1))


def _worst_case(probs: np.ndarray, s: np.ndarray, c: np.ndarray, generator: BregmanGenerator) -> np.ndarray:
    """Bound over all targets: the farthest target is the class that the student finds least probable."""
    farthest = np.zeros_like(probs)
    np.put_along_axis(farthest, probs.argmin(axis=-1)[..., None], 1.0, axis=-1)
    return _bound(_difference(s, c), farthest - probs, generator)


def _difference(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore"):  # both -inf: the class has probability 0 under both and plays no part
        return np.where(np.isneginf(first) & np.isneginf(second), 0.0, first - second)


def _weights(weights: np.ndarray | None, teacher: AnyPredictions, student: AnyPredictions) -> np.ndarray:
    n_teachers, n_students = teacher.n_models, student.n_models
    if weights is None:
        if student.teacher_of is not None or n_teachers == 1:
            raise DomainError(
                "method 'discrete' is vacuous here: each student was labeled by one teacher, so the student "
                "determines the teacher, the posterior mean is that teacher and the conditional variance is 0. Train "
                "the student on labels drawn from several teachers, or use method 'regression'."
            )
        if n_teachers == n_students:
            raise DomainError(
                f"{n_students} students and as many teachers: nothing says whether each student had its own teacher "
                "(then method 'discrete' is vacuous) or labels drawn from all. Pass weights [students, teachers]."
            )
        return np.full((n_students, n_teachers), 1 / n_teachers)
    if weights.dtype.kind not in "fiu" or weights.shape != (n_students, n_teachers):
        raise DomainError(
            f"weights must be numbers [students, teachers] = ({n_students}, {n_teachers}); got shape {weights.shape} "
            f"of type {weights.dtype}."
        )
    if not np.isfinite(weights).all() or (weights < 0).any() or (weights.sum(axis=1) <= 0).any():
        raise DomainError("weights must be finite, at least 0, and positive for some teacher in every row.")
    normalised = weights / weights.sum(axis=1, keepdims=True)
    certain = (normalised > 0).sum(axis=1) < 2
    if certain.any():
        row = int(np.flatnonzero(certain)[0])
        raise DomainError(
            f"method 'discrete' is vacuous for student {row}: its weights are all on teacher "
            f"{int(normalised[row].argmax())}, so the student determines the teacher and the conditional variance is "
            "0. Spread the weights over the teachers that its labels were drawn from."
        )
    return np.asarray(normalised)


def _refuse_few(n_teachers: int, method: str) -> None:
    least = {"pooled": 2, "regression": 4}[method]
    if n_teachers < least:
        raise DomainError(
            f"method {method!r} needs at least {least} teachers; got {n_teachers}. From so few, the posterior mean is "
            "not identified: train more teachers."
        )
