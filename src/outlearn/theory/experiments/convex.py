"""Misfit and gain on random problems: equal for linear classes, a bound for convex ones, neither for the others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import nnls
from scipy.special import log_softmax

from outlearn.core.generators import get_generator
from outlearn.results.theory import Claim
from outlearn.theory.experiments.base import Findings, OnProgress, relative_claim, sign_claim, worst
from outlearn.theory.projections import closest_softmax_linear, project_on_half_space, project_on_m_flat
from outlearn.theory.scalars import Real
from outlearn.theory.settings import at_least

__all__ = ["FAMILIES", "ConvexSettings", "simulate_convex"]

EQUALITY_TOLERANCE = 1e-8  # relative to the larger risk; the projections converge to 1e-13
ROUNDING = -1e-9  # an inequality may hold with equality

Problem = tuple[np.ndarray, np.ndarray, np.ndarray]  # target, teacher, student; dual coordinates [points, classes]


@dataclass(frozen=True, kw_only=True)
class ConvexSettings:
    """Size of the random problems.

    Args:
        problems: of each family.
        points: where functions are compared.
        classes: of the distributions.
        directions: of the linear classes, statistics of the m-flat class, members of the finite ones.
        noise: of the teacher, in outputs (squared) or logits (KL).
    """

    problems: int = 100
    points: int = 30
    classes: int = 4
    directions: int = 4
    noise: Real = 1.0

    def __post_init__(self) -> None:
        at_least(self, 20, "problems")
        at_least(self, 2, "classes", "directions")
        at_least(self, 4 * self.directions, "points")
        at_least(self, 1e-3, "noise")


@dataclass(frozen=True)
class Family:
    """One kind of class: how a problem is drawn, in which divergence and order, and what the theory says of it.

    `group` names the families that are shown together; `says` is "equal", "at least" or "neither".
    """

    title: str
    group: str
    generator: str
    order: str
    draw: Callable[[ConvexSettings, np.random.Generator], Problem]
    says: str


def _in_span(
    settings: ConvexSettings, rng: np.random.Generator, limit: Callable[[np.ndarray], np.ndarray] = np.asarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw a basis, a target in its span, whose weights are limited, and a noisy teacher."""
    basis = rng.standard_normal((settings.points, settings.directions))
    target = basis @ limit(rng.standard_normal(settings.directions))
    return basis, target, target + settings.noise * rng.standard_normal(settings.points)


def _subspace(settings: ConvexSettings, rng: np.random.Generator) -> Problem:
    basis, target, teacher = _in_span(settings, rng)
    return _squared(target, teacher, basis @ np.linalg.lstsq(basis, teacher, rcond=None)[0])


def _cone(settings: ConvexSettings, rng: np.random.Generator) -> Problem:
    # The target is on the boundary in half of its directions.
    basis, target, teacher = _in_span(settings, rng, lambda weights: np.maximum(weights, 0.0))
    return _squared(target, teacher, basis @ nnls(basis, teacher)[0])


def _lines(settings: ConvexSettings, rng: np.random.Generator) -> Problem:
    """Draw a union of lines: each is convex, their union is not."""
    basis, target, teacher = _in_span(settings, rng, lambda weights: weights * (np.arange(weights.size) == 0))
    fits = basis * (basis.T @ teacher / (basis**2).sum(axis=0))
    return _squared(target, teacher, fits[:, np.argmin(((fits - teacher[:, None]) ** 2).sum(axis=0))])


def _squared(target: np.ndarray, teacher: np.ndarray, student: np.ndarray) -> Problem:
    gradient = get_generator("squared_euclidean").gradient
    return gradient(target[:, None]), gradient(teacher[:, None]), gradient(student[:, None])


def _distribution(settings: ConvexSettings, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    target = np.asarray(log_softmax(rng.standard_normal((settings.points, settings.classes)), axis=-1))
    noise = settings.noise * rng.standard_normal(target.shape)
    return target, np.asarray(log_softmax(target + noise, axis=-1))


def _m_flat(settings: ConvexSettings, rng: np.random.Generator) -> Problem:
    target, teacher = _distribution(settings, rng)
    statistics = rng.standard_normal((settings.directions, *target.shape))
    values = (statistics * np.exp(target)).sum(-1).mean(axis=1)
    return target, teacher, project_on_m_flat(teacher, statistics, values)


def _half_space(settings: ConvexSettings, rng: np.random.Generator) -> Problem:
    target, teacher = _distribution(settings, rng)
    # The teacher errs away from the statistic, and the class asks for 60% of what it lost: the target has slack.
    statistic = target - teacher
    of_target, of_teacher = ((statistic * np.exp(logs)).sum(-1).mean() for logs in (target, teacher))
    return target, teacher, project_on_half_space(teacher, statistic, of_teacher + 0.6 * (of_target - of_teacher))


def _finite(settings: ConvexSettings, rng: np.random.Generator) -> Problem:
    """Draw a finite class that holds the target: the student is the member closest in reverse KL."""
    target, teacher = _distribution(settings, rng)
    near = target + 0.5 * settings.noise * rng.standard_normal((2 * settings.directions, *target.shape))
    members = np.asarray(log_softmax(np.concatenate([target[None], near]), axis=-1))
    misfits = (np.exp(members) * (members - teacher)).sum(-1).mean(axis=1)
    return target, teacher, members[np.argmin(misfits)]


def _softmax_linear(settings: ConvexSettings, rng: np.random.Generator) -> Problem:
    features = rng.standard_normal((settings.points, settings.directions))
    weights = rng.standard_normal((settings.directions, settings.classes)) / np.sqrt(settings.directions)
    target = np.asarray(log_softmax(features @ weights, axis=-1))
    teacher = np.asarray(log_softmax(target + settings.noise * rng.standard_normal(target.shape), axis=-1))
    return target, teacher, closest_softmax_linear(teacher, features)


A, B = "target_first", "prediction_first"
SQUARED, REVERSE_KL, CE_TRAINED = "Squared loss", "Reverse-KL students", "CE-trained heads"
L2, KL = "squared_euclidean", "negative_entropy"
FAMILIES: dict[str, Family] = {
    "subspace": Family("Linear class, squared loss", SQUARED, L2, A, _subspace, "equal"),
    "cone": Family("Convex cone, squared loss", SQUARED, L2, A, _cone, "at least"),
    "lines": Family("Union of lines (not convex), squared loss", SQUARED, L2, A, _lines, "neither"),
    "m_flat": Family("m-flat class, reverse KL", REVERSE_KL, KL, A, _m_flat, "equal"),
    "half_space": Family("Convex half-space, reverse KL", REVERSE_KL, KL, A, _half_space, "at least"),
    "finite": Family("Finite class (not convex), reverse KL", REVERSE_KL, KL, A, _finite, "neither"),
    "softmax_linear": Family(
        "Softmax-linear head trained by CE, KL(prediction, target)", CE_TRAINED, KL, B, _softmax_linear, "equal"
    ),
    "softmax_linear_ce": Family(
        "The same heads, judged by CE(target, prediction)", CE_TRAINED, KL, A, _softmax_linear, "neither"
    ),
}


def simulate_convex(settings: ConvexSettings, rng: np.random.Generator, progress: OnProgress) -> Findings:
    """Draw problems of every family and compare the gain with the misfit."""
    claims, identities = [], []
    drawn = []  # gap, misfit, residual: [problems, 3] of each family
    head_seed = rng.integers(2**63)  # the two views of the softmax-linear heads share their problems
    for index, family in enumerate(FAMILIES.values()):
        own = np.random.default_rng(head_seed) if family.draw is _softmax_linear else rng
        terms = np.array([_terms(family, family.draw(settings, own)) for _ in range(settings.problems)])
        drawn.append(terms)
        gap, misfit, residual = terms.T
        claims.append(_claim(family, gap, misfit))
        text = f"Every family: gap = misfit + residual (largest relative error, {family.title})"
        identities.append(_equality(text, gap, misfit, gap - misfit - residual))
        progress((index + 1) / len(FAMILIES))
    gap, misfit, residual = np.concatenate(drawn).T
    names = np.repeat(list(FAMILIES), settings.problems)
    problems = {"family": names, "misfit": misfit, "gap": gap, "residual": residual}
    means = np.array([terms.mean(axis=0) for terms in drawn]).T
    families = {
        "family": np.array(list(FAMILIES)),
        **{
            fact: np.array([getattr(family, fact) for family in FAMILIES.values()])
            for fact in ("title", "group", "says")
        },
        "below": np.array([_share_below(terms[:, 0], terms[:, 1]) for terms in drawn]),
        **dict(zip(("gap", "misfit", "residual"), means, strict=True)),
    }
    return Findings(claims=(*claims, worst(identities)), curves={"problems": problems, "families": families})


def _share_below(gap: np.ndarray, misfit: np.ndarray) -> float:
    """Return the share of problems whose gain is below their misfit."""
    return float(np.mean(gap - misfit < ROUNDING))


def _terms(family: Family, problem: Problem) -> tuple[float, float, float]:
    """Compute the gap, the misfit and the residual, each from its own formula."""
    generator = get_generator(family.generator)
    target, teacher, student = problem

    def mean_divergence(first: np.ndarray, second: np.ndarray) -> float:
        return float(generator.divergence_from_dual(first, second).mean())

    if family.order == A:
        gap = mean_divergence(target, teacher) - mean_divergence(target, student)
        misfit = mean_divergence(student, teacher)
        turn, step = student - teacher, generator.inverse_gradient(target) - generator.inverse_gradient(student)
    else:
        gap = mean_divergence(teacher, target) - mean_divergence(student, target)
        misfit = mean_divergence(teacher, student)
        turn, step = student - target, generator.inverse_gradient(teacher) - generator.inverse_gradient(student)
    return gap, misfit, float((turn * step).sum(-1).mean())


def _equality(text: str, gap: np.ndarray, misfit: np.ndarray, difference: np.ndarray) -> Claim:
    error = np.abs(difference) / (np.maximum(misfit, np.abs(gap)) + 1e-12)
    return relative_claim(text, error.max(), 0.0, EQUALITY_TOLERANCE, gap.size)


def _claim(family: Family, gap: np.ndarray, misfit: np.ndarray) -> Claim:
    slack = gap - misfit
    if family.says == "equal":
        return _equality(f"{family.title}: the gain is the misfit (largest relative error)", gap, misfit, slack)
    if family.says == "at least":
        text = f"{family.title}: the gain is at least the misfit (smallest gain - misfit)"
        return sign_claim(text, slack.min(), 1.0, ROUNDING, gap.size)
    text = (
        f"{family.title}: the misfit is no bound; the gain is below it in {_share_below(gap, misfit):.0%} of problems "
        "(smallest gain - misfit)"
    )
    return sign_claim(text, slack.min(), -1.0, -ROUNDING, gap.size)
